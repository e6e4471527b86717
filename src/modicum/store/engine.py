"""DuckDB over the table's files: nothing downloaded, nothing read outside the home, a bound on memory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from modicum.errors import StoreError

MEMORY = "128MB"
SUMMING = "384MB"
"""For sums over all calls: a day of millions must fit, or be spilled."""
_CLOSED: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "threads": "1",
    "preserve_insertion_order": "false",
}


@contextmanager
def connected(home: Path, *, memory: str = MEMORY) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database of its own in memory that may read below `home` and spill there, and nowhere else."""
    root = home.resolve()
    try:
        spill = tempfile.mkdtemp(prefix="duckdb-", dir=root / "tmp")
    except OSError as error:
        raise StoreError(f"the calls in {home} cannot be read: {error.strerror}") from None
    connection = duckdb.connect(":memory:", config=_CLOSED | {"temp_directory": spill, "memory_limit": memory})
    try:
        # The allowed folder must be named before access is closed: after that nothing more is allowed.
        connection.execute("SET allowed_directories = [" + _literal(f"{root}/") + "]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection
    except duckdb.Error as error:
        raise StoreError(f"the calls in {home} cannot be read: {error}") from None
    finally:
        connection.close()
        shutil.rmtree(spill, ignore_errors=True)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def fetch(connection: duckdb.DuckDBPyConnection, rows_at_once: int = 1_000) -> Iterator[tuple[Any, ...]]:
    """The rows of the last query, a few at a time."""
    while some := connection.fetchmany(rows_at_once):
        yield from some
