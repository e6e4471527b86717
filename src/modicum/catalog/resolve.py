"""From a model's name and a day to our own Price, resolved once and kept in a bounded table.

Does not price calls (`cost` does) and never goes to the network. A model without any listed price is unknown: the
package would charge exactly 0 for it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from modicum.config import Config
from modicum.types import Price

Overrides = Mapping[str, Mapping[str, str]]
"""Model name -> {"input_usd_mtok": "0.5", ..., "source": "contract of 3 May"}, as `Config.prices` holds them."""

NO_OVERRIDES: Overrides = MappingProxyType({})
LONGEST_NAME = 256
UNITS = {
    "input_usd_mtok": "input_mtok",
    "output_usd_mtok": "output_mtok",
    "cache_read_usd_mtok": "cache_read_mtok",
    "cache_write_usd_mtok": "cache_write_mtok",
}


class Catalogue:
    """Prices under the operator's overrides.

    `capacity` bounds what is remembered: names come from requests, so they are neither few nor trusted.
    """

    def __init__(self, overrides: Overrides = NO_OVERRIDES, *, capacity: int = 4096) -> None:
        self._overrides = overrides
        self._capacity = capacity
        self._resolved: OrderedDict[tuple[str, date, int], Price | None] = OrderedDict()
        self._package: _Package | None = None

    def price(self, model: str, day: date, *, input_tokens: int = 0) -> Price | None:
        """The price of `model` as it stood on `day`, or None where it is not known.

        An override matches the name exactly as the calls spell it. Otherwise the provider is guessed from the name, or
        read from a prefix ("azure/gpt-4o"). `input_tokens`, the length of a call, matters only to models that charge
        more for long inputs; without it the price of short ones is returned.
        """
        row = self._overrides.get(model)
        if row is not None:
            return _overridden(model, row, day)
        if not model or len(model) > LONGEST_NAME:
            return None
        if self._package is None:
            self._package = _Package()
        key = (model, day, self._package.step(input_tokens))
        if key in self._resolved:
            self._resolved.move_to_end(key)
            return self._resolved[key]
        found = self._package.find(model, day, input_tokens)
        self._resolved[key] = found
        if len(self._resolved) > self._capacity:
            self._resolved.popitem(last=False)
        return found

    def price_table(self, models: Iterable[str], day: date) -> tuple[Price, ...]:
        """One Price a known model, for the snapshot that the gateway reads; unknown models are left out."""
        found = (self.price(model, day) for model in dict.fromkeys(models))
        return tuple(price for price in found if price is not None)


def price_table(config: Config, models: Iterable[str], day: date) -> tuple[Price, ...]:
    """The prices of `models` on `day` under the operator's; models without a known price are left out."""
    return Catalogue(config.prices).price_table(models, day)


def _overridden(model: str, row: Mapping[str, str], day: date) -> Price | None:
    prices = {unit: Decimal(row[unit]) for unit in UNITS if unit in row}
    if not prices:
        return None
    return Price(provider="operator", model=model, **prices, source=row.get("source", "operator's own price"), as_of=day.isoformat())


class _Package:
    """The installed `genai-prices`: imported here, on first use, because it costs a third of a second."""

    FORGET_AFTER = 4096

    def __init__(self) -> None:
        from importlib.metadata import version

        from genai_prices import data_snapshot, types

        self._snapshot_of = data_snapshot.DataSnapshot
        self._providers = data_snapshot.get_snapshot().providers
        self._tiered = types.TieredPrices
        self._source = f"genai-prices {version('genai-prices')}"
        self._steps = sorted({tier.start for provider in self._providers for info in provider.models for tier in self._tiers(info)})
        self._forget()

    def _tiers(self, info: Any) -> Iterator[Any]:
        for listed in [part.prices for part in info.prices] if isinstance(info.prices, list) else [info.prices]:
            for value in vars(listed).values():
                yield from value.tiers if isinstance(value, self._tiered) else ()

    def step(self, input_tokens: int) -> int:
        """How many of the lengths at which any listed price changes lie below an input of this length."""
        return bisect_left(self._steps, input_tokens)

    def _forget(self) -> None:
        # The package remembers every name it was ever asked for, known or not; a new view of the same data does not.
        self._snapshot: Any = self._snapshot_of(providers=self._providers, from_auto_update=False)
        self._lookups = 0

    def find(self, model: str, day: date, input_tokens: int) -> Price | None:
        self._lookups += 1
        if self._lookups > self.FORGET_AFTER:
            self._forget()
        try:
            provider, info = self._snapshot.find_provider_model(model, None, None, None)
        except LookupError:
            if "/" not in model:
                return None
            try:
                provider, info = self._snapshot.find_provider_model(model, None, "litellm", None)
            except LookupError:
                return None
        # A price that changes within the day (off-peak hours) is taken at noon.
        listed = info.get_prices(datetime.combine(day, time(12), tzinfo=UTC))
        prices = {ours: self._at(getattr(listed, theirs, None), input_tokens) for ours, theirs in UNITS.items()}
        if all(value is None for value in prices.values()):
            return None
        return Price(provider=provider.id, model=model, **prices, source=self._source, as_of=day.isoformat())

    def _at(self, listed: Any, input_tokens: int) -> Decimal | None:
        if not isinstance(listed, self._tiered):
            return listed if isinstance(listed, Decimal) else None
        # The whole call is charged at the rate of the highest step that its input exceeds.
        reached = [tier.price for tier in listed.tiers if input_tokens > tier.start]
        value = reached[-1] if reached else listed.base
        return value if isinstance(value, Decimal) else None
