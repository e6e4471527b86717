"""What other models answered to recorded calls: one row a (candidate, call), kept as it comes, so that no call is asked twice.

A row holds the answer as a chat completion, redacted as bodies are, and what it took. It goes with its call when that is erased, and its
answer goes when the bodies of its time do.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
from sqlalchemy import insert, select

from modicum.store import schema
from modicum.store.control import Control
from modicum.types import Usage

_AT_ONCE = 500
"""Names in one statement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What one candidate answered to one recorded call."""

    call_id: str
    at: datetime
    status: int
    response: str | None
    """A chat completion, redacted; None where the provider refused the request, or once bodies of its age are dropped."""
    model: str = ""
    """As the answer names it."""
    usage: Usage = Usage()
    cost_usd: Decimal | None = None
    duration_ms: float | None = None
    error: str = ""


class Answers:
    """The answers of a home. Several processes may use it at once."""

    def __init__(self, home: Path) -> None:
        self._control = Control(home)

    def add(self, candidate: str, row: Answered) -> None:
        """Keep one answer; a call that the candidate has answered already stays as it is."""
        with self._control._change() as connection:  # one file, one room
            table = schema.answers
            values = {"candidate": candidate, "call_id": row.call_id, "at": row.at.isoformat(), "record": msgspec.json.encode(row).decode()}
            connection.execute(insert(table).prefix_with("OR IGNORE"), values)

    def of(self, candidate: str, call_ids: Iterable[str]) -> dict[str, Answered]:
        """The candidate's answers to these calls, by call id."""
        wanted = list(dict.fromkeys(call_ids))
        table, found = schema.answers, list[str]()
        with self._control._look() as connection:
            for some in _parts(wanted):
                rows = select(table.c.record).where((table.c.candidate == candidate) & table.c.call_id.in_(some))
                found += connection.execute(rows).scalars().all()
        answers = [msgspec.json.decode(record, type=Answered) for record in found]
        return {answer.call_id: answer for answer in answers}

    def expire(self, keep_days: int) -> int:
        """Drop the answers that are older than this, as the bodies of calls are; of how many rows. Their figures stay."""
        table, before = schema.answers, (datetime.now(UTC) - timedelta(days=keep_days)).isoformat()
        dropped = 0
        with self._control._change() as connection:
            for number, record in connection.execute(select(table.c.number, table.c.record).where(table.c.at < before)).all():
                row = msgspec.json.decode(record)
                if row.get("response") is not None:
                    row["response"] = None
                    kept = msgspec.json.encode(row).decode()
                    connection.execute(table.update().where(table.c.number == number).values(record=kept))
                    dropped += 1
        return dropped


def _parts(names: Collection[str]) -> Iterable[list[str]]:
    listed = list(names)
    return (listed[start : start + _AT_ONCE] for start in range(0, len(listed), _AT_ONCE))
