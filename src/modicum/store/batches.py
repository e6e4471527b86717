"""Bring imported calls in, each exactly once, whatever is killed when.

A batch of calls becomes one compressed segment in four steps, all under the lock of the home: (1) which of their identities are new;
(2) the segment is written as `ID.part` and brought to the disk; (3) one SQLite transaction adds the identities and the batch:
from here on the batch is in; (4) `ID.part` is renamed to `ID.zst`, where readers see it. Killed before (3), the next process finds a part
that no transaction knows and deletes it; killed after (3), it finds the batch and finishes the rename. Identities cost 10 bytes
each, on the disk, not in memory.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import zstandard

from modicum.errors import StoreError
from modicum.store import codec, identity
from modicum.store.home import changing, sync_folder, write
from modicum.types import Call, new_call_id

BATCH_BYTES = 16 * 1024 * 1024
BATCH_CALLS = 20_000
PATIENCE_S = 600.0
"""How long an import waits for a compaction or an erasure."""
_ASK = 500


@dataclass(frozen=True, slots=True)
class Added:
    """What became of the calls that were brought in."""

    added: int = 0
    known: int = 0
    """Brought in before."""
    erased: int = 0
    """Erased here before, and refused therefore."""

    def __add__(self, other: Added) -> Added:
        return Added(self.added + other.added, self.known + other.known, self.erased + other.erased)


def add(home: Path, calls: Iterable[Call], *, wait_s: float = PATIENCE_S) -> Added:
    """Bring calls in batch by batch. Other processes may read, compact and import meanwhile.

    Raises StoreBusyError where another process changes the store for longer than `wait_s`.
    """
    total = Added()
    frames: list[tuple[bytes, bytes]] = []
    size = 0
    for call in calls:
        frame = codec.encode(call)
        frames.append((identity.key(call.call_id), frame))
        size += len(frame)
        if size >= BATCH_BYTES or len(frames) >= BATCH_CALLS:
            total += _bring_in(home, frames, wait_s)
            frames, size = [], 0
    return total + _bring_in(home, frames, wait_s) if frames else total


def _bring_in(home: Path, frames: list[tuple[bytes, bytes]], wait_s: float) -> Added:
    with changing(home, wait_s=wait_s), opened(home) as index:
        _recover(home, index)
        states = dict(_states(index, [key for key, _ in frames]))
        fresh: dict[bytes, bytes] = {}
        known = erased = 0
        for key, frame in frames:
            if states.get(key):
                erased += 1
            elif key in states or key in fresh:
                known += 1
            else:
                fresh[key] = frame
        if fresh:
            segment_id = new_call_id()
            part = home / "segments" / f"{segment_id}.part"
            _write_part(part, fresh.values())
            with index:
                index.execute("BEGIN IMMEDIATE")
                index.execute("INSERT INTO batches (segment_id) VALUES (?)", (segment_id,))
                index.executemany("INSERT INTO known (key, erased) VALUES (?, 0)", ((key,) for key in sorted(fresh)))
            _recover(home, index)
        return Added(len(fresh), known, erased)


def _write_part(part: Path, frames: Iterable[bytes]) -> None:
    compressor = zstandard.ZstdCompressor(level=1, write_checksum=True).compressobj()
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        for frame in frames:
            if chunk := compressor.compress(frame):
                write(fd, chunk)
        write(fd, compressor.flush())
        os.fsync(fd)
    except OSError as error:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise StoreError(f"cannot write {part.parent}: {error.strerror}") from None
    finally:
        os.close(fd)
    sync_folder(part.parent)


def _states(index: sqlite3.Connection, keys: list[bytes]) -> Iterator[tuple[bytes, int]]:
    for start in range(0, len(keys), _ASK):
        some = keys[start : start + _ASK]
        yield from index.execute(f"SELECT key, erased FROM known WHERE key IN ({','.join('?' * len(some))})", some)


def unfinished(home: Path) -> bool:
    """Did an import leave a batch on its way?"""
    return any(name.endswith(".part") for name in os.listdir(home / "segments"))


def recover(home: Path) -> None:
    """Finish what an import left on its way. The caller holds the lock of the home."""
    if unfinished(home):
        with opened(home) as index:
            _recover(home, index)


def _recover(home: Path, index: sqlite3.Connection) -> None:
    folder = home / "segments"
    committed = {segment_id for (segment_id,) in index.execute("SELECT segment_id FROM batches")}
    parts = [folder / name for name in os.listdir(folder) if name.endswith(".part")]
    for part in parts:
        if part.stem in committed:
            os.rename(part, part.with_suffix(".zst"))
        else:
            part.unlink()
    if parts:
        sync_folder(folder)
    if committed:
        with index:
            index.execute("BEGIN IMMEDIATE")
            index.execute("DELETE FROM batches")


def remember_erased(home: Path, call_ids: Iterable[str]) -> None:
    """Refuse these identities from now on. The caller holds the lock of the home."""
    with opened(home) as index, index:
        index.execute("BEGIN IMMEDIATE")
        index.executemany("INSERT OR REPLACE INTO known (key, erased) VALUES (?, 1)", ((identity.key(call_id),) for call_id in call_ids))


@contextmanager
def opened(home: Path) -> Iterator[sqlite3.Connection]:
    """The index of identities."""
    file = home / "index.db"
    try:
        file.touch(mode=0o600)
        index = sqlite3.connect(file, timeout=30, isolation_level=None)
        try:
            for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "PRAGMA secure_delete=ON", "PRAGMA cache_size=-16384"):
                index.execute(statement)
            index.execute("CREATE TABLE IF NOT EXISTS known (key BLOB PRIMARY KEY, erased INTEGER NOT NULL) WITHOUT ROWID")
            index.execute("CREATE TABLE IF NOT EXISTS batches (segment_id TEXT PRIMARY KEY) WITHOUT ROWID")
            yield index
        finally:
            index.close()
    except sqlite3.Error as error:
        raise StoreError(f"cannot use {file}: {error}") from None
