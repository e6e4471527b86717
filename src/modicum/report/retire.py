"""Models that retire, each once, and in which words.

A model that is called by several names or at several providers is one line to whoever has to move.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal

from modicum.report import words
from modicum.report.invoice import plain_name
from modicum.report.rungs import RetiringModel

LONGEST_NAME = 60


def merged(models: Sequence[RetiringModel]) -> tuple[RetiringModel, ...]:
    """One a model and last day, the first to go first."""
    groups: dict[tuple[str, date], list[RetiringModel]] = defaultdict(list)
    for model in models:
        groups[plain_name(model.model), model.day].append(model)
    found = [_one(its) for its in groups.values()]
    return tuple(sorted(found, key=lambda one: (one.day, -(one.spend_usd_month or 0), one.model)))


def ending(day: date, *, gone: bool, answered_until: date | None = None) -> str:
    """What becomes of a model, after its name. What the log has answers from goes before what was announced."""
    when = words.span(day, day)
    if answered_until is not None:
        return f"was announced to stop answering on {when}, and your log has answers until {words.span(answered_until, answered_until)}"
    return f"{'stopped' if gone else 'stops'} answering on {when}"


def _one(its: Sequence[RetiringModel]) -> RetiringModel:
    its = sorted(its, key=lambda one: (-one.calls, one.model))
    names: dict[str, str] = {}
    spent: dict[str, Decimal | None] = {}
    for one in its:
        for workload_id, name, usd in one.workloads:
            names[workload_id] = name
            spent[workload_id] = _plus(spent.get(workload_id), usd)
    workloads = sorted(
        ((own, names[own], usd) for own, usd in spent.items()), key=lambda one: (-(one[2] if one[2] is not None else Decimal(-1)), one[1])
    )
    month: Decimal | None = None
    for one in its:
        month = _plus(month, one.spend_usd_month)
    went_on = [one.answered_until for one in its if one.answered_until is not None]
    made = replace(
        its[0],
        gone=all(one.gone for one in its),
        answered_until=max(went_on, default=None),
        provider=", ".join(dict.fromkeys(one.provider for one in its if one.provider)),
        replacement=next((one.replacement for one in its if one.replacement), ""),
        calls=sum(one.calls for one in its),
        spend_usd_month=month,
        workloads=tuple(workloads),
    )
    return replace(made, sentence=_sentence(made, list(dict.fromkeys(one.model for one in its))))


def _sentence(made: RetiringModel, spelled: Sequence[str]) -> str:
    name, *others = (words.visible(one, LONGEST_NAME) for one in spelled)
    also = f" (called as {words.listing(others)} too)" if others else ""
    what = ending(made.day, gone=made.gone, answered_until=made.answered_until)
    where = f" for {words.listing([words.visible(one, LONGEST_NAME) for _, one, _ in made.workloads])}" if made.workloads else ""
    then = f" {made.replacement} is named to follow it." if made.replacement else ""
    return f"{name}{also} {what}: {words.money(made.spend_usd_month)} a month, {words.count(made.calls, 'call')}{where}.{then}"


def _plus(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return other if one is None else one if other is None else one + other
