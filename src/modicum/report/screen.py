"""The report on one screen of a terminal: what it says first, the three dearest workloads, where the rest goes, how good the data is.

All else is a flag away: `--full` prints it (`text`), `--html` writes the page. Prints nothing itself.
"""

from __future__ import annotations

import io
from decimal import Decimal

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from modicum.report import lead, said, whole, words
from modicum.report.currency import shown_in
from modicum.report.proven import by_evidence
from modicum.report.quality import gaps
from modicum.report.records import HeadlineFigure, Report, WorkloadFigures
from modicum.workload.letters import isolate

LONGEST_NAME = 40
LONGEST_SENTENCE = 600
NAMED = 4
"""Models, scopes and gaps that a line names."""
ACCENT = "cyan"
EVIDENCE = {"certified": "certified", "measured": "measured", "published": "published only", "none": "not tried yet"}
MORE = "modicum report --full shows every workload and what could answer it; --html FILE writes the page to pass on."


def console(out: io.StringIO, width: int, colour: bool) -> Console:
    """What a report is written to: nothing in it is markup."""
    return Console(
        file=out, width=width, force_terminal=colour, no_color=not colour, highlight=False, markup=False, emoji=False, legacy_windows=False
    )


def written(out: io.StringIO) -> str:
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def render(report: Report, *, width: int = 120, colour: bool = False) -> str:
    """In `width` columns and in the report's currency, with ANSI colours where asked for."""
    out = io.StringIO()
    shown = console(out, width, colour)
    with shown_in(report.currency):
        head(shown, report)
        if report.comparison is not None:
            shown.print(Text(words.line(said.changed(report.comparison), LONGEST_SENTENCE)))
            shown.print()
        table = _dearest(report)
        if table.row_count:
            shown.print(table)
        for line in (*_goes(report), *_stands(report), *_data(report)):
            name, _, rest = line.partition(": ")
            shown.print(Text.assemble((f"{name}: ", "dim"), words.line(rest, LONGEST_SENTENCE)))
        for sentence in (*report.beside, said.at_rate(report.currency, report.made_at.date())):
            if sentence:
                shown.print(Text(words.line(sentence, LONGEST_SENTENCE)))
        shown.print()
        shown.print(Text(MORE, style="dim" if colour else ""))
    return written(out)


def head(shown: Console, report: Report) -> None:
    """The first sentence, the next, and the three figures."""
    first, then = lead.headline(report)
    shown.print(Text(words.line(first, LONGEST_SENTENCE), style="bold"))
    if then:
        shown.print(Text(words.line(then, LONGEST_SENTENCE)))
    shown.print()
    shown.print(three(lead.figures(report)))
    shown.print()


def three(figures: tuple[HeadlineFigure, ...]) -> Table:
    table = Table.grid(padding=(0, 4, 0, 0))
    for _ in figures:
        table.add_column(ratio=1)
    table.add_row(*(Text(figure.label, style="dim") for figure in figures))
    table.add_row(*(Text(figure.value, style=f"bold {ACCENT}" if number == 1 else "bold") for number, figure in enumerate(figures)))
    table.add_row(*(Text(figure.note, style="dim") for figure in figures))
    return table


def _dearest(report: Report) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("the dearest", overflow="fold")
    table.add_column("spend a month", justify="right")
    table.add_column("could go to", overflow="fold")
    table.add_column("saving a month, net", justify="right")
    table.add_column("once", justify="right")
    table.add_column("how well known")
    for one in lead.dearest(report):
        rung = one.rung
        saved = ("nothing known for less", "–", "–", "")
        if rung is not None:
            once = words.money(rung.one_off_usd) if rung.one_off_usd else "–"
            saved = (one.where, words.saving(rung.saving), once, EVIDENCE[rung.evidence])
        if one.there:
            saved = (f"{one.there};\n{saved[0]}", *saved[1:])
        name = Text(isolate(words.visible(one.line.name, LONGEST_NAME)))
        table.add_row(name, month(one.line, brief=True), Text(saved[0]), saved[1], saved[2], saved[3])
    return table


def month(line: WorkloadFigures, *, brief: bool = False) -> Text:
    """What a workload costs a month as it is, below it its limits, what it would cost without small models where that is another amount,
    and how many calls that were seen tell it. `brief`: where both stand below it, the limits do not."""
    seen = f"{words.count(line.sampled.seen_calls, 'call')} seen" if line.sampled is not None else ""
    without = whole.without(line)
    below = ["" if brief and without else words.limits(line), without, seen]
    return Text.assemble(words.spend(line), *((f"\n{part}", "dim") for part in below if part))


def _goes(report: Report) -> list[str]:
    """Where the spend goes, a line each: by model, by scope where there are several, and what of it has no workload."""
    models = [(model.model, model.spend_usd) for model in report.models]
    lines = [f"By model: {_named(models)}, {'a month, declared' if report.declared else 'in this period'}."] if len(models) > 1 else []
    if len(report.scopes) > 1:
        lines.append(f"By scope: {_named([(scope.scope, scope.spend_usd_month) for scope in report.scopes])}, a month.")
    return lines


def _named(parts: list[tuple[str, Decimal | None]]) -> str:
    return words.listing([f"{words.visible(name, LONGEST_NAME)} {words.money(usd)}" for name, usd in parts], NAMED)


def _stands(report: Report) -> list[str]:
    """Budget, evidence and what retires, where there is any."""
    budget = said.against_budget(report)
    lines = [f"Budget: {budget}"] if budget else []
    if report.ladders or report.totals.certified:
        parts = [
            f"{words.percent(one.share)} {EVIDENCE[one.evidence]}" for one in by_evidence(report) if one.share and one.evidence != "none"
        ]
        none = "nothing shows that something smaller does the work"
        lines.append(
            f"Something smaller: {', '.join(parts) + f' (of {whole.bill(report.totals)}, by the best that is known)' if parts else none}."
        )
    if report.retiring:
        names = [f"{words.visible(one.model, LONGEST_NAME)} {words.span(one.day, one.day)}" for one in report.retiring]
        lines.append(f"Retired or retiring: {words.listing(names, NAMED)}.")
    return lines


def _data(report: Report) -> list[str]:
    """How good the data is, in two lines at most."""
    missing = [gap for gap in gaps(report) if gap.matters]
    share = report.seen_calls / report.totals.calls if report.totals.calls else 1.0
    seen = "" if report.declared or share >= 1 else f"; what was asked is known of {words.percent(share)} of the calls"
    period = f"{words.count(report.totals.calls, 'call')}, {words.span(report.period_from, report.period_to)}{seen}"
    lines = [] if report.declared else [f"Data: {period}."]
    if missing:
        lines.append(
            f"Not known, or left out: {words.listing([f'{words.count(gap.number, gap.unit)} {gap.name}' for gap in missing], NAMED)}."
        )
    return lines
