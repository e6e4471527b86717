"""Identity numbers, by a table: country, pattern, checksum, source. The operator's table extends the shipped one.

A table holds no code: it names checksums of ours. Its patterns are held to what can be searched in time linear in the text:
no quantifier within a quantified group, no unbounded quantifier, no more than 200 characters; and each is tried on
evil texts before it is used.
"""

from __future__ import annotations

import functools
import hashlib
import re
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from modicum.errors import ConfigError
from modicum.view.checksums import CHECKSUMS

Span = tuple[int, int, str]

OWN_TYPES = ("SECRET", "EMAIL", "IBAN", "CARD", "PHONE")
"""What is looked for without a table."""
LONGEST_PATTERN = 200
MOST_ENTRIES = 100
LONGEST_TABLE_BYTES = 100_000
CONTEXT_CHARS = 40
BEFORE = r"(?<![0-9A-Za-z])(?<![0-9A-Za-z]-)(?<![0-9][.,/])"
"""What must not stand before a number: more of a word, a UUID, a decimal."""
AFTER = r"(?![0-9A-Za-z])(?!-[0-9A-Za-z])(?![.,/][0-9])"
_REACH = 8
"""Characters before its first digits within which a number may begin."""
_NAME = re.compile(r"[A-Z][A-Z0-9]{0,19}(?:_[A-Z0-9]{1,20}){0,3}")
_SMALL = str.maketrans("", "", " -./()\u00a0\u2011\u2013")
_FIELDS = {"country", "name", "pattern", "checksum", "context", "digits", "source", "read"}
_EVIL = ("0" * 20_000, "1 " * 10_000, "A1" * 10_000, "1-" * 10_000, "123456789012 " * 1_500, "a" * 20_000, "AB12." * 4_000)
SLOWEST_S = 0.25
"""Longest that a pattern of the operator's may take for one of these on a slow machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One form of an identity number."""

    name: str
    pattern: re.Pattern[str]
    checksum: str = ""
    context: re.Pattern[str] | None = None
    words: tuple[str, ...] = ()
    """Those of `context`, in small letters."""
    digits: int = 0

    def fits(self, text: str, start: int, end: int) -> bool:
        """Is what the pattern found at `start` such a number, by its checksum and by what stands before it?"""
        if self.checksum and not _holds(self.checksum, text[start:end].translate(_SMALL).upper()):
            return False
        return self.context is None or self.context.search(text, max(0, start - CONTEXT_CHARS), start) is not None


def _holds(checksum: str, number: str) -> bool:
    """Does the checksum hold? A pattern of the operator's may find what that checksum is not made for."""
    try:
        return CHECKSUMS[checksum](number)
    except (ValueError, IndexError):
        return False


class Identities:
    """The table, ready to search with."""

    __slots__ = ("_anywhere", "_own_up_to", "_up_to", "has_short", "kinds")

    def __init__(self, entries: Sequence[Entry], *, has_short: bool = False) -> None:
        _any_plain()  # now, and not when the first request waits
        self.has_short = has_short
        """Fewer than nine digits may be a number without any letter against them; none of the shipped ones is."""
        self.kinds = tuple(dict.fromkeys(entry.name for entry in entries))
        self._anywhere = tuple(entry for entry in entries if entry.digits < FEWEST_DIGITS)
        counted = [entry for entry in entries if entry.digits >= FEWEST_DIGITS]
        most = max((entry.digits for entry in counted), default=FEWEST_DIGITS)
        # By how many digits there are: what needs more is not sought.
        self._up_to = tuple(tuple(entry for entry in counted if entry.digits <= digits) for digits in range(most + 1))
        self._own_up_to = tuple(tuple(entry for entry in entries if entry not in shipped()) for entries in self._up_to)

    @property
    def searches_everything(self) -> bool:
        """Some number may stand in a text that holds no run of digits."""
        return bool(self._anywhere)

    def find(self, text: str, low: int, high: int, digits: int) -> list[Span]:
        """(start, end, name) of each number around a region with so many digits, the table's order deciding between two in one place."""
        start, end = max(0, low - _REACH), high + 4
        spans: list[Span] = []
        level = min(digits, len(self._up_to) - 1)
        # Most regions are none of the shipped numbers, and two looks say so.
        may_be_ours = _any_plain().search(text, start, end) is not None or _any_announced(text, start, end)
        for entry in (self._up_to if may_be_ours else self._own_up_to)[level]:
            for one in entry.pattern.finditer(text, start, end):
                if entry.fits(text, *one.span()):
                    spans.append((*one.span(), entry.name))
        return spans

    def find_anywhere(self, text: str) -> list[Span]:
        """(start, end, name) of the numbers that are sought in every text."""
        return [
            (*one.span(), entry.name) for entry in self._anywhere for one in entry.pattern.finditer(text) if entry.fits(text, *one.span())
        ]


FEWEST_DIGITS = 6
"""A number with fewer is sought in every text."""


@functools.cache
def shipped() -> tuple[Entry, ...]:
    """The table that comes with this package."""
    text = files("modicum.view").joinpath("identities.toml").read_text("utf-8")
    return tuple(_entries(tomllib.loads(text), "identities.toml"))


@functools.cache
def _any_plain() -> re.Pattern[str]:
    """All shipped patterns without a context in one."""
    parts: list[str] = []
    groups = 0
    for entry in shipped():
        if entry.context is None:
            bare = entry.pattern.pattern.removeprefix(BEFORE).removesuffix(AFTER)
            parts.append(re.sub(r"\\([1-9])", lambda found, by=groups: f"\\{int(found[1]) + by}", bare))  # type: ignore[misc]
            groups += entry.pattern.groups
    return re.compile(f"{BEFORE}(?:{'|'.join(parts)}){AFTER}")


