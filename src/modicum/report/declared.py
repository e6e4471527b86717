"""What declared workloads cost: the same figures as of recorded ones, every one of them marked *declared*. Records in, records out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from modicum.catalog import Catalogue, cost
from modicum.intake.declared import Declared
from modicum.report import words
from modicum.report.rungs import Ladder
from modicum.types import Price, TaskKind, Usage

_SCALE = 1_000_000
"""Tokens of so many calls, so that an average with decimals is priced to the last digit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredLine:
    """One declared workload."""

    name: str
    task: TaskKind
    model: str
    calls_month: int
    input_tokens: Decimal
    output_tokens: Decimal
    usd_call: Decimal | None
    """None where the model has no known price."""
    usd_month: Decimal | None
    share: float | None
    """Of all declared spend that is known."""
    price: Price | None
    has_sample: bool
    ground: Literal["declared"] = "declared"
    """Nothing here was measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredReport:
    """A list of workloads that nobody recorded."""

    headline: str
    made_on: date
    calls_month: int
    usd_month: Decimal | None
    """Of the workloads whose cost is known; None where there is none."""
    unpriced: int
    """Workloads whose model has no known price."""
    workloads: tuple[DeclaredLine, ...]
    """Dearest first, unknown ones last."""
    notes: tuple[str, ...]
    ladders: tuple[Ladder, ...] = ()
    """What could answer each workload, in the order of `workloads`; a ladder's `workload_id` is the declared name."""
    ground: Literal["declared"] = "declared"


def declared_report(rows: Sequence[Declared], catalogue: Catalogue, *, today: date) -> DeclaredReport:
    """What these workloads cost a month at today's prices."""
    priced = []
    for row in rows:
        price = catalogue.price(row.model, today, input_tokens=int(row.input_tokens))
        usage = Usage(input_tokens=int(row.input_tokens * _SCALE), output_tokens=int(row.output_tokens * _SCALE))
        total = cost(price, usage, calls=_SCALE)
        priced.append((row, price, None if total is None else total / _SCALE))
    known = [call * row.calls_month for row, _, call in priced if call is not None]
    month = sum(known, Decimal(0)) if known else None
    lines = [
        DeclaredLine(
            name=row.name,
            task=row.task,
            model=row.model,
            calls_month=row.calls_month,
            input_tokens=row.input_tokens,
            output_tokens=row.output_tokens,
            usd_call=call,
            usd_month=None if call is None else call * row.calls_month,
            share=float(call * row.calls_month / month) if call is not None and month else None,
            price=price,
            has_sample=row.sample is not None,
        )
        for row, price, call in priced
    ]
    lines.sort(key=lambda line: (line.usd_month is None, -(line.usd_month or 0), -line.calls_month, line.name))
    unpriced = sum(1 for line in lines if line.usd_month is None)
    return DeclaredReport(
        headline=_headline(lines, month, unpriced),
        made_on=today,
        calls_month=sum(line.calls_month for line in lines),
        usd_month=month,
        unpriced=unpriced,
        workloads=tuple(lines),
        notes=_notes(lines, unpriced),
    )


def _headline(lines: Sequence[DeclaredLine], month: Decimal | None, unpriced: int) -> str:
    what = f"{words.count(len(lines), 'declared workload')}"
    if month is None:
        return f"{what}, and no price is known for any of their models."
    first = lines[0]
    share = f", {words.percent(first.share)} of it {words.visible(first.name, 60)}" if len(lines) > 1 and first.share is not None else ""
    rest = f" Of {unpriced} the price is unknown." if unpriced else ""
    return f"{what} cost {words.money(month)} a month{share}: declared, not measured.{rest}"


def _notes(lines: Sequence[DeclaredLine], unpriced: int) -> tuple[str, ...]:
    said = [
        "Every figure here is declared: calls, tokens and models are what somebody said, prices are those of the list today. Caches,"
        " batches and discounts are not counted. A log of a week says it all with intervals: `modicum import LOG`.",
    ]
    if unpriced:
        models = words.listing(sorted({words.visible(line.model, 60) for line in lines if line.usd_month is None}), 12)
        said.append(f'No price is known for {models}: [prices."MODEL"] in modicum.toml sets it.')
    return tuple(said)
