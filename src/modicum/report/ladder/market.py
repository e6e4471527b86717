"""Which models can be put to a workload, and where they are sold: those for its kind of task that still answer and have a price or open
weights.

Where: with whom the operator may deal, before what it costs there. Which of them are shown: `choice`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cached_property
from types import MappingProxyType

from modicum.backends.facts import all_facts
from modicum.catalog import cost
from modicum.catalog.card import TASKS, Card, Kind
from modicum.catalog.cards import Cards
from modicum.catalog.offers import OPERATOR, Offer, dollars
from modicum.catalog.resolve import listed
from modicum.report import words
from modicum.report.ladder.needs import Needs, at_provider, obstacles, retiring
from modicum.report.ladder.reasons import always
from modicum.report.ladder.sellers import kind_of, seller
from modicum.report.ladder.settings import LadderSettings
from modicum.report.rungs import Obstacle
from modicum.types import Price, TaskKind, Usage

LONG = 100_000
"""No list price rises with the input before this length."""
KINDS: Mapping[TaskKind, Kind] = MappingProxyType({"embed": "embedder", "rerank": "reranker"})
"""The kind of model for a kind of task; all others: a language model."""
THINKERS = ("thinking", "qwq", "reasoner", "-r1")
"""In the names of models that always reason at length before they answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """A model to look at."""

    card: Card
    price: Price | None
    """Where it is sold; None: nowhere that is known."""
    provider: str
    read: date | None
    obstacles: tuple[Obstacle, ...]
    """Of the model itself."""
    there: tuple[Obstacle, ...] = ()
    """Of who sells it."""
    thinking_tokens: int = 0
    """A call, of a model that always reasons."""

    def usd(self, tokens: tuple[float, float]) -> Decimal:
        """What a mean call costs there, reasoning included."""
        return call_usd(self.price, (tokens[0], tokens[1] + self.thinking_tokens))

    @property
    def unfit(self) -> bool:
        """Wherever it would run."""
        return any(one.hard for one in self.obstacles)

    @property
    def blocked(self) -> bool:
        return self.unfit or any(one.hard for one in self.there)

    @property
    def parameters(self) -> int:
        return (self.card.weights.parameters if self.card.weights is not None else None) or 0


