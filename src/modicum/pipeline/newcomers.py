"""Versions of a live route's prompt that its certificate does not know: how the old stage does on them, and what it takes to certify them.

A new version inherits nothing: its calls go to the incumbent, and the gateway asks the stage beside it. What that showed is told here, as
estimates: a certificate takes a fit on newer calls. Reads the recorded decisions of these calls, no text.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np

from modicum.config import Config
from modicum.evaluate.tune import Curve, Terms, groups_for_power
from modicum.route.steps import ANSWERING, LIVE
from modicum.stats.binomial import clopper_pearson
from modicum.stats.sequence import spending
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.types import DAYS_A_MONTH, Call, Certificate, PromiseKind, Route, Workload
from modicum.workload.sample import INDEPENDENT

COMPARED = 30
"""Comparisons from which it is told how many requests a certificate takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomer:
    """One version of one prompt that came up after its route was certified."""

    workload_id: str
    workload: str
    """Its name."""
    route_id: str
    version_id: str
    since: datetime
    calls: int
    calls_day: float
    """Of what came since, taken as a whole day's where that is less than one: an hour's calls are not a day's twenty-fourth."""
    days: float
    """Since then: what that pace is told from."""
    fair: int
    """Of these calls, those that may certify: the incumbent answered them whatever they said."""
    compared: int
    """Calls at which the old stage was asked too, and the incumbent's answer could be read."""
    agreed: int
    agreement_interval: tuple[float, float] | None
    """95 %, exact; None where nothing was compared."""
    would_answer: int
    """Of the compared: the stage was sure enough."""
    would_answer_interval: tuple[float, float] | None
    differing: int
    """Of the compared: it would have answered, and otherwise."""
    needed: int | None
    """Distinct requests that a certificate on this version will probably need; None where nobody can tell yet, or no number would do."""
    certified_by: datetime | None
    """When as many will have come at this rate, all of them taken for distinct."""
    lost_calls_month: float
    """Calls a month that the route would answer, were the version certified; 0 where nobody gets its answers anyway."""
    lost_usd_month: Decimal | None
    """What the incumbent takes for these; None where no price is known."""


@dataclass(slots=True)
class _Seen:
    calls: int = 0
    fair: int = 0
    first: datetime | None = None
    last: datetime | None = None
    compared: int = 0
    agreed: int = 0
    would: int = 0
    differing: int = 0
    paid: int = 0
    usd: Decimal = field(default_factory=Decimal)

    def see(self, call: Call) -> None:
        decision = call.decision
        assert decision is not None
        self.calls += 1
        self.fair += decision.reason in INDEPENDENT
        self.first = call.started_at if self.first is None else min(self.first, call.started_at)
        self.last = call.started_at if self.last is None else max(self.last, call.started_at)
        if call.cost_usd is not None:
            self.paid, self.usd = self.paid + 1, self.usd + call.cost_usd
        if decision.agreed is None:
            return
        # Whoever is not to answer says so whatever it thinks: how sure it was says what it would have done.
        sure = decision.would_answer or False
        if not sure and decision.confidence is not None and decision.threshold is not None:
            sure = decision.confidence >= decision.threshold
        self.compared += 1
        self.agreed += decision.agreed
        self.would += sure
        self.differing += sure and not decision.agreed


def newcomers(config: Config, control: Control, workload_id: str | None = None, *, now: datetime | None = None) -> list[Newcomer]:
    """Of every live route, or of one workload's; those with most calls first. Raises StoreError."""
    now, found = now or datetime.now(UTC), list[Newcomer]()
    workloads = {one.workload_id: one for one in control.workloads()}
    for route in control.routes(workload_id):
        workload = workloads.get(route.workload_id)
        if route.state not in LIVE or workload is None:
            continue
        certificate = control.certificate(route.certificate_id)
        new = {one.version_id: one for one in workload.versions if one.version_id not in certificate.cover.version_ids}
        if not new:
            continue
        seen: dict[str, _Seen] = defaultdict(_Seen)
        since = min(one.first_seen for one in new.values())
        for call in Calls(config.home).scan(scope=workload.scope, workload_id=workload.workload_id, since=since, bodies=False):
            if call.decision is not None and call.decision.version_id in new and call.decision.route_id is not None:
                seen[call.decision.version_id].see(call)
        number = len(control.attempts(workload.workload_id)) + 1
        terms = _terms(certificate, number)
        for version_id, version in new.items():
            of = seen[version_id]
            last = of.last or version.last_seen
            if last >= certificate.created_at:  # older ones had their chance: they were rare, or went
                found.append(_newcomer(workload, route, certificate, version_id, version.first_seen, version.calls, of, terms, now))
    return sorted(found, key=lambda one: -one.calls)


