"""Labels that an instruction lists: "up, down, or none", one a line, "yes or no", each in quotes."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from modicum.workload.bare import bare, fold

_SPLIT = re.compile(
    r"(\n|[,;|()\[\]{}:?!、，；：（）•·「」『』【】،؛।]|\.(?=\s|$)|。|\s[-–—/]\s|(?<=\w)/(?=\w)|\s(?:or|and|oder|und|ou|et|o|y|e|или|и|หรือ|أو|atau|dan|அல்லது|மற்றும்|या|और)\s)"
)
_LEAD = re.compile(r"^(?:[-*•]\s*|\d{1,3}[.)]\s*|(?:or|and|oder|und|ou|et|или|atau|dan)\s+)+", re.IGNORECASE)
_CLOSING = frozenset(
    ("or", "and", "oder", "und", "ou", "et", "o", "y", "или", "и", "หรือ", "أو", "atau", "dan", "அல்லது", "மற்றும்", "या", "और")
)
_MOST = 1_200


@dataclass(frozen=True, slots=True)
class Item:
    """A piece of an instruction that could be a list item; `spelled` is "" where it is too long."""

    before: str
    """What parts it from the piece before, stripped; a new line stays one."""
    spelled: str
    after: str
    tail: tuple[str, ...] = ()
    """The last one, two and three words: "Answer with yes, no" begins its list in the middle of a piece."""

    @property
    def folded(self) -> str:
        return fold(self.spelled)


def items(literals: Sequence[str]) -> list[Item]:
    """The pieces of an instruction in order."""
    found: list[Item] = []
    for literal in literals:
        parts = ["", *_SPLIT.split(literal[:20_000]), ""]
        before = ""
        for number in range(1, len(parts) - 1, 2):
            piece, after = bare(_LEAD.sub("", parts[number].strip())), _mark(parts[number + 1])
            closing = parts[number].strip().split(" ", 1)[0].lower()
            if closing in _CLOSING and piece:
                before = closing
            if piece:
                words = piece.split()
                tail = tuple(" ".join(words[-count:]) for count in (3, 2, 1) if count < len(words))
                found.append(Item(before, piece if len(piece) <= 80 and len(words) <= 8 else "", after, tail))
                before = after
            else:  # two marks in a row: brackets and quotes say more than commas, and a blank line ends a list
                before = "\n\n" if before == after == "\n" else after if after in "「『" or not before else before + after
        found.append(Item("", "", ""))
    return found


def _mark(text: str) -> str:
    return "\n" if text == "\n" else text.strip().lower()


def listed(pieces: Sequence[Item], known: Collection[str]) -> dict[str, str]:
    """Folded item -> spelling, of the lists in which at least two known (folded) labels stand.

    A list runs from its first to its last known item. Beyond them it goes on while items are like these: single words with
    the same marks, lines of a list, items in the same brackets, or the one behind a closing "or".
    """
    known = set(known)
    pieces = [_from_tail(piece, known) for piece in pieces]
    folded = [piece.folded for piece in pieces]
    found: dict[str, str] = {}
    at = 0
    while at < len(folded):
        if folded[at] not in known:
            at += 1
            continue
        high, gap, step = at, 0, at + 1
        while step < len(folded) and gap <= 2 and folded[step] and step - at < _MOST:
            gap = 0 if folded[step] in known else gap + 1
            high = step if folded[step] in known else high
            step += 1
        if len(known.intersection(folded[at : high + 1])) >= 2:
            low, high = _widen(pieces, at, high, [pieces[number] for number in range(at, high + 1) if folded[number] in known])
            for number in range(low, high + 1):
                found.setdefault(folded[number], pieces[number].spelled)
        at = max(step, at + 1)
    return found


def _from_tail(piece: Item, known: Collection[str]) -> Item:
    if piece.folded in known:
        return piece
    tail = next((words for words in piece.tail if fold(words) in known), None)
    return replace(piece, spelled=tail) if tail else piece


def _widen(pieces: Sequence[Item], low: int, high: int, known: Sequence[Item]) -> tuple[int, int]:
    shapes = {shape(piece.spelled) for piece in known}
    lines = all(piece.before == "\n" for piece in known[1:])
    framed = all(piece.after[:1] in ("」", "』") for piece in known)

    def alike(number: int) -> bool:
        piece = pieces[number]
        if not piece.spelled:
            return False
        if len(shapes) == 1 and "word" not in shapes and {shape(piece.spelled)} == shapes:
            return True
        if framed and piece.after[:1] in ("」", "』"):
            return True
        return lines and piece.spelled.count(" ") <= 3 and piece.after in ("\n", "") and piece.before == "\n"

    while low > 0 and alike(low - 1):
        low -= 1
    while high + 1 < len(pieces) and alike(high + 1):
        high += 1
    last = pieces[high + 1] if high + 1 < len(pieces) else None
    if last and last.spelled and last.before.rstrip(",") in _CLOSING and last.spelled.count(" ") <= 1:
        high += 1
    return low, high


def shape(piece: str) -> str:
    """snake, camel, upper; word for all else."""
    if not piece or " " in piece:
        return "word"
    if "_" in piece.strip("_"):
        return "snake"
    if re.fullmatch(r"(?:[A-Z][a-z0-9]+){2,}", piece):
        return "camel"
    return "upper" if piece.isupper() and len(piece) > 2 else "word"
