"""A plain chat completion as the events of a stream."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode

DONE = b"data: [DONE]\n\n"
_PIECE = re.compile(r"\s*\S+|\s+$")


def split(response: dict[str, Any], *, include_usage: bool = False) -> Iterator[bytes]:
    """The events, `[DONE]` included, that a client which asked for a stream gets in place of a plain response."""
    common: dict[str, Any] = {
        "id": response.get("id"),
        "object": "chat.completion.chunk",
        "created": response.get("created"),
        "model": response.get("model"),
        **{name: response[name] for name in ("service_tier", "system_fingerprint") if name in response},
    }
    usage: dict[str, Any] = {"usage": None} if include_usage else {}
    choices = response.get("choices")
    choices = [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []

    def event(number: int, delta: dict[str, Any], finish_reason: Any = None, logprobs: Any = None) -> bytes:
        choice = {"index": number, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        return b"data: " + _encode({**common, "choices": [choice], **usage}) + b"\n\n"

    for place, choice in enumerate(choices):
        number = choice.get("index", place)
        message = choice.get("message")
        message = message if isinstance(message, dict) else {}
        logprobs = choice.get("logprobs")
        texts = {name: value for name, value in message.items() if isinstance(value, str) and name != "role"}
        first: dict[str, Any] = {"role": message.get("role", "assistant")}
        if "content" in texts:
            first["content"] = ""
        yield event(number, first)
        for name, text in texts.items():
            for piece in _PIECE.findall(text):
                yield event(number, {name: piece}, None, logprobs)
                logprobs = None
        others = {name: value for name, value in message.items() if name not in texts and name not in ("role", "tool_calls") and value}
        if others:
            yield event(number, others)
        tools = message.get("tool_calls")
        for at, tool in enumerate(tools if isinstance(tools, list) else ()):
            if isinstance(tool, dict):
                yield event(number, {"tool_calls": [{"index": at, **tool}]})
        yield event(number, {}, choice.get("finish_reason"), logprobs)
    extra = {name: response[name] for name in ("modicum",) if name in response}
    if include_usage:
        yield b"data: " + _encode({**common, "choices": [], "usage": response.get("usage"), **extra}) + b"\n\n"
    yield DONE
