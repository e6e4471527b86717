"""What a workload's calls cost by day, at the incumbents and at any other price: the same calls on both sides.

Calls whose tokens are unknown are in neither; calls whose tokens are known and whose cost is not can be priced elsewhere, and nothing is
saved on them, for nobody knows what they cost today. What a specialist answered already would have cost what the incumbents charge on
average, here and there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from modicum.catalog import Catalogue, cost
from modicum.report import words
from modicum.report.month import DAYS_A_MONTH, Floats
from modicum.report.spend import day_of, model_of, price_of
from modicum.types import Price, Usage

if TYPE_CHECKING:
    from modicum.store.calls import UsageRow

PriceOf = Callable[["UsageRow"], Price | None]
UsageOf = Callable[["UsageRow"], Usage]


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """The calls of a bill at one price."""

    by_day: Floats
    """Dollars, shape (days,): of the compared calls."""
    usd_call: Decimal
    """On the mean over all calls whose tokens are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """One workload's, or any calls'."""

    days: tuple[date, ...]
    """Observed."""
    known: tuple[UsageRow, ...]
    """Incumbents' rows with known tokens."""
    compared: tuple[tuple[UsageRow, Decimal], ...]
    """Of these, those of known cost, with it."""
    calls: int
    """All, the specialist's too."""
    specialist_by_day: tuple[tuple[date, int], ...]
    by_day: Floats
    """Dollars that the compared calls cost, shape (days,), the specialist's at the incumbents' mean."""
    declared: bool = False
    """Nobody recorded these calls: they are a month's, on one day, as somebody says."""

    @property
    def known_calls(self) -> int:
        return sum(row.calls - row.calls_without_usage for row in self.known)

    @property
    def compared_calls(self) -> int:
        return sum(row.calls - row.calls_without_usage for row, _ in self.compared)

    @property
    def usd_call(self) -> Decimal | None:
        """Of the compared calls, on the mean."""
        calls = self.compared_calls
        return sum((usd for _, usd in self.compared), Decimal(0)) / calls if calls else None

    @property
    def month_usd(self) -> float:
        """Dollars a month that the compared calls cost."""
        return float(self.by_day.sum()) * self._scale

    @property
    def calls_month(self) -> float:
        return self.calls * self._scale

    @property
    def _scale(self) -> float:
        return 1.0 if self.declared else DAYS_A_MONTH / len(self.days)

    @property
    def tokens(self) -> tuple[float, float] | None:
        """Input and output of a mean call."""
        calls = self.known_calls
        if not calls:
            return None
        return sum(row.input_tokens for row in self.known) / calls, sum(row.output_tokens for row in self.known) / calls

    def at(self, price: PriceOf, usage: UsageOf | None = None) -> Priced | None:
        """The same calls at another price and, where said, with other tokens; None where a price is not known for all of them."""
        told = usage or plain_usage
        total, each = Decimal(0), []
        for row in self.known:
            calls = row.calls - row.calls_without_usage
            usd = cost(price(row), told(row), calls=calls)
            if usd is None:
                return None
            total += usd
            each.append(usd)
        if not self.known:
            return None
        usd_of = dict(zip(map(id, self.known), each, strict=True))
        rows = [(row, usd_of[id(row)]) for row, _ in self.compared]
        return Priced(by_day=_by_day(rows, self.days, self.specialist_by_day), usd_call=total / self.known_calls)

    @property
    def sentence(self) -> str:
        """What the saving is held against: dollars, n, models, days, and what is not in it."""
        models = words.listing([words.visible(name, 60) for name in dict.fromkeys(model_of(row) for row, _ in self.compared)])
        left = self.calls - self.compared_calls - sum(calls for _, calls in self.specialist_by_day)
        out = f"; {words.count(left, 'call')} of unknown cost or length are not in it" if left > 0 else ""
        cost_of = f"{words.money(_usd(self.month_usd))} a month that {words.count(self.calls - max(left, 0), 'call')} cost on {models}"
        if self.declared:
            return f"{cost_of}, as declared"
        return f"{cost_of}, {words.span(self.days[0], self.days[-1])}{out}"


def bill(rows: Sequence[UsageRow], days: Sequence[date], catalogue: Catalogue) -> Bill:
    """`days`: those observed in the scope of the rows."""
    known = tuple(row for row in rows if not row.specialist and row.calls > row.calls_without_usage)
    compared = tuple((row, usd) for row in known if (usd := _paid(row, catalogue)) is not None)
    by_specialist: dict[date, int] = defaultdict(int)
    for row in rows:
        if row.specialist:
            by_specialist[day_of(row)] += row.calls
    answered = tuple(sorted(by_specialist.items()))
    return Bill(
        days=tuple(days),
        known=known,
        compared=compared,
        calls=sum(row.calls for row in rows),
        specialist_by_day=answered,
        by_day=_by_day(compared, days, answered),
    )


def plain_usage(row: UsageRow) -> Usage:
    """The row's tokens as another provider would see them: nothing of them in a cache."""
    return Usage(
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        audio_input_tokens=row.audio_input_tokens,
        audio_output_tokens=row.audio_output_tokens,
    )


def own_usage(row: UsageRow) -> Usage:
    """As it was charged."""
    return Usage(
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cache_read_tokens=row.cache_read_tokens,
        cache_write_tokens=row.cache_write_tokens,
        cache_write_1h_tokens=row.cache_write_1h_tokens,
        audio_input_tokens=row.audio_input_tokens,
        audio_output_tokens=row.audio_output_tokens,
    )


def _paid(row: UsageRow, catalogue: Catalogue) -> Decimal | None:
    """What the row's calls of known length cost: by the list, else as it was written down where that is so for all of them."""
    usd = cost(price_of(row, catalogue), own_usage(row), calls=row.calls - row.calls_without_usage)
    if usd is None and not row.calls_without_cost and not row.calls_without_usage:
        return row.cost_usd
    return usd


def _by_day(rows: Sequence[tuple[UsageRow, Decimal]], days: Sequence[date], answered: Sequence[tuple[date, int]]) -> Floats:
    found: dict[date, Decimal] = defaultdict(Decimal)
    calls = 0
    for row, usd in rows:
        found[day_of(row)] += usd
        calls += row.calls - row.calls_without_usage
    if calls:
        mean = sum(found.values(), Decimal(0)) / calls
        for day, number in answered:
            found[day] += number * mean
    return np.array([float(found.get(day, 0)) for day in days])


def _usd(value: float) -> Decimal:
    return Decimal(f"{value:.6f}")
