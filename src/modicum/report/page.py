"""The report as one self-contained HTML page: no scripts, nothing fetched, everything from a log escaped.

The page's own style is allowed by its digest and nothing else is. Prompts stand there with their slots marked, never
with what the slots held. The markup is in `html/`, drawings are made by `charts`; this module brings them together.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup, escape

from modicum.report import asked, charts, said, words
from modicum.report.currency import shown_in
from modicum.report.history import Side
from modicum.report.proven import by_evidence
from modicum.report.quality import gaps
from modicum.report.records import IN_FORCE, Report, TemplateText, WorkloadFigures
from modicum.report.rungs import Evidence, Ladder, ObstacleKind, Rung
from modicum.report.trend import REST

LONGEST_NAME = 90
LONGEST_ID = 28
LONGEST_SENTENCE = 1_500
LONGEST_TEMPLATE = 8_000
OPEN_ARTICLES = 12
"""Workloads whose ladder stands open; the cheaper ones are folded away."""
MOST_ROWS = 30
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """One piece of the strip of evidence, in per cent."""

    evidence: Evidence
    name: str
    note: str
    share: float
    at: float
    size: float


def render(report: Report) -> str:
    """The page, whole, in the report's currency."""
    with shown_in(report.currency):
        return _environment().get_template("page.html.j2").render(_shown(report))


def _shown(report: Report) -> dict[str, Any]:
    style, (headline, lead) = _read("page.css"), said.headline(report)
    lines = report.workloads
    dearest = max((line.baseline_usd_month or Decimal(0) for line in lines), default=Decimal(0))
    ladders = {ladder.workload_id: ladder for ladder in report.ladders}
    greatest = max((scope.spend_usd_month or Decimal(0) for scope in report.scopes), default=Decimal(0))
    clock, rows, known_gaps = asked.clock(report), asked.asked(report), gaps(report)
    certified = [line for line in lines if line.state in IN_FORCE]
    return {
        "report": report,
        "headline": headline,
        "lead": lead,
        "words": words,
        "style": Markup(style),
        "digest": base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        "contents": _contents(report, bool(certified)),
        "budget": None if report.budget is None else _budget(report),
        "proven": strips(report),
        "change": _change(report),
        "effects": charts.effects(report.comparison) if report.comparison else (),
        "simple": simple_rules(report),
        "drawn": charts.columns(report.trend) if report.trend and len(report.trend.slices) > 1 else None,
        "rest": REST,
        "bars": {line.workload_id: charts.bar(line, dearest) for line in lines},
        "scope_widths": [charts.width(scope.spend_usd_month, greatest) for scope in report.scopes],
        "several_scopes": len(report.periods) > 1,
        "certified": certified,
        "untried": [line for line in lines if line.state == "not_tried"],
        "others": [line for line in lines if line.state not in (*IN_FORCE, "not_tried")],
        "uncertified": [line for line in lines if line.state not in IN_FORCE],
        "in_force": IN_FORCE,
        "ladders": ladders,
        "rung_width": rung_width,
        "is_dearer": is_dearer,
        "OBSTACLES": OBSTACLES,
        "longest_obstacle": LONGEST_OBSTACLE,
        "assumptions": assumptions,
        "asked": rows,
        "shares_known": any(
            share is not None for row in rows for share in (row.its.static_share, row.cached, row.its.resent_share, row.its.repeated_share)
        ),
        "traffic_said": asked.said(report),
        "conversations_said": asked.conversations_said(report),
        "clock": None if clock is None else {"pieces": charts.hours(clock.counts), "counts": clock.counts, "summary": clock.summary},
        "missing": [gap for gap in known_gaps if gap.number],
        "none_of": "; ".join(f"{gap.unit} {gap.name}" for gap in known_gaps if not gap.number),
        "method": method(report),
        "pieces": pieces,
        "open_articles": OPEN_ARTICLES,
        "most_rows": MOST_ROWS,
    }


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=jinja2.FunctionLoader(_read),
        auto_reload=False,
    )
    environment.filters.update(
        money=words.money,
        signed=words.signed,
        thousand=words.thousand,
        spent=_spent,
        saving=words.saving,
        percent=words.percent,
        maybe=lambda share: "–" if share is None else words.percent(share),
        tokens=lambda number: "–" if number is None else f"{number:,}",
        seconds=words.seconds,
        count=words.count,
        name=lambda text: words.visible(text, LONGEST_NAME),
        brief=lambda text: words.visible(text, LONGEST_ID),
        prose=prose,
    )
    return environment


def _read(name: str) -> str:
    return files("modicum.report").joinpath("html", name).read_text(encoding="utf-8")


def prose(text: str) -> Markup:
    """A sentence, escaped, with what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(words.visible(text, LONGEST_SENTENCE)))))


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


def _budget(report: Report) -> dict[str, Any]:
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


def _change(report: Report) -> dict[str, str] | None:
    if report.comparison is None:
        return None
    before, after = report.comparison.before.usd_call, report.comparison.after.usd_call
    return {
        "sentence": said.changed(report.comparison),
        "before": f"{words.thousand(before)} a thousand",
        "after": f"{words.thousand(after)} a thousand",
    }


def _spent(side: Side) -> str:
    """A workload without calls spent nothing; one without a price, nobody knows what."""
    return "–" if not side.calls else words.money(side.spend_usd if side.priced_calls else None)


def _contents(report: Report, certified: bool) -> list[tuple[str, str]]:
    """(anchor, name) of the sections that are there."""
    untried = any(line.state == "not_tried" for line in report.workloads)
    there = [
        ("change", "What changed", report.comparison is not None),
        ("spend", "Where it goes", True),
        ("instead", "What could take it over", bool(report.ladders) or certified or untried),
        ("traffic", "How models are asked", report.traffic is not None),
        ("conversations", "Conversations", report.traffic is not None and bool(report.traffic.conversations)),
        ("prices", "Prices", True),
        ("data", "Data", not report.declared),
        ("method", "Method", True),
    ]
    return [(anchor, name) for anchor, name, is_there in there if is_there]


def method(report: Report) -> list[str]:
    """The notes, and which rate the page was turned at."""
    rate = said.at_rate(report.currency, report.made_at.date())
    turned = [f"Prices and sums are kept in dollars and turned when shown. {rate}"] if rate else []
    return [*turned, *report.notes]


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
    rows = [
        (f"all on {words.visible(its.naive_model or '', LONGEST_NAME)}", "the dearest that was called", its.naive_usd_month),
        (f"all on {words.visible(its.honest_model or '', LONGEST_NAME)}", found[its.honest_evidence], its.honest_usd_month),
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


def pieces(template: TemplateText) -> list[tuple[str, list[str | None], int]]:
    """(role, pieces, characters left out) of a template, cut where it is too long to be read anyway."""
    shown: list[tuple[str, list[str | None], int]] = []
    for role, parts in template.parts:
        room, cut = LONGEST_TEMPLATE, 0
        kept: list[str | None] = []
        for part in parts:
            if part is None:
                if room > 0:
                    kept.append(None)
                continue
            kept += [words.visible(part[:room])] if room > 0 else []
            cut += max(0, len(part) - max(0, room))
            room -= len(part)
        shown.append((role, kept, cut))
    return shown
