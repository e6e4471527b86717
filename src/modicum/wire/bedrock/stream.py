"""Bedrock's ConverseStream, both ways: binary messages with JSON in them (see `eventstream`).

Text and thought have no start event; they begin with their first delta. After `messageStop` comes `metadata` with the usage and
the body ends. Exceptions come as messages of their own. A stream is whole once `messageStop` came and the body ended between
two messages. Shapes as in the service's model of botocore 1.44.5, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from modicum.errors import UpstreamError
from modicum.types import Usage
from modicum.wire import sse
from modicum.wire.bedrock import response
from modicum.wire.bedrock.eventstream import Message, Messages, encode
from modicum.wire.bedrock.parts import tool_id
from modicum.wire.fields import untranslatable
from modicum.wire.fieldwise import Fields
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
    Reasoning,
    Refusal,
    Text,
    ToolUse,
)
from modicum.wire.thoughts import OTHERS

_encode = msgspec.json.Encoder().encode


class Reader:
    """See `talk.StreamReader`."""

    def __init__(self) -> None:
        self._messages = Messages()
        self._parts = 0
        self._open: dict[int, tuple[int, str]] = {}
        """Their block's index -> (ours, what it is)."""
        self._began = self._stopped = self._ended = self._failed = False

    def feed(self, chunk: bytes) -> Sequence[Event]:
        found: list[Event] = []
        for message in self._messages.feed(chunk):
            if not self._failed and not self._ended:
                self._take(message, found)
        return found

    def end(self) -> Sequence[Event]:
        if self._ended or self._failed or not self._stopped or self._messages.partial:
            return ()
        self._ended = True
        return (Ended(),)

    def _take(self, message: Message, found: list[Event]) -> None:
        kind = message.text(":message-type")
        if kind != "event":
            self._failed = True
            name = message.text(":exception-type") or message.text(":error-code") or "server_error"
            text = message.text(":error-message") or _message(message.payload) or name
            found.append(Failed(message=text[:2000], kind=name[:80]))
            return
        fields = Fields(sse.json_of(message.payload), "", UpstreamError)
        if not self._began:
            self._began = True
            found.append(Began(id=response.new_id(), model=""))
        match message.text(":event-type"):
            case "contentBlockStart":
                self._start(fields, found)
            case "contentBlockDelta":
                self._delta(fields, found)
            case "contentBlockStop":
                if (known := self._open.pop(fields.count("contentBlockIndex") or 0, None)) is not None:
                    found.append(Closed(index=known[0]))
            case "messageStop":
                self._stop(fields, found)
            case "metadata":
                found.append(Counted(usage=response.usage(fields.object("usage"))))
                if self._stopped:
                    self._ended = True
                    found.append(Ended())

    def _stop(self, fields: Fields, found: list[Event]) -> None:
        found += [Closed(index=index) for index, _ in self._open.values()]
        self._open.clear()
        try:
            found.append(Finished(finish=response.finish(fields.text("stopReason"))))
            self._stopped = True
        except UpstreamError as error:
            self._failed = True
            found.append(Failed(message=error.message))

    def _start(self, fields: Fields, found: list[Event]) -> None:
        at, start = fields.count("contentBlockIndex") or 0, fields.fields("start")
        if start is None or (use := start.fields("toolUse")) is None:
            raise UpstreamError("Bedrock's stream holds a block that cannot be streamed on")
        self._opened(at, "toolUse", ToolUse(id=use.need_text("toolUseId"), name=use.need_text("name"), arguments=""), found)

    def _opened(self, at: int, kind: str, part: Part, found: list[Event]) -> int:
        known = self._open.get(at)
        if known is not None and known[1] == kind:
            return known[0]
        if known is not None:
            found.append(Closed(index=known[0]))
        self._open[at] = (self._parts, kind)
        found.append(Opened(index=self._parts, part=part))
        self._parts += 1
        return self._parts - 1

    def _delta(self, fields: Fields, found: list[Event]) -> None:
        at, delta = fields.count("contentBlockIndex") or 0, fields.fields("delta")
        if delta is None:
            raise UpstreamError("Bedrock's stream holds a delta that is none")
        if (text := delta.text("text")) is not None:
            found.append(Added(index=self._opened(at, "text", Text(text=""), found), text=text))
        elif (use := delta.fields("toolUse")) is not None:
            if self._open.get(at, (0, ""))[1] != "toolUse":
                raise UpstreamError("Bedrock's stream holds arguments of no call")
            found.append(Added(index=self._open[at][0], text=use.text("input") or ""))
        elif (thought := delta.fields("reasoningContent")) is not None:
            sealed = thought.text("redactedContent")
            if sealed is not None:
                self._opened(at, f"sealed {self._parts}", Reasoning(sealed=sealed), found)
                return
            index = self._opened(at, "thought", Reasoning(), found)
            found.append(Added(index=index, text=thought.text("text") or "", signature=thought.text("signature")))
        else:
            raise UpstreamError("Bedrock's stream holds a delta that cannot be streamed on")


