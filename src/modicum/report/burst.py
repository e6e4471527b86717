"""A day that brought most of the calls: usage in, words out. A month at the pace of such days supposes that it comes again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date

from modicum.report import words
from modicum.report.costing import day_of
from modicum.report.month import DAYS_A_MONTH, FEWEST_DAYS
from modicum.store.calls import UsageRow

MOST = 0.5
"""Of the calls: a day with more is pointed out, where days are many enough to say what is usual."""


def busiest(usage: Sequence[UsageRow]) -> tuple[date, float] | None:
    """The day with most of the calls and its share of them; None where no day has so many, or days are too few."""
    calls = Counter[date]()
    for row in usage:
        calls[day_of(row)] += row.calls
    if len(calls) < FEWEST_DAYS or not calls.total():  # exports of costs tell of days with dollars and no calls
        return None
    day, most = calls.most_common(1)[0]
    share = most / calls.total()
    return (day, share) if share > MOST else None


def beside_period(usage: Sequence[UsageRow]) -> str:
    """`, 88 % of them on 14 Oct 2026`; empty where no day stands out so."""
    found = busiest(usage)
    return "" if found is None else f", {words.percent(found[1])} of them on {words.span(found[0], found[0])}"


def said(usage: Sequence[UsageRow]) -> list[str]:
    """What that means for the month."""
    found = busiest(usage)
    if found is None:
        return []
    day = words.span(found[0], found[0])
    return [
        f"{day} brought {words.percent(found[1])} of the calls. A month is {DAYS_A_MONTH} times the mean day, that one among them: if it"
        " does not come again, a month costs far less, and 95 % limits over such unlike days say little. --since and --until leave days"
        " out."
    ]
