"""What `run_extractor.py` reads texts with: pieces with their places, what is seen of each, and numbers."""

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from run_letters import ALIKE, MARKS, UNSPACED  # type: ignore[import-not-found]

PIECE = re.compile(rf"[{UNSPACED}]|\d+|(?:(?![{UNSPACED}\d_])[\w{MARKS}])+|[^\s]")
CODES = "USD|EUR|GBP|MYR|SGD|IDR|INR|CNY|RMB|JPY|KRW|THB|PHP|VND|AED|SAR|AUD|CAD|CHF|BRL|MXN"
MONEY = rf"(?:RM|Rp|Rs\.?|(?:US|S|HK|NT|A|C)\$|[$€£¥₹~≈]|(?:{CODES})(?=\s?\d))"
DIGITS = r"([+\-−]?(?:\d{1,3}(?:[,\u00a0\u202f ]\d{3})+(?:\.\d+)?|\d+(?:[.,]\d+)?|\.\d+))"
UNIT = (
    r"(?:%|[$€£¥₹]|(?:/|out of|von|sur|de|daripada|dari|من)\s?\d{1,4}|[a-zA-Z°]{1,12}(?:\s[a-zA-Z]{1,12})?"
    rf"|(?:[^\W\d_{UNSPACED}][{MARKS}]*){{1,12}}|[{UNSPACED}]{{1,2}})?"
)
NUMBER = re.compile(rf"{MONEY}?\s?{DIGITS}\s?{UNIT}")
EDGE = "\x02"


def alike(text: str) -> str:
    return text if text.isascii() else text.translate(ALIKE)


def number(text: str) -> str | None:
    found = NUMBER.fullmatch(alike(text).strip()) if len(text) <= 60 else None
    if not found:
        return None
    digits = re.sub(r"\s", "", found[1].replace("−", "-"))
    digits = digits.replace(",", "") if re.search(r",\d{3}(?:\D|$)", digits) else digits.replace(",", ".")
    try:
        value = Decimal(digits)
    except InvalidOperation:
        return None
    if not value.is_finite():
        return None
    said = format(value, "f")
    trimmed = said.rstrip("0").rstrip(".") if "." in said else said
    return trimmed.replace("-0", "0") if value == 0 else trimmed


def cut(text: str) -> list[tuple[int, int, str]]:
    """(start, end, folded) of each piece; of a text over 6,000 characters those of its first 4,000 and last 2,000."""
    parts = [(0, len(text))] if len(text) <= 6000 else [(0, 4000), (len(text) - 2000, len(text))]
    return [(one.start(), one.end(), alike(one[0]).casefold()) for start, end in parts for one in PIECE.finditer(text, start, end)]


def look(text: str, pieces: list[tuple[int, int, str]], slot: str) -> tuple[list[list[str]], list[str]]:
    """(what is seen of each piece, what is seen of the whole text)."""
    words = [re.sub(r"\d", "0", folded) for _, _, folded in pieces]
    p = [EDGE] * 3 + words + [EDGE] * 3
    shapes = [shape(text, start, end) for start, end, _ in pieces]
    forms, opening, seen = [EDGE, *shapes, EDGE], openings(text, pieces, words), []
    for n, (start, end, _) in enumerate(pieces):
        at, word, form = n + 3, words[n], shapes[n]
        features = [f"s={slot}", f"w={word}", f"l={p[at - 1]}", f"r={p[at + 1]}", f"ll={p[at - 2]}", f"rr={p[at + 2]}"]
        features += [f"lw={p[at - 1]} {word}", f"wr={word} {p[at + 1]}", f"lb={p[at - 2]} {p[at - 1]}", f"rb={p[at + 1]} {p[at + 2]}"]
        features += [f"lr={p[at - 1]} {p[at + 1]}", f"lll={p[at - 3]}", f"rrr={p[at + 3]}", f"h={form}", f"hl={forms[n]} {form}"]
        features += [f"hr={form} {forms[n + 2]}", f"lh={p[at - 1]} {form}", f"o={opening[n]}"]
        if end - start > 1:
            features += [f"<{word[:size]}" for size in range(1, 5) if size <= len(word)]
            features += [f">{word[-size:]}" for size in range(1, 5) if size <= len(word)]
            features += ["g=" + word[i : i + 3] for i in range(1, min(len(word), 24) - 3)]
        seen.append(list(dict.fromkeys(features)))
    return seen, list(dict.fromkeys([f"b={word}" for word in words] + [f"b={a} {b}" for a, b in zip(words, words[1:], strict=False)]))


def shape(text: str, start: int, end: int) -> str:
    said = text[start:end]
    if said[0].isdigit():
        form = f"0{min(len(said), 8)}"
    elif said.isalpha():
        form = "x" if said.islower() else "X" if said.isupper() else "Xx" if said[0].isupper() else "xX" if said != said.lower() else "a"
        form += "1" if len(said) == 1 else ""
    else:
        form = said[0]
    return form + ("^" if start > 0 and not text[start - 1].isspace() else "")


def openings(text: str, pieces: list[tuple[int, int, str]], words: list[str]) -> list[str]:
    found: list[str] = []
    current, count, last = "", 0, 0
    for (start, end, _), word in zip(pieces, words, strict=True):
        if not found or "\n" in text[last:start]:
            current, count = "", 0
        if count < 2:
            current, count = f"{current} {word}", count + 1
        found.append(current)
        last = end
    return found


def plain(told: Any) -> Any:
    """As canonical JSON has it: surrogates are question marks."""
    return told.encode("utf-8", "replace").decode() if isinstance(told, str) else told
