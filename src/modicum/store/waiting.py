"""Records that wait to be joined to stored calls, in two files without names: memory does not grow with them."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from modicum.store import codec, identity
from modicum.store.meeting import Known, known_of
from modicum.types import Call

_TABLE = (
    "CREATE TABLE records (key BLOB, at INTEGER, bytes INTEGER, scope TEXT, day TEXT,"
    " part BLOB, seen INTEGER, stored_us INTEGER, forms INTEGER, fields BLOB)"
)


@dataclass(frozen=True, slots=True)
class Waits:
    """One record."""

    call: Call
    known: Known
    part: bytes
    """Its own key."""
    seen: bool | None
    stored_us: int | None
    """When it entered the home, where it was in the table; None for what has just come."""


class Waiting:
    """Records by the key of the call that they are of."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._file: BinaryIO | None = None
        self._index: sqlite3.Connection | None = None
        self.count = 0

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        if self._index is not None:
            self._index.close()

    def put(
        self, key: bytes, record: codec.Record, *, known: Known | None = None, seen: bool | None = None, stored_us: int | None = None
    ) -> None:
        """Keep a record of the call with this key. `known`, `seen` and `stored_us` come with what was a call of the table."""
        if self._index is None or self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._home / "tmp")  # noqa: SIM115
            self._index = _nameless(self._home)
        payload = record.frame()[codec.FRAME.size :]
        at = self._file.seek(0, os.SEEK_END)
        self._file.write(payload)
        forms, fields = (None, None) if known is None else (known.forms, known.fields)
        part, day = identity.key(record.head.call_id), identity.day_of(record.head.call_id) or "1970-01-01"
        row = (key, at, len(payload), record.head.scope, day, part, seen, stored_us, forms, fields)
        self._index.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        self.count += 1

    def rename(self, key: bytes, to: bytes) -> None:
        """What waits for one call waits for another."""
        if self._index is not None:
            self._index.execute("UPDATE records SET key = ? WHERE key = ?", (to, key))

    def take(self, key: bytes) -> list[Waits]:
        """What waits for a call, as it came."""
        if self._index is None or self._file is None:
            return []
        query = "SELECT at, bytes, part, seen, stored_us, forms, fields FROM records WHERE key = ? ORDER BY at"
        found = []
        for at, size, part, seen, stored_us, forms, fields in self._index.execute(query, (key,)).fetchall():
            self._file.seek(at)
            call = codec.decode(self._file.read(size))
            known = known_of(call) if forms is None else Known(forms, fields)
            found.append(Waits(call, known, part, None if seen is None else bool(seen), stored_us))
        return found

    def wanted(self, keys: list[bytes]) -> set[bytes]:
        """Of these calls, the ones that something waits for."""
        if self._index is None:
            return set()
        query = f"SELECT key FROM records WHERE key IN ({','.join('?' * len(keys))})"
        return {key for (key,) in self._index.execute(query, keys)}

    def forget(self, keys: Iterable[bytes]) -> None:
        if self._index is not None:
            self._index.executemany("DELETE FROM records WHERE key = ?", ((key,) for key in keys))

    def left(self) -> bool:
        """Does anything wait still?"""
        return self._index is not None and self._index.execute("SELECT 1 FROM records LIMIT 1").fetchone() is not None

    def days(self) -> Iterator[tuple[str, str]]:
        """(scope, day) of what waits."""
        return iter(()) if self._index is None else iter(self._index.execute("SELECT DISTINCT scope, day FROM records").fetchall())


def _nameless(home: Path) -> sqlite3.Connection:
    """An index on the disk that goes with the process."""
    fd, path = tempfile.mkstemp(prefix="supplements-", dir=home / "tmp")
    os.close(fd)
    # The table's writer takes rows on a thread of its own, while this one waits for it.
    index = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for statement in ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA locking_mode=EXCLUSIVE", "PRAGMA cache_size=-16384"):
        index.execute(statement)
    index.execute(_TABLE)
    index.execute("CREATE INDEX by_key ON records (key)")
    index.execute("BEGIN")
    os.unlink(path)
    return index
