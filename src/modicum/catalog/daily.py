"""What a call costs, by day: the operator's prices first, then the list prices of the provider that answered.

Reads one compiled file (`catalog.listed`) when the first price is asked for, and imports nothing slow. Names of models come from
requests and replies; whatever they are, a name without a price is None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

from modicum.catalog.cost import Rates, cost, rates
from modicum.catalog.listed import LONGEST_NAME, PLAIN_TIERS, UNITS, Listed, Resolved, risen
from modicum.config import Config, ProviderConfig
from modicum.types import Price, Usage

LISTED_AS = {
    "openai": "openai",
    "azure": "azure",
    "anthropic": "anthropic",
    "gemini": "google",
    "vertex": "google",
    "vertex_anthropic": "google",
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
LOGGED_AS = {
    "openai": ("text-completion-openai",),
    "azure": ("azure_text", "azure.ai.openai", "az.ai.openai"),
    "anthropic": ("anthropic_text",),
    "google": ("google", "vertex_ai", "vertex_ai_beta", "gcp.gemini", "gcp.vertex_ai", "gcp.gen_ai", "google_ai_studio"),
    "aws": ("aws", "bedrock_converse", "aws.bedrock", "aws_bedrock", "amazon-bedrock"),
    "mistral": ("mistral_ai", "mistralai"),
    "cohere": ("cohere_chat",),
    "x-ai": ("x_ai", "x-ai"),
    "together": ("together_ai", "togetherai"),
    "fireworks": ("fireworks_ai", "fireworks-ai"),
    "moonshotai": ("moonshot", "moonshotai"),
    "perplexity": ("perplexity",),
    "cerebras": ("cerebras",),
    "voyageai": ("voyage", "voyageai"),
    "zai": ("zai",),
    "minimax": ("minimax",),
    "novita": ("novita",),
}
"""Name in the list -> what logs call that provider (LiteLLM's `custom_llm_provider`, OpenTelemetry's `gen_ai.provider.name`)."""
_LISTED = {word: name for name, words in LOGGED_AS.items() for word in words} | LISTED_AS
GUESSED = frozenset({"", "litellm"})
"""Kinds that stand for several providers: there the model's name says whose price it is."""
HUGGING_FACE = "huggingface"
OPENAI = "https://api.openai.com/v1"
STEP = timedelta(minutes=1)
"""Prices change on whole minutes, in every list there is."""

Overrides = Mapping[str, Mapping[str, str]]
"""Model -> {"input_usd_mtok": "0.5", ..., "source": "contract of 3 May"}, as `Config.prices` holds them."""
NO_OVERRIDES: Overrides = MappingProxyType({})
NO_KINDS: Mapping[str, str | None] = MappingProxyType({})
NO_PROVIDERS: Mapping[str, ProviderConfig] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Found:
    """What a name's price is from one whole minute to the next."""

    since: datetime
    until: datetime
    price: Resolved | None
    rates: Rates | None
    """None too where the price rises with the length of the input."""


