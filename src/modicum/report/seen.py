"""How much of the calls was seen, and what the seen part says of all of them: rows in, figures out.

A call is *seen* where what was asked came in with it; a log of usage alone tells of calls that nobody here has seen, and no workload
can be found for them. Totals come from all calls. What a workload has of them is estimated from those seen, within each scope and model (a
stratum): its share of the seen calls times all calls of the stratum, and its share of the seen spend times the stratum's spend.

The interval is 95 %: a ratio estimator whose days are the clusters, with Student's quantile for so many days, never narrower than the
exact binomial's (Clopper and Pearson: where all 35 that were seen agree, the others may not), and narrowed by the finite share that was
seen (nothing is uncertain where all was). Under three days nobody can say how one differs from another: the interval is then over calls
alone, the binomial's, and says so. It supposes that within a scope and model the calls that were seen are like the others. Calls of a
scope and model of which none was seen are said apart: nothing speaks for them.
Sources: Cochran, Sampling Techniques (1977), sections 6.3 and 9; Clopper and Pearson (1934).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from modicum.catalog import Catalogue
from modicum.report import words
from modicum.report.costing import model_of
from modicum.report.month import NORMAL_975, T_975
from modicum.report.spend import spend
from modicum.stats.binomial import clopper_pearson

if TYPE_CHECKING:
    from modicum.store.calls import UsageRow

FEWEST_DAYS = 3
CONFIDENCE = 0.95
MOST_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The share of the calls that came with what was asked."""

    calls: int
    seen_calls: int
    spend_usd: Decimal | None
    """Of the calls whose cost is known."""
    seen_usd: Decimal | None
    unreached_calls: int
    """Of a scope and model of which no call was seen."""
    unreached_usd: Decimal | None

    @property
    def share_calls(self) -> float:
        return self.seen_calls / self.calls if self.calls else 1.0

    @property
    def share_spend(self) -> float | None:
        return None if not self.spend_usd or self.seen_usd is None else float(self.seen_usd / self.spend_usd)

    @property
    def whole(self) -> bool:
        return self.seen_calls == self.calls


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure of all calls, told from those seen, with its 95 % interval; the three are one where all were seen."""

    value: float
    low: float
    high: float
    over: Literal["days", "calls"] = "days"
    """What the interval is over; calls under three days."""

    @property
    def whole(self) -> tuple[int, int, int]:
        """In whole calls (value, low, high), outwards: so every form shows it."""
        return round(self.value), math.floor(self.low), math.ceil(self.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaled:
    """A workload (None: no workload) among all calls."""

    workload_id: str | None
    seen_calls: int
    seen_usd: Decimal
    calls: Estimate
    spend_usd: Estimate | None
    """None where no seen call's cost is known."""


@dataclass(slots=True)
class _Stratum:
    """One scope's calls to one model."""

    rows: list[UsageRow] = field(default_factory=list)
    seen: list[UsageRow] = field(default_factory=list)


def seen(rows: Sequence[UsageRow], catalogue: Catalogue) -> Seen:
    """How much of these calls was seen."""
    shown = [row for row in rows if row.seen]
    blind = [row for one in _strata(rows).values() if not one.seen for row in one.rows]
    return Seen(
        calls=sum(row.calls for row in rows),
        seen_calls=sum(row.calls for row in shown),
        spend_usd=spend(rows, catalogue).known_usd,
        seen_usd=spend(shown, catalogue).known_usd,
        unreached_calls=sum(row.calls for row in blind),
        unreached_usd=spend(blind, catalogue).known_usd,
    )


def scaled(rows: Sequence[UsageRow], catalogue: Catalogue) -> tuple[Scaled, ...]:
    """Every workload that was seen, scaled up to all calls of its scope and models, dearest first."""
    parts: dict[str | None, list[_Stratum]] = defaultdict(list)
    for one in _strata(rows).values():
        for workload_id in dict.fromkeys(row.workload_id for row in one.seen):
            parts[workload_id].append(one)
    found = [_scaled(workload_id, its, catalogue) for workload_id, its in parts.items()]
    return tuple(
        sorted(found, key=lambda one: (-(one.spend_usd.value if one.spend_usd else -1.0), -one.calls.value, one.workload_id or ""))
    )


def _strata(rows: Iterable[UsageRow]) -> dict[tuple[str, str], _Stratum]:
    found: dict[tuple[str, str], _Stratum] = defaultdict(_Stratum)
    for row in rows:
        if row.refused:
            continue  # nobody answered: it is of no workload's bill, and says nothing of those that were
        one = found[row.scope, model_of(row)]
        one.rows.append(row)
        if row.seen:
            one.seen.append(row)
    return found


