"""Labels that an instruction lists: "up, down, or none", one a line, "yes or no"."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from modicum.workload.bare import bare, fold

_SPLIT = re.compile(r"[,;|\n()\[\]{}:?!、，；：（）•·]|\.(?=\s|$)|\s[-–—/]\s|(?<=\w)/(?=\w)|\s(?:or|and|oder|und|ou|et|o|y|e|или|и)\s")
_LEAD = re.compile(r"^(?:[-*•]\s*|\d{1,3}[.)]\s*|(?:or|and|oder|und|ou|et|или)\s+)+", re.IGNORECASE)
_MOST = 120


def items(literals: Sequence[str]) -> list[str]:
    """The pieces of an instruction that could be list items, in order, as spelled; "" where a piece is too long."""
    found = []
    for literal in literals:
        for piece in _SPLIT.split(literal[:20_000]):
            piece = bare(_LEAD.sub("", piece.strip()))
            found.append(piece if len(piece) <= 80 and piece.count(" ") < 8 else "")
        found.append("")
    return found


def listed(pieces: Sequence[str], known: Collection[str]) -> dict[str, str]:
    """Folded item -> spelling, of the lists in which at least two known (folded) labels stand.

    A list runs from its first to its last known item; beyond them it goes on while items have the known ones' shape.
    """
    folded = [fold(piece) for piece in pieces]
    known = set(known)
    found: dict[str, str] = {}
    at = 0
    while at < len(folded):
        if folded[at] not in known:
            at += 1
            continue
        low = high = at
        gap = 0
        step = at + 1
        while step < len(folded) and gap <= 2 and folded[step]:
            gap = 0 if folded[step] in known else gap + 1
            high = step if folded[step] in known else high
            step += 1
        if len({word for word in folded[low : high + 1] if word in known}) >= 2 and high - low < _MOST * 10:
            joined = [pieces[number] for number in range(low, high + 1) if folded[number] in known]
            low, high = _widen(pieces, low, high, joined)
            for number in range(low, high + 1):
                if folded[number]:
                    found.setdefault(folded[number], pieces[number])
        at = max(step, at + 1)
    return found


def _widen(pieces: Sequence[str], low: int, high: int, known: Sequence[str]) -> tuple[int, int]:
    """Beyond the known items only where these all are single words with the same marks (snake_case, CamelCase)."""
    shapes = {shape(piece) for piece in known}
    if len(shapes) != 1 or "word" in shapes:
        return low, high
    common = shapes.pop()
    while low > 0 and shape(pieces[low - 1]) == common:
        low -= 1
    while high + 1 < len(pieces) and shape(pieces[high + 1]) == common:
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
