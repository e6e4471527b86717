"""Ladders of workloads that somebody declares: the same rungs for calls that nobody recorded, without an interval, for nothing varied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from modicum.catalog import Catalogue
from modicum.catalog.cards import Cards
from modicum.plan import traffic as plan_traffic
from modicum.report.ladder.bill import bill
from modicum.report.ladder.build import ladder
from modicum.report.ladder.case import Case
from modicum.report.ladder.market import Market
from modicum.report.ladder.needs import needs_of
from modicum.report.ladder.sellers import kind_of
from modicum.report.ladder.settings import LadderSettings
from modicum.report.month import DAYS_A_MONTH, DRAWS, Floats, Month
from modicum.report.records import State, WorkloadFigures
from modicum.report.rungs import Ladder, Rung
from modicum.report.spend import spend, spend_by_model
from modicum.store.usage import UsageRow

if TYPE_CHECKING:
    from modicum.intake.declared import Declared

BY_LABEL = ("classify", "score")
"""Kinds of task that a specialist may be built for."""


class DeclaredMonth(Month):
    """A month as it was declared, on one day."""

    def __init__(self) -> None:
        super().__init__(1)

    def mean(self, by_day: Floats) -> float:
        return float(by_day.sum())

    def paces(self, by_day: Floats) -> Floats:
        return np.full(DRAWS, float(by_day.sum()))


def declared_ladders(
    rows: Sequence[Declared], *, cards: Cards, catalogue: Catalogue, settings: LadderSettings | None = None, now: datetime
) -> tuple[Ladder, ...]:
    """One a row, in their order, its `workload_id` the declared name. Prices are those of today, of the incumbents too."""
    given = settings or LadderSettings()
    market, month, today = Market(cards, now.date(), given), DeclaredMonth(), now.date()
    found = []
    for row in rows:
        usage = [usage_of(row, today)]
        its = replace(bill(usage, (today,), catalogue), declared=True)
        line = _line(row, usage, catalogue)
        card = cards.of(None, row.model)
        price = line.incumbents[0].price
        case = Case(
            line=line,
            bill=replace(its, calls=row.calls_month),
            month=month,
            traffic=None,
            hours=_hours(row),
            needs=needs_of(line, None, its.tokens),
            tokens=its.tokens,
            incumbent=card,
            kind=kind_of(price.provider if price is not None else None, card) or kind_of(None, card),
            answered={},
            market=market,
            catalogue=catalogue,
            settings=given,
            today=today,
        )
        made = ladder(case)
        rungs = (_as_declared(rung) for rung in made.rungs)
        found.append(replace(made, workload_id=row.name, rungs=tuple(rungs)))
    return tuple(found)


def usage_of(row: Declared, day: date) -> UsageRow:
    """A month of it as one row of usage."""
    return UsageRow(
        scope="declared",
        workload_id=row.name,
        request_model=row.model,
        response_model=row.model,
        day=day.isoformat(),
        specialist=False,
        calls=row.calls_month,
        failed=0,
        reasons=(),
        input_tokens=round(row.calls_month * row.input_tokens),
        output_tokens=round(row.calls_month * row.output_tokens),
        cache_read_tokens=0,
        cache_write_tokens=0,
        calls_without_usage=0,
        cost_usd=Decimal(0),
        calls_without_cost=row.calls_month,
        duration_p50_ms=None,
        duration_p95_ms=None,
    )


def _line(row: Declared, usage: Sequence[UsageRow], catalogue: Catalogue) -> WorkloadFigures:
    paid = spend(usage, catalogue)
    state: State = "not_tried" if row.task in BY_LABEL else "unsuited"
    return WorkloadFigures(
        workload_id=row.name,
        name=row.name,
        scope="declared",
        task=row.task,
        contract_kind="tool" if row.task == "tool" else "text",
        labels=0,
        can_be_served=True,
        calls=row.calls_month,
        share=1.0,
        calls_without_usage=0,
        unpriced_calls=paid.unpriced_calls,
        spend_usd=paid.known_usd,
        spend_usd_month=paid.known_usd,
        baseline_usd_month=paid.known_usd,
        incumbents=spend_by_model(usage, catalogue),
        state=state,
        reason="" if state == "not_tried" else "its kind of task is none that a specialist of this release takes",
    )


def _hours(row: Declared) -> plan_traffic.Traffic:
    """Day and night alike: a declared list does not say when the calls come."""
    sent, got = (max(1, round(tokens)) for tokens in (row.input_tokens, row.output_tokens))
    return plan_traffic.declared(row.calls_month / DAYS_A_MONTH, sent, got)


def _as_declared(rung: Rung) -> Rung:
    if rung.kind == "specialist":
        return replace(rung, needs=("a log of these calls: `modicum import LOG`, then `modicum fit`",))
    if rung.kind == "incumbent":
        return replace(rung, evidence="none", proof="Declared, not recorded.")
    if rung.kind == "open_own":
        return replace(rung, assumptions=(*rung.assumptions, "The calls come evenly: when they come was not declared."))
    return rung
