"""Token counts as OpenAI and its likes tell them. What is absent or absurd is unknown.

`prompt_tokens` includes what was read from and written to a cache, and audio; `completion_tokens` includes reasoning and audio, but for
xAI's, which counts reasoning beside it: `total_tokens` tells (docs.x.ai, "Consumption and rate limits", read 2026-11-22).
Further names for the parts: DeepSeek's `prompt_cache_hit_tokens`, Moonshot's `cached_tokens`, LiteLLM's `cache_read_input_tokens`,
`cache_creation_input_tokens` and `prompt_tokens_details.cache_creation_tokens`.
"""

from __future__ import annotations

from typing import Any

from modicum.types import UNKNOWN_USAGE, Usage

_MOST_TOKENS = 1 << 40
_PROMPT, _COMPLETION = "prompt_tokens_details", "completion_tokens_details"
_WRITTEN = "cache_creation_token_details"

PLACES: dict[str, tuple[tuple[str, ...], ...]] = {
    "input_tokens": (("prompt_tokens",),),
    "output_tokens": (("completion_tokens",),),
    "cache_read_tokens": ((_PROMPT, "cached_tokens"), ("prompt_cache_hit_tokens",), ("cache_read_input_tokens",), ("cached_tokens",)),
    "cache_write_tokens": ((_PROMPT, "cache_write_tokens"), (_PROMPT, "cache_creation_tokens"), ("cache_creation_input_tokens",)),
    "cache_write_1h_tokens": ((_PROMPT, _WRITTEN, "ephemeral_1h_input_tokens"),),
    "reasoning_tokens": ((_COMPLETION, "reasoning_tokens"),),
    "audio_input_tokens": ((_PROMPT, "audio_tokens"),),
    "audio_output_tokens": ((_COMPLETION, "audio_tokens"),),
}
"""Field of Usage -> where a provider may tell it; the first that does is believed."""


def count(value: Any) -> int | None:
    """A number of tokens, or None for what cannot be one."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_TOKENS else None


def _places() -> dict[str, Any]:
    """Name -> (field of Usage, how many places are believed before it), or what stands within it."""
    places: dict[str, Any] = {}
    for field, paths in PLACES.items():
        for rank, (*outer, name) in enumerate(paths):
            within = places
            for one in outer:
                within = within.setdefault(one, {})
            within[name] = (field, rank)
    return places


_BY_NAME = _places()


def _take(body: dict[str, Any], places: dict[str, Any], found: dict[str, Any], ranks: dict[str, int]) -> None:
    # What the body holds is looked up in the table, not the other way round: it names few of all these places.
    for name, value in body.items():
        place = places.get(name)
        if place is None:
            continue
        if type(place) is dict:
            if type(value) is dict:
                _take(value, place, found, ranks)
        elif type(value) is int and 0 <= value < _MOST_TOKENS:
            field, rank = place
            if field not in ranks or rank < ranks[field]:
                found[field], ranks[field] = value, rank


def read_usage(counts: Any) -> Usage:
    """The value of the field `usage`."""
    if type(counts) is not dict:
        return UNKNOWN_USAGE
    found: dict[str, Any] = {}
    _take(counts, _BY_NAME, found, {})
    if found.get("reasoning_tokens") and "output_tokens" in found:
        beside = found["output_tokens"] + found["reasoning_tokens"]
        if counts.get("total_tokens") == found.get("input_tokens", 0) + beside:
            found["output_tokens"] = beside
    return Usage(**found) if found else UNKNOWN_USAGE


def write_usage(usage: Usage) -> dict[str, Any] | None:
    """The value of the field `usage`; None where input or output is unknown, for the field has no word for that."""
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    written: dict[str, Any] = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
    prompt: dict[str, Any] = {
        "cached_tokens": usage.cache_read_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "audio_tokens": usage.audio_input_tokens,
    }
    if usage.cache_write_1h_tokens is not None:
        prompt[_WRITTEN] = {"ephemeral_1h_input_tokens": usage.cache_write_1h_tokens}
    completion = {"reasoning_tokens": usage.reasoning_tokens, "audio_tokens": usage.audio_output_tokens}
    for name, details in ((_PROMPT, prompt), (_COMPLETION, completion)):
        if known := {key: value for key, value in details.items() if value is not None}:
            written[name] = known
    return written
