"""Read OpenAI chat bodies: what a request says, what a response answers.

Every function takes what a stranger sent. What does not fit raises `InputError` with the place and what stood there;
unknown fields are left alone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import msgspec

from modicum.errors import InputError
from modicum.types import Usage, quick
from modicum.wire.openai.usage import read_usage

_decode = msgspec.json.Decoder().decode
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Segments:
    """The texts of a request that templates are sought in. What lies between first and last user text is history."""

    system: str
    """All system and developer texts, joined by an empty line."""
    first_user: str
    last_user: str
    turns: int
    """User messages."""
    images: bool
    """Some part is not text."""
    chars: int
    """Characters of all message texts."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The first choice of a response."""

    content: str | None
    refusal: str | None
    tool_calls: tuple[tuple[str, str], ...]
    """(function name, arguments as JSON text)."""
    finish_reason: str | None


def loads(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`. Raises InputError for anything else: other JSON, bad UTF-8, NUL, nesting past the parser's stack."""
    try:
        value = _decode(body)
    except RecursionError:
        raise InputError("JSON is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise InputError(f"expected a JSON object, found {_kind(value)}")
    return value


def segments(request: dict[str, Any]) -> Segments:
    """Split a request's messages. Raises InputError where there are none or one is not a message."""
    messages = request.get("messages")
    if not isinstance(messages, list) or not messages:
        raise InputError("'messages' must be a list with at least one message")
    system: list[str] = []
    first_user = last_user = ""
    turns = chars = 0
    images = False
    for number, message in enumerate(messages):
        if not isinstance(message, dict):
            raise InputError(f"messages[{number}] must be an object, found {_kind(message)}")
        text, plain = _text(message.get("content"), number)
        images = images or not plain
        chars += len(text)
        match message.get("role"):
            case "system" | "developer":
                system.append(text)
            case "user":
                first_user = text if not turns else first_user
                last_user = text
                turns += 1
            case str():
                pass
            case role:
                raise InputError(f"messages[{number}].role must be a string, found {_kind(role)}")
    return Segments(system="\n\n".join(system), first_user=first_user, last_user=last_user, turns=turns, images=images, chars=chars)


def _text(content: Any, number: int) -> tuple[str, bool]:
    """A message's text, and whether that is all there is to it."""
    if isinstance(content, str):
        return content, True
    if content is None:
        return "", True
    if not isinstance(content, list):
        raise InputError(f"messages[{number}].content must be text or a list of parts, found {_kind(content)}")
    texts = []
    plain = True
    for part in content:
        if not isinstance(part, dict):
            raise InputError(f"messages[{number}].content holds {_kind(part)} where a part should stand")
        text = part.get("text")
        if part.get("type") in ("text", "input_text") and isinstance(text, str):
            texts.append(text)
        else:
            plain = False
    return "\n".join(texts), plain


def answer(response: dict[str, Any]) -> Answer:
    """The first choice of a response body. Raises InputError where there is none."""
    choices = response.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise InputError("'choices' must be a list with at least one choice")
    choice = choices[0]
    message = choice.get("message")
    if not isinstance(message, dict):
        raise InputError(f"choices[0].message must be an object, found {_kind(message)}")
    content, _ = _text(message.get("content"), 0)
    return Answer(
        content=None if message.get("content") is None else content,
        refusal=_string(message.get("refusal")),
        tool_calls=tuple(_tool_calls(message.get("tool_calls"))),
        finish_reason=_string(choice.get("finish_reason")),
    )


def _tool_calls(calls: Any) -> list[tuple[str, str]]:
    found = []
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            found.append((function["name"], _string(function.get("arguments")) or "{}"))
    return found


def usage(response: dict[str, Any]) -> Usage:
    """Token counts as the provider gave them; what is absent or absurd is unknown."""
    return read_usage(response.get("usage"))


def user_id(request: dict[str, Any]) -> str | None:
    """The end user that the request names, if it does."""
    metadata = request.get("metadata")
    named = metadata.get("user_id") if isinstance(metadata, dict) else None
    return _string(request.get("safety_identifier")) or _string(request.get("user")) or _string(named)


def conversation_id(request: dict[str, Any]) -> str | None:
    """The conversation that the request names, if it does."""
    metadata = request.get("metadata")
    if not isinstance(metadata, dict):
        return None
    return next((found for name in ("conversation_id", "session_id", "thread_id") if (found := _string(metadata.get(name)))), None)


def contract_key(request: dict[str, Any]) -> str:
    """16 hex digits of what code fixes beside the text: names of tools and functions with their parameters', and the response format."""
    tools, functions = request.get("tools"), request.get("functions")
    response_format = request.get("response_format")
    if not tools and not functions and not response_format:
        return ""
    named = sorted(_tool_shape(tool) for tool in tools if isinstance(tool, dict)) if isinstance(tools, list) else []
    if functions:  # of the API before tools; apart from them, for they are answered in another field
        listed = functions if isinstance(functions, list) else ()
        named += [["functions"], *sorted(_tool_shape({"function": function}) for function in listed)]
    return hashlib.sha256(_encode_sorted([named, response_format])).hexdigest()[:16]


def _tool_shape(tool: dict[str, Any]) -> list[str]:
    function = tool.get("function")
    if not isinstance(function, dict):
        return [str(tool.get("type"))]
    parameters = function.get("parameters")
    properties = parameters.get("properties") if isinstance(parameters, dict) else None
    return [str(function.get("name")), *(sorted(map(str, properties)) if isinstance(properties, dict) else [])]


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _kind(value: Any) -> str:
    names = {type(None): "null", bool: "a boolean", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}
    return names.get(type(value), "something else")
