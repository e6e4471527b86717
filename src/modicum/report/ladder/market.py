"""Which models to look at for a workload, and where they are sold: the smallest few that fit, and why the others are not there.

A model is looked at if it can be put to this kind of task, still answers, has a price or open weights, and nothing hard stands against it.
Of the incumbent's laboratory: the cheapest, and the dearest whose calls cost no more than a fifth. Of the open ones: the smallest from a
rule of thumb on, and one at least three times as large; of those of a size that cost about the same the one with a published result for
the kind of task, with least in its way, the newest; none that is older than two years.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cached_property
from types import MappingProxyType

from modicum.backends.facts import all_facts
from modicum.catalog import cost
from modicum.catalog.card import Card, Kind
from modicum.catalog.cards import Cards
from modicum.catalog.offers import OPERATOR, Offer, dollars
from modicum.catalog.resolve import listed
from modicum.report.ladder.needs import Needs, obstacles
from modicum.report.ladder.settings import LadderSettings
from modicum.report.rungs import Obstacle
from modicum.types import Price, TaskKind, Usage

LONG = 100_000
"""No list price rises with the input before this length."""
SAME_SIZE = 1.5
STEP = 3.0
DEARER = 3
FIFTH = 5
OLD_DAYS = 730
"""Open models that were released longer ago have better successors of their size."""
KINDS: Mapping[TaskKind, Kind] = MappingProxyType({"embed": "embedder", "rerank": "reranker"})
"""The kind of model for a kind of task; all others: a language model."""
LONG_AGO = date(1970, 1, 1)
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

    @property
    def blocked(self) -> bool:
        return any(one.hard for one in self.obstacles)

    @property
    def parameters(self) -> int:
        return (self.card.weights.parameters if self.card.weights is not None else None) or 0


class Market:
    """All models and offers on one day. Offers of a model are found once, however many workloads look at it."""

    def __init__(self, cards: Cards, today: date, settings: LadderSettings) -> None:
        self.cards, self.today, self.settings = cards, today, settings
        self._offers: dict[str, tuple[Offer, ...]] = {}
        self._sellers = frozenset(one.prices for one in all_facts().values() if one.prices) | {OPERATOR}

    def smaller(self, incumbent: Card, needs: Needs, tokens: tuple[float, float]) -> list[Pick]:
        """Models of the laboratory that are smaller or cheaper, cheapest first, at its own price. Open ones where the incumbent is open."""
        found = []
        for card in self.cards.smaller(incumbent, self.today):
            if not _suits(card, needs) or self._ends(card) or (card.is_open and not incumbent.is_open) or _thinks(card):
                continue
            price = self.cards.offers.price(card, self.today)
            if price is not None and _paid(price):
                at = at_length(price, self.today, tokens[0])
                own = next((offer.read for offer in self.offers(card) if offer.provider == OPERATOR), None)
                read = own if at.provider == OPERATOR else self._changed
                found.append(Pick(card=card, price=at, provider=at.provider, read=read, obstacles=obstacles(card, needs, self.settings)))
        return sorted(found, key=lambda pick: (_call(pick.price, tokens), pick.card.id))

    def open(self, needs: Needs, tokens: tuple[float, float]) -> list[Pick]:
        """Open models from the rule of thumb on, smallest first, each where it is cheapest for such calls among providers that can be
        called from here; those that nobody sells without a price."""
        least = self.settings.least_parameters.get(needs.task, 0)
        found = []
        for card in self.cards.all():
            size = card.weights.parameters if card.weights is not None else None
            if size is None or size < least or not _suits(card, needs) or _thinks(card):
                continue
            cheapest = min(self.offers(card), key=lambda offer: (_call(offer.price, tokens), offer.provider), default=None)
            found.append(
                Pick(
                    card=card,
                    price=None if cheapest is None else at_length(cheapest.price, self.today, tokens[0]),
                    provider="" if cheapest is None else cheapest.provider,
                    read=None if cheapest is None else cheapest.read,
                    obstacles=obstacles(card, needs, self.settings),
                )
            )
        return sorted(found, key=lambda pick: (pick.parameters, pick.card.id))

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


def cheapest_and_strongest(picks: Sequence[Pick], tokens: tuple[float, float], incumbent_usd_call: Decimal | None) -> list[Pick]:
    """The cheapest, and the dearest at a fifth of the price of a call: a price stands for strength where nothing else is known."""
    free = [pick for pick in picks if not pick.blocked] or list(picks[:1])
    if not free:
        return []
    within = [pick for pick in free if incumbent_usd_call is not None and _call(pick.price, tokens) * FIFTH <= incumbent_usd_call]
    return list({id(pick): pick for pick in (free[0], *within[-1:])}.values())


def small_and_larger(picks: Sequence[Pick], needs: Needs, tokens: tuple[float, float], today: date) -> list[Pick]:
    """By size: the best of the smallest, and the best of one at least three times as large. Old ones only where there is no other."""
    free = [pick for pick in picks if not pick.blocked]
    if not free:
        return list(picks[:1])
    free = recent(free, today)
    first = _best(free, needs, tokens)
    larger = [pick for pick in free if pick.parameters >= STEP * first.parameters]
    return [first, *([_best(larger, needs, tokens)] if larger else [])]


def recent(picks: Sequence[Pick], today: date) -> list[Pick]:
    """Without those that are known to be old, unless all are."""
    return [pick for pick in picks if (today - _released(pick.card, today)).days <= OLD_DAYS] or list(picks)


def _best(picks: Sequence[Pick], needs: Needs, tokens: tuple[float, float]) -> Pick:
    alike = [pick for pick in picks if pick.parameters <= SAME_SIZE * picks[0].parameters]
    cheapest = min(_call(pick.price, tokens) for pick in alike)
    within = [pick for pick in alike if _call(pick.price, tokens) <= DEARER * cheapest]

    def rank(pick: Pick) -> tuple[bool, int, int, str]:
        scored = any(score.task == needs.task for score in pick.card.scores)
        day = _released(pick.card, LONG_AGO)
        return not scored, len(pick.obstacles), -day.toordinal(), pick.card.id

    return min(within, key=rank)


def at_length(price: Price, day: date, input_tokens: float) -> Price:
    """The same offer for calls of this length: some charge more for long inputs."""
    if price.provider == OPERATOR or input_tokens < LONG:
        return price
    noon = datetime.combine(day, time(12), tzinfo=UTC)
    return listed().price(price.model, noon, provider=price.provider, input_tokens=round(input_tokens)) or price


def _call(price: Price | None, tokens: tuple[float, float]) -> Decimal:
    """What a mean call costs; infinite where that is unknown, so that it comes last and is never taken for cheap."""
    usage = Usage(input_tokens=max(1, round(tokens[0])), output_tokens=max(1, round(tokens[1])))
    found = cost(price, usage)
    return Decimal("Infinity") if found is None else found


def _released(card: Card, otherwise: date) -> date:
    return card.released.day if card.released is not None else otherwise


def _paid(price: Price) -> bool:
    return dollars(price) > 0


def _thinks(card: Card) -> bool:
    return any(part in card.id for part in THINKERS)


def _suits(card: Card, needs: Needs) -> bool:
    return card.kind == KINDS.get(needs.task, "llm") and needs.task in (*card.tasks, "unsure")
