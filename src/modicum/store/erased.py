"""Which calls were erased here, of those whose ids somebody still knows."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from modicum.store import identity
from modicum.store.batches import opened


def erased_among(home: Path, call_ids: Collection[str]) -> frozenset[str]:
    """Those of these calls that were erased."""
    if not call_ids:
        return frozenset()
    with opened(home) as index:
        keys = {bytes(key) for (key,) in index.execute("SELECT key FROM known WHERE erased = 1")}
    return frozenset(call_id for call_id in call_ids if identity.key(call_id) in keys) if keys else frozenset()
