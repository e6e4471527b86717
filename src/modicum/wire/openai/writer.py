"""Events -> a stream of chat completion chunks."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from modicum.types import Usage
from modicum.wire.openai.errors import envelope, error_event
from modicum.wire.openai.parts import write_block
from modicum.wire.openai.response import WORDS
from modicum.wire.openai.usage import write_usage
from modicum.wire.talk import (
    Added,
    Began,
    Counted,
    Ended,
    Event,
    Failed,
    Finished,
    Opened,
    Part,
    Pinged,
    Reasoning,
    Refusal,
    Request,
    Text,
    ToolUse,
)

_encode = msgspec.json.Encoder().encode

DONE = b"data: [DONE]\n\n"


class Writer:
    """One stream to a caller."""

    def __init__(self, request: Request) -> None:
        self._include_usage = request.include_usage is True
        self._common: dict[str, Any] = {"id": "", "object": "chat.completion.chunk", "created": 0, "model": request.model}
        self._usage = Usage()
        self._spoken: set[int] = set()
        self._open: dict[tuple[int, int], Part] = {}
        self._places: dict[tuple[int, int], int] = {}
        """(choice, part) -> number among the tool calls, or the reasoning, of the choice. OpenAI's clients add lists up by it."""

    def write(self, event: Event) -> bytes:
        match event:
            case Added():
                return self._added(event)
            case Opened():
                return self._first(event.choice) + self._opened(event)
            case Began():
                created = int(time.time()) if event.created is None else event.created
                self._common |= {"id": event.id, "created": created, "model": event.model or self._common["model"]}
                if event.service_tier is not None:
                    self._common["service_tier"] = event.service_tier
                self._usage = event.usage or self._usage
                return self._first(0)
            case Finished():
                reason = WORDS[event.finish] if event.finish is not None else "stop"
                return self._first(event.choice) + self._chunk(event.choice, {}, reason)
            case Counted():
                self._usage = event.usage
                return b""
            case Pinged():
                return b": ping\n\n"
            case Failed():
                return error_event(envelope(event.message, status=500, code=event.kind))
            case Ended():
                return self._counts() + DONE
            case _:
                return b""

    def _first(self, choice: int) -> bytes:
        if choice in self._spoken:
            return b""
        self._spoken.add(choice)
        return self._chunk(choice, {"role": "assistant"})

    def _opened(self, event: Opened) -> bytes:
        part = self._open[event.choice, event.index] = event.part
        if isinstance(part, ToolUse | Reasoning):
            place = sum(at[0] == event.choice and type(self._open[at]) is type(part) for at in self._places)
            self._places[event.choice, event.index] = place
        if isinstance(part, ToolUse):
            function = {"name": part.name, "arguments": part.arguments}
            return self._chunk(event.choice, {"tool_calls": [{"index": place, "id": part.id, "type": "function", "function": function}]})
        if isinstance(part, Reasoning) and part.sealed is not None:
            return self._chunk(event.choice, {"thinking_blocks": [{"index": place, **write_block(part)}]})
        said = part.text if isinstance(part, Text | Reasoning | Refusal) else ""
        return self._added(Added(index=event.index, choice=event.choice, text=said)) if said else b""

    def _added(self, event: Added) -> bytes:
        match self._open.get((event.choice, event.index)):
            case ToolUse():
                place = self._places[event.choice, event.index]
                delta: dict[str, Any] = {"tool_calls": [{"index": place, "function": {"arguments": event.text}}]}
            case Reasoning():
                block = write_block(Reasoning(text=event.text, signature=event.signature))
                place = self._places[event.choice, event.index]
                delta = {"reasoning_content": event.text, "thinking_blocks": [{"index": place, **block}]}
            case Refusal():
                delta = {"refusal": event.text}
            case _:
                delta = {"content": event.text}
        return self._chunk(event.choice, delta, logprobs=event.logprobs)

    def _chunk(self, choice: int, delta: dict[str, Any], finish_reason: str | None = None, logprobs: Any = None) -> bytes:
        body = {"index": choice, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        usage = {"usage": None} if self._include_usage else {}
        return b"data: " + _encode({**self._common, "choices": [body], **usage}) + b"\n\n"

    def _counts(self) -> bytes:
        """The event that `stream_options.include_usage` asks for; none where the provider did not count."""
        usage = write_usage(self._usage) if self._include_usage else None
        return b"data: " + _encode({**self._common, "choices": [], "usage": usage}) + b"\n\n" if usage else b""
