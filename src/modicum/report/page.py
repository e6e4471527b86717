"""The report as one self-contained HTML page: no scripts, nothing fetched, everything from a log escaped.

The page's own style is allowed by its digest and nothing else is. Prompts stand there with their slots marked, never
with what the slots held. The markup is in `html/`, drawings are made by `charts`; this module brings them together.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Sequence
from decimal import Decimal
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup, escape

from modicum.report import asked, charts, judged, lead, panels, said, saved, whole, words
from modicum.report.currency import shown_in
from modicum.report.history import Side
from modicum.report.quality import Gap, gaps
from modicum.report.records import IN_FORCE, Report, TemplateText, WorkloadFigures
from modicum.report.trend import REST

LONGEST_NAME = 90
LONGEST_ID = 28
LONGEST_SENTENCE = 1_500
LONGEST_TEMPLATE = 8_000
OPEN_ARTICLES = 3
"""Workloads whose ladder stands open; the cheaper ones are folded away."""
MOST_ROWS = 30
OPEN_LINES = 12
MOST_LINES = 200
"""Workloads that a table shows at once, and with those that are folded away."""
MOST_ARTICLES = 60
NO_ANCHOR = re.compile(r"[^\w-]", re.ASCII)
EVIDENCE_SAYS = {
    "certified": "certified on these calls",
    "measured": "measured on these calls",
    "published": "published benchmarks only",
    "none": "not tried yet",
}


def render(report: Report) -> str:
    """The page, whole, in the report's currency."""
    with shown_in(report.currency):
        return _environment().get_template("page.html.j2").render(_shown(report))


def _shown(report: Report) -> dict[str, Any]:
    style, (headline, then) = _read("page.css"), lead.headline(report)
    lines = report.workloads
    dearest = max((line.baseline_usd_month or Decimal(0) for line in lines), default=Decimal(0))
    ladders = {ladder.workload_id: ladder for ladder in report.ladders}
    greatest = max((scope.spend_usd_month or Decimal(0) for scope in report.scopes), default=Decimal(0))
    clock, rows, known_gaps = asked.clock(report), asked.asked(report), gaps(report)
    certified = [line for line in lines if line.state in IN_FORCE]
    return {
        "report": report,
        "headline": headline,
        "lead": then,
        "figures": lead.figures(report),
        "dearest": lead.dearest(report) if report.ladders else (),
        "whole": whole.said(report.totals),
        "bill": whole.bill(report.totals),
        "whole_differs": whole.differs(report.totals),
        "without": whole.without,
        "beside": whole.beside,
        "words": words,
        "style": Markup(style),
        "digest": base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        "contents": _contents(report, bool(certified)),
        "budget": None if report.budget is None else panels.budget_bar(report),
        "proven": panels.strips(report) if report.ladders or certified else (),
        "shares": report.shares if lines else None,
        "changed": said.changed(report.comparison) if report.comparison else "",
        "effects": charts.effects(report.comparison) if report.comparison else (),
        "sampled": any(line.sampled for line in lines),
        "seen_share": report.seen_calls / report.totals.calls if report.totals.calls else 1.0,
        "states": panels.states(report),
        "simple": panels.simple_rules(report),
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
        "evidence_says": EVIDENCE_SAYS,
        "ladders": ladders,
        "rung_width": panels.rung_width,
        "is_dearer": panels.is_dearer,
        "OBSTACLES": panels.OBSTACLES,
        "longest_obstacle": panels.LONGEST_OBSTACLE,
        "assumptions": panels.assumptions,
        "over": said.over,
        "reach": lead.reach,
        "asked": rows[:OPEN_LINES],
        "more_asked": max(0, len(rows) - OPEN_LINES),
        "shares_known": any(
            share is not None for row in rows for share in (row.its.static_share, row.cached, row.its.resent_share, row.its.repeated_share)
        ),
        "traffic_said": asked.said(report),
        "conversations_said": asked.conversations_said(report),
        "clock": None if clock is None else {"pieces": charts.hours(clock.counts), "counts": clock.counts, "summary": clock.summary},
        "saved": saved.saved(report)[:MOST_LINES],
        "saved_total": saved.total(report.measured),
        "saved_note": saved.NOTE,
        "units": judged.judged(report)[:MOST_LINES],
        "unit_targets": judged.targets(report),
        "units_note": judged.NOTE,
        "missing": [gap for gap in known_gaps if gap.number],
        "none_of": none_of(known_gaps),
        "method": method(report),
        "pieces": pieces,
        "open_articles": OPEN_ARTICLES,
        "most_rows": MOST_ROWS,
        "most_articles": MOST_ARTICLES,
        "lines": lines[:OPEN_LINES],
        "folded": lines[OPEN_LINES:MOST_LINES],
        "more": _more(lines[OPEN_LINES:]),
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
        anchor=lambda text: "w-" + NO_ANCHOR.sub("-", text),
    )
    return environment


def _read(name: str) -> str:
    return files("modicum.report").joinpath("html", name).read_text(encoding="utf-8")


def prose(text: str) -> Markup:
    """A sentence, escaped, with what stands between backticks as code, and words that run from right to left kept to themselves."""
    escaped = str(escape(words.visible(text, LONGEST_SENTENCE)))
    return Markup(words.RIGHT_TO_LEFT.sub(r"<bdi>\g<0></bdi>", re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped)))


def none_of(known: Sequence[Gap]) -> str:
    """No calls of unknown price, without usage; no lines refused."""
    by_unit: dict[str, list[str]] = {}
    for gap in known:
        if not gap.number:
            by_unit.setdefault(gap.unit, []).append(gap.name)
    return "; ".join(f"no {unit}s {', '.join(names)}" for unit, names in by_unit.items())


def _more(lines: Sequence[WorkloadFigures]) -> dict[str, Any] | None:
    """Those that a table has no room for, as one."""
    known = [line.spend_usd_month for line in lines if line.spend_usd_month is not None]
    if not lines:
        return None
    return {"number": len(lines), "calls": sum(line.calls for line in lines), "spend": sum(known, Decimal(0)) if known else None}


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
        ("measured", "What was saved", bool(report.measured.routes)),
        ("units", "What a good answer costs", bool(report.units)),
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