class DailyPrices:
    """Prices under the operator's."""

    def __init__(
        self,
        overrides: Overrides,
        kinds: Mapping[str, str | None],
        table: Callable[[], bytes],
        *,
        capacity: int = 4096,
        broken: Callable[[str], None] | None = None,
    ) -> None:
        """`table` is read when the first price is asked for. `broken` hears why it cannot be: then only the operator's are known."""
        self._overrides, self._kinds, self._table, self._capacity, self._broken = overrides, kinds, table, capacity, broken
        self._listed: Listed | None = None
        self._read = False
        self._recent: dict[tuple[str | None, str, str | None], _Found] = {}

    def price(
        self, provider: str | None, model: str, at: datetime, *, input_tokens: int = 0, service_tier: str | None = None
    ) -> Price | None:
        """The price of a model at a provider (as the configuration names both) at a moment. Provider None: the model's name says it."""
        found = self._found(provider, model, at, service_tier).price
        return None if found is None else found[0] if not found[1] else risen(found, input_tokens)

    def rates(self, provider: str | None, model: str, at: datetime) -> Rates | None:
        """The same for plain tokens of an input of any length, in pico-dollars; None where it takes the price to say."""
        return self._found(provider, model, at, None).rates

    def _found(self, provider: str | None, model: str, at: datetime, service_tier: str | None) -> _Found:
        # Names come from requests, so few are remembered, and no long ones.
        key = (provider, model, service_tier)
        found = self._recent.get(key)
        if found is None or not found.since <= at < found.until:
            since = at.replace(second=0, microsecond=0)
            price = self._resolved(provider, model, at, None if service_tier in PLAIN_TIERS else service_tier)
            found = _Found(since, since + STEP, price, None if price is None or price[1] else rates(price[0]))
            if len(self._recent) >= self._capacity:
                self._recent.clear()
            if len(model) + len(service_tier or "") <= LONGEST_NAME:
                self._recent[key] = found
        return found

    def _resolved(self, provider: str | None, model: str, at: datetime, tier: str | None) -> Resolved | None:
        known, own = _own(self._overrides, provider, model, at, tier)
        if known:
            return None if own is None else (own, ())
        sold_by = "" if provider is None else self._kinds.get(provider, _LISTED.get(provider.lower()))
        if sold_by is None or (listed := self._list()) is None:
            return None
        if sold_by == HUGGING_FACE:
            model, _, routed = model.rpartition(":")
            sold_by = f"{HUGGING_FACE}_{routed}"
        while (found := listed.resolved(model, at, provider=sold_by or None, service_tier=tier)) is None:
            # What routes a call may stand before the name: anthropic/claude-..., bedrock/converse/us.anthropic.claude-...
            route, slash, model = model.partition("/")
            if not slash or (route != "converse" and _LISTED.get(route.lower()) != sold_by):
                break
        return found

    def cost(
        self, provider: str | None, told: str | None, asked: str | None, usage: Usage, at: datetime, service_tier: str | None = None
    ) -> Decimal | None:
        """Dollars for a call, at the price of the model that the provider named, else of the one that was asked for."""
        for model in (told, asked) if told != asked else (told,):
            if model:
                price = self.price(provider, model, at, input_tokens=usage.input_tokens or 0, service_tier=service_tier)
                if price is not None:
                    return cost(price, usage)
        return None

    def _list(self) -> Listed | None:
        if not self._read:
            self._read = True
            try:
                self._listed = Listed(self._table(), capacity=self._capacity)
            except (OSError, ValueError) as error:
                if self._broken is None:
                    raise
                self._broken(str(error))
        return self._listed


def kinds_of(config: Config, others: Mapping[str, ProviderConfig] = NO_PROVIDERS) -> Mapping[str, str | None]:
    """Each provider of a configuration -> its name in the list; "" where the model's name must say it, None where nothing is listed.

    `[upstream]` is recorded under the name of its kind, unless a section has that name. `others`: providers that another file names.
    """
    upstream = _kind(config.upstream.kind, config.upstream.url)
    named = {name: _kind(one.kind or name, one.url) for name, one in (*others.items(), *config.providers.items())}
    return {config.upstream.kind: upstream} | named | {"upstream": upstream}


def _kind(kind: str, url: str) -> str | None:
    if kind == "openai" and url.rstrip("/") not in ("", OPENAI):
        return ""  # anything may stand behind an address of one's own
    if kind == HUGGING_FACE:
        return kind
    return "" if kind in GUESSED else LISTED_AS.get(kind)


def _own(overrides: Overrides, provider: str | None, model: str, at: datetime, tier: str | None) -> tuple[bool, Price | None]:
    """(the operator has said something, the price if it is one): `provider/model` before `model`, each with its `@tier`."""
    for name in (f"{provider}/{model}", model) if provider is not None else (model,):
        row = overrides.get(name if tier is None else f"{name}@{tier}")
        if row is not None:
            prices = {unit: Decimal(row[unit]) for unit in UNITS if unit in row}
            day = at.astimezone(UTC).date().isoformat()
            source = row.get("source", "operator's own price")
            return True, Price(provider="operator", model=model, **prices, source=source, as_of=day) if prices else None
        if tier is not None and name in overrides:
            return True, None  # what the operator pays is not the list's price, so its tiers are not the list's either
    return False, None
