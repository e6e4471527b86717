"""One call as a span, its audit as an event, its figures as histograms, under OpenTelemetry's GenAI names. Content only where the
operator wants it.

Source: github.com/open-telemetry/semantic-conventions-genai (status Development), read 2026-11-22. A span's trace is its caller's where
a `traceparent` came with the request, else one of its own that has the call's id for its name.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import msgspec

from modicum.errors import InputError
from modicum.gateway.metrics import DRAWN, who
from modicum.types import Call, Endpoint
from modicum.wire import canon, chat, otlp, protobuf
from modicum.wire.observed import code

OPERATIONS: Mapping[Endpoint, str] = {
    "chat_completions": "chat",
    "messages": "chat",
    "responses": "chat",
    "completions": "text_completion",
    "embeddings": "embeddings",
    "rerank": "rerank",
}
_CLIENT = 3
_INFO = 9
AGREEMENT = "modicum.agreement"
_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}")
_DURATIONS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS = tuple(float(4**power) for power in range(14))
MOST_POINTS = 1_000
_figures = attrgetter(
    "call_id", "endpoint", "started_at", "duration_ms", "time_to_first_chunk_ms", "streamed", "request_model", "response_model",
    "provider", "status", "finish_reason", "error", "usage", "cost_usd", "decision", "response_id", "service_tier",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """What spans say of a provider."""

    name: str
    """`gen_ai.provider.name`."""
    address: str | None = None
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Ended:
    """What is kept of a call until it is sent: its figures, not its bodies."""

    figures: tuple[Any, ...]
    answered_by: str
    model: str
    """A name of which there are few; see `Metrics.model`."""
    overhead_ms: float
    traceparent: str
    bodies: tuple[bytes | None, bytes | None] = (None, None)


def ended(call: Call, model: str, overhead_ms: float, traceparent: str, *, content: bool) -> Ended:
    """Keep what a span will say of a call."""
    bodies = (call.request, call.response) if content else (None, None)
    return Ended(_figures(call), who(call), model, overhead_ms, traceparent, bodies)


def span(call: Ended, providers: Mapping[str, Provider]) -> bytes | None:
    """The span as protobuf; None where its caller's trace is not sampled, or it was no call to a model."""
    (
        call_id, endpoint, started_at, duration_ms, first_ms, streamed, request_model, response_model,
        provider_name, status, finish_reason, error, usage, cost_usd, decision, response_id, service_tier,
    ) = call.figures  # fmt: skip
    operation = OPERATIONS.get(endpoint)
    place = _place(call_id, call.traceparent)
    if operation is None or place is None:
        return None
    provider = _provider(call, provider_name, providers)
    asked = _name(request_model)
    start = int(started_at.timestamp() * 1_000_000) * 1000
    values: dict[str, Any] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": provider.name,
        "gen_ai.request.model": asked,
        "gen_ai.response.model": _name(response_model),
        "gen_ai.response.id": _name(response_id),
        "gen_ai.response.finish_reasons": None if finish_reason is None else [_name(finish_reason)],
        "gen_ai.request.stream": True if streamed else None,
        "gen_ai.response.time_to_first_chunk": first_ms / 1000 if streamed and first_ms is not None else None,
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read_tokens,
        "gen_ai.usage.cache_write.input_tokens": usage.cache_write_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
        "gen_ai.usage.audio.input_tokens": usage.audio_input_tokens,
        "gen_ai.usage.audio.output_tokens": usage.audio_output_tokens,
        "server.address": provider.address,
        "server.port": provider.port,
        "error.type": _error(error, status),
        "openai.response.service_tier": _name(service_tier),
        "modicum.call_id": call_id,
        "modicum.answered_by": call.answered_by,
        "modicum.overhead_ms": call.overhead_ms,
        "modicum.cost_usd": None if cost_usd is None else float(cost_usd),
    }
    if decision is not None:
        values["modicum.reason"] = decision.reason
        values["modicum.workload_id"] = decision.workload_id
        values["modicum.route_id"] = decision.route_id
        values["modicum.certificate_id"] = decision.certificate_id
        values["modicum.confidence"] = decision.confidence
    values |= _content(call.bodies, endpoint)
    record = {
        "traceId": place.trace_id,
        "spanId": place.span_id,
        "parentSpanId": place.parent_id,
        "name": f"{operation} {asked}" if asked else operation,
        "kind": _CLIENT,
        "startTimeUnixNano": start,
        "endTimeUnixNano": start + int((duration_ms or 0) * 1_000_000),
        "status": {"code": 2} if error is not None or status >= 400 else None,
    }
    return protobuf.encode(otlp.SPAN, record) + otlp.packed(values, otlp.OF_SPAN)


