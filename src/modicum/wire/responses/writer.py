"""Events of ours as a stream of OpenAI's Responses, in its full order, numbered.

`response.created`, `response.in_progress`; for every item `output_item.added`, its parts with `added`, deltas and `done`,
`output_item.done`; at last `response.completed`, `incomplete` or `failed` with the whole response. Texts that follow each other
are parts of one message, which is done when the next item opens.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from modicum.types import Usage
from modicum.wire import sse
from modicum.wire.fields import untranslatable
from modicum.wire.responses import response
from modicum.wire.talk import (
    Added,
    Began,
    Closed,
    Counted,
    Ended,
    Event,
    Failed,
    Finish,
    Finished,
    Opened,
    Part,
    Reasoning,
    Refusal,
    Request,
    Text,
    ToolUse,
)

_encode = msgspec.json.Encoder().encode
CODES = ("server_error", "rate_limit_exceeded", "invalid_prompt")
"""What a failed response may say of an error, as far as it happens here."""


@dataclass(slots=True)
class _Item:
    at: int
    """Its output index."""
    name: str
    contents: list[dict[str, Any]] = field(default_factory=list)
    open: int = 0
    """Contents that are not closed."""


@dataclass(slots=True)
class _Open:
    part: Part
    item: _Item
    content: int = 0
    texts: list[str] = field(default_factory=list)
    tokens: list[Any] = field(default_factory=list)
    signature: str | None = None


class Writer:
    """See `talk.StreamWriter`."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._number = 0
        self._head: dict[str, Any] = {}
        self._items: list[dict[str, Any]] = []
        """Done or not, by output index."""
        self._message: _Item | None = None
        self._open: dict[int, _Open] = {}
        self._parts: list[Part] = []
        self._finish: Finish | None = None
        self._usage = Usage()

    def write(self, event: Event) -> bytes:
        if getattr(event, "choice", 0):
            raise untranslatable("choices", "Responses has one")
        match event:
            case Began():
                self._usage = event.usage or self._usage
                self._head = response.head(event.id, event.model or self._request.model, event.created, self._request)
                return self._event("response.created", response=self._head) + self._event("response.in_progress", response=self._head)
            case Opened():
                return self._opened(event)
            case Added():
                return self._added(event)
            case Closed():
                return self._closed(event)
            case Finished():
                self._finish = event.finish
                return b""
            case Counted():
                self._usage = event.usage
                return b""
            case Failed():
                return self._failed(event)
            case Ended():
                return self._ended()
            case _:
                return b""

    def _event(self, name: str, **fields: Any) -> bytes:
        body = _encode({"type": name, "sequence_number": self._number, **fields})
        self._number += 1
        return sse.event(body, name)

    def _add_item(self, kind: str) -> _Item:
        at = len(self._items)
        self._items.append({})
        return _Item(at=at, name=response.item_id(kind, self._head.get("id", "resp_"), at))

    def _opened(self, event: Opened) -> bytes:
        part = event.part
        if isinstance(part, Text | Refusal):
            return self._open_text(event.index, part)
        data = self._end_message()
        if isinstance(part, ToolUse):
            item = self._add_item("fc")
            begun = response.item(replace(part, arguments=""), self._head.get("id", ""), item.at, "in_progress")
        elif isinstance(part, Reasoning):
            item = self._add_item("rs")
            begun = response.item(Reasoning(sealed=part.sealed), self._head.get("id", ""), item.at)
            item.name = begun["id"]
            begun |= {"encrypted_content": None}
        else:
            raise untranslatable(type(part).__name__.lower(), "Responses has no words for it in an answer")
        self._items[item.at] = begun
        self._open[event.index] = _Open(part=part, item=item)
        return data + self._event("response.output_item.added", output_index=item.at, item=begun)

    def _open_text(self, index: int, part: Text | Refusal) -> bytes:
        data = b""
        if self._message is None:
            self._message = self._add_item("msg")
            begun = response.message(self._message.name, [], "in_progress")
            data = self._event("response.output_item.added", output_index=self._message.at, item=begun)
        item = self._message
        empty = response.content(replace(part, text=""), [])
        self._open[index] = _Open(part=part, item=item, content=len(item.contents))
        item.contents.append(empty)
        item.open += 1
        return data + self._event("response.content_part.added", **self._content(self._open[index]), part=empty)

    def _content(self, one: _Open) -> dict[str, Any]:
        return {"item_id": one.item.name, "output_index": one.item.at, "content_index": one.content}

    def _added(self, event: Added) -> bytes:
        one = self._open.get(event.index)
        if one is None:
            return b""
        at = {"item_id": one.item.name, "output_index": one.item.at}
        tokens = list((event.logprobs or {}).get("content") or [])
        one.tokens += tokens
        one.signature = event.signature or one.signature
        if not event.text:
            return b""
        first = not one.texts
        one.texts.append(event.text)
        match one.part:
            case Text():
                return self._event("response.output_text.delta", **self._content(one), delta=event.text, logprobs=tokens)
            case Refusal():
                return self._event("response.refusal.delta", **self._content(one), delta=event.text)
            case ToolUse():
                return self._event("response.function_call_arguments.delta", **at, delta=event.text)
            case _:
                at |= {"summary_index": 0}
                summary = {"type": "summary_text", "text": ""}
                begun = self._event("response.reasoning_summary_part.added", **at, part=summary) if first else b""
                return begun + self._event("response.reasoning_summary_text.delta", **at, delta=event.text)

    def _closed(self, event: Closed) -> bytes:
        one = self._open.pop(event.index, None)
        if one is None:
            return b""
        text = "".join(one.texts)
        match one.part:
            case Text() | Refusal():
                return self._close_text(one, text)
            case ToolUse():
                self._parts.append(one.part)
                whole: Part = replace(one.part, arguments=one.part.arguments + text)
            case _:
                whole = Reasoning(text=text, signature=one.signature, sealed=getattr(one.part, "sealed", None))
        at = {"item_id": one.item.name, "output_index": one.item.at}
        done = response.item(whole, self._head.get("id", ""), one.item.at)
        self._items[one.item.at] = done
        data = b""
        if isinstance(whole, ToolUse):
            data = self._event("response.function_call_arguments.done", **at, arguments=whole.arguments)
        elif text:
            at |= {"summary_index": 0}
            data = self._event("response.reasoning_summary_text.done", **at, text=text)
            data += self._event("response.reasoning_summary_part.done", **at, part={"type": "summary_text", "text": text})
        return data + self._event("response.output_item.done", output_index=one.item.at, item=done)

    def _close_text(self, one: _Open, text: str) -> bytes:
        whole: Text | Refusal = Refusal(text=text) if isinstance(one.part, Refusal) else Text(text=text)
        self._parts.append(whole)
        done = response.content(whole, one.tokens)
        one.item.contents[one.content] = done
        one.item.open -= 1
        at = self._content(one)
        if isinstance(whole, Refusal):
            data = self._event("response.refusal.done", **at, refusal=text)
        else:
            data = self._event("response.output_text.done", **at, text=text, logprobs=one.tokens)
        data += self._event("response.content_part.done", **at, part=done)
        return data if one.item is self._message or one.item.open else data + self._done_message(one.item)

    def _end_message(self) -> bytes:
        """The next item is none of this message's; it is done once its parts are."""
        item, self._message = self._message, None
        return self._done_message(item) if item is not None and not item.open else b""

    def _done_message(self, item: _Item) -> bytes:
        self._items[item.at] = response.message(item.name, item.contents)
        return self._event("response.output_item.done", output_index=item.at, item=self._items[item.at])

    def _ended(self) -> bytes:
        data = b"".join(self._closed(Closed(index=index)) for index in list(self._open)) + self._end_message()
        outcome = response.outcome(self._finish, self._parts, self._usage)
        name = "response.completed" if outcome["status"] == "completed" else "response.incomplete"
        return data + self._event(name, response=self._head | {"output": self._items} | outcome)

    def _failed(self, event: Failed) -> bytes:
        error = {"code": event.kind if event.kind in CODES else "server_error", "message": event.message}
        head = self._head or response.head(response.new_id(), self._request.model, None, self._request)
        whole = head | {"status": "failed", "error": error, "output": [item for item in self._items if item]}
        return self._event("response.failed", response=whole)
