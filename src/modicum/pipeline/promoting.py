"""What stands between a route and its next step, and what people decide about it: to go on, to approve, to leave it to the watcher.

What was seen is the watcher's (`Control.watches`); nothing is counted or tested here.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from modicum.config import Config
from modicum.errors import RouteError
from modicum.pipeline.switching import approved, changed_meanwhile, check, find_route, move, proposal, proposer, publish
from modicum.route.steps import ANSWERING, ENDED, FORWARD, LIVE, REMEDY, Rights, Seen, back, conditions, lacking, passed, said
from modicum.store import beat
from modicum.store.audit import Sought
from modicum.store.control import Control
from modicum.store.routes import Step
from modicum.types import Certificate, Route, RouteState, Watch

CONTROL = "control"
"""What is no step in a history: another share of the conversations stays with the incumbent."""
PROMOTES = timedelta(seconds=30)
"""Without a sign of the watcher for so long, nothing is promoted on what it saw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One thing that is wanted before the next step."""

    what: str
    seen: str
    wanted: str
    share: float
    """How much of it is there, 0 to 1."""

    @property
    def holds(self) -> bool:
        return self.share >= 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """How a route stands in its present step."""

    next: RouteState | None
    """The step forward from here; None where there is none."""
    conditions: tuple[Condition, ...] = ()
    lacking: tuple[str, ...] = ()
    """Why it may not be taken yet, as sentences; empty where it may."""
    firm: tuple[str, ...] = ()
    """Of these, those that no `--force` passes."""
    watch: Watch | None = None
    """What the watcher knows of this step; None where it has not looked since. Without the tests' own records."""
    watched_at: datetime | None = None
    """The watcher's last sign of life."""
    proposed_by: str = ""
    approved: bool = False
    """Somebody other than its proposer approved it."""
    automatic: bool = False
    """The watcher may take it forward."""
    lost_calls: tuple[str, ...] = ()
    """Ids of the newest audits that were lost, in whichever step, oldest first."""
    ended: str = ""
    """Why it was rolled back or retired, as far as somebody said; empty too where it was not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of a route's history."""

    number: int
    """Of the audit log."""
    at: datetime
    route_id: str
    what: str
    """A state that was entered, or what else was decided: approved, automatic, control."""
    was: str
    """The state before, where one was entered."""
    actor: str
    why: str
    certificate_id: str
    attempt: int
    """Of the workload: the j of the certificate, which spends delta * 6 / (pi^2 j^2)."""


def outlook(config: Config, control: Control, route: Route, certificate: Certificate, *, now: datetime | None = None) -> Outlook:
    """What was seen of a route, what is wanted, and what is missing."""
    now = now or datetime.now(UTC)
    watch = next((one for one in control.watches() if one.route_id == route.route_id), None)
    lost_calls = watch.lost_calls if watch is not None else ()
    if watch is not None and watch.since < route.changed_at:  # of the step before
        watch = None
    if watch is not None and (beside := watch.against) is not None:
        live = next((one for one in control.routes(route.workload_id) if one.route_id == beside.route_id), None)
        watch = watch if live is not None and live.state in ANSWERING else None  # what it was compared with is gone
    age = beat.age(config.home, now)
    who = proposer(control, route)
    wanted = conditions(config.watch, route.state)
    seen = _seen(route, certificate, watch, who, now)
    rights = Rights(approver=config.policy.approver, heartbeat=route.state not in LIVE or (age is not None and age <= PROMOTES))
    missing = lacking(route.state, seen, wanted, rights) if route.state in FORWARD else ()
    return Outlook(
        next=FORWARD.get(route.state),
        conditions=_conditions(config, route, seen, watch) if route.state in FORWARD and route.state in LIVE else (),
        lacking=missing,
        firm=_firm(config, control, route, seen),
        watch=None if watch is None else dataclasses.replace(watch, tests={}),
        watched_at=beat.read(config.home),
        proposed_by=who,
        approved=approved(control, route),
        automatic=(route.automatic or config.watch.automatic) and route.state not in ENDED,
        lost_calls=lost_calls,
        ended=_ended(control, route),
    )


