"""Fields of a request that leave what is asked alone, with the values that a provider accepts. All others defer, by name.

An allow-list, for what is not known here cannot be promised: an option that comes next year, a misspelt one, a value that the
provider would have refused with an error the caller needs to see. `null` is the same as absent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Fits = Callable[[Any], bool]
_MOST_PAIRS = 16
_LIMITS = ("max_tokens", "max_completion_tokens")


def _number(low: float, high: float) -> Fits:
    return lambda value: type(value) in (int, float) and low <= value <= high


def _whole(low: int, high: int) -> Fits:
    return lambda value: type(value) is int and low <= value <= high


def _one_of(*values: str) -> Fits:
    return lambda value: type(value) is str and value in values


def _text(value: Any) -> bool:
    return type(value) is str


def _flag(value: Any) -> bool:
    return type(value) is bool


def _metadata(value: Any) -> bool:
    return type(value) is dict and len(value) <= _MOST_PAIRS and all(type(one) is str for one in value.values())


def _stream_options(value: Any) -> bool:
    return type(value) is dict and all(name in ("include_usage", "include_obfuscation") and _flag(one) for name, one in value.items())


def _response_format(value: Any) -> bool:
    return type(value) is dict and value.get("type") in ("text", "json_object", "json_schema")


def _tools(value: Any) -> bool:
    return type(value) is list and len(value) > 0 and all(map(_tool, value))


def _tool(value: Any) -> bool:
    if type(value) is not dict or value.get("type") != "function" or type(value.get("function")) is not dict:
        return False
    function = value["function"]
    return type(function.get("name")) is str and isinstance(function.get("parameters"), dict | None)


HARMLESS: dict[str, Fits] = {
    "model": _text,
    "messages": lambda value: type(value) is list,
    "temperature": _number(0, 2),
    "top_p": _number(0, 1),
    "presence_penalty": _number(-2, 2),
    "frequency_penalty": _number(-2, 2),
    "max_tokens": _whole(1, 1 << 31),
    "max_completion_tokens": _whole(1, 1 << 31),
    "n": _whole(1, 1),
    "seed": _whole(-(1 << 63), (1 << 63) - 1),
    "stream": _flag,
    "stream_options": _stream_options,
    "user": _text,
    "safety_identifier": _text,
    "prompt_cache_key": _text,
    "prompt_cache_retention": _one_of("in_memory", "in-memory", "24h"),
    "metadata": _metadata,
    "store": _flag,
    "service_tier": _one_of("auto", "default", "flex", "scale", "priority"),
    "reasoning_effort": _one_of("none", "minimal", "low", "medium", "high", "xhigh"),
    "verbosity": _one_of("low", "medium", "high"),
    "logprobs": lambda value: value is False,
    "logit_bias": lambda value: value == {},
    "modalities": lambda value: value == ["text"],
    "response_format": _response_format,
    "tools": _tools,
    "tool_choice": _one_of("auto", "none"),
    "parallel_tool_calls": _flag,
}
"""Field -> does its value leave alone what is asked? Tools and the response format are part of the template's key besides."""

NEEDS = {"stream_options": "stream", "tool_choice": "tools", "parallel_tool_calls": "tools"}
"""Fields that providers refuse without another one."""


def harmful(request: dict[str, Any]) -> str | None:
    """The first field that is not harmless, in words without its value; None where all are."""
    for name, value in request.items():
        if value is None:
            continue
        fits = HARMLESS.get(name)
        if fits is None:
            return f"{name[:60]!r} is set"
        if not fits(value):
            return f"{name!r} is set to what no certificate speaks of"
        if name in NEEDS and not request.get(NEEDS[name]):
            return f"{name!r} is set without {NEEDS[name]!r}"
    if all(request.get(name) is not None for name in _LIMITS):
        return "'max_tokens' and 'max_completion_tokens' are both set"
    return None


def beyond_limit(request: dict[str, Any], tokens: int) -> str | None:
    """What is wrong with an answer of so many tokens where the request limits them, None where it fits."""
    for name in _LIMITS:
        limit = request.get(name)
        if limit is not None and tokens > limit:
            return f"the answer has about {tokens} tokens, {name!r} allows {limit}"
    return None
