"""A proposed route beside the live one of its workload: both on the same control calls, by a paired test that may look at any time. Pure.

Of each distinct control call both lose 0 or 1: 1 where the route would have answered, and otherwise than the incumbent did. Three
hypotheses are tested, each by an e-process over the differences in the order in which calls came, of which each draw's mean, given those
before it, is at most 0 while the hypothesis holds:

- *worse*: "the challenger's loss is on average at most the champion's". Rejected: it loses more.
- *better*: "the champion's loss is on average at most the challenger's". Rejected: it loses less.
- *more*: "the challenger answers on average at most as often". Rejected: it answers more.

The challenger takes the champion's place where it is not shown to be worse, and either is shown to answer more or the champion's
certificate is about to end; never while the champion is under suspicion. It does so by way of shadow, which it has been in beside the
champion, into canary: from there on the tests of its own promise watch it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from modicum.config import WatchConfig
from modicum.errors import ModicumError
from modicum.route import steps
from modicum.route.steps import Rights
from modicum.stats.anytime import Sequence
from modicum.store.routes import Step
from modicum.types import Against, Certificate, Route, RouteState, Watch
from modicum.watch.draws import Toss
from modicum.watch.unit import Seen, counts

SHOWN = 0.05
"""A p-value at or below which a hypothesis counts as rejected."""
SUSPECTED = 0.5
"""A champion that is so far towards an alarm is not replaced: the tests that suspect it would begin anew with another route."""
ACTOR = "watch"


def _zero() -> Sequence:
    return Sequence(level=0.0, low=-1.0)


class Duel(msgspec.Struct):
    """The tests, as they are kept in `Watch.tests`."""

    champion: str = ""
    seen: Seen = msgspec.field(default_factory=Seen)
    worse: Sequence = msgspec.field(default_factory=_zero)
    better: Sequence = msgspec.field(default_factory=_zero)
    more: Sequence = msgspec.field(default_factory=_zero)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known beside the calls."""

    now: datetime
    certificate: Certificate
    """Of the challenger."""
    champion: Certificate
    suspicion: float = 0.0
    """Of the champion, 0 to 1."""
    rights: Rights
    damage: str = ""
    proposer: str = ""


def see(known: Watch | None, challenger: Route, champion: Route, tosses: Iterable[Toss], now: datetime) -> Watch:
    """The challenger's watch after these records of the champion's, in order. Against another champion all begins anew."""
    duel = _read(known)
    if known is None or known.against is None or duel.champion != champion.route_id:
        duel, known = Duel(champion=champion.route_id), None
    against = known.against if known is not None and known.against is not None else Against(route_id=champion.route_id)
    last = known.last_audit_at if known is not None else None
    for toss in tosses:
        if toss.challenger_id != challenger.route_id or toss.challenger is None or toss.outcome is None or not counts(duel.seen, toss):
            continue
        lost, live_lost = float(toss.challenger == "differs"), float(toss.outcome == "differs")
        answers, live_answers = float(toss.challenger != "deferred"), float(toss.outcome != "deferred")
        duel.worse, duel.better = duel.worse.see(lost - live_lost), duel.better.see(live_lost - lost)
        duel.more = duel.more.see(answers - live_answers)
        last = toss.at
        against = dataclasses.replace(
            against,
            calls=against.calls + 1,
            answered=against.answered + int(answers),
            lost=against.lost + int(lost),
            live_answered=against.live_answered + int(live_answers),
            live_lost=against.live_lost + int(live_lost),
            first_at=against.first_at or toss.at,
        )
    against = dataclasses.replace(
        against, worse_p=min(duel.worse.p_value, 1.0), better_p=min(duel.better.p_value, 1.0), more_p=min(duel.more.p_value, 1.0)
    )
    return Watch(
        route_id=challenger.route_id,
        at=now,
        since=challenger.changed_at,
        audits=against.calls,
        answered=against.answered,
        lost=float(against.lost),
        calls=against.calls,
        last_audit_at=last,
        against=against,
        tests=msgspec.to_builtins({"duel": duel}, str_keys=True),
    )


def lacking(watch: Watch, facts: Facts, settings: WatchConfig) -> tuple[str, ...]:
    """What stands between a challenger and the champion's place, as sentences."""
    against, missing = watch.against, list[str]()
    if against is None:
        return ("nothing was compared",)
    if against.calls < settings.shadow_audits:
        missing.append(f"{against.calls} of {settings.shadow_audits} control calls beside {against.route_id}")
    hours = timedelta(0) if against.first_at is None else facts.now - against.first_at
    if hours < timedelta(hours=settings.shadow_hours):
        missing.append(f"{hours / timedelta(hours=1):.1f} of {settings.shadow_hours:g} hours beside {against.route_id}")
    if against.worse_p <= SHOWN:
        missing.append(f"it is shown to lose more than {against.route_id}")
    if facts.suspicion >= SUSPECTED:
        missing.append(f"{against.route_id} is under suspicion ({facts.suspicion:.2f}): its own tests come first")
    ends = facts.champion.expires_at <= facts.now + timedelta(days=settings.renew_days)
    if against.more_p > SHOWN and not ends:
        missing.append(
            f"it is not shown to answer more than {against.route_id}, whose certificate holds until {facts.champion.expires_at:%Y-%m-%d}"
        )
    if facts.certificate.expires_at <= facts.now:
        missing.append(f"its certificate expired on {facts.certificate.expires_at:%Y-%m-%d}")
    if facts.damage:
        missing.append(facts.damage)
    if not facts.rights.heartbeat:
        missing.append("nobody watched it for a while")
    return tuple(missing)


def replaces(
    challenger: Route, champion: Route, watch: Watch, facts: Facts, settings: WatchConfig, check: Callable[[RouteState], None]
) -> tuple[Watch, tuple[Step, ...]]:
    """The watch with what is missing, and the steps by which the challenger takes the champion's place where nothing is."""
    missing = lacking(watch, facts, settings)
    if not missing and facts.rights.approver and challenger.approved_by in (None, "", facts.proposer):
        missing = ("somebody other than its proposer has to approve it",)
    watch = dataclasses.replace(watch, lacking=missing)
    if missing or not facts.rights.automatic:
        return watch, ()
    try:
        check("canary")
    except ModicumError as error:
        return dataclasses.replace(watch, lacking=(error.message,)), ()
    gone = steps.moved(champion, "retired", at=facts.now, actor=ACTOR)
    first = steps.moved(challenger, "shadow", at=facts.now, actor=ACTOR)
    then = steps.moved(first, "canary", at=facts.now, actor=ACTOR, share=settings.canary_share)
    beside = f"compared beside {champion.route_id} on {watch.audits} control calls"
    return watch, (
        Step(was=champion, now=gone, action="route.retired", why=f"replaced by {challenger.route_id}"),
        Step(was=challenger, now=first, action="route.shadow", why=beside),
        Step(was=first, now=then, action="route.canary", why=f"{beside}, not shown to be worse; {_gain(watch, facts, settings)}"),
    )


def _gain(watch: Watch, facts: Facts, settings: WatchConfig) -> str:
    against = watch.against
    if against is not None and against.more_p <= SHOWN:
        return f"it answers {against.answered / against.calls:.0%} of them, not {against.live_answered / against.calls:.0%}"
    return f"the other's certificate ends on {facts.champion.expires_at:%Y-%m-%d}"


def _read(watch: Watch | None) -> Duel:
    try:
        return Duel() if watch is None else msgspec.convert(watch.tests.get("duel", {}), Duel, str_keys=True, strict=False)
    except msgspec.ValidationError:
        return Duel()  # another version wrote it
