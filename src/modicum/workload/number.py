"""Numbers as models write them: "7", "7/10", "$1,200.50", "12 %", "3,5", "٣٫٥", "８５分"."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from modicum.workload.letters import MARKS, UNSPACED, alike

_MONEY = (
    r"(?:RM|Rp|Rs\.?|(?:US|S|HK|NT|A|C)\$|[$€£¥₹~≈]"
    r"|(?:USD|EUR|GBP|MYR|SGD|IDR|INR|CNY|RMB|JPY|KRW|THB|PHP|VND|AED|SAR|AUD|CAD|CHF|BRL|MXN)(?=\s?\d))"
)
_NUMBER = re.compile(
    rf"{_MONEY}?\s?([+\-−]?(?:\d{{1,3}}(?:[,\u00a0\u202f ]\d{{3}})+(?:\.\d+)?|\d+(?:[.,]\d+)?|\.\d+))\s?"
    rf"(?:%|[$€£¥₹]|(?:/|out of|von|sur|de|daripada|dari|من)\s?\d{{1,4}}|[a-zA-Z°]{{1,12}}(?:\s[a-zA-Z]{{1,12}})?"
    rf"|(?:[^\W\d_{UNSPACED}][{MARKS}]*){{1,12}}|[{UNSPACED}]{{1,2}})?"
)
_SPACES = re.compile(r"\s")
_PLAIN = re.compile(r"[+\-−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")


def number(text: str) -> str | None:
    """The canonical digits of a text that is one number with at most a currency, a scale or a short unit; else None."""
    if len(text) > 60:
        return None
    found = _NUMBER.fullmatch(alike(text).strip())
    return canonical(found[1]) if found else None


def is_plain(text: str) -> bool:
    """Nothing but digits: reading it discards nothing."""
    return len(text) <= 60 and _PLAIN.fullmatch(alike(text)) is not None


def canonical(digits: str) -> str | None:
    """ "1,200.50" -> "1200.5", "3,5" -> "3.5"."""
    digits = _SPACES.sub("", digits.replace("−", "-"))
    digits = digits.replace(",", "") if re.search(r",\d{3}(?:\D|$)", digits) else digits.replace(",", ".")
    try:
        value = Decimal(digits)
    except InvalidOperation:
        return None
    if not value.is_finite():
        return None
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-0", "0") if value == 0 else _trim(text)


def _trim(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
