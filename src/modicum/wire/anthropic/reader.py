"""A stream of the Messages API -> events. The order is checked: a stream that breaks it is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from modicum.errors import UpstreamError
from modicum.wire import sse
from modicum.wire.anthropic.blocks import read_block
from modicum.wire.anthropic.errors import read_error
from modicum.wire.anthropic.response import read_finish, read_tier
from modicum.wire.anthropic.usage import merge, read_usage
from modicum.wire.fields import maybe, of_provider, record, text, untranslatable, whole
from modicum.wire.talk import Added, Began, Closed, Counted, Ended, Event, Failed, Finished, Opened, Part, Pinged, Reasoning, Text, ToolUse

_encode = msgspec.json.Encoder().encode


class Reader:
    """One stream of a provider's."""

    def __init__(self) -> None:
        self._events = sse.Events()
        self._usage: dict[str, Any] = {}
        self._open: dict[int, Part] = {}
        self._empty: set[int] = set()
        """Open tool calls without any arguments yet."""
        self._began = False
        self._stopped = False
        self._over = False

    def feed(self, chunk: bytes) -> Sequence[Event]:
        return () if self._over else [event for found in self._events.feed(chunk) for event in self._read(*found)]

    def end(self) -> Sequence[Event]:
        """A last event that was cut short says nothing; without `message_stop` the stream broke off."""
        try:
            return [event for found in self._events.end() for event in self._read(*found)]
        except UpstreamError:
            return ()

    def _read(self, _: str, data: bytes | None) -> Iterator[Event]:
        if self._over:
            return
        if data is None:
            yield Pinged()
            return
        body = sse.json_of(data)
        with of_provider():
            read = _READ.get(text(body.get("type"), "type"))
            if read is not None:  # other types may come to be; the API says that they are to be passed over
                yield from list(read(self, body))

    def _start(self, body: dict[str, Any]) -> Iterator[Event]:
        if self._began:
            raise UpstreamError("the provider's stream begins twice")
        message = record(body.get("message"), "message")
        self._began = True
        self._usage = dict(maybe(record, message.get("usage"), "usage") or {})
        yield Began(
            id=maybe(text, message.get("id"), "id") or "",
            model=maybe(text, message.get("model"), "model") or "",
            usage=read_usage(self._usage),
            service_tier=read_tier(self._usage),
        )

    def _open_block(self, body: dict[str, Any]) -> Iterator[Event]:
        index = whole(body.get("index"), "index")
        if not self._began or self._stopped or index in self._open or index < 0:
            raise UpstreamError("the provider's stream opens a block out of order")
        part = read_block(record(body.get("content_block"), "content_block"), "content_block")
        match part:
            case ToolUse(arguments=arguments):
                part, rest = ToolUse(id=part.id, name=part.name, arguments=""), "" if arguments == "{}" else arguments
            case Text(text=rest):
                part = Text(text="")
            case Reasoning(sealed=None, text=rest, signature=signature):
                part = Reasoning()
                self._open[index] = part
                yield Opened(index=index, part=part)
                if rest or signature:
                    yield Added(index=index, text=rest, signature=signature)
                return
            case Reasoning():
                rest = ""
            case _:
                raise untranslatable("content_block.type")
        self._open[index] = part
        if isinstance(part, ToolUse) and not rest:
            self._empty.add(index)
        yield Opened(index=index, part=part)
        if rest:
            yield Added(index=index, text=rest)

    def _delta(self, body: dict[str, Any]) -> Iterator[Event]:
        index = whole(body.get("index"), "index")
        part = self._open.get(index)
        delta = record(body.get("delta"), "delta")
        field, kind = _DELTAS.get(text(delta.get("type"), "delta.type"), ("", Text))
        if not field:
            raise untranslatable("delta.type", str(delta["type"])[:40])
        if not isinstance(part, kind):
            raise UpstreamError("the provider's stream adds to a block that is not open")
        said = text(delta.get(field), f"delta.{field}")
        if field == "signature":
            yield Added(index=index, signature=said)
        elif said:
            self._empty.discard(index)
            yield Added(index=index, text=said)

    def _close(self, body: dict[str, Any]) -> Iterator[Event]:
        index = whole(body.get("index"), "index")
        if self._open.pop(index, None) is None:
            raise UpstreamError("the provider's stream closes a block that is not open")
        if index in self._empty:
            self._empty.discard(index)
            yield Added(index=index, text="{}")
        yield Closed(index=index)

    def _tell(self, body: dict[str, Any]) -> Iterator[Event]:
        delta = maybe(record, body.get("delta"), "delta") or {}
        if delta.get("stop_reason") is not None:
            self._stopped = True
            sequence = maybe(text, delta.get("stop_sequence"), "stop_sequence")
            yield Finished(finish=read_finish(delta["stop_reason"]), stop_sequence=sequence)
        if (usage := maybe(record, body.get("usage"), "usage")) is not None:
            merge(self._usage, usage)
            yield Counted(usage=read_usage(self._usage))

    def _stop(self, _: dict[str, Any]) -> Iterator[Event]:
        if not self._began or self._open:
            raise UpstreamError("the provider's stream stops before its message is whole")
        self._over = True
        yield Ended()

    def _fail(self, body: dict[str, Any]) -> Iterator[Event]:
        self._over = True
        message, kind = read_error(body, 200)
        yield Failed(message=message, kind=kind if kind != "http_200" else "api_error")

    def _ping(self, _: dict[str, Any]) -> Iterator[Event]:
        yield Pinged()


_READ: dict[str, Callable[[Reader, dict[str, Any]], Iterator[Event]]] = {
    "message_start": Reader._start,
    "content_block_start": Reader._open_block,
    "content_block_delta": Reader._delta,
    "content_block_stop": Reader._close,
    "message_delta": Reader._tell,
    "message_stop": Reader._stop,
    "ping": Reader._ping,
    "error": Reader._fail,
}
_DELTAS: dict[str, tuple[str, type[Part]]] = {
    "text_delta": ("text", Text),
    "input_json_delta": ("partial_json", ToolUse),
    "thinking_delta": ("thinking", Reasoning),
    "signature_delta": ("signature", Reasoning),
}
