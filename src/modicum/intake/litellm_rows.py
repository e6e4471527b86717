"""LiteLLM's spend logs: the rows of `LiteLLM_SpendLogs`, as JSON or as the CSV that a database or its interface exports.

Source: `schema.prisma` and `proxy/spend_tracking/spend_tracking_utils.py` of litellm 1.106. `request_id` is the response's id, or
LiteLLM's own for a call that failed. What was asked stands in `proxy_server_request`, in older versions in `messages` or in `metadata`, and
by default nowhere. A prompt that was cut short is left out: half of a prompt is another prompt.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from modicum.errors import LogFormatError
from modicum.intake.times import check, moment
from modicum.intake.told import Line, Passed, loaded, number, record, whole
from modicum.types import Call, Endpoint, Usage
from modicum.wire import canon
from modicum.wire.litellm import ENDPOINTS, REDACTED
from modicum.wire.observed import Observed, code, step, text
from modicum.wire.told import finish

_encode = msgspec.json.Encoder().encode
CUT = b"litellm_truncated"
"""Stands in every text that LiteLLM cut short."""
_NOT_ASKED = ("proxy_server_request", "secret_fields", "api_key", "api_base", "extra_headers", "metadata", "user_config")
"""Fields that LiteLLM adds to a request, or that must not be kept."""


def looks_like(names: Any) -> bool:
    row = "request_id" in names and "startTime" in names and ("spend" in names or "call_type" in names)
    return row or _is_sum(names)


def _is_sum(names: Any) -> bool:
    """A day's sum, which `/spend/logs` gives for dates unless told otherwise."""
    return "request_id" not in names and all(name in names for name in ("startTime", "spend", "users", "models"))


def read(line: Line) -> Iterator[Observed | Passed]:
    """The call in a row. Raises LogFormatError."""
    row = line.record()
    if _is_sum(row):
        raise LogFormatError("a day's sum of LiteLLM's, not its calls: ask /spend/logs with summarize=false, or export the table")
    kind = str(row.get("call_type") or "").removeprefix("litellm.")
    sent = whole(row.get("prompt_tokens"), "prompt_tokens")
    got = whole(row.get("completion_tokens"), "completion_tokens")
    endpoint = ENDPOINTS.get(kind)
    if endpoint is None:
        if not (row.get("model") and sent and got):
            yield Passed(f"{kind[:40] or 'no call_type'} (LiteLLM)")
            return
        endpoint = "chat_completions"  # what was passed through to a provider as it came: its figures count
    about = record(row.get("metadata"))
    started_at = check(moment(row.get("startTime")), row.get("startTime"))
    duration_ms, first_ms = _durations(row, started_at)
    endpoint, asked, answered, lacks = _bodies(row, about, endpoint)
    cached = str(row.get("cache_hit")).lower() == "true"
    failed = "failure" in (row.get("status"), about.get("status"))
    error = record(about.get("error_information"))
    request_id = text(row.get("request_id"))
    own = text(row.get("litellm_call_id")) or text(about.get("litellm_call_id"))
    if request_id is None and own is None:
        raise LogFormatError("a row without 'request_id'")
    trace_id = text(row.get("session_id"))
    also, near = step(trace_id, started_at)
    call = Call(
        call_id="",
        response_id=request_id,
        endpoint=endpoint,
        client_id=text(about.get("user_api_key_alias")) or text(about.get("user_api_key_team_alias")) or text(row.get("team_id")),
        user_id=text(row.get("end_user")),
        conversation_id=_conversation(about),
        trace_id=trace_id,
        tags=_tags(row.get("request_tags")),
        started_at=started_at,
        duration_ms=duration_ms,
        time_to_first_chunk_ms=first_ms,
        streamed=isinstance(asked, dict) and asked.get("stream") is True,
        origin="import",
        source="litellm-spend",
        request_model=text(row.get("model_group")) or text(row.get("model")),
        response_model=(text(answered.get("model")) if answered else None) or text(row.get("model")),
        provider=text(row.get("custom_llm_provider")),
        request=None if asked is None else _encode(asked),
        response=None if asked is None or not answered or failed else _encode(answered),
        status=_status(error) if failed else 200,
        finish_reason=_finish(answered),
        error=code(error.get("error_class")) if failed else None,
        usage=_usage(sent, got, about),
        cost_usd=_cost(row.get("spend"), cached),
        service_tier=text(answered.get("service_tier")) if answered else None,
    )
    names = (*also, *((own,) if own is not None and own != request_id else ()))
    yield Observed(call=call, identity=request_id or own or "", also=names, near=near, lacks=lacks)


