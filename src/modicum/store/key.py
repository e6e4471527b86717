"""The key that hides call ids in evidence: made once, never leaves the home."""

from __future__ import annotations

import os
from pathlib import Path

from modicum.store.home import prepare, replace

KEY_BYTES = 32


def evidence_key(home: Path) -> bytes:
    """The home's key, made on first use. With it, and only with it, a row of evidence can be tied to its call."""
    path = prepare(home) / "evidence.key"
    if not path.exists():
        replace(path, os.urandom(KEY_BYTES))
    return path.read_bytes()
