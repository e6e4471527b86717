"""Complete stored calls with what a second log knows of them: usage from one, bodies from another, one call in the end.

Records that know more wait in a file without a name until all that is sealed and open is in the table; then each partition that holds
one of their calls is rewritten in one commit. Killed before, nothing is lost: the log that brought them, brought in again, brings
them again, because what is known of a call is remembered only after the commit.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from modicum.store import batches, codec, identity, rows
from modicum.store.compact import absorb
from modicum.store.engine import connected, fetch
from modicum.store.home import changing, deleting, reading
from modicum.store.key import evidence_key
from modicum.store.marks import NAMES, Marker
from modicum.store.meeting import together
from modicum.store.table import File, Table, guarded

Progress = Callable[[float], None]
"""Share done."""
_ASKED = 500


class Supplements:
    """Records that wait for their calls. A context manager; give it to `batches.add` as `supplement`."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._file: BinaryIO | None = None
        self._index: sqlite3.Connection | None = None
        self.count = 0

    def __enter__(self) -> Supplements:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()
        if self._index is not None:
            self._index.close()

    def __call__(self, key: bytes, held: int, frame: bytes) -> None:
        """One record, and the key of the call that it is of."""
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._home / "tmp")  # noqa: SIM115
            self._index = _nameless(self._home)
        assert self._index is not None
        payload = frame[codec.FRAME.size :]
        at = self._file.seek(0, os.SEEK_END)
        self._file.write(payload)
        call = codec.decode(payload, bodies=False)
        self._index.execute(
            "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)", (key, held, at, len(payload), call.scope, day_of(call.call_id))
        )
        self.count += 1

    def join(self, progress: Progress = lambda share: None) -> int:
        """Complete the calls; how many. Raises StoreBusyError where another process keeps the store."""
        if not self.count:
            return 0
        with changing(self._home):
            absorb(self._home)
            table = Table(self._home)
            joined = 0
            parts = self._partitions(table)
            for number, (scope, day, paths) in enumerate(parts):
                done: list[tuple[bytes, int]] = []
                if self._is_due(paths):
                    with guarded(self._home):
                        table.replace(scope, day, self._rows(paths, done))
                    batches.now_held(self._home, done)
                    self._forget(done)
                joined += len(done)
                progress((number + 1) / len(parts))
            with deleting(self._home), guarded(self._home):
                table.sweep()
        return joined

    def _partitions(self, table: Table) -> list[tuple[str, str, list[str]]]:
        """(scope, day, files) of the partitions that may hold a call, the likely ones first: two logs seldom differ by more than a day."""
        assert self._index is not None
        wanted = set(self._index.execute("SELECT DISTINCT scope, day FROM records"))
        near = {(scope, _moved(day, by)) for scope, day in wanted for by in (-1, 0, 1)}
        scopes = {scope for scope, _ in wanted}
        parts: dict[tuple[str, str], list[File]] = {}
        for file in table.files():
            if file.scope in scopes:
                parts.setdefault((file.scope, file.day), []).append(file)
        order = sorted(parts, key=lambda part: (part not in near, part))
        return [(scope, day, [file.path for file in parts[scope, day]]) for scope, day in order]

    def _is_due(self, paths: list[str]) -> bool:
        """Does a partition hold a call that a record waits for?"""
        assert self._index is not None
        if self._index.execute("SELECT 1 FROM records LIMIT 1").fetchone() is None:
            return False
        with reading(self._home), connected(self._home) as connection:
            connection.execute(f"SELECT call_id FROM ({rows.SOURCE})", [paths])
            while some := connection.fetchmany(_ASKED):
                keys = [identity.key(call_id) for (call_id,) in some]
                query = f"SELECT 1 FROM records WHERE key IN ({','.join('?' * len(keys))}) LIMIT 1"
                if self._index.execute(query, keys).fetchone() is not None:
                    return True
        return False

    def _rows(self, paths: list[str], done: list[tuple[bytes, int]]) -> Iterator[tuple[Any, ...]]:
        """A partition's calls, completed; `done` gets the keys of those that were, and what is known of them now."""
        assert self._index is not None and self._file is not None
        columns, width = ", ".join((*rows.SELECTED, *NAMES)), len(rows.SELECTED)
        marker = Marker(evidence_key(self._home))
        with reading(self._home), connected(self._home) as connection:
            connection.execute(f"SELECT {columns}, seen, stored_us FROM ({rows.SOURCE}) ORDER BY started_us, call_id", [paths])
            for values in fetch(connection):
                call, seen, stored_us = rows.call(values[:width]), values[-2], values[-1]
                key = identity.key(call.call_id)
                found = self._index.execute("SELECT held, at, bytes FROM records WHERE key = ? ORDER BY at", (key,)).fetchall()
                for held, at, size in found:
                    self._file.seek(at)
                    other = codec.decode(self._file.read(size))
                    if call.request is None and other.request is not None:
                        # Bodies are kept for so many days from when they came.
                        seen, stored_us = True, max(stored_us, time.time_ns() // 1000)
                    call = together(call, other)
                    done.append((key, held))
                marks = marker.of(call) if call.request is not None else values[width:-2]
                yield rows.row(call, stored_us, seen, marks=marks)

    def _forget(self, done: list[tuple[bytes, int]]) -> None:
        assert self._index is not None
        self._index.executemany("DELETE FROM records WHERE key = ?", ((key,) for key, _ in done))


def day_of(call_id: str) -> str:
    return identity.day_of(call_id) or "1970-01-01"


def _moved(day: str, by: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=by)).isoformat()


def _nameless(home: Path) -> sqlite3.Connection:
    """An index on the disk that goes with the process."""
    fd, path = tempfile.mkstemp(prefix="supplements-", dir=home / "tmp")
    os.close(fd)
    # The table's writer takes rows on a thread of its own, while this one waits for it.
    index = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for statement in ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA locking_mode=EXCLUSIVE", "PRAGMA cache_size=-16384"):
        index.execute(statement)
    index.execute("CREATE TABLE records (key BLOB, held INTEGER, at INTEGER, bytes INTEGER, scope TEXT, day TEXT)")
    index.execute("CREATE INDEX by_key ON records (key)")
    index.execute("BEGIN")
    os.unlink(path)
    return index
