"""The ladders of all workloads: records in, records out. Opens nothing, prints nothing."""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from modicum.catalog import Catalogue
from modicum.catalog.cards import Cards
from modicum.report import words
from modicum.report.costing import day_of
from modicum.report.ladder.bill import bill, last_answer, last_answers
from modicum.report.ladder.caching import cached
from modicum.report.ladder.case import Case
from modicum.report.ladder.market import Market
from modicum.report.ladder.models import open_hosted, same_laboratory
from modicum.report.ladder.needs import needs_of
from modicum.report.ladder.net import volume
from modicum.report.ladder.ours import exact_cache, specialist
from modicum.report.ladder.own import own_hardware
from modicum.report.ladder.same import as_it_is, batched, gone, trimmed
from modicum.report.ladder.sellers import kind_of
from modicum.report.ladder.settings import LadderSettings
from modicum.report.ladder.trials import tried_models, without_tried
from modicum.report.month import WHOLE, Month, observed_days
from modicum.report.records import ModelSpend, Period, WorkloadFigures
from modicum.report.rungs import Ladder, Rung, RungKind, TriedModel
from modicum.report.saving import within_bill
from modicum.report.traffic import Traffic

if TYPE_CHECKING:
    from modicum.plan.traffic import Traffic as Hours
    from modicum.store.calls import UsageRow

ORDER: tuple[RungKind, ...] = (
    "exact_cache",
    "specialist",
    "tried",
    "same_laboratory",
    "open_hosted",
    "open_own",
    "incumbent_cached",
    "incumbent_batch",
    "incumbent_trimmed",
    "incumbent",
)
SECOND: tuple[RungKind, ...] = ("open_hosted", "same_laboratory")
"""Where there are too many rungs, the second of these go, in this order, then what is least sure."""


@dataclass(frozen=True, slots=True)
class Window:
    """A scope's observed days, resampled once."""

    days: tuple[date, ...]
    month: Month


def windows(usage: Sequence[UsageRow], periods: Sequence[Period] = ()) -> dict[str, Window]:
    """By scope, drawn as the rest of the report draws them. `periods`: what the report says of each scope's days."""
    found: dict[str, set[date]] = defaultdict(set)
    for row in usage:
        found[row.scope].add(day_of(row))
    observed = {scope: observed_days(days)[0] for scope, days in found.items()}
    edges = {period.scope: period.edges for period in periods}
    return {
        scope: Window(days, Month(len(days), seed=zlib.crc32(scope.encode()), edges=edges.get(scope, WHOLE)))
        for scope, days in observed.items()
    }


def ladders(
    lines: Sequence[WorkloadFigures],
    usage: Sequence[UsageRow],
    *,
    traffic: Traffic | None = None,
    cards: Cards,
    catalogue: Catalogue,
    settings: LadderSettings | None = None,
    hours: Mapping[str, Hours] = MappingProxyType({}),
    periods: Sequence[Period] = (),
    tried: Mapping[str, tuple[TriedModel, ...]] = MappingProxyType({}),
    now: datetime,
) -> tuple[Ladder, ...]:
    """One a line, in their order; lines without rows have none.

    `usage`: all rows of the report, for a scope's days are those of all its calls. `traffic`: what the calls tell beyond their price;
    None: nothing. `hours`: when a workload's calls came, where that was gathered; else `traffic` tells it, else they come evenly.
    `tried`: other models that were tried, by workload.
    """
    given = settings or LadderSettings()
    market = Market(cards, now.date(), given)
    by_workload: dict[str | None, list[UsageRow]] = defaultdict(list)
    for row in usage:
        by_workload[row.workload_id].append(row)
    of_scope, answered = windows(usage, periods), last_answers(usage)
    found = []
    for line in lines:
        rows = by_workload.get(line.workload_id)
        if rows:
            told = traffic.workloads.get(line.workload_id) if traffic is not None else None
            window = of_scope[line.scope]
            its = bill(rows, window.days, catalogue, length=window.month.length)
            at = {row.provider for row in rows}
            main = max(line.incumbents, key=lambda model: model.calls, default=None)
            card = None if main is None else cards.of(None, main.model)
            case = Case(
                line=line,
                bill=its,
                month=window.month,
                traffic=told,
                hours=hours.get(line.workload_id),
                needs=needs_of(line, told, its.tokens),
                tokens=its.tokens,
                incumbent=card,
                kind=kind_of(_seller(rows, main), card) or kind_of(None, card),
                answered={model.model: day for model in line.incumbents if (day := last_answer(answered, model.model, at)) is not None},
                market=market,
                catalogue=catalogue,
                settings=given,
                today=now.date(),
                tried=tried.get(line.workload_id, ()),
            )
            found.append(
                replace(
                    within_bill(ladder(case), line),
                    days=window.month.days,
                    calls_month=volume(rows, window.days, window.month, case.key("volume")),
                )
            )
    return tuple(found)


