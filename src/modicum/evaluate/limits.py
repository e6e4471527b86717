"""Which limit left a promise unproven: the margin, the floor on what is answered, the coverage, or labels and calls that are missing.

Says it of the start of the sequence, where a test that certified nothing ended. Adds nothing to the test and takes nothing from it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from modicum.evaluate.certify import Tested, level_of, tests_a, tests_b
from modicum.evaluate.judged import JudgedRows, reach
from modicum.evaluate.refuse import POWER
from modicum.evaluate.table import Table
from modicum.evaluate.tune import Plan, Terms, groups_for_power, trace_curve
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
        loss, unsaid = table.differs.astype(np.float64), np.zeros(len(table), np.bool_)
    elif judged is not None:
        loss, unsaid = judged.stand_ins(table), table.differs & judged.checked & np.isnan(judged.people)
    else:
        assert excess is not None
        loss, unsaid = np.where(table.differs, np.where(np.isnan(excess), 1.0, excess), 0.0), table.differs & np.isnan(excess)

    def test(one: Attempt) -> Tested | None:
        if judged is not None:
            scale = reach(judged.share) * (1 + 1e-9)
            scaled = dataclasses.replace(one, margin=one.margin / scale, max_selective=one.max_selective / scale)
            return next(tests_b(scaled, table, loss / scale), None)
        return next(tests_a(one, table) if excess is None else tests_b(one, table, excess), None)

    tested = test(attempt)
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
    by_floor = tested.floor > tested.margin
    shown = _shown(test, attempt, by_floor=by_floor) if float(loss[accepted].sum()) >= 0 else None
    return _missed(attempt, table, np.where(accepted, loss, 0.0), accepted, excess, by_floor=by_floor, shown=shown)


def _shown(test: Callable[[Attempt], Tested | None], attempt: Attempt, *, by_floor: bool) -> float | None:
    """The least bound that the test itself would have passed at its level, to a fiftieth of it and never too low; None: none below 1."""
    low, high, level = attempt.max_selective if by_floor else attempt.margin, 1.0, level_of(attempt)
    while high - low > low / 50 and high - low > 1e-4:
        middle = (low + high) / 2
        tested = test(dataclasses.replace(attempt, margin=middle, max_selective=middle))
        passed = tested is not None and (tested.floor if by_floor else tested.margin) <= level
        low, high = (low, middle) if passed else (middle, high)
    return high if high < 1.0 else None


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


def _missed(
    attempt: Attempt,
    table: Table,
    loss: Array,
    accepted: NDArray[np.bool_],
    excess: Array | None,
    *,
    by_floor: bool,
    shown: float | None,
) -> Bound:
    """The margin or the floor: how far, and how many more labels would do."""
    rows = accepted if by_floor else np.ones(len(table), np.bool_)
    bound = attempt.max_selective if by_floor else attempt.margin
    mean = float(loss[rows].mean())
    labelled = excess is not None
    what = f"more are answered {'worse' if mean >= 0 else 'better'} than by the incumbent" if labelled else "get another answer"
    which = f"{'the floor: of those that it answers ' if by_floor else 'the margin: of the requests '}{_percent(abs(mean))} {what}"
    if mean >= bound:
        reason = f"{which}, and {_percent(bound)} may"
    else:  # in words that nobody takes for a pass: below the bound, and not by enough
        at_most = "" if shown is None else f" (at the level of the test at most {_percent(math.ceil(shown * 1e3) / 1e3)} is)"
        reason = f"{which}; that it is at most {_percent(bound)} is not shown{at_most}"
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
