"""What a call costs, by day: the operator's prices first, then the list prices of the provider that answered.

Reads one compiled file (`catalog.listed`) when the first price is asked for, and imports nothing slow. Names of models come from
requests and replies; whatever they are, a name without a price is None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from modicum.catalog.cost import cost
from modicum.catalog.listed import PLAIN_TIERS, UNITS, Listed
from modicum.config import Config
from modicum.types import Price, Usage

LISTED_AS = {
    "openai": "openai",
    "azure": "azure",
    "anthropic": "anthropic",
    "gemini": "google",
    "vertex": "google",
    "bedrock": "aws",
    "mistral": "mistral",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "xai": "x-ai",
    "groq": "groq",
    "together": "together",
    "fireworks": "fireworks",
    "openrouter": "openrouter",
}
"""Kind of a provider -> its name in the list. Others have no list price: own servers, and what the list leaves out."""
GUESSED = frozenset({"", "litellm"})
"""Kinds that stand for several providers: there the model's name says whose price it is."""
HUGGING_FACE = "huggingface"


class DailyPrices:
    """Prices under the operator's. Opening reads nothing yet."""

    def __init__(self, config: Config, table: Path, *, broken: Callable[[str], None] = lambda _: None) -> None:
        """`broken` hears of a table that cannot be read; without it only the operator's prices are known."""
        self._overrides = config.prices
        self._kinds = {name: _kind(name, one.kind, one.url) for name, one in config.providers.items()}
        self._kinds["upstream"] = _kind("upstream", config.upstream.kind, config.upstream.url)
        self._table = table
        self._listed: Listed | None = None
        self._read = False
        self._broken = broken

    def price(self, provider: str, model: str, at: datetime, *, input_tokens: int = 0, service_tier: str | None = None) -> Price | None:
        """The price of a model at a provider (as the configuration names both) at a moment."""
        own = overridden(self._overrides, provider, model, at, service_tier)
        if own is not None:
            return own
        listed = self._list()
        if listed is None:
            return None
        kind = self._kinds.get(provider, LISTED_AS.get(provider))
        if kind is None:
            return None
        if kind == HUGGING_FACE:
            model, _, sold_by = model.rpartition(":")
            kind = f"{HUGGING_FACE}_{sold_by}"
        return listed.price(model, at, provider=kind or None, input_tokens=input_tokens, service_tier=service_tier)

    def cost(
        self, provider: str, told: str | None, asked: str | None, usage: Usage, at: datetime, service_tier: str | None = None
    ) -> Decimal | None:
        """Dollars for a call, at the price of the model that the provider named, else of the one that was asked for."""
        for model in dict.fromkeys((told, asked)):
            if model:
                price = self.price(provider, model, at, input_tokens=usage.input_tokens or 0, service_tier=service_tier)
                if price is not None:
                    return cost(price, usage)
        return None

    def _list(self) -> Listed | None:
        if not self._read:
            self._read = True
            try:
                self._listed = Listed(self._table.read_bytes())
            except (OSError, ValueError) as error:
                self._broken(f"{self._table}: {error}")
        return self._listed


def overridden(
    overrides: Mapping[str, Mapping[str, str]], provider: str, model: str, at: datetime, service_tier: str | None
) -> Price | None:
    """The operator's own price: `provider/model` before `model`; with `@tier` behind it where the provider priced the call by a tier."""
    tier = f"@{service_tier}" if service_tier is not None and service_tier not in PLAIN_TIERS else ""
    for name in (f"{provider}/{model}{tier}", f"{model}{tier}"):
        row = overrides.get(name)
        if row is not None:
            prices = {unit: Decimal(row[unit]) for unit in UNITS if unit in row}
            if prices:
                day = at.astimezone(UTC).date().isoformat()
                return Price(provider="operator", model=model, **prices, source=row.get("source", "operator's own price"), as_of=day)
    return None


def _kind(name: str, kind: str, url: str) -> str | None:
    """The provider's name in the list; "" where the model's name must say it, None where nothing is listed."""
    kind = kind or name
    if kind == HUGGING_FACE:
        return kind
    if kind == "openai" and url.rstrip("/") not in ("", "https://api.openai.com/v1"):
        return ""  # anything may stand behind an address of one's own
    return "" if kind in GUESSED else LISTED_AS.get(kind)