class Market:
    """All models and offers on one day. Offers of a model are found once, however many workloads look at it."""

    def __init__(self, cards: Cards, today: date, settings: LadderSettings) -> None:
        self.cards, self.today, self.settings = cards, today, settings
        self._offers: dict[str, tuple[Offer, ...]] = {}
        self._stands: dict[tuple[str, str, str, str | None], tuple[Obstacle, ...]] = {}
        self._sellers = frozenset(one.prices for one in all_facts().values() if one.prices) | {OPERATOR}

    def smaller(self, incumbent: Card, needs: Needs, tokens: tuple[float, float], kind: str | None) -> list[Pick]:
        """Models of the laboratory that are smaller or cheaper, cheapest first. Open ones where the incumbent is open. `kind`: of the
        provider that sees the calls today; there, else at the laboratory's own, else at one that the operator has terms with."""
        found = []
        for card in self.cards.smaller(incumbent, self.today):
            if not _suits(card, needs) or self._ends(card) or (card.is_open and not incumbent.is_open) or _thinks(card):
                continue
            offer = self._nearest(card, tokens, kind)
            if offer is not None:
                found.append(self._pick(card, offer, needs, tokens, kind))
        return sorted(found, key=lambda pick: (pick.usd(tokens), pick.card.id))

    def open(self, needs: Needs, tokens: tuple[float, float], kind: str | None = None) -> list[Pick]:
        """Open models from the rule of thumb on, smallest first, each where it is cheapest for such calls among providers that can be
        called from here and that the operator may send them to; those that nobody sells without a price."""
        least = self.settings.least_parameters.get(needs.task, 0)
        found = []
        for card in self.cards.all():
            size = card.weights.parameters if card.weights is not None else None
            if size is None or size < least or not _suits(card, needs) or _thinks(card):
                continue
            all_offers = self.offers(card)
            allowed = [offer for offer in all_offers if self._is_allowed(offer, card, kind)] or all_offers
            cheapest = min(allowed, key=lambda offer: (call_usd(offer.price, tokens), offer.provider), default=None)
            found.append(self._pick(card, cheapest, needs, tokens, kind))
        return sorted(found, key=lambda pick: (pick.parameters, pick.card.id))

    def _pick(self, card: Card, offer: Offer | None, needs: Needs, tokens: tuple[float, float], kind: str | None) -> Pick:
        fits = obstacles(card, needs, self.settings)
        thinks = self.settings.thinking_tokens if always(card) else 0
        if offer is None:
            return Pick(card=card, price=None, provider="", read=None, obstacles=fits, thinking_tokens=thinks)
        return Pick(
            card=card,
            price=at_length(offer.price, self.today, tokens[0]),
            provider=offer.provider,
            read=offer.read,
            obstacles=fits,
            there=self._there(offer, card, kind),
            thinking_tokens=thinks,
        )

    def _nearest(self, card: Card, tokens: tuple[float, float], kind: str | None) -> Offer | None:
        """The operator's own price, else that of who sees the calls today, else the laboratory's, else of who has terms. None of these
        allowed: the laboratory's all the same, with what stands against it."""
        offers = self.offers(card)
        price = self.cards.offers.price(card, self.today)
        own = []
        if price is not None and _paid(price):
            listed_there = (offer for offer in offers if offer.provider == price.provider)
            told = Offer(provider=price.provider, name=price.model, price=price, read=self._changed)
            own = [next(listed_there, told)]
        ranks = (
            [offer for offer in offers if offer.provider == OPERATOR],
            [offer for offer in offers if kind is not None and kind_of(offer.provider, card) == kind],
            own,
            [offer for offer in offers if offer.provider in self.settings.providers],
        )
        for rank in ranks:
            allowed = [offer for offer in rank if self._is_allowed(offer, card, kind)]
            if allowed:
                return min(allowed, key=lambda offer: (call_usd(offer.price, tokens), offer.provider))
        return own[0] if own else None

    def _there(self, offer: Offer, card: Card, kind: str | None) -> tuple[Obstacle, ...]:
        """The same for every workload whose calls `kind` sees."""
        key = (offer.provider, offer.price.model, card.id, kind)
        if key not in self._stands:
            self._stands[key] = self._against(offer, card, kind)
        return self._stands[key]

    def _against(self, offer: Offer, card: Card, kind: str | None) -> tuple[Obstacle, ...]:
        """What stands against sending the calls to who sells it, and the day on which it stops answering there, where that is soon."""
        its, who = kind_of(offer.provider, card), seller(offer.provider)
        stands = at_provider(who, self.settings, name=offer.provider, known=its is not None and its == kind)
        ends = self.cards.retirement(its, offer.price.model)
        if ends is not None and (ends.day - self.today).days <= self.settings.retiring_days:
            return (*stands, retiring(ends.day, self.today, f"{who}: it"))
        elsewhere = min((row for row in card.retires if row.day <= self.today), key=lambda row: row.day, default=None)
        if ends is not None or elsewhere is None or card.is_open:
            return stands
        there = f"it stopped answering at {elsewhere.provider} on {words.span(elsewhere.day, elsewhere.day)}; of {who} no source says"
        return (*stands, Obstacle(kind="retiring", text=there, hard=False))

    def _is_allowed(self, offer: Offer, card: Card, kind: str | None) -> bool:
        return not any(one.hard for one in self._there(offer, card, kind))

    def offers(self, card: Card) -> tuple[Offer, ...]:
        """Where it can be had from here, for money: a free offer is a sample."""
        if card.id not in self._offers:
            self._offers[card.id] = tuple(
                offer for offer in self.cards.offers.of(card, self.today) if self._is_callable(offer.provider) and _paid(offer.price)
            )
        return self._offers[card.id]

    @cached_property
    def _changed(self) -> date | None:
        """The latest day that the price list knows of."""
        return self.cards.offers.changed(self.today)

    def _is_callable(self, provider: str) -> bool:
        return provider in self._sellers or provider.startswith("huggingface_") and "huggingface" in all_facts()

    def _ends(self, card: Card) -> bool:
        """It stops answering within the days that are called soon."""
        found = self.cards.retirement(None, card.id)
        return found is not None and (found.day - self.today).days <= self.settings.retiring_days


def at_length(price: Price, day: date, input_tokens: float) -> Price:
    """The same offer for calls of this length: some charge more for long inputs."""
    if price.provider == OPERATOR or input_tokens < LONG:
        return price
    noon = datetime.combine(day, time(12), tzinfo=UTC)
    return listed().price(price.model, noon, provider=price.provider, input_tokens=round(input_tokens)) or price


def call_usd(price: Price | None, tokens: tuple[float, float]) -> Decimal:
    """What a mean call costs; infinite where that is unknown, so that it comes last and is never taken for cheap."""
    usage = Usage(input_tokens=max(1, round(tokens[0])), output_tokens=max(1, round(tokens[1])))
    found = cost(price, usage)
    return Decimal("Infinity") if found is None else found


def _paid(price: Price) -> bool:
    return dollars(price) > 0


def _thinks(card: Card) -> bool:
    return any(part in card.id for part in THINKERS)


def _suits(card: Card, needs: Needs) -> bool:
    """By its kind; whether it calls tools is told with what stands in its way."""
    return card.kind == KINDS.get(needs.task, "llm") and needs.task in (*TASKS[card.kind], "unsure")
