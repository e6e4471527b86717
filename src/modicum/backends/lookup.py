"""The features of one slot that a specialist has, found in a text: rows of its matrix instead of strings.

The same features as `features.extract`, which the tests hold it to. Words come again and again, so what is known of the short chunks of
late is kept, a few MB at most, in memory only: the rows of their tokens and of their grams. Only kinds that the specialist has are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from modicum.backends.features import REMEMBERED_CHARS, fold, grams_of, length, numbers, tokens

MOST_REMEMBERED = 4_096

Ints = npt.NDArray[np.int64]
_Known = tuple[bytes, bytes, str, dict[str, int] | None, int]
"""Of a chunk: the rows of its tokens and of the pairs within it, those of its grams (eight bytes each); its first token; the rows of the
pairs that its last token begins; how many tokens it has."""


class Lookup:
    """One slot's features, by kind: `add` each kind once, then `count` texts."""

    __slots__ = ("_chunks", "_first_rows", "_grams", "_length", "_pairs", "_words")

    def __init__(self) -> None:
        self._words: dict[str, int] = {}
        self._pairs: dict[str, dict[str, int]] = {}
        self._grams: dict[str, int] = {}
        self._length: dict[str, int] = {}
        self._first_rows: dict[str, int] = {}
        self._chunks = _Chunks(self)

    def add(self, kind: str, features: Sequence[str], first_row: int) -> bool:
        """The features of a kind, in rows from `first_row` on. False where one stands twice."""
        self._first_rows[kind] = first_row
        table = {feature: number for number, feature in enumerate(features)}
        if kind == "grams":
            self._grams = table
        elif kind == "length":
            self._length = table
        else:
            for feature, number in table.items():
                left, space, right = feature.partition(" ")  # no token holds a space, so a feature with one is a pair
                if space:
                    self._pairs.setdefault(left, {})[right] = number
                else:
                    self._words[feature] = number
        return len(table) == len(features)

    def count(self, text: str) -> list[tuple[Ints, Ints]]:
        """The rows that the text has, each once, and how often: of each kind that it has any of, in the order in which they were added."""
        text, shaped = fold(text)
        known = list(map(self._chunks.__getitem__, shaped.split()))
        found = []
        for kind, first_row in self._first_rows.items():
            if kind == "grams":
                rows = b"".join([one[1] for one in known])
            elif kind == "words":
                rows = b"".join([one[0] for one in known]) + self._between(text, shaped, known)
            else:
                row = self._length.get(length(sum([one[4] for one in known])))
                rows = b"" if row is None else _packed([row])
            if rows:
                repeats = np.bincount(np.frombuffer(rows, np.int64))
                there = (repeats != 0).nonzero()[0]  # of truths: many times as fast as of numbers
                found.append((there + first_row, repeats.take(there)))
        return found

    def _between(self, text: str, shaped: str, known: list[_Known]) -> bytes:
        """The rows of the pairs that reach from chunk to chunk, and of the numbers."""
        rows = [row for left, right in pairwise(known) if (after := left[3]) is not None and (row := after.get(right[2])) is not None]
        for number in numbers(text, shaped):
            if (row := self._words.get(number)) is not None:
                rows.append(row)
        return _packed(rows) if rows else b""

    def know(self, chunk: str) -> _Known:
        """What there is to know of a chunk."""
        said = tokens(chunk)
        rows = [row for token in said if (row := self._words.get(token)) is not None]
        rows += [row for left, right in pairwise(said) if (row := self._pairs.get(left, {}).get(right)) is not None]
        grams = [row for gram in grams_of(chunk) if (row := self._grams.get(gram)) is not None] if self._grams else []
        return _packed(rows), _packed(grams), said[0], self._pairs.get(said[-1]), len(said)


def _packed(rows: Sequence[int]) -> bytes:
    return np.array(rows, np.int64).tobytes()


class _Chunks(dict[str, _Known]):
    """What is known of chunks; of the short ones it is kept, until there are too many."""

    __slots__ = ("_of",)

    def __init__(self, of: Lookup) -> None:
        self._of = of

    def __missing__(self, chunk: str) -> _Known:
        known = self._of.know(chunk)
        if len(chunk) <= REMEMBERED_CHARS:
            if len(self) >= MOST_REMEMBERED:
                self.clear()
            self[chunk] = known
        return known
