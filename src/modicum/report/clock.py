"""How much of its first and its last day a log holds, told from the hours that calls came in: counts in, shares out.

A log that ends at half past eight holds a part of that day. Which part is no matter of the clock alone: where nobody calls at night, one
that begins at nine lacks nothing. So an hour of the day counts with the calls that it has on the days that held it, and a day with the
hours that were recorded of it. With n days each hour of the day brings calls[h] / cover[h] a day; their sum is a whole day. To the hour,
in UTC. Hours that no day held say nothing: then the day is what was recorded of it, and `Edges.hours` says how little that is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from modicum.report.costing import day_of
from modicum.report.month import LONGEST_SILENCE, Edges, observed_days

if TYPE_CHECKING:
    from modicum.store.calls import UsageRow

HOURS = range(24)
Cell = tuple[date, int]
"""An hour of a day."""


def edges_by_scope(usage: Iterable[UsageRow], cells: Iterable[tuple[str, str, int, int]]) -> dict[str, Edges]:
    """Of the days that each scope's rows of usage observe. `cells`: (scope, day, hour, calls) of the whole log, the days around these too.

    What a provider's total tells of, it tells of whole days.
    """
    days, told = defaultdict[str, set[date]](set), set[tuple[str, date]]()
    for row in usage:
        days[row.scope].add(day_of(row))
        if row.told:
            told.add((row.scope, day_of(row)))
    counts = defaultdict[str, Counter[Cell]](Counter)
    for scope, day, hour, calls in cells:
        counts[scope][date.fromisoformat(day), hour] += calls
    found = {}
    for scope, its in days.items():
        observed, _ = observed_days(its)
        first, last = observed[0], observed[-1]
        cells_of = counts[scope]
        begun = any(0 < (first - day).days <= LONGEST_SILENCE.days for day, _ in cells_of)
        over = not any(0 < (day - last).days <= LONGEST_SILENCE.days for day, _ in cells_of)
        parts = edges(cells_of, observed, begins=not begun, ends=over)
        found[scope] = replace(
            parts,
            first=1.0 if (scope, first) in told else parts.first,
            last=1.0 if (scope, last) in told else parts.last,
            hours=24 if any(where == scope for where, _ in told) else parts.hours,
        )
    return found


def length(usage: Iterable[UsageRow], cells: Iterable[tuple[str, str, int, int]]) -> float:
    """How many whole days these rows are of, all scopes together."""
    rows = [replace(row, scope="") for row in usage]
    observed, _ = observed_days(map(day_of, rows))
    whole = edges_by_scope(rows, (("", day, hour, calls) for _, day, hour, calls in cells))[""]
    return float(whole.parts(len(observed)).sum())


def edges(cells: Mapping[Cell, int], days: Sequence[date], *, begins: bool = True, ends: bool = True) -> Edges:
    """`cells`: calls by hour. `days`: those observed. `begins`, `ends`: the log itself does on the first, on the last of them; else that
    one is whole."""
    held = {cell: calls for cell, calls in cells.items() if days[0] <= cell[0] <= days[-1]}
    if not held:
        return Edges()
    first = min(held) if begins else (days[0], 0)
    last = max(held) if ends else (days[-1], HOURS[-1])
    cover = Counter(hour for day in days for hour in HOURS if first <= (day, hour) <= last)
    calls = Counter[int]()
    for (_, hour), number in held.items():
        calls[hour] += number
    rates = {hour: calls[hour] / cover[hour] for hour in cover}
    whole = sum(rates.values())

    def part(day: date) -> float:
        return sum(rate for hour, rate in rates.items() if first <= (day, hour) <= last) / whole

    if first[0] != days[0] or last[0] != days[-1]:
        # The first or the last day is none of these calls': something else was observed on it.
        return Edges()
    return Edges(first=part(days[0]), last=part(days[-1]), hours=len(cover), begins=first[1], ends=last[1] + 1)
