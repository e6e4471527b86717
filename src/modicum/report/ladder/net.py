"""From what a rung costs to what it saves in a month, with an interval: dollars by day in, a Saving out.

What comes off a saving comes off here, once: the calls that stay with the incumbent, audits, machines, computing. What is paid once
(labels, work, training) stands beside it, in `LadderSettings.one_off_usd`.

Days are resampled once for both sides, so a busy day is dear on both. Under three days nothing can be said of days: the interval is then
over calls alone, as many of them as a Poisson count brings, as unlike as short and long ones are. Beside that, the interval carries what a
rung supposes: how many tokens another model counts, how long it thinks, how many calls it answers. Of declared calls it carries that alone.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from modicum.report import words
from modicum.report.costing import day_of
from modicum.report.ladder.bill import Priced
from modicum.report.ladder.case import Case
from modicum.report.month import DAYS_A_MONTH, DRAWS, FEWEST_DAYS, Coverage, Floats, Month, drawn_from, interval, over_calls, shares
from modicum.report.saving import usd
from modicum.report.traffic import WorkloadTraffic
from modicum.types import Saving

if TYPE_CHECKING:
    from modicum.store.calls import UsageRow

ALL = Coverage(share=1.0, accepted=0, groups=0)
NORMAL_95 = 1.645


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What is not the same as today. Ranges are uniform."""

    cost: Priced | None = None
    """Of the same calls, all of them answered by the rung; None: nothing."""
    answers: Coverage = ALL
    """The part of the calls that it answers; without groups the share is certain."""
    watched: bool = False
    """Another model answers: the control share stays with the incumbent, and audits are paid."""
    factor: tuple[float, float] = (1.0, 1.0)
    """The rung's cost times something between these; the estimate takes 1."""
    more: Floats | None = None
    """Dollars by day that may come on top of it, between none and all; the estimate takes none."""
    spread: float | None = None
    """Where `more` is in the cost already: it comes this many times less to as many times more, evenly in ratios."""
    saved: tuple[float, float] = (1.0, 1.0)
    """What is saved times something between these; the estimate takes 1."""
    machines_usd_month: Decimal = Decimal(0)
    """They cost the same whatever comes."""
    says: tuple[str, ...] = ()
    """What beside the days the interval carries, in words."""


def saved(change: Change, case: Case, name: str) -> Saving | None:
    """A month, against what the compared calls cost; None where none can be compared. `name` seeds what is drawn for the rung."""
    bill, month, settings = case.bill, case.month, case.settings
    if not bill.compared:
        return None
    spent = np.zeros(len(bill.days)) if change.cost is None else change.cost.by_day
    kept = settings.control_share if change.watched else 0.0
    upkeep = float(change.machines_usd_month + (settings.audit_usd_month if change.watched else 0))
    estimate = change.answers.share * (1 - kept) * (bill.month_usd - month.mean(spent)) - upkeep
    if bill.declared and not change.says:
        return Saving(
            usd_month=usd(estimate), low_usd_month=None, high_usd_month=None, baseline=bill.sentence, method="declared: no interval"
        )
    rng = np.random.default_rng(_seed(case.key(name)))
    share: float | Floats = shares(change.answers, rng) if change.answers.groups else change.answers.share
    cost = paces(case, spent) * rng.uniform(*change.factor, DRAWS)
    if change.more is not None:
        times = rng.uniform(0.0, 1.0, DRAWS)
        if change.spread is not None:
            times = change.spread ** (2 * times - 1) - 1
        cost = cost + paces(case, change.more) * times
    draws = share * (1 - kept) * (paces(case, bill.by_day) - cost) * rng.uniform(*change.saved, DRAWS) - upkeep
    low, high = interval(draws)
    return Saving(
        usd_month=usd(estimate),
        low_usd_month=usd(min(low, estimate)),
        high_usd_month=usd(max(high, estimate)),
        baseline=bill.sentence,
        method=_method(change, month.days, bill.calls, declared=bill.declared),
    )


def _method(change: Change, days: int, calls: int, *, declared: bool) -> str:
    supposed = words.listing(change.says, 4)
    if declared:
        return f"declared; 95 % interval from {DRAWS:,} draws of {supposed}, and of nothing else: how months differ nobody recorded"
    of = f"{drawn_from(days, calls)}{f' and of {supposed}' if supposed else ''}"
    return f"mean day × {DAYS_A_MONTH}; 95 % interval from {DRAWS:,} bootstrap draws of {of}"


def less(saving: Saving | None, case: Case, *, answered: float) -> Saving | None:
    """A certificate's saving, which is net of the control share, net of computing and audits too. `answered`: calls a month."""
    if saving is None or saving.usd_month is None:
        return saving
    cost = usd(answered * float(case.settings.serving_usd_call)) + case.settings.audit_usd_month
    low, high = saving.low_usd_month, saving.high_usd_month
    return replace(
        saving,
        usd_month=saving.usd_month - cost,
        low_usd_month=None if low is None else low - cost,
        high_usd_month=None if high is None else high - cost,
    )


def paces(case: Case, by_day: Floats) -> Floats:
    """Plausible dollars a month, shape (DRAWS,). Draws of two calls belong together, one by one."""
    if case.month.days >= FEWEST_DAYS or case.bill.declared:
        return case.month.paces(by_day)
    return case.month.mean(by_day) * over_calls(case.bill.calls, _seed(case.key("calls")), _spread(case.traffic))


def volume(rows: Sequence[UsageRow], days: Sequence[date], month: Month, key: str) -> tuple[float, float]:
    """95 % of the calls that a month may bring."""
    at = {day: number for number, day in enumerate(days)}
    by_day = np.zeros(len(days))
    for row in rows:
        by_day[at[day_of(row)]] += row.calls
    few = month.days < FEWEST_DAYS
    low, high = interval(month.mean(by_day) * over_calls(int(by_day.sum()), _seed(key), 0.0) if few else month.paces(by_day))
    return round(low, 1), round(high, 1)


def after(baseline_usd_month: Decimal | None, saving: Saving | None) -> Decimal | None:
    """What the workload costs then; None where either is unknown."""
    if baseline_usd_month is None or saving is None or saving.usd_month is None:
        return None
    return baseline_usd_month - saving.usd_month


def cheaper(usd_call: Decimal | None, incumbent: Decimal | None) -> float | None:
    """1 - one price of a call over the other; None where either is unknown or the incumbent is free."""
    return None if usd_call is None or not incumbent else float(1 - usd_call / incumbent)


def _spread(told: WorkloadTraffic | None) -> float:
    """Of the lengths, taken as lognormal through their median and 95th percentile; 1 where these are not known."""
    pairs = [(told.input_tokens_p50, told.input_tokens_p95), (told.output_tokens_p50, told.output_tokens_p95)] if told is not None else []
    found = [math.log(high / low) / NORMAL_95 for low, high in pairs if low and high and high >= low]
    return min(10.0, math.sqrt(math.expm1(max(found) ** 2))) if found else 1.0


def _seed(key: str) -> int:
    return zlib.crc32(key.encode())