def said(one: Newcomer) -> str:
    """A version and its prospects, as a sentence."""
    if not one.compared or one.agreement_interval is None:
        how = "nothing was compared yet"
    else:
        low, high = one.agreement_interval
        how = (
            f"on {one.compared:,} compared calls the old stage agrees at {one.agreed / one.compared:.0%} (95 %: {low:.0%} to {high:.0%}) "
            f"and would answer {one.would_answer / one.compared:.0%}"
        )
    if one.needed is not None and one.certified_by is not None:
        when = f"; a certificate will need about {one.needed:,} distinct requests, there by {one.certified_by:%Y-%m-%d} at this rate"
    elif one.compared >= COMPARED and one.needed is None:
        when = "; no number of requests like these would certify the old stage: it has to learn them"
    else:
        when = f"; how many requests a certificate needs is told from {COMPARED} compared calls on"
    cost = ""
    if one.lost_calls_month >= 1:
        usd = "" if one.lost_usd_month is None else f", ${one.lost_usd_month:,.2f}"
        cost = f". The edit costs about {one.lost_calls_month:,.0f} answers a month{usd}"
    days = round(one.days)
    from_days = f"{one.calls_day:,.0f} a day, from {'one day' if days == 1 else f'{days:,} days'}"
    pace = from_days if one.days >= 1 else "less than a day ago: taken as a day's"
    return f"{one.calls:,} calls since {one.since:%Y-%m-%d %H:%M}, {pace}; {how}{when}{cost}"


def _newcomer(
    workload: Workload,
    route: Route,
    certificate: Certificate,
    version_id: str,
    since: datetime,
    calls: int,
    of: _Seen,
    terms: Terms,
    now: datetime,
) -> Newcomer:
    days = (now - since) / timedelta(days=1)
    calls = max(calls, of.calls)
    needed = _needed(of, terms)
    began = of.first or since
    calls_day, fair_day = calls / max(days, 1.0), of.fair / max((now - began) / timedelta(days=1), 1.0)
    waits = None if needed is None or not fair_day else max(needed - of.fair, 0) / fair_day
    share = of.would / of.compared if of.compared >= COMPARED else certificate.coverage_calls
    lost = calls_day * DAYS_A_MONTH * share if route.state in ANSWERING else 0.0
    return Newcomer(
        workload_id=workload.workload_id,
        workload=workload.name,
        route_id=route.route_id,
        version_id=version_id,
        since=since,
        calls=calls,
        calls_day=calls_day,
        days=days,
        fair=of.fair,
        compared=of.compared,
        agreed=of.agreed,
        agreement_interval=clopper_pearson(of.agreed, of.compared, 0.95) if of.compared else None,
        would_answer=of.would,
        would_answer_interval=clopper_pearson(of.would, of.compared, 0.95) if of.compared else None,
        differing=of.differing,
        needed=needed,
        certified_by=None if waits is None or waits > 3_650 else now + timedelta(days=waits),
        lost_calls_month=lost,
        lost_usd_month=None if not of.paid else Decimal(repr(lost)) * of.usd / of.paid,
    )


def _terms(certificate: Certificate, number: int) -> Terms:
    kinds: tuple[PromiseKind, ...] = ("C",) if certificate.kind == "C" else ("A", "B")
    return Terms(
        kinds=kinds[:1],
        margin=certificate.margin,
        max_selective=certificate.max_selective,
        delta=spending(1 - certificate.confidence, number) / len(kinds),
    )


def _needed(of: _Seen, terms: Terms) -> int | None:
    """As a refusal of `fit` says it, of the old stage's rule as it is: one threshold, and what it showed there."""
    if of.compared < COMPARED:
        return None
    differing = np.array([(of.differing + 0.5) / (of.compared + 1)])
    curve = Curve(
        thresholds=np.array([0.0]),
        coverage=np.array([of.would / of.compared]),
        disagreement=differing,
        up=differing / 2,
        down=differing / 2,
        groups=of.compared,
    )
    return groups_for_power(curve, terms, level=terms.level)
