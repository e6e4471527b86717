"""What the ladders say together: the bill under simple rules, what is almost free, what retires, and whether anything is worth changing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from modicum.catalog import Catalogue
from modicum.catalog.cards import Cards
from modicum.report import words
from modicum.report.ladder.bill import Bill, bill, own_usage, plain_usage
from modicum.report.ladder.build import Window, windows
from modicum.report.ladder.case import kind_of
from modicum.report.ladder.settings import LadderSettings
from modicum.report.month import DAYS_A_MONTH
from modicum.report.records import ModelSpend, Totals, WorkloadFigures
from modicum.report.rungs import Baselines, Evidence, Ladder, Part, RetiringModel, Rung, Shares
from modicum.report.saving import a_month, usd
from modicum.report.spend import day_of, model_of, spend
from modicum.types import Price, Usage

if TYPE_CHECKING:
    from modicum.store.calls import UsageRow

PROOFS: tuple[Evidence, ...] = ("certified", "measured", "published", "none")
HOW = {
    "certified": "could, certified",
    "measured": "could, measured on these calls",
    "published": "could, if published benchmarks hold here",
    "none": "could by price alone, which nobody has tried",
}
MODELS = ("same_laboratory", "open_hosted")


def baselines(
    usage: Sequence[UsageRow], models: Sequence[ModelSpend], found: Sequence[Ladder], totals: Totals, catalogue: Catalogue
) -> Baselines:
    """What the calls cost under simple rules, over the calls whose tokens and cost are known."""
    bills = [bill(rows, window.days, catalogue) for window, rows in _by_scope(usage)]
    calls = sum(one.compared_calls + sum(number for _, number in one.specialist_by_day) for one in bills)
    at = {model.model: _month(bills, model) for model in models if model.price is not None}
    known = {name: month for name, month in at.items() if month is not None}
    naive = max(known, key=lambda name: (known[name], name), default=None)
    honest, evidence, month = _honest(bills, found, known)
    today = usd(sum(_paid_month(one) for one in bills)) if calls else None
    full = usd(sum(one.month_usd for one in bills)) if calls else None
    saves = totals.saving.usd_month if totals.saving is not None else None
    ours = None if full is None else full - saves if saves is not None else today
    left = totals.calls - calls
    said = [
        f"All on {words.visible(naive, 60)}, the dearest model called: {words.money(known[naive])} a month" if naive else "",
        _cheap(honest, evidence, month),
        f"today: {words.money(today)}",
        f"with what is certified: {words.money(ours)}" if saves is not None else "nothing is certified, so that is also ours",
    ]
    rest = f" {words.count(left, 'call')} of unknown cost or length stand in none of these." if left > 0 else ""
    return Baselines(
        calls=calls,
        calls_left_out=max(0, left),
        naive_usd_month=known[naive] if naive else None,
        naive_model=naive,
        honest_usd_month=month,
        honest_model=honest,
        honest_evidence=evidence,
        today_usd_month=today,
        ours_usd_month=ours,
        sentence=f"{'; '.join(part for part in said if part)}.{rest}",
    )


def shares(lines: Sequence[WorkloadFigures], found: Sequence[Ladder], totals: Totals, settings: LadderSettings) -> Shares:
    """How much runs, and could run, on what costs a hundredth of the incumbent or less. Each call once, under its strongest evidence."""
    of = {one.workload_id: one for one in found}
    sums: dict[str, list[float]] = {name: [0.0, 0.0] for name in ("runs", *PROOFS)}
    for line in lines:
        rungs = [rung for rung in of[line.workload_id].rungs if _free(rung, settings)] if line.workload_id in of else []
        best = {name: max((rung.share or 0.0 for rung in rungs if rung.evidence == name), default=0.0) for name in sums if name != "runs"}
        spend_month = float(line.baseline_usd_month or 0)
        before = 0.0
        for name in PROOFS:
            part = max(0.0, best[name] - before)
            before += part
            sums[name][0] += part * line.calls
            sums[name][1] += part * spend_month
        if line.live is not None and line.calls and any(rung.kind == "specialist" for rung in rungs):
            part = line.live.specialist_calls / line.calls
            sums["runs"][0] += part * line.calls
            sums["runs"][1] += part * spend_month
    bill_usd = float(totals.baseline_usd_month or 0)
    parts = {
        name: Part(calls=calls / totals.calls if totals.calls else 0.0, spend=spent / bill_usd if bill_usd else None)
        for name, (calls, spent) in sums.items()
    }
    could = [f"{_two(parts[name])} {how}" for name, how in HOW.items() if parts[name].calls]
    return Shares(
        cheaper=settings.cheaper,
        runs=parts["runs"],
        certified=parts["certified"],
        measured=parts["measured"],
        published=parts["published"],
        unproven=parts["none"],
        sentence=(
            f"On what is at least {words.percent(settings.cheaper)} cheaper than the incumbent runs"
            f" {_two(parts['runs']) if parts['runs'].calls else 'nothing yet'}; {'; '.join(could) if could else 'nothing else could'}."
        ),
    )


def retiring(
    usage: Sequence[UsageRow],
    lines: Sequence[WorkloadFigures],
    cards: Cards,
    catalogue: Catalogue,
    settings: LadderSettings,
    now: datetime,
) -> tuple[RetiringModel, ...]:
    """Models called in this report that stop answering within the days that are called soon, or have: the first to go first."""
    names = {line.workload_id: line.name for line in lines}
    groups: dict[tuple[str, str | None], list[tuple[int, UsageRow]]] = defaultdict(list)
    for window, rows in _by_scope(usage):
        for row in rows:
            if not row.specialist:
                groups[(model_of(row), row.provider)].append((len(window.days), row))
    found = []
    for (model, provider), its in groups.items():
        kind = kind_of(provider, None) or provider
        ends = cards.retirement(kind, model)
        if ends is None or (ends.day - now.date()).days > settings.retiring_days:
            continue
        by_workload: dict[str | None, list[tuple[int, UsageRow]]] = defaultdict(list)
        for one in its:
            by_workload[one[1].workload_id].append(one)
        workloads = sorted(
            ((own, names[own], _spend_month(part, catalogue)) for own, part in by_workload.items() if own in names and own is not None),
            key=lambda one: (-(one[2] if one[2] is not None else Decimal(-1)), one[1]),
        )
        calls = sum(row.calls for _, row in its)
        month = _spend_month(its, catalogue)
        day, gone = ends.day, ends.day <= now.date()
        last = max(day_of(row) for _, row in its)
        what = "stopped answering" if gone else "stops answering"
        despite = f", though it was called until {words.span(last, last)}" if last > day else ""
        then = f" ({ends.replacement} is named to follow it)" if ends.replacement else ""
        where = f" for {words.listing([words.visible(name, 60) for _, name, _ in workloads])}" if workloads else ""
        found.append(
            RetiringModel(
                model=model,
                provider=ends.provider,
                day=day,
                gone=gone,
                replacement=ends.replacement,
                source=ends.sources[0].url,
                calls=calls,
                spend_usd_month=month,
                workloads=tuple(workloads),
                sentence=f"{words.visible(model, 60)} {what} on {words.span(day, day)}{then}{despite}: {words.count(calls, 'call')}{where},"
                f" {words.money(month)} a month.",
            )
        )
    return tuple(sorted(found, key=lambda one: (one.day, -(one.spend_usd_month or 0), one.model)))


def _by_scope(usage: Sequence[UsageRow]) -> list[tuple[Window, list[UsageRow]]]:
    by_scope: dict[str, list[UsageRow]] = defaultdict(list)
    for row in usage:
        by_scope[row.scope].append(row)
    of_scope = windows(usage)
    return [(of_scope[scope], rows) for scope, rows in sorted(by_scope.items())]


def _spend_month(rows: Sequence[tuple[int, UsageRow]], catalogue: Catalogue) -> Decimal | None:
    """(observed days, row): dollars a month of those whose cost is known; None where none's is."""
    by_days: dict[int, list[UsageRow]] = defaultdict(list)
    for days, row in rows:
        by_days[days].append(row)
    parts = [a_month(spend(its, catalogue).known_usd, days) for days, its in by_days.items()]
    known = [part for part in parts if part is not None]
    return sum(known, Decimal(0)) if known else None


