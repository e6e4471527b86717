"""Calls as columns: what was said, what the incumbent said, how sure, and whether the rule would let it speak at all.

The one form that planning, testing, certificates and verification compute on. Acceptance comes from `route.rule.refusal`, the function
that decides by day.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from modicum.route.rule import refusal
from modicum.types import Prediction, Rule, Sample

UNREAD = -1
"""The code of an answer that could not be read, was refused or cut off: it differs from everything, itself included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One row a group. All arrays have shape (n,)."""

    labels: tuple[str, ...]
    """What the codes in `said` and `told` stand for."""
    said: NDArray[np.int64]
    """Code of what the specialist says."""
    told: NDArray[np.int64]
    """Code of what the incumbent told; UNREAD where that could not be read."""
    confidence: NDArray[np.float64]
    open: NDArray[np.bool_]
    """False where the rule defers whatever the threshold: protected and deferred labels, a confidence that is not a number."""
    weights: NDArray[np.float64]
    """Calls of the group."""
    call_ids: tuple[str, ...] = ()
    response_ids: tuple[str, ...] = ()
    """By which labels are given; the call's own id where the response has none."""
    predictions: tuple[Prediction, ...] = ()
    costs: tuple[Decimal | None, ...] = ()
    """What the incumbent's answer to the row's call cost."""

    def __len__(self) -> int:
        return len(self.said)

    @property
    def differs(self) -> NDArray[np.bool_]:
        """Where specialist and incumbent differ; an unread answer always does."""
        differs: NDArray[np.bool_] = (self.said != self.told) | (self.told == UNREAD)
        return differs

    def accepted(self, threshold: float) -> NDArray[np.bool_]:
        """Rows that the rule answers at this threshold. Ties accept."""
        return self.open & (self.confidence >= threshold)

    def judged(self, wrong: NDArray[np.float64]) -> Table:
        """The same rows with the truth in the incumbent's place: `wrong`, shape (n,), is 0 where the specialist is right, 1 where it is
        not, NaN where nobody knows, which counts as wrong."""
        return dataclasses.replace(self, told=np.where(wrong == 0, self.said, UNREAD))

    def without(self, labels: NDArray[np.bool_]) -> Table:
        """The same rows under a rule that defers the labels marked in `labels`, shape (len(self.labels),), too."""
        return dataclasses.replace(self, open=self.open & ~labels[self.said]) if len(self.labels) else self


def tabulate(
    samples: Sequence[Sample],
    predictions: Sequence[Prediction],
    rule: Rule,
    *,
    weights: Sequence[int] | None = None,
    seed: int | None = None,
    labels: Sequence[str] = (),
) -> Table:
    """Samples with their predictions, aligned, as columns; the rule's threshold plays no part.

    `labels` are all that the specialist can say, so that those which nobody said in the window count as too thin to certify.
    With a `seed` the rows are put in a random order fixed by it and the call ids alone (what betting needs), whatever order they came in.
    """
    rows = list(range(len(samples)))
    if seed is not None:
        rows.sort(key=lambda i: (hashlib.blake2b(f"order\0{seed}\0{samples[i].call_id}".encode(), digest_size=16).digest(), i))
    free = dataclasses.replace(rule, accept_above=float("-inf"))
    codes: dict[str, int] = {}
    for name in sorted({p.value for p in predictions} | {s.value for s in samples if s.value is not None} | set(labels)):
        codes[name] = len(codes)
    told = [samples[i].value for i in rows]
    return Table(
        labels=tuple(codes),
        said=np.array([codes[predictions[i].value] for i in rows], dtype=np.int64),
        told=np.array([UNREAD if value is None else codes[value] for value in told], dtype=np.int64),
        confidence=np.array([predictions[i].confidence for i in rows], dtype=np.float64),
        open=np.array([refusal(free, predictions[i]) is None for i in rows], dtype=np.bool_),
        weights=np.array([1 if weights is None else weights[i] for i in rows], dtype=np.float64),
        call_ids=tuple(samples[i].call_id for i in rows),
        response_ids=tuple(samples[i].response_id or samples[i].call_id for i in rows),
        predictions=tuple(predictions[i] for i in rows),
        costs=tuple(samples[i].cost_usd for i in rows),
    )


def rare_labels(told: Sequence[str | None], *, groups: int, min_label_groups: int, known: Sequence[str] = ()) -> tuple[str, ...]:
    """Labels of which fewer than `min_label_groups` are to be expected among `groups` certify groups, by their share of `told`.

    `told` are the incumbent's answers to the tune groups: old data, so that a rule made of them stays independent of the certify calls.
    `known` are further labels that the specialist could say.
    """
    counts = dict.fromkeys(known, 0)
    for value in told:
        if value is not None:
            counts[value] = counts.get(value, 0) + 1
    scale = groups / max(len(told), 1)
    return tuple(sorted(label for label, count in counts.items() if count * scale < min_label_groups))
