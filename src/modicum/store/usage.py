"""What the calls used, summed in the database: the figures that reports are made of, without any text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from arro3.core import Array, Field, RecordBatch, Schema, Table

from modicum.store import alike, rows
from modicum.store.engine import SUMMING
from modicum.store.key import evidence_key
from modicum.store.marks import UNKNOWN, Marker
from modicum.store.scan import View, viewed, windows
from modicum.types import Call


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    """The calls of one scope, workload, pair of models, provider, tier and UTC day, the incumbent's apart from the specialist's.

    They are alike in what prices depend on (`store.alike`): all say what they cost or none does, all say what they used or none does.
    """

    scope: str
    workload_id: str | None
    request_model: str | None
    response_model: str | None
    day: str
    """YYYY-MM-DD."""
    specialist: bool
    """A specialist of ours answered."""
    provider: str | None = None
    """As the configuration names it; None where the log did not say."""
    service_tier: str | None = None
    seen: bool = True
    """What was asked came in with them; a log of usage alone tells of calls that nobody here has seen."""
    calls: int
    failed: int
    """Status 400 and above."""
    reasons: tuple[tuple[str, int], ...]
    """How often each reason stood in the decision; calls without one (imports) are not counted."""
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    """Sums over the calls that say."""
    cache_write_1h_tokens: int = 0
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0
    calls_without_usage: int
    """Input or output tokens are unknown."""
    cost_usd: Decimal
    """Sum over the calls that say."""
    calls_without_cost: int
    duration_p50_ms: float | None
    duration_p95_ms: float | None
    stage_usd: Decimal = Decimal(0)
    """On top: what other models took that routes asked, and whose answers nobody got. Sum over the calls that say."""
    stage_model: str | None = None
    """`provider/model` of the other model that a route asked for them, whoever answered."""
    refused: bool = False
    """Nobody answered, and nobody bills that: status 400 and above, with neither tokens nor cost. Who left may be billed."""
    sound: bool = True
    """What they used does not contradict itself: no more was cached than sent, and no more sent than anything takes."""
    length: int | None = None
    """Input tokens of one of them, as far as a price depends on it; None: their mean."""
    longest: int | None = None
    """Tokens, in or out, of the longest of them; None: not known."""
    told: bool = False
    """No calls of ours: what a provider's total tells of beyond them. Counts towards spend, never towards workloads."""

    @property
    def costed(self) -> bool:
        """What they cost was written down."""
        return not self.calls_without_cost

    @property
    def counted(self) -> bool:
        """Input and output tokens are known."""
        return not self.calls_without_usage

    def without_usage(self) -> UsageRow:
        """The same calls where what they say that they used cannot be: it is set aside."""
        unknown: dict[str, Any] = dict.fromkeys(TOKENS, 0)
        return replace(self, sound=False, calls_without_usage=self.calls, longest=None, **unknown)


