"""Read calls back in time order: the table, and the segments that have not entered it yet, each call once.

A reader opens all segments first and looks at the table then: what the table has of them is left out, what it has not can
still be read through the open file, even where it is deleted meanwhile. Bodies are fetched some days at a time, so memory is
bounded by a busy day (which DuckDB spills), not by the log.
"""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import duckdb

from modicum.store import codec, rows
from modicum.store.codec import to_us
from modicum.store.engine import MEMORY, connected, fetch
from modicum.store.home import reading
from modicum.store.segments import Opened, open_all
from modicum.store.table import File, Table, day_of
from modicum.types import Call

WINDOW_BYTES = 2 << 20
"""Compressed bytes of the days that are sorted together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which calls a scan is after; None is any."""

    scope: str | None = None
    workload_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    """`since <= started_at < until`."""
    call_ids: frozenset[str] | None = None
    bodies: bool = True

    def file(self, file: File) -> bool:
        return (
            (self.scope is None or file.scope == self.scope)
            and (self.since is None or file.day >= day_of(self.since))
            and (self.until is None or file.day <= day_of(self.until))
        )

    def call(self, call: Call) -> bool:
        """All but the workload, which takes the assignments."""
        return (
            (self.scope is None or call.scope == self.scope)
            and (self.since is None or call.started_at >= self.since)
            and (self.until is None or call.started_at < self.until)
            and (self.call_ids is None or call.call_id in self.call_ids)
        )

    def where(self) -> tuple[str, list[Any]]:
        conditions: list[tuple[str, Any]] = []
        if self.scope is not None:
            conditions.append(("c.scope = ?", self.scope))
        if self.since is not None:
            conditions.append(("c.started_us >= ?", to_us(self.since)))
        if self.until is not None:
            conditions.append(("c.started_us < ?", to_us(self.until)))
        if self.call_ids is not None:
            conditions.append(("c.call_id IN (SELECT unnest(?))", sorted(self.call_ids)))
        if self.workload_id is not None:
            conditions.append(("coalesce(a.workload_id, c.workload_id) = ?", self.workload_id))
        return " AND ".join(text for text, _ in conditions) or "true", [value for _, value in conditions]


