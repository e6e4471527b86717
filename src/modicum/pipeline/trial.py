"""What a trial found for one workload, as its row in the table says it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from modicum.evaluate.limits import Bound, Limit
from modicum.evaluate.refuse import Refusal
from modicum.evaluate.trials import Measured
from modicum.types import Verdict, Workload

TrialVerdict = Literal["certified", "worse", "differs", "unproven", "cannot", "refused"]
"""certified: the promise holds, a route is proposed. worse: labels show that it is. differs: it answers otherwise more often than the
margin allows, and nobody has said who is right. unproven: neither is shown, `reason` says what is missing. cannot: it gave no answer
that can be read. refused: it was not asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alone:
    """The same model without its scorer, by the same calls."""

    verdict: TrialVerdict
    coverage: float
    excess: float | None = None
    """An estimate from the old answers that the scorer learnt from: how much more of the requests it would answer worse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One row. None is unknown."""

    workload_id: str
    workload: str
    scope: str
    verdict: TrialVerdict
    reason: str
    needs_calls: int | None = None
    needs_days: float | None = None
    needs_labels: int | None = None
    limit: Limit = ""
    """What left it unproven."""
    margin_reachable: float | None = None
    alone: Alone | None = None
    """Where a scorer says which of its answers may stand: what it would be without one."""
    measured: Measured | None = None
    incumbents: tuple[str, ...] = ()
    incumbent_usd_month: Decimal | None = None
    candidate_usd_month: Decimal | None = None
    saving_usd_month: Decimal | None = None
    """Without a certificate an estimate from the calls that were asked."""
    saving_interval: tuple[Decimal, Decimal] | None = None
    cannot: tuple[str, ...] = ()
    kind: str = ""
    """Of the certificate: A or B."""
    coverage: float | None = None
    """Share of the requests that it would answer: under its certificate, else as far as it is known."""
    judged: float | None = None
    """Kind B: how much more of the requests are answered wrong than by the incumbent."""
    request_file: str | None = None
    certificate_id: str | None = None
    route_id: str | None = None


def settled(workload: Workload, verdict: TrialVerdict, reason: str) -> Tried:
    """A row of a workload that was not asked about."""
    return Tried(
        workload_id=workload.workload_id,
        workload=workload.name,
        scope=workload.scope,
        verdict=verdict,
        reason=reason,
        incumbents=workload.incumbents,
    )


def conclude(
    workload: Workload,
    word: TrialVerdict,
    why: Verdict | Refusal | str,
    measured: Measured,
    *,
    calls_month: float,
    cannot: tuple[str, ...],
    bound: Bound | None = None,
    alone: Alone | None = None,
    coverage: float | None = None,
    note: str = "",
    texts: bool = False,
) -> Tried:
    """A row of what was measured. `why`: the judge's word, or a sentence of ours. `bound`: what stood in the way; `note`: what is to be
    said of a scorer; `coverage`: what a rule with one would answer, while there is no certificate."""
    certificate = why.certificate if isinstance(why, Verdict) else None
    coverage = certificate.coverage if certificate is not None else coverage
    left = Decimal(repr(0.0 if coverage is None or alone is None else 1 - coverage))
    now, then = _month(measured.incumbent_cost_usd, calls_month), _month(measured.cost_usd, calls_month)
    then = None if then is None or (left and now is None) else then + (left * (now or 0)).quantize(Decimal("0.01"))
    saving, interval = None if now is None or then is None else now - then, None
    if certificate is not None:
        told = certificate.saving
        saving = told.usd_month
        interval = None if told.low_usd_month is None or told.high_usd_month is None else (told.low_usd_month, told.high_usd_month)
    limit = "" if bound is None or certificate is not None else bound.reason
    plain = "" if limit and texts else why if isinstance(why, str) else why.reason  # which speaks of what differs: of texts all do
    reason = "; ".join(part for part in (limit, plain, note) if part)
    needs_labels = None if isinstance(why, str) else why.needs_labels
    if needs_labels is None and bound is not None:
        needs_labels = bound.needs_labels
    if word == "cannot" and measured.errors:
        reason = f"{reason}: {measured.errors[0][0]}"
    return Tried(
        workload_id=workload.workload_id,
        workload=workload.name,
        scope=workload.scope,
        verdict=word,
        reason=reason,
        needs_calls=None if isinstance(why, str) else why.needs_calls,
        needs_days=None if isinstance(why, str) else why.needs_days,
        needs_labels=needs_labels,
        limit="" if bound is None or word != "unproven" else bound.limit,
        alone=alone,
        margin_reachable=None if isinstance(why, str) else why.margin_reachable,
        measured=measured,
        incumbents=workload.incumbents,
        incumbent_usd_month=now,
        candidate_usd_month=then,
        saving_usd_month=saving,
        saving_interval=interval,
        cannot=cannot,
        kind=certificate.kind if certificate is not None else "",
        coverage=coverage,
        judged=certificate.rate if certificate is not None and certificate.kind == "B" else None,
        request_file=why.request_file if isinstance(why, Verdict) else None,
        certificate_id=certificate.certificate_id if certificate is not None else None,
        route_id=why.route.route_id if isinstance(why, Verdict) and why.route is not None else None,
    )


def _month(cost: Decimal | None, calls: float) -> Decimal | None:
    return None if cost is None else (cost * Decimal(repr(calls))).quantize(Decimal("0.01"))
