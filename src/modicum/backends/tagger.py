"""Which pieces of a text are a field's value: a linear chain over tags (Lafferty et al. 2001), by day.

Tags are O, and B and I of each field; an I follows only a B or I of its field, whatever the weights say. Scores of pieces and of
neighbouring tags are whole numbers in float64, so the best path is the same on every machine; its probability is rounded by who uses it.
Where an encoder reads the request too, what it says of a piece is added to what its features say: two chains as one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from modicum.backends.pieces import cut, look
from modicum.backends.tokens import Seen

Floats = npt.NDArray[np.float64]
Floats32 = npt.NDArray[np.float32]
WHOLE_UNIT = 16
"""What is seen of a piece counts as much as 16 16ths; what is seen of the whole text, 16 / sqrt(features) 16ths."""
NEVER = -(2.0**44)


@dataclass(frozen=True, slots=True)
class Span:
    """Where a value of a field stands: `text[start:end]` of its slot."""

    field: int
    slot: str
    start: int
    end: int
    sure: float
    """Probability of the path that it is part of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What was learnt for one set of fields, none of which lies over another."""

    fields: tuple[int, ...]
    """Tag 1 + 2k is B of field k here, 2 + 2k is I."""
    rows: dict[str, int]
    """Feature -> row of `pieces`."""
    pieces: npt.NDArray[np.int8]
    """(features, tags)."""
    steps: Floats
    """(tags, tags): whole scores of a tag after another, NEVER where that is not legal."""
    starts: Floats
    """(tags,): of a tag at the beginning."""
    unit: float
    """What a score of 1 is worth in nats."""
    dense: npt.NDArray[np.float32] | None = None
    """(width + 1, tags): in nats, over a piece's vector; the last row is added to each. None: no encoder."""


def legal(fields: int) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """(which tag may follow which, shape (tags, tags); which may begin, shape (tags,)) for this many fields."""
    tags = 1 + 2 * fields
    steps, starts = np.ones((tags, tags), np.bool_), np.ones(tags, np.bool_)
    for inside in range(2, tags, 2):
        starts[inside] = False
        steps[:, inside] = False
        steps[[inside - 1, inside], inside] = True
    return steps, starts


def whole_weight(count: int) -> int:
    """How much each of so many features of a whole text counts, in 16ths."""
    return max(1, round(WHOLE_UNIT / math.sqrt(max(count, 1))))


class Tagger:
    """Runs one set of weights."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights

    def hear(self, seen: Seen) -> dict[str, Floats32]:
        """What the encoder says of each slot's pieces: (pieces, tags), in nats."""
        dense = self.weights.dense
        return {} if dense is None else {slot: vectors @ dense[:-1] + dense[-1] for slot, vectors in seen.pieces.items()}

    def scores(self, text: str, slot: str) -> Floats:
        """Whole scores (pieces, tags) of a text's pieces."""
        seen, whole = look(text, cut(text), slot)
        rows, table = self.weights.rows, self.weights.pieces
        scores = np.empty((len(seen), table.shape[1]))
        known = [row for name in whole if (row := rows.get(name)) is not None]
        shared = table[known].sum(axis=0, dtype=np.int64) * whole_weight(len(whole))
        for number, features in enumerate(seen):
            own = [row for name in features if (row := rows.get(name)) is not None]
            scores[number] = table[own].sum(axis=0, dtype=np.int64) * WHOLE_UNIT + shared
        return scores

    def find(self, slots: Sequence[tuple[str, str]], heard: Mapping[str, Floats32] | None = None) -> tuple[list[Span], float]:
        """The values that the slots hold, in order, and the logarithm of the probability that these are all and no others.

        `heard`: what an encoder says of their pieces, in nats.
        """
        spans: list[Span] = []
        total = 0.0
        for slot, text in slots:
            pieces = cut(text)
            if not pieces:
                continue
            scores = self.scores(text, slot)
            if heard:
                scores += heard[slot] / self.weights.unit
            path, log_probability = best_path(scores, self.weights.steps, self.weights.starts, self.weights.unit)
            total += log_probability
            for tag, first, last in spans_of(path):
                field = self.weights.fields[(tag - 1) // 2]
                spans.append(Span(field, slot, pieces[first].start, pieces[last].end, float(np.exp(log_probability))))
        return spans, total


def best_path(scores: Floats, steps: Floats, starts: Floats, unit: float) -> tuple[list[int], float]:
    """The likeliest legal tags (Viterbi 1967) and the logarithm of their probability. `scores` is (pieces, tags), at least one piece."""
    count = len(scores)
    back = np.zeros((count, scores.shape[1]), np.int64)
    best = scores[0] + starts
    for at in range(1, count):
        options = best[:, None] + steps
        back[at] = options.argmax(axis=0)
        best = options.max(axis=0) + scores[at]
    path = [int(best.argmax())]
    for at in range(count - 1, 0, -1):
        path.append(int(back[at, path[-1]]))
    path.reverse()
    return path, min(0.0, float(best.max()) * unit - log_total(scores * unit, steps * unit, starts * unit))


def log_total(scores: Floats, steps: Floats, starts: Floats) -> float:
    """The logarithm of the sum over all paths, by the forward recursion in scaled numbers."""
    moves = np.exp(steps)  # of what is never legal: 0
    total = 0.0
    ahead = scores[0] + starts
    for at in range(len(scores)):
        top = float(ahead.max())
        total += top
        odds = np.exp(ahead - top)
        if at == len(scores) - 1:
            return total + float(np.log(odds.sum()))
        with np.errstate(divide="ignore"):
            ahead = np.log(odds @ moves) + scores[at + 1]
    return total


def spans_of(path: Sequence[int]) -> list[tuple[int, int, int]]:
    """(tag of its B, first piece, last piece) of each value in a legal path."""
    found: list[tuple[int, int, int]] = []
    for at, tag in enumerate(path):
        if tag % 2 == 1:
            found.append((tag, at, at))
        elif tag:
            begun, first, _ = found[-1]
            found[-1] = (begun, first, at)
    return found
