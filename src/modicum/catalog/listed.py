"""List prices by day: the whole table of the `genai-prices` package as one file of JSON, read without that package.

`catalog.compiled` writes the file at night. Here a model's name is matched as the package matches it, and its price found by provider,
moment, length of the input and service tier. A provider's models are decoded when the first of them is asked for. What is not
listed is None, also where a tier has no price of its own: half price or the plain one would be a guess.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from modicum.types import Price

FORM = 1
LONGEST_NAME = 256
PLAIN_TIERS = frozenset({"", "default", "standard", "auto", "on_demand"})
"""Words of providers for what is priced as listed."""
UNITS = {
    "input_usd_mtok": "input_mtok",
    "output_usd_mtok": "output_mtok",
    "cache_read_usd_mtok": "cache_read_mtok",
    "cache_write_usd_mtok": "cache_write_mtok",
    "cache_write_1h_usd_mtok": "cache_write_1h_mtok",
    "audio_input_usd_mtok": "input_audio_mtok",
    "audio_output_usd_mtok": "output_audio_mtok",
    "request_usd": "requests_kcount",
}
"""Our field -> the package's unit; requests are listed by the thousand."""
KEPT = frozenset(UNITS.values())

Clause = tuple[str, Any]
"""("starts" | "ends" | "contains" | "regex" | "equals", text in lower case), ("or" | "and", clauses)."""
Value = str | tuple[str, tuple[tuple[int, str], ...]]
"""A price, or what it is at first and (above so many input tokens, price) in rising order."""
Constraint = str | tuple[str, str] | None
"""From this day on; or between these times of the day, UTC."""
Prices = tuple[Constraint, dict[str, Value]]


class Model(msgspec.Struct, array_like=True, frozen=True):
    id: str
    match: Clause
    prices: tuple[Prices, ...]
    """The last whose constraint holds counts, else the first."""
    variants: tuple[tuple[dict[str, str], Constraint, dict[str, Value]], ...] = ()


class Provider(msgspec.Struct, array_like=True, frozen=True):
    id: str
    own: Clause | None
    """Other names of the provider."""
    guess: Clause | None
    """Names of models that are taken to be its."""
    others: tuple[str, ...]
    """Providers whose models it sells at their price."""
    models: msgspec.Raw


class Table(msgspec.Struct, frozen=True):
    form: int
    version: str
    providers: tuple[Provider, ...]


Resolved = tuple[Price, tuple[tuple[str, Value], ...]]
"""The price of short inputs, and the fields of it that rise with the length."""
_decode_models = msgspec.json.Decoder(tuple[Model, ...]).decode
_DATED = re.compile(r"(-)(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)")


