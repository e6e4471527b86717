"""A translated request as Anthropic takes it: what other dialects allow in a conversation and Claude's API answers with an error.

The writer says everything that was said; this leaves out what says nothing (blank texts) and puts the rest where it is taken. As
Anthropic's own door for OpenAI's clients does, system messages amid the turns go to the start for models that know none there.
Read in Anthropic's API errors, "OpenAI SDK compatibility" and "Thinking in tool and multi-turn workflows", 2026-11-22.
"""

from __future__ import annotations

import re
from typing import Any

from modicum.wire.anthropic.blocks import identifier

LONGEST_ID = 64
"""Characters of a tool call's id that every way to Claude takes."""
_SYSTEM_AT_START = re.compile(r"claude-(?:[23]|instant|(?:opus|sonnet|haiku)-4(?:-[0-7])?(?:-20\d{6}|-v\d|-latest|[^0-9-]|$))")
"""Models that refuse the role system among the turns: those before Opus 4.8."""


def suit(body: dict[str, Any]) -> dict[str, Any]:
    """A request that `write_request` made, a new object."""
    system = [block for block in _blocks(body.get("system")) if not _blank(block)]
    turns: list[dict[str, Any]] = []
    for message in body["messages"]:
        content = message["content"]
        if message["role"] == "system" and (not turns or _SYSTEM_AT_START.search(body["model"])):
            system += [block for block in _blocks(content) if not _blank(block)]
        elif isinstance(content, str):
            turns += [message] if content.strip() else []
        elif blocks := [_block(block) for block in content if not _blank(block)]:
            turns.append(message | {"content": blocks})
    if not turns and system:  # nothing but a system message: it is what is asked
        turns = [{"role": "user", "content": [system.pop()]}]
    suited = {name: value for name, value in body.items() if name != "system"} | {"messages": turns}
    if system:
        as_it_was = isinstance(body.get("system"), str) and len(system) == 1 and system[0].get("text") == body["system"]
        suited["system"] = body["system"] if as_it_was else system
    if (body.get("thinking") or {}).get("type") == "enabled" and _amid_calls(turns):
        del suited["thinking"]  # Claude must see its thoughts before its calls, and they were not kept
    return suited


def _blocks(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content or ())


def _blank(block: dict[str, Any]) -> bool:
    return block["type"] == "text" and not block["text"].strip()


def _block(block: dict[str, Any]) -> dict[str, Any]:
    match block["type"]:
        case "tool_use":
            return block | {"id": identifier(block["id"], LONGEST_ID)}
        case "tool_result":
            content = block["content"]
            content = content if isinstance(content, str) else [_block(one) for one in content if not _blank(one)]
            return block | {"tool_use_id": identifier(block["tool_use_id"], LONGEST_ID), "content": content}
        case "image" if block["source"].get("media_type") == "image/jpg":
            return block | {"source": block["source"] | {"media_type": "image/jpeg"}}
        case _:
            return block


def _amid_calls(turns: list[dict[str, Any]]) -> bool:
    """The last turn of the assistant's called tools without a thought before them, and only their results follow."""
    for message in reversed(turns):
        kinds = [block["type"] for block in _blocks(message["content"])]
        if message["role"] == "assistant":
            return "tool_use" in kinds and kinds[0] not in ("thinking", "redacted_thinking")
        if "tool_result" not in kinds:
            return False
    return False
