"""Prices of batches where the list names none: what is asked in a batch costs half, at the two providers that say so of all their models.

Sources, read 2026-11-22: platform.openai.com/docs/guides/batch ("50% cost discount compared to synchronous APIs");
docs.anthropic.com/en/docs/build-with-claude/batch-processing ("All usage is charged at 50% of the standard API prices").
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import date
from decimal import Decimal
from typing import Any

from modicum.catalog.resolve import Catalogue
from modicum.types import Price

HALVED = ("openai", "anthropic")
_HALF = Decimal("0.5")
_MONEY = tuple(field.name for field in fields(Price) if field.name.endswith("_usd_mtok"))


def price(
    catalogue: Catalogue, model: str, day: date, *, input_tokens: int = 0, provider: str | None = None, service_tier: str | None = None
) -> Price | None:
    """As `Catalogue.price`; a batch at half the plain price where the list has no price of its own for it."""
    found = catalogue.price(model, day, input_tokens=input_tokens, provider=provider, service_tier=service_tier)
    if found is not None or service_tier != "batch":
        return found
    plain = catalogue.price(model, day, input_tokens=input_tokens, provider=provider)
    if plain is None or plain.provider not in HALVED:
        return None
    halves: dict[str, Any] = {name: value * _HALF for name in _MONEY if (value := getattr(plain, name)) is not None}
    return replace(plain, source=f"{plain.source}, half of it in a batch", **halves)


def price_of(
    catalogue: Catalogue,
    models: Iterable[str | None],
    day: date,
    *,
    input_tokens: int = 0,
    provider: str | None = None,
    service_tier: str | None = None,
) -> Price | None:
    """The price of the first of these names that has one: the model that answered, then the one that was asked (a deployment's own name
    says nothing)."""
    for model in dict.fromkeys(models):
        if model:
            found = price(catalogue, model, day, input_tokens=input_tokens, provider=provider, service_tier=service_tier)
            if found is not None:
                return found
    return None
