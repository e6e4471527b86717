"""What the calls cost: rows of usage priced by model and day. Unknown costs are counted, never taken as zero."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from modicum.backends.priced import priced
from modicum.catalog import Catalogue, cost
from modicum.config import Config
from modicum.report import tiers
from modicum.report.records import ModelSpend
from modicum.types import Price, Usage

if TYPE_CHECKING:
    from modicum.store.calls import UsageRow

NO_MODEL = "(no model named)"


def model_of(row: UsageRow) -> str:
    """The model that answered, as far as the row says."""
    return row.response_model or row.request_model or NO_MODEL


def day_of(row: UsageRow) -> date:
    return date.fromisoformat(row.day)


def price_of(row: UsageRow, catalogue: Catalogue) -> Price | None:
    """The price of the model that answered, else of the one that was asked (a deployment's own name says nothing)."""
    known = row.calls - row.calls_without_usage
    length = row.input_tokens // known if known > 0 else 0
    for model in dict.fromkeys((row.response_model, row.request_model)):
        if model:
            price = tiers.price(catalogue, model, day_of(row), input_tokens=length, provider=row.provider, service_tier=row.service_tier)
            if price is not None:
                return price
    return None


@dataclass(slots=True)
class Spend:
    """A running sum over rows."""

    calls: int = 0
    calls_without_usage: int = 0
    priced_calls: int = 0
    usd: Decimal = Decimal(0)
    by_day: defaultdict[date, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def add(self, row: UsageRow, catalogue: Catalogue) -> None:
        known = row.calls - row.calls_without_usage
        usage = Usage(
            input_tokens=row.input_tokens,
            output_tokens=row.output_tokens,
            cache_read_tokens=row.cache_read_tokens,
            cache_write_tokens=row.cache_write_tokens,
            cache_write_1h_tokens=row.cache_write_1h_tokens,
            audio_input_tokens=row.audio_input_tokens,
            audio_output_tokens=row.audio_output_tokens,
        )
        usd = cost(price_of(row, catalogue), usage, calls=known) if known > 0 else None
        self.calls += row.calls
        self.calls_without_usage += row.calls_without_usage
        if usd is None:
            # What was written down when the call was made, where no price list knows better.
            known, usd = row.calls - row.calls_without_cost, row.cost_usd
        if known > 0:
            self.priced_calls += known
            self.usd += usd
            self.by_day[day_of(row)] += usd

    @property
    def unpriced_calls(self) -> int:
        return self.calls - self.priced_calls

    @property
    def known_usd(self) -> Decimal | None:
        """Dollars of the calls whose cost is known; None where there are none of them (and some calls)."""
        return self.usd if self.priced_calls or not self.calls else None

    @property
    def mean_usd(self) -> Decimal | None:
        return self.usd / self.priced_calls if self.priced_calls else None


def spend(rows: Iterable[UsageRow], catalogue: Catalogue) -> Spend:
    """What a provider charged for these rows; a specialist's own answers are no provider's and are left out."""
    total = Spend()
    for row in rows:
        if not row.specialist:
            total.add(row, catalogue)
    return total


def spend_by_model(rows: Sequence[UsageRow], catalogue: Catalogue) -> tuple[ModelSpend, ...]:
    """One line a model, dearest first, those of unknown cost last."""
    by_model: dict[str, list[UsageRow]] = defaultdict(list)
    for row in rows:
        if not row.specialist:
            by_model[model_of(row)].append(row)
    lines = []
    for model, its in by_model.items():
        total = spend(its, catalogue)
        lines.append(
            ModelSpend(
                model=model,
                calls=total.calls,
                calls_without_usage=total.calls_without_usage,
                unpriced_calls=total.unpriced_calls,
                spend_usd=total.known_usd,
                price=price_of(max(its, key=lambda row: row.day), catalogue),
            )
        )
    return tuple(sorted(lines, key=lambda line: (line.spend_usd is None, -(line.spend_usd or 0), -line.calls, line.model)))


def spend_by_workload(config: Config, rows: Iterable[UsageRow]) -> dict[str, Decimal | None]:
    """workload_id -> dollars of its calls whose cost is known, or None where no call's is."""
    catalogue = Catalogue(*priced(config))
    totals: dict[str, Spend] = defaultdict(Spend)
    for row in rows:
        if row.workload_id is not None and not row.specialist:
            totals[row.workload_id].add(row, catalogue)
    return {workload_id: total.known_usd for workload_id, total in totals.items()}


def median_ms(rows: Iterable[UsageRow], of: Callable[[UsageRow], bool]) -> float | None:
    """The median, weighted by calls, of the rows' median durations: close to that of the calls, not the same."""
    found = sorted((row.duration_p50_ms, row.calls) for row in rows if of(row) and row.duration_p50_ms is not None)
    half = sum(calls for _, calls in found) / 2
    for duration, calls in found:
        half -= calls
        if half <= 0:
            return float(duration)
    return None
