"""From what a rung costs to what it saves in a month, with an interval: dollars by day in, a Saving out.

Days are resampled once for both sides, so a busy day is dear on both. Beside the days, the interval carries what a rung supposes: how
many tokens another model counts, how long it thinks, how many calls it answers. A draw never saves more than the calls cost in it.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from modicum.report import words
from modicum.report.ladder.bill import Bill, Priced
from modicum.report.month import DAYS_A_MONTH, DRAWS, Coverage, Floats, Month, interval, shares
from modicum.types import Saving

ALL = Coverage(share=1.0, accepted=0, groups=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is not the same as today. Ranges are uniform."""

    cost: Priced | None = None
    """Of the same calls, all of them answered by the rung; None: nothing."""
    answers: Coverage = ALL
    """The part of the calls that it answers; without groups the share is certain."""
    kept: float = 0.0
    """Of these, what stays with the incumbent all the same, so that quality is watched."""
    factor: tuple[float, float] = (1.0, 1.0)
    """The rung's cost times something between these; the estimate takes 1."""
    more: Floats | None = None
    """Dollars by day that may come on top of it, between none and all; the estimate takes none."""
    saved: tuple[float, float] = (1.0, 1.0)
    """What is saved times something between these; the estimate takes 1."""
    upkeep_usd_month: float = 0.0
    """That does not go with the calls: machines, audits."""
    says: tuple[str, ...] = ()
    """What beside the days the interval carries, in words."""


def saved(change: Change, bill: Bill, month: Month, *, key: str) -> Saving:
    """A month, against what the compared calls cost. `key` seeds what is drawn beside the days."""
    now = bill.month_usd
    none = np.zeros(len(bill.days))
    spent = none if change.cost is None else change.cost.by_day
    later = month.mean(spent)
    part = change.answers.share * (1 - change.kept)
    estimate = part * (now - later) - change.upkeep_usd_month
    rng = np.random.default_rng(zlib.crc32(key.encode()))
    share: float | Floats = shares(change.answers, rng) if change.answers.groups else change.answers.share
    cost = month.paces(spent) * rng.uniform(*change.factor, DRAWS)
    if change.more is not None:
        cost = cost + month.paces(change.more) * rng.uniform(0.0, 1.0, DRAWS)
    draws = share * (1 - change.kept) * (month.paces(bill.by_day) - cost) * rng.uniform(*change.saved, DRAWS) - change.upkeep_usd_month
    bounds = interval(draws, month.days)
    beside = f" and of {words.listing(change.says, 4)}" if change.says else ""
    if bill.declared:
        return Saving(
            usd_month=usd(estimate), low_usd_month=None, high_usd_month=None, baseline=bill.sentence, method="declared: no interval"
        )
    method = (
        f"95 % interval from {DRAWS:,} bootstrap draws of {month.days} days{beside}"
        if bounds
        else f"no interval: {words.count(month.days, 'day')} observed"
    )
    return Saving(
        usd_month=usd(estimate),
        low_usd_month=usd(min(bounds[0], estimate)) if bounds else None,
        high_usd_month=usd(max(bounds[1], estimate)) if bounds else None,
        baseline=bill.sentence,
        method=f"mean day × {DAYS_A_MONTH}; {method}",
    )


def after(baseline_usd_month: Decimal | None, saving: Saving | None) -> Decimal | None:
    """What the workload costs then; None where either is unknown."""
    if baseline_usd_month is None or saving is None or saving.usd_month is None:
        return None
    return baseline_usd_month - saving.usd_month


def cheaper(usd_call: Decimal | None, incumbent: Decimal | None) -> float | None:
    """1 - one price of a call over the other; None where either is unknown or the incumbent is free."""
    return None if usd_call is None or not incumbent else float(1 - usd_call / incumbent)


def usd(value: float) -> Decimal:
    return Decimal(f"{value:.6f}")