def _scaled(workload_id: str | None, strata: Sequence[_Stratum], catalogue: Catalogue) -> Scaled:
    calls, dollars = [], []
    seen_calls, seen_usd = 0, Decimal(0)
    for one in strata:
        mine = [row for row in one.seen if row.workload_id == workload_id]
        share = sum(row.calls for row in one.seen) / sum(row.calls for row in one.rows)
        seen_calls += sum(row.calls for row in mine)
        paid = spend(mine, catalogue)
        seen_usd += paid.usd
        shown = _by_day(one.seen)
        calls.append(_ratio(_by_day(mine), shown, float(sum(row.calls for row in one.rows)), share, int(sum(shown.values()))))
        whole = spend(one.rows, catalogue)
        if (part := spend(one.seen, catalogue)).usd > 0:
            by_day = {str(day): float(usd) for day, usd in paid.by_day.items()}
            of = {str(day): float(usd) for day, usd in part.by_day.items()}
            dollars.append(_ratio(by_day, of, float(whole.usd), share, part.priced_calls))
    return Scaled(
        workload_id=workload_id,
        seen_calls=seen_calls,
        seen_usd=seen_usd,
        calls=_sum(calls, float(seen_calls)),
        spend_usd=_sum(dollars, float(seen_usd)) if dollars else None,
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """One stratum's estimate, its variance over days, and how many days speak for it."""

    value: float
    variance: float
    days: int
    most: float
    ratio: float
    sample: float
    """Calls that speak for it, and for more of them than there are the nearer they are to all."""


def _ratio(mine: dict[str, float], of: dict[str, float], total: float, share: float, seen_calls: int) -> _Part:
    """`total` times the ratio of two sums over days."""
    whole = sum(of.values())
    ratio = sum(mine.values()) / whole
    unseen = max(0.0, 1.0 - share)
    days = len(of)
    clustered = 0.0
    if days >= 2:
        rest = sum((mine.get(day, 0.0) - ratio * value) ** 2 for day, value in of.items())
        clustered = unseen * days / (days - 1) * rest / whole**2
    bounded = min(max(ratio, 0.0), 1.0)
    sample = max(seen_calls, 1) / unseen if unseen else math.inf
    return _Part(total * ratio, total**2 * clustered, days, total, bounded, sample)


def _sum(parts: Sequence[_Part], at_least: float) -> Estimate:
    value, days = sum(part.value for part in parts), min(part.days for part in parts)
    most = sum(part.most for part in parts)
    below, above = (math.hypot(*each) for each in zip(*map(_exact, parts), strict=True))
    half = _student(days - 1) * math.sqrt(sum(part.variance for part in parts)) if days >= FEWEST_DAYS else 0.0
    low, high = value - max(half, below), value + max(half, above)
    over: Literal["days", "calls"] = "days" if days >= FEWEST_DAYS else "calls"
    return Estimate(value=value, low=min(value, max(at_least, low)), high=max(value, min(most, high)), over=over)


def _exact(part: _Part) -> tuple[float, float]:
    """How far below and above a stratum's estimate its exact binomial limits are."""
    if math.isinf(part.sample):
        return 0.0, 0.0
    low, high = clopper_pearson(part.ratio * part.sample, part.sample, CONFIDENCE)
    return part.most * max(0.0, part.ratio - low), part.most * max(0.0, high - part.ratio)


def _student(df: int) -> float:
    return T_975[df - 1] if df <= len(T_975) else NORMAL_975


def _by_day(rows: Iterable[UsageRow]) -> dict[str, float]:
    found: dict[str, float] = defaultdict(float)
    for row in rows:
        found[row.day] += row.calls
    return found


def said(rows: Sequence[UsageRow], names: Mapping[str, str], catalogue: Catalogue) -> tuple[str, ...]:
    """What a reader must know where not all calls were seen, in sentences; nothing where all were. `names`: of workloads, by id."""
    share = seen(rows, catalogue)
    if share.whole:
        return ()
    told = [
        f"{words.percent(share.share_calls)} of the calls were seen ({share.seen_calls:,} of {share.calls:,}"
        + (f"; {words.percent(share.share_spend)} of the spend" if share.share_spend is not None else "")
        + "): of the others a log told the usage and not what was asked. Totals are of all calls; what a workload has of those that were"
        " not seen is told from those that were, by scope and model."
    ]
    found = [one for one in scaled(rows, catalogue) if one.workload_id in names][:MOST_NAMED]
    if found:
        parts = [f"{words.visible(names[one.workload_id or ''], 60)} {_about(one)}" for one in found]
        told.append(
            "If the calls of a scope and model that were not seen are like those seen, there are of all calls about "
            + "; ".join(parts)
            + " (95 %)."
            + (
                f" Fewer than {FEWEST_DAYS} days are too few to say how one differs from another: these intervals are over calls alone."
                if any(one.calls.over == "calls" for one in found)
                else ""
            )
        )
    if share.unreached_calls:
        paid = f", {words.money(share.unreached_usd)}" if share.unreached_usd is not None else ""
        told.append(
            f"Of {words.count(share.unreached_calls, 'call')}{paid} no other of the same scope and model was seen: nothing speaks for them."
        )
    return tuple(told)


def _about(one: Scaled) -> str:
    about, low_calls, high_calls = one.calls.whole
    calls = f"{about:,} calls ({low_calls:,} to {high_calls:,})"
    if one.spend_usd is None:
        return calls
    value, low, high = (words.money(Decimal(repr(round(usd, 6)))) for usd in (one.spend_usd.value, one.spend_usd.low, one.spend_usd.high))
    return f"{calls}, {value} ({low} to {high})"
