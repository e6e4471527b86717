"""Which models a ladder shows, of those that can be put to the work.

Of the incumbent's laboratory: the cheapest, and the dearest whose calls cost no more than a fifth. Of the open ones: the smallest from a
rule of thumb on, and one at least three times as large; of those of a size that cost about the same the one with published results that
speak for it, with least in its way, the newest. None that is older than two years where there is another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal

from modicum.catalog.card import Card
from modicum.report.ladder.market import Pick

SAME_SIZE = 1.5
STEP = 3.0
DEARER = 3
FIFTH = 5
OLD_DAYS = 730
"""Models that were released longer ago have better successors."""
LONG_AGO = date(1970, 1, 1)


def cheapest_and_strongest(
    picks: Sequence[Pick], tokens: tuple[float, float], incumbent_usd_call: Decimal | None, today: date
) -> list[Pick]:
    """The cheapest, and the dearest at a fifth of the price of a call: a price stands for strength where nothing else is known.

    Only where there is no other: those that are old, that stopped answering at a cloud or soon will, and of which no source says when they
    came out nor what they take.
    """
    free = [pick for pick in picks if not pick.blocked] or list(picks[:1])
    if not free:
        return []
    free = [pick for pick in free if pick.card.released is not None or pick.card.abilities is not None] or free
    free = recent([pick for pick in free if not any(one.kind == "retiring" for one in pick.there)] or free, today)
    within = [pick for pick in free if incumbent_usd_call is not None and pick.usd(tokens) * FIFTH <= incumbent_usd_call]
    return list({id(pick): pick for pick in (free[0], *within[-1:])}.values())


def small_and_larger(picks: Sequence[Pick], tokens: tuple[float, float], today: date, speaks: Callable[[Card], bool]) -> list[Pick]:
    """By size: the best of the smallest, and the best of one at least three times as large. Old ones only where there is no other.

    `speaks`: are a model's published results for it?
    """
    free = [pick for pick in picks if not pick.blocked]
    if not free:
        return list(picks[:1])
    free = recent(free, today)
    first = _best(free, tokens, speaks)
    larger = [pick for pick in free if pick.parameters >= STEP * first.parameters]
    return [first, *([_best(larger, tokens, speaks)] if larger else [])]


def recent(picks: Sequence[Pick], today: date) -> list[Pick]:
    """Without those that are known to be old, unless all are."""
    return [pick for pick in picks if (today - _released(pick.card, today)).days <= OLD_DAYS] or list(picks)


def _best(picks: Sequence[Pick], tokens: tuple[float, float], speaks: Callable[[Card], bool]) -> Pick:
    alike = [pick for pick in picks if pick.parameters <= SAME_SIZE * picks[0].parameters]
    cheapest = min(pick.usd(tokens) for pick in alike)
    within = [pick for pick in alike if pick.usd(tokens) <= DEARER * cheapest]

    def rank(pick: Pick) -> tuple[bool, int, int, str]:
        day = _released(pick.card, LONG_AGO)
        return not speaks(pick.card), len(pick.obstacles) + len(pick.there), -day.toordinal(), pick.card.id

    return min(within, key=rank)


def _released(card: Card, otherwise: date) -> date:
    return card.released.day if card.released is not None else otherwise
