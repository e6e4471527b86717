"""The audit log as a file: JSON Lines, a header and then every line with what binds it. Written here, and checked without any store.

    {"format":"modicum-audit","version":1,"created":"…","count":2,"head":"…"}
    {"number":1,"at":"…","actor":"…","action":"…","subject":"…","detail":"…","nonce":"…","commitment":"…","link":"…"}
    …

There is one spelling of each line (no blanks, keys in this order, letters of all scripts as they are): another one is a fault, so that a
file which holds has no byte that was changed, but for the time in its header, which only a signature vouches for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Literal

import msgspec

from modicum.errors import InputError
from modicum.store import chain
from modicum.store.chain import GENESIS, Line, Walk, Walked

MAX_LINE_BYTES = 1024 * 1024
MAX_LINES = 10_000_000
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Line).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The first line of the file."""

    format: Literal["modicum-audit"] = "modicum-audit"
    version: Literal[1] = 1
    created: datetime
    count: int
    head: str
    """The last line's link."""


_decode_header = msgspec.json.Decoder(Header).decode


def written(lines: Sequence[Line], created: datetime) -> Iterator[bytes]:
    """The file, line by line."""
    head = lines[-1].link if lines else GENESIS
    yield _encode(Header(created=created, count=len(lines), head=head)) + b"\n"
    for line in lines:
        yield _encode(line) + b"\n"


def head_of(file: BinaryIO) -> str:
    """The head that a file says it has. Raises InputError where its header cannot be read."""
    header = _header(file)
    if header is None:
        raise InputError("it does not begin as an export of the record does", hint="`modicum audit export FILE` writes one")
    return chain.head(header.head)


def verify(file: BinaryIO, kept: str | None = None) -> Walked:
    """Check every byte of an export. `kept`: a head that somebody kept. What cannot be read is a fault too; nothing is raised for it."""
    walk = Walk(kept)
    header = _header(file)
    if header is None:
        walk.fault(None, "the header is not one of an export of the record")
        return walk.end()
    lines, last = 0, GENESIS
    while raw := file.readline(MAX_LINE_BYTES + 1):
        lines += 1
        if len(raw) > MAX_LINE_BYTES or lines > MAX_LINES:
            walk.fault(walk.next, "is longer than any line" if lines <= MAX_LINES else f"is beyond the {MAX_LINES:,} lines that are read")
            break
        line = _line(raw)
        if line is None:
            walk.fault(walk.next, "cannot be read as a line of the record")
            walk.pass_over()
        else:
            last = line.link
            walk.step(line)
    if lines != header.count:
        walk.fault(None, f"the header says {header.count:,} lines, and there are {lines:,}")
    elif last != header.head:
        walk.fault(None, "the header's head is not the last line's link")
    return walk.end()


def _header(file: BinaryIO) -> Header | None:
    raw = file.readline(MAX_LINE_BYTES)
    try:
        header = _decode_header(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return header if _encode(header) + b"\n" == raw else None


def _line(raw: bytes) -> Line | None:
    try:
        line = _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return line if _encode(line) + b"\n" == raw else None
