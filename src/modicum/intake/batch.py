"""Batches: the file of requests and the file of answers, joined by `custom_id`. OpenAI's Batch API and Anthropic's Message Batches.

Source: platform.openai.com/docs/guides/batch (input: custom_id, method, url, body; output: id, custom_id, response, error) and
docs.anthropic.com/en/docs/build-with-claude/batch-processing (custom_id, params; custom_id, result). Name both files in one import:
requests are read first. What was asked in a batch costs what batches cost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from modicum.errors import LogFormatError
from modicum.intake.times import EARLIEST, epoch, latest
from modicum.intake.told import Line, record
from modicum.types import Call, Endpoint, Usage
from modicum.wire import canon, chat
from modicum.wire.observed import Observed, check_depth, code, text

_encode = msgspec.json.Encoder().encode
_OBJECTS: Mapping[str, Endpoint] = {
    "chat.completion": "chat_completions",
    "response": "responses",
    "list": "embeddings",
    "text_completion": "completions",
    "message": "messages",
}


def is_request(names: Any) -> bool:
    """A line of a file of requests."""
    return "custom_id" in names and (("url" in names and "body" in names) or "params" in names)


def is_answer(names: Any) -> bool:
    return "custom_id" in names and ("response" in names or "result" in names or "error" in names)


def keep(line: Line) -> Iterator[Observed]:
    """Keep a request until its answer comes; it is no call by itself. Raises LogFormatError."""
    row = line.record()
    name = text(row.get("custom_id"))
    body = row.get("body") if "body" in row else row.get("params")
    if name is None or not isinstance(body, dict):
        raise LogFormatError("a request of a batch has a 'custom_id' and a 'body' (Anthropic: 'params')")
    check_depth(body)
    line.pairs.put(name, _encode(body))
    return iter(())


def read(line: Line) -> Iterator[Observed]:
    """The call of an answer. Raises LogFormatError."""
    row = line.record()
    name = text(row.get("custom_id"))
    if name is None:
        raise LogFormatError("an answer of a batch without 'custom_id'")
    status, answered, error = _answer(row)
    held = line.pairs.take(name)
    asked = None if held is None else chat.loads(held)
    endpoint = _endpoint(row, asked, answered)
    failed = error is not None
    usage = canon.usage(endpoint, answered) if answered is not None and not failed else Usage()
    model = canon.model(endpoint, answered) if answered is not None else None
    response_id = text(answered.get("id")) if answered is not None and not failed else None
    yield Observed(
        call=Call(
            call_id="",
            response_id=response_id,
            endpoint=endpoint,
            user_id=chat.user_id(asked) if asked is not None else None,
            conversation_id=chat.conversation_id(asked) if asked is not None else None,
            started_at=_created(answered) or line.fallback_time,
            origin="import",
            source="batch",
            request_model=(text(asked.get("model")) if asked is not None else None) or model,
            response_model=model,
            provider="anthropic" if "result" in row else "openai",
            request=held,
            response=_encode(answered) if answered is not None and not failed else None,
            status=status,
            finish_reason=canon.finish_reason(endpoint, answered) if answered is not None and not failed else None,
            error=error,
            usage=usage,
            service_tier="batch",
        ),
        identity=response_id or text(row.get("id")) or f"batch {name} {line.source}",
        lacks="" if held is not None else "batch_no_input",
    )


def _answer(row: dict[str, Any]) -> tuple[int, dict[str, Any] | None, str | None]:
    """(status, body, error)"""
    if "result" in row:
        result = record(row["result"])
        message = record(result.get("message")) or None
        if result.get("type") == "succeeded" and message is not None:
            return 200, message, None
        about = record(result.get("error"))
        return 500, None, code(record(about.get("error")).get("type") or about.get("type") or result.get("type"))
    response = record(row.get("response"))
    status, body = response.get("status_code"), record(response.get("body")) or None
    status = status if isinstance(status, int) and 100 <= status <= 599 else 200 if body is not None else 500
    about = record(row.get("error")) or (record(body.get("error")) if body is not None and status >= 400 else {})
    if about or status >= 400:
        return status if status >= 400 else 500, None, code(about.get("code") or about.get("type"))
    return status, body, None


def _endpoint(row: dict[str, Any], asked: dict[str, Any] | None, answered: dict[str, Any] | None) -> Endpoint:
    if "result" in row:
        return "messages"
    found = _OBJECTS.get(str(answered.get("object"))) if answered is not None else None
    if found is not None:
        return found
    if asked is not None and "messages" not in asked:
        return (
            "responses" if "instructions" in asked or "max_output_tokens" in asked else "embeddings" if "input" in asked else "completions"
        )
    return "chat_completions"


def _created(answered: dict[str, Any] | None) -> datetime | None:
    for name in ("created", "created_at"):
        value = answered.get(name) if answered is not None else None
        if isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
            made = epoch(value)
            if made is not None and EARLIEST <= made <= latest():
                return made
    return None
