"""The one look: walk the declared thresholds on the certify groups, A by exact binomial tails, B by an exact paired test and betting.

Labels with too few certify groups are only known after the look. They are deferred on top of what was declared, and the test must pass
both for the declared rule and for the narrowed one (`docs/statistics.md` says why that holds).

Expects an Attempt that was stored before the incumbent's answers to the certify calls were opened. Each kind spends its part of the
attempt's delta; the walk stops at the first threshold that fails, and the last that passed is certified.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modicum.evaluate.table import Table
from modicum.stats.betting import betting_p_value
from modicum.stats.binomial import lower_tail
from modicum.stats.paired import paired_p_value
from modicum.stats.sequence import fixed_sequence
from modicum.types import Attempt, PromiseKind, Rule

Array = NDArray[np.float64]

FEW = 1000
"""Up to so many answered groups B's floor is tested exactly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a look at the certify groups found."""

    kind: PromiseKind
    p_values: tuple[float, ...]
    """Of the thresholds that were tested, in order; the last one failed unless the sequence ended."""
    passed: int
    """How many passed, in order."""
    rule: Rule | None
    """The rule that may be certified: last passing threshold, labels too thin to certify deferred. None where the start failed."""
    thin_labels: tuple[str, ...]
    """Labels with too few certify groups, deferred on top of the attempt's."""
    labels_used: int = 0
    """B: how many labels the tests consulted."""

    @property
    def p_value(self) -> float:
        """Of the certified threshold; of the start where nothing passed."""
        return self.p_values[max(self.passed - 1, 0)] if self.p_values else 1.0


def level_of(attempt: Attempt) -> float:
    """What each of the attempt's kinds may spend."""
    return attempt.delta / len(attempt.kinds)


def look_a(attempt: Attempt, table: Table) -> Look:
    """Test A along the attempt's thresholds: P(answered and differing) <= margin and P(differing | answered) <= max_selective."""
    _check(attempt, table, "A")
    return _conclude(attempt, table, "A", *fixed_sequence(p_values_a(attempt, table), level_of(attempt)))


def look_b(attempt: Attempt, table: Table, excess: Array) -> Look:
    """Test B along the attempt's thresholds: E[answered (loss(s) - loss(f))] <= margin, and <= max_selective among the answered.

    `excess` holds loss(s) - loss(f) for each row, NaN where no label is known: the worst case, 1, where the answers differ.
    """
    _check(attempt, table, "B")
    look = _conclude(attempt, table, "B", *fixed_sequence(p_values_b(attempt, table, excess), level_of(attempt)))
    consulted = table.accepted(attempt.thresholds[len(look.p_values) - 1]) & table.differs if look.p_values else np.zeros(len(table), bool)
    return dataclasses.replace(look, labels_used=int((consulted & ~np.isnan(excess)).sum()))


def p_values_a(attempt: Attempt, table: Table) -> Iterator[float]:
    """A's p-value at each of the attempt's thresholds: the larger of two exact binomial tails; 1 below the floor on coverage."""
    thin = thin_labels(attempt, table)
    counts = _counts(table, attempt.thresholds)
    narrow = _counts(table.without(thin), attempt.thresholds) if thin.any() else counts
    for answered, errors, narrow_answered, narrow_errors in zip(*counts, *narrow, strict=True):
        if narrow_answered < attempt.min_coverage * len(table):
            yield 1.0
            continue
        yield max(
            lower_tail(int(errors), len(table), attempt.margin),
            lower_tail(int(errors), int(answered), attempt.max_selective),
            lower_tail(int(narrow_errors), int(narrow_answered), attempt.max_selective),
        )