@dataclass(frozen=True, slots=True)
class View:
    """The calls as they are at one moment."""

    home: Path
    connection: duckdb.DuckDBPyConnection
    files: list[File]
    fresh: list[Opened]
    """Segments that are not in the table."""

    @property
    def assigned(self) -> bool:
        return (self.home / "assignments.parquet").exists()

    def calls(self, files: Sequence[File]) -> tuple[str, list[Any]]:
        """A FROM clause that names the table's calls `c` and their assignments `a`, with its parameters.

        Ids sort by time, and so do assignments, roughly: only what may be of these files is read of them.
        """
        paths: list[Any] = [[file.path for file in files]]
        if not self.assigned:
            nobody = "(SELECT NULL::VARCHAR AS call_id, NULL::VARCHAR AS workload_id, NULL::VARCHAR AS version_id)"
            return f"({rows.SOURCE}) c LEFT JOIN {nobody} a ON a.call_id = c.call_id", paths
        paths.append(str((self.home / "assignments.parquet").resolve()))
        named = "read_parquet(?)"
        ids = [file.ids for file in files if file.ids is not None]
        if len(ids) == len(files):
            named = "(SELECT * FROM read_parquet(?) WHERE call_id >= ? AND call_id <= ?)"
            # A greatest value may have been cut short.
            paths += [min(low for low, _ in ids), max(high for _, high in ids) + "\U0010ffff"]
        return f"({rows.SOURCE}) c LEFT JOIN {named} a ON a.call_id = c.call_id", paths

    def assignments_of(self, call_ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        """(workload, version) of those of these calls that were assigned."""
        if not self.assigned or not call_ids:
            return {}
        query = "SELECT call_id, workload_id, version_id FROM read_parquet(?) WHERE call_id IN (SELECT unnest(?))"
        found = self.connection.execute(query, [str((self.home / "assignments.parquet").resolve()), list(call_ids)]).fetchall()
        return {call_id: (workload_id, version_id) for call_id, workload_id, version_id in found}


@contextmanager
def viewed(home: Path, *, memory: str = MEMORY) -> Iterator[View]:
    """Look at the calls; while the block runs, nothing it may read is deleted. `memory`: what the database may use before it spills."""
    with reading(home), connected(home, memory=memory) as connection:
        opened = open_all(home)
        try:
            table = Table(home)
            files = table.files()
            fresh = [segment for segment in opened if not table.has(segment.segment_id)]
            yield View(home, connection, files, fresh)
        finally:
            for segment in opened:
                segment.file.close()


def scan(home: Path, wanted: Wanted) -> Iterator[Call]:
    """The calls in time order (ties by id)."""
    with viewed(home) as view, ExitStack() as unpacked:
        stored = ((to_us(call.started_at), call.call_id, call) for call in _stored(view, wanted))
        keys, load = _fresh(view, wanted, unpacked)
        recent = ((started_us, call_id, load(*place)) for started_us, call_id, *place in keys)
        for _, _, call in heapq.merge(stored, recent, key=lambda item: item[:2]):
            yield call


def _stored(view: View, wanted: Wanted) -> Iterator[Call]:
    condition, values = wanted.where()
    columns = ", ".join(f"c.{name}" if wanted.bodies or name not in rows.BODIES else "NULL" for name in rows.SELECTED)
    for files in windows([file for file in view.files if wanted.file(file)], WINDOW_BYTES if wanted.bodies else 16 * WINDOW_BYTES):
        source, paths = view.calls(files)
        query = f"SELECT {columns} FROM {source} WHERE {condition} ORDER BY c.started_us, c.call_id"
        # A cursor of its own: the caller's other questions must not end this one.
        cursor = view.connection.cursor()
        try:
            cursor.execute(query, paths + values)
            for values_of_call in fetch(cursor, 500):
                yield rows.call(values_of_call)
        finally:
            cursor.close()


def windows(files: Sequence[File], most_bytes: int) -> Iterator[list[File]]:
    """Files of whole days in a row (they are sorted by day), about `most_bytes` together."""
    window: list[File] = []
    size = 0
    for file in files:
        if window and size >= most_bytes and file.day != window[-1].day:
            yield window
            window, size = [], 0
        window.append(file)
        size += file.size_bytes
    if window:
        yield window


Key = tuple[int, str, int, int]
"""Start, id, number of the segment, offset of the frame."""


def _fresh(view: View, wanted: Wanted, unpacked: ExitStack) -> tuple[list[Key], Callable[[int, int], Call]]:
    """Where in the segments the wanted calls are, in time order, and how to load one. Text is held of none."""
    keys: list[Key] = []
    decided: dict[str, str | None] = {}
    for number, segment in enumerate(view.fresh):
        for offset, call in segment.calls(bodies=False):
            if wanted.call(call):
                keys.append((to_us(call.started_at), call.call_id, number, offset))
                if wanted.workload_id is not None:
                    decided[call.call_id] = call.decision.workload_id if call.decision else None
    if wanted.workload_id is not None:
        ids = list(decided)
        for start in range(0, len(ids), 10_000):
            decided |= {call_id: workload for call_id, (workload, _) in view.assignments_of(ids[start : start + 10_000]).items()}
        keys = [key for key in keys if decided[key[1]] == wanted.workload_id]
    keys.sort()
    plain: dict[int, BinaryIO] = {}

    def load(number: int, offset: int) -> Call:
        if number not in plain:
            plain[number] = _plain(view.home, view.fresh[number], unpacked)
        file = plain[number]
        file.seek(offset)
        return next(codec.calls(file, bodies=wanted.bodies))[1]

    return keys, load


def _plain(home: Path, segment: Opened, unpacked: ExitStack) -> BinaryIO:
    """The segment as a file that one can seek in; a compressed one is unpacked into a file without a name."""
    if segment.size is not None:
        return segment.file
    import zstandard

    plain: BinaryIO = unpacked.enter_context(tempfile.TemporaryFile(dir=home / "tmp"))  # noqa: SIM115
    segment.file.seek(0)
    zstandard.ZstdDecompressor().copy_stream(segment.file, plain)
    return plain


def find(home: Path, call_id: str, day: str | None) -> Call | None:
    """The call with this id, ours or its response's; `day` is the one that the id names, None where it names none."""
    with viewed(home) as view:
        for segment in view.fresh:
            for _, call in segment.calls():
                if call_id in (call.call_id, call.response_id):
                    return call
        columns = ", ".join(f"c.{name}" for name in rows.SELECTED)
        likely = [file for file in view.files if file.day == day]
        for files in (likely, view.files):
            if files:
                source, paths = view.calls(files)
                query = f"SELECT {columns} FROM {source} WHERE c.call_id = ? OR c.response_id = ? ORDER BY c.started_us LIMIT 1"
                if found := view.connection.execute(query, [*paths, call_id, call_id]).fetchone():
                    return rows.call(found)
    return None


def assigned(home: Path) -> Iterator[tuple[str, str, str]]:
    """(the response's id, else ours; workload; version) of every call that has a workload, the table's before the segments'."""
    with viewed(home) as view:
        for files in windows(view.files, 16 * WINDOW_BYTES):
            source, paths = view.calls(files)
            query = (
                "SELECT coalesce(c.response_id, c.call_id), coalesce(a.workload_id, c.workload_id),"
                " coalesce(a.version_id, c.version_id, '')"
                f" FROM {source} WHERE coalesce(a.workload_id, c.workload_id) IS NOT NULL ORDER BY c.started_us, c.call_id"
            )
            view.connection.execute(query, paths)
            yield from fetch(view.connection)
        for segment in view.fresh:
            calls = [call for _, call in segment.calls(bodies=False)]
            known = view.assignments_of([call.call_id for call in calls])
            for call in calls:
                if call.call_id in known:
                    yield call.response_id or call.call_id, *known[call.call_id]
                elif call.decision is not None and call.decision.workload_id is not None:
                    yield call.response_id or call.call_id, call.decision.workload_id, call.decision.version_id or ""
