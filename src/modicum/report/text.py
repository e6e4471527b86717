"""The whole report for a terminal, as `--full` asks for: the same record, rendered to a string. Prints nothing itself.

What fits on one screen is in `screen`.
"""

from __future__ import annotations

import io

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from modicum.report import asked, judged, lead, said, saved, screen, whole, words
from modicum.report.currency import shown_in
from modicum.report.history import Comparison
from modicum.report.ladder import text as ladder
from modicum.report.proven import by_evidence
from modicum.report.records import IN_FORCE, Report, WorkloadFigures
from modicum.workload.letters import isolate

LONGEST_NAME = 40
LONGEST_SAVED = 90
"""With the route and its days behind the name."""
LONGEST_SENTENCE = 1_500
MOST_ROWS = 12
ACCENT = "cyan"


def render(report: Report, *, width: int = 120, colour: bool = False) -> str:
    """The report in `width` columns and in its currency, with ANSI colours where asked for."""
    out = io.StringIO()
    console = screen.console(out, width, colour)
    with shown_in(report.currency):
        _head(console, report)
        if report.comparison is not None:
            _compared(console, report.comparison)
        console.print(_workloads(report))
        if len(report.scopes) > 1:
            console.print(_scopes(report))
        _options(console, report)
        ladder.show(console, report)
        for line in report.workloads:
            if line.sentence and line.state in IN_FORCE:
                _certified(console, line)
        _saved(console, report)
        _judged(console, report)
        _staying(console, report)
        _unpriced(console, report)
        for sentence in (*asked.said(report), *asked.conversations_said(report)):
            console.print(Text(words.visible(sentence, LONGEST_SENTENCE)))
        for note in (said.at_rate(report.currency, report.made_at.date()), *report.notes):
            if note:
                console.print(Text(note, style="dim" if colour else ""))
    return screen.written(out)


def _head(console: Console, report: Report) -> None:
    screen.head(console, report)
    lines = [said.against_budget(report)]
    if report.ladders or report.totals.certified:
        parts = [f"{words.percent(one.share)} {one.evidence}" for one in by_evidence(report) if one.evidence != "none"]
        lines += [f"Of {whole.bill(report.totals)}, work that something smaller does: {', '.join(parts)}."] if parts else []
    lines += [report.shares.sentence] if report.shares is not None else []
    lines += [model.sentence for model in report.retiring]
    shown = [Text(words.visible(line, LONGEST_SENTENCE)) for line in lines if line]
    for line in shown:
        console.print(line)


def _compared(console: Console, comparison: Comparison) -> None:
    console.print()
    console.print(Text(said.changed(comparison), style="bold"))
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("what changed", overflow="fold")
    for head in ("calls before", "after", "spend before", "after", "1,000 calls before", "after", "change"):
        table.add_column(head, justify="right")
    for line in comparison.workloads[:MOST_ROWS]:
        old, new = line.before, line.after
        spent = ["–" if not side.calls else words.money(side.spend_usd if side.priced_calls else None) for side in (old, new)]
        means = ["–" if not side.calls else words.thousand(side.usd_call) for side in (old, new)]
        table.add_row(
            Text(isolate(words.visible(line.name, LONGEST_NAME))),
            f"{old.calls:,}",
            f"{new.calls:,}",
            *spent,
            *means,
            words.signed(line.change_usd),
        )
    console.print(table)
    effects = [("days", comparison.days_usd), ("volume", comparison.volume_usd), ("mix", comparison.mix_usd)]
    effects += [("price", comparison.price_usd), ("new workloads", comparison.new_usd), ("gone", comparison.gone_usd)]
    made = [f"{name} {words.signed(usd)}" for name, usd in effects if usd]
    if made:
        console.print(Text(f"Made of {', '.join(made)}."))
    for note in comparison.notes:
        console.print(Text(note))
    console.print()


def _options(console: Console, report: Report) -> None:
    """The best that is known instead of each workload, the dearest first."""
    names = {line.workload_id: line for line in report.workloads}
    found = [
        lead.Dearest(line=names[one.workload_id], share=None, rung=lead.choice(report, one), tried=one.tried)
        for one in report.ladders
        if one.workload_id in names
    ]
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("workload", overflow="fold")
    table.add_column("could go to", overflow="fold")
    table.add_column("evidence")
    for head in ("1,000 calls", "saving, net"):
        table.add_column(head, justify="right")
    for its in found[:MOST_ROWS]:
        line, rung = its.line, its.rung
        if rung is not None:
            where = f"{rung.name} at {rung.provider}" if rung.provider else rung.name
            if its.there:
                table.add_row(Text(_name(line)), Text(its.there), "", "", "")
            table.add_row(
                Text(_name(line)),
                Text(words.visible(where, 2 * LONGEST_NAME)),
                Text(rung.evidence, style=ACCENT if rung.evidence == "certified" else ""),
                words.thousand(rung.usd_call),
                words.saving(rung.saving),
            )
    if table.row_count:
        console.print(table)


