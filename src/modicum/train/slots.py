"""Which slots tell something about the label, by cross-validation on the training samples.

Prompts carry dates, ticket numbers, names, retrieved passages and drawn examples: with each of them in the model the
answer gets noise, and two requests that differ in nothing else look distinct. So slots are added one by one, the best
first, each only if it makes significantly more held-out answers right than without it (paired, over 2.5 standard errors).
A slot that helps only together with another one is not found. How long a slot's text is enters by the same test.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from modicum.train.counts import Counts, Ints, count, document_counts, rarity
from modicum.train.folds import assign
from modicum.train.machine import fit_support_vectors, matrix
from modicum.train.prune import MIN_GROUPS

TRIAL_WORK = 150_000_000
"""Characters of the trial's texts times labels, at most: bounds a trial to about ten seconds."""
TRIAL_SAMPLES = 3_000
TRIAL_CHARS = 1_000
MOST_SLOTS = 24
FOLDS = 3
ERRORS_OF_GAIN = 2.5

Block = tuple[str, str]
"""(slot, kind of feature)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The slots that enter, most telling first, and the ground for it."""

    used: tuple[str, ...]
    length_of: tuple[str, ...]
    """Slots whose length enters as well."""
    trials: tuple[tuple[str, float], ...]
    """(slot, share of held-out answers right with this slot alone)."""
    majority: float
    """The same for always saying the most frequent label."""
    telling: bool
    """False where no slot is significantly better than that."""


def choose_slots(
    requests: Sequence[Sequence[tuple[str, str]]],
    labels: Ints,
    classes: int,
    groups: Sequence[int],
    seed: int,
    done: Callable[[], None] = lambda: None,
) -> Choice:
    """Slots to use for predicting `labels` (0 to classes - 1) of `requests` ((slot, text) each)."""
    texts: dict[str, list[str]] = {}
    for row, slots in enumerate(requests):
        for name, text in slots:
            texts.setdefault(name, [""] * len(requests))[row] = text
    varying = [name for name, column in texts.items() if len(set(column)) > 1]
    if len(varying) > MOST_SLOTS:
        varying = sorted(varying, key=lambda name: -sum(map(bool, texts[name])))[:MOST_SLOTS]

    rows = _draw(texts, varying, len(requests), classes, seed)
    trial = _Trial(labels=labels[rows], folds=assign([groups[row] for row in rows.tolist()], FOLDS, seed))
    blocks: dict[Block, Counts] = {}
    for name in varying:
        for counts in count([texts[name][row][:TRIAL_CHARS] for row in rows.tolist()], name, ("words", "length")):
            blocks[name, counts.kind] = counts
        done()

    none = trial.right([])
    alone = {name: trial.right([blocks[name, "words"]]) for name in varying}
    trials = tuple((name, round(float(right.mean()), 4)) for name, right in alone.items())
    order = sorted(varying, key=lambda name: -alone[name].mean())
    used: list[str] = []
    best = none
    for name in order:
        right = alone[name] if not used else trial.right([blocks[slot, "words"] for slot in (*used, name)])
        if _gains(right, best):
            used, best = [*used, name], right
    telling = bool(used)
    length_of: list[str] = []
    for name in used or order[:3]:
        known = [blocks[slot, "words"] for slot in used or (name,)]
        right = trial.right([*known, *(blocks[slot, "length"] for slot in length_of), blocks[name, "length"]])
        if _gains(right, best):
            length_of.append(name)
            used, best, telling = used or [name], right, True
    return Choice(
        used=tuple(used or order[:1]),
        length_of=tuple(length_of),
        trials=trials,
        majority=round(float(none.mean()), 4),
        telling=telling,
    )


def _draw(texts: dict[str, list[str]], names: Sequence[str], size: int, classes: int, seed: int) -> Ints:
    """Rows for the trials: at most TRIAL_SAMPLES, fewer where texts are long and labels many."""
    order = np.random.default_rng(seed).permutation(size)[:TRIAL_SAMPLES]
    chars = np.array([sum(min(len(texts[name][row]), TRIAL_CHARS) for name in names) for row in order.tolist()])
    fits = np.cumsum(chars) * classes <= TRIAL_WORK
    return np.sort(order[: max(int(fits.sum()), min(300, size))])


def _gains(right: Ints, before: Ints) -> bool:
    gain = right - before
    return bool(gain.sum() > 0 and gain.mean() > ERRORS_OF_GAIN * gain.std() / np.sqrt(len(gain)))


@dataclass(frozen=True, slots=True)
class _Trial:
    labels: Ints
    folds: Ints

    def right(self, blocks: Sequence[Counts]) -> Ints:
        """1 where the held-out answer is right, 0 elsewhere; no blocks: the most frequent label of the other folds."""
        right = np.zeros(len(self.labels), np.int64)
        for fold in range(FOLDS):
            held, rest = np.flatnonzero(self.folds == fold), np.flatnonzero(self.folds != fold)
            if not len(rest) or not len(held):
                continue
            predicted = np.full(len(held), np.bincount(self.labels[rest]).argmax())
            known, idf = [], []
            for block in blocks:
                inner = block.take(rest)
                kept = np.flatnonzero(document_counts(inner) >= MIN_GROUPS)
                if len(kept):
                    known.append(block.keep(kept))
                    idf.append(rarity(document_counts(inner.keep(kept)), len(rest)))
            if known and len(np.unique(self.labels[rest])) > 1:
                every = matrix(known, idf)
                predicted = fit_support_vectors(every[rest], self.labels[rest], 0).predict(every[held])
            right[held] = predicted == self.labels[held]
        return right
