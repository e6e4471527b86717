"""A provider's totals as lines of an invoice: tokens from its usage export, dollars from its cost export, by day and model.

Models have other names on invoices than in calls: `gpt-4o-2024-08-06` and `openai/gpt-4o`, "Claude Haiku 4.5" and
`claude-haiku-4-5-20251001`. `plain_name` makes them one. Give each export once: rows are added up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from modicum.catalog.card_names import plain
from modicum.store.totals import plus
from modicum.types import ProviderTotal, Usage

ALL = "(all models)"
"""Stands for the model where an export does not name any."""


def plain_name(model: str) -> str:
    """A model's name without provider, date and spelling."""
    return plain(model)


@dataclass(slots=True)
class Tokens:
    """Tokens of one tier; None until some are told of."""

    requests: int | None = None
    usage: Usage = field(default_factory=Usage)

    def add(self, requests: int | None, usage: Usage) -> None:
        if requests is not None:
            self.requests = (self.requests or 0) + requests
        self.usage = plus(self.usage, usage)


Priced = tuple[str, str | None]
"""A model as it is spelled there (dated versions differ in price), and the tier."""


@dataclass(slots=True)
class InvoiceLine:
    """One day of one model."""

    day: str
    provider: str
    model: str
    """Plain; `ALL` where the export names none."""
    spelled: str
    """As it stands on the invoice."""
    usd: Decimal | None = None
    """None where only tokens are told of."""
    tiers: dict[Priced, Tokens] = field(default_factory=dict)
    items: dict[str, Decimal] = field(default_factory=dict)
    """Dollars by what was charged for."""

    @property
    def requests(self) -> int | None:
        known = [tokens.requests for tokens in self.tiers.values() if tokens.requests is not None]
        return sum(known) if known else None


def lines(totals: Iterable[ProviderTotal]) -> list[InvoiceLine]:
    """The invoice, by day, provider and model. Line items that are no model's (searches, storage) stand as models of their own names."""
    found: dict[tuple[str, str, str], InvoiceLine] = {}
    for one in totals:
        spelled = one.model or (one.line_item if one.cost_usd is not None else None) or ALL
        name = plain_name(spelled) if one.model else spelled
        line = found.setdefault((one.day, one.provider, name), InvoiceLine(one.day, one.provider, name, spelled))
        if one.cost_usd is not None:
            line.usd = (line.usd or Decimal(0)) + one.cost_usd
            item = one.line_item or one.part or "tokens"
            line.items[item] = line.items.get(item, Decimal(0)) + one.cost_usd
        if one.usage.input_tokens is not None or one.requests is not None:
            line.tiers.setdefault((spelled, one.service_tier), Tokens()).add(one.requests, one.usage)
    return _together(list(found.values()))


def _together(lines: list[InvoiceLine]) -> list[InvoiceLine]:
    """Where costs of a day name no model and tokens do, the day is one line: dollars cannot be told apart by model."""
    days: dict[tuple[str, str], list[InvoiceLine]] = {}
    for line in lines:
        days.setdefault((line.day, line.provider), []).append(line)
    found = []
    for (day, provider), its in sorted(days.items()):
        if len(its) > 1 and any(line.model == ALL and line.usd is not None for line in its):
            whole = InvoiceLine(day, provider, ALL, ALL)
            for line in its:
                if line.usd is not None:
                    whole.usd = (whole.usd or Decimal(0)) + line.usd
                    for item, usd in line.items.items():
                        whole.items[item] = whole.items.get(item, Decimal(0)) + usd
                for priced, tokens in line.tiers.items():
                    whole.tiers.setdefault(priced, Tokens()).add(tokens.requests, tokens.usage)
            its = [whole]
        found += sorted(its, key=lambda line: line.model)
    return found
