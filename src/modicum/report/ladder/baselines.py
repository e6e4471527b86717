"""The bill under simple rules, every rule over the same calls: those whose tokens and cost are both known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from modicum.catalog import Catalogue
from modicum.catalog.cards import Cards
from modicum.report import words
from modicum.report.costing import model_of, plain_usage, usage_of
from modicum.report.ladder.bill import Bill, bill, last_answer, last_answers
from modicum.report.ladder.build import windows
from modicum.report.ladder.settings import LadderSettings
from modicum.report.month import DAYS_A_MONTH
from modicum.report.records import IN_FORCE, ModelSpend, Period, WorkloadFigures
from modicum.report.rungs import Baselines, Evidence, Ladder, Rung
from modicum.report.saving import usd
from modicum.types import Price, Usage

if TYPE_CHECKING:
    from modicum.store.calls import UsageRow

MODELS = ("same_laboratory", "open_hosted")


@dataclass(frozen=True, slots=True, kw_only=True)
class Single:
    """All calls on one model."""

    name: str
    price: Price
    evidence: Evidence = "none"
    thinking_tokens: int = 0
    """A call, of a model that always reasons."""


def baselines(
    usage: Sequence[UsageRow],
    models: Sequence[ModelSpend],
    lines: Sequence[WorkloadFigures],
    found: Sequence[Ladder],
    *,
    cards: Cards,
    catalogue: Catalogue,
    settings: LadderSettings,
    today: date,
    periods: Sequence[Period] = (),
) -> Baselines:
    """`models`: all that were called."""
    bills = list(_bills(usage, catalogue, periods))
    compared = sum(_compared(one) for _, one in bills)
    outside = sum(_compared(one) for workload_id, one in bills if workload_id is None)
    called = [Single(name=model.model, price=model.price) for model in models if model.price is not None]
    known = {one: month for one in called if (month := _month(bills, one)) is not None}
    naive = max(known, key=lambda one: (known[one], one.name), default=None)
    answered, at = last_answers(usage), {row.provider for row in usage}
    going_on = {one: usd for one, usd in known.items() if _answers(one, cards, today, last_answer(answered, one.name, at))}
    honest, honest_usd = _honest(bills, found, going_on)
    paid = usd(sum(_paid_month(one) for _, one in bills)) if compared else None
    full = usd(sum(one.month_usd for _, one in bills)) if compared else None
    saves = _saved(usage, lines, found, catalogue, settings, periods)
    ours = None if full is None else full - saves if saves is not None else paid
    left = sum(one.calls for _, one in bills) - compared
    alone = len(called) == 1
    is_today = alone and naive is not None and known[naive] == paid
    said = [
        _dear(naive, known, alone=alone, is_today=is_today),
        _cheap(honest, honest_usd, outside) if honest != naive else "",
        "" if is_today else f"today: {words.money(paid)}",
        f"with what is certified: {words.money(ours)}"
        if saves is not None
        else "what is certified saves nobody knows"
        if any(rung.kind == "specialist" and rung.evidence == "certified" and _is_unpriced(rung) for its in found for rung in its.rungs)
        else "nothing is certified, so that is also ours",
    ]
    rest = f" {words.count(left, 'call')} of unknown cost or length stand in none of these." if left > 0 else ""
    return Baselines(
        calls=compared,
        calls_left_out=max(0, left),
        calls_without_workload=outside,
        naive_usd_month=known[naive] if naive else None,
        naive_model=naive.name if naive else None,
        honest_usd_month=honest_usd,
        honest_model=honest.name if honest else None,
        honest_evidence=honest.evidence if honest else "none",
        today_usd_month=paid,
        ours_usd_month=ours,
        sentence=f"A month of the same {words.count(compared, 'call')}: {'; '.join(part for part in said if part)}.{rest}"
        if compared
        else "What simple rules would cost is unknown: no call's tokens and cost are both known.",
    )


def _bills(usage: Sequence[UsageRow], catalogue: Catalogue, periods: Sequence[Period]) -> Iterator[tuple[str | None, Bill]]:
    """(workload, bill): what a specialist answered is taken at the mean of its own workload, as everywhere."""
    groups: dict[tuple[str, str | None], list[UsageRow]] = defaultdict(list)
    for row in usage:
        groups[row.scope, row.workload_id].append(row)
    of_scope = windows(usage, periods)
    for (scope, workload_id), rows in sorted(groups.items(), key=lambda pair: (pair[0][0], pair[0][1] or "")):
        yield workload_id, bill(rows, of_scope[scope].days, catalogue, length=of_scope[scope].month.length)


def _compared(one: Bill) -> int:
    return one.compared_calls + sum(calls for _, calls in one.specialist_by_day) if one.compared else 0


def _month(bills: Sequence[tuple[str | None, Bill]], one: Single) -> Decimal | None:
    """All calls on one model: what ran on it as it was charged, the rest as it would be."""

    def usage(row: UsageRow) -> Usage:
        if model_of(row) == one.name:
            return usage_of(row)
        its = plain_usage(row)
        return replace(its, output_tokens=(its.output_tokens or 0) + one.thinking_tokens * row.calls) if one.thinking_tokens else its

    return _at(bills, one.price, usage)


def _at(bills: Sequence[tuple[str | None, Bill]], price: Price, usage: Callable[[UsageRow], Usage]) -> Decimal | None:
    total = 0.0
    for _, one in bills:
        if one.compared:
            at = one.at(lambda _: price, usage)
            if at is None:
                return None
            total += float(at.by_day.sum()) * DAYS_A_MONTH / one.length
    return usd(total) if any(one.compared for _, one in bills) else None


def _paid_month(one: Bill) -> float:
    """What was paid, the specialist's answers for nothing."""
    return float(sum((cost for _, cost in one.compared), Decimal(0))) * DAYS_A_MONTH / one.length


