"""The one look: walk the declared thresholds on the certify groups, A and C by exact binomial tails, B by an exact paired test and betting.

Labels with too few certify groups are only known after the look. They are deferred on top of what was declared, and what is tested is the
rule so narrowed, on the rows that `evaluate.narrow` leaves.

Expects an Attempt that was stored before the incumbent's answers to the certify calls were opened. Each kind spends its part of the
attempt's delta; the walk stops at the first threshold that fails, and the last that passed is certified.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modicum.errors import CertificateError
from modicum.evaluate.narrow import Narrowing, Reduced, thin_labels
from modicum.evaluate.table import Table
from modicum.stats.betting import betting_p_value, mean_lower_limit
from modicum.stats.binomial import lower_tail, upper_limit
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
    """Labels with too few certify groups that agree, deferred on top of the attempt's."""
    labels_used: int = 0
    """B, C: how many labels the tests consulted."""

    @property
    def p_value(self) -> float:
        """Of the certified threshold; of the start where nothing passed."""
        return self.p_values[max(self.passed - 1, 0)] if self.p_values else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """One threshold's tests. It passes where all of them do."""

    margin: float
    """p-value of the margin."""
    floor: float
    """p-value of the floor on what is answered; C has no other test."""
    covers: bool = True
    """Enough is answered."""

    @property
    def p_value(self) -> float:
        return max(self.margin, self.floor) if self.covers else 1.0


UNCOVERED = Tested(margin=1.0, floor=1.0, covers=False)


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


def look_c(attempt: Attempt, table: Table, wrong: Array) -> Look:
    """Test C along the attempt's thresholds: P(wrong | answered) <= margin.

    `wrong` is 1 where the specialist is wrong, 0 where it is right, NaN where no label is known: the worst case, 1. Labels too thin to
    certify are those of which too few groups are known to be right.
    """
    _check(attempt, table, "C")
    look = _conclude(attempt, table.judged(wrong), "C", *fixed_sequence(p_values_c(attempt, table, wrong), level_of(attempt)))
    consulted = table.accepted(attempt.thresholds[len(look.p_values) - 1]) if look.p_values else np.zeros(len(table), bool)
    return dataclasses.replace(look, labels_used=int((consulted & ~np.isnan(wrong)).sum()))


def p_values_a(attempt: Attempt, table: Table) -> Iterator[float]:
    """A's p-value at each of the attempt's thresholds: the larger of two exact binomial tails; 1 below the floor on coverage."""
    return (tested.p_value for tested in tests_a(attempt, table))


def p_values_b(attempt: Attempt, table: Table, excess: Array) -> Iterator[float]:
    """B's p-value at each of the attempt's thresholds, as `tests_b` has it."""
    return (tested.p_value for tested in tests_b(attempt, table, excess))


def p_values_c(attempt: Attempt, table: Table, wrong: Array) -> Iterator[float]:
    """C's p-value at each of the attempt's thresholds, as `tests_c` has it."""
    return (tested.p_value for tested in tests_c(attempt, table, wrong))


def tests_a(attempt: Attempt, table: Table) -> Iterator[Tested]:
    """A's tests at each of the attempt's thresholds: exact binomial tails.

    The margin is tested for the rule as declared, on all rows: who answers less cannot differ more often.
    """
    narrowing = Narrowing(attempt, table)
    differs = table.differs
    for threshold in attempt.thresholds:
        answered = narrowing.answered(threshold)
        if answered.sum() < attempt.min_coverage * len(table):
            yield UNCOVERED
            continue
        errors, narrow_errors = int((table.accepted(threshold) & differs).sum()), int((answered & differs).sum())
        margin = lower_tail(errors, len(table), attempt.margin)
        left = len(narrowing.left_answered(threshold).rows)
        yield Tested(margin=margin, floor=lower_tail(narrow_errors, left, attempt.max_selective))


