"""Read CSV row by row: comma, semicolon or tab between the cells, quoted or not; each row becomes a JSON object of texts.

Rows are read as they come; a cell may be as long as a record may. A row with more or fewer cells than the head is refused, as is one that
is not UTF-8: nothing is guessed.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from modicum.errors import LogFormatError
from modicum.intake.lines import BOM, LONGEST_BYTES

DELIMITERS = (",", ";", "\t")
MOST_COLUMNS = 1_000
LONGEST_NAME = 200
_encode = msgspec.json.Encoder().encode


def head(line: bytes) -> tuple[str, tuple[str, ...]] | None:
    """(delimiter, names of the columns) where a line is the head of a table; None where it cannot be one."""
    try:
        text = line.removeprefix(BOM).decode().strip("\r\n")
    except UnicodeDecodeError:
        return None
    if not text.strip() or text.lstrip()[:1] in ("{", "[") or not text.replace("\t", " ").isprintable():
        return None
    delimiter = max(DELIMITERS, key=lambda one: len(_cells(text, one)))
    names = tuple(name.strip() for name in _cells(text, delimiter))
    if len(names) > MOST_COLUMNS or any(len(name) > LONGEST_NAME for name in names):
        return None
    return delimiter, names


def _cells(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []


def rows(
    pieces: Iterable[bytes], delimiter: str, names: Sequence[str], *, longest: int = LONGEST_BYTES
) -> Iterator[tuple[int, bytes | LogFormatError]]:
    """(line that the row ends in, the row as a JSON object, or why it is none) of each row behind the head."""
    names = unlike(names)
    # The module's own limit, a ten-thousandth of ours, holds for the whole process; this is the only reader of long cells in it.
    csv.field_size_limit(min(longest, sys.maxsize))
    reader = csv.reader(_texts(pieces, longest), delimiter=delimiter, strict=True)
    while True:
        try:
            cells = next(reader, None)
        except (csv.Error, _TooLongError) as error:
            yield reader.line_num, LogFormatError(f"not CSV: {error}")
            if isinstance(error, _TooLongError):
                return
            continue
        if cells is None:
            return
        if reader.line_num == 1 or not any(cells):
            continue
        yield reader.line_num, _row(names, cells)


def unlike(names: Sequence[str]) -> tuple[str, ...]:
    """The names of columns, told apart: a second `total` is `total (2)`, a column without a name is `column 3`."""
    seen: dict[str, int] = {}
    found = []
    for number, name in enumerate(names, 1):
        name = name or f"column {number}"
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(found)


def _row(names: Sequence[str], cells: list[str]) -> bytes | LogFormatError:
    if len(cells) != len(names):
        extra = cells[len(names) :]
        if len(cells) < len(names) or any(extra):
            return LogFormatError(f"{len(cells)} cells where the head names {len(names)}")
    text = "".join(cells)
    if "\0" in text:
        return LogFormatError("holds NUL bytes")
    if not text.isascii() and any("\udc80" <= char <= "\udcff" for char in text):
        return LogFormatError("not UTF-8")
    return _encode({name: cell for name, cell in zip(names, cells, strict=False) if cell})


class _TooLongError(Exception):
    pass


def _texts(pieces: Iterable[bytes], longest: int) -> Iterator[str]:
    """Physical lines with their ends, as text; bytes that are not UTF-8 stand as lone surrogates."""
    held: list[bytes] = []
    size = 0
    first = True
    for piece in pieces:
        if first:
            piece, first = piece.removeprefix(BOM), not piece
        lines = piece.split(b"\n")
        for line in lines[:-1]:
            held.append(line)
            yield (b"".join(held) if len(held) > 1 else line).decode(errors="surrogateescape") + "\n"
            held, size = [], 0
        held.append(lines[-1])
        size += len(lines[-1])
        if size > longest:
            raise _TooLongError(f"a line is longer than {longest >> 20} MiB; what follows it was not read")
    if size:
        yield b"".join(held).decode(errors="surrogateescape")