TOKENS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "audio_input_tokens",
    "audio_output_tokens",
)
_COLUMNS = (
    "scope", "day", "workload_id", "request_model", "response_model", "specialist", "reason", "status", "input_tokens", "output_tokens",
    "cache_read_tokens", "cache_write_tokens", "cost_usd", "duration_ms", "provider", "service_tier",
    "cache_write_1h_tokens", "audio_input_tokens", "audio_output_tokens", "seen",
    "stage_usd", "stage_model",
)  # fmt: skip
_GROUP = "scope, workload_id, request_model, response_model, day, specialist, provider, service_tier, seen, stage_model, " + ", ".join(
    alike.OF_ALL
)
_SAME = " AND ".join(f"r.{name} IS NOT DISTINCT FROM s.{name}" for name in _GROUP.split(", "))
_QUERY = f"""
WITH figures AS (SELECT *, {alike.named(alike.OF_ALL)} FROM ({{figures}})), counted_reasons AS (
    SELECT {_GROUP}, reason, count(*) AS calls FROM figures WHERE reason IS NOT NULL GROUP BY ALL
), reasons AS (
    SELECT {_GROUP}, list({{{{'reason': reason, 'calls': calls}}}} ORDER BY reason) AS reasons FROM counted_reasons GROUP BY ALL
), sums AS (
    SELECT {_GROUP}, count(*) AS calls, count(*) FILTER (status >= 400) AS failed,
        coalesce(sum(input_tokens), 0)::BIGINT AS input_tokens, coalesce(sum(output_tokens), 0)::BIGINT AS output_tokens,
        coalesce(sum(cache_read_tokens), 0)::BIGINT AS cache_read_tokens,
        coalesce(sum(cache_write_tokens), 0)::BIGINT AS cache_write_tokens,
        coalesce(sum(cache_write_1h_tokens), 0)::BIGINT AS cache_write_1h_tokens,
        coalesce(sum(audio_input_tokens), 0)::BIGINT AS audio_input_tokens,
        coalesce(sum(audio_output_tokens), 0)::BIGINT AS audio_output_tokens,
        count(*) FILTER (input_tokens IS NULL OR output_tokens IS NULL) AS calls_without_usage,
        coalesce(sum(try_cast(cost_usd AS DECIMAL(38, 12))), 0)::VARCHAR AS cost_usd,
        count(*) FILTER (cost_usd IS NULL) AS calls_without_cost,
        coalesce(sum(try_cast(stage_usd AS DECIMAL(38, 12))), 0)::VARCHAR AS stage_usd,
        {alike.LONGEST} AS longest, quantile_cont(duration_ms, 0.5) AS p50, quantile_cont(duration_ms, 0.95) AS p95
    FROM figures GROUP BY ALL
)
SELECT s.scope, s.workload_id, s.request_model, s.response_model, s.day, s.specialist, s.calls, s.failed, r.reasons,
    s.input_tokens, s.output_tokens, s.cache_read_tokens, s.cache_write_tokens, s.calls_without_usage,
    s.cost_usd, s.calls_without_cost, s.p50, s.p95, s.provider, s.service_tier,
    s.cache_write_1h_tokens, s.audio_input_tokens, s.audio_output_tokens, s.seen, s.refused, s.sound, s.longest, s.stage_usd,
    s.stage_model
FROM sums s LEFT JOIN reasons r ON {_SAME}
"""


def usage(home: Path) -> list[UsageRow]:
    """The sums over all calls, by scope, workload, models, day."""
    with viewed(home, memory=SUMMING) as view:
        return sorted(_rows(view), key=_order)


def count(home: Path) -> tuple[int, int, int]:
    """How many calls there are; of those, how many no gateway of ours decided on, and how many came without what was asked."""
    calls = undecided = unseen = 0
    counted = "SELECT count(*), count(*) FILTER (reason IS NULL), count(*) FILTER (NOT seen) FROM"
    with viewed(home, memory=SUMMING) as view:
        for query, values in figures(view, ("reason", "seen")):
            (some,) = view.connection.execute(f"{counted} ({query})", values).fetchall()
            calls, undecided, unseen = calls + some[0], undecided + some[1], unseen + some[2]
    return calls, undecided, unseen


def _order(row: UsageRow) -> tuple[tuple[bool, Any], ...]:
    models = (row.request_model, row.response_model, row.specialist, row.provider, row.service_tier, row.stage_model)
    names = (row.scope, row.workload_id, row.day, *models)
    apart = (row.seen, row.costed, row.counted, row.sound, not row.refused)
    return (*((name is None, name) for name in names), *((not one, True) for one in apart), (False, row.input_tokens))


_WINDOW_BYTES = 32 << 20
"""Compressed bytes of the days that are summed together."""
_LAST_DAY = "9999-99-99"
_NAMED = {
    "workload_id": "coalesce(a.workload_id, c.workload_id) AS workload_id",
    "version_id": "coalesce(a.version_id, c.version_id) AS version_id",
    "seen": "coalesce(c.seen, true) AS seen",  # before there was the column, no log without texts was taken
}