def _saved(
    usage: Sequence[UsageRow],
    lines: Sequence[WorkloadFigures],
    found: Sequence[Ladder],
    catalogue: Catalogue,
    settings: LadderSettings,
    periods: Sequence[Period],
) -> Decimal | None:
    """Dollars a month of the certificates in force that nothing stands against, on compared calls of the models that they speak of."""
    barred = {one.workload_id for one in found for rung in one.rungs if rung.kind == "specialist" and (rung.blocked or _is_unpriced(rung))}
    in_force = {
        line.workload_id: line.certificate
        for line in lines
        if line.certificate is not None and line.state in IN_FORCE and line.workload_id not in barred
    }
    rows: dict[str, list[UsageRow]] = defaultdict(list)
    for row in usage:
        certificate = in_force.get(row.workload_id or "")
        if certificate is not None and (row.specialist or {row.request_model, row.response_model} & set(certificate.cover.incumbents)):
            rows[row.workload_id or ""].append(row)
    of_scope = windows(usage, periods)
    total: float | None = None
    for workload_id, its in rows.items():
        window = of_scope[its[0].scope]
        one = bill(its, window.days, catalogue, length=window.month.length)
        if one.compared:
            share = in_force[workload_id].coverage_calls * (1 - settings.control_share)
            calls = _compared(one) * DAYS_A_MONTH / one.length
            net = share * (one.month_usd - calls * float(settings.serving_usd_call)) - float(settings.audit_usd_month)
            total = (total or 0.0) + net
    return None if total is None else usd(total)


def _is_unpriced(rung: Rung) -> bool:
    """Another model, and nobody knows what it saves."""
    return rung.model is not None and (rung.saving is None or rung.saving.usd_month is None)


def _answers(one: Single, cards: Cards, today: date, last: date | None) -> bool:
    """It writes text, and nobody said that it stopped, or the log has answers from after that day. `last`: with an answer."""
    card = cards.of(None, one.name)
    ends = cards.retirement(None, one.name)
    goes_on = ends is None or ends.day > today or (last is not None and last > ends.day)
    return (card is None or card.kind == "llm") and goes_on


def _honest(
    bills: Sequence[tuple[str | None, Bill]], found: Sequence[Ladder], known: Mapping[Single, Decimal]
) -> tuple[Single | None, Decimal | None]:
    """A model that every workload's ladder shows with evidence, else the cheapest that was called."""
    shown = [{(rung.model, rung.provider): rung for rung in one.rungs if _is_proven(rung)} for one in found]
    everywhere = set.intersection(*map(set, shown)) if shown else set()
    priced = []
    for key in everywhere:
        rung = shown[0][key]
        assert rung.price is not None
        tokens = rung.thinking_tokens if rung.reasons == "always" else 0
        single = Single(name=rung.name, price=rung.price, evidence=rung.evidence, thinking_tokens=tokens)
        month = _month(bills, single)
        if month is not None:
            priced.append((month, single.name, single))
    if priced:
        month, _, single = min(priced, key=lambda one: one[:2])
        return single, month
    cheapest = min(known, key=lambda one: (known[one], one.name), default=None)
    return (cheapest, known[cheapest]) if cheapest is not None else (None, None)


def _is_proven(rung: Rung) -> bool:
    return rung.kind in MODELS and rung.evidence != "none" and not rung.blocked and rung.price is not None


def _dear(naive: Single | None, known: Mapping[Single, Decimal], *, alone: bool, is_today: bool) -> str:
    if naive is None:
        return ""
    which = "the only model called" if alone else "the dearest model called"
    return f"all on {words.visible(naive.name, 60)}, {which}{', as it is today' if is_today else ''}: {words.money(known[naive])}"


def _cheap(honest: Single | None, month: Decimal | None, outside: int) -> str:
    if honest is None:
        return ""
    name = words.visible(honest.name, 80)
    if honest.evidence == "none":
        return f"all on {name}, the cheapest called: {words.money(month)}, and nothing shows that it is good enough for all"
    besides = f", and for {words.count(outside, 'call')} of no workload there is none" if outside else ""
    return f"all on {name}, the cheapest with evidence ({honest.evidence}){besides}: {words.money(month)}"