def _any_announced(text: str, start: int, end: int) -> bool:
    """Does a word of some shipped number's context stand before or in this part of the text?"""
    start = max(0, start - CONTEXT_CHARS)
    before = text[start:end].lower()
    if not before.isascii():
        return True
    found = [context for word, context in _announcing() if word in before]
    return any(context.search(text, start, end) for context in found)


@functools.cache
def _announcing() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """The words of the shipped contexts, each with its context; those that ASCII text can hold."""
    return tuple((word, entry.context) for entry in shipped() if entry.context for word in entry.words if word.isascii())


def read(table: Path | None) -> tuple[Identities, str]:
    """The shipped table with the operator's, and 8 hex digits of the latter's digest, "" without one. Raises ConfigError."""
    entries = list(shipped())
    if table is None:
        return Identities(entries), ""
    try:
        body = table.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read the table {table}: {error.strerror}") from None
    if len(body) > LONGEST_TABLE_BYTES:
        raise ConfigError(f"the table {table} is longer than {LONGEST_TABLE_BYTES:,} bytes")
    try:
        added = _entries(tomllib.loads(body.decode()), str(table))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"the table {table} is no TOML: {error}") from None
    for entry in added:
        _try_out(entry, str(table))
    has_short = any(FEWEST_DIGITS <= entry.digits < 9 for entry in added)
    return Identities(entries + added, has_short=has_short), hashlib.sha256(body).hexdigest()[:8]


def _entries(table: dict[str, Any], where: str) -> list[Entry]:
    rows = table.get("identity", [])
    if set(table) - {"identity"} or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ConfigError(f"{where} holds more than [[identity]] tables")
    if len(rows) > MOST_ENTRIES:
        raise ConfigError(f"{where} has {len(rows)} entries, more than {MOST_ENTRIES}")
    return [_entry(row, f"{where}, entry {number}") for number, row in enumerate(rows, 1)]


def _entry(row: dict[str, Any], where: str) -> Entry:
    """One row of a table. Raises ConfigError that says what is wrong with it."""
    if unknown := set(row) - _FIELDS:
        raise ConfigError(f"{where}: unknown field '{sorted(unknown)[0]}'", hint=f"it may have {', '.join(sorted(_FIELDS))}")
    name, pattern, checksum = row.get("name"), row.get("pattern"), row.get("checksum", "")
    context, digits = row.get("context", []), row.get("digits", 0)
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name in OWN_TYPES:
        raise ConfigError(f"{where}: 'name' must be capitals, digits and single _, and none of {', '.join(OWN_TYPES)}")
    if not isinstance(pattern, str) or not pattern or len(pattern) > LONGEST_PATTERN:
        raise ConfigError(f"{where}: 'pattern' must be a text of at most {LONGEST_PATTERN} characters")
    if checksum not in ("", *CHECKSUMS):
        raise ConfigError(f"{where}: no checksum '{checksum}'", hint=f"there are {', '.join(sorted(CHECKSUMS))}")
    if not isinstance(context, list) or not all(isinstance(word, str) and word for word in context):
        raise ConfigError(f"{where}: 'context' must be a list of words")
    if not isinstance(digits, int) or isinstance(digits, bool) or not 0 <= digits <= 40:
        raise ConfigError(f"{where}: 'digits' must be a number from 0 to 40")
    if not row.get("source"):
        raise ConfigError(f"{where}: say in 'source' where the form is described")
    if fault := _fault(pattern):
        raise ConfigError(f"{where}: the pattern {fault}", hint="a number has a fixed form: say {n} or {n,m} behind a class of characters")
    try:
        compiled = re.compile(f"{BEFORE}(?:{pattern}){AFTER}")
        if compiled.match(""):
            raise ConfigError(f"{where}: the pattern fits an empty text")
    except re.error as error:
        raise ConfigError(f"{where}: the pattern is none: {error}") from None
    words = "|".join(rf"(?<!\w){re.escape(word)}(?!\w)" if word.isascii() else re.escape(word) for word in context)
    return Entry(
        name=name,
        pattern=compiled,
        checksum=checksum,
        context=re.compile(words, re.IGNORECASE) if words else None,
        words=tuple(word.lower() for word in context),
        digits=digits,
    )


def _fault(pattern: str) -> str:
    """Why a pattern could take more than linear time, or nothing."""
    bare = re.sub(r"\[\^?\]?(?:[^\]\\]|\\.)*\]|\\.", "x", pattern)
    if re.search(r"[*+]|\{\d*,\}", bare.replace("(?", "(")):
        return "repeats something without a limit"
    if any(int(most) > 64 for counts in re.findall(r"\{([\d,]+)\}", bare) for most in counts.split(",") if most):
        return "repeats something more than 64 times"
    depth: list[bool] = []
    for number, character in enumerate(bare):
        if character == "(":
            depth.append(False)
        elif character == ")" and depth:
            quantified = depth.pop()
            after = bare[number + 1 : number + 2]
            if after == "{" and quantified:
                return "repeats a group that repeats something itself"
            if depth:
                depth[-1] = depth[-1] or quantified or after in ("{", "?")
        elif character in "{?" and depth and bare[number - 1] != "(":
            depth[-1] = True
    return "refers to a file's own syntax" if "(?P" in pattern or "(?(" in pattern else ""


def _try_out(entry: Entry, where: str) -> None:
    """Refuse a pattern that is slow on texts made to be slow."""
    for evil in _EVIL:
        began = time.process_time()
        sum(1 for _ in entry.pattern.finditer(evil))
        if time.process_time() - began > SLOWEST_S:
            raise ConfigError(f"{where}: the pattern of '{entry.name}' takes too long on a text of {len(evil):,} characters")
