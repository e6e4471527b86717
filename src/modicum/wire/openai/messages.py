"""Messages of a chat request. What a tool said stands in messages of its own here, and in the user's turn in ours.

A tool's message holds text alone: images and files of a result follow in a message of the user's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import groupby
from typing import Any, Literal, cast

from modicum.wire.fields import items, maybe, only, record, text, untranslatable
from modicum.wire.openai.parts import (
    REASONING,
    read_keep,
    read_parts,
    read_reasoning,
    read_tool_call,
    write_keep,
    write_parts,
    write_reasoning,
    write_tool_call,
)
from modicum.wire.talk import Audio, File, Image, Message, Part, Reasoning, Refusal, Text, ToolResult, ToolUse

_SHARED = ("role", "content", "name", "cache_control")
_ASSISTANT = (*_SHARED, "refusal", "tool_calls", "annotations", "provider_specific_fields", *REASONING)
"""What only tells about a former answer (`annotations`, LiteLLM's `provider_specific_fields`) ends here."""
_TOOL = ("role", "content", "tool_call_id", "name", "cache_control")
"""`name` only says again what the tool call says."""
_NEUTRAL: dict[str, tuple[Any, ...]] = {"images": ([],), "tool_calls": ([],)}
_ALLOWED: dict[str, tuple[type[Part], ...]] = {
    "system": (Text,),
    "developer": (Text,),
    "user": (Text, Image, File, Audio),
    "assistant": (Text, Refusal, Reasoning),
    "tool": (Text, Image, File),
}


def read_messages(value: Any) -> tuple[Message, ...]:
    found: list[Message] = []
    results: list[ToolResult] = []
    for number, one in enumerate(items(value, "messages")):
        at = f"messages[{number}]"
        message = record(one, at)
        if message.get("role") == "tool":
            results.append(_tool(message, at))
            continue
        if results:
            found.append(Message(role="user", parts=tuple(results), plain=False))
            results = []
        found.append(_message(message, at))
    if results:
        found.append(Message(role="user", parts=tuple(results), plain=False))
    return tuple(found)


def _content(message: Mapping[str, Any], role: str, at: str) -> tuple[Part, ...]:
    parts = read_parts(message.get("content"), f"{at}.content")
    if strange := next((part for part in parts if not isinstance(part, _ALLOWED[role])), None):
        raise untranslatable(f"{at}.content", f"a part that is {type(strange).__name__} in a message of the {role}'s")
    return parts


def _tool(message: Mapping[str, Any], at: str) -> ToolResult:
    only(message, _TOOL, at, _NEUTRAL)
    return ToolResult(
        id=text(message.get("tool_call_id"), f"{at}.tool_call_id"),
        parts=cast(tuple[Text | Image | File, ...], _content(message, "tool", at)),
        plain=not isinstance(message.get("content"), list),
        keep=read_keep(message.get("cache_control"), f"{at}.cache_control"),
    )


def _message(message: Mapping[str, Any], at: str) -> Message:
    role = text(message.get("role"), f"{at}.role")
    if role not in _ALLOWED:
        raise untranslatable(f"{at}.role", f"the role {role[:40]!r}")
    only(message, _ASSISTANT if role == "assistant" else _SHARED, at, _NEUTRAL)
    parts = _content(message, role, at)
    plain = not isinstance(message.get("content"), list)
    if role == "assistant":
        parts, plain = _assistant(message, parts, plain, at)
    elif not isinstance(message.get("content"), list):
        text(message.get("content"), f"{at}.content")
    keep = read_keep(message.get("cache_control"), f"{at}.cache_control")
    if keep and parts:
        if not isinstance(parts[-1], Text | Image | File | ToolUse):
            raise untranslatable(f"{at}.cache_control")
        parts, plain = (*parts[:-1], replace(parts[-1], keep=keep)), False
    return Message(
        role=cast(Literal["system", "developer", "user", "assistant"], role),
        parts=parts,
        plain=plain,
        name=maybe(text, message.get("name"), f"{at}.name"),
    )


def _assistant(message: Mapping[str, Any], content: tuple[Part, ...], plain: bool, at: str) -> tuple[tuple[Part, ...], bool]:
    """Reasoning, text, refusal, tool calls: the order in which a model says them. An empty text beside others says nothing."""
    refusal = maybe(text, message.get("refusal"), f"{at}.refusal")
    calls = message.get("tool_calls") or []
    thoughts = read_reasoning(message, at)
    uses = tuple(read_tool_call(call, f"{at}.tool_calls[{n}]") for n, call in enumerate(items(calls, f"{at}.tool_calls")))
    refused = (Refusal(text=refusal),) if refusal else ()
    if not (thoughts or refused or uses):
        return content or (Text(text=""),), plain
    said = tuple(part for part in content if part != Text(text=""))
    return (*thoughts, *said, *refused, *uses), plain or len(said) < 2


def write_messages(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    written: list[dict[str, Any]] = []
    for number, message in enumerate(messages):
        at = f"messages[{number}]"
        if message.role == "assistant":
            written.append(_write_assistant(message, at))
            continue
        runs = groupby(message.parts, key=lambda part: isinstance(part, ToolResult)) if message.parts else [(False, iter(()))]
        seen: tuple[Part, ...] = ()
        for results, run in runs:
            if results:
                listed = [part for part in run if isinstance(part, ToolResult)]
                written += [_write_result(part, at) for part in listed]
                seen = tuple(part for result in listed for part in _seen(result))
            else:
                content = write_content((*seen, *run), message.plain and not seen, f"{at}.content")
                written.append({"role": message.role, "content": content, **({"name": message.name} if message.name else {})})
                seen = ()
        if seen:
            written.append({"role": message.role, "content": write_content(seen, False, f"{at}.content")})
    return written


def _seen(result: ToolResult) -> tuple[Part, ...]:
    """What a tool's message has no place for, images and files, as the user shows it behind the tools' messages."""
    media = tuple(part for part in result.parts if not isinstance(part, Text))
    return (Text(text=f"Of the tool call {result.id}:"), *media) if media else ()


def write_content(parts: tuple[Part, ...], plain: bool, at: str) -> str | list[dict[str, Any]]:
    """One string where it was one and can be, else parts."""
    if plain and not parts:
        return ""
    if plain and len(parts) == 1 and isinstance(parts[0], Text) and parts[0].keep is None:
        return parts[0].text
    return write_parts(parts, at)


def _write_result(result: ToolResult, at: str) -> dict[str, Any]:
    """A tool's message; images stand behind it."""
    told = with_error(result)
    parts: tuple[Part, ...] = tuple(part for part in told.parts if isinstance(part, Text))
    if not parts and told.parts:
        parts = (Text(text="(shown below)"),)
    content = write_content(parts, told.plain, f"{at}.content")
    return {"role": "tool", "tool_call_id": told.id, "content": content, **write_keep(told.keep)}


def with_error(result: ToolResult) -> ToolResult:
    """The result for OpenAI, which has no field for an error: one that is says so in its first word."""
    first = result.parts[0] if result.parts else None
    said = first.text if isinstance(first, Text) else ""
    if not result.error or said.lower().startswith(("error", "<tool_use_error>")):
        return result
    others = result.parts[1:] if isinstance(first, Text) else result.parts
    return replace(result, parts=(Text(text=f"Error: {said}"), *others))


def _write_assistant(message: Message, at: str) -> dict[str, Any]:
    said = tuple(part for part in message.parts if isinstance(part, Text))
    uses = [part for part in message.parts if isinstance(part, ToolUse)]
    refusals = [part.text for part in message.parts if isinstance(part, Refusal)]
    if strange := next((part for part in message.parts if not isinstance(part, Text | ToolUse | Refusal | Reasoning)), None):
        raise untranslatable(f"{at}.content", f"an assistant's message that holds {type(strange).__name__}")
    return {
        "role": "assistant",
        "content": write_content(said, message.plain, at) if said or not (uses or refusals) else None,
        **({"refusal": "".join(refusals)} if refusals else {}),
        **({"name": message.name} if message.name else {}),
        **write_reasoning(message.parts),
        **({"tool_calls": [write_tool_call(use) for use in uses]} if uses else {}),
    }
