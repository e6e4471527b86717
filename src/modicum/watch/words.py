"""What the watcher says: why a promise is broken, what is missing, what it did. Sentences; nothing of a call is in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from modicum.route.steps import said
from modicum.types import Notice, NoticeKind, Route, RouteState, Watch
from modicum.watch.callers import Alone
from modicum.watch.evidence import Stretch
from modicum.watch.mute import Cause
from modicum.watch.promise import Promise

_COUNTED = {"A": "differ from the incumbent's", "B": "are worse than the incumbent's", "C": "are wrong"}


def broken(rang: str, watch: Watch, promise: Promise, stretch: Stretch | None = None) -> str:
    """Which test says that the promise is broken. `stretch`: what it saw of late, where that is not the whole step."""
    answers = rang == "answered"
    level, certified = (
        (promise.level_answered, promise.certified_answered) if answers or promise.level is None else (promise.level, promise.certified)
    )
    drawn, what = (watch.answered, "answers") if answers else (watch.audits, "audits")
    seen = f"{watch.lost:g} of {drawn} {what} in this step {_COUNTED[promise.kind]}"
    if stretch is not None and (stretch.audits, stretch.lost) != (drawn, watch.lost):
        seen = (
            f"{stretch.lost:g} of the last {stretch.audits} {what} {_COUNTED[promise.kind]}, since {stretch.since:%Y-%m-%d %H:%M:%S} UTC, "
            f"and {watch.lost:g} of {drawn} in this step"
        )
    return f"{seen}; {certified:.2%} were certified, and a test that may look at any time says it is more than {level:.2%}"


def notice(
    kind: NoticeKind, route: Route, name: str, now: datetime, text: str, *, was: RouteState | None = None, now_is: RouteState | None = None
) -> Notice:
    """A notice about a route; `name`: of its workload. Its number comes from the store."""
    return Notice(
        number=0,
        at=now,
        kind=kind,
        scope=route.scope,
        workload_id=route.workload_id,
        workload=name,
        route_id=route.route_id,
        text=text,
        was=was,
        now=now_is,
    )


def moved(was: Route, now: Route, name: str, why: str) -> str:
    """What is told of a step."""
    return f"{name}: {said(was.state)} -> {said(now.state)}: {why}"


def first_clause(why: str) -> str:
    """The short form, where the whole stands in an alarm beside it."""
    return why.partition("; ")[0]


def proposed(route: Route, name: str, until: datetime, live: Route | None, ends: datetime | None, *, automatic: bool) -> str:
    """What is told of a proposal, and who takes it on. `live`: the route that it is beside, whose certificate ends at `ends`."""
    told, beside = f"{name}: {route.route_id} is proposed, certified until {until:%Y-%m-%d}", live is not None
    if live is not None and ends is not None:
        told += f", beside {live.route_id}, whose certificate ends on {ends:%Y-%m-%d}"
    if automatic:
        todo = f"it takes the place of {live.route_id}" if live is not None else "it comes on"
        return f"{told}; {todo} by itself once its conditions hold (`modicum route show {route.route_id}`)"
    by_hand = (
        f"`modicum route on {route.route_id}` puts it in its place" if beside else f"`modicum route promote {route.route_id}` takes a step"
    )
    return f"{told}; next: `modicum route auto {route.route_id}` lets it come on by itself, {by_hand}"


def after(now: Route, name: str, hurt: str) -> str:
    """What a person does once a route was sent back. `hurt`: what is damaged, where something is."""
    if hurt:
        return damaged(now, name, "")
    return f"next: `modicum fit {name}`" if now.state == "paused" else f"next: `modicum route show {now.route_id}`, `modicum fit {name}`"


def damaged(route: Route, name: str, hurt: str) -> str:
    """What is damaged, and what a person does about it."""
    todo = f"next: `modicum artefact verify {route.route_id}`, and `modicum fit {name}` where it does not hold"
    return f"{hurt}; {todo}" if hurt else todo


def alone(route: Route, found: Mapping[str, Alone], named: Callable[[str], str]) -> str:
    """Who alone is served badly: `key` or `user` and a digest -> what was seen, the worst first. Of a user no name is kept."""
    worst, seen = next(iter(found.items()))
    what, _, digest = worst.partition(" ")
    who, todo = "one end user", ""
    if what == "key":
        who = f"key {named(digest)}"
        todo = "; a key of a scope of its own has workloads of its own (`modicum keys create NAME --scope SCOPE`)"
    more = f", and {len(found) - 1} more are served so" if len(found) > 1 else ""
    return (
        f"{seen.lost} of the latest {seen.audits} audits of {who} were lost, and {seen.left_out} of these do not count, for no caller "
        f"alone sends a route back{more}; nothing follows by itself; next: look at its calls (`modicum calls export`), have it send "
        f"`x-modicum-bypass: true`, which goes to the incumbent{todo}, or `modicum route rollback {route.route_id}`"
    )


def mute(route: Route, calls: int, since: datetime, why: str) -> str:
    """That the stage says nothing, and why."""
    return f"its stage said nothing at its last {calls} calls, since {since:%Y-%m-%d %H:%M:%S} UTC: {why}; {_meanwhile(route)}"


def _meanwhile(route: Route) -> str:
    return (
        "the incumbent answers meanwhile; next: put that right, after which it goes on by itself, or "
        f"`modicum route pause {route.route_id}`"
    )


def silent(route: Route, quiet: int, unanswered: int, *, explained: bool, cause: Cause | None = None) -> str:
    """That nothing was compared, and where to look for the reason. `unanswered`: of these calls, those that chance drew and the incumbent
    gave nothing for; `explained`: they are the reason. `cause`: what the records of most calls give as one."""
    gave_none = f"to {unanswered} of them that chance drew the incumbent gave no answer (an error, or the caller left)"
    if explained:
        return (
            f"nothing was compared in its last {quiet} calls: {gave_none}; whether its promise holds nobody knows until it answers; "
            "next: see in `modicum top` what the incumbent answers with"
        )
    if cause is not None:
        return (
            f"nothing was compared in its last {quiet} calls, so nobody knows whether its promise holds: at {cause.calls} of them its "
            f"stage said nothing, for this reason: {cause.why}; {_meanwhile(route)}"
        )
    beside = f"; {gave_none}, and that does not explain it" if unanswered else ""
    return (
        f"nothing was compared in its last {quiet} calls, so nobody knows whether its promise holds{beside}; next: see in `modicum top` "
        f"whether the incumbent answers, and in `modicum route show {route.route_id}` whether its calls are still those that are certified"
    )
