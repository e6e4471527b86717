"""Recorded spend as an invoice sees it: calls by day, provider and model, with their tokens by tier and what they cost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from modicum.catalog import Catalogue
from modicum.report.costing import cost_of, is_ours, model_of, price_of, usage_of
from modicum.report.invoice import Priced, Tokens, plain_name
from modicum.types import Usage

if TYPE_CHECKING:
    from modicum.store.calls import SpendRow
    from modicum.store.spending import Stage


@dataclass(slots=True)
class RecordedLine:
    """Calls of one day to one model."""

    day: str
    provider: str | None
    """As the calls say, else whose list has the model; None where neither is known."""
    model: str
    spelled: str
    calls: int = 0
    usd: Decimal = Decimal(0)
    """Of those whose cost is known."""
    calls_of_unknown_cost: int = 0
    calls_without_tokens: int = 0
    tiers: dict[Priced, Tokens] = field(default_factory=dict)


def recorded(rows: Iterable[SpendRow], catalogue: Catalogue) -> list[RecordedLine]:
    """The calls that a provider answered, by day, provider and model; a specialist's own answers are no provider's, and what was refused
    is on no invoice. What a route asked another model stands with that model, whoever answered."""
    found: dict[tuple[str, str | None, str], RecordedLine] = {}
    for row in rows:
        if row.stage is not None:
            _add_stage(found, row, row.stage)
        if is_ours(row) or row.refused:
            continue
        spelled = model_of(row)
        price = price_of(row, catalogue)
        provider = row.provider or (price.provider if price is not None else None)
        name = plain_name(spelled)
        line = found.setdefault((row.day, provider, name), RecordedLine(row.day, provider, name, spelled))
        line.calls += row.calls
        usage = usage_of(row)
        usd = cost_of(row, catalogue)
        if usd is None:
            line.calls_of_unknown_cost += row.calls
        else:
            line.usd += usd
        if row.counted:
            line.tiers.setdefault((spelled, tier_of(row.service_tier)), Tokens()).add(row.calls, usage)
        else:
            line.calls_without_tokens += row.calls
    return sorted(found.values(), key=lambda line: (line.day, line.provider or "", line.model))


def _add_stage(found: dict[tuple[str, str | None, str], RecordedLine], row: SpendRow, stage: Stage) -> None:
    provider, name = stage.provider, plain_name(stage.model)
    line = found.setdefault((row.day, provider, name), RecordedLine(row.day, provider, name, stage.model))
    line.calls += row.calls
    without_cost = (0 if row.costed else row.calls) if row.specialist else stage.without_cost
    line.usd += row.cost_usd if row.specialist else stage.usd
    line.calls_of_unknown_cost += without_cost
    usage = usage_of(row) if row.specialist else Usage(input_tokens=stage.input_tokens, output_tokens=stage.output_tokens)
    without_usage = (0 if row.counted else row.calls) if row.specialist else stage.without_usage
    line.calls_without_tokens += without_usage
    if row.calls > without_usage:
        line.tiers.setdefault((stage.model, None), Tokens()).add(row.calls - without_usage, usage)


def tier_of(word: str | None) -> str | None:
    return None if word in (None, "default", "standard", "auto") else word


def is_of(provider: str, line: RecordedLine, models: frozenset[str]) -> bool:
    """Did this provider charge for these calls? `models`: those on its invoice, for calls that do not say who answered."""
    if line.provider is None:
        return line.model in models
    named = line.provider.lower()
    return provider in named and not any(other in named for other in ("azure", "bedrock", "vertex") if other not in provider)
