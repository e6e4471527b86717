"""Streams of the Messages API on their way through."""

from __future__ import annotations

from typing import Any

import msgspec

from modicum.wire.anthropic.usage import merge
from modicum.wire.hold import MOST_TEXT, ByEvent

_decode = msgspec.json.Decoder().decode

_PIECES = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature", "input_json_delta": "partial_json"}


class MessagesPassing(ByEvent):
    """`done`: `message_stop` was seen. Blocks and fields that are not known here are kept as they came."""

    ends = (b"message_stop",)

    def __init__(self) -> None:
        super().__init__()
        self._message: dict[str, Any] | None = None
        self._usage: dict[str, Any] = {}
        self._blocks: dict[int, dict[str, Any]] = {}
        self._pieces: dict[tuple[int, str], list[str]] = {}

    @property
    def finished(self) -> bool:
        self._catch_up()
        return self._message is not None and self._message.get("stop_reason") is not None

    def response(self) -> dict[str, Any] | None:
        self._catch_up()
        if self._message is None:
            return None
        content = [self._whole(index, block) for index, block in sorted(self._blocks.items())]
        return {**self._message, "content": content, "usage": self._usage}

    def _whole(self, index: int, block: dict[str, Any]) -> dict[str, Any]:
        whole = dict(block)
        for field in ("text", "thinking", "signature"):
            if pieces := self._pieces.get((index, field)):
                first = block.get(field)
                whole[field] = (first if isinstance(first, str) else "") + "".join(pieces)
        if pieces := self._pieces.get((index, "partial_json")):
            try:
                whole["input"] = _decode("".join(pieces))
            except (msgspec.DecodeError, ValueError, RecursionError):  # cut short
                whole["input"] = {}
        return whole

    def _take(self, event: dict[str, Any]) -> None:
        match event.get("type"):
            case "content_block_delta":
                self._add(event.get("index"), event.get("delta"))
            case "content_block_start":
                index, block = event.get("index"), event.get("content_block")
                if isinstance(index, int) and isinstance(block, dict):
                    self._blocks[index] = block
            case "message_start":
                message = event.get("message")
                if isinstance(message, dict):
                    self._message = message
                    self._count(message.get("usage"))
            case "message_delta":
                delta = event.get("delta")
                if isinstance(delta, dict) and self._message is not None:
                    self._message |= delta
                self._count(event.get("usage"))
            case "error":
                error = event.get("error")
                self._error = error if isinstance(error, dict) else {}
            case _:
                pass

    def _count(self, usage: Any) -> None:
        if isinstance(usage, dict):
            merge(self._usage, usage)

    def _add(self, index: Any, delta: Any) -> None:
        if not isinstance(delta, dict) or not isinstance(index, int) or self._text >= MOST_TEXT:
            return
        kind = delta.get("type")
        if kind == "citations_delta" and isinstance(block := self._blocks.get(index), dict):
            block["citations"] = [*(block.get("citations") or ()), delta.get("citation")]
            return
        field = _PIECES.get(kind) if isinstance(kind, str) else None
        piece = delta.get(field) if field else None
        if field is not None and isinstance(piece, str):
            self._text += len(piece)
            self._pieces.setdefault((index, field), []).append(piece)
