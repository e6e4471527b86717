"""Helicone: requests as `npx @helicone/export` (JSON, JSONL, CSV) and its query API give them.

Source: github.com/Helicone/helicone, `examples/export/typescript/index.ts` (the export's columns) and `docs.helicone.ai/rest/request`.
Bodies stand there only where the export was made with `--include-body`, the response's never in its CSV.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from modicum.errors import LogFormatError
from modicum.intake.times import check, moment
from modicum.intake.told import Line, Passed, number, record, whole
from modicum.types import Call, Endpoint, Usage
from modicum.wire import canon
from modicum.wire.observed import SHORTEST_ID, Observed, text

_encode = msgspec.json.Encoder().encode
_PATHS: tuple[tuple[str, Endpoint], ...] = (
    ("/chat/completions", "chat_completions"),
    ("/messages", "messages"),
    ("/responses", "responses"),
    ("/embeddings", "embeddings"),
    ("/completions", "completions"),
    ("/rerank", "rerank"),
)


def looks_like(names: Any) -> bool:
    return "request_created_at" in names and ("response_status" in names or "request_body" in names or "response_id" in names)


def read(line: Line) -> Iterator[Observed | Passed]:
    """The call in a row. Raises LogFormatError."""
    row = line.record()
    asked, answered = record(row.get("request_body")) or None, record(row.get("response_body")) or None
    endpoint = _endpoint(row, asked)
    if endpoint is None:
        yield Passed(f"{str(row.get('request_path') or row.get('target_url') or 'no path')[:60]} (Helicone)")
        return
    started_at = check(moment(row.get("request_created_at")), row.get("request_created_at"))
    status = whole(row.get("response_status"), "response_status") or 200
    failed = status >= 400 or status < 100
    told = canon.usage(endpoint, answered) if answered is not None else Usage()
    labels = record(row.get("request_properties")) or record(row.get("properties"))
    response_id = text(answered.get("id")) if answered else None
    own = text(row.get("request_id")) or text(row.get("response_id"))
    if own is None and response_id is None:
        raise LogFormatError("a row without 'request_id' and 'response_id'")
    call = Call(
        call_id="",
        response_id=response_id,
        endpoint=endpoint,
        client_id=text(labels.get("Helicone-Property-App")) or text(labels.get("App")) or text(row.get("helicone_user")),
        user_id=text(row.get("request_user_id")),
        conversation_id=text(labels.get("Helicone-Session-Id")),
        tags=tuple(
            f"{name}={value}" for name, value in sorted(labels.items()) if isinstance(value, str) and not name.startswith("Helicone-")
        ),
        started_at=started_at,
        duration_ms=_duration(row),
        time_to_first_chunk_ms=number(row.get("time_to_first_token"), "time_to_first_token") or None,
        streamed=asked is not None and asked.get("stream") is True,
        origin="import",
        source="helicone",
        request_model=text(row.get("request_model")) or (text(asked.get("model")) if asked else None) or text(row.get("model")),
        response_model=text(row.get("response_model")) or text(row.get("model")),
        provider=(text(row.get("provider")) or "").lower() or None,
        request=None if asked is None else _encode(asked),
        response=None if asked is None or answered is None or failed else _encode(answered),
        status=status if 100 <= status <= 599 else 500,
        finish_reason=canon.finish_reason(endpoint, answered) if answered and not failed else None,
        error="error" if failed else None,
        usage=told if told.input_tokens is not None else _usage(row),
        cost_usd=_cost(row),
        service_tier=canon.service_tier(endpoint, answered) if answered else None,
    )
    names = (response_id,) if response_id is not None and len(response_id) >= SHORTEST_ID and own is not None else ()
    yield Observed(call=call, identity=own or response_id or "", also=names, lacks="" if asked is not None else "helicone_no_bodies")


def _endpoint(row: Mapping[str, Any], asked: Mapping[str, Any] | None) -> Endpoint | None:
    path = str(row.get("request_path") or row.get("target_url") or "")
    for end, endpoint in _PATHS:
        if path.split("?")[0].rstrip("/").endswith(end):
            return endpoint
    if path:
        return None
    if asked is not None and "messages" not in asked:
        return "embeddings" if "input" in asked else None
    return "messages" if str(row.get("provider")).upper() == "ANTHROPIC" else "chat_completions"


def _duration(row: Mapping[str, Any]) -> float | None:
    for name in ("delay_ms", "latency"):
        if (found := number(row.get(name), name)) is not None:
            return found
    return None


def _usage(row: Mapping[str, Any]) -> Usage:
    sent, got = whole(row.get("prompt_tokens"), "prompt_tokens"), whole(row.get("completion_tokens"), "completion_tokens")
    if not sent and not got:
        return Usage()
    return Usage(
        input_tokens=sent,
        output_tokens=got,
        cache_read_tokens=whole(row.get("prompt_cache_read_tokens"), "prompt_cache_read_tokens"),
        cache_write_tokens=whole(row.get("prompt_cache_write_tokens"), "prompt_cache_write_tokens"),
        reasoning_tokens=whole(row.get("reasoning_tokens"), "reasoning_tokens"),
    )


def _cost(row: Mapping[str, Any]) -> Decimal | None:
    """In dollars; 0 stands for a price that was not known."""
    for name in ("costUSD", "cost_usd", "cost"):
        try:
            found = Decimal(str(row.get(name)))
        except InvalidOperation:
            continue
        if found.is_finite() and 0 < found < 10**6:
            return found
    return None
