"""Card numbers and IBANs. Each has a checksum, so few other numbers are taken for them."""

from __future__ import annotations

import re

from modicum.view.checksums import luhn, mod_97
from modicum.view.identities import AFTER, BEFORE

Span = tuple[int, int, str]

_SEPARATOR = "[ \u00a0\u2011\u2013-]?"
_CARD = re.compile(
    BEFORE + r"(?:"
    rf"(?!3[47])[2-689][0-9]{{3}}({_SEPARATOR})[0-9]{{4}}\1[0-9]{{4}}\1[0-9]{{4}}(?:\1[0-9]{{1,3}})?"
    rf"|3[0-9]{{3}}({_SEPARATOR})[0-9]{{6}}\2[0-9]{{4,5}}"
    r"|4[0-9]{12}|(?:5[06-9]|6[0-9])[0-9]{11,17}"
    r")" + AFTER
)
_ISSUERS = re.compile(
    "4|5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720|220[0-4]|3[47]|3[068]|3095|35(?:2[89]|[3-8])|6011|64[4-9]|65|62|60|81|82|508"
    "|5018|5020|5038|5893|6304|676[1-3]|9792"
)
"""First digits of the schemes: Visa, Mastercard, Mir, American Express, Diners, JCB, Discover, UnionPay, RuPay, Maestro, Troy."""

IBAN_CHARACTERS = {
    code: int(length)
    for length, codes in (
        ("15", "NO"),
        ("16", "BE"),
        ("18", "DK FO FI GL NL SD"),
        ("19", "MK SI"),
        ("20", "AT BA EE KZ LT LU XK MN"),
        ("21", "CH HR LI LV"),
        ("22", "BG BH CR DE GB GE IE ME RS VA"),
        ("23", "AE GI IL IQ OM TL SO"),
        ("24", "AD CZ ES MD PK RO SA SE SK TN VG DZ"),
        ("25", "LY PT ST"),
        ("26", "IS TR"),
        ("27", "BI DJ FR GR IT MC MR SM"),
        ("28", "AL AZ BY CY DO GT HN HU LB NI PL SV"),
        ("29", "BR EG PS QA UA"),
        ("30", "JO KW MU YE"),
        ("31", "MT SC"),
        ("32", "LC"),
        ("33", "RU"),
    )
    for code in codes.split()
}
"""Length of an IBAN by country (ISO 13616 registry)."""
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}(?=[ \u00a0-]?[0-9A-Z])")
_START = re.compile(BEFORE)
_REST = {length: re.compile(rf"(?:[ \u00a0-]?[0-9A-Z]){{{length - 4}}}(?![0-9A-Za-z])") for length in set(IBAN_CHARACTERS.values())}
_PLAIN = str.maketrans("", "", " -\u00a0\u2011\u2013")


_IBAN_REACH = 24


def find_ibans(text: str, low: int, high: int) -> list[Span]:
    """(start, end, "IBAN") of each that holds some of the digits from `low` to `high`, in order."""
    spans: list[Span] = []
    for found in _IBAN.finditer(text, max(0, low - _IBAN_REACH), high):
        characters = IBAN_CHARACTERS.get(found[0][:2])
        if characters is None or not _START.match(text, found.start()):
            continue
        rest = _REST[characters].match(text, found.end())
        if rest and mod_97(text[found.start() : rest.end()].translate(_PLAIN)):
            spans.append((found.start(), rest.end(), "IBAN"))
    return spans


def find_cards(text: str, low: int, high: int) -> list[Span]:
    """(start, end, "CARD") of each from `low` to `high`, in order."""
    return [
        (*found.span(), "CARD")
        for found in _CARD.finditer(text, low, min(len(text), high + 3))
        if _ISSUERS.match(digits := found[0].translate(_PLAIN)) and len(set(digits)) > 1 and luhn(digits)
    ]