def p_values_b(attempt: Attempt, table: Table, excess: Array) -> Iterator[float]:
    """B's p-value at each of the attempt's thresholds. Rows must be in random order (`tabulate` with a seed).

    Ends where the labels wanted so far exceed `max_label_share` of the groups; that depends on no label, and to stop early never makes a
    false claim.
    """
    narrow = table.without(thin_labels(attempt, table))
    level = level_of(attempt)
    differs = table.differs
    loss = np.where(differs, np.where(np.isnan(excess), 1.0, excess), 0.0)
    for threshold in attempt.thresholds:
        accepted, kept = table.accepted(threshold), narrow.accepted(threshold)
        if (accepted & differs).sum() > attempt.max_label_share * len(table):
            return
        if kept.sum() < attempt.min_coverage * len(table):
            yield 1.0
            continue
        p = _excess_p_value(attempt, loss, accepted, level)
        if p <= level and not np.array_equal(kept, accepted):
            p = max(p, _excess_p_value(attempt, loss, kept, level))
        yield p


def _excess_p_value(attempt: Attempt, loss: Array, accepted: NDArray[np.bool_], level: float) -> float:
    """Of the two claims on the excess loss of the accepted rows the larger p-value.

    Where every loss is -1, 0 or 1 (right or wrong) the exact paired test needs a third fewer groups than betting and does not depend on
    the order of rows; graded losses are bet on, and so is the floor where many are answered: there it is not what decides, and betting
    is quick. Which test is used depends on how many are answered, not on any loss.
    """
    answered = loss[accepted]
    worse, better = int((answered == 1).sum()), int((answered == -1).sum())
    graded = worse + better < np.count_nonzero(answered)
    if graded:
        marginal = betting_p_value(np.where(accepted, loss, 0.0), attempt.margin, level=level)
    else:
        marginal = paired_p_value(worse, better, len(loss), attempt.margin)
    if graded or len(answered) > FEW:
        selective = betting_p_value(answered, attempt.max_selective, level=level)
    else:
        selective = paired_p_value(worse, better, len(answered), attempt.max_selective)
    return max(marginal, selective)


def wanted_labels(attempt: Attempt, table: Table) -> NDArray[np.int64]:
    """Rows whose label B could come to need: answered and differing at the loosest threshold that the label share allows. Ascending."""
    limit = attempt.max_label_share * len(table)
    rows = np.zeros(0, dtype=np.int64)
    for threshold in attempt.thresholds:
        wanted = np.nonzero(table.accepted(threshold) & table.differs)[0]
        if len(wanted) > limit:
            break
        rows = wanted
    return rows


def thin_labels(attempt: Attempt, table: Table) -> NDArray[np.bool_]:
    """Which labels have fewer certify groups, by the incumbent's answers, than the attempt demands; shape (len(table.labels),)."""
    told = table.told[table.told >= 0]
    return np.bincount(told, minlength=len(table.labels)) < attempt.min_label_groups


def _counts(table: Table, thresholds: tuple[float, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Answered rows and errors among them at each threshold."""
    order = np.argsort(-table.confidence[table.open], kind="stable")
    confidence = table.confidence[table.open][order]
    errors = np.concatenate([[0], np.cumsum(table.differs[table.open][order])])
    answered = np.searchsorted(-confidence, -np.array(thresholds), side="right")
    return answered, errors[answered]


def _check(attempt: Attempt, table: Table, kind: PromiseKind) -> None:
    if kind not in attempt.kinds:
        raise ValueError(f"attempt {attempt.attempt_id} did not declare {kind}")
    if len(table) != attempt.groups:
        raise ValueError(f"attempt {attempt.attempt_id} declared {attempt.groups} groups, not {len(table)}")


def _conclude(attempt: Attempt, table: Table, kind: PromiseKind, passed: int, p_values: list[float]) -> Look:
    thin = thin_labels(attempt, table)
    names = tuple(label for label, is_thin in zip(table.labels, thin, strict=True) if is_thin and label not in attempt.rule.deferred_labels)
    rule = None
    if passed:
        deferred = tuple(sorted({*attempt.rule.deferred_labels, *names}))
        rule = dataclasses.replace(attempt.rule, accept_above=attempt.thresholds[passed - 1], deferred_labels=deferred)
    return Look(kind=kind, p_values=tuple(p_values), passed=passed, rule=rule, thin_labels=names)
