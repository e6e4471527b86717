"""Spans of calls to models as calls: the figures, by whichever of three sets of names their emitter uses.

- OpenTelemetry's GenAI conventions: `gen_ai.provider.name`, `gen_ai.usage.input_tokens`, ... and what they were called before 1.37
  (`gen_ai.system`, `gen_ai.usage.prompt_tokens`). Source: github.com/open-telemetry/semantic-conventions-genai.
- OpenLLMetry's: `llm.request.type`, `gen_ai.prompt.N.content`, `traceloop.association.properties.*`.
- OpenInference's: `openinference.span.kind`, `llm.model_name`, `llm.token_count.prompt`. Source: arize-ai.github.io/openinference/spec.

What was said is `wire.told`'s to rebuild; most emitters leave it out unless told otherwise, and the call is recorded as figures then.
Spans of agents, chains, tools and searches are not calls to a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from modicum.errors import InputError
from modicum.types import Call, Endpoint, Usage
from modicum.wire import told
from modicum.wire.observed import SHORTEST_ID, Observed, check_depth, code, count, moment, step, text
from modicum.wire.otlp import Span

OURS = "modicum"
"""The instrumentation scope of what we emit ourselves: those calls are on record already."""

_OPERATIONS: Mapping[str, Endpoint] = {
    "chat": "chat_completions",
    "generate_content": "chat_completions",
    "completion": "completions",
    "text_completion": "completions",
    "embeddings": "embeddings",
    "embedding": "embeddings",
    "llm": "chat_completions",
}
_PROVIDER = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system", "llm.vendor")
_MODEL = ("gen_ai.request.model", "llm.request.model", "llm.model_name", "embedding.model_name")
_TOLD_MODEL = ("gen_ai.response.model", "llm.response.model")
_USER = ("enduser.id", "user.id", "gen_ai.user.id", "llm.user", "gen_ai.request.user", "traceloop.association.properties.user_id")
_CONVERSATION = (
    "gen_ai.conversation.id", "session.id", "traceloop.association.properties.session_id", "traceloop.association.properties.thread_id"
)  # fmt: skip
_INPUT = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.usage.prompt_tokens", "llm.token_count.prompt")
_OUTPUT = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.usage.completion_tokens", "llm.token_count.completion")
_CACHE_READ = (
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "llm.token_count.prompt_details.cache_read",
)
_CACHE_WRITE = (
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
    "llm.token_count.prompt_details.cache_write",
)
_REASONING = (
    "gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens", "llm.token_count.completion_details.reasoning"
)  # fmt: skip
_AUDIO_INPUT = ("gen_ai.usage.audio.input_tokens", "llm.token_count.prompt_details.audio")
_AUDIO_OUTPUT = ("gen_ai.usage.audio.output_tokens", "llm.token_count.completion_details.audio")
_COST = ("gen_ai.usage.cost", "llm.cost.total")
_encode = msgspec.json.Encoder().encode


def operation(span: Span) -> Endpoint | None:
    """What was asked of a model; None where the span is of something else, or one of our own."""
    told_by = span.attributes
    if span.emitter == OURS:
        return None
    for name in ("gen_ai.operation.name", "llm.request.type", "openinference.span.kind"):
        if isinstance(kind := told_by.get(name), str):
            return _OPERATIONS.get(kind.lower())
    if _first(told_by, _PROVIDER) and _first(told_by, (*_MODEL, *_TOLD_MODEL)):
        return "chat_completions"
    return None


def observe(span: Span) -> Observed | None:
    """The call that a span tells of; None where it tells of none. Raises InputError where its times or ids are none."""
    endpoint = operation(span)
    if endpoint is None:
        return None
    if not span.trace_id.strip("0") or not span.span_id.strip("0"):
        raise InputError("a span without ids")
    values = span.attributes
    started_at = moment(span.start_ns / 1e9)
    request_model, response_model = _text(values, _MODEL), _text(values, _TOLD_MODEL)
    response_id = _text(values, ("gen_ai.response.id", "llm.response.id"))
    finish = values.get("gen_ai.response.finish_reasons") or values.get("llm.response.finish_reason")
    usage = _usage(values)
    said = told.told(span, endpoint)
    reason = told.finish(finish[0] if isinstance(finish, list) and finish else finish) or (said.finish_reason if said else None)
    error = code(values.get("error.type")) if span.failed or "error.type" in values else None
    request = response = None
    if said is not None:
        check_depth([said.request, said.response or {}])
        request = _encode({"model": request_model or response_model or "", **said.request, **_settings(values)})
        if said.response is not None:
            head = {"id": response_id or f"span-{span.span_id}", "model": response_model or request_model or ""}
            response = _encode(head | {"created": int(started_at.timestamp())} | said.response | _counts(usage))
    call = Call(
        call_id="",
        response_id=response_id,
        endpoint=endpoint,
        client_id=text(span.resource.get("service.name")),
        user_id=_text(values, _USER),
        conversation_id=_text(values, _CONVERSATION),
        trace_id=span.trace_id,
        started_at=started_at,
        duration_ms=(span.end_ns - span.start_ns) / 1e6 if span.end_ns >= span.start_ns else None,
        time_to_first_chunk_ms=_milliseconds(values.get("gen_ai.response.time_to_first_chunk")),
        streamed=bool(values.get("gen_ai.request.stream") or values.get("llm.is_streaming") or values.get("gen_ai.is_streaming")),
        origin="import",
        source="otlp",
        request_model=request_model,
        response_model=response_model,
        provider=(_text(values, _PROVIDER) or "").lower() or None,
        request=request,
        response=response,
        status=_status(values) if error else 200,
        finish_reason=reason,
        error=error,
        usage=usage,
        cost_usd=_dollars(_first(values, _COST)),
        service_tier=_text(values, ("gen_ai.openai.response.service_tier", "openai.response.service_tier")),
    )
    known = response_id if response_id is not None and len(response_id) >= SHORTEST_ID else None
    own = f"span {span.trace_id} {span.span_id}"
    also, near = step(span.trace_id, started_at)
    return Observed(
        call=call,
        identity=known or own,
        also=(own, *also) if known else also,
        near=near,
        lacks="" if request is not None else "otlp_no_bodies",
    )


def _usage(values: Mapping[str, Any]) -> Usage:
    return Usage(
        input_tokens=count(_first(values, _INPUT)),
        output_tokens=count(_first(values, _OUTPUT)),
        cache_read_tokens=count(_first(values, _CACHE_READ)),
        cache_write_tokens=count(_first(values, _CACHE_WRITE)),
        reasoning_tokens=count(_first(values, _REASONING)),
        audio_input_tokens=count(_first(values, _AUDIO_INPUT)),
        audio_output_tokens=count(_first(values, _AUDIO_OUTPUT)),
    )


def _counts(usage: Usage) -> dict[str, Any]:
    """The usage as a chat completion tells it, where it is known."""
    if usage.input_tokens is None and usage.output_tokens is None:
        return {}
    found: dict[str, Any] = {"prompt_tokens": usage.input_tokens, "completion_tokens": usage.output_tokens}
    if usage.input_tokens is not None and usage.output_tokens is not None:
        found["total_tokens"] = usage.input_tokens + usage.output_tokens
    if usage.cache_read_tokens is not None:
        found["prompt_tokens_details"] = {"cached_tokens": usage.cache_read_tokens}
    if usage.reasoning_tokens is not None:
        found["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return {"usage": {name: value for name, value in found.items() if value is not None}}


_SETTINGS = {
    "temperature": ("gen_ai.request.temperature", "llm.temperature"),
    "top_p": ("gen_ai.request.top_p", "llm.top_p"),
    "max_tokens": ("gen_ai.request.max_tokens", "llm.request.max_tokens"),
    "seed": ("gen_ai.request.seed", "gen_ai.openai.request.seed"),
    "frequency_penalty": ("gen_ai.request.frequency_penalty", "llm.frequency_penalty"),
    "presence_penalty": ("gen_ai.request.presence_penalty", "llm.presence_penalty"),
    "stop": ("gen_ai.request.stop_sequences",),
}


def _settings(values: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: value for name, names in _SETTINGS.items() if (value := _first(values, names)) is not None}
    choices = count(values.get("gen_ai.request.choice.count"))
    if choices is not None and choices > 1:
        found["n"] = choices
    if values.get("gen_ai.output.type") == "json":
        found["response_format"] = {"type": "json_object"}
    if values.get("gen_ai.request.stream") or values.get("llm.is_streaming"):
        found["stream"] = True
    return found


def _status(values: Mapping[str, Any]) -> int:
    """The provider's status where it is told, else the one of a failure that is not known any closer."""
    for name in ("http.response.status_code", "http.status_code", "error.type"):
        value = values.get(name)
        if isinstance(value, str) and len(value) == 3 and value.isascii() and value.isdigit():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599:
            return value
    return 500


def _dollars(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() and 0 <= found < 10**6 else None


def _milliseconds(seconds: Any) -> float | None:
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds < 1e6
    return seconds * 1000 if number else None


def _first(values: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((found for name in names if (found := values.get(name)) is not None), None)


def _text(values: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    return next((found for name in names if (found := text(values.get(name))) is not None), None)
