"""The report as tables for a spreadsheet: a report in, rows out. Nothing here is rounded, and what is unknown is an empty cell."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from modicum.report import lead, words
from modicum.report.currency import Currency
from modicum.report.history import Slice
from modicum.report.proven import evidence_of
from modicum.report.quality import gaps
from modicum.report.records import Report, Sampled
from modicum.report.traffic import WorkloadTraffic
from modicum.types import Saving

Cell = str | int | float | Decimal | date | datetime | None
Row = Sequence[Cell]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One table. A heading with `usd` in it is money, and stands there twice where the report has another currency."""

    name: str
    head: tuple[str, ...]
    rows: tuple[Row, ...]


def sheets(report: Report) -> tuple[Sheet, ...]:
    """All tables of a report that have a row; the first is that of the workloads, with their total last."""
    makers: tuple[Callable[[Report], Sheet], ...] = (
        _workloads,
        _models,
        _scopes,
        _trend,
        _ladders,
        _labels,
        _conversations,
        _changes,
        _gaps,
    )
    made = [maker(report) for maker in makers]
    return tuple(_with_currency(sheet, report.currency) for number, sheet in enumerate(made) if sheet.rows or not number)


def _workloads(report: Report) -> Sheet:
    head = (
        *("scope", "workload", "workload_id", "task", "answer", "state", "models", "calls", "share", "unknown_cost_calls"),
        *("spend_usd", "spend_usd_month", "baseline_usd_month", "saving_usd_month", "saving_low_usd_month", "saving_high_usd_month"),
        *("evidence", "best_option", "best_option_evidence", "best_option_saving_usd_month"),
        *("coverage_calls", "expires", "promise", "input_tokens_p50", "input_tokens_p95", "static_share", "repeated_share", "resent_share"),
        *("duration_ms_p50", "duration_ms_p95", "why", "missing", "task_why"),
        *("seen_calls", "calls_low", "calls_high", "spend_low_usd_month", "spend_high_usd_month"),
    )
    ladders = {ladder.workload_id: ladder for ladder in report.ladders}
    rows: list[Row] = []
    for line in report.workloads:
        ladder = ladders.get(line.workload_id)
        best = lead.choice(report, ladder)
        rows.append(
            (
                *(
                    line.scope,
                    line.name,
                    line.workload_id,
                    line.task,
                    None if report.declared else words.answer(line).rstrip(" *"),
                    line.state,
                ),
                *("; ".join(model.model for model in line.incumbents), line.calls, line.share, line.unpriced_calls),
                *(line.spend_usd, line.spend_usd_month, line.baseline_usd_month, *_saving(line.saving)),
                evidence_of(line, ladder),
                *((best.name, best.evidence, best.saving.usd_month if best.saving else None) if best else (None, None, None)),
                *(line.coverage_calls, line.expires_at.date() if line.expires_at else None, line.sentence),
                *_traffic(report.traffic.workloads.get(line.workload_id) if report.traffic else None),
                *(line.reason or None, words.missing(line) or None, line.task_why or None),
                *_sample(line.sampled),
                *(line.spend_low_usd_month, line.spend_high_usd_month),
            )
        )
    totals = report.totals
    if totals.calls_without_workload:
        money = (totals.spend_without_workload_usd, totals.spend_without_workload_usd_month)
        share = totals.calls_without_workload / totals.calls
        rows.append(_padded(("", "calls of no workload", *[None] * 5, totals.calls_without_workload, share, None, *money), head))
    sums = (totals.spend_usd, totals.spend_usd_month, totals.baseline_usd_month, *_saving(totals.saving))
    whole = list(_padded(("", "total", *[None] * 5, totals.calls, 1.0, totals.unpriced_calls, *sums), head))
    whole[-2:] = totals.spend_low_usd_month, totals.spend_high_usd_month
    rows.append(whole)
    return Sheet(name="workloads", head=head, rows=tuple(rows))


def _models(report: Report) -> Sheet:
    head = (
        "model",
        "calls",
        "unknown_cost_calls",
        "spend_usd",
        "input_usd_mtok",
        "output_usd_mtok",
        "cache_read_usd_mtok",
        "source",
        "as_of",
    )
    rows = [
        (
            *(model.model, model.calls, model.unpriced_calls, model.spend_usd),
            *(
                (
                    model.price.input_usd_mtok,
                    model.price.output_usd_mtok,
                    model.price.cache_read_usd_mtok,
                    model.price.source,
                    model.price.as_of,
                )
                if model.price
                else [None] * 5
            ),
        )
        for model in report.models
    ]
    return Sheet(name="models", head=head, rows=tuple(rows))


def _scopes(report: Report) -> Sheet:
    head = ("scope", "calls", "workloads", "unknown_cost_calls", "spend_usd", "spend_usd_month", "saving_usd_month")
    rows = [
        (one.scope, one.calls, one.workloads, one.unpriced_calls, one.spend_usd, one.spend_usd_month, one.saving_usd_month)
        for one in report.scopes
    ]
    return Sheet(name="scopes", head=head, rows=tuple(rows))


