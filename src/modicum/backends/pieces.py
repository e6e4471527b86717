"""A text in pieces with their places, and what is seen of each piece: what trainer and runtime of the span tagger read with.

Pieces are runs of letters, runs of digits, and single marks; scripts written without spaces have each character as a piece. A copied value
begins and ends at the ends of pieces. What is seen of a piece: itself, its neighbours, its beginning and end, its shape, what opens its
line; and of the whole text its words, which tell what kind of request it is. Linear in the text, and of a long one only the head and
the tail are read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from modicum.workload.letters import MARKS, UNSPACED, alike

PIECES_VERSION = 1
HEAD_CHARS = 4_000
TAIL_CHARS = 2_000
_PIECE = re.compile(rf"[{UNSPACED}]|\d+|(?:(?![{UNSPACED}\d_])[\w{MARKS}])+|[^\s]")
_DIGIT = re.compile(r"\d")
_EDGE = "\x02"
"""Stands for what is before the first and behind the last piece."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some characters of a text: `text[start:end]`."""

    start: int
    end: int
    folded: str
    """As it is compared: small letters, plain digits."""


def cut(text: str) -> list[Piece]:
    """The pieces of a text, in order; of one over 6,000 characters those of its first 4,000 and last 2,000."""
    if len(text) <= HEAD_CHARS + TAIL_CHARS:
        return _cut(text, 0, len(text))
    return _cut(text, 0, HEAD_CHARS) + _cut(text, len(text) - TAIL_CHARS, len(text))


def _cut(text: str, start: int, end: int) -> list[Piece]:
    return [Piece(found.start(), found.end(), alike(found[0]).casefold()) for found in _PIECE.finditer(text, start, end)]


def look(text: str, pieces: Sequence[Piece], slot: str) -> tuple[list[list[str]], list[str]]:
    """(what is seen of each piece, what is seen of the whole text), as names of features, each once."""
    words = [_DIGIT.sub("0", piece.folded) for piece in pieces]
    padded = [_EDGE, _EDGE, _EDGE, *words, _EDGE, _EDGE, _EDGE]
    shapes = [_shape(text, piece) for piece in pieces]
    forms = [_EDGE, *shapes, _EDGE]
    opening = _openings(text, pieces, words)
    seen = []
    for number, piece in enumerate(pieces):
        at = number + 3
        word = words[number]
        features = [
            "s=" + slot,
            "w=" + word,
            f"l={padded[at - 1]}",
            f"r={padded[at + 1]}",
            f"ll={padded[at - 2]}",
            f"rr={padded[at + 2]}",
            f"lw={padded[at - 1]} {word}",
            f"wr={word} {padded[at + 1]}",
            f"lb={padded[at - 2]} {padded[at - 1]}",
            f"rb={padded[at + 1]} {padded[at + 2]}",
            f"lr={padded[at - 1]} {padded[at + 1]}",
            f"lll={padded[at - 3]}",
            f"rrr={padded[at + 3]}",
            "h=" + shapes[number],
            f"hl={forms[number]} {shapes[number]}",
            f"hr={shapes[number]} {forms[number + 2]}",
            f"lh={padded[at - 1]} {shapes[number]}",
            "o=" + opening[number],
        ]
        if piece.end - piece.start > 1:
            features += [f"<{word[:size]}" for size in range(1, 5) if size <= len(word)]
            features += [f">{word[-size:]}" for size in range(1, 5) if size <= len(word)]
            features += ["g=" + word[at : at + 3] for at in range(1, min(len(word), 24) - 3)]
        seen.append(list(dict.fromkeys(features)))
    whole = list(dict.fromkeys(["b=" + word for word in words] + [f"b={a} {b}" for a, b in zip(words, words[1:], strict=False)]))
    return seen, whole


def _shape(text: str, piece: Piece) -> str:
    """Kind of characters, capitals, how many digits, and whether it is glued to what stands before."""
    said = text[piece.start : piece.end]
    if said[0].isdigit():
        form = f"0{min(len(said), 8)}"
    elif said.isalpha():
        form = "x" if said.islower() else "X" if said.isupper() else "Xx" if said[0].isupper() else "xX" if said != said.lower() else "a"
        form += "1" if len(said) == 1 else ""
    else:
        form = said[0]
    glued = piece.start > 0 and not text[piece.start - 1].isspace()
    return form + ("^" if glued else "")


def _openings(text: str, pieces: Sequence[Piece], words: Sequence[str]) -> list[str]:
    """For each piece the first two words of its line: in a form they say what the line holds."""
    openings: list[str] = []
    current, count, last = "", 0, 0
    for piece, word in zip(pieces, words, strict=True):
        if not openings or "\n" in text[last : piece.start]:
            current, count = "", 0
        if count < 2:
            current, count = f"{current} {word}", count + 1
        openings.append(current)
        last = piece.end
    return openings
