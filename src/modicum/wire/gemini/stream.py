"""Gemini's streams, both ways: whole response objects as server-sent events, with no event that says that it was the last.

A stream is whole when every candidate said why it stopped and the body ended between two events. Function calls come
in one piece. Asked for without `alt=sse`, Gemini sends one JSON array instead; that is no stream here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from modicum.errors import UpstreamError
from modicum.wire import sse
from modicum.wire.fields import untranslatable
from modicum.wire.fieldwise import Fields
from modicum.wire.gemini import ids, parts, response
from modicum.wire.talk import (
    Added,
    Audio,
    Began,
    Closed,
    Counted,
    Ended,
    Event,
    Failed,
    File,
    Finished,
    Image,
    Opened,
    Part,
    Pinged,
    Reasoning,
    Refusal,
    Text,
    ToolResult,
    ToolUse,
)

_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class _Candidate:
    index: int
    parts: int = 0
    open: type[Text] | type[Reasoning] | None = None
    called: bool = False
    finished: bool = False

    def close(self) -> Iterator[Event]:
        if self.open is not None:
            self.open = None
            yield Closed(index=self.parts - 1, choice=self.index)

    def whole(self, part: Part, **added: Any) -> Iterator[Event]:
        yield from self.close()
        self.parts += 1
        yield Opened(index=self.parts - 1, part=part, choice=self.index)
        if added:
            yield Added(index=self.parts - 1, choice=self.index, **added)
        yield Closed(index=self.parts - 1, choice=self.index)

    def more(self, kind: type[Text] | type[Reasoning], **added: Any) -> Iterator[Event]:
        """Text or thought: more of the open part, or of a new one."""
        if self.open is not kind:
            yield from self.close()
            self.open = kind
            self.parts += 1
            yield Opened(index=self.parts - 1, part=Text(text="") if kind is Text else Reasoning(), choice=self.index)
        yield Added(index=self.parts - 1, choice=self.index, **added)


class Reader:
    """See `talk.StreamReader`."""

    def __init__(self) -> None:
        self._events = sse.Events()
        self._began = False
        self._failed = False
        self._candidates: dict[int, _Candidate] = {}

    def feed(self, chunk: bytes) -> Sequence[Event]:
        found: list[Event] = []
        for _, data in self._events.feed(chunk):
            self._take(data, found)
        return found

    def end(self) -> Sequence[Event]:
        found: list[Event] = []
        try:
            for _, data in self._events.end():
                self._take(data, found)
        except UpstreamError:
            return found  # it broke off within an event
        if self._candidates and not self._failed and all(one.finished for one in self._candidates.values()):
            found.append(Ended())
        return found

    def _take(self, data: bytes | None, found: list[Event]) -> None:
        if data is None:
            found.append(Pinged())
            return
        body = sse.json_of(data)
        if self._failed:
            return
        if (error := body.get("error")) is not None:
            self._failed = True
            about = error if isinstance(error, dict) else {}
            found.append(Failed(message=str(about.get("message") or error)[:2000], kind=str(about.get("status") or "server_error")[:80]))
            return
        if not self._began:
            self._began = True
            made = response.text(body, "responseId") or "gemini-" + os.urandom(12).hex()
            found.append(Began(id=made, model=response.text(body, "modelVersion")))
        candidates = body.get("candidates")
        if not candidates and body.get("promptFeedback") and not self._candidates:
            one = self._candidates.setdefault(0, _Candidate(index=0, finished=True))
            found += [*one.whole(Refusal(text=""), text=response.blocked(body)), Finished(finish="refusal")]
        for candidate in Fields({"candidates": candidates}, "", UpstreamError).each("candidates"):
            self._candidate(candidate, found)
        if body.get("usageMetadata"):
            found.append(Counted(usage=response.usage(body["usageMetadata"])))

    def _candidate(self, candidate: Fields, found: list[Event]) -> None:
        index = candidate.count("index") or 0
        one = self._candidates.setdefault(index, _Candidate(index=index))
        content = candidate.fields("content")
        tokens = response.logprobs(candidate)
        for fields in content.each("parts") if content is not None else ():
            thought = fields.says("thought")
            for part in parts.read(fields, []):
                if isinstance(part, Text):
                    if part.text:
                        found += one.more(Text, text=part.text, logprobs=tokens)
                        tokens = None
                elif isinstance(part, Reasoning):
                    if part.text or (thought and part.signature and one.open is Reasoning):
                        found += one.more(Reasoning, text=part.text, signature=part.signature)
                    elif part.signature:
                        found += one.whole(Reasoning(), signature=part.signature)
                elif isinstance(part, ToolUse):
                    one.called = True
                    found += one.whole(ToolUse(id=part.id, name=part.name, arguments=""), text=part.arguments)
                else:
                    raise UpstreamError(f"Gemini's stream holds a part that cannot be streamed on: {type(part).__name__}")
        try:
            reason = response.finish(candidate, called=one.called)
        except UpstreamError as error:
            self._failed = True
            found.append(Failed(message=error.message, kind="server_error"))
            return
        if reason is not None and not one.finished:
            one.finished = True
            found += [*one.close(), Finished(finish=reason, choice=index)]


class Writer:
    """See `talk.StreamWriter`. Thoughts' signatures and calls are held until they are whole."""

    def __init__(self) -> None:
        self._head: dict[str, Any] = {}
        self._open: dict[tuple[int, int], Part] = {}
        self._texts: dict[tuple[int, int], list[str]] = {}

    def write(self, event: Event) -> bytes:
        match event:
            case Began():
                self._head = {"responseId": event.id, "modelVersion": event.model}
                return b"" if event.usage is None else self._body(usageMetadata=response.write_usage(event.usage))
            case Opened():
                if isinstance(event.part, Image | File | Audio | ToolResult):
                    raise untranslatable(type(event.part).__name__.lower(), "Gemini's streams have no words for it")
                self._open[event.choice, event.index] = event.part
                self._texts[event.choice, event.index] = []
                return b""
            case Added():
                return self._added(event)
            case Closed():
                part = self._open.pop((event.choice, event.index), None)
                text = "".join(self._texts.pop((event.choice, event.index), ()))
                if not isinstance(part, ToolUse):
                    return b""
                return self._part(event.choice, ToolUse(id=part.id, name=part.name, arguments=text))
            case Finished():
                reason = None if event.finish is None else response.write_finish(event.finish)
                return b"" if reason is None else self._body(candidates=[{"index": event.choice, "finishReason": reason}])
            case Counted():
                counts = response.write_usage(event.usage)
                return self._body(usageMetadata=counts) if counts else b""
            case Failed():
                return sse.event(_encode({"error": {"code": 500, "message": event.message, "status": event.kind}}))
            case _:
                return b""

    def _added(self, event: Added) -> bytes:
        match self._open.get((event.choice, event.index)):
            case ToolUse():
                self._texts[event.choice, event.index].append(event.text)
                return b""
            case Reasoning():
                texts = self._texts[event.choice, event.index]
                if event.signature and event.signature.startswith(ids.MARK) and not event.text and texts:
                    signature = event.signature.removeprefix(ids.MARK)
                    return self._body(candidates=[_candidate(event.choice, [{"text": "", "thought": True, "thoughtSignature": signature}])])
                texts.append(event.text)
                return self._part(event.choice, Reasoning(text=event.text, signature=event.signature))
            case _:
                extra = {} if event.logprobs is None else {"logprobsResult": response.write_logprobs(event.logprobs)}
                return self._part(event.choice, Text(text=event.text), **extra)

    def _part(self, choice: int, part: Part, **extra: Any) -> bytes:
        written = parts.write((part,), {}, unsigned=False, where="the answer")
        return self._body(candidates=[_candidate(choice, written) | extra]) if written else b""

    def _body(self, **fields: Any) -> bytes:
        return sse.event(_encode(fields | self._head))


def _candidate(choice: int, written: list[dict[str, Any]]) -> dict[str, Any]:
    return {"index": choice, "content": {"role": "model", "parts": written}}
