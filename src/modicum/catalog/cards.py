"""The catalogue of models: every card, found by the name that a log calls a model by. Opened from files, never from a network.

The cards that ship are in `models/`; an operator's own, `models/*.toml` under the home, replace those of the same id. A name that no card
lists is unknown: `of` answers None and guesses nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import resources
from pathlib import Path
from types import MappingProxyType

from modicum.catalog.card import Card, Retirement
from modicum.catalog.card_file import cards_of
from modicum.catalog.card_names import fold, forms
from modicum.catalog.daily import NO_OVERRIDES, Overrides
from modicum.catalog.offers import Offers, dollars
from modicum.errors import ConfigError, NotFoundError
from modicum.types import Price

OWN_FOLDER = "models"
"""Under the home."""
FIRST_PARTY: Mapping[str, str] = MappingProxyType(
    {
        "openai": "OpenAI",
        "anthropic": "Anthropic",
        "gemini": "Google",
        "mistral": "Mistral AI",
        "cohere": "Cohere",
        "deepseek": "DeepSeek",
        "xai": "xAI",
        "bedrock": "Amazon",
    }
)
"""Kind of provider -> the laboratory whose own it is."""
NOT_SOLD = Decimal("Infinity")
CLOUDS: Mapping[str, str] = MappingProxyType({"vertex_anthropic": "vertex"})
"""Kind of provider -> the one whose days hold for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retiring:
    """A name of a model that stops answering."""

    card: Card
    name: str
    provider: str
    """Empty: at the laboratory itself."""
    day: date
    replacement: str
    gone: bool
    """The day has passed."""


