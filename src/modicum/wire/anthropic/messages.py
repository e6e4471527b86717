"""The turns of a request. What the system says at the start stands apart here, and is the first message in ours.

Claude refuses thoughts that it did not sign: those are not sent back to it. A name that an assistant speaks under says no more than
its role and ends here; a user's tells users apart and is refused.
"""

from __future__ import annotations

from typing import Any, Literal, cast

from modicum.wire.anthropic.blocks import read_blocks, write_blocks, write_content
from modicum.wire.fields import items, only, record, text, untranslatable
from modicum.wire.talk import Audio, File, Image, Message, Part, Reasoning, Refusal, Text, ToolResult, ToolUse
from modicum.wire.thoughts import of_claude

_ALLOWED: dict[str, tuple[type[Part], ...]] = {
    "system": (Text,),
    "user": (Text, Image, File, ToolResult),
    "assistant": (Text, ToolUse, Reasoning),
}


def read_messages(system: Any, messages: Any) -> tuple[Message, ...]:
    found = [] if system is None else [_read("system", system, "system")]
    for number, one in enumerate(items(messages, "messages")):
        at = f"messages[{number}]"
        message = record(one, at)
        only(message, ("role", "content"), at)
        role = text(message.get("role"), f"{at}.role")
        if role not in _ALLOWED:
            raise untranslatable(f"{at}.role", f"the role {role[:40]!r}")
        found.append(_read(role, message.get("content"), f"{at}.content"))
    return tuple(found)


def _read(role: str, content: Any, at: str) -> Message:
    if not isinstance(content, list):
        text(content, at)
    parts = read_blocks(content, at)
    if strange := next((part for part in parts if not isinstance(part, _ALLOWED[role])), None):
        raise untranslatable(at, f"a {type(strange).__name__} in a message of the {role}'s")
    said = [part for part in parts if isinstance(part, Text)]
    # Beside tool calls and reasoning a text is always a block, so a single one is as good as a string.
    beside = role == "assistant" and len(said) < len(parts) and len(said) < 2
    return Message(role=cast(Literal["system", "user", "assistant"], role), parts=parts, plain=not isinstance(content, list) or beside)


def write_messages(messages: tuple[Message, ...]) -> tuple[str | list[dict[str, Any]] | None, list[dict[str, Any]]]:
    """(what the system says at the start, the turns). Raises UntranslatableError."""
    start = next((n for n, message in enumerate(messages) if message.role not in ("system", "developer")), len(messages))
    if (named := next((n for n, message in enumerate(messages) if message.name is not None and message.role == "user"), None)) is not None:
        raise untranslatable(f"messages[{named}].name")
    return _write_system(messages[:start]), [_write(message, f"messages[{n}]") for n, message in enumerate(messages[start:], start)]


def _write_system(messages: tuple[Message, ...]) -> str | list[dict[str, Any]] | None:
    if not messages:
        return None
    if len(messages) == 1:
        return write_content(messages[0].parts, messages[0].plain, "system")
    return write_blocks((part for message in messages for part in message.parts), "system")


def _write(message: Message, at: str) -> dict[str, Any]:
    role = "system" if message.role == "developer" else message.role
    if (audio := next((n for n, part in enumerate(message.parts) if isinstance(part, Audio)), None)) is not None:
        raise untranslatable(f"{at}.content[{audio}].input_audio")
    parts = tuple(_said(part) for part in message.parts if not isinstance(part, Reasoning) or of_claude(part))
    return {"role": role, "content": write_content(parts, message.plain, f"{at}.content")}


def _said(part: Part) -> Part:
    """A refusal of former turns is what was said."""
    return Text(text=part.text) if isinstance(part, Refusal) else part
