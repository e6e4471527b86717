"""Telephone numbers: international ones by the lengths of their country, national ones in the forms of some countries.

A number without `+` looks like many others, so only forms that are written for telephones are taken, and any other where a word
such as "tel" stands before it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from modicum.view.identities import AFTER, BEFORE

Span = tuple[int, int, str]

_S = "[ .\u00a0\u2011-]"
_DIALLED = re.compile(
    # +60 12-345 6789, 0044 (0)20 7946 0958
    r"(?<![0-9A-Za-z+])(?:\+[ ]?|(?<![0-9A-Za-z][-.,/])00[ ]?)\(?[1-9](?:[ .()/\u00a0\u2011-]{0,3}[0-9]){6,15}"
)
_NATIONAL = re.compile(
    BEFORE
    + "(?:"
    + "|".join(
        (
            # United States, Canada
            rf"(?<![0-9] )(?:1{_S})?(?:\([2-9][0-9]{{2}}\)[ -]?|[2-9][0-9]{{2}}{_S})[2-9][0-9]{{2}}{_S}[0-9]{{4}}(?! [0-9])",
            # Malaysia
            rf"01[0-9]{_S}?[0-9]{{3,4}}{_S}?[0-9]{{4}}|0(?:[3-79]|8[2-9]){_S}[0-9]{{3,4}}{_S}?[0-9]{{4}}",
            # Singapore
            r"(?<![0-9][ -])[689][0-9]{3} [0-9]{4}(?![ -][0-9])",
            # United Kingdom
            rf"0(?:7[0-9]{{3}}{_S}?[0-9]{{3}}{_S}?[0-9]{{3}}|20{_S}[0-9]{{4}}{_S}?[0-9]{{4}}|1[0-9]{{3}}{_S}[0-9]{{3}}{_S}?[0-9]{{3}}"
            rf"|1[0-9]{{2}}{_S}[0-9]{{3}}{_S}[0-9]{{4}}|[38]00{_S}[0-9]{{3}}{_S}[0-9]{{3,4}})",
            # France, Belgium, the Netherlands
            rf"0[1-9](?:{_S}[0-9]{{2}}){{4}}|0[67]{_S}?[0-9]{{8}}",
            # Germany, Austria, Switzerland, Italy
            r"0[1-9][0-9]{1,4}[ /-][0-9]{5,8}|0[1-9][0-9] [0-9]{3} [0-9]{2} [0-9]{2}|3[0-9]{2}[ -][0-9]{3} ?[0-9]{4}",
            # Japan, South Korea, Australia
            r"0[0-9]{1,3}-[0-9]{3,4}-[0-9]{4}|04[0-9]{2} [0-9]{3} [0-9]{3}|\(0[2378]\) ?[0-9]{4} ?[0-9]{4}",
            # China, India, Brazil
            r"1[3-9][0-9]([ -])[0-9]{4}\1[0-9]{4}|[6-9][0-9]{4}[ -][0-9]{5}|\([1-9][0-9]\) ?9?[0-9]{4}-[0-9]{4}",
        )
    )
    + ")"
    + AFTER
)
_NEARBY = re.compile(BEFORE + r"\(?[0-9](?:[ .()/\u00a0\u2011-]{0,2}[0-9]){5,14}" + AFTER)
_STEMS = (
    *(
        "phone",
        "tel",
        "mobile",
        "cel",
        "call",
        "dial",
        "fax",
        "whatsapp",
        "wa",
        "sms",
        "text",
        "hp",
        "handy",
        "tél",
        "móvil",
        "portable",
        "gsm",
    ),
    *("电话", "電話", "手机", "手機", "拨打", "联系", "致电", "携帯", "전화", "휴대폰", "тел", "โทร"),
)
"""Some part of every word of `_WORD`."""
_WORD = re.compile(
    r"(?:(?<![^\W\d_])(?:(?:tele|hand)?phone|telefono?|teléfono|téléphone|telefone?|telefoon|telp?|mobile|cell(?:ulare)?|call|dial|fax|whatsapp"
    r"|wa|sms|text|hp|handy|tél|móvil|celular|portable|gsm)s?(?![^\W\d_])|电话|電話|手机|手機|拨打|联系|致电|携帯|전화|휴대폰|тел|โทร)[^0-9\n]{0,16}\Z"
)
_ONE = "phone telephone handphone telefon telefono telefone telefoon tel telp mobile cell cellulare call dial fax whatsapp wa sms text hp"
_ASCII_WORDS = frozenset(word + end for word in f"{_ONE} handy celular portable gsm".encode().split() for end in (b"", b"s"))
"""Those of `_WORD` that are ASCII."""
_WORDS_ONLY = bytes(code | 32 if chr(code).isalpha() else 32 for code in range(128)) + b" " * 128
_WORD_REACH = 32
MOST_AFTER_A_WORD = 40
"""Digits in a region: more are a table of numbers, and one word before it speaks of none of them."""
_LENGTHS = {
    code: (int(fewest), int(most))
    for code, fewest, most in (
        row.split("-")
        for row in (
            "1-10-10 7-10-10 20-8-10 27-9-9 30-10-10 31-9-9 32-8-9 33-9-9 34-9-9 36-8-9 39-6-11 40-9-9 41-9-9 43-4-13 44-9-10 45-8-8 "
            "46-7-10 47-8-8 48-9-9 49-6-11 51-8-9 52-10-10 53-6-8 54-10-11 55-10-11 56-9-9 57-8-10 58-10-10 60-8-10 61-9-9 62-8-12 "
            "63-8-10 64-8-10 65-8-8 66-8-9 81-9-10 82-8-10 84-9-10 86-9-11 90-10-10 91-10-10 92-9-10 93-9-9 94-9-9 95-7-10 98-10-10"
        ).split()
    )
}
"""Digits of a national number, fewest and most, by country code (ITU-T E.164 and national plans); codes of three digits have 5 to 12."""
_THREE = re.compile(
    "21[1-368]|2[2-69][0-9]|3[578][0-9]|42[0-3]|50[0-9]|59[0-9]|6[789][0-9]|80[08]|85[02356]|870|88[0-368]|9[679][0-9]|99[2-8]"
)
_SEPARATORS = str.maketrans("", "", " .()/-\u00a0\u2011+")


def announced(text: str, regions: Sequence[tuple[int, int]]) -> bool:
    """May a word such as "tel" stand shortly before some region? All of them are looked at at once, and few texts hold any."""
    before = "\n".join([text[max(0, low - _WORD_REACH) : low] for low, _ in regions])
    return not before.isascii() or not _ASCII_WORDS.isdisjoint(before.encode().translate(_WORDS_ONLY).split())


def find(text: str, low: int, high: int, digits: int, *, announced: bool) -> list[Span]:
    """(start, end, "PHONE") of each around a region with so many digits, those that are dialled internationally before others.

    `announced`: what `announced` says of the text.
    """
    spans: list[Span] = []
    most = min(len(text), high + 3)
    if digits > 7:
        if text.find("+", max(0, low - 4), high) >= 0 or text.find("00", low, high) >= 0:
            for found in _DIALLED.finditer(text, max(0, low - 4), most):
                if (end := _dialled_end(text, *found.span())) is not None:
                    spans.append((found.start(), end, "PHONE"))
        if digits > 8 or (high - low == 9 and text[low + 4] == " "):
            spans += [(*found.span(), "PHONE") for found in _NATIONAL.finditer(text, max(0, low - 1), most)]
    if not spans and announced and digits < MOST_AFTER_A_WORD and _follows_word(text[max(0, low - _WORD_REACH) : low].lower()):
        spans = [(*found.span(), "PHONE") for found in _NEARBY.finditer(text, max(0, low - 1), most)]
    return spans


def _follows_word(before: str) -> bool:
    for word in _STEMS:
        if word in before:
            return _WORD.search(before) is not None
    return False


def _dialled_end(text: str, start: int, end: int) -> int | None:
    """Where the number ends that begins here: the longest that its country has; None where it has none."""
    while end > start:
        after = text[end : end + 2]
        if not (after[:1].isalnum() and after[:1].isascii()) and _is_dialled(text[start:end]):
            return end
        end -= 1
        while end > start and not text[end - 1].isdigit():
            end -= 1
        if end == start or text[end].isdigit():
            # within a group of digits: cut all of it
            while end > start and text[end - 1].isdigit():
                end -= 1
            while end > start and not text[end - 1].isdigit():
                end -= 1
    return None


def _is_dialled(number: str) -> bool:
    digits = number.replace("(0)", "").translate(_SEPARATORS)
    if not number.startswith("+"):
        digits = digits[2:]
    if digits[:1] == "1" and not (digits[1:2] > "1" and digits[4:5] > "1"):
        return False
    code = digits[:1] if digits[:1] in ("1", "7") else digits[:3] if _THREE.match(digits) else digits[:2]
    if not number.startswith("+") and digits[len(code) :].startswith("0"):
        return False
    fewest, most = _LENGTHS.get(code, (5, 12) if len(code) == 3 else (99, 0))
    return fewest <= len(digits) - len(code) <= most
