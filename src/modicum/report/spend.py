"""What many calls cost: rows of usage added up by model, workload and day. Unknown costs are counted, never taken as zero."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from modicum.backends.priced import priced
from modicum.catalog import Catalogue
from modicum.catalog.card_names import plain
from modicum.catalog.listed import UNITS
from modicum.config import Config
from modicum.report import words
from modicum.report.costing import believed, cost_of, day_of, model_of, price_of
from modicum.report.records import ModelSpend

if TYPE_CHECKING:
    from modicum.store.calls import UsageRow


MOST_NAMED = 5
_NO_CALLS: dict[str, Any] = {
    "calls": 0,
    "failed": 0,
    "reasons": (),
    "calls_without_usage": 0,
    "calls_without_cost": 0,
    "cost_usd": Decimal(0),
    "refused": False,
}


@dataclass(slots=True)
class Spend:
    """A running sum over rows."""

    calls: int = 0
    priced_calls: int = 0
    """Answered, and their cost is known."""
    told_calls: int = 0
    """Among them: those that a provider's total tells of, and no record."""
    told_usd: Decimal = Decimal(0)
    refused_calls: int = 0
    """Nobody answered them, and they cost nothing."""
    calls_without_usage: int = 0
    """Of unknown cost, for nobody wrote down what they used."""
    impossible_calls: int = 0
    """Of unknown cost, for what was written down of their use cannot be."""
    usd: Decimal = Decimal(0)
    stages_usd: Decimal = Decimal(0)
    """What other models took that routes asked, whether or not their answers were given. In no mean, and in no `usd`."""
    by_day: defaultdict[date, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def add(self, row: UsageRow, catalogue: Catalogue) -> None:
        self.calls += row.calls
        self.told_calls += row.calls if row.told else 0
        if row.refused:
            self.refused_calls += row.calls
            return
        usd = cost_of(row, catalogue)
        if usd is not None:
            self.priced_calls += row.calls
            self.usd += usd
            self.by_day[day_of(row)] += usd
            if row.told:
                self.told_usd += usd
        elif not row.sound and not row.told:
            self.impossible_calls += row.calls
        elif not row.counted:
            self.calls_without_usage += row.calls

    def add_stage(self, row: UsageRow) -> None:
        """What a route's own stage took for these calls: for a specialist of ours that is nothing."""
        usd = row.stage_usd + (row.cost_usd if row.specialist else 0)
        if usd:
            self.stages_usd += usd
            self.by_day[day_of(row)] += usd

    @property
    def unpriced_calls(self) -> int:
        return self.calls - self.priced_calls - self.refused_calls

    @property
    def known_usd(self) -> Decimal | None:
        """Dollars of the calls whose cost is known; None where it is known of none of those that may have cost something."""
        known = self.priced_calls or self.usd or self.stages_usd or not self.unpriced_calls
        return self.usd + self.stages_usd if known else None

    @property
    def mean_usd(self) -> Decimal | None:
        """Of a call that was answered and whose cost is known."""
        return self.usd / self.priced_calls if self.priced_calls else None


def with_cost(rows: Iterable[UsageRow], catalogue: Catalogue) -> list[UsageRow]:
    """The same rows, what the unseen cost written in where it is known: so they can be taken apart and still cost the same together."""
    return [
        row if row.seen or (usd := cost_of(row, catalogue)) is None else replace(row, cost_usd=usd, calls_without_cost=0) for row in rows
    ]


def spend(rows: Iterable[UsageRow], catalogue: Catalogue, *, stages: bool = True) -> Spend:
    """What providers charged for these rows. Calls that a specialist answered are none of theirs and are left out; what another model
    took as the stage of a route counts with `stages`.
    """
    total = Spend()
    for row in rows:
        if not row.specialist:
            total.add(row, catalogue)
        if stages:
            total.add_stage(row)
    return total


def spend_by_model(rows: Iterable[UsageRow], catalogue: Catalogue, *, stages: bool = True) -> tuple[ModelSpend, ...]:
    """One line a model, dearest first, those of unknown cost last. It is called what most of its calls call it. What a route's other model
    took stands in that model's line, with `stages`.
    """
    by_model: dict[str, list[UsageRow]] = defaultdict(list)
    for row in rows:
        if not row.specialist:
            by_model[model_of(row)].append(replace(row, stage_usd=Decimal(0)))
        if stages and (asked := _stage(row)) is not None:
            by_model[model_of(asked)].append(asked)
    lines = []
    for model, names in _respelled(by_model, catalogue).items():
        its = [row for name in names for row in by_model[name]]
        total = spend(its, catalogue)
        lines.append(
            ModelSpend(
                model=model,
                calls=total.calls,
                calls_without_usage=total.calls_without_usage,
                unpriced_calls=total.unpriced_calls,
                spend_usd=total.known_usd,
                price=price_of(max(its, key=lambda row: row.day), catalogue),
                spellings=tuple((name, spend(by_model[name], catalogue).known_usd) for name in names) if len(names) > 1 else (),
            )
        )
    return tuple(sorted(lines, key=lambda line: (line.spend_usd is None, -(line.spend_usd or 0), -line.calls, line.model)))


def _stage(row: UsageRow) -> UsageRow | None:
    """What a route's other model took for these calls, as a row of that model's: of no calls but those that it answered."""
    usd = row.stage_usd + (row.cost_usd if row.specialist else 0)
    if not usd:
        return None
    provider, model = row.provider, model_of(row)
    if row.stage_model is not None:
        provider, _, model = row.stage_model.partition("/")
    named = replace(row, request_model=model, response_model=model, provider=provider)
    return named if row.specialist else replace(named, **_NO_CALLS)


def _respelled(by_model: dict[str, list[UsageRow]], catalogue: Catalogue) -> dict[str, list[str]]:
    """The usual name -> the spellings of one model at one price, most calls first; what is priced otherwise, or not at all, stays apart."""
    alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for model, its in by_model.items():
        price = price_of(max(its, key=lambda row: row.day), catalogue)
        one = (model,) if price is None else (plain(model), *(str(getattr(price, unit)) for unit in UNITS))
        alike[one].append(model)
    found = {}
    for models in alike.values():
        models.sort(key=lambda model: (sum(row.calls for row in by_model[model]), model), reverse=True)
        found[models[0]] = models
    return found


def respelled(lines: Sequence[ModelSpend]) -> tuple[str, ...]:
    """Which names of models are added up under one, in a sentence; nothing where none are."""
    told = [
        f"{words.visible(line.model, 60)} is "
        + " + ".join(f"{words.visible(name, 60)} {words.money(usd)}" for name, usd in line.spellings[:MOST_NAMED])
        + (" + …" if len(line.spellings) > MOST_NAMED else "")
        for line in lines
        if line.spellings
    ]
    if not told:
        return ()
    return (f"Names of one model at one price are one line: {words.listing(told, MOST_NAMED)}. `modicum spend --by model` has each name.",)


def spend_by_workload(config: Config, rows: Iterable[UsageRow]) -> dict[str, Decimal | None]:
    """workload_id -> dollars of its calls whose cost is known, or None where no call's is."""
    catalogue = Catalogue(*priced(config))
    totals: dict[str, Spend] = defaultdict(Spend)
    for row in believed(rows, catalogue):
        if row.workload_id is not None:
            if not row.specialist:
                totals[row.workload_id].add(row, catalogue)
            totals[row.workload_id].add_stage(row)
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