class Listed:
    """One table. `capacity` bounds the names that are remembered: they come from requests."""

    def __init__(self, body: bytes, *, capacity: int = 4096) -> None:
        """Raises ValueError for what is no table of this form."""
        try:
            table = msgspec.json.decode(body, type=Table)
        except msgspec.MsgspecError as error:
            raise ValueError(f"no table of prices: {error}") from None
        if table.form != FORM:
            raise ValueError(f"a table of prices of form {table.form}, not {FORM}")
        self.version = table.version
        self._providers = {provider.id: provider for provider in table.providers}
        self._models: dict[str, tuple[Model, ...]] = {}
        self._capacity = capacity
        self._recent: dict[tuple[str | None, str, str | None, int], Resolved | None] = {}
        self._known: OrderedDict[tuple[str | None, str], tuple[str, Model] | None] = OrderedDict()

    def price(
        self, model: str, at: datetime, *, provider: str | None = None, input_tokens: int = 0, service_tier: str | None = None
    ) -> Price | None:
        """The price of a model at a moment. `provider` None: guessed from the name, or read from its prefix ("azure/gpt-4o")."""
        found = self.resolved(model, at, provider=provider, service_tier=service_tier)
        return None if found is None else risen(found, input_tokens)

    def resolved(self, model: str, at: datetime, *, provider: str | None = None, service_tier: str | None = None) -> Resolved | None:
        """The same for every length of input: give it to `risen`."""
        # What was found a moment ago holds for the second.
        key = (provider, model, service_tier, int(at.timestamp()))
        if key in self._recent:
            return self._recent[key]
        found = self._resolved(model, at, provider, service_tier)
        if len(self._recent) >= self._capacity:
            self._recent.clear()
        if len(model) + len(service_tier or "") <= LONGEST_NAME:
            self._recent[key] = found
        return found

    def _resolved(self, model: str, at: datetime, provider: str | None, service_tier: str | None) -> Resolved | None:
        found = self.find(model, provider)
        if found is None and provider is None:
            found = self._everywhere(model.lower())
        if found is None:
            return None
        sold_by, one = found
        listed = dict(next((prices for when, prices in reversed(one.prices) if _holds(when, at)), one.prices[0][1] if one.prices else {}))
        if not listed:
            return None
        if service_tier is not None and service_tier not in PLAIN_TIERS:
            special: dict[str, Value] = {}
            for conditions, constraint, prices in one.variants:
                if all(value == service_tier for value in conditions.values()) and _holds(constraint, at):
                    special = prices | special
            if not special:
                return None
            listed |= special
        fields = {ours: listed[theirs] for ours, theirs in UNITS.items() if theirs in listed}
        steps = tuple((field, value) for field, value in fields.items() if not isinstance(value, str) and field != "request_usd")
        known = {field: _at(value, 0) for field, value in fields.items()}
        if "request_usd" in known:
            known["request_usd"] /= 1000
        source = f"genai-prices {self.version}"
        return Price(provider=sold_by, model=model, **known, source=source, as_of=at.date().isoformat()), steps

    def find(self, model: str, provider: str | None) -> tuple[str, Model] | None:
        """(provider, model) as the package finds them."""
        if not model or len(model) > LONGEST_NAME:
            return None
        key = (provider, model.lower())
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        found = self._known[key] = self._find(key[1], provider)
        if len(self._known) > self._capacity:
            self._known.popitem(last=False)
        return found

    def names(self) -> Iterator[tuple[str, str]]:
        """(provider, the list's own name of a model) of everything in it."""
        for provider in self._providers:
            yield from ((provider, model.id) for model in self._of(provider))

    def changed(self, until: date) -> date | None:
        """The latest day on which a price changed, as the list knows it, up to `until`."""
        last = until.isoformat()
        days = (
            when
            for provider in self._providers
            for model in self._of(provider)
            for when, _ in model.prices
            if isinstance(when, str) and when <= last
        )
        found = max(days, default=None)
        return None if found is None else date.fromisoformat(found)

    def _find(self, name: str, provider: str | None) -> tuple[str, Model] | None:
        if provider is not None:
            return self._sold(self._named(provider), name)
        guessed = next((one for one in self._providers.values() if one.guess is not None and matches(one.guess, name)), None)
        if (found := self._sold(guessed, name)) is not None:
            return found
        prefix, slash, rest = name.partition("/")
        if prefix and slash and (named := self._named(prefix)) is not None:
            return self._sold(named, rest)
        return None

    def _everywhere(self, name: str) -> tuple[str, Model] | None:
        """A model whose sellers all list it under this name at one price: then it does not matter whose it was."""
        found = [(seller, model) for seller in self._providers for model in self._of(seller) if model.id == name]
        return found[0] if found and all(model.prices == found[0][1].prices for _, model in found) else None

    def _named(self, name: str) -> Provider | None:
        name = name.lower().strip()
        return self._providers.get(name) or next(
            (one for one in self._providers.values() if one.own is not None and matches(one.own, name)), None
        )

    def _sold(self, provider: Provider | None, name: str) -> tuple[str, Model] | None:
        if provider is None:
            return None
        for spelling in dict.fromkeys((name, _DATED.sub(_dashed, name))):
            for seller in (provider.id, *provider.others):
                for one in self._of(seller):
                    if matches(one.match, spelling):
                        return provider.id, one
        return None

    def _of(self, provider: str) -> Sequence[Model]:
        found = self._models.get(provider)
        if found is None:
            listed = self._providers.get(provider)
            found = self._models[provider] = _decode_models(listed.models) if listed is not None else ()
        return found


def risen(found: Resolved, input_tokens: int) -> Price:
    """The price for an input of this length."""
    price, steps = found
    fields: dict[str, Any] = {field: _at(value, input_tokens) for field, value in steps} if steps else {}
    return replace(price, **fields) if fields else price


def matches(clause: Clause, text: str) -> bool:
    """Does a name in lower case meet a clause?"""
    kind, value = clause
    return _KINDS[kind](value, text)


@lru_cache(maxsize=4096)
def _regex(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


_KINDS: Mapping[str, Callable[[Any, str], bool]] = {
    "starts": lambda value, text: text.startswith(value),
    "ends": lambda value, text: text.endswith(value),
    "contains": lambda value, text: value in text,
    "equals": lambda value, text: bool(text == value),
    "regex": lambda value, text: _regex(value).search(text) is not None,
    "or": lambda value, text: any(matches(clause, text) for clause in value),
    "and": lambda value, text: all(matches(clause, text) for clause in value),
}


def _dashed(found: re.Match[str]) -> str:
    year, month, day = int(found[2]), int(found[3]), int(found[4])
    try:
        date(year, month, day)
    except ValueError:
        return found[0]
    return f"-{year:04d}-{month:02d}-{day:02d}"


def _holds(constraint: Constraint, at: datetime) -> bool:
    if constraint is None:
        return True
    at = at.astimezone(UTC)
    if isinstance(constraint, str):
        return at.date().isoformat() >= constraint
    start, end = constraint
    now = at.time().isoformat()
    return now >= start or now < end if end < start else start <= now < end


def _at(value: Value, input_tokens: int) -> Decimal:
    """The whole call is charged at the rate of the highest step that its input exceeds."""
    if isinstance(value, str):
        return Decimal(value)
    base, steps = value
    return Decimal(next((price for start, price in reversed(steps) if input_tokens > start), base))
