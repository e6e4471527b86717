"""Prices by night: the same look-up as by day, over the list of the `genai-prices` that is installed, compiled in memory.

Does not price calls (`cost` does) and never goes to the network. A model without any listed price is unknown: the
package would charge exactly 0 for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from functools import lru_cache

from modicum.catalog.daily import NO_KINDS, NO_OVERRIDES, DailyPrices, Overrides
from modicum.catalog.listed import Listed
from modicum.types import Price


class Catalogue:
    """Prices under the operator's. `kinds`: which list each provider has. `backends.priced` tells both of a configuration."""

    def __init__(self, overrides: Overrides = NO_OVERRIDES, kinds: Mapping[str, str | None] = NO_KINDS, *, capacity: int = 4096) -> None:
        self._prices = DailyPrices(overrides, kinds, _table, capacity=capacity)

    def price(
        self, model: str, day: date, *, input_tokens: int = 0, provider: str | None = None, service_tier: str | None = None
    ) -> Price | None:
        """The price of `model` as it stood on `day` (at noon, UTC, where it changes within one), or None where it is not known.

        An override matches the name exactly as the calls spell it. Otherwise it is that of `provider` (as the configuration names it);
        without one, the provider is guessed from the name, or read from a prefix ("azure/gpt-4o"). `input_tokens`, the length of a call,
        matters only to models that charge more for long inputs; without it the price of short ones is returned.
        """
        at = datetime.combine(day, time(12), tzinfo=UTC)
        return self._prices.price(provider, model, at, input_tokens=input_tokens, service_tier=service_tier)


@lru_cache(maxsize=1)
def listed() -> Listed:
    """The whole list, for whoever wants to know all that is sold."""
    return Listed(_table())


@lru_cache(maxsize=1)
def _table() -> bytes:
    from modicum.catalog.compiled import compiled  # the package costs a third of a second

    return compiled()
