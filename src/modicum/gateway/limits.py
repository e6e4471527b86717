"""What a request's body may be: strict JSON, and no more of anything than a provider would take. Looked at before all else.

Two readers must not see two things in one body, so a name that stands twice in an object is refused, as are bytes that are no UTF-8,
halves of characters, numbers that are none, and NUL.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from modicum.config import ServeConfig
from modicum.errors import InputError, RequestError
from modicum.types import Endpoint
from modicum.wire import chat

LONGEST_MODEL = 256
MOST_KEYS = 50_000
"""Names in all objects of a body together."""
MOST_NESTS = 200_000
"""Objects and lists of a body together: each takes a hundred times its two bytes of memory, and time to look into."""
MOST_IMAGES = 2_000
MOST_ITEMS: Mapping[str, int] = MappingProxyType(
    {
        "messages": 20_000,
        "input": 20_000,
        "prompt": 20_000,
        "documents": 10_000,
        "tools": 2_048,
        "functions": 2_048,
        "stop": 256,
        "stop_sequences": 256,
        "logit_bias": 4_096,
        "metadata": 256,
        "include": 256,
        "modalities": 16,
    }
)
"""Longest list, or object, at the top of a body."""
GREATEST: Mapping[str, int] = MappingProxyType(
    {
        "n": 128,
        "best_of": 128,
        "logprobs": 128,
        "top_logprobs": 128,
        "top_n": 10_000,
        "max_tokens": 1 << 24,
        "max_completion_tokens": 1 << 24,
        "max_output_tokens": 1 << 24,
    }
)
"""Greatest number at the top of a body."""
NEEDED: Mapping[Endpoint, str] = MappingProxyType(
    {"chat_completions": "messages", "messages": "messages", "count_tokens": "messages", "rerank": "documents"}
)
"""A list that an endpoint needs."""

_NAME = re.compile(rb'"\s*:')
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_IMAGE_KINDS = frozenset(("image", "image_url", "input_image"))
_LONG = 1 << 18


def read(body: bytes, limits: ServeConfig, endpoint: Endpoint = "chat_completions") -> dict[str, Any]:
    """The request in a body. Raises RequestError for what is not one JSON object, says two things, or holds more than the limits allow."""
    if len(body) > _LONG and body.count(b'":') > MOST_KEYS:
        raise RequestError(f"the body holds more than {MOST_KEYS:,} names")
    if len(body) > _LONG and _nests(body) > MOST_NESTS and _nests(_STRING.sub(b"", body)) > MOST_NESTS:
        raise RequestError(f"the body holds more than {MOST_NESTS:,} objects and lists")
    try:
        request = chat.loads(body)
    except InputError as error:
        raise RequestError(error.message, hint=error.hint) from None
    names = _names(request, limits.max_depth)
    # Every name in an object ends with a quote and a colon, so there are at least as many of those as names. As many: none stands twice.
    if len(_NAME.findall(body)) != names:
        _refuse_twins(body)
    if b"\\" in body and b"\\u0000" in body and _holds(request, "\0"):
        raise RequestError("a text holds NUL")
    _check(request, endpoint)
    return request


def _nests(body: bytes) -> int:
    return body.count(b"{") + body.count(b"[")


def _names(value: Any, levels: int) -> int:
    """How many names all objects hold together. Raises RequestError past `levels`. Breadth first, so that no stack grows."""
    names, depth, layer = 0, 0, [value]
    while layer:
        depth += 1
        if depth > levels:
            raise RequestError(f"the body is nested deeper than {levels} levels")
        below: list[Any] = []
        for outer in layer:
            if type(outer) is dict:
                names += len(outer)
                outer = outer.values()
            for one in outer:
                if type(one) is dict or type(one) is list:
                    below.append(one)
        layer = below
    return names


def _refuse_twins(body: bytes) -> None:
    """Raise RequestError where a name stands twice in one object. The slow way: texts that look like names lead here too."""
    json.loads(body, object_pairs_hook=_once, parse_int=_nothing, parse_float=_nothing)


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        seen: set[str] = set()
        twin = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise RequestError(f"the name {twin[:60]!r} stands twice in one object")


_nothing: Callable[[str], None] = lambda _: None  # noqa: E731  numbers were read before; a long one takes time


def _holds(value: Any, character: str) -> bool:
    layer = [value]
    while layer:
        outer = layer.pop()
        if type(outer) is str:
            if character in outer:
                return True
        elif type(outer) is dict:
            layer += outer
            layer += outer.values()
        elif type(outer) is list:
            layer += outer
    return False


def _check(request: dict[str, Any], endpoint: Endpoint) -> None:
    needed = NEEDED.get(endpoint)
    if needed is not None and not (isinstance(request.get(needed), list) and request[needed]):
        raise RequestError(f"'{needed}' must be a list with at least one {needed.removesuffix('s')}")
    for name, value in request.items():
        kind = type(value)
        if kind is list or kind is dict:
            most = MOST_ITEMS.get(name)
            if most is not None and len(value) > most:
                raise RequestError(f"'{name}' holds {len(value):,} items; at most {most:,} are taken")
        elif kind is int or kind is float:
            greatest = GREATEST.get(name)
            if greatest is not None and value > greatest:
                raise RequestError(f"'{name}' is {value:.4g}; at most {greatest:,} is taken")
        elif name == "model" and kind is str and len(value) > LONGEST_MODEL:
            raise RequestError(f"'model' is longer than {LONGEST_MODEL} characters")
    turns = request.get("messages", request.get("input"))
    if type(turns) is list and _images(turns) > MOST_IMAGES:
        raise RequestError(f"the request holds more than {MOST_IMAGES:,} images")


def _images(turns: list[Any]) -> int:
    found = 0
    for turn in turns:
        parts = turn.get("content") if type(turn) is dict else None
        if type(parts) is list and parts:
            found += sum(1 for part in parts if type(part) is dict and type(kind := part.get("type")) is str and kind in _IMAGE_KINDS)
    return found
