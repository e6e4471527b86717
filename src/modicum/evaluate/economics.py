"""What a right answer costs: of the incumbent for every call, and of the route with the incumbent behind it, on the same labelled requests.

Estimates beside the certificate, one row a distinct request, weighted by nothing. Known only where nearly every held-out request has a gold
answer: labels for differences alone say nothing of where the two agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np

from modicum.evaluate.labels import Label, comparable
from modicum.route.rule import refusal
from modicum.stats.binomial import clopper_pearson
from modicum.types import Prediction, Rule, Sample, UnitCost

ENOUGH = 0.8
"""Least share of the held-out requests with a gold answer, a price and a duration for that figure to be known."""


def unit_costs(
    samples: Sequence[Sample],
    predictions: Sequence[Prediction],
    rule: Rule,
    labels: Mapping[str, Label],
    *,
    stage_ms: float,
    stage_usd: Decimal,
) -> tuple[UnitCost, ...]:
    """The incumbent and the route, on the held-out requests (`samples` with `predictions`, aligned) that have a gold answer; () where too
    few have one. An answer of the stage takes `stage_ms` and costs `stage_usd`; what it defers takes the incumbent's time on top.
    """
    rows = []
    for sample, told in zip(samples, predictions, strict=True):
        label = labels.get(sample.response_id or sample.call_id) or labels.get(sample.call_id)
        if label is not None and label.gold is not None:
            rows.append((sample, told, comparable(label.gold)))
    if not rows or len(rows) < ENOUGH * len(samples):
        return ()
    answered = [refusal(rule, told) is None for _, told, _ in rows]
    theirs = [sample.value is not None and comparable(sample.value) == gold for sample, _, gold in rows]
    ours = [comparable(told.value) == gold if own else right for (_, told, gold), own, right in zip(rows, answered, theirs, strict=True)]
    costs = [sample.cost_usd for sample, _, _ in rows]
    waits = [sample.duration_ms for sample, _, _ in rows]
    return (
        _summed("incumbent", theirs, costs, waits),
        _summed(
            "route",
            ours,
            [stage_usd if own else None if cost is None else cost + stage_usd for own, cost in zip(answered, costs, strict=True)],
            [stage_ms if own else None if wait is None else wait + stage_ms for own, wait in zip(answered, waits, strict=True)],
        ),
    )


def _summed(who: str, right: Sequence[bool], costs: Sequence[Decimal | None], waits: Sequence[float | None]) -> UnitCost:
    known = [cost for cost in costs if cost is not None]
    times = [wait for wait in waits if wait is not None]
    share = sum(right) / len(right)
    usd = sum(known, Decimal(0)) / len(known) if len(known) >= max(1.0, ENOUGH * len(right)) else None
    timed = len(times) >= max(1.0, ENOUGH * len(right))
    low, high = clopper_pearson(sum(right), len(right), 0.95)
    return UnitCost(
        who=who,
        requests=len(right),
        right=round(share, 4),
        right_interval=(round(low, 4), round(high, 4)),
        usd_call=None if usd is None else _six(usd),
        usd_right=None if usd is None or share == 0 else _six(usd / Decimal(repr(share))),
        p50_ms=round(float(np.quantile(times, 0.5)), 3) if timed else None,
        p95_ms=round(float(np.quantile(times, 0.95)), 3) if timed else None,
    )


def _six(usd: Decimal) -> Decimal:
    """To six digits: what is measured has no more."""
    return Decimal(f"{usd:.6g}")
