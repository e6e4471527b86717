"""The rows of the ledger and its files: how one is written, which there are, and what they say of calls that ended."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Literal
from uuid import UUID

from modicum.store.alive import members, notes

ROW = struct.Struct("<IBBHIiqq24s16sqq")
"""CRC32 of the rest, kind, flags, form, writer, day, wall clock (µs), steady clock (µs), key, call, pico-dollars, tokens."""
_CRC, _REST = struct.Struct("<I"), struct.Struct("<BBHIiqq24s16sqq")
HEAD, RESERVE, SETTLE, CANCEL, LOST, CARRY, WINDOW, SEAL = range(8)
ENDS = frozenset((SETTLE, CANCEL, LOST))
CARRIED, ESTIMATED, UNKNOWN = 1, 2, 4
CALL = slice(56, 72)
"""Where a row names its call."""
WRITERS = "writers"
"""The folder in the ledger's with a file for each process that lives."""
FORM = 1
COMPARING = "comparing"
"""In whose name it is counted what answers take that are only compared: no key's."""
LONGEST_KEY = 24
CAP = (1 << 63) - 1
_READ_ROWS = 8192


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one call came to."""

    call_id: str
    key_id: str
    day: int
    """Of its start, counted from 1970, UTC."""
    kind: Literal["settled", "lost"]
    pico_usd: int
    tokens: int
    estimated: bool
    unknown: bool
    """The cost could not be told; what was held for the call was taken."""


def row(kind: int, flags: int, writer: int, day: int, wall_us: int, at_us: int, key: bytes, call: bytes, pico: int, tokens: int) -> bytes:
    if pico > CAP or tokens > CAP:
        pico, tokens = min(pico, CAP), min(tokens, CAP)
    body = _REST.pack(kind, flags, FORM, writer, day, wall_us, at_us, key, call, pico, tokens)
    return _CRC.pack(zlib.crc32(body)) + body


def call_bytes(call_id: str) -> bytes:
    """A call's id as it stands in a row: the UUID's own bytes."""
    try:
        found = bytes.fromhex(call_id.replace("-", ""))
    except ValueError:
        found = b""
    return found if len(found) == 16 else blake2b(call_id.encode(), digest_size=16).digest()


def file(folder: Path, number: int) -> Path:
    return folder / f"{number:010d}.log"


def numbers(folder: Path) -> list[int]:
    """Of the files there are, oldest first."""
    return sorted(int(name[:-4]) for name in os.listdir(folder) if name.endswith(".log") and name[:-4].isdigit())


def begun(fd: int) -> bool:
    """Is all there that the file began with?"""
    head = os.pread(fd, ROW.size, 0)
    if len(head) < ROW.size or not sound(head) or head[4] != HEAD:
        return False
    count: int = ROW.unpack(head)[10]
    at = ROW.size
    for _ in range(count):
        if len(one := os.pread(fd, ROW.size, at)) < ROW.size or not sound(one):
            return False
        at += ROW.size
    return True


def sound(one: bytes) -> bool:
    return int.from_bytes(one[:4], "little") == zlib.crc32(one[4:])


def noted(folder: Path, number: int) -> Iterator[bytes]:
    """Rows of calls that a writer ended and may not have appended yet, as it noted them in its own file."""
    body = notes(folder / WRITERS, number)
    for offset in range(0, len(body) - ROW.size + 1, ROW.size):
        one = body[offset : offset + ROW.size]
        if one[4] in ENDS and sound(one):
            yield one


def entries(home: Path, *, since_day: int = 0) -> Iterator[Entry]:
    """Every call that ended, of which there is a record; those that began before `since_day` are left out."""
    folder = home / "ledger"
    # What is noted now and not in the log yet is there a moment later: so it is asked for first.
    waiting = {one[CALL]: one for number in members(folder / WRITERS) for one in noted(folder, number)}
    for number in numbers(folder) if folder.is_dir() else ():
        with open(file(folder, number), "rb") as stream:
            while body := stream.read(ROW.size * _READ_ROWS):
                for offset in range(0, len(body) - ROW.size + 1, ROW.size):
                    one = body[offset : offset + ROW.size]
                    if one[4] in ENDS and sound(one):
                        waiting.pop(one[CALL], None)
                        if (entry := _entry(one, since_day)) is not None:
                            yield entry
    for one in waiting.values():
        if (entry := _entry(one, since_day)) is not None:
            yield entry


def _entry(one: bytes, since_day: int) -> Entry | None:
    _, kind, flags, _, _, day, _, _, key, call, pico, tokens = ROW.unpack(one)
    if kind == CANCEL or day < since_day:
        return None
    return Entry(
        call_id=str(UUID(bytes=call)),
        key_id=key.rstrip(b"\0").decode(),
        day=day,
        kind="lost" if kind == LOST else "settled",
        pico_usd=pico,
        tokens=tokens,
        estimated=bool(flags & ESTIMATED),
        unknown=bool(flags & UNKNOWN),
    )
