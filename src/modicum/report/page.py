"""The report as one self-contained HTML page: no scripts, nothing fetched, everything from a log escaped.

The page's own style is allowed by its digest and nothing else is. Prompts stand there with their slots marked, never
with what the slots held. The markup is in `page.html.j2`; this module prepares what it shows.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files

import jinja2
from markupsafe import Markup, escape

from modicum.report import words
from modicum.report.records import IN_FORCE, Report, TemplateText, WorkloadFigures

LONGEST_NAME = 90
LONGEST_SENTENCE = 1_500
LONGEST_TEMPLATE = 8_000
BAR_WIDTH = 180
NARROWEST_INTERVAL = 4


@dataclass(frozen=True, slots=True)
class Bar:
    """One workload's bar in pixels: what it costs, how much of that is saved, and the saving's interval."""

    spend: float
    saving: float
    low: float | None
    high: float | None
    label: str


def render(report: Report) -> str:
    """The page, whole."""
    style = files("modicum.report").joinpath("page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    dearest = max((line.baseline_usd_month or Decimal(0) for line in report.workloads), default=Decimal(0))
    return _template().render(
        report=report,
        words=words,
        style=Markup(style),
        digest=digest,
        bars={line.workload_id: bar(line, dearest) for line in report.workloads},
        bar_width=BAR_WIDTH,
        certified=[line for line in report.workloads if line.state in IN_FORCE],
        untried=[line for line in report.workloads if line.state == "not_tried"],
        others=[line for line in report.workloads if line.state not in (*IN_FORCE, "not_tried")],
        uncertified=[line for line in report.workloads if line.state not in IN_FORCE],
        several_scopes=len(report.periods) > 1,
        pieces=pieces,
    )


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(
        money=words.money,
        saving=words.saving,
        percent=words.percent,
        count=words.count,
        name=lambda text: words.visible(text, LONGEST_NAME),
        prose=prose,
    )
    return environment.from_string(files("modicum.report").joinpath("page.html.j2").read_text(encoding="utf-8"))


def prose(text: str) -> Markup:
    """A sentence, escaped, with what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(words.visible(text, LONGEST_SENTENCE)))))


def bar(line: WorkloadFigures, dearest: Decimal) -> Bar:
    """Widths in pixels of `BAR_WIDTH`, on one scale for all workloads."""

    def width(usd: Decimal | None) -> float:
        return 0.0 if usd is None or not dearest else round(float(usd / dearest) * BAR_WIDTH, 1)

    saved = line.saving
    label = f"{words.money(line.baseline_usd_month)} a month without small models"
    if saved is not None:
        label += f", of which {words.saving(saved)} saved"
    # An interval of less than a few pixels would be a blot.
    drawn = saved is not None and width(saved.high_usd_month) - width(saved.low_usd_month) >= NARROWEST_INTERVAL
    return Bar(
        spend=width(line.baseline_usd_month),
        saving=width(saved.usd_month) if saved else 0.0,
        low=width(saved.low_usd_month) if saved and drawn else None,
        high=width(saved.high_usd_month) if saved and drawn else None,
        label=label,
    )


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
