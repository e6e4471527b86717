"""The steps of a route: proposed, shadow, canary, on; and the ways back. Pure: what was seen goes in, what may happen next comes out.

A person may take any step that `AFTER` has; a watcher takes one step forward at a time, when every condition of the step holds, and only
where automatic promotion was turned on. Back it goes by itself, always: a rollback needs no permission.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from modicum.config import WatchConfig
from modicum.errors import RouteError
from modicum.types import Before, Route
from modicum.types import RouteState as Step

AFTER: Mapping[Step, tuple[Step, ...]] = MappingProxyType(
    {
        "proposed": ("shadow", "retired"),
        "shadow": ("canary", "paused", "rolled_back", "retired"),
        "canary": ("on", "shadow", "paused", "rolled_back", "retired"),
        "on": ("canary", "shadow", "paused", "rolled_back", "retired"),
        "paused": ("shadow", "retired"),
        "rolled_back": ("retired",),
        "retired": (),
    }
)
"""What may follow each state. What was rolled back comes again as another route, with a certificate of its own on newer calls."""
FORWARD: Mapping[Step, Step] = MappingProxyType({"proposed": "shadow", "shadow": "canary", "canary": "on"})
LIVE: frozenset[Step] = frozenset(("shadow", "canary", "on"))
"""States in which a gateway asks the stage."""
ANSWERING: frozenset[Step] = frozenset(("canary", "on"))
"""States in which callers get its answers."""
ENDED: frozenset[Step] = frozenset(("rolled_back", "retired"))
"""States from which a route never comes back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What must have been seen in a state before the next one is entered."""

    audits: int = 200
    """Of this route, in this state."""
    hours: float = 1.0
    """Spent in this state."""
    max_error_share: float = 0.01
    """Requests at which the stage failed."""
    max_p95_ms: float = 0.0
    """Of the stage's answers; 0: any."""