def promote(config: Config, ref: str, *, actor: str, note: str = "", force: bool = False) -> tuple[Route, Outlook, bool]:
    """Take a route one step forward where the conditions hold, or `force` passes them: the route, what was seen before, whether it went on.

    Raises RouteError where nothing follows, or that must not be whatever was seen.
    """
    control = Control(config.home)
    route = on_the_way(control, ref)
    if (to := FORWARD.get(route.state)) is None:
        if route.state == "on":
            return route, outlook(config, control, route, control.certificate(route.certificate_id)), True
        if route.state in ENDED:
            raise _over(control, route)
        raise RouteError(
            f"{route.route_id} is {said(route.state)}, and nothing follows that", hint=f"`modicum route show {route.route_id}`"
        )
    if force and not note:
        raise RouteError("going on without the conditions wants a reason", hint='--force --note "..."')
    found = outlook(config, control, route, control.certificate(route.certificate_id))
    if found.firm and force:
        raise RouteError(f"{route.route_id} must not go on: {'; '.join(found.firm)}")
    if found.lacking and not force:
        return route, found, False
    check(config, control, route, to)
    why = "; ".join(part for part in (note, f"forced, for {', '.join(found.lacking)}" if found.lacking else "its conditions hold") if part)
    return move(config, route, to, actor=actor, why=why), found, True


def approve(config: Config, ref: str, *, actor: str, note: str = "", undo: bool = False) -> Route:
    """Say that callers may have its answers. Raises RouteError where policy wants somebody else for that."""
    control = Control(config.home)
    route = proposal(control, ref)
    if route.state in ENDED:
        raise RouteError(f"{route.route_id} is {said(route.state)}: nobody gets its answers any more")
    if not undo and config.policy.approver and actor == proposer(control, route):
        raise RouteError(f"{actor} proposed {route.route_id}; policy wants somebody else to approve it")
    changed = dataclasses.replace(route, approved_by=None if undo else actor)
    return _decide(config, control, route, changed, "route.unapproved" if undo else "route.approved", note, actor)


def leave_to_watcher(config: Config, ref: str, *, actor: str, off: bool = False, note: str = "") -> Route:
    """Let the watcher take a route forward when its conditions hold, or stop it. Back it goes by itself in any case.

    Raises RouteError for a route that never comes back.
    """
    control = Control(config.home)
    route = on_the_way(control, ref)
    if route.state in ENDED and not off:
        raise _over(control, route)
    changed = dataclasses.replace(route, automatic=not off)
    return _decide(config, control, route, changed, "route.by_hand" if off else "route.automatic", note, actor)


def history(control: Control, ref: str) -> list[Event]:
    """What became of a route, or of every route of a workload, oldest first."""
    route = find_route(control, ref)
    routes = [route] if route.route_id == ref else control.routes(route.workload_id)
    whose = {one.route_id: one for one in routes}
    attempts = {one.certificate_id: one.attempt_number for one in control.certificates(route.workload_id)}
    lines = control.audited(Sought(action="route", subjects=frozenset(whose)))
    events = []
    for line in reversed(lines):
        its = whose[line.subject]
        what = line.action.removeprefix("route.")
        steps, _, why = line.detail.partition(": ")
        if what == CONTROL or " -> " not in steps:
            steps, why = "", line.detail
        was = steps.partition(" -> ")[0]
        events.append(
            Event(
                number=line.number,
                at=line.at,
                route_id=line.subject,
                what=what,
                was="" if was == "new" else was,
                actor=line.actor,
                why=why,
                certificate_id=its.certificate_id,
                attempt=attempts.get(its.certificate_id, 0),
            )
        )
    return events


