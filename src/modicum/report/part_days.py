"""Sentences on days of which a log holds a part, and on logs of less than a day: records in, words out."""

from __future__ import annotations

from collections.abc import Sequence

from modicum.report import words
from modicum.report.month import DAYS_A_MONTH, FEWEST_DAYS
from modicum.report.records import Period

NEARLY = 0.995
"""A day that counts as so much is whole."""


def part_days(period: Period, *, several: bool) -> list[str]:
    """Which days count as a part of one, and why; nothing where all are whole. `several`: name the scope."""
    where = f" in scope '{words.visible(period.scope, 60)}'" if several else ""
    edges = period.edges
    if edges.hours < 24:
        return [
            f"Calls came in {words.count(edges.hours, 'hour')} of the day alone{where}, {words.span(period.from_day, period.to_day)}: too"
            f" little to say what a day brings. The month is {DAYS_A_MONTH} times what these hours brought, as if nobody called in the"
            f" others; at this pace all day it would be {edges.most:.1f} times that."
        ]
    found = []
    if edges.first < NEARLY:
        found.append(f"{words.span(period.from_day, period.from_day)} from {edges.begins:02d}:00 as {edges.first:.2f} of a day")
    if edges.last < NEARLY:
        found.append(f"{words.span(period.to_day, period.to_day)} until {edges.ends:02d}:00 as {edges.last:.2f} of a day")
    if not found:
        return []
    return [
        f"Days of which only a part was recorded count as that part{where}: {' and '.join(found)} (UTC), by how the calls of the other days"
        f" fall on the hours. That makes {period.days:.2f} days."
    ]


def spend_over(periods: Sequence[Period]) -> str:
    """What the interval of the month's spend is over."""
    few = [period for period in periods if period.days_observed < FEWEST_DAYS]
    if any(period.edges.hours < 24 for period in periods):
        return "calls, and up to this pace all day"
    return "calls: the days are too few to say how one differs from another" if few else "the days observed"