def _message(payload: bytes) -> str:
    try:
        body = sse.json_of(payload)
    except UpstreamError:
        return ""
    return str(body.get("message") or body.get("Message") or "")


class Writer:
    """See `talk.StreamWriter`. The usage is told last, once."""

    def __init__(self) -> None:
        self._open: dict[int, Part] = {}
        self._usage = Usage()

    def write(self, event: Event) -> bytes:
        if getattr(event, "choice", 0):
            raise untranslatable("choices", "Converse has one")
        match event:
            case Began():
                self._usage = event.usage or self._usage
                return _event("messageStart", role="assistant")
            case Opened():
                return self._opened(event)
            case Added():
                return self._added(event)
            case Closed():
                self._open.pop(event.index, None)
                return _event("contentBlockStop", contentBlockIndex=event.index)
            case Finished():
                return _event("messageStop", stopReason=response.write_finish(event.finish))
            case Counted():
                self._usage = event.usage
                return b""
            case Ended():
                return _event("metadata", usage=response.write_usage(self._usage), metrics={"latencyMs": 0})
            case Failed():
                return exception("modelStreamErrorException", event.message)
            case _:
                return b""

    def _opened(self, event: Opened) -> bytes:
        self._open[event.index] = event.part
        match event.part:
            case ToolUse(id=call_id, name=name):
                return _event(
                    "contentBlockStart", contentBlockIndex=event.index, start={"toolUse": {"toolUseId": tool_id(call_id), "name": name}}
                )
            case Reasoning(sealed=str() as sealed):
                return b"" if sealed.startswith(OTHERS) else self._delta(event.index, reasoningContent={"redactedContent": sealed})
            case Text() | Refusal() | Reasoning():
                return b""
            case _:
                raise untranslatable(type(event.part).__name__.lower(), "Converse's streams have no words for it")

    def _added(self, event: Added) -> bytes:
        if event.logprobs is not None:
            raise untranslatable("logprobs", "Converse has no words for it")
        match self._open.get(event.index):
            case ToolUse():
                return self._delta(event.index, toolUse={"input": event.text})
            case Reasoning():
                text = self._delta(event.index, reasoningContent={"text": event.text}) if event.text else b""
                return text + (self._delta(event.index, reasoningContent={"signature": event.signature}) if event.signature else b"")
            case _:
                return self._delta(event.index, text=event.text)

    def _delta(self, index: int, **delta: Any) -> bytes:
        return _event("contentBlockDelta", contentBlockIndex=index, delta=delta)


def _event(name: str, **fields: Any) -> bytes:
    return encode({":event-type": name, ":content-type": "application/json", ":message-type": "event"}, _encode(fields))


def exception(name: str, message: str) -> bytes:
    """An exception as a message of the stream."""
    return encode(
        {":exception-type": name, ":content-type": "application/json", ":message-type": "exception"}, _encode({"message": message})
    )
