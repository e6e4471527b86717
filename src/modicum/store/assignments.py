"""Which workload and version each call belongs to: one Parquet file, replaced at once by each discovery."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from arro3.core import Array, DataType, Field, RecordBatch, RecordBatchReader, Schema
from arro3.io import write_parquet

from modicum.store.engine import connected, fetch
from modicum.store.home import privately, sync_folder

Assignment = tuple[str, str, str]
"""Call, workload, version."""
_SCHEMA = Schema([Field(name, DataType.string(), nullable=False) for name in ("call_id", "workload_id", "version_id")])
_AT_ONCE = 20_000


def path(home: Path) -> Path:
    return home / "assignments.parquet"


def assign(home: Path, rows: Iterable[Assignment]) -> None:
    """Put these rows in the place of all there are."""
    part = home / f".assignments.parquet.{os.getpid()}.part"
    try:
        with privately():
            write_parquet(
                RecordBatchReader.from_batches(_SCHEMA, _batches(rows)), str(part), compression="zstd(3)", max_row_group_size=_AT_ONCE
            )
        os.replace(part, path(home))
        sync_folder(home)
    finally:
        part.unlink(missing_ok=True)


def _batches(rows: Iterable[Assignment]) -> Iterator[RecordBatch]:
    held: list[Assignment] = []
    for row in rows:
        held.append(row)
        if len(held) >= _AT_ONCE:
            yield _batch(held)
            held = []
    if held:
        yield _batch(held)


def _batch(rows: list[Assignment]) -> RecordBatch:
    return RecordBatch([Array(column, DataType.string()) for column in zip(*rows, strict=True)], schema=_SCHEMA)


def assignments(home: Path) -> Iterator[Assignment]:
    """Every row, in no particular order."""
    if not path(home).exists():
        return
    with connected(home) as connection:
        connection.execute("SELECT call_id, workload_id, version_id FROM read_parquet(?)", [str(path(home).resolve())])
        yield from fetch(connection)


def remove(home: Path, call_ids: set[str]) -> None:
    """Take these calls out."""
    if call_ids and path(home).exists():
        assign(home, (row for row in assignments(home) if row[0] not in call_ids))
