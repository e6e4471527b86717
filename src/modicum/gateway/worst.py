"""The most that a call may cost, as far as its request tells: how long its answers may be, and what makes them dearer.

Whoever asks is not believed where it would be cheaper for him: of several limits the greatest counts, and one that is no number of
tokens (-1 stands for "none" with some servers) counts as none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from modicum.types import Endpoint, quick

LIMITS: Mapping[Endpoint, tuple[str, ...]] = MappingProxyType(
    {
        "chat_completions": ("max_completion_tokens", "max_tokens"),
        "completions": ("max_tokens",),
        "messages": ("max_tokens",),
        "responses": ("max_output_tokens",),
    }
)
"""The fields in which an endpoint's request says how long one answer may be. Others it does not heed, so they limit nothing."""
SILENT = frozenset(("embeddings", "rerank", "count_tokens"))
"""Endpoints that write no text."""
FREE = frozenset(("count_tokens",))
"""Endpoints that nobody charges for."""


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Worst:
    """What a request lets happen."""

    output: int | None
    """Tokens of one answer; None where it sets no limit."""
    answers: int = 1
    tier: str | None = None
    """The service that it asks for."""
    writes_cache: bool = False
    """Its input may be written to the provider's cache,"""
    for_an_hour: bool = False
    """... and be kept there for an hour."""
    speaks: bool = False
    """Its answers may be audio."""
    free: bool = False
    """Nobody charges for it."""

    @property
    def is_plain(self) -> bool:
        """Only its tokens make it dear."""
        return not (self.tier or self.writes_cache or self.for_an_hour or self.speaks)


def worst(request: Mapping[str, Any], body: bytes, endpoint: Endpoint, *, marks_cache: bool = False) -> Worst:
    """Read it. `marks_cache`: the gateway itself may ask the provider to keep some of the input."""
    tier = request.get("service_tier")
    tier = tier if isinstance(tier, str) and tier != "standard_only" else None
    writes = marks_cache or b'cache_control"' in body or b"cachePoint" in body
    if endpoint in SILENT:
        return Worst(output=0, tier=tier, free=endpoint in FREE)
    output, answers, speaks = _longest(request, endpoint), _answers(request, endpoint), b'"audio"' in body
    if tier is None and answers == 1 and not writes and not speaks:
        return _plain(output)
    return Worst(output=output, answers=answers, tier=tier, writes_cache=writes, for_an_hour=writes and b'"1h"' in body, speaks=speaks)


@lru_cache(256)
def _plain(output: int | None) -> Worst:
    """Most requests are dear by their tokens alone."""
    return Worst(output=output)


def _longest(request: Mapping[str, Any], endpoint: Endpoint) -> int | None:
    longest = 0
    for name in LIMITS.get(endpoint, ()):
        if (value := request.get(name)) is not None:
            if (most := _count(value)) is None:
                return None
            longest = max(longest, most)
    return longest or None


def _answers(request: Mapping[str, Any], endpoint: Endpoint) -> int:
    answers = 1
    if "n" in request or "best_of" in request:
        answers = max(_count(request.get("n")) or 1, _count(request.get("best_of")) or 1)
    if endpoint == "completions":
        prompts = request.get("prompt")
        if isinstance(prompts, list) and prompts and not isinstance(prompts[0], int):
            answers *= len(prompts)  # each is answered; a list of numbers is one text in tokens
    return answers


def _count(value: Any) -> int | None:
    """A number of tokens or answers, None for what is none."""
    if isinstance(value, str) and value.strip().isdecimal() and len(value) < 20:
        value = int(value)  # some servers take it for a number
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        return None
    return math.ceil(value)
