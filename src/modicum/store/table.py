"""The Delta table of calls: Parquet with zstd, by scope and day. Sealed segments enter it here, each exactly once.

A segment's id is a Delta application transaction of the commit that brings it in, so a segment that was committed but not yet deleted when
its process was killed is never brought in twice. Commits, deletions and vacuums happen under the lock of the home; files are deleted
only while nobody reads (`home.deleting`). The log keeps statistics of ids and times alone, never of anything that a log line said.
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from arro3.core import RecordBatchReader
from deltalake import (
    ColumnProperties,
    CommitProperties,
    DeltaTable,
    PostCommitHookProperties,
    Transaction,
    WriterProperties,
    write_deltalake,
)
from deltalake.exceptions import DeltaError, TableNotFoundError

from modicum.errors import StoreError
from modicum.store import rows
from modicum.store.home import make_private, privately
from modicum.store.marks import Marker
from modicum.store.segments import Opened

CONFIGURATION = {
    "delta.dataSkippingStatsColumns": "call_id,started_us,stored_us",
    "delta.logRetentionDuration": "interval 0 seconds",
    "delta.deletedFileRetentionDuration": "interval 0 seconds",
    "delta.setTransactionRetentionDuration": "interval 30 days",
    "delta.checkpointInterval": "100",
}
_UNIQUE = ColumnProperties(dictionary_enabled=False)
WRITER = WriterProperties(
    compression="ZSTD",
    compression_level=3,
    max_row_group_size=16_384,
    column_properties=dict.fromkeys(("call_id", "response_id", "started_us", "stored_us", *rows.BODIES), _UNIQUE),
)
SMALL_BYTES = 64 << 20
KEEP_LOG = PostCommitHookProperties(cleanup_expired_logs=False)
"""Log entries are deleted by `sweep` alone, while nobody reads."""
MOST_FILES = 8
"""A partition with more small files is rewritten into fewer."""


@dataclass(frozen=True, slots=True)
class File:
    """One Parquet file of the table."""

    path: str
    scope: str
    day: str
    size_bytes: int
    stored_from_us: int
    """The least `stored_us` in it."""
    ids: tuple[str, str] | None = None
    """No id of a call in it is less than the first, or greater than the second and whatever begins like it."""


class Table:
    """The table as it was when this object was made; the methods that change it move it on."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._path = home / "calls"
        try:
            self._delta: DeltaTable | None = DeltaTable(self._path)
        except TableNotFoundError:
            self._delta = None
        except DeltaError as error:
            raise StoreError(f"cannot read the table in {self._path}: {error}") from None
        if self._delta is not None and "deletionVectors" in (self._delta.protocol().reader_features or ()):
            raise StoreError(
                f"{self._path} has deletion vectors, which Modicum does not read", hint="purge them with the tool that made them"
            )

    def has(self, segment_id: str) -> bool:
        """Has this segment entered?"""
        return self._delta is not None and self._delta.transaction_version(segment_id) is not None

    def files(self) -> list[File]:
        """Every file, by day, then scope."""
        if self._delta is None:
            return []
        actions = self._delta.get_add_actions(flatten=True)
        columns = {name: actions.column(name).to_pylist() for name in actions.schema.names}
        unknown = [None] * actions.num_rows
        found = [
            # The log escapes paths once more than the folders are.
            File(str(self._path / _unescaped(path)), scope, day, size, stored or 0, None if low is None or high is None else (low, high))
            for path, scope, day, size, stored, low, high in zip(
                columns["path"],
                columns["partition.scope"],
                columns["partition.day"],
                columns["size_bytes"],
                columns.get("min.stored_us", unknown),
                columns.get("min.call_id", unknown),
                columns.get("max.call_id", unknown),
                strict=True,
            )
        ]
        return sorted(found, key=lambda file: (file.day, file.scope, file.path))

    def append(self, calls: Iterable[tuple[Any, ...]], segment_ids: list[str]) -> None:
        """Commit rows, and that these segments are in with them."""
        delta = self._delta or DeltaTable.create(self._path, schema=rows.SCHEMA, partition_by=["scope", "day"], configuration=CONFIGURATION)
        now = int(time.time() * 1000)
        write_deltalake(
            delta,
            RecordBatchReader.from_batches(rows.SCHEMA, rows.batches(calls)),
            mode="append",
            schema_mode="merge",
            writer_properties=WRITER,
            commit_properties=CommitProperties(app_transactions=[Transaction(segment_id, 1, now) for segment_id in segment_ids]),
            post_commithook_properties=KEEP_LOG,
        )
        before = {file.path for file in self.files()}
        self._delta = DeltaTable(self._path)
        self._sync([file.path for file in self.files() if file.path not in before])

    def _sync(self, paths: list[str]) -> None:
        """Bring new files and the commit that names them to the disk: the segments they came from are deleted next."""
        log = self._path / "_delta_log"
        assert self._delta is not None
        commit = str(log / f"{self._delta.version():020d}.json")
        for path in [*paths, commit, *{os.path.dirname(path) for path in paths}, str(log)]:
            with suppress(FileNotFoundError):
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                try:
                    os.fsync(fd)
                finally:
                    os.close(fd)

    def delete(self, scope: str, day: str, condition: str) -> int:
        """Rewrite what `condition` meets in one partition; how many calls went. The caller quotes."""
        assert self._delta is not None
        where = f"scope = {quoted(scope)} AND day = {quoted(day)} AND ({condition})"
        done = self._delta.delete(where, writer_properties=WRITER, post_commithook_properties=KEEP_LOG)
        return int(done["num_deleted_rows"])

    def replace(self, scope: str, day: str, calls: Iterable[tuple[Any, ...]]) -> None:
        """Put these rows in the place of one partition's, in one commit."""
        assert self._delta is not None
        write_deltalake(
            self._delta,
            RecordBatchReader.from_batches(rows.SCHEMA, rows.batches(calls)),
            mode="overwrite",
            predicate=f"scope = {quoted(scope)} AND day = {quoted(day)}",
            schema_mode="merge",
            writer_properties=WRITER,
            post_commithook_properties=KEEP_LOG,
        )
        before = {file.path for file in self.files()}
        self._delta = DeltaTable(self._path)
        self._sync([file.path for file in self.files() if file.path not in before])

    def drop_bodies(self, scope: str, day: str, condition: str) -> int:
        """Rewrite one partition without the bodies of what `condition` meets; of how many calls."""
        assert self._delta is not None
        where = f"scope = {quoted(scope)} AND day = {quoted(day)} AND (request IS NOT NULL OR response IS NOT NULL) AND ({condition})"
        nothing = dict.fromkeys(rows.BODIES, "NULL")
        done = self._delta.update(updates=nothing, predicate=where, writer_properties=WRITER, post_commithook_properties=KEEP_LOG)
        return int(done["num_updated_rows"])

    def crowded(self) -> list[tuple[str, str]]:
        """(scope, day) of the partitions that many small files share."""
        counts = Counter((file.scope, file.day) for file in self.files() if file.size_bytes < SMALL_BYTES)
        return [partition for partition, count in counts.items() if count > MOST_FILES]

    def merge_small(self) -> None:
        """Rewrite partitions of many small files into few."""
        for scope, day in self.crowded():
            assert self._delta is not None
            self._delta.optimize.compact(
                partition_filters=[("scope", "=", scope), ("day", "=", day)],
                target_size=SMALL_BYTES,
                max_concurrent_tasks=1,
                writer_properties=WRITER,
                post_commithook_properties=KEEP_LOG,
            )

    def sweep(self) -> None:
        """Delete every file that the newest version does not name, and the log of all older versions. Nobody may be reading."""
        if self._delta is None:
            return
        self._delta.vacuum(0, dry_run=False, enforce_retention_duration=False, full=True)
        self._delta.create_checkpoint()
        self._delta.cleanup_metadata()
        for name in os.listdir(self._path / "_delta_log"):
            if name.endswith(".tmp") or name.startswith("_commit_"):
                (self._path / "_delta_log" / name).unlink(missing_ok=True)
        for folder, _, _ in sorted(os.walk(self._path), reverse=True):
            if folder != str(self._path):
                with suppress(OSError):
                    os.rmdir(folder)
        self._delta = DeltaTable(self._path)


def rows_of(segment: Opened, marker: Marker) -> Iterator[tuple[Any, ...]]:
    """The rows of a segment's calls, as they come. Its id says when it began to be stored."""
    stored_us = int(segment.segment_id.replace("-", "")[:12], 16) * 1000
    for _, stored in segment.records():
        yield rows.row_of(stored, stored_us, marks=marker.of_record(stored))


@contextmanager
def guarded(home: Path) -> Iterator[None]:
    """Change the table with our permissions on what is written and our errors for what is raised."""
    try:
        with privately():
            yield
    except DeltaError as error:
        raise StoreError(f"the table in {home / 'calls'} could not be changed: {error}") from None
    finally:
        make_private(home / "calls")


def _unescaped(path: str) -> str:
    """Percent escapes undone, once."""
    return re.sub(rb"%([0-9A-Fa-f]{2})", lambda found: bytes([int(found[1], 16)]), path.encode()).decode()


def quoted(text: str) -> str:
    """A string literal of the table's predicates."""
    return "'" + text.replace("'", "''") + "'"


def day_of(moment: datetime) -> str:
    return moment.date().isoformat()
