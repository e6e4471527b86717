"""What scripts need that `\\w` does not know: marks that belong to the letter before them, and scripts written without spaces."""

from __future__ import annotations

import re

from modicum.workload.sameness import composed

MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc"
    "\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u07a6-\u07b0\u07eb-\u07f3\u0898-\u089f\u08ca-\u08e1\u08e3-\u08ff\u0900-\u0903\u093a-\u093c\u093e-\u094f\u0951-\u0957\u0962\u0963"
    "\u0981-\u0983\u09bc\u09be-\u09cd\u09d7\u09e2\u09e3\u0a01-\u0a03\u0a3c-\u0a51\u0a70\u0a71\u0a75\u0a81-\u0a83\u0abc\u0abe-\u0acd"
    "\u0ae2\u0ae3\u0b01-\u0b03\u0b3c\u0b3e-\u0b57\u0b62\u0b63\u0b82\u0bbe-\u0bcd\u0bd7\u0c00-\u0c04\u0c3c\u0c3e-\u0c56\u0c62\u0c63"
    "\u0c81-\u0c83\u0cbc\u0cbe-\u0cd6\u0ce2\u0ce3\u0d00-\u0d03\u0d3b\u0d3c\u0d3e-\u0d4d\u0d57\u0d62\u0d63\u0d81-\u0d83\u0dca-\u0ddf\u0df2\u0df3\u0f71-\u0f84\u0f8d-\u0fbc"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u200c\u200d\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f"
)
"""Combining marks and vowel signs (Latin to Sinhala), the joiners that Persian and Indic scripts need, and variation selectors.

For use inside a character class. Thai, Lao, Khmer and Myanmar have theirs in UNSPACED.
"""
UNSPACED = "぀-ヿ㐀-䶿一-鿿豈-﫿฀-໿က-႟ក-៿"
"""Kana, Han, Thai, Lao, Myanmar, Khmer: words are not parted by spaces."""
WORD = rf"[\w{MARKS}]"
"""A character that belongs to a word, in a script with spaces as without."""
UNSEEN = "".join(map(chr, (*range(0x200E, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x061C, 0xFEFF, 0x00AD, 0x2060)))
"""Marks of direction, joiners of words, soft hyphens: nobody sees them."""
_DROP = dict.fromkeys(map(ord, UNSEEN))
JOINERS = "\u200c\u200d"
"""Between letters they are part of the spelling; at the end of a word they say nothing."""
_ZEROS = "٠۰߀०০੦૦୦௦౦೦൦෦๐໐༠၀႐០᠐᥆᧐᪀᪐᭐᮰᱀᱐꘠꣐꤀꧐꧰꩐꯰"
"""Of the scripts with digits of their own; nine follow each."""
_ALIKE: dict[int, str | None] = {
    **{code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},  # full width
    **{ord(zero) + digit: str(digit) for zero in _ZEROS for digit in range(10)},
    0x3000: " ",
    0x066B: ".",
    0x066C: ",",
    0x066A: "%",
    0x0640: None,  # the stroke that stretches an Arabic word
}
"""Characters that are written for others: full width, digits of any script, Arabic marks of numbers."""


_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]")


def isolate(text: str) -> str:
    """Text that runs right to left, set apart so that its neighbours on a line keep their place (UAX 9: FSI and PDI), line by line."""
    if text.isascii() or not _RIGHT_TO_LEFT.search(text):
        return text
    return "\n".join(f"\u2068{line}\u2069" if _RIGHT_TO_LEFT.search(line) else line for line in text.split("\n"))


def alike(text: str) -> str:
    """The text with ASCII for full-width forms and for digits of any script: for comparing, not for showing."""
    return text if text.isascii() else text.translate(_ALIKE)


def spell(text: str) -> str:
    """One spelling for what looks the same: composed letters (NFC), without what nobody sees."""
    return text if text.isascii() else composed(text.translate(_DROP), "NFC")
