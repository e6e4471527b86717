"""When calls came, counted in the database by scope, day and hour."""

from __future__ import annotations

from pathlib import Path

from modicum.store.engine import SUMMING
from modicum.store.scan import viewed
from modicum.store.usage import figures


def hours(home: Path) -> list[tuple[str, str, int, int]]:
    """(scope, UTC day, hour of it, calls), those with calls."""
    query = "SELECT scope, day, ((started_us // 3600000000) % 24)::INTEGER AS hour, count(*) FROM ({figures}) GROUP BY ALL"
    with viewed(home, memory=SUMMING) as view:
        found = [
            row
            for calls, values in figures(view, ("scope", "day", "started_us"))
            for row in view.connection.execute(query.format(figures=calls), values).fetchall()
        ]
    return sorted(found)
