"""A stream on its way through, for each endpoint: bytes unchanged, the end kept back until the caller has written its record."""

from __future__ import annotations

from typing import Any

from modicum.types import Endpoint
from modicum.wire.anthropic.passing import MessagesPassing
from modicum.wire.hold import MOST_TEXT, ByEvent, Passing
from modicum.wire.openai.passing import ChatPassing, CompletionsPassing

__all__ = ["Passing", "passing"]


class ResponsesPassing(ByEvent):
    """`done`: the event that holds the response whole was seen. Of a stream that breaks off, what its items said so far."""

    ends = (b"response.completed", b"response.failed", b"response.incomplete")

    def __init__(self) -> None:
        super().__init__()
        self._response: dict[str, Any] | None = None
        self._items: dict[int, Any] = {}
        self._pieces: dict[int, list[str]] = {}

    @property
    def finished(self) -> bool:
        self._catch_up()
        return self._response is not None and self._response.get("status") in ("completed", "incomplete", "failed")

    def response(self) -> dict[str, Any] | None:
        if self.finished or self._response is None:
            return self._response
        said = {
            index: {
                "type": "message",
                "role": "assistant",
                "status": "incomplete",
                "content": [{"type": "output_text", "text": "".join(pieces)}],
            }
            for index, pieces in self._pieces.items()
        }
        return {**self._response, "output": [item for _, item in sorted((said | self._items).items())]}

    def _take(self, event: dict[str, Any]) -> None:
        kind, response, index = event.get("type"), event.get("response"), event.get("output_index")
        if isinstance(response, dict):
            self._response = response
            if isinstance(response.get("error"), dict):
                self._error = response["error"]
        elif kind == "error":
            self._error = event["error"] if isinstance(event.get("error"), dict) else event
        elif not isinstance(index, int):
            return
        elif kind == "response.output_item.done":
            self._items[index] = event.get("item")
        elif kind == "response.output_text.delta" and isinstance(piece := event.get("delta"), str) and self._text < MOST_TEXT:
            self._text += len(piece)
            self._pieces.setdefault(index, []).append(piece)


_CLASSES: dict[Endpoint, type[Passing]] = {
    "chat_completions": ChatPassing,
    "completions": CompletionsPassing,
    "messages": MessagesPassing,
    "responses": ResponsesPassing,
}


def passing(endpoint: Endpoint) -> Passing:
    """One that only passes where streams are not read."""
    return _CLASSES.get(endpoint, Passing)()
