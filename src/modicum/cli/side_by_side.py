"""Two answers beside each other: JSON indented, what steers a terminal or a line shown as an escape, the words that differ marked."""

from __future__ import annotations

import contextlib
import json
import re
from difflib import SequenceMatcher

from modicum.report.words import visible

MOST_WORDS = 4_000
"""Longer answers are shown without marks: finding them takes time with the square of the length."""
LONGEST = 200_000
"""Characters of one text that are shown."""
_WORD = re.compile(r"\s+|\w+|[^\w\s]")

Pieces = list[tuple[str, bool]]
"""Pieces of a text in order, each with: the other text has something else here."""


def shown(text: str) -> str:
    """A text as a person reads it: harmless, JSON indented, cut in the middle where it is endless."""
    if text[:1] in ("{", "["):
        with contextlib.suppress(ValueError, RecursionError):
            text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    return visible(text, LONGEST)


def differences(first: str, second: str) -> tuple[Pieces, Pieces]:
    """Both texts, as `shown`, in pieces that are or are not in the other."""
    first, second = shown(first), shown(second)
    ones, others = _WORD.findall(first), _WORD.findall(second)
    if first == second or max(len(ones), len(others)) > MOST_WORDS:
        return [(first, False)], [(second, False)]
    left: Pieces = []
    right: Pieces = []
    for kind, a, b, c, d in SequenceMatcher(None, ones, others, autojunk=len(ones) > 500).get_opcodes():
        for pieces, text in ((left, "".join(ones[a:b])), (right, "".join(others[c:d]))):
            if text:
                pieces.append((text, kind != "equal"))
    if not any(text.strip() and not differs for text, differs in left):  # nothing in common: marks would say nothing
        return [(first, False)], [(second, False)]
    return left, right
