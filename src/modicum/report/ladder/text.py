"""The ladders for a terminal: the dearest workloads' rungs, each workload in a table."""

from __future__ import annotations

from decimal import Decimal

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from modicum.report import said, whole, words
from modicum.report.ladder.reasons import why_one_sided
from modicum.report.records import Report
from modicum.report.rungs import Ladder, Reasons, Rung

SHOWN = 3
LONGEST_NAME = 40
LONGEST_REASON = 160
PLAIN = ("context", "modality", "tools", "structured_output")
"""What a model may not be able to do is said in words, the rest by its name."""
SAYS = {"certified": "certified", "measured": "measured", "published": "published", "none": "none yet"}


def show(console: Console, report: Report) -> None:
    """What could answer the dearest workloads, then the bill under simple rules."""
    lines = {line.workload_id: line for line in report.workloads}
    for its in report.ladders[:SHOWN]:
        line = lines.get(its.workload_id)
        if line is not None and len(its.rungs) > 1:
            name = words.visible(line.name, LONGEST_NAME)
            console.print(Text.assemble((name, "bold"), ": what could answer it, the smallest kind first"))
            console.print(table(its, today=whole.WITHOUT if whole.differs(line) else "today"))
            for told in reasoning(its):
                console.print(Text(told, style="dim"))
            if beside := whole.beside(line):
                console.print(Text(beside, style="dim"))
            if its.calls:
                console.print(Text(said.over(its), style="dim"))
                console.print()
    if len(report.ladders) > SHOWN:
        rest = words.count(len(report.ladders) - SHOWN, "more workload has its", "more workloads have their")
        console.print(Text(f"{rest} shortlist on the page (--html) and in --format json, with all that is assumed and left out."))
        console.print()
    if report.baselines is not None:
        console.print(Text(words.visible(report.baselines.sentence)))
        console.print()


def table(its: Ladder, *, today: str = "today") -> Table:
    """A row a rung; `today`: what the incumbent's stands for."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False)
    made.add_column("answered by", overflow="fold")
    for head in ("1,000 calls", "a month", "saving, net"):
        made.add_column(head, justify="right")
    made.add_column("evidence")
    made.add_column("first, or in the way", overflow="fold")
    for rung in its.rungs:
        is_today = rung.kind == "incumbent"
        made.add_row(
            Text(_name(rung)),
            _thousand(rung.usd_call),
            words.money(rung.usd_month),
            "–" if is_today else words.saving(rung.saving),
            today if is_today else SAYS[rung.evidence],
            Text(_why(rung)),
            style="dim" if rung.blocked and not is_today else "",
        )
    return made


def reasoning(its: Ladder) -> list[str]:
    """What reasoning does to the savings shown, a line each for those that may and those that always do."""
    of: dict[Reasons, list[Rung]] = {}
    for rung in its.rungs:
        if rung.reasons is not None and rung.kind != "open_own" and rung.saving is not None:
            of.setdefault(rung.reasons, []).append(rung)
    return [why_one_sided([rung.name for rung in rungs], reasons, rungs[0].thinking_tokens) for reasons, rungs in of.items()]


def _name(rung: Rung) -> str:
    name = words.visible(rung.name, 2 * LONGEST_NAME)
    return (
        f"{name} at {words.visible(rung.provider, LONGEST_NAME)}"
        if rung.provider and rung.kind in ("same_laboratory", "open_hosted")
        else name
    )


def _why(rung: Rung) -> str:
    """What is hard in the way, else what comes first, else what has to be looked at."""
    hard = [one.text for one in rung.obstacles if one.hard]
    soft = [one.text if one.kind in PLAIN else f"{one.kind.replace('_', ' ')}?" for one in rung.obstacles if not one.hard]
    told = [hard[0]] if hard else [*rung.needs[:1], *([", ".join(dict.fromkeys(soft))] if soft else [])]
    return words.visible("; ".join(told), LONGEST_REASON)


def _thousand(usd_call: Decimal | None) -> str:
    return words.money(None if usd_call is None else usd_call * 1000)
