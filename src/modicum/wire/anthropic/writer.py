"""Events -> a stream of the Messages API, in its order: one block after the other, then why it stopped and what was counted."""

from __future__ import annotations

from typing import Any

import msgspec

from modicum.errors import UpstreamError
from modicum.types import Usage
from modicum.wire.anthropic.blocks import identifier
from modicum.wire.anthropic.errors import error_event
from modicum.wire.anthropic.response import WORDS, write_tier
from modicum.wire.anthropic.usage import write_usage
from modicum.wire.talk import (
    Added,
    Began,
    Closed,
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

PING = b'event: ping\ndata: {"type":"ping"}\n\n'


class Writer:
    """One stream to a caller. Blocks that are under way at once are written one after the other: what belongs to a later one waits."""

    def __init__(self, request: Request) -> None:
        self._model = request.model
        self._usage = Usage()
        self._began = False
        self._finish: Finished = Finished(finish=None)
        self._parts: dict[int, Part] = {}
        self._order: list[int] = []
        """Blocks that are open, the one that is written first."""
        self._waiting: dict[int, list[Event]] = {}
        self._written = 0

    def write(self, event: Event) -> bytes:
        match event:
            case Opened() | Added() | Closed():
                return self._block(event)
            case Began():
                return self._start(event)
            case Counted():
                self._usage = event.usage
                return b""
            case Finished():
                self._finish = event
                return b""
            case Pinged():
                return PING if self._began else b": ping\n\n"  # nothing may stand before message_start
            case Failed():
                kind = event.kind if event.kind.endswith("_error") else "api_error"
                body = {"type": "error", "error": {"type": kind, "message": event.message}}
                return error_event(_encode(body))
            case Ended():
                return self._end()

    def _start(self, event: Began) -> bytes:
        self._began = True
        self._usage = event.usage or self._usage
        message: dict[str, Any] = {
            "id": event.id,
            "type": "message",
            "role": "assistant",
            "model": event.model or self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {**write_usage(self._usage), **write_tier(event.service_tier)},
        }
        return _event("message_start", {"message": message})

    def _block(self, event: Opened | Added | Closed) -> bytes:
        if event.choice:
            raise UpstreamError("the provider gave several answers where one was asked for")
        if isinstance(event, Opened):
            self._order.append(event.index)
        if self._order and self._order[0] != event.index:
            self._waiting.setdefault(event.index, []).append(event)
            return b""
        written = self._now(event)
        latest: Event = event
        while isinstance(latest, Closed) and self._order and (waiting := self._waiting.pop(self._order[0], None)):
            for latest in waiting:
                written += self._now(latest)
        return written

    def _now(self, event: Event) -> bytes:
        match event:
            case Opened(index=index, part=part):
                self._parts[index] = part
                return self._opened(part)
            case Added(index=index):
                return self._added(event, self._parts.get(index))
            case Closed(index=index):
                self._order.remove(index)
                self._written += 1
                return _event("content_block_stop", {"index": self._written - 1})
            case _:
                return b""

    def _opened(self, part: Part) -> bytes:
        said = ""
        match part:
            case ToolUse(id=told, name=name, arguments=said):
                block: dict[str, Any] = {"type": "tool_use", "id": identifier(told), "name": name, "input": {}}
            case Reasoning(sealed=str(sealed)):
                block = {"type": "redacted_thinking", "data": sealed}
            case Reasoning(text=said):
                block = {"type": "thinking", "thinking": "", "signature": ""}
            case Text(text=said) | Refusal(text=said):
                block = {"type": "text", "text": ""}
            case _:
                raise UpstreamError(f"the provider's answer holds {type(part).__name__}, which a message of Claude's cannot")
        opened = _event("content_block_start", {"index": self._written, "content_block": block})
        return opened + self._added(Added(index=0, text=said), part) if said else opened

    def _added(self, event: Added, part: Part | None) -> bytes:
        match part:
            case ToolUse():
                delta = {"type": "input_json_delta", "partial_json": event.text}
            case Reasoning():
                delta = {"type": "thinking_delta", "thinking": event.text}
            case _:
                delta = {"type": "text_delta", "text": event.text}
        written = _event("content_block_delta", {"index": self._written, "delta": delta}) if event.text else b""
        if event.signature is not None:
            signed = {"type": "signature_delta", "signature": event.signature}
            written += _event("content_block_delta", {"index": self._written, "delta": signed})
        return written

    def _end(self) -> bytes:
        finish = self._finish.finish
        delta = {"stop_reason": WORDS[finish] if finish is not None else "end_turn", "stop_sequence": self._finish.stop_sequence}
        told = _event("message_delta", {"delta": delta, "usage": write_usage(self._usage)})
        return told + _event("message_stop", {})


def _event(kind: str, body: dict[str, Any]) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + _encode({"type": kind, **body}) + b"\n\n"
