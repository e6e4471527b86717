"""Count how often a digest was seen, in bounded memory: a dictionary at first, a file without a name for long logs."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from pathlib import Path
from types import TracebackType

IN_MEMORY = 200_000


class Occurrences:
    """For one source. Use as a context manager; calling it with a digest counts it."""

    def __init__(self, home: Path, *, in_memory: int = IN_MEMORY) -> None:
        self._home, self._most = home, in_memory
        self._counts: dict[bytes, int] = {}
        self._spilled: sqlite3.Connection | None = None

    def __enter__(self) -> Occurrences:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        if self._spilled is not None:
            self._spilled.close()

    def __call__(self, digest: bytes) -> int:
        """How often this digest was seen, this time included."""
        if self._spilled is not None:
            count = "INSERT INTO seen VALUES (?, 1) ON CONFLICT (digest) DO UPDATE SET times = times + 1 RETURNING times"
            return int(self._spilled.execute(count, (digest,)).fetchone()[0])
        times = self._counts[digest] = self._counts.get(digest, 0) + 1
        if len(self._counts) >= self._most:
            self._spill()
        return times

    def _spill(self) -> None:
        fd, path = tempfile.mkstemp(prefix="occurrences-", dir=self._home / "tmp")
        os.close(fd)
        spilled = sqlite3.connect(path, isolation_level=None)
        for statement in ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", "PRAGMA locking_mode=EXCLUSIVE", "PRAGMA cache_size=-16384"):
            spilled.execute(statement)
        spilled.execute("CREATE TABLE seen (digest BLOB PRIMARY KEY, times INTEGER NOT NULL) WITHOUT ROWID")
        spilled.execute("BEGIN")
        spilled.executemany("INSERT INTO seen VALUES (?, ?)", self._counts.items())
        # The open connection keeps the file; without a name it goes with the process, however that ends.
        os.unlink(path)
        self._counts = {}
        self._spilled = spilled