def tests_b(attempt: Attempt, table: Table, excess: Array) -> Iterator[Tested]:
    """B's tests at each of the attempt's thresholds. Rows must be in random order (`tabulate` with a seed).

    Ends where the labels wanted so far exceed `max_label_share` of the groups; that depends on no label, and to stop early never makes a
    false claim.
    """
    if attempt.max_labels:
        yield from _sampled_tests(attempt, table, excess)
        return
    narrowing = Narrowing(attempt, table)
    everything = narrowing.left()
    level = level_of(attempt)
    differs = table.differs
    loss = np.where(differs, np.where(np.isnan(excess), 1.0, excess), 0.0)
    # Weights make up for the rows taken out; with none taken out there is nothing to make up for, and nothing to spend on it.
    miss = level / 20 if attempt.min_label_groups else 0.0
    for threshold in attempt.thresholds:
        answered = narrowing.answered(threshold)
        if (table.accepted(threshold) & differs).sum() > attempt.max_label_share * len(table):
            return
        if answered.sum() < attempt.min_coverage * len(table):
            yield UNCOVERED
            continue
        narrow_loss = np.where(answered, loss, 0.0)
        marginal = _excess_p_value(narrow_loss, everything, attempt.margin, level, miss=miss)
        selective = _excess_p_value(narrow_loss, narrowing.left_answered(threshold), attempt.max_selective, level, few=FEW)
        yield Tested(margin=marginal, floor=selective)


def _sampled_tests(attempt: Attempt, table: Table, excess: Array) -> Iterator[Tested]:
    """B's tests at each threshold where only a random sample of what differs was labelled.

    The mean loss is P(answered and differs) times the mean loss of those. The first gets an exact upper limit from all rows left, which
    may miss with a tenth of the level, added to p; the second is tested on the labelled ones by the exact paired test.
    """
    narrowing = Narrowing(attempt, table)
    differs, everything = table.differs, len(narrowing.left().rows)
    loss = np.where(np.isnan(excess), 1.0, excess)
    drawn = np.zeros(len(table), dtype=np.bool_)
    drawn[sampled_rows(attempt, table)] = True
    miss = level_of(attempt) / 10
    for threshold in attempt.thresholds:
        answered = narrowing.answered(threshold)
        if answered.sum() < attempt.min_coverage * len(table):
            yield UNCOVERED
            continue
        differing = int((answered & differs).sum())
        seen = loss[answered & differs & drawn]
        rows = len(narrowing.left_answered(threshold).rows)
        marginal, selective = (
            _share_p_value(seen, upper_limit(differing, n, 1 - miss), bound) + miss
            for n, bound in ((everything, attempt.margin), (rows, attempt.max_selective))
        )
        yield Tested(margin=marginal, floor=selective)


def _share_p_value(seen: Array, share: float, bound: float) -> float:
    """p-value of "`share` times the mean loss is at least `bound`": losses in {-1, 0, 1} exactly, graded ones by betting."""
    share = min(math.ceil(share * 200) / 200, 1.0)  # up, to be safe; neighbouring thresholds then share what was computed
    if share <= bound:
        return 0.0  # though every one of them were a loss
    worse, better = int((seen == 1).sum()), int((seen == -1).sum())
    if worse + better < np.count_nonzero(seen):
        return betting_p_value(seen, bound / share, level=0.05)
    return paired_p_value(worse, better, len(seen), bound / share)


def sampled_rows(attempt: Attempt, table: Table) -> NDArray[np.int64]:
    """The rows whose label B asks for where it asks for a sample: the first `max_labels`, in the table's random order, of those that are
    answered and differ at the loosest threshold. Ascending. Which they are depends on no label."""
    loosest = min(attempt.thresholds)
    return np.nonzero(table.accepted(loosest) & table.differs)[0][: attempt.max_labels]


