"""When two texts are the same, or nearly, to whatever counts distinct requests: words without case, width, punctuation and white space."""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

JACCARD = 0.8
"""Share of words in common from which two texts belong to one group."""
PIECE = 256
"""Characters of a word that are composed at once."""
_WORD = re.compile(r"\w+")
_UNBROKEN = re.compile(r"\S+")
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003ffff]+"
)
"""Thai, Lao, Tibetan, Burmese, Khmer, kana, Han: written without spaces, so a run of them is not a word."""


def composed(text: str, form: Literal["NFC", "NFKC"]) -> str:
    """The text in a Unicode form; long words in pieces, for to normalise takes the square of the marks that stand on one letter."""
    if text.isascii():
        return text
    if all(len(word) <= PIECE for word in text.split()):
        return unicodedata.normalize(form, text)
    out, at = [], 0
    for long in _UNBROKEN.finditer(text):
        if long.end() - long.start() <= PIECE:
            continue
        out.append(unicodedata.normalize(form, text[at : long.start()]))
        at = long.start()
        while at < long.end():
            end = _cut(text, at, long.end())
            out.append(unicodedata.normalize(form, text[at:end]))
            at = end
    out.append(unicodedata.normalize(form, text[at:]))
    return "".join(out)


def normalise(text: str) -> str:
    """Case, width, punctuation and white space taken away; the words remain, or the bare text where there are none."""
    text = composed(text, "NFKC").casefold()
    return " ".join(_WORD.findall(text)) or " ".join(text.split())


def words(normalised: str) -> frozenset[str]:
    """The set that Jaccard compares: words, and pairs of neighbouring characters for scripts without spaces."""
    if normalised.isascii() or not _UNSPACED.search(normalised):
        return frozenset(normalised.split())
    out: set[str] = set()
    for run in _UNSPACED.findall(normalised):
        out.update(run[i : i + 2] for i in range(max(len(run) - 1, 1)))
    out.update(_UNSPACED.sub(" ", normalised).split())
    return frozenset(out)


def _cut(text: str, at: int, end: int) -> int:
    """Where a piece ends: before a letter, not between a letter and its marks, where there is such a place."""
    if at + PIECE >= end:
        return end
    for place in range(at + PIECE, at + PIECE // 2, -1):
        if not unicodedata.combining(text[place]) and unicodedata.is_normalized("NFC", text[place - 1] + text[place]):
            return place
    return at + PIECE