def _trend(report: Report) -> Sheet:
    names = report.trend.names if report.trend else ()
    slices = report.trend.slices if report.trend else ()
    head = ("from", "to", "observed", "calls", "unknown_cost_calls", "spend_usd", *(f"{name} (usd)" for name in names))
    rows = [(one.first, one.last, _observed(one), one.calls, one.unpriced_calls, one.spend_usd, *one.parts_usd) for one in slices]
    return Sheet(name="trend", head=head, rows=tuple(rows))


def _observed(one: Slice) -> str:
    return "no" if not one.observed else "part" if one.part else "yes"


def _ladders(report: Report) -> Sheet:
    head = (
        *("scope", "workload", "option", "kind", "provider", "model", "share", "evidence", "usd_call", "usd_month", "once_usd"),
        *("saving_usd_month", "saving_low_usd_month", "saving_high_usd_month", "cheaper_share", "in_the_way", "first", "proof", "source"),
    )
    lines = {line.workload_id: line for line in report.workloads}
    rows: list[Row] = []
    for ladder in report.ladders:
        line = lines.get(ladder.workload_id)
        for rung in ladder.rungs:
            rows.append(
                (
                    *((line.scope, line.name) if line else (None, ladder.workload_id)),
                    *(rung.name, rung.kind, rung.provider, rung.model, rung.share, rung.evidence, rung.usd_call, rung.usd_month),
                    *(rung.one_off_usd, *_saving(rung.saving), rung.cheaper_share),
                    *("; ".join(one.text for one in rung.obstacles), "; ".join(rung.needs), rung.proof, rung.source),
                )
            )
    return Sheet(name="ladders", head=head, rows=tuple(rows))


def _labels(report: Report) -> Sheet:
    head = ("scope", "workload", "label", "distinct_requests", "answered", "differing", "upper_bound")
    rows = [
        (line.scope, line.name, row.label, row.groups, row.answered, row.differing, row.upper_bound)
        for line in report.workloads
        if line.certificate is not None
        for row in line.certificate.label_table
    ]
    return Sheet(name="labels", head=head, rows=tuple(rows))


def _conversations(report: Report) -> Sheet:
    head = ("scope", "conversation", "calls", "spend_usd", "input_tokens", "resent_share", "from", "to")
    rows = [
        (one.scope, one.conversation_id, one.calls, one.spend_usd, one.input_tokens, one.resent_share, one.from_day, one.to_day)
        for one in (report.traffic.conversations if report.traffic else ())
    ]
    return Sheet(name="conversations", head=head, rows=tuple(rows))


def _changes(report: Report) -> Sheet:
    head = (
        *("scope", "workload", "calls_before", "calls_after", "spend_usd_before", "spend_usd_after", "usd_call_before", "usd_call_after"),
        *("change_usd", "volume_usd", "mix_usd", "price_usd", "days_usd"),
    )
    rows = [
        (
            *(one.scope, one.name, one.before.calls, one.after.calls, one.before.spend_usd, one.after.spend_usd),
            *(one.before.usd_call, one.after.usd_call, one.change_usd, one.volume_usd, one.mix_usd, one.price_usd),
            one.days_usd,
        )
        for one in (report.comparison.workloads if report.comparison else ())
    ]
    return Sheet(name="changes", head=head, rows=tuple(rows))


def _gaps(report: Report) -> Sheet:
    rows = [(f"{gap.unit}s {gap.name}", gap.number, gap.share, gap.remedy.replace("`", "")) for gap in gaps(report)]
    return Sheet(name="data", head=("what", "number", "share", "and_then"), rows=tuple(rows))


def _saving(saving: Saving | None) -> tuple[Cell, Cell, Cell]:
    return (None, None, None) if saving is None else (saving.usd_month, saving.low_usd_month, saving.high_usd_month)


def _sample(its: Sampled | None) -> tuple[Cell, Cell, Cell]:
    """Empty where all calls were seen, or none can be told."""
    return (None,) * 3 if its is None else (its.seen_calls, its.calls_low, its.calls_high)


def _traffic(its: WorkloadTraffic | None) -> Iterable[Cell]:
    if its is None:
        return [None] * 7
    return (
        *(its.input_tokens_p50, its.input_tokens_p95, its.static_share, its.repeated_share, its.resent_share),
        *(its.duration_ms_p50, its.duration_ms_p95),
    )


def _padded(row: Row, head: Sequence[str]) -> Row:
    return (*row, *[None] * (len(head) - len(row)))


def _with_currency(sheet: Sheet, currency: Currency) -> Sheet:
    """The same with a column in the report's currency behind each in dollars."""
    if currency.is_dollar:
        return sheet
    money = [is_money(name) for name in sheet.head]
    code = currency.code.lower()
    head = [
        name
        for heading, is_it in zip(sheet.head, money, strict=True)
        for name in ([heading, heading.replace("usd", code)] if is_it else [heading])
    ]
    rows = [
        tuple(
            one
            for cell, is_it in zip(row, money, strict=True)
            for one in ([cell, currency.of(cell) if isinstance(cell, Decimal) else None] if is_it else [cell])
        )
        for row in sheet.rows
    ]
    return Sheet(name=sheet.name, head=tuple(head), rows=tuple(rows))


def is_money(heading: str) -> bool:
    """`usd` as a word of its own in a heading of ours; in one that ends in a workload's name it stands in brackets at the end."""
    return heading.endswith("(usd)") if " " in heading else "usd" in heading.split("_")
