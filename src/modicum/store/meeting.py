"""Two logs that tell of one call: which names meet, what each of them holds, and the call that both together tell of. Pure.

A call goes into the store under one identity; other logs may know it by others (a gateway's own id, a span, a trace and a millisecond).
Those meet it here. Records of one log are never taken for one another by such a name: two calls of a trace may begin in the same
millisecond, and what a cache answered bears the id of the first answer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

from modicum.types import Call, Usage, quick

T = TypeVar("T")
REQUEST, RESPONSE, TOKENS, COST, WHO, WHERE, LABELS, WHEN = (1 << bit for bit in range(8))
"""What a record may hold of a call."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """A call as one log tells of it."""

    call: Call
    form: str
    """The format of the log."""
    also: tuple[bytes, ...] = ()
    """Keys of the other names that it has there (`identity.name`)."""
    near: tuple[bytes, ...] = ()
    """Keys that another log may have it under, though this one does not."""


def holds(call: Call) -> int:
    """What is known of the call, as bits."""
    found, usage = 0, call.usage
    if call.request is not None:
        found |= REQUEST
    if call.response is not None:
        found |= RESPONSE
    if usage.input_tokens is not None and usage.output_tokens is not None and not usage.estimated:
        found |= TOKENS
    if call.cost_usd is not None:
        found |= COST
    if call.client_id is not None or call.user_id is not None:
        found |= WHO
    if call.trace_id is not None or call.conversation_id is not None:
        found |= WHERE
    if call.tags:
        found |= LABELS
    if call.duration_ms is not None:
        found |= WHEN
    return found


def together(stored: Call, other: Call) -> Call:
    """What is stored, and of the rest what the other record knows. Id, scope and start are those of what is stored.

    Bodies come from one record, whichever has what was asked: their dialect and view go with them. So do tokens.
    """
    bodies = stored if stored.request is not None or other.request is None else other
    second = other if bodies is stored else stored
    alike = (second.endpoint, second.view_version) == (bodies.endpoint, bodies.view_version)
    response = bodies.response if bodies.response is not None or not alike else second.response
    usage = _tokens(stored.usage, other.usage)
    answered = stored if stored.error is not None or stored.status >= 400 or other.error is None else other
    return replace(
        stored,
        response_id=stored.response_id or other.response_id,
        client_id=stored.client_id or other.client_id,
        user_id=stored.user_id or other.user_id,
        conversation_id=stored.conversation_id or other.conversation_id,
        trace_id=stored.trace_id or other.trace_id,
        tags=tuple(dict.fromkeys((*stored.tags, *other.tags))),
        duration_ms=_known(stored.duration_ms, other.duration_ms),
        time_to_first_chunk_ms=_known(stored.time_to_first_chunk_ms, other.time_to_first_chunk_ms),
        streamed=stored.streamed or other.streamed,
        source="+".join(dict.fromkeys((*stored.source.split("+"), *other.source.split("+")))),
        request_model=stored.request_model or other.request_model,
        response_model=stored.response_model or other.response_model,
        provider=stored.provider or other.provider,
        endpoint=bodies.endpoint,
        request=bodies.request,
        response=response,
        view_version=bodies.view_version,
        status=answered.status,
        error=answered.error,
        finish_reason=stored.finish_reason or other.finish_reason,
        usage=usage,
        cost_usd=stored.cost_usd if stored.cost_usd is not None else other.cost_usd,
        service_tier=stored.service_tier or other.service_tier,
    )


def _tokens(stored: Usage, other: Usage) -> Usage:
    """Measured tokens before estimated ones; details are added where both count the same."""
    if other.input_tokens is None or other.output_tokens is None:
        return stored
    if stored.input_tokens is None or stored.output_tokens is None or (stored.estimated and not other.estimated):
        return other
    if (stored.input_tokens, stored.output_tokens) != (other.input_tokens, other.output_tokens):
        return stored
    return replace(
        stored,
        cache_read_tokens=_known(stored.cache_read_tokens, other.cache_read_tokens),
        cache_write_tokens=_known(stored.cache_write_tokens, other.cache_write_tokens),
        cache_write_1h_tokens=_known(stored.cache_write_1h_tokens, other.cache_write_1h_tokens),
        reasoning_tokens=_known(stored.reasoning_tokens, other.reasoning_tokens),
        audio_input_tokens=_known(stored.audio_input_tokens, other.audio_input_tokens),
        audio_output_tokens=_known(stored.audio_output_tokens, other.audio_output_tokens),
    )


def _known(mine: T | None, other: T | None) -> T | None:
    return mine if mine is not None else other
