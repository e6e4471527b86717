"""Bring imported calls in, each exactly once, whatever is killed when.

A batch of calls becomes one compressed segment in four steps, all under the lock of the home: (1) which of their identities are new;
(2) the segment is written as `ID.part` and brought to the disk; (3) one SQLite transaction adds the identities and the batch:
from here on the batch is in; (4) `ID.part` is renamed to `ID.zst`, where readers see it. Killed before (3), the next process finds a part
that no transaction knows and deletes it; killed after (3), it finds the batch and finishes the rename. Identities cost 10 bytes
each, on the disk, not in memory.

A call that is in already, and of which the new record knows more, is handed to whoever completes it (`supplements`).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

from modicum.errors import StoreError
from modicum.store import codec, identity
from modicum.store.home import changing, sync_folder, write
from modicum.store.meeting import Met, holds
from modicum.types import Call, new_call_id, quick

BATCH_BYTES = 16 * 1024 * 1024
BATCH_CALLS = 20_000
PATIENCE_S = 600.0
"""How long an import waits for a compaction or an erasure."""
_ASKED = 500


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


Supplement = Callable[[bytes, int, bytes], None]
"""Hears (key of the call that is in, what the record holds, the record's frame) where a record knows more of a call than is stored."""


def add(home: Path, calls: Iterable[Call | Met], *, supplement: Supplement | None = None, wait_s: float = PATIENCE_S) -> Added:
    """Bring calls in batch by batch. Other processes may read, compact and import meanwhile.

    Without `supplement` what is known already is only counted. Raises StoreBusyError where another process changes the store for longer
    than `wait_s`.
    """
    total = Added()
    entries: list[_Entry] = []
    size = 0
    for one in calls:
        met = one if isinstance(one, Met) else None
        call = one.call if isinstance(one, Met) else one
        frame = codec.encode(call)
        entries.append(_Entry(key=identity.key(call.call_id), frame=frame, holds=holds(call), met=met))
        size += len(frame)
        if size >= BATCH_BYTES or len(entries) >= BATCH_CALLS:
            total += _bring_in(home, entries, supplement, wait_s)
            entries, size = [], 0
    return total + _bring_in(home, entries, supplement, wait_s) if entries else total


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    key: bytes
    frame: bytes
    holds: int
    met: Met | None


def _bring_in(home: Path, entries: list[_Entry], supplement: Supplement | None, wait_s: float) -> Added:
    with changing(home, wait_s=wait_s), opened(home) as index:
        _recover(home, index)
        names = Names.of(index, entries)
        fresh: dict[bytes, bytes] = {}
        known = erased = joined = 0
        for entry in entries:
            place = names.place(entry)
            if place is None:
                fresh[entry.key] = entry.frame
            elif names.erased(place):
                erased += 1
            elif supplement is not None and names.lacks(place, entry.holds):
                joined += 1
                supplement(place, entry.holds, entry.frame)
            else:
                known += 1
        if fresh:
            segment_id = new_call_id()
            part = home / "segments" / f"{segment_id}.part"
            _write_part(part, fresh.values())
            with index:
                index.execute("BEGIN IMMEDIATE")
                index.execute("INSERT INTO batches (segment_id) VALUES (?)", (segment_id,))
                index.executemany("INSERT INTO known (key, erased, holds) VALUES (?, 0, ?)", names.stored(sorted(fresh)))
                names.write(index)
            _recover(home, index)
        elif names.new:
            with index:
                index.execute("BEGIN IMMEDIATE")
                names.write(index)
        return Added(len(fresh), known, erased, joined)


class Names:
    """Which calls a batch's records are, by all the names that they and what is stored have."""

    def __init__(self) -> None:
        self._states: dict[bytes, tuple[int, int | None]] = {}
        """key of a call -> (erased, what is held of it)"""
        self._meets: dict[bytes, tuple[bytes, str]] = {}
        """key of a name -> (key of its call, the format that named it)"""
        self._forms: set[tuple[bytes, str]] = set()
        """(key of a call, a format that told of it)"""
        self.new: list[tuple[bytes, bytes, str]] = []
        """(name, call, format) to be written down."""

    @classmethod
    def of(cls, index: sqlite3.Connection, entries: list[_Entry]) -> Names:
        found = cls()
        keys = {entry.key for entry in entries}
        for entry in entries:
            if entry.met is not None:
                keys.update(entry.met.also, entry.met.near)
        listed = list(keys)
        found._meets = {key: (call, form) for key, call, form in _ask(index, "SELECT key, call, form FROM meets WHERE key IN", listed)}
        calls = list(keys | {call for call, _ in found._meets.values()})
        found._states = {
            key: (erased, held) for key, erased, held in _ask(index, "SELECT key, erased, holds FROM known WHERE key IN", calls)
        }
        found._forms = set(_ask(index, "SELECT call, form FROM meets WHERE call IN", list(found._states)))
        return found

    def place(self, entry: _Entry) -> bytes | None:
        """The call that this record tells of, None where it is new; either way its names are noted."""
        met, place = entry.met, None
        if entry.key in self._states:
            place = entry.key
        elif entry.key in self._meets:
            place = self._meets[entry.key][0]
        elif met is not None:
            place = next((call for name in (*met.also, *met.near) if (call := self._other(name, met.form)) is not None), None)
        if place is None:
            self._states[entry.key] = (0, entry.holds)
        if met is not None and (met.also or met.near):
            self._note(entry.key, entry.key if place is None else place, met)
        return place

    def _other(self, name: bytes, form: str) -> bytes | None:
        """The call that another format knows by this name, unless this format has told of it already."""
        call, by = (name, "") if name in self._states else self._meets.get(name, (None, ""))
        return None if call is None or by == form or (call, form) in self._forms else call

    def _note(self, key: bytes, call: bytes, met: Met) -> None:
        for name in (key, *met.also):
            if name not in self._meets and (name == key or name not in self._states):
                self._meets[name] = (call, met.form)
                self.new.append((name, call, met.form))
        self._forms.add((call, met.form))

    def erased(self, call: bytes) -> bool:
        return bool(self._states.get(call, (0, 0))[0])

    def lacks(self, call: bytes, held: int) -> bool:
        """Is there anything in `held` that is not known of the call?"""
        before = self._states.get(call, (0, None))[1]
        return bool(held & ~(before or 0))

    def stored(self, calls: list[bytes]) -> Iterator[tuple[bytes, int | None]]:
        return ((call, self._states[call][1]) for call in calls)

    def write(self, index: sqlite3.Connection) -> None:
        index.executemany("INSERT OR IGNORE INTO meets (key, call, form) VALUES (?, ?, ?)", self.new)


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


def _ask(index: sqlite3.Connection, query: str, keys: list[bytes]) -> Iterator[tuple[Any, ...]]:
    keys.sort()
    for start in range(0, len(keys), _ASKED):
        some = keys[start : start + _ASKED]
        yield from index.execute(f"{query} ({','.join('?' * len(some))})", some)


def now_held(home: Path, held: Iterable[tuple[bytes, int]]) -> None:
    """Remember what is known of these calls from now on. The caller holds the lock of the home."""
    with opened(home) as index, index:
        index.execute("BEGIN IMMEDIATE")
        index.executemany("UPDATE known SET holds = coalesce(holds, 0) | ? WHERE key = ?", ((bits, key) for key, bits in held))


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
            if not any(row[1] == "holds" for row in index.execute("PRAGMA table_info(known)")):
                with suppress(sqlite3.OperationalError):  # another process was first
                    index.execute("ALTER TABLE known ADD COLUMN holds INTEGER")
            index.execute("CREATE TABLE IF NOT EXISTS meets (key BLOB PRIMARY KEY, call BLOB NOT NULL, form TEXT NOT NULL) WITHOUT ROWID")
            index.execute("CREATE INDEX IF NOT EXISTS met ON meets (call)")
            yield index
        finally:
            index.close()
    except sqlite3.Error as error:
        raise StoreError(f"cannot use {file}: {error}") from None
