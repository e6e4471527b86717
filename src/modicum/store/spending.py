"""What calls cost by key, scope, workload, models, provider, tier and day, summed in the database, without any text."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from modicum.store.codec import to_us
from modicum.store.scan import viewed
from modicum.store.usage import figures


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendRow:
    """Calls that are alike in all but their figures. Token counts are sums over the calls that say."""

    key_id: str | None
    scope: str
    workload_id: str | None
    request_model: str | None
    response_model: str | None
    provider: str | None
    service_tier: str | None
    day: str
    costed: bool
    """What they cost was written down when they were made."""
    counted: bool
    """Input and output tokens are known."""
    refused: bool
    """Nobody answered, and nobody bills that: status 400 and above, with neither tokens nor cost. Who left may be billed."""
    calls: int
    estimated: int
    """Calls whose tokens are estimates."""
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cache_write_1h_tokens: int
    audio_input_tokens: int
    audio_output_tokens: int
    cost_usd: Decimal
    """Of those that are costed."""


_GROUP = ("key_id", "scope", "workload_id", "request_model", "response_model", "provider", "service_tier", "day")
_SUMS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
)
_COLUMNS = (*_GROUP, *_SUMS, "cost_usd", "usage_estimated", "started_us", "status")
_LEFT = 499


def spending(home: Path, *, since: datetime | None = None, until: datetime | None = None) -> list[SpendRow]:
    """The calls with `since <= started_at < until`."""
    conditions, bounds = ["true"], []
    for text, moment in (("started_us >= ?", since), ("started_us < ?", until)):
        if moment is not None:
            conditions.append(text)
            bounds.append(to_us(moment))
    with viewed(home) as view:
        query, values = figures(view, _COLUMNS)
        if not query:
            return []
        sums = ", ".join(f"coalesce(sum({name}), 0)::BIGINT" for name in _SUMS)
        found = view.connection.execute(
            f"SELECT {', '.join(_GROUP)}, cost_usd IS NOT NULL AS costed,"
            " input_tokens IS NOT NULL AND output_tokens IS NOT NULL AS counted,"
            " coalesce(status >= 400 AND status <> ?, false)"
            " AND coalesce(input_tokens, output_tokens) IS NULL AND cost_usd IS NULL AS refused,"
            f" count(*), count(*) FILTER (usage_estimated), {sums}, coalesce(sum(try_cast(cost_usd AS DECIMAL(38, 12))), 0)::VARCHAR"
            f" FROM ({query}) WHERE {' AND '.join(conditions)} GROUP BY ALL ORDER BY ALL",
            [_LEFT, *values, *bounds],
        ).fetchall()
    names = (*_GROUP, "costed", "counted", "refused", "calls", "estimated", *_SUMS)
    return [SpendRow(**dict(zip(names, row[:-1], strict=True)), cost_usd=Decimal(row[-1])) for row in found]
