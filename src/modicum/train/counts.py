"""Texts to counted features, and counted features to the same unit vectors that the runtime makes.

The runtime looks features up in one text at a time; the trainer needs thousands of texts as one sparse matrix. Both take
features from `backends.features.extract` and the arithmetic from `backends.linear`; `tests/train` holds them equal.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from modicum.backends.features import KINDS, extract
from modicum.backends.linear import TERM_WEIGHTS, WEIGHT_UNIT

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How often each feature of one block (slot and kind) stands in each text: compressed rows, as in scipy.sparse."""

    slot: str
    kind: str
    names: tuple[str, ...]
    starts: Ints
    """(texts + 1,): row i is `columns[starts[i]:starts[i + 1]]`."""
    columns: Ints
    repeats: Ints

    @property
    def rows(self) -> Ints:
        """The row of each entry."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    def take(self, rows: Ints) -> Counts:
        """Some of the texts, in the order given."""
        sizes = np.diff(self.starts)[rows]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        entries = np.repeat(self.starts[rows] - starts[:-1], sizes) + np.arange(starts[-1])
        return Counts(
            slot=self.slot, kind=self.kind, names=self.names, starts=starts, columns=self.columns[entries], repeats=self.repeats[entries]
        )

    def keep(self, features: Ints) -> Counts:
        """Some of the features, numbered anew in the order given."""
        numbers = np.full(len(self.names), -1)
        numbers[features] = np.arange(len(features))
        columns = numbers[self.columns]
        there = columns >= 0
        starts = np.concatenate([[0], np.cumsum(np.bincount(self.rows[there], minlength=len(self.starts) - 1))])
        names = tuple(self.names[feature] for feature in features)
        return Counts(slot=self.slot, kind=self.kind, names=names, starts=starts, columns=columns[there], repeats=self.repeats[there])


def count(texts: Sequence[str], slot: str, kinds: Sequence[str], done: Callable[[], None] = lambda: None) -> list[Counts]:
    """Features of the texts, a `Counts` for each kind. `done` is called after each text."""
    numbers: list[dict[str, int]] = [{} for _ in kinds]
    starts, columns, repeats = [array("q", [0]) for _ in kinds], [array("q") for _ in kinds], [array("q") for _ in kinds]
    places = [KINDS.index(kind) for kind in kinds]
    for text in texts:
        features = extract(text) if text else ((), (), ())
        for block, place in enumerate(places):
            known = numbers[block]
            for feature, times in Counter(features[place]).items():
                columns[block].append(known.setdefault(feature, len(known)))
                repeats[block].append(times)
            starts[block].append(len(columns[block]))
        done()
    return [
        Counts(slot=slot, kind=kind, names=tuple(known), starts=_ints(start), columns=_ints(column), repeats=_ints(times))
        for kind, known, start, column, times in zip(kinds, numbers, starts, columns, repeats, strict=True)
    ]


def _ints(values: array[int]) -> Ints:
    return np.frombuffer(values, np.int64) if len(values) else np.zeros(0, np.int64)


def document_counts(counts: Counts) -> Ints:
    """In how many texts each feature stands."""
    documents: Ints = np.bincount(counts.columns, minlength=len(counts.names)).astype(np.int64)
    return documents


def rarity(documents: Ints, texts: int) -> Ints:
    """Smoothed inverse document frequency, log((1 + texts) / (1 + documents)) + 1, in units of 1/256."""
    weights: Ints = np.rint(WEIGHT_UNIT * (np.log((1 + texts) / (1 + documents)) + 1)).astype(np.int64)
    return weights


def unit_rows(counts: Counts, rarities: Ints) -> Floats:
    """The value of each entry, each row a vector of length 1; to the bit what `specialist.unit_values` makes of a row."""
    values = TERM_WEIGHTS[np.minimum(counts.repeats, len(TERM_WEIGHTS) - 1)] * rarities[counts.columns]
    lengths = np.ones(len(counts.starts) - 1)
    full = np.flatnonzero(np.diff(counts.starts))
    if len(full):
        lengths[full] = [math.sqrt(int(square)) for square in np.add.reduceat(values * values, counts.starts[full])]
    values_of_length_one: Floats = values / lengths[counts.rows]
    return values_of_length_one
