"""Where a value that an incumbent copied stands in the request.

A record says what was copied, never from where. Values are compared piece by piece, in small letters and plain digits, so case, white
space and full-width forms do not matter; a place in the very spelling goes first. Of several places the first is taken.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from modicum.backends.pieces import Piece, cut
from modicum.workload.number import number

_NUMERAL = re.compile(r"[+\-−]?\d[\d.,]*")


@dataclass(frozen=True, slots=True)
class Read:
    """A slot's text, cut."""

    slot: str
    text: str
    pieces: list[Piece]


@dataclass(frozen=True, slots=True)
class Place:
    """Pieces `first` to `last` of the text with this number."""

    text: int
    first: int
    last: int


def cut_all(slots: Sequence[tuple[str, str]], used: Sequence[str]) -> list[Read]:
    """The texts that are read, in the order of `used`."""
    texts = dict(slots)
    return [Read(slot, texts.get(slot, ""), cut(texts.get(slot, ""))) for slot in used]


def places_of_text(texts: Sequence[Read], value: str) -> list[Place]:
    """Where a text stands, those in its very spelling first."""
    wanted = [piece.folded for piece in cut(value)]
    exact: list[Place] = []
    alike: list[Place] = []
    if not wanted:
        return exact
    for at, read in enumerate(texts):
        folded = [piece.folded for piece in read.pieces]
        for first in range(len(folded) - len(wanted) + 1):
            if folded[first] == wanted[0] and folded[first : first + len(wanted)] == wanted:
                last = first + len(wanted) - 1
                same = read.text[read.pieces[first].start : read.pieces[last].end] == value
                (exact if same else alike).append(Place(at, first, last))
    return exact + alike


def places_of_number(texts: Sequence[Read], value: int | float) -> list[Place]:
    """Where a number stands in digits."""
    wanted = number(format(value, "f") if isinstance(value, float) else str(value))
    found: list[Place] = []
    if wanted is None:
        return found
    for at, read in enumerate(texts):
        starts = {piece.start: number_ for number_, piece in enumerate(read.pieces)}
        ends = {piece.end: number_ for number_, piece in enumerate(read.pieces)}
        for numeral in _NUMERAL.finditer(read.text):
            start, end = numeral.span()
            while end > start and read.text[end - 1] in ".,":
                end -= 1
            for begin in (start, start + 1) if read.text[start] in "+-−" else (start,):
                if begin in starts and end in ends and number(read.text[begin:end]) == wanted:
                    found.append(Place(at, starts[begin], ends[end]))
                    break
    return found
