"""One workload with all that its rungs are computed from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from modicum.catalog import Catalogue
from modicum.catalog.card import Card
from modicum.report.ladder.bill import Bill
from modicum.report.ladder.market import Market
from modicum.report.ladder.needs import Needs
from modicum.report.ladder.settings import LadderSettings
from modicum.report.month import Month
from modicum.report.records import IN_FORCE, WorkloadFigures
from modicum.report.rungs import TriedModel
from modicum.report.traffic import WorkloadTraffic

if TYPE_CHECKING:
    from modicum.plan.traffic import Traffic as Hours


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
    answered: Mapping[str, date]
    """By incumbent: the last day of the log with an answer from where these calls go; empty of declared calls."""
    market: Market
    catalogue: Catalogue
    settings: LadderSettings
    today: date
    tried: tuple[TriedModel, ...] = ()
    """Other models that were tried on its calls."""

    @property
    def in_force(self) -> TriedModel | None:
        """The one that its certificate in force is of; None where that is of a small model of our own, or none is in force."""
        if self.line.state not in IN_FORCE or self.line.certificate_id is None:
            return None
        named = (one for one in self.tried if one.certificate_id == self.line.certificate_id)
        return next(named, None)

    @property
    def usd_call(self) -> Decimal | None:
        return self.bill.usd_call

    def key(self, name: str) -> str:
        """Seeds what is drawn for a rung."""
        return f"{self.line.workload_id} {name}"
