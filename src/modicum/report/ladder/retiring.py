"""Models that are called and stop answering soon, or have, or were announced to and go on, with what their workloads cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from modicum.catalog import Catalogue
from modicum.catalog.cards import Cards
from modicum.report import words
from modicum.report.costing import model_of
from modicum.report.ladder.bill import last_answers
from modicum.report.ladder.build import Window, windows
from modicum.report.ladder.sellers import kind_of
from modicum.report.ladder.settings import LadderSettings
from modicum.report.records import Period, WorkloadFigures
from modicum.report.retire import ending
from modicum.report.rungs import RetiringModel
from modicum.report.saving import a_month
from modicum.report.spend import spend

if TYPE_CHECKING:
    from modicum.store.calls import UsageRow


def retiring(
    usage: Sequence[UsageRow],
    lines: Sequence[WorkloadFigures],
    cards: Cards,
    catalogue: Catalogue,
    settings: LadderSettings,
    now: datetime,
    periods: Sequence[Period] = (),
) -> tuple[RetiringModel, ...]:
    """Models called in this report that stop answering within the days that are called soon, or have: the first to go first."""
    names = {line.workload_id: line.name for line in lines}
    groups: dict[tuple[str, str | None], list[tuple[float, UsageRow]]] = defaultdict(list)
    for window, rows in _by_scope(usage, periods):
        for row in rows:
            if not row.specialist:
                groups[(model_of(row), row.provider)].append((window.month.length, row))
    found = []
    for (model, provider), its in groups.items():
        kind = kind_of(provider, None) or provider
        ends = cards.retirement(kind, model)
        if ends is None or (ends.day - now.date()).days > settings.retiring_days:
            continue
        by_workload: dict[str | None, list[tuple[float, UsageRow]]] = defaultdict(list)
        for one in its:
            by_workload[one[1].workload_id].append(one)
        workloads = sorted(
            ((own, names[own], _spend_month(part, catalogue)) for own, part in by_workload.items() if own in names and own is not None),
            key=lambda one: (-(one[2] if one[2] is not None else Decimal(-1)), one[1]),
        )
        calls = sum(row.calls for _, row in its)
        month = _spend_month(its, catalogue)
        day = ends.day
        last = max(last_answers(row for _, row in its).values(), default=None)
        went_on = last if last is not None and day <= now.date() and last > day else None
        gone = day <= now.date() and went_on is None
        what = ending(day, gone=gone, answered_until=went_on)
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
                sentence=f"{words.visible(model, 60)} {what}{then}: {words.count(calls, 'call')}{where}, {words.money(month)} a month.",
                answered_until=went_on,
            )
        )
    return tuple(sorted(found, key=lambda one: (one.day, -(one.spend_usd_month or 0), one.model)))


def _by_scope(usage: Sequence[UsageRow], periods: Sequence[Period]) -> list[tuple[Window, list[UsageRow]]]:
    by_scope: dict[str, list[UsageRow]] = defaultdict(list)
    for row in usage:
        by_scope[row.scope].append(row)
    of_scope = windows(usage, periods)
    return [(of_scope[scope], rows) for scope, rows in sorted(by_scope.items())]


def _spend_month(rows: Sequence[tuple[float, UsageRow]], catalogue: Catalogue) -> Decimal | None:
    """(observed days, row): dollars a month of those whose cost is known; None where none's is."""
    by_days: dict[float, list[UsageRow]] = defaultdict(list)
    for days, row in rows:
        by_days[days].append(row)
    parts = [a_month(spend(its, catalogue).known_usd, days) for days, its in by_days.items()]
    known = [part for part in parts if part is not None]
    return sum(known, Decimal(0)) if known else None