def tests_c(attempt: Attempt, table: Table, wrong: Array) -> Iterator[Tested]:
    """C's test at each of the attempt's thresholds: the exact binomial tail of the wrong among the answered rows that were left.

    Ends where the labels wanted exceed `max_label_share` of the groups, as B does.
    """
    judged = table.judged(wrong)
    narrowing = Narrowing(attempt, judged)
    for threshold in attempt.thresholds:
        answered = narrowing.answered(threshold)
        if table.accepted(threshold).sum() > attempt.max_label_share * len(table):
            return
        if answered.sum() < attempt.min_coverage * len(table):
            yield UNCOVERED
            continue
        left = narrowing.left_answered(threshold).rows
        yield Tested(margin=0.0, floor=lower_tail(int((answered & judged.differs).sum()), len(left), attempt.margin))


def _excess_p_value(loss: Array, reduced: Reduced, bound: float, level: float, *, miss: float = 0.0, few: int | None = None) -> float:
    """p-value of "the mean loss is at least `bound`", of the rows that were left.

    Where every loss is -1, 0 or 1 (right or wrong) the exact paired test needs a third fewer groups than betting and does not depend on
    the order of rows; graded losses are bet on, and so is the floor where more than `few` are answered: there it is not what decides, and
    betting is quick. Which test is used depends on how many are left, not on any loss. The rows left stand for more than they are: betting
    weighs each, the paired test takes a lower limit on the mean weight, which may `miss` (0: every weight counts as 1).
    """
    drawn = loss[reduced.rows]
    worse, better = int((drawn == 1).sum()), int((drawn == -1).sum())
    if worse + better < np.count_nonzero(drawn) or (few is not None and len(drawn) > few):
        return betting_p_value(drawn - bound * (reduced.weights - 1), bound, level=level)
    stretch = mean_lower_limit(reduced.weights, 1.0, spread=0.5, miss=miss) if miss else 1.0
    return min(paired_p_value(worse, better, len(drawn), min(bound * stretch, 0.999)) + miss, 1.0)


def wanted_labels(attempt: Attempt, table: Table) -> NDArray[np.int64]:
    """Rows whose label B (C) could come to need: answered and differing (answered) at the loosest threshold that the label share allows.

    Ascending.
    """
    if attempt.max_labels and "C" not in attempt.kinds:
        return sampled_rows(attempt, table)
    limit = attempt.max_label_share * len(table)
    rows = np.zeros(0, dtype=np.int64)
    counted = np.ones(len(table), dtype=np.bool_) if "C" in attempt.kinds else table.differs
    for threshold in attempt.thresholds:
        wanted = np.nonzero(table.accepted(threshold) & counted)[0]
        if len(wanted) > limit:
            break
        rows = wanted
    return rows


def check_groups(attempt: Attempt, groups: int) -> None:
    """Raises CertificateError where a window holds other groups than were declared: then it is another window."""
    if groups != attempt.groups:
        raise CertificateError(
            f"attempt {attempt.number} declared {attempt.groups:,} groups, not {groups:,}: other rules made them, and it is not tested",
            hint="it is spent; with newer calls a fit declares another one",
        )


def _check(attempt: Attempt, table: Table, kind: PromiseKind) -> None:
    if kind not in attempt.kinds:
        raise ValueError(f"attempt {attempt.attempt_id} did not declare {kind}")
    check_groups(attempt, len(table))


def _conclude(attempt: Attempt, table: Table, kind: PromiseKind, passed: int, p_values: list[float]) -> Look:
    thin = thin_labels(attempt, table)
    names = tuple(label for label, is_thin in zip(table.labels, thin, strict=True) if is_thin and label not in attempt.rule.deferred_labels)
    rule = None
    if passed:
        deferred = tuple(sorted({*attempt.rule.deferred_labels, *names}))
        rule = dataclasses.replace(attempt.rule, accept_above=attempt.thresholds[passed - 1], deferred_labels=deferred)
    return Look(kind=kind, p_values=tuple(p_values), passed=passed, rule=rule, thin_labels=names)
