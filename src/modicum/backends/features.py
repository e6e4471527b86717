"""Text to features: what both the trainer and the runtime read with, so that they cannot drift apart.

Two kinds a text: words (tokens and pairs of neighbouring tokens) and grams (2 to 5 neighbouring characters within a
chunk between white space, which sees prefixes, endings and misspellings). Digits are folded to 0, and a number also
counts as itself. Scripts that write without spaces have each character as a token, so they are read by characters only.
Every step is linear in the text, and of a long text only the head and the tail are read. Nothing but pairs of words reaches beyond
a chunk, so the runtime may keep what it knows of each.

Source of the representation: word and character n-grams (char_wb) as in Joachims 1998 and scikit-learn's text vectorisers.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache

FEATURES_VERSION = 1
KINDS = ("words", "grams", "length")
HEAD_CHARS = 4_000
TAIL_CHARS = 2_000
GRAM_LENGTHS = range(2, 6)
REMEMBERED_CHARS = 16

_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
_MARKS = "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0dff"
_TOKEN = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])[\w{_MARKS}])+|[^\w\s]")
_ASCII_TOKEN = re.compile(r"\w+|[^\w\s]")
"""What `_TOKEN` finds in ASCII text, in half of the time."""
_DIGIT = re.compile(r"\d")
_ZEROS = str.maketrans("123456789", "0" * 9)
_NUMBER = re.compile(r"\d[\d.,]*")


def clip(text: str) -> str:
    """The part of a text that is read: all of it, or its first 4,000 and last 2,000 characters. Always valid Unicode."""
    if len(text) > HEAD_CHARS + TAIL_CHARS:
        text = f"{text[:HEAD_CHARS]} {text[-TAIL_CHARS:]}"
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def fold(text: str) -> tuple[str, str]:
    """What is read of a text, in small letters: as it stands, and with every digit a 0."""
    text = clip(text).lower()
    return text, text.translate(_ZEROS) if text.isascii() else _DIGIT.sub("0", text)


def tokens(shaped: str) -> list[str]:
    """The tokens of a text whose digits are 0, in order. None reaches over white space."""
    return (_ASCII_TOKEN if shaped.isascii() else _TOKEN).findall(shaped)


def numbers(text: str, shaped: str) -> list[str]:
    """The features that numbers are by themselves: `=12.5`."""
    return ["=" + number for number in _NUMBER.findall(text)] if shaped != text or "0" in text else []


def extract(text: str) -> tuple[list[str], list[str], list[str]]:
    """Features of one text by kind (words, grams, length), with repeats. Never raises; linear in the text."""
    text, shaped = fold(text)
    found = tokens(shaped)
    words = found + [f"{left} {right}" for left, right in zip(found, found[1:], strict=False)] + numbers(text, shaped)
    grams: list[str] = []
    for chunk, times in Counter(shaped.split()).items():
        grams += (_remembered(chunk) if len(chunk) <= REMEMBERED_CHARS else grams_of(chunk)) * times
    return words, grams, [length(len(found))]


def grams_of(chunk: str) -> list[str]:
    """Neighbouring characters of one chunk, its ends marked by a space."""
    chunk = f" {chunk} "
    size = len(chunk)
    return [chunk[at : at + n] for n in GRAM_LENGTHS if n <= size for at in range(size - n + 1)]


_remembered = lru_cache(maxsize=4_096)(grams_of)
"""Words come again and again, so the short ones of late are kept: at most some 10 MB, in memory only."""


def length(tokens: int) -> str:
    """How long the text is: exact up to 24 tokens, then in steps of a quarter of the length."""
    if tokens <= 24:
        return str(tokens)
    step = 1 << (tokens.bit_length() - 3)
    return f">{tokens // step * step}"
