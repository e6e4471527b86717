"""Calls as rows of the table, and back. Times are microseconds since 1970 UTC, money is text, bodies are bytes.

`stored_us` is when the call entered this home (never before it started): bodies are kept for so many days from there, so a log of
last year is not emptied by the import that brings it in.

Columns may be added, before the bodies: a table that lacks them gets them with the next append, and a file that lacks them is read as if
they were unknown there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec
from arro3.core import Array, DataType, Field, RecordBatch, Schema

from modicum.store.codec import EPOCH, Record, from_us, record
from modicum.store.marks import NAMES as MARKS
from modicum.store.marks import UNKNOWN, Marks
from modicum.types import UNKNOWN_USAGE, Call, Decision, Usage

_TEXT, _WHOLE, _REAL, _BOOL, _BYTES = DataType.string(), DataType.int64(), DataType.float64(), DataType.bool(), DataType.binary()
COLUMNS: dict[str, DataType] = {
    "call_id": _TEXT,
    "started_us": _WHOLE,
    "scope": _TEXT,
    "day": _TEXT,
    "stored_us": _WHOLE,
    "response_id": _TEXT,
    "client_id": _TEXT,
    "user_id": _TEXT,
    "conversation_id": _TEXT,
    "duration_ms": _REAL,
    "time_to_first_chunk_ms": _REAL,
    "streamed": _BOOL,
    "origin": _TEXT,
    "source": _TEXT,
    "request_model": _TEXT,
    "response_model": _TEXT,
    "status": _WHOLE,
    "finish_reason": _TEXT,
    "error": _TEXT,
    "input_tokens": _WHOLE,
    "output_tokens": _WHOLE,
    "cache_read_tokens": _WHOLE,
    "cache_write_tokens": _WHOLE,
    "reasoning_tokens": _WHOLE,
    "usage_estimated": _BOOL,
    "cost_usd": _TEXT,
    "reason": _TEXT,
    "workload_id": _TEXT,
    "version_id": _TEXT,
    "specialist": _BOOL,
    "decision": _TEXT,
    "key_id": _TEXT,
    "endpoint": _TEXT,
    "provider": _TEXT,
    "deployments": _TEXT,
    "view_version": _TEXT,
    "service_tier": _TEXT,
    "cache_write_1h_tokens": _WHOLE,
    "audio_input_tokens": _WHOLE,
    "audio_output_tokens": _WHOLE,
    "trace_id": _TEXT,
    "tags": _TEXT,
    "seen": _BOOL,
    "stage_usd": _TEXT,
    "stage_model": _TEXT,
    "stage_input_tokens": _WHOLE,
    "stage_output_tokens": _WHOLE,
    "request_mark": _WHOLE,
    "messages_mark": _WHOLE,
    "prior_mark": _WHOLE,
    "head_mark": _WHOLE,
    "input_chars": _WHOLE,
    "prior_chars": _WHOLE,
    "head_chars": _WHOLE,
    "has_tools": _BOOL,
    "has_media": _BOOL,
    "request": _BYTES,
    "response": _BYTES,
}
_SQL = {_TEXT: "VARCHAR", _WHOLE: "BIGINT", _REAL: "DOUBLE", _BOOL: "BOOLEAN", _BYTES: "BLOB"}
SOURCE = (
    "SELECT * FROM read_parquet(?, union_by_name=true, hive_partitioning=true, hive_types_autocast=false) UNION ALL BY NAME SELECT "
    + ", ".join(f"NULL::{_SQL[kind]} AS {name}" for name, kind in COLUMNS.items())
    + " WHERE false"
)
"""A query over files of the table that has every column, also those that came after the files were written."""
SCHEMA = Schema([Field(name, kind, nullable=True) for name, kind in COLUMNS.items()])
BODIES = ("request", "response")
MARKED = frozenset(MARKS)
"""Columns that are made of the bodies."""
_DAY_US = 86_400_000_000
_encode = msgspec.json.Encoder().encode
_decode_decision = msgspec.json.Decoder(Decision).decode
_decode_names = msgspec.json.Decoder(tuple[str, ...]).decode


def row(call: Call, stored_us: int, seen: bool | None = None, *, marks: Marks = UNKNOWN) -> tuple[Any, ...]:
    """The call's values in the order of COLUMNS. `seen`: what was asked came in with the call, whether it is still kept or not.

    `marks`: what `store.marks` says of its request.
    """
    return row_of(record(call), stored_us, seen, marks=marks)


def row_of(stored: Record, stored_us: int, seen: bool | None = None, *, marks: Marks = UNKNOWN) -> tuple[Any, ...]:
    """The same from a frame's record, without making a call of it."""
    head = stored.head
    started_us, usage, decision = head.started_us, head.usage or UNKNOWN_USAGE, head.decision
    return (
        head.call_id,
        started_us,
        head.scope,
        _day(started_us // _DAY_US),
        max(stored_us, started_us),
        head.response_id,
        head.client_id,
        head.user_id,
        head.conversation_id,
        head.duration_ms,
        head.time_to_first_chunk_ms,
        head.streamed,
        head.origin,
        head.source,
        head.request_model,
        head.response_model,
        head.status,
        head.finish_reason,
        head.error,
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
        usage.estimated,
        None if head.cost_usd is None else str(head.cost_usd),
        decision and decision.reason,
        decision and decision.workload_id,
        decision and decision.version_id,
        is_specialist(decision),
        None if decision is None else _encode(decision).decode(),
        head.key_id,
        head.endpoint,
        head.provider,
        _encode(head.deployments).decode() if head.deployments else None,
        head.view_version,
        head.service_tier,
        usage.cache_write_1h_tokens,
        usage.audio_input_tokens,
        usage.audio_output_tokens,
        head.trace_id,
        _encode(head.tags).decode() if head.tags else None,
        stored.request is not None if seen is None else seen,
        *_stage(decision),
        *marks,
        stored.request,
        stored.response,
    )


@lru_cache(maxsize=512)
def _day(number: int) -> str:
    """A day, counted from 1970, as YYYY-MM-DD."""
    return (EPOCH + timedelta(days=number)).date().isoformat()


def _stage(decision: Decision | None) -> tuple[str | None, str | None, int | None, int | None]:
    """What a route's other model took on top, its name, and its tokens. Where the caller got its answer, cost and tokens are the call's."""
    if decision is None or decision.stage_model is None:
        return None, None, None, None
    if is_specialist(decision):
        return None, decision.stage_model, None, None
    usd, usage = decision.stage_cost_usd, decision.stage_usage or UNKNOWN_USAGE
    return None if usd is None else str(usd), decision.stage_model, usage.input_tokens, usage.output_tokens


def is_specialist(decision: Decision | None) -> bool:
    """Was the caller's answer a specialist's?"""
    return decision is not None and decision.reason == "answered" and decision.answered_by.startswith("modicum/")


def batch(rows: Sequence[tuple[Any, ...]]) -> RecordBatch:
    """An Arrow batch of rows."""
    arrays = [Array(column, kind) for column, kind in zip(zip(*rows, strict=True), COLUMNS.values(), strict=True)]
    return RecordBatch(arrays, schema=SCHEMA)


def batches(rows: Iterable[tuple[Any, ...]], *, most_bytes: int = 8 << 20, most_rows: int = 8_192) -> Iterator[RecordBatch]:
    """Arrow batches of bounded size, in the order of the rows."""
    held: list[tuple[Any, ...]] = []
    size = 0
    for one in rows:
        held.append(one)
        size += 500 + len(one[-1] or b"") + len(one[-2] or b"")
        if size >= most_bytes or len(held) >= most_rows:
            yield batch(held)
            held, size = [], 0
    if held:
        yield batch(held)


_MADE = ("day", "stored_us", "reason", "workload_id", "version_id", "specialist", "seen", *MARKS)
_STAGE = ("stage_usd", "stage_model", "stage_input_tokens", "stage_output_tokens")
SELECTED = tuple(name for name in COLUMNS if name not in (*_MADE, *_STAGE))
"""What a scan reads; `call` takes it in this order."""


def call(values: tuple[Any, ...]) -> Call:
    """The call in a row of SELECTED."""
    (
        call_id,
        started_us,
        scope,
        response_id,
        client_id,
        user_id,
        conversation_id,
        duration_ms,
        time_to_first_chunk_ms,
        streamed,
        origin,
        source,
        request_model,
        response_model,
        status,
        finish_reason,
        error,
        input_tokens,
        output_tokens,
        cache_read_tokens,
        cache_write_tokens,
        reasoning_tokens,
        usage_estimated,
        cost_usd,
        decision,
        key_id,
        endpoint,
        provider,
        deployments,
        view_version,
        service_tier,
        cache_write_1h_tokens,
        audio_input_tokens,
        audio_output_tokens,
        trace_id,
        tags,
        request,
        response,
    ) = values
    return Call(
        call_id=call_id,
        response_id=response_id,
        scope=scope,
        client_id=client_id,
        user_id=user_id,
        conversation_id=conversation_id,
        started_at=from_us(started_us),
        duration_ms=duration_ms,
        time_to_first_chunk_ms=time_to_first_chunk_ms,
        streamed=streamed,
        origin=origin,
        source=source,
        request_model=request_model,
        response_model=response_model,
        request=request,
        response=response,
        status=status,
        finish_reason=finish_reason,
        error=error,
        usage=Usage(
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            cache_read_tokens=cache_read_tokens,
            cache_write_tokens=cache_write_tokens,
            cache_write_1h_tokens=cache_write_1h_tokens,
            reasoning_tokens=reasoning_tokens,
            audio_input_tokens=audio_input_tokens,
            audio_output_tokens=audio_output_tokens,
            estimated=usage_estimated,
        ),
        cost_usd=None if cost_usd is None else Decimal(cost_usd),
        decision=None if decision is None else _decode_decision(decision),
        key_id=key_id,
        endpoint=endpoint or "chat_completions",
        provider=provider,
        deployments=_decode_names(deployments) if deployments else (),
        view_version=view_version,
        service_tier=service_tier,
        trace_id=trace_id,
        tags=_decode_names(tags) if tags else (),
    )
