"""Spend over time and by scope: rows of usage in, records out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING

from modicum.catalog import Catalogue
from modicum.report.costing import day_of
from modicum.report.history import ScopeSpend, Slice, Step, Trend
from modicum.report.month import WHOLE, Edges
from modicum.report.records import WorkloadFigures
from modicum.report.saving import a_month
from modicum.report.spend import Spend, spend

if TYPE_CHECKING:
    from modicum.store.calls import UsageRow

APART = 4
"""Workloads that are shown for themselves: more colours than that nobody tells apart."""
MOST_DAYS, MOST_WEEKS = 62, 60
REST = "all else"
NEARLY = 0.95
"""Of what a day brings, from which on a day counts as whole in the drawing."""
ALL = "all calls"
"""Where no workload stands apart."""


def trend(
    usage: Sequence[UsageRow],
    lines: Sequence[WorkloadFigures],
    observed: Mapping[str, Sequence[date]],
    catalogue: Catalogue,
    *,
    edges: Mapping[str, Edges] = MappingProxyType({}),
) -> Trend:
    """The spend of every step from the first day to the last. `lines`: dearest first; `observed`: the days of each scope; `edges`: which
    part of the first and of the last was recorded."""
    apart = [line for line in lines if line.spend_usd][:APART]
    place = {line.workload_id: number for number, line in enumerate(apart)}
    looked = set().union(*observed.values())
    first, last = min(looked), max(looked)
    step: Step = "day" if (last - first).days < MOST_DAYS else "week" if (last - first).days < 7 * MOST_WEEKS else "month"
    sums: dict[date, tuple[Spend, list[Spend]]] = defaultdict(lambda: (Spend(), [Spend() for _ in range(len(apart) + 1)]))
    for row in usage:
        whole, parts = sums[start_of(day_of(row), step)]
        part = parts[place.get(row.workload_id or "", len(apart))]
        for its in (whole, part):
            its.add_stage(row)
            if not row.specialist:
                its.add(row, catalogue)
        if row.specialist:
            whole.calls += row.calls
            whole.priced_calls += row.calls
    rest = any(parts[-1].calls or parts[-1].usd or parts[-1].stages_usd for _, parts in sums.values())
    slices = []
    cut = _cut(observed, edges)
    for start, end in steps(first, last, step):
        whole, parts = sums.get(start_of(start, step), (Spend(), [Spend() for _ in range(len(apart) + 1)]))
        slices.append(
            Slice(
                first=start,
                last=end,
                calls=whole.calls,
                unpriced_calls=whole.unpriced_calls,
                spend_usd=whole.known_usd,
                parts_usd=tuple(part.usd + part.stages_usd for part in (parts if rest else parts[:-1])),
                observed=any(start + timedelta(days=n) in looked for n in range((end - start).days + 1)),
                part=_whole(start, step) != (start, end) or start in cut or end in cut,
            )
        )
    several = len(observed) > 1
    names = [f"{line.name} ({line.scope})" if several else line.name for line in apart] + ([REST if apart else ALL] if rest else [])
    return Trend(step=step, names=tuple(names), slices=tuple(slices))


def _cut(observed: Mapping[str, Sequence[date]], edges: Mapping[str, Edges]) -> set[date]:
    """Days of which all that recorded anything recorded a part."""
    parts: dict[date, list[float]] = defaultdict(list)
    for scope, days in observed.items():
        its = edges.get(scope, WHOLE)
        for day, part in zip(days, its.parts(len(days)), strict=True):
            parts[day].append(min(float(part), its.hours / 24))
    return {day for day, its in parts.items() if max(its) < NEARLY}


def _whole(day: date, step: Step) -> tuple[date, date]:
    """The first and the last day of the step that a day lies in."""
    start = start_of(day, step)
    last = {"day": start, "week": start + timedelta(days=6), "month": (start + timedelta(days=31)).replace(day=1) - timedelta(days=1)}
    return start, last[step]


def start_of(day: date, step: Step) -> date:
    """The first day of the step that a day lies in; weeks begin on Mondays."""
    if step == "day":
        return day
    return day - timedelta(days=day.weekday()) if step == "week" else day.replace(day=1)


def steps(first: date, last: date, step: Step) -> Iterable[tuple[date, date]]:
    """(first day, last day) of every step between two days, cut to them."""
    start = first
    while start <= last:
        if step == "day":
            after = start + timedelta(days=1)
        elif step == "week":
            after = start + timedelta(days=7 - start.weekday())
        else:
            after = (start.replace(day=1) + timedelta(days=32)).replace(day=1)
        yield start, min(last, after - timedelta(days=1))
        start = after


def spend_by_scope(
    usage: Sequence[UsageRow], lines: Sequence[WorkloadFigures], days: Mapping[str, float], catalogue: Catalogue
) -> tuple[ScopeSpend, ...]:
    """One line a scope, dearest first. `days`: how many of each were observed, part days as their part."""
    by_scope: dict[str, list[UsageRow]] = defaultdict(list)
    for row in usage:
        by_scope[row.scope].append(row)
    found = []
    for scope, rows in by_scope.items():
        paid = spend(rows, catalogue)
        its = [line for line in lines if line.scope == scope]
        saved = [line.saving.usd_month for line in its if line.saving is not None]
        known = [value for value in saved if value is not None]
        found.append(
            ScopeSpend(
                scope=scope,
                calls=sum(row.calls for row in rows),
                unpriced_calls=paid.unpriced_calls,
                spend_usd=paid.known_usd,
                spend_usd_month=a_month(paid.known_usd, days[scope]),
                workloads=len(its),
                saving_usd_month=sum(known, Decimal(0)) if known else None,
            )
        )
    return tuple(sorted(found, key=lambda line: (line.spend_usd is None, -(line.spend_usd or 0), -line.calls, line.scope)))
