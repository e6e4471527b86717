"""Marked texts to a tagger's weights: a linear-chain conditional random field by AdaGrad on the likelihood, in numpy and scipy.

Weights of a feature are bounded and rounded to 127ths of the bound at the end, so what is exported is nearly what was learnt. Features
are left out at random while learning, so that the names that were seen do not speak for those that were not. The same texts and seed
give the same weights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

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
    """One text to learn from: what is seen of each piece and of the whole, and each piece's tag."""

    seen: list[list[str]]
    whole: list[str]
    tags: list[int]


def train(
    texts: Sequence[Text],
    groups: Sequence[int],
    fields: Sequence[int],
    *,
    budget_bytes: int,
    seed: int,
    progress: Callable[[float], None] = lambda share: None,
) -> Weights:
    """Learn the tags of `texts` over these fields; `groups[i]` is the near-duplicate group of text i.

    Features seen in one group only are left out: they say nothing of other requests and would carry their words into the artefact.
    """
    tags = 1 + 2 * len(fields)
    names = _features(texts, groups)
    table = {name: row for row, name in enumerate(names)}
    rows = [_rows(text, table) for text in texts]
    chain = _Chain(len(names), tags)
    random = np.random.default_rng(seed)
    lengths = np.array([len(text.tags) for text in texts])
    batches = max(1, -(-len(texts) // BATCH))
    for epoch in range(EPOCHS):
        rate = RATE * (1 - 0.8 * epoch / EPOCHS)
        for number, batch in enumerate(_batches(lengths, random)):
            chain.learn([rows[row] for row in batch], [texts[row].tags for row in batch], rate, random)
            progress((epoch + (number + 1) / batches) / EPOCHS)
    return chain.export(names, fields, budget_bytes)


def _features(texts: Sequence[Text], groups: Sequence[int]) -> list[str]:
    """Those that two groups share, in the order of their spelling."""
    first: dict[str, int] = {}
    shared: set[str] = set()
    for text, group in zip(texts, groups, strict=True):
        for name in {*text.whole, *(name for features in text.seen for name in features)}:
            if first.setdefault(name, group) != group:
                shared.add(name)
    return sorted(shared)


Rows = tuple[list[int], list[float], list[int]]
"""(columns, values, pieces' ends) of a text as rows of a sparse matrix."""


def _rows(text: Text, table: dict[str, int]) -> Rows:
    shared = [row for name in text.whole if (row := table.get(name)) is not None]
    share = whole_weight(len(text.whole)) / WHOLE_UNIT
    columns: list[int] = []
    values: list[float] = []
    ends: list[int] = []
    for features in text.seen:
        own = [row for name in features if (row := table.get(name)) is not None]
        columns += own + shared
        values += [1.0] * len(own) + [share] * len(shared)
        ends.append(len(columns))
    return columns, values, ends


def _batches(lengths: Ints, random: np.random.Generator) -> list[Ints]:
    """Rows of each batch: drawn anew each time, texts of like length together; empty texts are left out."""
    order = random.permutation(np.flatnonzero(lengths))
    pools = [order[at : at + 30 * BATCH] for at in range(0, len(order), 30 * BATCH)]
    ordered = [pool[np.argsort(lengths[pool], kind="stable")] for pool in pools]
    batches = [pool[at : at + BATCH] for pool in ordered for at in range(0, len(pool), BATCH)]
    return [batches[place] for place in random.permutation(len(batches))]


class _Chain:
    """Weights while they are learnt."""

    def __init__(self, features: int, tags: int) -> None:
        self.pieces = np.zeros((features, tags))
        self.steps, self.starts = np.zeros((tags, tags)), np.zeros(tags)
        self._sums = [np.full_like(one, 0.1) for one in (self.pieces, self.steps, self.starts)]
        allowed, opening = legal((tags - 1) // 2)
        self._moves, self._opening = np.where(allowed, 0.0, NEVER), np.where(opening, 0.0, NEVER)

    def learn(self, rows: Sequence[Rows], tags: Sequence[list[int]], rate: float, random: np.random.Generator) -> None:
        """One step on a batch of texts."""
        values = np.concatenate([np.array(one[1]) for one in rows])
        values *= (random.random(len(values)) >= DROPPED) / (1 - DROPPED)
        columns = np.concatenate([np.array(one[0], np.int64) for one in rows])
        sizes = [len(one) for one in tags]
        offsets = np.cumsum([0, *(len(one[0]) for one in rows)])
        ends = np.concatenate([[0], *(np.array(one[2]) + offset for one, offset in zip(rows, offsets, strict=False))])
        used, local = np.unique(columns, return_inverse=True)
        matrix = csr_array((values, local, ends), shape=(len(ends) - 1, len(used)))
        scores = matrix @ self.pieces[used]
        longest, width = max(sizes), self.pieces.shape[1]
        padded = np.zeros((len(rows), longest, width))
        inside = np.arange(longest)[None] < np.array(sizes)[:, None]
        padded[inside] = scores
        truth = np.zeros((len(rows), longest), np.int64)
        truth[inside] = np.concatenate([np.array(one) for one in tags])
        by_piece, by_step, by_start = self._slope(padded, truth, inside)
        count = len(rows)
        gradient = matrix.T @ (by_piece[inside] / count) + DECAY * self.pieces[used]
        self._sums[0][used] += gradient**2
        self.pieces[used] -= rate * gradient / np.sqrt(self._sums[0][used])
        for weights, slope, sums in ((self.steps, by_step / count, self._sums[1]), (self.starts, by_start / count, self._sums[2])):
            sums += slope**2
            weights -= rate * slope / np.sqrt(sums)

    def _slope(self, scores: Floats, truth: Ints, inside: npt.NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
        """Expected less observed of tags, steps and starts: by the forward and backward recursions, scaled at each piece."""
        batch, longest, width = scores.shape
        steps, starts = self.steps + self._moves, self.starts + self._opening
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


def count_marks(texts: Sequence[Text]) -> Counter[int]:
    """How many values of each tag's field the texts hold."""
    return Counter(tag for text in texts for tag in text.tags if tag % 2 == 1)
