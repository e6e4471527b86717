"""List prices for a home of a test: compiled once, copied then, because compiling costs a second."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from modicum.catalog.compiled import compiled
from modicum.catalog.prepared import price_table


def put(home: Path) -> None:
    """Give a home the compiled list, as a gateway that ran there before would have left it."""
    price_table(home).write_bytes(_compiled())


@lru_cache(maxsize=1)
def _compiled() -> bytes:
    return compiled()
