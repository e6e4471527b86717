"""A call that was answered elsewhere and is only told of: by a span, or by another gateway's log."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from modicum.errors import InputError
from modicum.types import Call

SHORTEST_ID = 16
"""Some servers give ids of three digits: those tell no two answers apart."""
MOST_DEPTH = 64
EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)
_CODE = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,79}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What was told."""

    call: Call
    """Without its id and scope: who takes it in gives them."""
    identity: str
    """The same text whenever the same call is told of again, and another for every other call."""
    also: tuple[str, ...] = ()
    """Other names that the call has: another log may know it by one of them."""
    near: tuple[str, ...] = ()
    """Names that another log may have for it, whose clock cut a millisecond differently."""
    lacks: str = ""
    """Why it came without what was asked, as a code; empty where nothing is missing that this format could hold."""


def step(trace_id: str | None, started_at: datetime) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(`also`, `near`) of a call that is a step of a trace: logs that share a trace's id agree on when a step began, to the millisecond."""
    if trace_id is None or len(trace_id) < SHORTEST_ID:
        return (), ()
    ms = round(started_at.timestamp() * 1000)
    return (f"trace {trace_id} at {ms}",), tuple(f"trace {trace_id} at {ms + by}" for by in (-1, 1))


def moment(seconds: float) -> datetime:
    """A time since 1970. Raises InputError where no such call can have been made then."""
    try:
        found = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise InputError("the time of the call is none") from None
    if not EARLIEST <= found <= datetime.now(UTC) + AHEAD:
        raise InputError(f"the time of the call lies {'before 2015' if found < EARLIEST else 'in the future'}")
    return found


def check_depth(value: Any) -> None:
    """Raise InputError for what is nested too deeply for those who read bodies by recursion. Breadth first, so that no stack grows."""
    layer = [value]
    for _ in range(MOST_DEPTH):
        layer = [
            inner for outer in layer for inner in (outer.values() if isinstance(outer, dict) else outer) if isinstance(inner, dict | list)
        ]
        if not layer:
            return
    raise InputError(f"nested deeper than {MOST_DEPTH} levels")


def code(value: Any) -> str:
    """An error as its code alone: its text may quote what was asked."""
    return value if isinstance(value, str) and _CODE.fullmatch(value) else "error"


def count(value: Any) -> int | None:
    """A number of tokens; what is absurd is unknown."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40 else None


def text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
