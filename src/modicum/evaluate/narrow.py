"""Labels too thin to certify, and the rows that are left to test a rule that was narrowed because of them.

Which labels have enough certify groups is only seen after the look, on the very rows that test the narrowed rule: kept labels have more
rows than their share. Only rows on which specialist and incumbent agree count towards a label, and the rows that proved it are taken out
again before the test. What is left is an independent sample from a population in which agreement is rarer than in the true one and
everything else is as it was, so that a test on it errs on the safe side (`docs/statistics.md` has the proof).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modicum.evaluate.table import Table
from modicum.types import Attempt

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduced:
    """The rows that are left, ascending, and how many rows of the true population each stands for, 1 or more; shape (r,)."""

    rows: NDArray[np.int64]
    weights: Array


def thin_labels(attempt: Attempt, table: Table) -> Mask:
    """Which labels have too few certify groups where specialist and incumbent agree on them; shape (len(table.labels),).

    A label with fewer than `min_label_groups` groups in all is among them.
    """
    return agreeing(table, np.ones(len(table), dtype=np.bool_)) < attempt.min_label_groups


def agreeing(table: Table, among: Mask) -> NDArray[np.int64]:
    """How many of the rows `among` agree on each label; shape (len(table.labels),)."""
    return np.bincount(table.said[among & ~table.differs], minlength=len(table.labels))


class Narrowing:
    """What an attempt's rule becomes on these rows, and the rows left to test it."""

    def __init__(self, attempt: Attempt, table: Table) -> None:
        self.table = table
        self.thin = thin_labels(attempt, table)
        self.narrowed = table.without(self.thin)
        never = np.isin(np.array(table.labels, dtype=object), [*attempt.rule.deferred_labels, *attempt.rule.protected_labels])
        self._proof = np.where(never, 0, attempt.min_label_groups)  # never answered: nothing depends on how many they are
        self._drop_all = self.thin & ~never
        self._times = np.random.default_rng([attempt.seed % 2**32, len(table)]).random(len(table))

    def answered(self, threshold: float) -> Mask:
        """Rows that the narrowed rule answers."""
        return self.narrowed.accepted(threshold)

    def left(self) -> Reduced:
        """Of all rows: without those that agree on a thin label, and without the first `min_label_groups` that agree on each other one."""
        everything = np.ones(len(self.table), dtype=np.bool_)
        return self._reduce(everything, np.where(self._drop_all, len(self.table), self._proof))

    def left_answered(self, threshold: float) -> Reduced:
        """Of the rows that the narrowed rule answers: agreeing rows that it defers prove a label first, answered ones what those lack."""
        answered = self.answered(threshold)
        return self._reduce(answered, np.maximum(self._proof - agreeing(self.table, ~answered), 0))

    def _reduce(self, among: Mask, proof: NDArray[np.int64]) -> Reduced:
        """Each row gets a time in [0, 1), drawn from the attempt's seed. Of the rows that agree on label l the first `proof[l]` go, up to
        time t; the others stand for those that could have come before t as well: weight 1 / (1 - t)."""
        said, times = self.table.said, self._times
        agree = np.nonzero(among & ~self.table.differs)[0]
        agree = agree[np.lexsort((times[agree], said[agree]))]
        label = said[agree]
        rank = np.arange(len(agree)) - np.searchsorted(label, label, side="left")
        used = rank < proof[label]
        until = np.zeros(len(proof))
        np.maximum.at(until, label[used], times[agree[used]])
        stay = among.copy()
        stay[agree[used]] = False
        rows = np.nonzero(stay)[0]
        weights = np.where(self.table.differs[rows], 1.0, 1 / (1 - until[said[rows]]))
        return Reduced(rows=rows, weights=weights)
