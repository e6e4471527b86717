"""Is there anything to watch? Light: asked by `serve` again and again, before it starts a watcher."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import msgspec

from modicum.types import Route

_LIVE = frozenset(("shadow", "canary", "on"))
_QUERY = "SELECT state, record FROM routes WHERE state IN ('shadow', 'canary', 'on', 'proposed')"


def watchable(home: Path, *, automatic: bool) -> bool:
    """Is a route live, or proposed and allowed to come on by itself? False where nobody can tell. `automatic`: every route is."""
    import sqlite3  # a gateway on a home without routes does without

    path = home / "control.db"
    if not path.exists():
        return False
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0.2)) as connection:
            rows = connection.execute(_QUERY).fetchall()
        return any(state in _LIVE or automatic or msgspec.json.decode(record, type=Route).automatic for state, record in rows)
    except (sqlite3.Error, msgspec.MsgspecError):
        return False


def stamp(home: Path) -> tuple[tuple[int, int] | None, ...]:
    """Changes with every change of the control records."""
    return tuple(_stamp(home / name) for name in ("control.db", "control.db-wal"))


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
