"""Bring imported calls in, each exactly once, whatever is killed when.

A batch of calls becomes one compressed segment in four steps, all under the lock of the home: (1) which of their identities are new;
(2) the segment is written as `ID.part` and brought to the disk; (3) one SQLite transaction adds the identities and the batch:
from here on the batch is in; (4) `ID.part` is renamed to `ID.zst`, where readers see it. Killed before (3), the next process finds a part
that no transaction knows and deletes it; killed after (3), it finds the batch and finishes the rename. Identities cost 10 bytes
each, on the disk, not in memory. Large batches of an import may enter the table at once instead (`store.straight`).

A call that is in already, and of which the new record knows more, is handed to whoever completes it (`supplements`).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import zstandard

from modicum.errors import StoreError
from modicum.store import codec, identity, names
from modicum.store.home import changing, sync_folder, write
from modicum.store.meeting import Met, holds, known
from modicum.store.names import Entry, Names
from modicum.store.names import Learned as Learned
from modicum.types import Call, new_call_id

BATCH_BYTES = 16 * 1024 * 1024
BATCH_CALLS = 20_000
LARGE_BYTES = 48 * 1024 * 1024
LARGE_CALLS = 50_000
"""Of a batch that may enter the table at once."""
LEAST_LARGE_BYTES = 4 * 1024 * 1024
"""A smaller one is not worth a commit of the table."""
PATIENCE_S = 600.0
"""How long an import waits for a compaction or an erasure."""
_HEAD_BYTES = 400


@dataclass(frozen=True, slots=True)
class Added:
    """What became of the calls that were brought in."""

    added: int = 0
    known: int = 0
    """Brought in before."""
    erased: int = 0
    """Erased here before, and refused therefore."""
    joined: int = 0
    """Brought in before by another log, which knew less of them."""

    def __add__(self, other: Added) -> Added:
        return Added(self.added + other.added, self.known + other.known, self.erased + other.erased, self.joined + other.joined)


Supplement = Callable[[bytes, codec.Record], None]
"""Hears (key of the call that is in, the record) where a record knows more of a call than is stored."""
Large = Callable[[Path, sqlite3.Connection, Iterable[codec.Record], Learned], None]
"""Brings a large batch in at once, and lets the index learn of it; the caller holds the lock of the home."""


def add(
    home: Path,
    calls: Iterable[Call | Met],
    *,
    supplement: Supplement | None = None,
    large: Large | None = None,
    wait_s: float = PATIENCE_S,
) -> Added:
    """Bring calls in batch by batch. Other processes may read, compact and import meanwhile.

    Without `supplement` what is known already is only counted; without `large` every batch becomes a segment. Raises StoreBusyError where
    another process changes the store for longer than `wait_s`.
    """
    total = Added()
    entries: list[Entry] = []
    size = 0
    most_bytes, most_calls = (BATCH_BYTES, BATCH_CALLS) if large is None else (LARGE_BYTES, LARGE_CALLS)
    for one in calls:
        met = one if isinstance(one, Met) else Met(call=one, form=one.source)
        entries.append(_entry(met))
        call = met.call
        size += len(call.request or b"") + len(call.response or b"") + _HEAD_BYTES
        if size >= most_bytes or len(entries) >= most_calls:
            total += _bring_in(home, entries, supplement, large, wait_s)
            entries, size = [], 0
    if not entries:
        return total
    return total + _bring_in(home, entries, supplement, large if size >= LEAST_LARGE_BYTES else None, wait_s)


def _entry(met: Met) -> Entry:
    record = codec.record(met.call)
    return Entry(
        key=identity.key(met.call.call_id),
        record=record,
        form=met.form,
        known=known(met.form, holds(met.call)),
        at=record.head.started_us // 1_000_000,
        also=met.also,
        near=met.near,
    )


def _bring_in(home: Path, entries: list[Entry], supplement: Supplement | None, large: Large | None, wait_s: float) -> Added:
    with changing(home, wait_s=wait_s), opened(home) as index:
        _recover(home, index)
        found = Names(index, entries)
        fresh: dict[bytes, codec.Record] = {}
        again = erased = joined = 0
        for entry in entries:
            place = found.place(entry)
            if place is None:
                fresh[entry.key] = entry.record
            elif found.erased(place):
                erased += 1
            elif supplement is not None and found.lacks(place, entry.known):
                joined += 1
                supplement(place, entry.record)
            else:
                again += 1
        learned = found.learned(sorted(fresh))
        if fresh and large is not None:
            large(home, index, fresh.values(), learned)
        elif fresh:
            segment_id = new_call_id()
            part = home / "segments" / f"{segment_id}.part"
            _write_part(part, (record.frame() for record in fresh.values()))
            learn(index, learned, segment_id)
            _recover(home, index)
        elif learned.names or learned.twins:
            learn(index, learned)
        return Added(len(fresh) - found.earlier, again, erased, joined + found.earlier)


def learn(index: sqlite3.Connection, learned: Learned, segment_id: str | None = None) -> None:
    """Write down what a batch taught, and its segment with it."""
    with index:
        index.execute("BEGIN IMMEDIATE")
        if segment_id is not None:
            index.execute("INSERT INTO batches (segment_id) VALUES (?)", (segment_id,))
        names.learn(index, learned)


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
            index.execute("CREATE TABLE IF NOT EXISTS batches (segment_id TEXT PRIMARY KEY) WITHOUT ROWID")
            names.prepare(index)
            yield index
        finally:
            index.close()
    except sqlite3.Error as error:
        raise StoreError(f"cannot use {file}: {error}") from None
