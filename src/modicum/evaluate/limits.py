"""Which limit left a promise unproven: the margin, the floor on what is answered, the coverage, or labels and calls that are missing.

Says it of the start of the sequence, where a test that certified nothing ended. Adds nothing to the test and takes nothing from it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from modicum.evaluate.certify import level_of, tests_a, tests_b
from modicum.evaluate.judged import JudgedRows, reach
from modicum.evaluate.refuse import POWER
from modicum.evaluate.table import Table
from modicum.evaluate.tune import Plan, Terms, groups_for_power, trace_curve
from modicum.stats.clusters import mean_interval
from modicum.types import Attempt

Array = NDArray[np.float64]
Limit = Literal["", "margin", "floor", "coverage", "labels", "calls"]
"""calls: the figures are within all limits, and too few to show it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """What stood in the way."""

    limit: Limit
    reason: str
    """For a reader, without a full stop."""
    needs_labels: int | None = None
    """How many more; None where none would help, or it wants none."""


def limit_of(attempt: Attempt, table: Table, excess: Array | None = None, judged: JudgedRows | None = None) -> Bound | None:
    """What kept A (B, where `excess` says what is known of it, or a judge's rows do) from passing at the start; None where it passed."""
    level = level_of(attempt)
    accepted = table.accepted(attempt.thresholds[0])
    if excess is None and judged is None:
        tested, loss, unsaid = next(tests_a(attempt, table), None), table.differs.astype(np.float64), np.zeros(len(table), np.bool_)
    elif judged is not None:
        scale, loss = reach(judged.share) * (1 + 1e-9), judged.stand_ins(table)
        scaled = dataclasses.replace(attempt, margin=attempt.margin / scale, max_selective=attempt.max_selective / scale)
        tested, unsaid = next(tests_b(scaled, table, loss / scale), None), table.differs & judged.checked & np.isnan(judged.people)
    else:
        assert excess is not None
        tested, unsaid = next(tests_b(attempt, table, excess), None), table.differs & np.isnan(excess)
        loss = np.where(table.differs, np.where(np.isnan(excess), 1.0, excess), 0.0)
    unsaid = unsaid & accepted
    if tested is None:
        most = int(attempt.max_label_share * len(table))
        return Bound(limit="labels", reason=f"labels: it would want more than the {most:,} that may be asked for")
    if tested.p_value <= level:
        return None
    if not tested.covers:
        return Bound(
            limit="coverage",
            reason=f"coverage: it answers {_percent(accepted.mean())} of the requests, promises start at {_percent(attempt.min_coverage)}",
        )
    if unsaid.any() and judged is None and excess is not None:
        kinder = next(tests_b(attempt, table, np.where(np.isnan(excess), 0.0, excess)), None)
        if kinder is not None and kinder.p_value <= level:
            missing = int(unsaid.sum())
            reason = (
                f"labels: {missing:,} of the {int((accepted & table.differs).sum()):,} calls that want one have none, and count as worse"
            )
            return Bound(limit="labels", reason=reason, needs_labels=missing)
    return _missed(attempt, table, np.where(accepted, loss, 0.0), accepted, excess, by_floor=tested.floor > tested.margin)


def limit_before(table: Table, terms: Terms, plan: Plan | None, *, texts: bool) -> Bound:
    """What a pilot suggests would stand in the way, its rows being all that the candidate said. `texts`: nothing but labels tells."""
    n, answered = len(table), table.accepted(0.0)
    differing = int((answered & table.differs).sum())
    if not answered.any() or answered.mean() < terms.min_coverage:
        return Bound(
            limit="coverage",
            reason=f"coverage: it answered {int(answered.sum())} of {n}, and promises start at {_percent(terms.min_coverage)}",
        )
    if texts:
        groups = None if plan is None else groups_for_power(plan.curve, terms, level=terms.level, power=POWER)
        if groups is None:
            return Bound(limit="margin", reason=f"the margin: {_percent(terms.margin)} is too narrow for any number of judgements")
        return Bound(
            limit="labels", reason=f"labels: a margin of {_percent(terms.margin)} wants about {groups:,} judgements", needs_labels=groups
        )
    if differing > terms.margin * n:
        return Bound(limit="margin", reason=f"the margin: {differing} of {n} got another answer, and {_percent(terms.margin)} may")
    if differing > terms.max_selective * float(answered.sum()):
        return Bound(
            limit="floor",
            reason=f"the floor: {differing} of the {int(answered.sum())} that it answered differ, and {_percent(terms.max_selective)} may",
        )
    return Bound(limit="calls", reason="too few calls")


def _missed(attempt: Attempt, table: Table, loss: Array, accepted: NDArray[np.bool_], excess: Array | None, *, by_floor: bool) -> Bound:
    """The margin or the floor: how far, and how many more labels would do."""
    rows = accepted if by_floor else np.ones(len(table), np.bool_)
    bound = attempt.max_selective if by_floor else attempt.margin
    mean, high = float(loss[rows].mean()), mean_interval(loss[rows], np.ones(int(rows.sum())), 1 - 2 * level_of(attempt))[1]
    labelled = excess is not None
    what = f"more are answered {'worse' if mean >= 0 else 'better'} than by the incumbent" if labelled else "get another answer"
    which = f"{'the floor: of those that it answers ' if by_floor else 'the margin: of the requests '}{_percent(abs(mean))} {what}"
    reason = f"{which} (it could be {_percent(min(high, 1.0))}{' worse' if labelled else ''}), and {_percent(bound)} may"
    wants = float((accepted & table.differs).mean()) if labelled else 0.0
    needed = _groups(attempt, table, excess) if mean < bound else None
    if needed is None:
        return Bound(limit="floor" if by_floor else "margin", reason=reason)
    labels = max(round(needed * wants), 1) if labelled else None
    more = f"; about {labels:,} labels of newer calls would show it" if labels is not None else ""
    return Bound(limit="labels" if labelled else "calls", reason=f"too few: {reason}{more}", needs_labels=labels)


def _groups(attempt: Attempt, table: Table, excess: Array | None) -> int | None:
    """Certify groups with which the next attempt would probably pass, as this one's figures go."""
    spent = attempt.number**2 / (attempt.number + 1) ** 2
    terms = Terms(
        kinds=("A",) if excess is None else ("B",),
        margin=attempt.margin,
        max_selective=attempt.max_selective,
        min_coverage=attempt.min_coverage,
        delta=attempt.delta * spent,
    )
    return groups_for_power(trace_curve(table, excess), terms, level=terms.level, power=POWER)


def _percent(rate: float) -> str:
    return f"{rate * 100:.3g} %"
