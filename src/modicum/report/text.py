"""The report for a terminal: the same record, rendered to a string. Prints nothing itself."""

from __future__ import annotations

import io

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from modicum.report import words
from modicum.report.records import IN_FORCE, HeadlineFigure, Report, WorkloadFigures

LONGEST_NAME = 40
LONGEST_SENTENCE = 1_500
ACCENT = "cyan"


def render(report: Report, *, width: int = 120, colour: bool = False) -> str:
    """The report in `width` columns, with ANSI colours where asked for."""
    out = io.StringIO()
    console = Console(
        file=out, width=width, force_terminal=colour, no_color=not colour, highlight=False, markup=False, emoji=False, legacy_windows=False
    )
    console.print(Text(words.visible(report.headline), style="bold"))
    console.print()
    console.print(_three(report.figures))
    console.print(_workloads(report))
    for line in report.workloads:
        if line.sentence and line.state in IN_FORCE:
            _certified(console, line)
    refused = [line for line in report.workloads if line.state not in (*IN_FORCE, "not_tried", "ignored")]
    if refused:
        console.print(Text("Stays as it is", style="bold"))
        alike: dict[str, list[str]] = {}
        for line in refused:
            alike.setdefault(words.visible(words.why(line), LONGEST_SENTENCE), []).append(_name(line))
        for why, names in alike.items():
            console.print(Padding(Text(f"{', '.join(names)}: {why}"), (0, 0, 0, 2)))
        console.print()
    unpriced = [model for model in report.models if model.unpriced_calls]
    for model in unpriced:
        name = words.visible(model.model, LONGEST_NAME)
        what = f'no price: [prices."{name}"] in modicum.toml sets it' if model.price is None else "no usage"
        console.print(Text(f"Unknown cost: {words.count(model.unpriced_calls, 'call')} to {name} ({what})"))
    if unpriced:
        console.print()
    for note in report.notes:
        console.print(Text(note, style="dim" if colour else ""))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _three(figures: tuple[HeadlineFigure, ...]) -> Table:
    table = Table.grid(padding=(0, 4, 0, 0))
    for _ in figures:
        table.add_column(ratio=1)
    table.add_row(*(Text(figure.label, style="dim") for figure in figures))
    table.add_row(*(Text(figure.value, style=f"bold {ACCENT}" if number == 1 else "bold") for number, figure in enumerate(figures)))
    table.add_row(*(Text(figure.note, style="dim") for figure in figures))
    return table


def _workloads(report: Report) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("workload", overflow="fold")
    for head in ("calls", "share", "spend a month", "saving, net"):
        table.add_column(head, justify="right")
    table.add_column("state")
    table.add_column("task and answer")
    table.add_column("models", overflow="fold")
    for line in report.workloads:
        table.add_row(
            Text(_name(line)),
            f"{line.calls:,}",
            words.share(line.share),
            words.money(line.spend_usd_month),
            words.saving(line.saving) if line.saving else "–",
            Text(words.STATES[line.state], style=ACCENT if line.state in IN_FORCE else ""),
            f"{line.task}, {words.answer(line)}",
            Text(words.visible(words.models(line), 2 * LONGEST_NAME)),
        )
    totals = report.totals
    if totals.calls_without_workload:
        table.add_row(
            "(of no workload)",
            f"{totals.calls_without_workload:,}",
            words.share(totals.calls_without_workload / totals.calls),
            words.money(totals.spend_without_workload_usd_month),
            *("–", "", "", ""),
        )
    table.add_section()
    table.add_row(
        "total",
        f"{totals.calls:,}",
        words.share(1.0),
        words.money(totals.spend_usd_month),
        words.saving(totals.saving) if totals.saving else "–",
        "",
        "",
        "",
    )
    return table


def _certified(console: Console, line: WorkloadFigures) -> None:
    console.print(Text.assemble((_name(line), "bold"), "  ", (words.STATES[line.state], ACCENT)))
    said = [words.visible(words.sentence(line.sentence or ""), LONGEST_SENTENCE)]
    said.append(f"Answers {words.percent(line.coverage_calls)} of the calls ({words.percent(line.coverage)} of distinct requests).")
    if line.saving is not None and line.saving.usd_month is not None:
        said.append(f"Saves {words.saving(line.saving)} a month, net of {words.money(line.control_usd_month)} for the control share,")
        said.append(f"against {words.visible(line.saving.baseline, LONGEST_SENTENCE)}.")
    else:
        said.append("What that saves is unknown: the price of the incumbent is.")
    said += [f"{name}: {value}." for name, value in words.live(line)]
    for sentence in said:
        console.print(Padding(Text(sentence), (0, 0, 0, 2)))
    console.print()


def _name(line: WorkloadFigures) -> str:
    return words.visible(line.name, LONGEST_NAME)
