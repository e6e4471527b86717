"""What stands in the page's head and in its ladders, prepared: a report in, names, notes and per cents out."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from modicum.report import charts, said, words
from modicum.report.proven import by_evidence
from modicum.report.records import Report, State, WorkloadFigures
from modicum.report.rungs import Evidence, Ladder, ObstacleKind, Rung

LONGEST_MODEL = 90
EVIDENCE_NAMES: dict[Evidence, str] = {
    "certified": "certified",
    "measured": "measured",
    "published": "only published",
    "none": "nothing known",
}
EVIDENCE_NOTES: dict[Evidence, str] = {
    "certified": "proven on these calls, and a promise with it",
    "measured": "seen on these calls, without a promise",
    "published": "a benchmark of others, on other data",
    "none": "nobody has shown that something smaller does it",
}
LONGEST_OBSTACLE = 130
"""Longer ones are folded away behind what they are about."""
OBSTACLES: dict[ObstacleKind, str] = {
    "licence": "its licence is to be read",
    "terms": "terms of use are to be read",
    "region": "where it is offered",
    "context": "its context is too short",
    "modality": "images, sound or files",
    "tools": "tools",
    "structured_output": "structured output",
    "residency": "where the data would lie",
    "retiring": "it retires",
    "latency": "its speed",
    "data": "the data for it",
}


STATES_SAY: dict[State, str] = {
    "on": "a small model answers what it is sure of",
    "canary": "a small model answers a share of the conversations, and is compared in the others",
    "shadow": "a small model is compared, its answers are not sent",
    "proposed": "a small model is proven good enough; a person has to switch it on",
    "paused": "a proven small model was switched off by a person, who may switch it on again",
    "rolled_back": "a small model was sent back, by an alarm or a person; another proof, on newer calls, has to come first",
    "retired": "a proven small model was put away, or replaced",
    "expired": "the proof is too old to answer under",
    "refused": "a small model was tried and could not be proven good enough",
    "not_tried": "the answers are short and fixed: `modicum fit` finds out whether a small model is good enough",
    "needs_reading": "the answers say more than what is read from them; `modicum workloads set` says whether that may be left out",
    "unsuited": "no small model of ours writes answers of this kind; another model may",
    "ignored": "left out by a person",
    "declared": "somebody said so, nobody recorded it",
}


def states(report: Report) -> list[tuple[str, str]]:
    """(state, what it says) of those that some workload is in, in order."""
    there = {line.state for line in report.workloads}
    return [(words.STATES[state], says) for state, says in STATES_SAY.items() if state in there]


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """One piece of the strip of evidence, in per cent."""

    evidence: Evidence
    name: str
    note: str
    share: float
    at: float
    size: float


def strips(report: Report) -> tuple[Strip, ...]:
    """The share of the spend by evidence, laid end to end."""
    laid, at = [], 0.0
    for one in by_evidence(report):
        size = min(one.share * 100, 100 - at)
        number = f"{words.count(one.workloads, 'workload')}; " if one.workloads else ""
        laid.append(
            Strip(
                evidence=one.evidence,
                name=EVIDENCE_NAMES[one.evidence],
                note=number + EVIDENCE_NOTES[one.evidence],
                share=one.share,
                at=round(at, 2),
                size=round(max(size - 0.2, 0.0), 2),
            )
        )
        at += size
    return tuple(laid)


def budget_bar(report: Report) -> dict[str, Any]:
    """The month against the budget, on a scale that holds both."""
    assert report.budget is not None
    budget, spend = report.budget, report.totals.spend_usd_month
    most = max(budget.usd, spend or Decimal(0)) * (Decimal("1.02") if (spend or 0) > budget.usd else 1)
    return {
        "sentence": said.against_budget(report),
        "note": said.at_rate(budget.currency, report.made_at.date()),
        "standing": budget.standing(spend, report.totals.unpriced_calls),
        "spend": charts.width(spend, most),
        "limit": min(99.8, charts.width(budget.usd, most)),
    }


def simple_rules(report: Report) -> list[tuple[str, str, Decimal | None, float]]:
    """(name, note, dollars a month, per cent of the dearest): the month under rules that need no thought, beside today's."""
    its = report.baselines
    if its is None:
        return []
    found = {
        "published": "a published benchmark says that it may be good enough",
        "measured": "seen on these calls to be good enough",
        "certified": "certified on these calls",
        "none": "nothing shows that it is good enough",
    }
    # One model, called for everything: each of these rules is what happens today.
    is_today = len(report.models) == 1 and its.naive_usd_month == its.today_usd_month
    naive = None if is_today else its.naive_usd_month
    honest = None if (its.honest_model, its.honest_usd_month) == (its.naive_model, its.naive_usd_month) else its.honest_usd_month
    rows = [
        (f"all on {words.visible(its.naive_model or '', LONGEST_MODEL)}", "the dearest that was called", naive),
        (f"all on {words.visible(its.honest_model or '', LONGEST_MODEL)}", found[its.honest_evidence], honest),
        ("as it is today", "", its.today_usd_month),
        ("with what is certified", "", its.ours_usd_month if its.ours_usd_month != its.today_usd_month else None),
    ]
    known = [(name, note, usd) for name, note, usd in rows if usd is not None]
    most = max((usd for _, _, usd in known), default=Decimal(0))
    return [(name, note, usd, charts.width(usd, most)) for name, note, usd in known]


def rung_width(line: WorkloadFigures, rung: Rung) -> float:
    """Per cent of what the workload's month costs without small models; what costs more fills it."""
    return charts.width(rung.usd_month, line.baseline_usd_month or Decimal(0))


def is_dearer(line: WorkloadFigures, rung: Rung) -> bool:
    """It would cost more than today: own hardware that nothing fills, most often."""
    return rung.usd_month is not None and line.baseline_usd_month is not None and rung.usd_month > line.baseline_usd_month


def assumptions(ladder: Ladder) -> list[str]:
    """What the rungs of a ladder suppose, each with the names of those that do."""
    by_text: dict[str, list[str]] = {}
    for rung in ladder.rungs:
        for text in rung.assumptions:
            by_text.setdefault(text, []).append(rung.name)
    return [f"{words.listing([words.visible(name, 60) for name in names], 6)}: {text}" for text, names in by_text.items()]
