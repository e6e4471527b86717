"""What a record of a log can turn out to be, beside refused: a call, a provider's total, or nothing that is kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from modicum.errors import InputError, LogFormatError
from modicum.intake.pairs import Pairs
from modicum.types import Call, quick
from modicum.wire import chat
from modicum.wire.observed import MOST_DEPTH, check_depth

_GROUPED = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?")
Fields = dict[str, msgspec.Raw]


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A call, and the names by which other logs may know it."""

    call: Call
    also: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    lacks: str = ""
    """A code: why what was asked did not come with it (`intake.lacking` has the words)."""


@dataclass(frozen=True, slots=True)
class Passed:
    """A record that tells of something else than a call: a span of a tool, a trace's event."""

    what: str


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A record on its way to be read."""

    body: bytes
    fields: Fields
    number: int
    """Of the line that it stands in."""
    modified_at: datetime
    """When its log was last changed."""
    occurrence: Callable[[bytes], int]
    """How often a digest was met in this log, this time included."""
    pairs: Pairs
    columns: Mapping[str, str]
    """Our fields -> the log's columns, where the operator said which is which."""
    source: str = ""

    @property
    def fallback_time(self) -> datetime:
        """When it is taken to have been called where it does not say."""
        return self.modified_at + timedelta(microseconds=self.number)

    def record(self) -> dict[str, Any]:
        """All of it, decoded. Raises InputError, also for what is nested too deeply for those who read it by recursion."""
        found = chat.loads(self.body)
        if self.body.count(b"[") + self.body.count(b"{") > MOST_DEPTH:
            check_depth(found)
        return found


def loaded(value: Any) -> Any:
    """A value, decoded where it is JSON as text: what a database or a spreadsheet made of it. What is nested too deeply stays text."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return value
    try:
        found = msgspec.json.decode(value)
        if value.count("[") + value.count("{") > MOST_DEPTH:
            check_depth(found)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError, InputError):
        return value
    return found


def record(value: Any) -> dict[str, Any]:
    """An object, also where it stands as text; empty where there is none."""
    found = loaded(value)
    return found if isinstance(found, dict) else {}


def whole(value: Any, name: str) -> int | None:
    """A count, also where it stands as text. Raises LogFormatError where something else does."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        text = value.strip()
        if text.isascii() and text.isdigit():
            if len(text) > 18:
                raise _refused(value, name)
            return int(text)
        # A count is whole: what parts its digits by threes parts thousands.
        value = float(text.replace(",", "")) if _GROUPED.fullmatch(text) else _decimal_point(text, value, name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 60:
        raise _refused(value, name)
    return value


def number(value: Any, name: str) -> float | None:
    """A number that is not negative, also where it stands as text. Raises LogFormatError."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        value = _decimal_point(value.strip(), value, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e18:
        raise _refused(value, name)
    return float(value)


def _decimal_point(text: str, value: str, name: str) -> float:
    """A number in text. `1,234.5` can be nothing else; `1,234` and `1.234,5` are refused: which is meant differs by country."""
    plain = text.lstrip("$").replace("_", "").strip()
    if "," in plain:
        if not _GROUPED.fullmatch(plain) or (plain.count(",") < 2 and "." not in plain):
            raise LogFormatError(
                f"{name} is {value[:40]!r}: a comma may part thousands or decimals", hint="export plain numbers: 1234.5 for 1,234.5"
            )
        plain = plain.replace(",", "")
    try:
        found = float(plain)
    except ValueError:
        raise _refused(value, name) from None
    if found != found:
        raise _refused(value, name)
    return found


def _refused(value: Any, name: str) -> LogFormatError:
    shown = repr(value)
    return LogFormatError(f"{name} is {shown if len(shown) <= 40 else shown[:37] + '...'}: not a number that it can be")
