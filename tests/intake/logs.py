"""Bring bytes in as a log would be, without a store."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from modicum.intake import Options, Pairs, Passed, Refusal, Source, Told, tell
from modicum.types import ProviderTotal

CHANGED = datetime(2026, 11, 1, tzinfo=UTC)
FORMATS = Path(__file__).resolve().parents[2] / "docs" / "formats"
_FENCE = re.compile(r"^```(json|jsonl|csv)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def counter() -> Callable[[bytes], int]:
    seen: Counter[bytes] = Counter()

    def count(digest: bytes) -> int:
        seen[digest] += 1
        return seen[digest]

    return count


def take(body: bytes, pairs: Pairs | None = None, **options: Any) -> list[Told | ProviderTotal | Passed | Refusal]:
    source = Source("log", io.BytesIO(body), CHANGED, len(body))
    return list(tell(source, Options(**options), counter(), pairs))


def told(body: bytes, **options: Any) -> list[Told]:
    found = take(body, **options)
    assert all(isinstance(one, Told) for one in found), found
    return [one for one in found if isinstance(one, Told)]


def samples(name: str) -> list[tuple[str, bytes]]:
    """(layout, text) of the samples on a format's page."""
    return [(kind, text.encode()) for kind, text in _FENCE.findall((FORMATS / f"{name}.md").read_text(encoding="utf-8"))]