class Cards:
    """All cards by id and by name."""

    def __init__(self, cards: Iterable[Card], overrides: Overrides = NO_OVERRIDES) -> None:
        """Raises ConfigError where two cards share an id or a name. `overrides`: the operator's own prices."""
        self._cards = tuple(sorted(cards, key=lambda card: card.id))
        self._names: dict[str, Card] = {}
        for card in sorted(self._cards, key=lambda card: card.own):  # an operator's names take the place of ours
            for name in (card.id, *card.names):
                other = self._names.get(fold(name), card)
                if other is not card and other.own == card.own:
                    raise ConfigError(
                        f"two models are called '{name}': '{other.id}' ({other.laboratory}) and '{card.id}' ({card.laboratory})"
                    )
                self._names[fold(name)] = card
        self.offers = Offers(lambda name: self.of(None, name), overrides)
        """What they cost, and where."""

    @classmethod
    def open(cls, home: Path | None = None, overrides: Overrides = NO_OVERRIDES) -> Cards:
        """The cards that ship, under those of `home`. Raises ConfigError where a file is wrong."""
        shipped = (
            card
            for file in sorted((resources.files("modicum.catalog") / "models").iterdir(), key=lambda file: file.name)
            if file.name.endswith(".toml")
            for card in cards_of(file.read_bytes(), f"models/{file.name}")
        )
        own = tuple(_own(home))
        taken = {fold(card.id) for card in own}
        return cls((*(card for card in shipped if fold(card.id) not in taken), *own), overrides)

    def all(self) -> tuple[Card, ...]:
        """Every card, by id."""
        return self._cards

    def of(self, provider: str | None, model: str) -> Card | None:
        """The card of a model as a log names it and its provider; None where no card lists such a name."""
        return next((self._names[key] for form, _ in forms(model) if (key := fold(form)) in self._names), None)

    def get(self, model: str) -> Card:
        """The card of a model that somebody asks for. Raises NotFoundError with the near names."""
        card = self.of(None, model)
        if card is not None:
            return card
        near = difflib.get_close_matches(fold(model), list(self._names), 6, cutoff=0.6)
        ids = list(dict.fromkeys(self._names[name].id for name in near))[:3]
        hint = f"did you mean {' or '.join(ids)}?" if ids else "`modicum models list` names them all; your own: docs/models.md"
        raise NotFoundError(f"no model '{model}' in the catalogue", hint=hint)

    def retirement(self, provider: str | None, model: str) -> Retirement | None:
        """When a logged name stops answering at its provider (a kind: openai, azure, bedrock, ...); None where no source names a day."""
        card = self.of(provider, model)
        if card is None:
            return None
        at = CLOUDS.get(provider or "", provider or "")
        own = not at or FIRST_PARTY.get(at) == card.laboratory
        asked = {fold(form) for pair in forms(model) for form in pair}
        hits = [
            row for row in card.retires if (row.provider == at or (own and not row.provider)) and asked & {fold(name) for name in row.names}
        ]
        # The dated name before the undated one: a snapshot may go before what its alias points at does.
        return min(hits, key=lambda row: (-max(len(name) for name in row.names if fold(name) in asked), row.day), default=None)

    def retiring(self, now: datetime | date, days: int = 120) -> tuple[Retiring, ...]:
        """Every name whose day lies within `days` from now or has passed, by day."""
        today = now.astimezone(UTC).date() if isinstance(now, datetime) else now
        found = (
            Retiring(card=card, name=name, provider=row.provider, day=row.day, replacement=row.replacement, gone=row.day <= today)
            for card in self._cards
            for row in card.retires
            for name in row.names
            if (row.day - today).days <= days
        )
        return tuple(sorted(found, key=lambda one: (one.day, one.card.id, one.provider, one.name)))

    def is_gone(self, card: Card, day: date) -> bool:
        """The laboratory's own name of it has stopped answering by `day`; weights that are open never do."""
        own = [row for row in card.retires if _is_own(row, card) and fold(card.id) in {fold(name) for name in row.names}]
        return not card.is_open and any(row.day <= day for row in own)

    def smaller(self, card: Card, day: date | None = None) -> list[Card]:
        """Models of the same laboratory and kind that are smaller or cheaper on `day` (today), smallest or cheapest first.

        Smaller: fewer parameters, where both are known. Cheaper: at the laboratory's own price neither input nor output is dearer and
        one is cheaper. What no longer answers is left out, and so is what neither size nor price compares.
        """
        day = day or datetime.now(UTC).date()
        mine, size = self.offers.price(card, day), _size(card)
        found: list[tuple[Decimal, int, str, Card]] = []
        for other in self._cards:
            if other.id == card.id or (other.laboratory, other.kind) != (card.laboratory, card.kind) or self.is_gone(other, day):
                continue
            price, its_size = self.offers.price(other, day), _size(other)
            is_smaller = size is not None and its_size is not None and its_size < size
            if is_smaller or (mine is not None and price is not None and _is_cheaper(price, mine)):
                found.append((dollars(price) if price is not None else NOT_SOLD, its_size or 0, other.id, other))
        return [row[-1] for row in sorted(found, key=lambda row: row[:3])]


def _is_own(row: Retirement, card: Card) -> bool:
    return not row.provider or FIRST_PARTY.get(row.provider) == card.laboratory


def _size(card: Card) -> int | None:
    return None if card.weights is None else card.weights.parameters


def _is_cheaper(one: Price, other: Price) -> bool:
    pairs = ((one.input_usd_mtok, other.input_usd_mtok), (one.output_usd_mtok, other.output_usd_mtok))
    known = [(ours, theirs) for ours, theirs in pairs if ours is not None and theirs is not None]
    return bool(known) and all(ours <= theirs for ours, theirs in known) and any(ours < theirs for ours, theirs in known)


def _own(home: Path | None) -> Iterable[Card]:
    folder = None if home is None else home / OWN_FOLDER
    if folder is None or not folder.is_dir():
        return
    for path in sorted(folder.glob("*.toml")):
        try:
            text = path.read_bytes()
        except OSError as error:
            raise ConfigError(f"cannot read {path}: {error.strerror}") from None
        yield from cards_of(text, str(path), own=True)
