"""Token counts as Anthropic tells them: `input_tokens` leaves out what was read from and written to the cache, ours has it in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modicum.types import Usage
from modicum.wire.openai.usage import count


def read_usage(value: Any) -> Usage:
    """The value of the field `usage`. What is absent or absurd is unknown; a cache that is not spoken of took no part."""
    counts: Mapping[str, Any] = value if isinstance(value, Mapping) else {}
    plain = count(counts.get("input_tokens"))
    read = count(counts.get("cache_read_input_tokens"))
    by_time = counts.get("cache_creation")
    by_time = by_time if isinstance(by_time, Mapping) else {}
    hour, minutes = count(by_time.get("ephemeral_1h_input_tokens")), count(by_time.get("ephemeral_5m_input_tokens"))
    written = count(counts.get("cache_creation_input_tokens"))
    if written is None and (hour is not None or minutes is not None):
        written = (hour or 0) + (minutes or 0)
    details = counts.get("output_tokens_details")
    return Usage(
        input_tokens=None if plain is None else plain + (read or 0) + (written or 0),
        output_tokens=count(counts.get("output_tokens")),
        cache_read_tokens=read,
        cache_write_tokens=written,
        cache_write_1h_tokens=hour,
        reasoning_tokens=count(details.get("thinking_tokens")) if isinstance(details, Mapping) else None,
    )


def write_usage(usage: Usage) -> dict[str, Any]:
    """The value of the field `usage`. Anthropic's clients want two numbers there: what is unknown is written as 0, for want of a word."""
    read, written = usage.cache_read_tokens, usage.cache_write_tokens
    told: dict[str, Any] = {
        "input_tokens": max(0, (usage.input_tokens or 0) - (read or 0) - (written or 0)),
        "output_tokens": usage.output_tokens or 0,
    }
    if read is not None:
        told["cache_read_input_tokens"] = read
    if written is not None:
        told["cache_creation_input_tokens"] = written
        if (hour := usage.cache_write_1h_tokens) is not None:
            told["cache_creation"] = {"ephemeral_5m_input_tokens": max(0, written - hour), "ephemeral_1h_input_tokens": hour}
    if usage.reasoning_tokens is not None:
        told["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return told


def merge(known: dict[str, Any], later: Mapping[str, Any]) -> None:
    """Take what a later event of a stream counts. Counts are of all so far, so none shrinks: some proxies send zeros at one end."""
    for name, value in later.items():
        before, number = count(known.get(name)), count(value)
        if before is not None and number is not None:
            known[name] = max(before, number)
        elif value is not None:
            known[name] = value
