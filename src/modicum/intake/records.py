"""A log as records, whatever it is laid out as: JSON lines, one JSON array or document, or CSV. Told apart by the first bytes."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec

from modicum.errors import LogFormatError
from modicum.intake import tables
from modicum.intake.lines import BOM, lines
from modicum.intake.unlike import unlike
from modicum.intake.values import values

Layout = Literal["lines", "values", "table"]
LOOKED_AT_BYTES = 1 << 16
_is_json = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a log."""

    number: int
    """The line that it stands in."""
    body: bytes | LogFormatError | None
    """JSON, or why the record is none; None where it is too long."""
    ended: bool = True
    """False for what the end of the log cut off."""
    names: tuple[str, ...] | None = None
    """Of the columns, where it is a row of a table."""
    whole: bool = False
    """It stands for the whole log, which is none."""


def records(pieces: Iterable[bytes], *, longest: int, is_head: Callable[[Mapping[str, bytes]], bool]) -> Iterator[Record]:
    """Every record of a log. `is_head`: is a table with these columns one that is read?"""
    pieces = iter(pieces)
    first = b""
    while len(first) < LOOKED_AT_BYTES and (piece := next(pieces, None)) is not None:
        first += piece
    whole = itertools.chain((first,), pieces)
    layout = layout_of(first)
    if layout == "lines" and (why := unlike(first)) is not None:
        yield Record(1, LogFormatError(why), whole=True)
        return
    if layout == "table":
        found = tables.head(first.split(b"\n", 1)[0])
        assert found is not None
        delimiter, names = found
        if not is_head(dict.fromkeys(names, b'""')):
            named = ", ".join(name[:40] for name in names[:12]) + (" and more" if len(names) > 12 else "")
            reason = f"a table whose columns are none that we know: {named}. Nothing of it was read; --columns says which is which"
            yield Record(1, LogFormatError(reason), whole=True)
            return
        for number, row in tables.rows(whole, delimiter, names, longest=longest):
            yield Record(number, row, names=names)
        return
    for number, body, ended in (values if layout == "values" else lines)(whole, longest=longest):
        yield Record(number, body, ended)


def layout_of(first: bytes) -> Layout:
    """What a log that begins like this is laid out as."""
    start = first.removeprefix(BOM).lstrip()
    if start[:1] == b"[":
        return "values"
    line, found, rest = start.partition(b"\n")
    if start[:1] == b"{":
        # A document on many lines: its first line ends where a value has only begun.
        return "values" if found and line.rstrip()[-1:] in b"{[,:" and not _is_object(line) else "lines"
    if first.removeprefix(BOM)[:1] in (b"\n", b"\r", b""):
        return "lines"
    # A line of JSON behind the first speaks against a head.
    head = tables.head(first.split(b"\n", 1)[0]) if found or len(first) < LOOKED_AT_BYTES else None
    if head is None or len(head[1]) < 2 or rest.lstrip()[:1] in (b"{", b"["):
        return "lines"
    return "table"


def _is_object(line: bytes) -> bool:
    try:
        _is_json(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True
