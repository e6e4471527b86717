"""From what is known of a route to what happens to it: the step that follows, what is missing for the next one, what somebody must hear."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from modicum.config import RouteConfig, WatchConfig
from modicum.errors import ModicumError
from modicum.route import steps
from modicum.route.steps import ANSWERING, FORWARD, LIVE, Conditions, Move, Rights, Seen
from modicum.store.routes import Step
from modicum.types import Certificate, Notice, NoticeKind, Route, RouteState, Watch
from modicum.watch import callers, judge, mute, share, words
from modicum.watch.early import KINDS
from modicum.watch.judge import Book

ACTOR = "watch"
AGAIN_S = 24 * 3600
"""What goes on is told again after so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a look knows of a route beside its records."""

    now: datetime
    name: str
    """Of its workload."""
    certificate: Certificate
    rights: Rights
    damage: str
    """Why its artefact cannot be used; empty where it can."""
    proposer: str
    answering: int
    """Routes that callers get answers of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steered:
    """What follows."""

    watch: Watch
    step: Step | None = None
    notices: tuple[Notice, ...] = ()


def steer(
    route: Route, watch: Watch, book: Book, facts: Facts, settings: WatchConfig, coin: RouteConfig, check: Callable[[RouteState], None]
) -> Steered:
    """What follows for a live route; `book` keeps what was told. `check` raises ModicumError where it must not go into a state."""
    quiet = judge.silent(book, settings)
    seen = Seen(
        now=facts.now,
        since=judge.since(book, route),
        expires_at=facts.certificate.expires_at,
        audits=watch.audits,
        asked=watch.calls,
        failed=watch.failed,
        p95_ms=watch.p95_ms,
        broken=watch.broken,
        damaged=facts.damage or judge.damaged(book),
        approved_by=route.approved_by,
        proposed_by=facts.proposer,
    )
    wanted = steps.conditions(settings, route.state)
    lacking = steps.lacking(route.state, seen, wanted, facts.rights) if route.state in FORWARD else ()
    if quiet:
        lacking = (*lacking, f"nothing was compared in its last {book.quiet} calls")
    move = steps.back(route.state, seen)
    if move is None and not lacking and (move := steps.forward(route.state, seen, wanted, facts.rights)) is not None:
        try:
            check(move.to)
        except ModicumError as error:
            move, lacking = None, (error.message,)
    watch = dataclasses.replace(watch, lacking=lacking)
    step = _stepped(route, move, facts.now, settings) if move is not None else shared(route, watch, book, facts, settings, coin)
    return Steered(
        watch=watch,
        step=step,
        notices=(*_alarms(route, book, facts, seen, quiet), *told(step, facts.name, facts.now, damaged=seen.damaged)),
    )


def first(route: Route, facts: Facts, settings: WatchConfig, check: Callable[[RouteState], None]) -> Step | None:
    """The step of a proposed route into shadow, where a watcher may take it."""
    seen = Seen(now=facts.now, since=route.changed_at, expires_at=facts.certificate.expires_at, damaged=facts.damage)
    move = steps.forward(route.state, seen, Conditions(), facts.rights)
    if move is None:
        return None
    try:
        check(move.to)
    except ModicumError:
        return None
    return _stepped(route, move, facts.now, settings)


def shared(route: Route, watch: Watch, book: Book, facts: Facts, settings: WatchConfig, coin: RouteConfig) -> Step | None:
    """A change of the share that the coin keeps, where one is due."""
    if route.state not in ANSWERING:
        return None
    holds, wished = share.share_of(route, coin), round(share.wanted(watch, book, settings, coin, facts.answering), 4)
    if not share.due(book, facts.now.timestamp(), holds, wished):
        return None
    book.shared_us = int(facts.now.timestamp() * 1e6)
    why = f"{holds:.1%} -> {wished:.1%} of its conversations stay with the incumbent, after {watch.audits} audits in this step"
    return Step(was=route, now=dataclasses.replace(route, control_share=wished), action="route.control", why=why, actor=ACTOR)


def told(step: Step | None, name: str, now: datetime, *, damaged: str = "") -> tuple[Notice, ...]:
    """What is to be heard of a step: where it was a rollback, an alarm that says why and what next, and the step in short."""
    if step is None or step.was.state == step.now.state:
        return ()
    rings = step.now.state not in (*LIVE, "retired")
    text = words.moved(step.was, step.now, name, words.first_clause(step.why) if rings else step.why)
    alarm = (words.notice("alarm", step.was, name, now, f"{name}: {step.why}; {words.after(step.now, name, damaged)}"),) if rings else ()
    return (*alarm, words.notice("moved", step.was, name, now, text, was=step.was.state, now_is=step.now.state))


def _stepped(route: Route, move: Move, now: datetime, settings: WatchConfig) -> Step:
    changed = steps.moved(route, move.to, at=now, actor=ACTOR, share=settings.canary_share)
    return Step(was=route, now=changed, action=f"route.{move.to}", why=move.why)


def _alarms(route: Route, book: Book, facts: Facts, seen: Seen, quiet: bool) -> tuple[Notice, ...]:
    """What goes wrong without a rollback, told once a day while it lasts: alarms, and early signs as warnings."""
    explained = judge.explained(book)
    cause = mute.cause(book.mute, book.quiet)
    silence = words.silent(route, book.quiet, book.unanswered, explained=explained, cause=cause) if quiet else ""
    # A stage that falls silent while its incumbent is down is told of when that is over, however short a time ago the other was told.
    wrong: list[tuple[str, NoticeKind, str]] = [("unanswered" if explained else "silent", "alarm", silence)]
    wrong.append(
        ("damaged", "alarm", words.damaged(route, facts.name, seen.damaged) if seen.damaged and route.state not in ANSWERING else "")
    )
    wrong += [(kind, "warning", book.early.warnings.get(kind, "")) for kind in (mute.KIND, *KINDS, callers.KIND)]
    found = []
    now_s = int(facts.now.timestamp())
    for what, kind, text in wrong:
        if text and abs(now_s - book.told.get(what, -AGAIN_S)) >= AGAIN_S:
            book.told[what] = now_s
            found.append(words.notice(kind, route, facts.name, facts.now, f"{facts.name}: {text}"))
    return tuple(found)
