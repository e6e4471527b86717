"""JSON answers: parse them, write them canonically, walk their leaves, and write them as the incumbent does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from modicum.types import Contract
from modicum.workload.bare import light

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder(order="sorted").encode
Leaf = str | int | float | bool | None


def parse(text: str) -> Any | None:
    """The JSON object or list that an answer is, a fence taken off; None for anything else."""
    text = light(text)
    if text[:1] not in ("{", "["):
        return None
    try:
        found = _decode(text.encode("utf-8", "surrogatepass"))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    return found if isinstance(found, (dict, list)) else None


def canonical(value: Any) -> str:
    """Keys sorted, no spaces."""
    return _encode(value).decode("utf-8", "replace")


def leaves(value: Any, path: tuple[str, ...] = (), depth: int = 0) -> Iterator[tuple[tuple[str, ...], Leaf]]:
    """(path, value) of every leaf; the elements of a list share the path step `[]`. An empty object or list is a leaf of None."""
    if isinstance(value, dict) and value and depth < 16:
        for key, inner in value.items():
            yield from leaves(inner, (*path, str(key)), depth + 1)
    elif isinstance(value, list) and value and depth < 16:
        for inner in value:
            yield from leaves(inner, (*path, "[]"), depth + 1)
    else:
        yield path, None if isinstance(value, (dict, list)) else value


def write(contract: Contract, value: str) -> str:
    """A canonical record in the incumbent's key order, spacing and escapes."""
    record = json.loads(value)
    order: dict[tuple[str, ...], int] = {}
    for number, field in enumerate(contract.fields):
        for end in range(1, len(field.path) + 1):
            order.setdefault(field.path[:end], number)
    ordered = _order(record, (), order)
    style = contract.json_style
    separators = (",", ":") if style == "compact" else (", " if style == "spaced" else ",", ": ")
    indent = int(style[-1]) if style.startswith("indent") else None
    return json.dumps(ordered, ensure_ascii=contract.json_ascii, separators=separators, indent=indent)


def _order(value: Any, path: tuple[str, ...], order: dict[tuple[str, ...], int]) -> Any:
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: order.get((*path, key), len(order)))
        return {key: _order(value[key], (*path, key), order) for key in keys}
    if isinstance(value, list):
        return [_order(inner, (*path, "[]"), order) for inner in value]
    return value
