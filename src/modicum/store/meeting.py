"""What several records tell of one call: what each of them holds, and the call that all together tell of. Pure.

Which call comes of two records does not depend on which came first, nor on how often: every field comes from the record whose log is
trusted most among those that hold it, and a call's id and start are those of the record that began first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from modicum.types import Call, Usage, but, quick

FORMS = (
    "columns",
    "langfuse",
    "otlp-logs",
    "otlp",
    "litellm",
    "litellm-spend",
    "helicone",
    "openrouter",
    "openai-finetune",
    "data-flywheel",
    "batch",
    "live",
)
"""Formats of logs by how much they are trusted, least first: who watched, who charged, who wrote down what passed, ourselves."""
LIVE = "live"
"""What our own gateway recorded."""
FIELDS = (
    *("bodies", "tokens", "cost_usd", "client_id", "user_id", "conversation_id", "trace_id", "response_id", "request_model"),
    *("response_model", "provider", "took", "outcome", "finish_reason", "service_tier"),
)
"""What is taken from one record as a whole."""
_RANKS = {form: number for number, form in enumerate(FORMS, 2)}
_BITS = {form: 1 << number for number, form in enumerate(FORMS, 1)}
_PLAIN = tuple((name, number) for number, name in enumerate(FIELDS) if name not in ("bodies", "tokens", "took", "outcome"))
_WIDTH = 3
_LEVELS = (1 << _WIDTH) - 1


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


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a call: which formats told of it, and for each field of FIELDS how well, and by whom."""

    forms: int
    """A bit each; `bit` says which."""
    fields: bytes
    """0: nothing is known. The higher eighth is how much is, the rest the rank of the format that told."""

    def __add__(self, other: Known) -> Known:
        return self if other == self else Known(self.forms | other.forms, bytes(map(max, self.fields, other.fields)))


def bit(form: str) -> int:
    """The bit of a format in `Known.forms`."""
    return _BITS.get(form, 1)


def holds(call: Call) -> int:
    """How much a record holds of each field: three bits each, the first lowest."""
    usage, found = call.usage, 1 << 36  # every call ended somehow
    if call.request is not None:
        found |= 2 if call.response is None else 3
    elif call.response is not None:
        found |= 1
    if usage.input_tokens is not None or usage.output_tokens is not None:
        found |= _measured(usage) << 3
    if call.cost_usd is not None:
        found |= 1 << 6
    if call.client_id is not None:
        found |= 1 << 9
    if call.user_id is not None:
        found |= 1 << 12
    if call.conversation_id is not None:
        found |= 1 << 15
    if call.trace_id is not None:
        found |= 1 << 18
    if call.response_id is not None:
        found |= 1 << 21
    if call.request_model is not None:
        found |= 1 << 24
    if call.response_model is not None:
        found |= 1 << 27
    if call.provider is not None:
        found |= 1 << 30
    if call.duration_ms is not None:
        found |= (1 if call.time_to_first_chunk_ms is None else 2) << 33
    if call.error is not None or call.status >= 400:
        found ^= 3 << 36
    if call.finish_reason is not None:
        found |= 1 << 39
    if call.service_tier is not None:
        found |= 1 << 42
    return found


def _measured(usage: Usage) -> int:
    """1 where tokens are estimated or half known, else 2 and one more for each detail, 7 at most."""
    if usage.estimated or usage.input_tokens is None or usage.output_tokens is None:
        return 1
    details = (
        *(usage.cache_read_tokens, usage.cache_write_tokens, usage.cache_write_1h_tokens),
        *(usage.reasoning_tokens, usage.audio_input_tokens, usage.audio_output_tokens),
    )
    return min(7, 8 - details.count(None))


@lru_cache(maxsize=4096)
def known(form: str, held: int) -> Known:
    """What a record of this format makes known that `holds` so much."""
    rank = _RANKS.get(form, 1)
    levels = ((held >> _WIDTH * number) & _LEVELS for number in range(len(FIELDS)))
    return Known(bit(form), bytes(level << 5 | rank if level else 0 for level in levels))


def known_of(call: Call) -> Known:
    """What a call makes known that is stored as one record told of it."""
    return known(LIVE if call.origin == "live" else call.source, holds(call))


@lru_cache(maxsize=4096)
def lacks(stored: Known, told: Known) -> bool:
    """Would the call become another by what a record tells?"""
    return bool(told.forms & ~stored.forms) or any(more > less for more, less in zip(told.fields, stored.fields, strict=True))


def first(one: Call, other: Call) -> Call:
    """Whose id and start a call has: the gateway's, else that which began first."""
    if (one.origin == "live") != (other.origin == "live"):
        return one if one.origin == "live" else other
    return min(one, other, key=lambda call: call.call_id)


def together(one: Call, other: Call, of_one: Known | None = None, of_other: Known | None = None, *, kept: bool = False) -> Call:
    """The call that two tell of; `of_one` and `of_other` say what is known of each. Neither's place matters.

    `kept`: id and start are those of `one`, whatever the other says: others know it by that id.
    """
    mine, theirs = of_one or known_of(one), of_other or known_of(other)

    def better(number: int, value: Any, others: Any) -> bool:
        """Is the field taken from `one`?"""
        left, right = mine.fields[number], theirs.fields[number]
        return left > right or (left == right and _order(value) >= _order(others))

    base = one if kept else first(one, other)
    live = other if other.origin == "live" else one
    asked = one if better(0, (one.request, one.response), (other.request, other.response)) else other
    second = other if asked is one else one
    alike = (second.endpoint, second.view_version) == (asked.endpoint, asked.view_version) or asked.request is None
    took = one if better(11, one.duration_ms, other.duration_ms) else other
    ended = one if better(12, (one.status, one.error), (other.status, other.error)) else other
    plain = {
        name: mine_value if better(number, mine_value := getattr(one, name), others := getattr(other, name)) else others
        for name, number in _PLAIN
    }
    return but(
        live,
        **plain,
        call_id=base.call_id,
        started_at=base.started_at,
        tags=one.tags if one.tags == other.tags or not other.tags else tuple(sorted({*one.tags, *other.tags})) if one.tags else other.tags,
        duration_ms=took.duration_ms,
        time_to_first_chunk_ms=took.time_to_first_chunk_ms,
        streamed=one.streamed or other.streamed,
        source="+".join(sorted({*one.source.split("+"), *other.source.split("+")})),
        endpoint=asked.endpoint,
        request=asked.request,
        response=asked.response if asked.response is not None or not alike else second.response,
        view_version=asked.view_version,
        status=ended.status,
        error=ended.error,
        usage=one.usage if better(1, one.usage, other.usage) else other.usage,
    )


def _order(value: Any) -> str:
    """Any order of values will do, if it is the same every time."""
    return "" if value is None else repr(value)