def _seller(rows: Sequence[UsageRow], main: ModelSpend | None) -> str | None:
    """The provider of most calls, as the log or else the price list names it."""
    named = Counter[str]()
    for row in rows:
        if row.provider and not row.specialist:
            named[row.provider] += row.calls
    if named:
        return named.most_common(1)[0][0]
    return main.price.provider if main is not None and main.price is not None else None


def ladder(case: Case) -> Ladder:
    """One workload's."""
    if case.line.state == "ignored":
        return Ladder(workload_id=case.line.workload_id, rungs=(as_it_is(case),), left_out=("everything else: left out by the operator",))
    rungs: list[Rung] = []
    left: list[str] = []

    def take(answer: tuple[Rung | None, str]) -> None:
        rung, why = answer
        if rung is not None:
            rungs.append(rung)
        elif why:
            left.append(why)

    take(exact_cache(case))
    take(specialist(case))
    rungs += tried_models(case)
    found, said = same_laboratory(case)
    found, again = without_tried(case, found)
    rungs += found
    left += [*said, *again]
    picks = case.market.open(case.needs, case.tokens, case.kind) if case.tokens is not None else []
    found, said = open_hosted(case, picks, {rung.name for rung in found})
    found, again = without_tried(case, found)
    rungs += found
    left += [*said, *again]
    take(own_hardware(case, picks))
    left += other_kinds(case)
    if ended := gone(case):
        left.append(f"today's model with prompt caching, in batches or with a shorter prompt: {ended}")
    else:
        for answer in (cached, batched, trimmed):
            take(answer(case))
    rungs.append(as_it_is(case))
    shown, dropped = shortened(rungs, case.settings.most_rungs)
    left += [f"{rung.name}: the list is long enough without it" for rung in dropped]
    ordered = sorted(shown, key=lambda rung: ORDER.index(rung.kind))
    its = case.bill
    compared = its.compared_calls + sum(calls for _, calls in its.specialist_by_day) if its.compared else 0
    return Ladder(workload_id=case.line.workload_id, rungs=tuple(ordered), left_out=tuple(left), calls=compared, tried=case.tried)


def shortened(rungs: Sequence[Rung], most: int) -> tuple[list[Rung], list[Rung]]:
    """(shown, dropped): no more than `most`, the second model of a kind going first, then what is least sure."""
    shown, dropped = list(rungs), []
    for kind in SECOND:
        alike = [rung for rung in shown if rung.kind == kind]
        if len(shown) > most and len(alike) > 1:
            dropped.append(alike[-1])
            shown.remove(alike[-1])
    for last in ("incumbent_trimmed", "open_own", "incumbent_batch"):
        for rung in [rung for rung in shown if rung.kind == last and len(shown) > most]:
            dropped.append(rung)
            shown.remove(rung)
    return shown, dropped


def other_kinds(case: Case) -> list[str]:
    """Small models of other kinds that the task is put to, which this release does not run."""
    cards = [card for card in case.market.cards.all() if card.kind in ("encoder", "extractor") and case.needs.task in card.tasks]
    if not cards:
        return []
    scored = [(card, score) for card in cards for score in card.scores if score.task == case.needs.task]
    best = max(scored, key=lambda one: one[1].score, default=None)
    like = f", like {best[0].id} ({best[1].benchmark}: {best[1].score:g}, {best[1].metric})" if best is not None else ""
    return [f"{words.count(len(cards), 'encoder or extractor', 'encoders and extractors')} of the catalogue{like}: this release runs none"]
