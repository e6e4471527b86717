"""Marked texts to a tagger's weights: a linear-chain conditional random field by AdaGrad on the likelihood, in numpy and scipy.

Weights of a feature are rounded to 127ths of the greatest at the end, so what is exported is nearly what was learnt. Features are left out
at random while learning, so that the names that were seen do not speak for those that were not. The same texts and seed give the same
weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from modicum.backends.pieces import Piece, look
from modicum.backends.tagger import NEVER, WHOLE_UNIT, Weights, legal, whole_weight

EPOCHS = 8
BATCH = 32
RATE = 0.15
DROPPED = 0.15
DECAY = 2e-6
STEEPEST = 127

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Text:
    """One text to learn from, by the numbers of its features."""

    seen: Ints
    """Of its pieces, one after the other."""
    ends: Ints
    """(pieces,): where in `seen` each piece's end."""
    whole: Ints
    whole_count: int
    tags: tuple[int, ...]


class Features:
    """Names of features, numbered as they come."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    @property
    def names(self) -> list[str]:
        return list(self._numbers)

    def read(self, text: str, pieces: Sequence[Piece], slot: str, tags: Sequence[int]) -> Text:
        """A text with its pieces' tags."""
        seen, whole = look(text, pieces, slot)
        known = self._numbers
        own = np.array([known.setdefault(name, len(known)) for features in seen for name in features], np.int64)
        shared = np.array([known.setdefault(name, len(known)) for name in whole], np.int64)
        return Text(own, np.cumsum([len(features) for features in seen], dtype=np.int64), shared, len(whole), tuple(tags))


def train(
    texts: Sequence[Text],
    groups: Sequence[int],
    names: Sequence[str],
    fields: Sequence[int],
    *,
    budget_bytes: int,
    seed: int,
) -> Weights:
    """Learn the tags of `texts` over these fields; `groups[i]` is the near-duplicate group of text i, `names` are those of all features.

    Features seen in one group only are left out: they say nothing of other requests and would carry their words into the artefact.
    """
    kept = _shared(texts, groups, len(names))
    chain = _Chain(texts, kept, len(names), 1 + 2 * len(fields))
    random = np.random.default_rng(seed)
    lengths = np.array([len(text.tags) for text in texts])
    for epoch in range(EPOCHS):
        rate = RATE * (1 - 0.8 * epoch / EPOCHS)
        for batch in batches(lengths, random):
            chain.learn(batch, rate, random)
    return chain.export([names[number] for number in kept.tolist()], fields, budget_bytes)


def _shared(texts: Sequence[Text], groups: Sequence[int], count: int) -> Ints:
    """The features that two groups share, ascending."""
    numbers = np.concatenate([*(part for text in texts for part in (text.seen, text.whole)), np.zeros(0, np.int64)])
    of = np.repeat(np.array(groups, np.int64), [len(text.seen) + len(text.whole) for text in texts])
    one = np.zeros(count, np.int64)
    one[numbers] = of  # some group of each feature: it has another where any of its places is of another
    several = np.zeros(count, np.bool_)
    several[numbers[of != one[numbers]]] = True
    return np.flatnonzero(several)


def batches(lengths: Ints, random: np.random.Generator) -> list[Ints]:
    """Rows of each batch: drawn anew each time, texts of like length together; empty texts are left out."""
    order = random.permutation(np.flatnonzero(lengths))
    pools = [order[at : at + 30 * BATCH] for at in range(0, len(order), 30 * BATCH)]
    ordered = [pool[np.argsort(lengths[pool], kind="stable")] for pool in pools]
    batches = [pool[at : at + BATCH] for pool in ordered for at in range(0, len(pool), BATCH)]
    return [batches[place] for place in random.permutation(len(batches))]


def _matrix(rows: Sequence[Ints], values: Sequence[float] | Floats, numbers: Ints, width: int) -> Any:
    """Rows of feature numbers, each with one value, as a sparse matrix over those that have a column in `numbers`."""
    columns = numbers[np.concatenate([*rows, np.zeros(0, np.int64)])]
    sizes = np.array([len(row) for row in rows], np.int64)
    there = columns >= 0
    row_of = np.repeat(np.arange(len(rows)), sizes)[there]
    starts = np.concatenate([[0], np.cumsum(np.bincount(row_of, minlength=len(rows)))])
    return csr_array((np.asarray(values, np.float64)[row_of], columns[there], starts), shape=(len(rows), width))