def _scopes(report: Report) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("scope", overflow="fold")
    for head in ("calls", "workloads", "spend a month", "saving, net"):
        table.add_column(head, justify="right")
    for line in report.scopes[:MOST_ROWS]:
        saving = "–" if line.saving_usd_month is None else words.money(line.saving_usd_month)
        name = Text(isolate(words.visible(line.scope, LONGEST_NAME)))
        table.add_row(name, f"{line.calls:,}", f"{line.workloads:,}", words.money(line.spend_usd_month), saving)
    return table


def _staying(console: Console, report: Report) -> None:
    refused = [line for line in report.workloads if line.state not in (*IN_FORCE, "not_tried", "ignored")]
    if not refused:
        return
    console.print(Text("Stays as it is", style="bold"))
    alike: dict[str, list[str]] = {}
    for line in refused:
        alike.setdefault(words.visible(words.why(line), LONGEST_SENTENCE), []).append(_name(line))
    for why, names in alike.items():
        console.print(Padding(Text(f"{', '.join(names)}: {why}"), (0, 0, 0, 2)))
    console.print()


def _unpriced(console: Console, report: Report) -> None:
    unpriced = [model for model in report.models if model.unpriced_calls]
    for model in unpriced:
        name = words.visible(model.model, LONGEST_NAME)
        what = f'no price: [prices."{name}"] in modicum.toml sets it' if model.price is None else "no usage"
        console.print(Text(f"Unknown cost: {words.count(model.unpriced_calls, 'call')} to {name} ({what})"))
    if unpriced:
        console.print()


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
            _calls(line),
            words.share(line.share),
            screen.month(line),
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
        Text.assemble(words.spend(totals), (f"\n{whole.without(totals)}" if whole.differs(totals) else "", "dim")),
        words.saving(totals.saving) if totals.saving else "–",
        "",
        "",
        "",
    )
    return table


def _calls(line: WorkloadFigures) -> Text:
    """With their limits where not all were seen."""
    its = line.sampled
    below = "" if its is None else f"\n{its.calls_low:,} to {its.calls_high:,}"
    return Text.assemble(f"{line.calls:,}", (below, "dim"))


def _certified(console: Console, line: WorkloadFigures) -> None:
    console.print(Text.assemble((_name(line), "bold"), "  ", (words.STATES[line.state], ACCENT)))
    said = [words.visible(words.sentence(line.sentence or ""), LONGEST_SENTENCE)]
    said.append(f"Answers {words.percent(line.coverage_calls)} of the calls ({words.percent(line.coverage)} of distinct requests).")
    if line.saving is not None and line.saving.usd_month is not None:
        said.append(f"Saves {words.saving(line.saving)} a month, net of {words.money(line.control_usd_month)} for the control share,")
        said.append(f"against {words.visible(line.saving.baseline, LONGEST_SENTENCE)}.")
    else:
        why = line.saving.method if line.saving is not None else "the price of the incumbent is unknown"
        said.append(f"What that saves is unknown: {why}.")
    said += [f"{name}: {value}." for name, value in words.live(line)]
    for sentence in said:
        console.print(Padding(Text(sentence), (0, 0, 0, 2)))
    console.print()


def _saved(console: Console, report: Report) -> None:
    """What live routes saved, measured."""
    rows = saved.saved(report)
    if not rows:
        return
    console.print(Text("What was saved", style="bold"))
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("workload", overflow="fold")
    for head in ("calls", "kept", "assumed", "measured", "95 %", "taken off", "differ", "resolved"):
        table.add_column(head, justify="right")
    for row in rows[:MOST_ROWS]:
        name = Text(isolate(words.visible(row.name, LONGEST_SAVED)))
        table.add_row(name, row.calls, row.kept, row.assumed, row.measured, row.interval, row.beside, row.differed, row.resolved)
    console.print(table)
    for line in (saved.total(report.measured), saved.NOTE):
        if line:
            console.print(Text(line))
    console.print()


def _judged(console: Console, report: Report) -> None:
    """What good answers cost, as far as feedback says which were."""
    rows = judged.judged(report)
    if not rows:
        return
    console.print(Text("What a good answer costs", style="bold"))
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for head in ("workload", "answered by", "good ends"):
        table.add_column(head, overflow="fold")
    for head in ("1,000 cost", "95 %", "judged", "not good", "p95, s"):
        table.add_column(head, justify="right")
    table.add_column("target met")
    for row in rows[:MOST_ROWS]:
        name = Text(isolate(words.visible(row.name, LONGEST_NAME)))
        table.add_row(name, row.who, row.what, row.cost, row.interval or "–", row.count, row.errors, row.p95, row.meets)
    console.print(table)
    for line in (judged.targets(report), judged.NOTE):
        if line:
            console.print(Text(line))
    console.print()


def _name(line: WorkloadFigures) -> str:
    return isolate(words.visible(line.name, LONGEST_NAME))
