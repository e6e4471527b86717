"""Can a call to a model have used so many tokens? What a log says of it is a number that somebody wrote, and one wrong number is a bill.

A model takes as many tokens as its context has. Up to twice of that is believed: cards lag behind what providers open, and tools that a
provider runs by itself are counted with the call. Where no card knows the context, and where the list has a price for inputs beyond it,
nothing is said here.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import lru_cache

from modicum.catalog.cards import Cards
from modicum.catalog.resolve import Catalogue
from modicum.catalog.tiers import price_of

BELIEVED = 2
"""Times the context."""
SHORT_TOKENS = 8_192
"""What is no longer is believed of every model."""


@lru_cache(maxsize=4096)
def context_tokens(model: str) -> int | None:
    """The most that a model takes in one call, by its card; None where none says."""
    card = _cards().of(None, model)
    if card is None or card.limits is None:
        return None
    known = [tokens for tokens in (card.limits.context_tokens, card.limits.input_tokens, card.limits.output_tokens) if tokens is not None]
    return max(known, default=None)


def is_possible(tokens: int, models: Iterable[str | None], day: date, catalogue: Catalogue, *, provider: str | None = None) -> bool:
    """Can one call to one of these models (as it was asked for, as it answered) have had so many tokens, in or out?"""
    if tokens <= SHORT_TOKENS:
        return True
    names = [model for model in dict.fromkeys(models) if model]
    context = max((found for name in names if (found := context_tokens(name)) is not None), default=None)
    if context is None or tokens <= max(SHORT_TOKENS, BELIEVED * context):
        return True
    short, long = (price_of(catalogue, names, day, input_tokens=length, provider=provider) for length in (context, tokens))
    return short != long  # who sells longer inputs takes them


@lru_cache(maxsize=1)
def _cards() -> Cards:
    return Cards.open()
