"""A report with its ladders, and with what they say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from modicum.catalog import Catalogue
from modicum.catalog.cards import Cards
from modicum.report.ladder.baselines import baselines
from modicum.report.ladder.build import ladders
from modicum.report.ladder.counted import counted
from modicum.report.ladder.retiring import retiring
from modicum.report.ladder.settings import LadderSettings
from modicum.report.ladder.shares import shares
from modicum.report.ladder.worth import worth
from modicum.report.records import Report
from modicum.report.rungs import TriedModel

if TYPE_CHECKING:
    from modicum.plan.traffic import Traffic as Hours
    from modicum.store.calls import UsageRow


def with_ladders(
    report: Report,
    usage: Sequence[UsageRow],
    *,
    cards: Cards,
    catalogue: Catalogue,
    settings: LadderSettings,
    hours: Mapping[str, Hours] = MappingProxyType({}),
    tried: Mapping[str, tuple[TriedModel, ...]] = MappingProxyType({}),
) -> Report:
    """`usage`: the rows that the report was made of. What the calls tell beyond their price is read from the report itself.
    `tried`: other models, by workload. Pure."""
    traffic, now, periods = report.traffic, report.made_at, report.periods
    found = ladders(
        report.workloads,
        usage,
        traffic=traffic,
        cards=cards,
        catalogue=catalogue,
        settings=settings,
        hours=hours,
        periods=periods,
        tried=tried,
        now=now,
    )
    report = counted(replace(report, ladders=found), usage, catalogue, settings)
    lines, totals = report.workloads, report.totals
    return replace(
        report,
        baselines=baselines(
            usage,
            report.models,
            lines,
            found,
            cards=cards,
            catalogue=catalogue,
            settings=settings,
            periods=periods,
            today=now.date(),
        ),
        shares=shares(lines, found, totals, settings),
        retiring=retiring(usage, lines, cards, catalogue, settings, now, periods),
        worth=worth(found, lines, totals, settings),
    )