def conditions(settings: WatchConfig, state: Step) -> Conditions:
    """What the configuration wants seen in a state before the next."""
    audits, hours = settings.canary_audits, settings.canary_hours
    if state != "canary":
        audits, hours = settings.shadow_audits, settings.shadow_hours
    return Conditions(audits=audits, hours=hours, max_error_share=settings.max_error_share, max_p95_ms=settings.max_p95_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a watcher knows of one route in its present state."""

    now: datetime
    since: datetime
    """When the state was entered."""
    expires_at: datetime
    """Of its certificate."""
    audits: int = 0
    asked: int = 0
    failed: int = 0
    p95_ms: float | None = None
    holds: bool = True
    """No test says that the promise is broken."""
    broken: str = ""
    """Which test says so, where one does."""
    damaged: str = ""
    """Why the stage cannot answer at all, where it cannot."""
    approved_by: str | None = None
    """Who let it go live, where policy asks for somebody."""
    proposed_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """What a watcher may do."""

    automatic: bool = False
    """Promote. Turned off until somebody turns it on."""
    approver: bool = False
    """Somebody other than the proposer must have approved before callers get its answers."""
    heartbeat: bool = True
    """The watcher was never away for longer than promotions allow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A step to take, and why."""

    to: Step
    why: str


def may_follow(state: Step, wanted: Step) -> bool:
    """Is there a step from one to the other?"""
    return wanted in AFTER[state]


def way(state: Step, wanted: Step) -> tuple[Step, ...]:
    """The steps from one to the other, none skipped; empty where no way leads there, or it is there."""
    if may_follow(state, wanted):
        return (wanted,)
    steps: list[Step] = ["shadow"] if state == "paused" else []
    while (steps[-1] if steps else state) in FORWARD:
        steps.append(FORWARD[steps[-1] if steps else state])
        if steps[-1] == wanted:
            return tuple(steps)
    return ()


def moved(route: Route, to: Step, *, at: datetime, actor: str, share: float = 0.1) -> Route:
    """The route one step on: the only place where a route's state changes. `share`: of a canary, as it is entered.

    A step that gives a route more callers keeps how it stood before; of steps at one and the same time, how it stood before the first.
    Raises RouteError where no such step follows.
    """
    if not may_follow(route.state, to):
        hint = "`modicum route retire` puts it away" if to in ENDED and may_follow(route.state, "retired") else REMEDY.get(route.state, "")
        raise RouteError(f"route {route.route_id} is {said(route.state)}, and {said(to)} does not follow that", hint=hint)
    before = None
    if to in ANSWERING and FORWARD.get(route.state) == to:
        with_it = route.before is not None and route.changed_at == at
        before = route.before if with_it else Before(state=route.state, share=route.share)
    changed = dataclasses.replace(route, state=to, changed_at=at, changed_by=actor, before=before)
    return dataclasses.replace(changed, share=share) if to == "canary" else changed


def shared(route: Route) -> float:
    """The share of conversations that a route may answer, of those that are not control."""
    return 1.0 if route.state == "on" else route.share if route.state == "canary" else 0.0


def said(state: Step) -> str:
    """A state as it is said in a sentence."""
    return state.replace("_", " ")


REMEDY: Mapping[Step, str] = MappingProxyType(
    {
        "proposed": "`modicum route shadow` puts it in shadow, `modicum route on` lets it answer",
        "paused": "`modicum route shadow` puts it in shadow again, `modicum route on` lets it answer",
        "rolled_back": "`modicum fit` proposes another route where newer calls carry a certificate",
        "retired": "`modicum fit` proposes another route where newer calls carry a certificate",
    }
)
"""What a person can do about a route that stands."""


def back(state: Step, seen: Seen) -> Move | None:
    """The step back that must be taken now, whoever is asked; None where all is well."""
    if state not in LIVE:
        return None
    if seen.broken:
        return Move(to="rolled_back", why=seen.broken)
    if seen.now >= seen.expires_at:
        return Move(to="paused", why=f"its certificate expired on {seen.expires_at:%Y-%m-%d}")
    if seen.damaged and state in ANSWERING:
        return Move(to="rolled_back", why=seen.damaged)
    return None


def lacking(state: Step, seen: Seen, wanted: Conditions, rights: Rights) -> tuple[str, ...]:
    """What is missing for one step forward, as sentences; empty where nothing is. Permission to promote is not looked at."""
    if state not in FORWARD:
        return (f"nothing follows {state}",)
    missing = []
    if not seen.holds or seen.broken:
        missing.append(seen.broken or "a test is not settled")
    if seen.now >= seen.expires_at:
        missing.append(f"its certificate expired on {seen.expires_at:%Y-%m-%d}")
    if seen.damaged:
        missing.append(seen.damaged)
    if state != "proposed":
        missing += _unseen(seen, wanted)
    if rights.approver and FORWARD[state] in ANSWERING and seen.approved_by in (None, "", seen.proposed_by):
        missing.append("somebody other than its proposer has to approve it")
    if not rights.heartbeat:
        missing.append("nobody watched it for a while")
    return tuple(missing)


def forward(state: Step, seen: Seen, wanted: Conditions, rights: Rights) -> Move | None:
    """The step forward that a watcher takes now; None where it must not, or something is missing."""
    if not rights.automatic or state not in FORWARD or lacking(state, seen, wanted, rights):
        return None
    told = f"{seen.audits} audits, the promise holds" if state != "proposed" else "proposed with a certificate"
    return Move(to=FORWARD[state], why=told)


def passed(hours: float, wanted: float) -> tuple[str, str, str]:
    """So much of a time that is wanted, and the unit that reads well for both: `0.5`, `1`, `hour`; `36`, `72`, `seconds`."""
    unit, size, parts = ("hour", 3600, 10) if wanted >= 1 or not wanted else ("minute", 60, 1) if wanted * 60 >= 2 else ("second", 1, 1)
    part = math.floor(max(hours, 0.0) * 3600 / size * parts + 1e-6) / parts  # never more than it was
    whole = f"{wanted * 3600 / size:.3g}" if wanted < 100 else f"{wanted:g}"
    return f"{part:g}", whole, unit if whole == "1" else f"{unit}s"


def _unseen(seen: Seen, wanted: Conditions) -> list[str]:
    missing = []
    if seen.audits < wanted.audits:
        missing.append(f"{seen.audits} of {wanted.audits} audits")
    if seen.now - seen.since < timedelta(hours=wanted.hours):
        missing.append("{} of {} {}".format(*passed((seen.now - seen.since) / timedelta(hours=1), wanted.hours)))
    if seen.asked and seen.failed > wanted.max_error_share * seen.asked:
        missing.append(f"it failed at {seen.failed} of {seen.asked} requests")
    if wanted.max_p95_ms and seen.p95_ms is not None and seen.p95_ms > wanted.max_p95_ms:
        missing.append(f"its p95 is {seen.p95_ms:.1f} ms, at most {wanted.max_p95_ms:g} are wanted")
    return missing