def _month(bills: Sequence[Bill], model: ModelSpend) -> Decimal | None:
    """All calls on one model that was called, at its price on the last day that it was: what ran on it as it was charged."""
    price = model.price
    if price is None:
        return None

    def usage(row: UsageRow) -> Usage:
        return own_usage(row) if model_of(row) == model.model else plain_usage(row)

    return _at(bills, price, usage)


def _at(bills: Sequence[Bill], price: Price, usage: Callable[[UsageRow], Usage]) -> Decimal | None:
    total = 0.0
    for one in bills:
        if one.compared:
            at = one.at(lambda _: price, usage)
            if at is None:
                return None
            total += float(at.by_day.sum()) * DAYS_A_MONTH / len(one.days)
    return usd(total) if any(one.compared for one in bills) else None


def _paid_month(one: Bill) -> float:
    """What was paid, the specialist's answers for nothing."""
    return float(sum((cost for _, cost in one.compared), Decimal(0))) * DAYS_A_MONTH / len(one.days)


def _honest(bills: Sequence[Bill], found: Sequence[Ladder], known: Mapping[str, Decimal]) -> tuple[str | None, Evidence, Decimal | None]:
    """(model, evidence, dollars a month): a model that no workload's ladder shows without evidence, else the cheapest that was called."""
    shown = [{(rung.model, rung.provider): rung for rung in one.rungs if _is_proven(rung)} for one in found]
    everywhere = set.intersection(*map(set, shown)) if shown else set()
    priced = [(month, shown[0][key]) for key in everywhere if (month := _sum_of(shown, key)) is not None]
    if priced:
        month, rung = min(priced, key=lambda one: (one[0], one[1].name))
        return rung.name, rung.evidence, month
    name = min(known, key=lambda name: (known[name], name), default=None)
    return (name, "none", known[name]) if name is not None else (None, "none", None)


def _is_proven(rung: Rung) -> bool:
    return rung.kind in MODELS and rung.evidence != "none" and not rung.blocked


def _sum_of(shown: Sequence[Mapping[tuple[str | None, str | None], Rung]], key: tuple[str | None, str | None]) -> Decimal | None:
    parts = [each[key].usd_month for each in shown]
    known = [part for part in parts if part is not None]
    return sum(known, Decimal(0)) if len(known) == len(parts) else None


def _cheap(model: str | None, evidence: Evidence, month: Decimal | None) -> str:
    if model is None:
        return ""
    name = words.visible(model, 80)
    if evidence == "none":
        return f"all on {name}, the cheapest called: {words.money(month)}, and nothing shows that it is good enough for all"
    return f"all on {name}, the cheapest with evidence ({evidence}): {words.money(month)}"


def _free(rung: Rung, settings: LadderSettings) -> bool:
    return not rung.blocked and rung.cheaper_share is not None and rung.cheaper_share >= settings.cheaper


def _two(part: Part) -> str:
    return f"{words.percent(part.calls)} of the calls ({words.percent(part.spend)} of the spend)"
