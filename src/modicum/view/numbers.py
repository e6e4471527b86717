"""Card numbers and IBANs. Each has a checksum, so few other numbers are taken for them."""

from __future__ import annotations

import re

from modicum.view.checksums import luhn

Span = tuple[int, int, str]

_SEPARATOR = "[ \u00a0\u2011\u2013-]?"
_CARD = re.compile(
    r"(?<![0-9A-Za-z])(?<![0-9][.,])(?:"
    rf"[2-689][0-9]{{3}}({_SEPARATOR})[0-9]{{4}}\1[0-9]{{4}}\1[0-9]{{4}}(?:\1[0-9]{{1,3}})?"
    rf"|3[0-9]{{3}}({_SEPARATOR})[0-9]{{6}}\2[0-9]{{4,5}}"
    r"|4[0-9]{12}"
    r")(?![0-9A-Za-z])(?![.,][0-9])"
)


def find(text: str) -> list[Span]:
    """(start, end, "CARD") of each, in order."""
    return [(found.start(), found.end(), "CARD") for found in _CARD.finditer(text) if luhn("".join(filter(str.isdigit, found[0])))]
