"""What a certified specialist would save in a month, with its interval: rows of usage and a certificate in, dollars out."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from modicum.catalog import Catalogue
from modicum.report import words
from modicum.report.costing import day_of, model_of
from modicum.report.month import (
    DAYS_A_MONTH,
    DRAWS,
    FEWEST_DAYS,
    Coverage,
    Floats,
    Month,
    drawn_from,
    interval,
    limits,
    over_calls,
    shares,
)
from modicum.report.records import WorkloadFigures
from modicum.report.rungs import Ladder
from modicum.report.spend import Spend, spend
from modicum.types import Certificate, Saving

if TYPE_CHECKING:
    from modicum.store.calls import UsageRow

UNKNOWN = Saving(
    usd_month=None, low_usd_month=None, high_usd_month=None, baseline="unknown", method="the price of the incumbent is unknown"
)
ASKED = replace(UNKNOWN, method="what the other model takes is not known: it answered none of these calls, or has no price")


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """A workload's saving, with the draws that sums of several are made of."""

    net: Saving
    gross_usd_month: Decimal | None = None
    control_usd_month: Decimal | None = None
    draws: Floats | None = None
    """Net dollars a month, shape (DRAWS,)."""
    calls: int = 0
    """That it is computed from."""


def project(
    rows: Sequence[UsageRow],
    certificate: Certificate,
    catalogue: Catalogue,
    month: Month,
    days: Sequence[date],
    control_share: float,
    *,
    asks: bool = False,
) -> Projection:
    """What the certificate's rule saves on the calls that its incumbents answer, less what the control share goes on costing.

    What a specialist answered already would have cost what the incumbents charge for a call of this workload on average. `asks`: the
    specialist is another model, and what it took of the calls that it answered already is what it takes.
    """
    incumbents = set(certificate.cover.incumbents)
    covered = [row for row in rows if not row.specialist and {row.request_model, row.response_model} & incumbents]
    paid = spend(covered, catalogue, stages=False)
    if paid.mean_usd is None:
        return Projection(net=UNKNOWN)
    kept = 1.0
    if asks:
        taken = _taken(rows)
        if taken is None or not paid.mean_usd:
            return Projection(net=ASKED)
        kept -= float(taken / paid.mean_usd)
    by_day = dict(paid.by_day)
    for row in rows:
        if row.specialist:
            by_day[day_of(row)] = by_day.get(day_of(row), Decimal(0)) + row.calls * paid.mean_usd
    dollars = np.array([float(by_day.get(day, 0)) for day in days])
    coverage = Coverage(share=certificate.coverage_calls, accepted=certificate.accepted, groups=certificate.groups)
    baseline = month.mean(dollars)
    gross = baseline * coverage.share * kept
    calls = sum(row.calls for row in (*covered, *(row for row in rows if row.specialist)))
    draws = _draws(month, dollars, coverage, calls, certificate.workload_id) * kept * (1 - control_share)
    models = words.listing(list(dict.fromkeys(model_of(row) for row in covered)))
    left_out = f"; {paid.unpriced_calls:,} calls of unknown cost are not in it" if paid.unpriced_calls else ""
    return Projection(
        net=as_saving(
            gross * (1 - control_share),
            draws,
            month.days,
            calls,
            baseline=f"{words.money(usd(baseline))} a month that these calls cost on {models}, {words.span(days[0], days[-1])}{left_out}",
        ),
        gross_usd_month=usd(gross),
        control_usd_month=usd(gross * control_share),
        draws=draws,
        calls=calls,
    )


def _taken(rows: Sequence[UsageRow]) -> Decimal | None:
    """Dollars of another model for a call that it answered, those for nothing included; None where it is not known."""
    answered = [row for row in rows if row.specialist]
    calls = sum(row.calls for row in answered)
    if not calls or not all(row.costed for row in answered):
        return None
    return (sum((row.cost_usd for row in answered), Decimal(0)) + sum((row.stage_usd for row in rows), Decimal(0))) / calls


def scaled(part: Projection, share: float) -> Projection:
    """What a share of it saves."""
    usd_month = part.net.usd_month
    net = replace(part.net, usd_month=None if usd_month is None else usd(float(usd_month) * share))
    return part if share == 1 else replace(part, net=net, draws=None if part.draws is None else part.draws * share)


def together(parts: Iterable[Projection], days: int, *, baseline: str) -> Saving | None:
    """The sum of several savings; None where none of them is known. `days`: the fewest that any of them was observed."""
    found = [(part.net.usd_month, part.draws, part.calls) for part in parts if part.net.usd_month is not None and part.draws is not None]
    if not found:
        return None
    estimate, calls = float(sum(value for value, _, _ in found)), sum(calls for _, _, calls in found)
    return as_saving(estimate, np.sum([draws for _, draws, _ in found], axis=0), days, calls, baseline=baseline)


def as_saving(estimate: float, draws: Floats, days: int, calls: int, *, baseline: str) -> Saving:
    low, high = interval(draws)
    return Saving(
        usd_month=usd(estimate),
        low_usd_month=usd(low),
        high_usd_month=usd(high),
        baseline=baseline,
        method=f"mean day × {DAYS_A_MONTH}; 95 % interval from {DRAWS:,} bootstrap draws of {drawn_from(days, calls)} and of the coverage",
    )


def _draws(month: Month, by_day: Floats, coverage: Coverage, calls: int, workload_id: str) -> Floats:
    """The same for the same workload, whichever were drawn before it."""
    seed = zlib.crc32(workload_id.encode())
    paces = month.paces(by_day) if month.days >= FEWEST_DAYS else month.mean(by_day) * over_calls(calls, seed)
    return paces * shares(coverage, np.random.default_rng(seed + 1))


def without_specialist(rows: Sequence[UsageRow], paid: Spend) -> Decimal | None:
    """What these calls would have cost had the incumbents answered all of them, at their mean cost of a call."""
    answered = sum(row.calls for row in rows if row.specialist)
    if not answered:
        return None if paid.known_usd is None else paid.usd
    return None if paid.mean_usd is None else paid.usd + answered * paid.mean_usd


def a_month(total: Decimal | None, days: float) -> Decimal | None:
    """Dollars of the observed days, scaled to a month. `days`: whole days, part days as their part."""
    return None if total is None else usd(float(total) * DAYS_A_MONTH / days)


def month_of(paid: Spend, month: Month, days: Sequence[date], key: str) -> tuple[Decimal | None, Decimal | None]:
    """95 % of the dollars that a month may bring; (None, None) where no cost is known. `days`: those of the month."""
    if paid.known_usd is None:
        return None, None
    low, high = limits(month, dollars_by_day(paid, days), paid.priced_calls, key)
    return usd(low), usd(high)


def within_bill(ladder: Ladder, line: WorkloadFigures) -> Ladder:
    """The same, no limit of a saving above that of what is spent: in a month that brings more, both are more."""
    most = line.baseline_high_usd_month
    if most is None:
        return ladder
    return replace(ladder, rungs=tuple(replace(rung, saving=capped(rung.saving, most)) for rung in ladder.rungs))


def capped(saving: Saving | None, most: Decimal | None) -> Saving | None:
    """No more than `most` at its upper limit."""
    if saving is None or most is None or saving.high_usd_month is None or saving.high_usd_month <= most:
        return saving
    return replace(saving, high_usd_month=max(most, saving.usd_month or most))


def dollars_by_day(paid: Spend, days: Sequence[date]) -> Floats:
    """Shape (days,)."""
    return np.array([float(paid.by_day.get(day, 0)) for day in days])


def usd(value: float) -> Decimal:
    return Decimal(f"{value:.6f}")
