"""Does the certificate speak of this request? What it did not see goes to the incumbent, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from modicum.route.harmless import harmful
from modicum.types import Cover, Recognised
from modicum.wire.chat import Segments

ROLES = frozenset(("system", "developer", "user", "assistant"))
PLAIN = frozenset(("role", "content", "name"))
"""What a message may hold besides nulls and empty lists. Tool calls and audio are not texts that a specialist reads."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What about a request the certificate did not see."""

    why: str
    """For a reader."""
    version_alone: bool = False
    """Nothing but the version of the prompt: whoever was fitted to the others can be asked what it makes of this one."""


ANOTHER_VERSION = Outside("this version of the prompt was not certified", version_alone=True)


def uncovered(cover: Cover, recognised: Recognised, request: dict[str, Any], parts: Segments, *, view_version: str) -> Outside | None:
    """What about the request the certificate did not see, or None where it is covered. `view_version`: of the redactor that the
    request went through.

    Tools and the response format are part of the template's key, so a recognised request has those it was certified with.
    """
    if (why := _beyond(cover, request, parts, view_version)) is not None:
        return Outside(why)
    return None if recognised.version_id and recognised.version_id in cover.version_ids else ANOTHER_VERSION


def _beyond(cover: Cover, request: dict[str, Any], parts: Segments, view_version: str) -> str | None:
    """The same of all but its version."""
    model = request.get("model")
    if model not in cover.incumbents:
        return f"model {str(model)[:60]!r} was not certified against"
    if cover.view_version != view_version:
        return f"certified under view {cover.view_version}, not {view_version}"
    if (option := harmful(request)) is not None:
        return option
    if parts.images:
        return "the request holds more than text"
    if (strange := _strange(request["messages"])) is not None:
        return strange
    if parts.turns > cover.max_turns:
        return f"{parts.turns} turns, certified up to {cover.max_turns}"
    if parts.chars > cover.max_input_chars:
        return f"{parts.chars} characters, certified up to {cover.max_input_chars}"
    return None


def _strange(messages: list[dict[str, Any]]) -> str | None:
    """What about the messages is not a conversation in text that the user had the last word in. They were read as `Segments` before."""
    asked = False
    for message in messages:
        role, content = message["role"], message.get("content")
        if role not in ROLES:
            return f"a message of the role {role[:60]!r}"
        if not message.keys() <= PLAIN and (other := next((k for k in message if k not in PLAIN and message[k] not in (None, [])), None)):
            return f"a message holds {other[:60]!r}"
        if not isinstance(message.get("name"), str | None):
            return "a message's name is no text"
        if not isinstance(content, str) and not (content and all(part["type"] == "text" for part in content)):
            return "a message has no text"
        if role == "assistant" and not asked:
            return "an assistant's message stands before any user's"
        asked = asked or role == "user"
    return None if messages[-1]["role"] == "user" else f"the last message is the {messages[-1]['role']}'s, not the user's"
