"""What routes saved, in words: assumed, measured and invoiced beside one another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from modicum.report import words
from modicum.report.records import Report
from modicum.report.sides import Measured, MeasuredSaving
from modicum.stats.arms import FEWEST

NOTE = (
    "Measured: the coin kept some conversations with the incumbent, whatever they say. From what those cost, by the length of their"
    " requests, follows what the others would have cost; off go what they did cost, answers that were only compared, labels and our own"
    " processor time. 95 % by the jackknife over conversations. Assumed: the certificate's coverage of the same calls. Nothing is scaled to"
    " a month."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """One route's row, all of it text."""

    name: str
    calls: str
    kept: str
    assumed: str
    measured: str
    interval: str
    beside: str
    """What was taken off for comparing, labels and computing."""
    differed: str
    resolved: str


def saved(report: Report) -> tuple[Saved, ...]:
    """A row a route that calls were given to, or that took something to compare."""
    names = {line.workload_id: line.name for line in report.workloads}
    many = Counter(one.workload_id for one in report.measured.routes)
    return tuple(_row(_name(names.get(one.workload_id, one.workload_id), one, many), one) for one in report.measured.routes)


def _name(workload: str, one: MeasuredSaving, many: Mapping[str, int]) -> str:
    """The workload's; with the route and the days of its calls where several routes answered it."""
    return (
        workload
        if many[one.workload_id] < 2
        else f"{words.visible(workload, 40)}: {one.route_id}, {one.since:%Y-%m-%d} to {one.until:%Y-%m-%d}"
    )


def total(found: Measured) -> str:
    """One sentence on all routes; empty where nothing was measured."""
    if found.net_usd is None:
        return ""
    interval = "" if found.low_usd in (None, found.high_usd) else f" ({_between(found.low_usd, found.high_usd)})"
    assumed = "" if found.assumed_usd is None else f"; assumed {words.money(found.assumed_usd)}"
    invoiced = (
        f"; invoiced {words.money(found.invoiced_usd)}" if found.invoiced_usd is not None else f"; not invoiced: {found.invoiced_why}"
    )
    return f"Saved so far: measured {words.money(found.net_usd)}{interval}{assumed}{invoiced}."


def _row(name: str, one: MeasuredSaving) -> Saved:
    beside = one.compared_usd + one.labels_usd + one.compute_usd
    return Saved(
        name=name,
        calls=f"{one.calls:,}",
        kept=f"{one.kept:,} in {one.conversations:,}",
        assumed=words.money(one.assumed_usd),
        measured=words.money(one.net_usd),
        interval=_interval(one),
        beside=words.money(beside),
        differed=f"{one.differed:,} of {one.audits:,}",
        resolved=_resolved(one),
    )


def _interval(one: MeasuredSaving) -> str:
    if not one.calls:
        return "nothing to estimate"
    return _between(one.low_usd, one.high_usd) or (f"{FEWEST} kept conversations at least" if one.conversations < FEWEST else "–")


def _resolved(one: MeasuredSaving) -> str:
    if one.ends is None:
        return "–"
    ends = one.ends
    points = f"{100 * ends.difference:+.1f} points ({100 * ends.low:+.1f} to {100 * ends.high:+.1f})"
    return f"{words.percent(ends.route_rate)}, {words.percent(ends.incumbent_rate)}: {points}"


def _between(low: Decimal | None, high: Decimal | None) -> str:
    return "" if low is None or high is None else f"{words.money(low)} to {words.money(high)}"
