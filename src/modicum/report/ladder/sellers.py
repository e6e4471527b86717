"""Who sells a model: the kind of a provider as its facts are named, and what people call it."""

from __future__ import annotations

from modicum.backends.facts import all_facts
from modicum.catalog.card import Card
from modicum.catalog.cards import FIRST_PARTY
from modicum.catalog.offers import OPERATOR

HUGGING_FACE = "huggingface_"


def kind_of(seller: str | None, card: Card | None) -> str | None:
    """The kind of a provider from its name in a log or in the price list, else the laboratory's own service."""
    known = all_facts()
    if seller:
        if seller in known:
            return seller
        found = next((one.kind for one in known.values() if one.prices == seller), None)
        if found is not None:
            return found
        if seller.startswith(HUGGING_FACE):
            return "huggingface"
    if seller or card is None:
        return None
    return next((kind for kind, laboratory in FIRST_PARTY.items() if laboratory == card.laboratory), None)


def seller(name: str) -> str:
    """A provider's name in the price list, for people. The operator's own price does not say whose it is."""
    if name == OPERATOR:
        return "your own price"
    if name.startswith(HUGGING_FACE):
        return f"{name.removeprefix(HUGGING_FACE)} (through Hugging Face)"
    return next((one.name for one in all_facts().values() if one.prices == name), name)
