"""Tables as CSV that no spreadsheet takes for anything but text and numbers: rows in, text out.

A text that begins with one of = + - @, a tab or a line break (in their wide and small forms too, and behind blanks) is a formula to some
spreadsheet: it gets an apostrophe in front, as OWASP advises ("CSV Injection"). Whoever opens the file with another separator than its
comma (Excel does, where the comma is the decimal sign) sees cells begin in the middle of a text: a formula behind a semicolon, comma, tab,
bar or line break gets its apostrophe there too. Numbers are ours and stand bare. What would steer a terminal or turn the reading
direction around is written as an escape; letters of all scripts stay as they are.
"""

from __future__ import annotations

import csv
import io
import math
import re
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from modicum.errors import ModicumError
from modicum.report import words
from modicum.report.sheets import Cell, Sheet

SIGNS = "=+\\-@＝＋－＠﹦﹢﹣﹫"
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "﹦", "﹢", "﹣", "﹫")
BLANKS = r"\s\u200c\u200d\u2800\u3164\ufeff"
"""What may stand before a formula without being seen."""
_FIRST = re.compile(rf"[{BLANKS}\"]*[{SIGNS}]|[\t\r\n]")
_BEHIND = re.compile(rf"([,;|\t\r\n][{BLANKS}\"]*)(?=[{SIGNS}])")
BOM = "\ufeff"
PLACES = 10
LONGEST_CELL = 32_000
"""A spreadsheet's cell ends at 32,767 characters."""


def text(sheet: Sheet, *, bom: bool = False) -> str:
    """One table, lines ended as RFC 4180 has them. `bom`: what makes some versions of Excel read UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([safe(name) for name in sheet.head])
    writer.writerows([[cell(value) for value in row] for row in sheet.rows])
    return (BOM if bom else "") + out.getvalue()


def cell(value: Cell) -> str:
    """A number to ten places without an exponent, a day as 2026-10-01, nothing for what is unknown, or a safe text."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return _number(f"{value:.{PLACES}f}") if value.is_finite() else ""
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, float):
        return _number(f"{value:.{PLACES}f}") if math.isfinite(value) else ""
    return str(value) if isinstance(value, int) else safe(value)


def _number(digits: str) -> str:
    """Without zeros at its end, and without a minus before nothing."""
    shown = digits.rstrip("0").rstrip(".")
    return "0" if shown == "-0" else shown


def safe(value: str) -> str:
    """A text that no spreadsheet runs."""
    shown = _BEHIND.sub(r"\1'", words.visible(value, LONGEST_CELL))
    return f"'{shown}" if _FIRST.match(shown) else shown


def write(sheets: tuple[Sheet, ...], path: Path, *, bom: bool = False) -> tuple[Path, ...]:
    """Write the first table to a file, or where `path` is a folder (or has no ending) each to a file in it. Which were written."""
    try:
        if path.suffix and not path.is_dir():
            _put(path, text(sheets[0], bom=bom))
            return (path,)
        path.mkdir(parents=True, exist_ok=True)
        for sheet in sheets:
            _put(path / f"{sheet.name}.csv", text(sheet, bom=bom))
        return tuple(path / f"{sheet.name}.csv" for sheet in sheets)
    except OSError as error:
        raise ModicumError(f"cannot write {path}: {error.strerror}") from None


def _put(path: Path, content: str) -> None:
    path.write_text(content, encoding="utf-8", newline="")