def figures(view: View, columns: Sequence[str]) -> Iterator[tuple[str, list[Any]]]:
    """Queries for these columns of every call, with their parameters: one for some whole days each, together all of them.

    Workloads are as assigned: that takes memory for the days that are looked at, not for the log. What is grouped by day is
    added up once each query is through.
    """
    names = dict.fromkeys(("day", *columns))
    batches = list(_recent(view, tuple(names)))
    if batches:
        view.connection.register("recent", Table.from_batches(batches))
    spans = list(windows(view.files, _WINDOW_BYTES)) or [[]] * bool(batches)
    whose = not {"workload_id", "version_id"}.isdisjoint(columns)
    before = ""
    for number, files in enumerate(spans):
        parts: list[str] = []
        values: list[Any] = []
        if files:
            source, paths = view.calls(files) if whose else (f"({rows.SOURCE}) c", [[file.path for file in files]])
            parts.append(f"SELECT {', '.join(_NAMED.get(name, f'c.{name}') for name in columns)} FROM {source}")
            values += paths
        if batches:
            after = files[-1].day if number + 1 < len(spans) else _LAST_DAY
            parts.append(f"SELECT {', '.join(columns)} FROM recent WHERE day > ? AND day <= ?")
            values += [before, after]
            before = after
        yield " UNION ALL ".join(parts), values


def _rows(view: View) -> Iterator[UsageRow]:
    for query, values in figures(view, _COLUMNS):
        yield from _read(view.connection.execute(_QUERY.format(figures=query), values).fetchall())


def _read(found: list[tuple[Any, ...]]) -> Iterator[UsageRow]:
    for scope, workload_id, asked, used, day, specialist, calls, failed, reasons, *sums in found:
        tokens_in, tokens_out, read, written, without_usage, cost, without_cost, p50, p95, *more = sums
        provider, tier, written_1h, audio_in, audio_out, seen, refused, sound, longest, stage, stage_model = more
        yield UsageRow(
            scope=scope,
            workload_id=workload_id,
            request_model=asked,
            response_model=used,
            day=day,
            specialist=specialist,
            provider=provider,
            service_tier=tier,
            seen=seen,
            calls=calls,
            failed=failed,
            reasons=tuple((row["reason"], row["calls"]) for row in reasons or ()),
            input_tokens=tokens_in,
            output_tokens=tokens_out,
            cache_read_tokens=read,
            cache_write_tokens=written,
            cache_write_1h_tokens=written_1h,
            audio_input_tokens=audio_in,
            audio_output_tokens=audio_out,
            calls_without_usage=without_usage,
            cost_usd=Decimal(cost).normalize() if Decimal(cost) else Decimal(0),
            calls_without_cost=without_cost,
            duration_p50_ms=p50,
            duration_p95_ms=p95,
            stage_usd=Decimal(stage).normalize() if Decimal(stage) else Decimal(0),
            stage_model=stage_model,
            refused=refused,
            sound=sound,
            length=tokens_in // calls,
            longest=longest,
        )


def _recent(view: View, columns: Sequence[str]) -> Iterator[RecordBatch]:
    """The figures of the calls that are not in the table yet, with their assigned workloads."""
    held: list[Call] = []
    marked = not rows.MARKED.isdisjoint(columns)
    for segment in view.fresh:
        for _, call in segment.calls(bodies=marked):
            held.append(call)
            if len(held) >= 8_192:
                yield _batch(view, held, columns)
                held = []
    if held:
        yield _batch(view, held, columns)


def _batch(view: View, calls: list[Call], columns: Sequence[str]) -> RecordBatch:
    assigned = view.assignments_of([call.call_id for call in calls])
    marker = None if rows.MARKED.isdisjoint(columns) else Marker(evidence_key(view.home))
    listed = (rows.row(call, 0, marks=marker.of(call) if marker else UNKNOWN) for call in calls)
    values = dict(zip(rows.COLUMNS, zip(*listed, strict=True), strict=True))
    decided = zip(calls, values["workload_id"], values["version_id"], strict=True)
    values["workload_id"], values["version_id"] = zip(*(assigned.get(call.call_id, mine) for call, *mine in decided), strict=True)
    schema = Schema([Field(name, rows.COLUMNS[name], nullable=True) for name in columns])
    return RecordBatch([Array(values[name], rows.COLUMNS[name]) for name in columns], schema=schema)
