"""What good answers cost, in rows and sentences: a report in, what text and page show out."""

from __future__ import annotations

from dataclasses import dataclass

from modicum.report import words
from modicum.report.records import Report
from modicum.report.units import UnitFigures

MANY: dict[str, str] = {
    "correct answer": "correct answers",
    "resolved call": "resolved calls",
    "resolved conversation": "resolved conversations",
}
NOTE = (
    "Counted are calls and conversations that feedback speaks of, and no others. It comes by itself, so a share here is no share of all"
    " calls. What the others cost counts too: all that the judged ones cost is divided by those that were good. What a small model's own"
    " processor time costs is not in it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One row."""

    name: str
    who: str
    what: str
    cost: str
    interval: str
    count: str
    errors: str
    p95: str
    meets: str


def judged(report: Report) -> tuple[Judged, ...]:
    """A row a workload, side and kind of good end."""
    lines = {line.workload_id: line for line in report.workloads}
    found = []
    for one in report.units:
        line = lines.get(one.workload_id)
        name = "several workloads" if not one.workload_id else line.name if line is not None else one.workload_id
        of = f" of {line.calls:,}" if line is not None and one.what != "resolved conversation" else ""
        found.append(
            Judged(
                name=name,
                who=one.who,
                what=MANY[one.what],
                cost=_cost(one),
                interval="" if one.low_usd_each is None else f"{words.thousand(one.low_usd_each)} to {words.thousand(one.high_usd_each)}",
                count=f"{one.units:,}{of}",
                errors=f"{words.percent(one.error_rate)} ({words.percent(one.error_low)} to {words.percent(one.error_high)})",
                p95=words.seconds(one.p95_ms),
                meets=_meets(one),
            )
        )
    return tuple(found)


def targets(report: Report) -> str:
    """What is asked of an answer, in words; empty where nothing is."""
    first = report.units[0] if report.units else None
    if first is None or (first.target_ms is None and first.target_error is None):
        return ""
    parts = [f"within {words.seconds(first.target_ms)} s"] if first.target_ms is not None else []
    parts += [f"at most {words.percent(first.target_error)} not good"] if first.target_error is not None else []
    return f"Asked for: {' and '.join(parts)} ([report] target_ms, target_error)."


def _cost(one: UnitFigures) -> str:
    if one.usd_each is not None:
        return words.thousand(one.usd_each)
    if one.unpriced:
        return f"unknown: the price of {one.unpriced:,} of {one.units:,} is"
    return "none was good"


def _meets(one: UnitFigures) -> str:
    if one.target_ms is None and one.target_error is None:
        return "–"
    return {True: "yes, at 95 %", False: "no, at 95 %", None: "not shown"}[one.meets]
