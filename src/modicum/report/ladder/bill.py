"""What a workload's calls cost by day, at the incumbents and at any other price: the same calls on both sides.

Calls whose tokens are unknown are in neither; calls whose tokens are known and whose cost is not can be priced elsewhere, and nothing is
saved on them, for nobody knows what they cost today. What a specialist answered already would have cost what the incumbents charge on
average, here and there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from modicum.catalog import Catalogue, cost
from modicum.report import words
from modicum.report.costing import cost_of, day_of, list_cost, model_of, plain_usage
from modicum.report.invoice import plain_name
from modicum.report.month import DAYS_A_MONTH, Floats
from modicum.report.saving import usd as rounded
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
    listed: tuple[Decimal | None, ...]
    """What each of the compared costs by the list; None where it has no price."""
    calls: int
    """All that were answered, the specialist's too."""
    specialist_by_day: tuple[tuple[date, int], ...]
    by_day: Floats
    """Dollars that the compared calls cost, shape (days,), the specialist's at the incumbents' mean."""
    length: float = 0.0
    """Of the days, part days as their part; 0: as many as there are."""
    declared: bool = False
    """Nobody recorded these calls: they are a month's, on one day, as somebody says."""

    @property
    def known_calls(self) -> int:
        return sum(row.calls for row in self.known)

    @property
    def compared_calls(self) -> int:
        return sum(row.calls for row, _ in self.compared)

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
        return 1.0 if self.declared else DAYS_A_MONTH / (self.length or len(self.days))

    @property
    def tokens(self) -> tuple[float, float] | None:
        """Input and output of a mean call."""
        calls = self.known_calls
        if not calls:
            return None
        return sum(row.input_tokens for row in self.known) / calls, sum(row.output_tokens for row in self.known) / calls

    def at(self, price: PriceOf, usage: UsageOf | None = None, *, ours: bool = False) -> Priced | None:
        """The same calls at another price and, where said, with other tokens; None where a price is not known for all of them.

        `ours`: these are list prices of the models that answer today. Where what was paid is not what the list says (a contract, a
        markup), it is taken to stay so, in the same proportion. Calls that cost nothing, because something in front of the model
        answered them, go on costing nothing whoever is behind it.
        """
        told = usage or plain_usage
        paid = {id(row): (usd, listed) for (row, usd), listed in zip(self.compared, self.listed, strict=True)}
        all_free = all(usd == 0 for usd, _ in paid.values())
        usd_of: dict[int, Decimal] = {}
        for row in self.known:
            usd = cost(price(row), told(row), calls=row.calls)
            if usd is None:
                return None
            before, listed = paid.get(id(row), (None, None))
            if before == 0 and not all_free:
                usd = Decimal(0)
            elif ours and before is not None and listed:
                usd *= before / listed
            usd_of[id(row)] = usd
        if not self.known:
            return None
        rows = [(row, usd_of[id(row)]) for row, _ in self.compared]
        total = sum(usd_of.values(), Decimal(0))
        return Priced(by_day=_by_day(rows, self.days, self.specialist_by_day), usd_call=total / self.known_calls)

    @property
    def sentence(self) -> str:
        """What the saving is held against: dollars, n, models, days, and what is not in it."""
        models = words.listing([words.visible(name, 60) for name in dict.fromkeys(model_of(row) for row, _ in self.compared)])
        left = self.calls - self.compared_calls - sum(calls for _, calls in self.specialist_by_day)
        out = f"; {words.count(left, 'call')} of unknown cost or length are not in it" if left > 0 else ""
        cost_of = f"{words.money(rounded(self.month_usd))} a month that {words.count(self.calls - max(left, 0), 'call')} cost on {models}"
        if self.declared:
            return f"{cost_of}, as declared"
        return f"{cost_of}, {words.span(self.days[0], self.days[-1])}{out}"


def bill(rows: Sequence[UsageRow], days: Sequence[date], catalogue: Catalogue, *, length: float = 0.0) -> Bill:
    """`days`: those observed in the scope of the rows. `length`: of the days, part days as their part."""
    known = tuple(row for row in rows if not row.specialist and not row.told and row.counted and row.sound)
    compared = tuple((row, usd) for row in known if (usd := cost_of(row, catalogue)) is not None)
    by_specialist: dict[date, int] = defaultdict(int)
    for row in rows:
        if row.specialist:
            by_specialist[day_of(row)] += row.calls
    answered = tuple(sorted(by_specialist.items()))
    return Bill(
        days=tuple(days),
        length=length or len(days),
        known=known,
        compared=compared,
        listed=tuple(list_cost(row, catalogue) for row, _ in compared),
        calls=sum(row.calls for row in rows if not row.refused),
        specialist_by_day=answered,
        by_day=_by_day(compared, days, answered),
    )


def last_answers(rows: Iterable[UsageRow]) -> dict[tuple[str | None, str], date]:
    """The last day on which a model answered, by (provider in the log, plain name). What failed, and what a total tells of, is no
    answer."""
    found: dict[tuple[str | None, str], date] = {}
    for row in rows:
        if not row.specialist and not row.told and row.calls > row.failed:
            key = (row.provider, plain_name(model_of(row)))
            found[key] = max(found.get(key, date.min), day_of(row))
    return found


def last_answer(found: Mapping[tuple[str | None, str], date], model: str, providers: Iterable[str | None]) -> date | None:
    """Of a model at any of these."""
    name = plain_name(model)
    return max((found[key] for provider in providers if (key := (provider, name)) in found), default=None)


def _by_day(rows: Sequence[tuple[UsageRow, Decimal]], days: Sequence[date], answered: Sequence[tuple[date, int]]) -> Floats:
    found: dict[date, Decimal] = defaultdict(Decimal)
    calls = 0
    for row, usd in rows:
        found[day_of(row)] += usd
        calls += row.calls
    if calls:
        mean = sum(found.values(), Decimal(0)) / calls
        for day, number in answered:
            found[day] += number * mean
    return np.array([float(found.get(day, 0)) for day in days])