def audit(call: Ended, now_ns: int) -> bytes | None:
    """What the comparison of a call's two answers found, as an event (a log record in protobuf) of the call's span; None where there was
    none, or its trace is not sampled. Nothing of either answer is in it."""
    call_id, decision, response_id = call.figures[0], call.figures[14], call.figures[15]
    if decision is None or decision.agreed is None or (place := _place(call_id, call.traceparent)) is None:
        return None
    agreed = decision.agreed
    values: dict[str, Any] = {
        "gen_ai.evaluation.name": AGREEMENT,
        "gen_ai.evaluation.score.value": 1.0 if agreed else 0.0,
        "gen_ai.evaluation.score.label": "agreed" if agreed else "differed",
        "gen_ai.evaluation.explanation": f"the route's stage said {'what' if agreed else 'something else than'} the incumbent said",
        "gen_ai.response.id": _name(response_id),
        "modicum.call_id": call_id,
        "modicum.reason": decision.reason,
        "modicum.drawn": decision.reason in DRAWN,
        "modicum.would_answer": decision.would_answer,
        "modicum.workload_id": decision.workload_id,
        "modicum.route_id": decision.route_id,
        "modicum.certificate_id": decision.certificate_id,
    }
    record = {
        "timeUnixNano": int(call.figures[2].timestamp() * 1_000_000) * 1000 + int((call.figures[3] or 0) * 1_000_000),
        "severityNumber": _INFO,
        "traceId": place.trace_id,
        "spanId": place.span_id,
        "observedTimeUnixNano": now_ns,
        "eventName": otlp.EVALUATION,
    }
    return protobuf.encode(otlp.LOG, record) + otlp.packed(values, otlp.OF_LOG)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a call's span stands. Ids are hex."""

    trace_id: str
    span_id: str
    parent_id: str | None


def _place(call_id: str, traceparent: str) -> _Place | None:
    """In its caller's trace where it has one; None where that is not sampled."""
    own, parent = call_id.replace("-", ""), _PARENT.fullmatch(traceparent)
    if parent is None:
        return _Place(own, own[16:], None)
    if not int(parent[3], 16) & 1:
        return None
    return _Place(parent[1] if parent[1].strip("0") else own, own[16:], parent[2] if parent[2].strip("0") else None)


def _provider(call: Ended, name: str | None, providers: Mapping[str, Provider]) -> Provider:
    if call.answered_by == "specialist":
        return Provider(name="modicum")
    return providers.get(name or "upstream") or Provider(name=name or "unknown")


def _name(model: str | None) -> str | None:
    """A model's name as it was written, where it has the shape of one: callers may write anything there."""
    return None if model is None else model if _NAME.fullmatch(model) else "other"


def _error(error: str | None, status: int) -> str | None:
    """`error.type`: a code, never a provider's own sentence."""
    return code(error) if error is not None else str(status) if status >= 400 else None


def _content(bodies: tuple[bytes | None, bytes | None], endpoint: Endpoint) -> dict[str, str]:
    """Messages in the convention's form. What cannot be read is left out."""
    request, response = bodies
    found = {}
    if request is not None and (asked := _chat(request, endpoint, asked=True)) is not None:
        found["gen_ai.input.messages"] = _told([one for one in asked.get("messages") or () if isinstance(one, dict)])
    if response is not None and (answered := _chat(response, endpoint, asked=False)) is not None:
        choices = [one for one in answered.get("choices") or () if isinstance(one, dict) and isinstance(one.get("message"), dict)]
        found["gen_ai.output.messages"] = _told([{**one["message"], "finish_reason": one.get("finish_reason")} for one in choices])
    return found