def _ended(control: Control, route: Route) -> str:
    """What was said when it was rolled back or retired."""
    if route.state not in ENDED:
        return ""
    return next((one.why for one in reversed(history(control, route.route_id)) if one.what == route.state), "")


def _over(control: Control, route: Route) -> RouteError:
    """What to raise where somebody wants to take a route on that never comes back."""
    why = _ended(control, route)
    return RouteError(f"{route.route_id} is {said(route.state)} for good{f': {why}' if why else ''}", hint=REMEDY[route.state])


def on_the_way(control: Control, ref: str) -> Route:
    """The route that is on its way up: by id, else the workload's one in shadow or canary, else what a switch would mean."""
    route = find_route(control, ref)
    return route if route.route_id == ref or route.state in ("shadow", "canary") else proposal(control, ref)


def _decide(config: Config, control: Control, was: Route, now: Route, action: str, note: str, actor: str) -> Route:
    if was != now:
        if not control.take([Step(was=was, now=now, action=action, why=note, actor=actor)]):
            raise changed_meanwhile(was)
        publish(config)
    return now


def _seen(route: Route, certificate: Certificate, watch: Watch | None, who: str, now: datetime) -> Seen:
    known = watch or Watch(route_id=route.route_id, at=now, since=route.changed_at)
    return Seen(
        now=now,
        since=route.changed_at,
        expires_at=certificate.expires_at,
        audits=known.audits,
        asked=known.calls,
        failed=known.failed,
        p95_ms=known.p95_ms,
        broken=known.broken,
        approved_by=route.approved_by,
        proposed_by=who,
    )


def _firm(config: Config, control: Control, route: Route, seen: Seen) -> tuple[str, ...]:
    step = back(route.state, seen)
    wants = config.policy.approver and FORWARD.get(route.state) in ANSWERING and not approved(control, route)
    return (*((step.why,) if step is not None else ()), *(("somebody other than its proposer has to approve it",) if wants else ()))


def _conditions(config: Config, route: Route, seen: Seen, watch: Watch | None) -> tuple[Condition, ...]:
    wanted = conditions(config.watch, route.state)
    hours = (seen.now - seen.since) / timedelta(hours=1)
    part, whole, unit = passed(hours, wanted.hours)
    found = [
        Condition(what="audits", seen=f"{seen.audits:,}", wanted=f"{wanted.audits:,}", share=_share(seen.audits, wanted.audits)),
        Condition(what=f"{unit.removesuffix('s')}s in this step", seen=part, wanted=whole, share=_share(hours, wanted.hours)),
    ]
    failed = seen.failed / seen.asked if seen.asked else None
    most = wanted.max_error_share
    found.append(
        Condition(
            what="requests at which it failed",
            seen="none seen" if failed is None else f"{failed:.2%}",
            wanted=f"at most {most:.2%}",
            share=1.0 if failed is None or failed <= most else most / failed,
        )
    )
    if wanted.max_p95_ms:
        slow = seen.p95_ms is not None and seen.p95_ms > wanted.max_p95_ms
        found.append(
            Condition(
                what="p95 of its answers",
                seen="none seen" if seen.p95_ms is None else f"{seen.p95_ms:.1f} ms",
                wanted=f"at most {wanted.max_p95_ms:g} ms",
                share=wanted.max_p95_ms / seen.p95_ms if slow and seen.p95_ms else 1.0,
            )
        )
    if watch is not None:
        rate = watch.lost / watch.audits if watch.audits else None
        found.append(
            Condition(
                what="lost of what is drawn",
                seen="none seen" if rate is None else f"{rate:.2%}",
                wanted=f"its promise of {watch.level:.2%} holds",
                share=0.0 if watch.broken else 1.0,
            )
        )
    return tuple(found)


def _share(seen: float, wanted: float) -> float:
    return min(max(seen / wanted, 0.0), 1.0) if wanted > 0 else 1.0
