"""Bedrock's ConverseResponse, both ways, with its usage and its reasons to stop.

`inputTokens` does not hold what was read from or written to the cache (AWS's page on prompt caching, read 2026-11-22); ours
does. Converse names neither answer nor model: the id is made here, the model is "". Traces and metrics end here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from modicum.errors import UpstreamError
from modicum.types import Usage
from modicum.wire.bedrock import parts
from modicum.wire.fields import untranslatable
from modicum.wire.fieldwise import Fields
from modicum.wire.talk import Choice, Finish, Response

FINISHES: dict[str, Finish] = {
    "end_turn": "stop",
    "tool_use": "tool_use",
    "max_tokens": "length",
    "stop_sequence": "stop_sequence",
    "guardrail_intervened": "refusal",
    "content_filtered": "refusal",
    "model_context_window_exceeded": "length",
}
"""All others say that no answer was made."""
_WRITTEN = {
    "stop": "end_turn",
    "tool_use": "tool_use",
    "length": "max_tokens",
    "stop_sequence": "stop_sequence",
    "refusal": "content_filtered",
}


def read(body: Mapping[str, Any]) -> Response:
    """Raises UpstreamError for what is no answer, UntranslatableError for blocks that ours have no word for."""
    fields = Fields(body, "", UpstreamError)
    output = fields.fields("output")
    message = output.fields("message") if output is not None else None
    if message is None:
        raise UpstreamError("Bedrock answered without a message")
    tier = fields.fields("serviceTier")
    return Response(
        id=new_id(),
        model="",
        choices=(Choice(parts=tuple(parts.read(message.each("content"))), finish=finish(fields.text("stopReason"))),),
        usage=usage(body.get("usage")),
        service_tier=tier.text("type") if tier is not None else None,
    )


def new_id() -> str:
    return "converse-" + os.urandom(12).hex()


def finish(reason: str | None) -> Finish:
    """Raises UpstreamError for the reasons that are failures, and where there is none."""
    if reason not in FINISHES:
        raise UpstreamError(f"Bedrock stopped without an answer: {(reason or 'no reason')[:80]}")
    return FINISHES[reason]


def usage(counts: Any) -> Usage:
    """TokenUsage as ours; what is absent or absurd is unknown."""
    if not isinstance(counts, dict):
        return Usage()
    fresh, read, written = (_count(counts, name) for name in ("inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens"))
    details = counts.get("cacheDetails")
    hours = [one for one in details if isinstance(one, dict) and one.get("ttl") == "1h"] if isinstance(details, list) else None
    return Usage(
        input_tokens=None if fresh is None else fresh + (read or 0) + (written or 0),
        output_tokens=_count(counts, "outputTokens"),
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=None if hours is None else sum(_count(one, "inputTokens") or 0 for one in hours),
    )


def _count(counts: Mapping[str, Any], name: str) -> int | None:
    value = counts.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40 else None


def write(response: Response) -> dict[str, Any]:
    """Raises UntranslatableError for what Converse has no word for."""
    if len(response.choices) != 1:
        raise untranslatable("choices", "Converse has one")
    choice = response.choices[0]
    if choice.logprobs is not None:
        raise untranslatable("logprobs", "Converse has no words for it")
    names: set[str] = set()
    content = [block for part in choice.parts for block in parts.write(part, "the answer", claude=False, names=names)]
    body: dict[str, Any] = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": write_finish(choice.finish),
        "usage": write_usage(response.usage),
        "metrics": {"latencyMs": 0},
    }
    return body | ({"serviceTier": {"type": response.service_tier}} if response.service_tier else {})


def write_finish(reason: Finish | None) -> str:
    if reason not in _WRITTEN:
        raise untranslatable(f"finish = '{reason}'", "Converse has no words for it")
    return _WRITTEN[reason]


def write_usage(usage: Usage) -> dict[str, Any]:
    """What is unknown is left out."""
    read, written, hours = usage.cache_read_tokens, usage.cache_write_tokens, usage.cache_write_1h_tokens
    counts: dict[str, Any] = {
        "inputTokens": None if usage.input_tokens is None else max(0, usage.input_tokens - (read or 0) - (written or 0)),
        "outputTokens": usage.output_tokens,
        "cacheReadInputTokens": read,
        "cacheWriteInputTokens": written,
        "cacheDetails": None if hours is None else [{"ttl": "1h", "inputTokens": hours}],
    }
    if usage.input_tokens is not None and usage.output_tokens is not None:
        counts["totalTokens"] = usage.input_tokens + usage.output_tokens
    return {name: value for name, value in counts.items() if value is not None}
