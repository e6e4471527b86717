"""Mark what stays the same of a request to Anthropic, so that its cache is used without the caller's doing.

One breakpoint at the end of the static text of the system prompt: tools stand before it and are kept with it. A caller that marked
anything itself knows better, and nothing is changed. What the mark does not reach the minimum for is not kept, and costs nothing.
Anthropic's rules ("Prompt caching" in its documentation, read 2026-11): at most 4 breakpoints, at least 1,024 to 4,096 tokens by
model, in the order tools, system, messages; a text block that is marked holds more than white space.
"""

from __future__ import annotations

from typing import Any

import msgspec

from modicum.types import Endpoint
from modicum.wire.openai.parts import write_keep

LEAST_BYTES = 2048
"""Of tools and static text together; the smallest minimum of tokens seldom stands in less."""


def mark(body: dict[str, Any], static_chars: int, endpoint: Endpoint) -> dict[str, Any] | None:
    """`body` with a breakpoint after the first `static_chars` characters of the system's text (blocks joined by a line end, as
    `wire.canon` has them), a new object. None where nothing is to be marked: another endpoint, too little, or marked already."""
    system = body.get("system")
    if endpoint != "messages" or static_chars <= 0 or not isinstance(system, str | list) or _marked(body):
        return None
    blocks = [{"type": "text", "text": system}] if isinstance(system, str) else system
    if not all(isinstance(block, dict) and isinstance(block.get("text"), str) for block in blocks):
        return None
    marked = _mark(blocks, static_chars)
    if marked is None:
        return None
    kept = sum(len(block["text"].encode("utf-8", "replace")) for block in marked[: _place(marked) + 1])
    if kept + len(msgspec.json.encode(body.get("tools") or [])) < LEAST_BYTES:
        return None
    return {**body, "system": marked}


def _mark(blocks: list[dict[str, Any]], static_chars: int) -> list[dict[str, Any]] | None:
    """The blocks with the last static one marked; one that is static in part becomes two."""
    left = static_chars
    last = -1
    for at, block in enumerate(blocks):
        text = block["text"]
        if left >= len(text):
            last = at
            left -= len(text) + 1
            continue
        head, tail = text[: max(0, left)], text[max(0, left) :]
        if head.strip() and not tail.strip():
            last = at
        elif head.strip():
            parts = [{**block, "text": head, **write_keep("5m")}, {**block, "text": tail}]
            return [*blocks[:at], *parts, *blocks[at + 1 :]]
        break
    while last >= 0 and not blocks[last]["text"].strip():
        last -= 1
    return None if last < 0 else [*blocks[:last], {**blocks[last], **write_keep("5m")}, *blocks[last + 1 :]]


def _place(blocks: list[dict[str, Any]]) -> int:
    return next(at for at, block in enumerate(blocks) if "cache_control" in block)


def _marked(value: Any) -> bool:
    """The caller marked something, wherever it may: the request, tools, blocks, blocks of a tool's result."""
    if not isinstance(value, dict):
        return False
    if value.get("cache_control") is not None:
        return True
    lists = (value.get(name) for name in ("tools", "system", "messages", "content"))
    return any(_marked(one) for found in lists if isinstance(found, list) for one in found)