def _bodies(
    row: dict[str, Any], about: dict[str, Any], endpoint: Endpoint
) -> tuple[Endpoint, dict[str, Any] | None, dict[str, Any] | None, str]:
    """(the dialect of both, the request, the response, why there is no request)"""
    asked = _asked(row, about)
    answered = record(row.get("response")) or None
    if asked is None:
        return endpoint, None, answered, "litellm_no_bodies"
    body = _encode(asked)
    if CUT in body:
        return endpoint, None, answered, "litellm_cut"
    if REDACTED.encode() in body:
        return endpoint, None, answered, "litellm_redacted"
    if answered and CUT in _encode(answered):
        answered = None
    if answered and "choices" in answered and endpoint in ("messages", "responses"):
        # LiteLLM tells of some calls as the chat completion that it made of them.
        translated = canon.chat_request(endpoint, asked)
        if translated is None:
            return endpoint, asked, None, ""
        return "chat_completions", translated, answered, ""
    return endpoint, asked, answered, ""


def _asked(row: dict[str, Any], about: dict[str, Any]) -> dict[str, Any] | None:
    for found in (row.get("proxy_server_request"), about.get("proxy_server_request")):
        whole_request = record(found)
        body = record(whole_request.get("body")) or whole_request
        if any(name in body for name in ("messages", "input", "prompt", "query")):
            return {name: value for name, value in body.items() if name not in _NOT_ASKED and not name.startswith("litellm_")}
    for found in (row.get("messages"), about.get("messages")):
        listed = loaded(found)
        listed = listed.get("messages") if isinstance(listed, dict) else listed
        if isinstance(listed, list) and listed and all(isinstance(one, dict) for one in listed):
            return {"model": row.get("model_group") or row.get("model") or "", "messages": listed}
    return None


def _durations(row: dict[str, Any], started_at: datetime) -> tuple[float | None, float | None]:
    """(until the end, until the first words), in milliseconds."""

    def since(name: str) -> float | None:
        value = row.get(name)
        if value is None or value == "":
            return None
        try:
            found = (moment(value) - started_at).total_seconds() * 1000
        except LogFormatError:
            return None
        return found if found >= 0 else None

    ended, first = since("endTime"), since("completionStartTime")
    if ended is None:
        ended = number(row.get("request_duration_ms"), "request_duration_ms")
    return ended, first if first is not None and ended is not None and 0 < first < ended else None


def _usage(sent: int | None, got: int | None, about: dict[str, Any]) -> Usage:
    """Tokens as LiteLLM normalised them; where it counted none it did not know."""
    if not sent and not got:
        return Usage()
    told, more = record(about.get("usage_object")), record(about.get("additional_usage_values"))
    inputs = record(told.get("prompt_tokens_details")) or record(more.get("prompt_tokens_details"))
    outputs = record(told.get("completion_tokens_details")) or record(more.get("completion_tokens_details"))

    def count(*found: Any) -> int | None:
        return next((one for one in found if isinstance(one, int) and not isinstance(one, bool) and one >= 0), None)

    return Usage(
        input_tokens=sent,
        output_tokens=got,
        cache_read_tokens=count(inputs.get("cached_tokens"), told.get("cache_read_input_tokens"), more.get("cache_read_input_tokens")),
        cache_write_tokens=count(
            told.get("cache_creation_input_tokens"), more.get("cache_creation_input_tokens"), inputs.get("cache_creation_tokens")
        ),
        reasoning_tokens=count(outputs.get("reasoning_tokens")),
        audio_input_tokens=count(inputs.get("audio_tokens")),
        audio_output_tokens=count(outputs.get("audio_tokens")),
    )


def _cost(value: Any, cached: bool) -> Decimal | None:
    """What LiteLLM counted. It writes 0 for a price that it does not know: only what a cache answered costs nothing for sure."""
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    if not found.is_finite() or not 0 <= found < 10**6:
        return None
    return found if found or cached else None


def _tags(value: Any) -> tuple[str, ...]:
    listed = loaded(value)
    return tuple(dict.fromkeys(one for one in listed if isinstance(one, str) and one)) if isinstance(listed, list) else ()


def _conversation(about: dict[str, Any]) -> str | None:
    """The conversation, where the caller named one."""
    for asked in (record(about.get("requester_metadata")), record(about.get("spend_logs_metadata"))):
        for name in ("conversation_id", "session_id", "thread_id"):
            if (found := text(asked.get(name))) is not None:
                return found
    return None


def _finish(answered: dict[str, Any] | None) -> str | None:
    choices = answered.get("choices") if answered else None
    return finish(choices[0].get("finish_reason")) if isinstance(choices, list) and choices and isinstance(choices[0], dict) else None


def _status(error: dict[str, Any]) -> int:
    value = error.get("error_code")
    value = int(value) if isinstance(value, str) and len(value) == 3 and value.isascii() and value.isdigit() else value
    return value if isinstance(value, int) and 400 <= value <= 599 else 500