def _chat(body: bytes, endpoint: Endpoint, *, asked: bool) -> dict[str, Any] | None:
    try:
        read = chat.loads(body)
        return canon.chat_request(endpoint, read) if asked else canon.chat_response(endpoint, read)
    except InputError:
        return None


def _told(messages: list[dict[str, Any]]) -> str:
    return msgspec.json.encode([_message(one) for one in messages]).decode()


def _message(message: dict[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    parts: list[dict[str, Any]] = []
    if message.get("role") == "tool":
        parts.append({"type": "tool_call_response", "id": message.get("tool_call_id"), "response": content})
    elif isinstance(content, str):
        parts.append({"type": "text", "content": content})
    elif isinstance(content, list):
        for part in content:
            text = part.get("text") if isinstance(part, dict) else None
            parts.append({"type": "text", "content": text} if isinstance(text, str) else {"type": "other"})
    for call in message.get("tool_calls") or ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            parts.append({"type": "tool_call", "id": call.get("id"), "name": function.get("name"), "arguments": function.get("arguments")})
    found = {"role": message.get("role"), "parts": parts}
    return found | ({"finish_reason": message["finish_reason"]} if message.get("finish_reason") else {})


class Histograms:
    """`gen_ai.client.*` of one worker, since it began."""

    def __init__(self, started_ns: int) -> None:
        self._started_ns = started_ns
        self._points: dict[tuple[str, tuple[tuple[str, str], ...]], list[float]] = {}

    def take(self, call: Ended, providers: Mapping[str, Provider]) -> None:
        """Count a call."""
        _, endpoint, _, duration_ms, first_ms, streamed, _, _, provider_name, status, _, error, usage, *_ = call.figures
        operation = OPERATIONS.get(endpoint)
        if operation is None:
            return
        provider = _provider(call, provider_name, providers)
        about = (("gen_ai.operation.name", operation), ("gen_ai.provider.name", provider.name), ("gen_ai.request.model", call.model))
        failed = (("error.type", failure),) if (failure := _error(error, status)) is not None else ()
        if duration_ms is not None:
            self._count("gen_ai.client.operation.duration", (*about, *failed), duration_ms / 1000)
        if streamed and first_ms is not None:
            self._count("gen_ai.client.operation.time_to_first_chunk", about, first_ms / 1000)
        if usage.input_tokens is not None:
            self._count("gen_ai.client.token.usage", (*about, ("gen_ai.token.type", "input")), usage.input_tokens)
        if usage.output_tokens is not None:
            self._count("gen_ai.client.token.usage", (*about, ("gen_ai.token.type", "output")), usage.output_tokens)

    def _count(self, name: str, about: tuple[tuple[str, str], ...], value: float) -> None:
        bounds = _bounds(name)
        point = self._points.get((name, about))
        if point is None:
            if len(self._points) >= MOST_POINTS:
                return
            point = self._points[name, about] = [0.0] * (len(bounds) + 2)
        point[bisect_left(bounds, value)] += 1
        point[-1] += value

    def metrics(self, now_ns: int) -> list[dict[str, Any]]:
        """Every histogram so far, cumulative, ready to be encoded."""
        by_name: dict[str, list[dict[str, Any]]] = {}
        for (name, about), point in self._points.items():
            counts = [int(number) for number in point[:-1]]
            by_name.setdefault(name, []).append(
                {
                    "startTimeUnixNano": self._started_ns,
                    "timeUnixNano": now_ns,
                    "count": sum(counts),
                    "sum": point[-1],
                    "bucketCounts": counts,
                    "explicitBounds": _bounds(name),
                    "attributes": otlp.attributes(dict(about)),
                }
            )
        return [
            {
                "name": name,
                "unit": "{token}" if name.endswith("usage") else "s",
                "histogram": {"dataPoints": points, "aggregationTemporality": 2},
            }
            for name, points in by_name.items()
        ]


def _bounds(name: str) -> tuple[float, ...]:
    return _TOKENS if name.endswith("usage") else _DURATIONS
