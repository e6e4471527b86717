"""One workload with all that its rungs are computed from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from modicum.backends.facts import all_facts
from modicum.catalog import Catalogue
from modicum.catalog.card import Card
from modicum.catalog.cards import FIRST_PARTY
from modicum.catalog.offers import OPERATOR
from modicum.report.ladder.bill import Bill
from modicum.report.ladder.market import Market
from modicum.report.ladder.needs import Needs
from modicum.report.ladder.settings import LadderSettings
from modicum.report.month import Month
from modicum.report.records import WorkloadFigures
from modicum.report.traffic import WorkloadTraffic

if TYPE_CHECKING:
    from modicum.plan.traffic import Traffic as Hours

HUGGING_FACE = "huggingface_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A workload's line, bill, traffic and needs."""

    line: WorkloadFigures
    bill: Bill
    month: Month
    traffic: WorkloadTraffic | None
    hours: Hours | None
    """When its calls came, where that was gathered hour by hour."""
    needs: Needs
    tokens: tuple[float, float] | None
    incumbent: Card | None
    """Of the model that answers most."""
    kind: str | None
    """Of the provider that most calls went to, as its facts are named; None: unknown."""
    market: Market
    catalogue: Catalogue
    settings: LadderSettings
    today: date

    @property
    def usd_call(self) -> Decimal | None:
        return self.bill.usd_call

    def key(self, name: str) -> str:
        """Seeds what is drawn for a rung."""
        return f"{self.line.workload_id} {name}"


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