class _Chain:
    """Weights while they are learnt."""

    def __init__(self, texts: Sequence[Text], kept: Ints, count: int, tags: int) -> None:
        numbers = np.full(count, -1)
        numbers[kept] = np.arange(features := len(kept))
        self._tags = [np.array(text.tags, np.int64) for text in texts]
        self._first = np.cumsum([0, *(len(text.tags) for text in texts)])
        own = [part for text in texts for part in np.split(text.seen, text.ends[:-1])[: len(text.tags)]]
        self._own = _matrix(own, np.ones(len(own)), numbers, features)
        self._whole = _matrix(
            [text.whole for text in texts], [whole_weight(text.whole_count) / WHOLE_UNIT for text in texts], numbers, features
        )
        self.pieces = np.zeros((features, tags))
        self.steps, self.starts = np.zeros((tags, tags)), np.zeros(tags)
        self._sums = [np.full_like(one, 0.1) for one in (self.pieces, self.steps, self.starts)]
        allowed, opening = legal((tags - 1) // 2)
        self._moves, self._opening = np.where(allowed, 0.0, NEVER), np.where(opening, 0.0, NEVER)

    def learn(self, batch: Ints, rate: float, random: np.random.Generator) -> None:
        """One step on some of the texts."""
        tags = [self._tags[row] for row in batch]
        sizes = np.array([len(one) for one in tags])
        pieces = np.concatenate([np.arange(self._first[row], self._first[row + 1]) for row in batch])
        own, whole = _thinned(self._own[pieces], random), _thinned(self._whole[batch], random)
        used = np.unique(np.concatenate([own.indices, whole.indices]))
        own, whole = _narrow(own, used), _narrow(whole, used)
        weights = self.pieces[used]
        text_of = np.repeat(np.arange(len(batch)), sizes)
        inside = np.arange(sizes.max())[None] < sizes[:, None]
        padded = np.zeros((*inside.shape, weights.shape[1]))
        padded[inside] = own @ weights + (whole @ weights)[text_of]
        truth = np.zeros(inside.shape, np.int64)
        truth[inside] = np.concatenate(tags)
        by_piece, by_step, by_start = gradients(padded, truth, inside, self.steps + self._moves, self.starts + self._opening)
        by_piece[~inside] = 0.0
        count = len(batch)
        gradient = (own.T @ by_piece[inside] + whole.T @ by_piece.sum(axis=1)) / count + DECAY * weights
        self._sums[0][used] += gradient**2
        self.pieces[used] -= rate * gradient / np.sqrt(self._sums[0][used])
        for values, slope, sums in ((self.steps, by_step / count, self._sums[1]), (self.starts, by_start / count, self._sums[2])):
            sums += slope**2
            values -= rate * slope / np.sqrt(sums)

    def export(self, names: Sequence[str], fields: Sequence[int], budget_bytes: int) -> Weights:
        """Whole weights of the features with the greatest ones that fit the budget."""
        worth = np.round(np.abs(self.pieces).max(axis=1, initial=0.0), 6)
        order = np.lexsort((np.arange(len(names)), -worth))
        sizes = np.array(
            [self.pieces.shape[1] + len(name.encode()) + 3 + name.count('"') + name.count("\\") + 5 * name.count("\x02") for name in names]
        )
        kept = np.sort(order[(np.cumsum(sizes[order]) <= budget_bytes) & (worth[order] > 0)]) if len(names) else np.zeros(0, np.int64)
        top = float(worth[kept].max(initial=0.0)) or 1.0
        unit = top / STEEPEST / WHOLE_UNIT
        return Weights(
            fields=tuple(fields),
            rows={names[row]: number for number, row in enumerate(kept.tolist())},
            pieces=np.rint(self.pieces[kept] / top * STEEPEST).astype(np.int8),
            steps=np.where(self._moves < 0, NEVER, np.rint(self.steps / unit)),
            starts=np.where(self._opening < 0, NEVER, np.rint(self.starts / unit)),
            unit=unit,
        )


def gradients(scores: Floats, truth: Ints, inside: npt.NDArray[np.bool_], steps: Floats, starts: Floats) -> tuple[Floats, Floats, Floats]:
    """Expected less observed of tags, steps and starts: by the forward and backward recursions, scaled at each piece.

    `scores` (texts, longest, tags), `truth` and `inside` (texts, longest); `steps` and `starts` hold NEVER where that is not legal.
    """
    batch, longest, width = scores.shape
    moves = np.exp(steps - steps.max())
    odds = np.exp(scores - scores.max(axis=2, keepdims=True))
    ahead = np.empty_like(scores)
    ahead[:, 0] = odds[:, 0] * np.exp(starts - starts.max())
    ahead[:, 0] /= ahead[:, 0].sum(axis=1, keepdims=True)
    for at in range(1, longest):
        ahead[:, at] = (ahead[:, at - 1] @ moves) * odds[:, at]
        ahead[:, at] /= ahead[:, at].sum(axis=1, keepdims=True)
    behind = np.empty_like(scores)
    behind[:, -1] = 1.0
    by_step = np.zeros((width, width))
    for at in range(longest - 2, -1, -1):
        onward = odds[:, at + 1] * behind[:, at + 1]
        goes_on = inside[:, at + 1]
        back = onward @ moves.T
        behind[:, at] = np.where(goes_on[:, None], back / back.sum(axis=1, keepdims=True), 1.0)
        pair_total = (ahead[:, at] * back).sum(axis=1)
        share = np.where(goes_on, 1 / pair_total, 0.0)
        by_step += ((ahead[:, at] * share[:, None]).T @ onward) * moves
        np.subtract.at(by_step, (truth[goes_on, at], truth[goes_on, at + 1]), 1.0)
    by_piece = ahead * behind
    by_piece /= by_piece.sum(axis=2, keepdims=True)
    by_start = by_piece[:, 0].sum(axis=0) - np.bincount(truth[:, 0], minlength=width)
    by_piece[np.arange(batch)[:, None], np.arange(longest)[None], truth] -= 1.0
    return by_piece, by_step, by_start


def _thinned(matrix: Any, random: np.random.Generator) -> Any:
    """Some of the entries at random, the others greater for it."""
    matrix.data = matrix.data * (random.random(len(matrix.data)) >= DROPPED) / (1 - DROPPED)
    return matrix


def _narrow(matrix: Any, used: Ints) -> Any:
    """Over the used columns only."""
    return csr_array((matrix.data, np.searchsorted(used, matrix.indices), matrix.indptr), shape=(matrix.shape[0], len(used)))
