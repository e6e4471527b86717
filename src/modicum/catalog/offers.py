"""Where a model can be had and for how much: the operator's prices, then every provider in the price list that sells it.

The list is `genai-prices` as it is installed; nothing is fetched. Its prices carry no day on which they were read: at worst the list is as
old as the latest change that it knows of. A price of the operator's is as old as its `read` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cached_property

from modicum.catalog.card import Card
from modicum.catalog.card_names import fold
from modicum.catalog.daily import NO_OVERRIDES, Overrides
from modicum.catalog.listed import UNITS, Listed
from modicum.catalog.resolve import listed
from modicum.types import Price

BORROWED = frozenset(
    (provider, name)
    for provider, names in {
        "google": ("gemma-2-27b-it",),
        "minimax": ("minimax-01", "minimax-m1"),
        "mistral": ("mistral-small-3.1-24b-instruct",),
        "openai": ("gpt-5.4-image-2", "gpt-oss-120b", "gpt-oss-20b", "gpt-oss-safeguard-20b"),
        "perplexity": ("sonar-pro-search",),
    }.items()
    for name in names
)
"""What the list took from another seller, as its own comments say, for the provider has published no price: no offers of its own."""
OPERATOR = "operator"
OLD_DAYS = 90
"""What was read longer ago is said to be old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One price of one model at one provider."""

    provider: str
    """As the price list names it; `operator` for a price of the operator's own."""
    name: str
    """What it is called there."""
    price: Price
    read: date | None
    """When the price was read, or the day of the latest change that its list knows; None where nobody says."""

    def is_old(self, today: date) -> bool:
        """Read more than 90 days ago, or nobody knows when."""
        return self.read is None or (today - self.read).days > OLD_DAYS


class Offers:
    """What models cost. The price list is compiled when the first price is asked for."""

    def __init__(
        self, find: Callable[[str], Card | None], overrides: Overrides = NO_OVERRIDES, table: Callable[[], Listed] = listed
    ) -> None:
        """`find` says which card a name belongs to."""
        self._find, self._overrides, self._table = find, overrides, table

    def of(self, card: Card, day: date) -> tuple[Offer, ...]:
        """All offers on a day, the operator's first, then the cheapest by input and output together."""
        return (*self._own(card, day), *sorted(self._sold(card, day), key=lambda offer: (dollars(offer.price), offer.provider)))

    def price(self, card: Card, day: date) -> Price | None:
        """What it costs where the laboratory itself sells it, under the operator's price for it; None where neither is known."""
        own = next((offer.price for offer in self._own(card, day)), None)
        if own is not None or not card.sold_as:
            return own
        names = self._names.get(card.id, {})
        return self._at(card.sold_as, names[card.sold_as], day) if card.sold_as in names else None

    def cheapest(self, card: Card, day: date) -> Offer | None:
        """The operator's offer, else the one that is cheapest by input and output together."""
        return next(iter(self.of(card, day)), None)

    def usual(self, card: Card, day: date) -> Offer | None:
        """The one to name first: the operator's, else what the laboratory asks for a model whose weights it keeps, else the cheapest.

        Who resells a closed model below its laboratory's price may sell something else with it.
        """
        offers = self.of(card, day)
        first = (offer for offer in offers if offer.provider in (OPERATOR, card.sold_as))
        return next(iter(offers), None) if card.is_open else next(first, next(iter(offers), None))

    def changed(self, day: date) -> date | None:
        """The latest change that the list knows of, up to a day."""
        return self._listed.changed(day)

    @cached_property
    def _listed(self) -> Listed:
        return self._table()

    @cached_property
    def _names(self) -> dict[str, dict[str, str]]:
        """Card -> provider -> its name there: the card's own where the provider has it, else the shortest."""
        found: dict[str, dict[str, str]] = {}
        for provider, name in self._listed.names():
            card = self._find(name)
            if card is not None:
                at = found.setdefault(card.id, {})
                at[provider] = min((name, at.get(provider, name)), key=lambda one: (fold(one) != fold(card.id), len(one), one))
        return found

    def _sold(self, card: Card, day: date) -> Iterator[Offer]:
        read = self.changed(day)
        for provider, name in self._names.get(card.id, {}).items():
            price = self._at(provider, name, day)
            if (
                price is not None
                and (price.input_usd_mtok is not None or price.request_usd is not None)
                and (provider, name) not in BORROWED
            ):
                yield Offer(provider=provider, name=name, price=price, read=read)

    def _at(self, provider: str, name: str, day: date) -> Price | None:
        return self._listed.price(name, datetime.combine(day, time(12), tzinfo=UTC), provider=provider)

    def _own(self, card: Card, day: date) -> Iterator[Offer]:
        for name, row in self._overrides.items():
            values = {unit: Decimal(row[unit]) for unit in UNITS if unit in row}
            if "@" in name or not values or self._find(name) is not card:
                continue
            price = Price(provider=OPERATOR, model=name, **values, source=row.get("source", "operator's own price"), as_of=day.isoformat())
            yield Offer(provider=OPERATOR, name=name, price=price, read=date.fromisoformat(row["read"]) if "read" in row else None)


def dollars(price: Price) -> Decimal:
    """A million tokens in and a million out, or a request where that is what is priced: for ranking, not for adding up."""
    if price.input_usd_mtok is None and price.output_usd_mtok is None:
        return price.request_usd or Decimal(0)
    return (price.input_usd_mtok or Decimal(0)) + (price.output_usd_mtok or Decimal(0))
