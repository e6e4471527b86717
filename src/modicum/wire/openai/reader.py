"""A stream of chat completion chunks -> events.

Known besides the standard: a first chunk without choices (Azure), usage on a chunk that has choices, `usage: null`, errors as events
of a 200, deltas whose content is a list (Mistral), tool calls without an index or all with the same one (Gemini's OpenAI door).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modicum.errors import UpstreamError
from modicum.wire import sse
from modicum.wire.fields import items, maybe, of_provider, record, text, untranslatable
from modicum.wire.openai.errors import read_error
from modicum.wire.openai.parts import new_call_id, read_parts, read_reasoning
from modicum.wire.openai.response import read_finish
from modicum.wire.openai.usage import read_usage
from modicum.wire.talk import Added, Began, Closed, Counted, Ended, Event, Failed, Finished, Opened, Part, Pinged, Reasoning, Refusal, Text
from modicum.wire.talk import ToolUse as Use

DONE = b"[DONE]"
MOST_CHOICES = 128
MOST_TOOLS = 1024


@dataclass(slots=True)
class _Tool:
    """A tool call under way. It is opened once its name is known."""

    id: str = ""
    name: str = ""
    part: int | None = None
    waiting: str = ""


@dataclass(slots=True)
class _Choice:
    number: int
    parts: int = 0
    open: tuple[int, type[Part]] | None = None
    """The text, reasoning or refusal that more may be added to."""
    tools: dict[int, _Tool] = field(default_factory=dict)
    latest: int = 0
    """Key of the tool call that was spoken of last."""
    finished: bool = False

    def say(
        self, kind: type[Text] | type[Reasoning] | type[Refusal], said: str, logprobs: Mapping[str, Any] | None = None
    ) -> Iterator[Event]:
        if self.open is None or self.open[1] is not kind:
            yield from self.shut()
            yield self.begin(kind(text=""))
            self.open = (self.parts - 1, kind)
        assert self.open is not None
        yield Added(index=self.open[0], text=said, logprobs=logprobs, choice=self.number)

    def begin(self, part: Part) -> Opened:
        self.parts += 1
        return Opened(index=self.parts - 1, part=part, choice=self.number)

    def shut(self) -> Iterator[Event]:
        if self.open is not None:
            index, self.open = self.open[0], None
            yield Closed(index=index, choice=self.number)

    def shut_all(self) -> Iterator[Event]:
        yield from self.shut()
        for tool in self.tools.values():
            if tool.part is None:
                raise UpstreamError("the provider's stream has a tool call without a name")
            yield Closed(index=tool.part, choice=self.number)
        self.tools.clear()

    def think(self, thought: Reasoning) -> Iterator[Event]:
        """A piece of reasoning; a signature ends the part that it is under."""
        if thought.sealed is not None:
            yield from self.shut()
            opened = self.begin(thought)
            yield opened
            yield Closed(index=opened.index, choice=self.number)
        if thought.text:
            yield from self.say(Reasoning, thought.text)
        if thought.signature:
            if self.open is None or self.open[1] is not Reasoning:
                yield from self.say(Reasoning, "")
            assert self.open is not None
            yield Added(index=self.open[0], signature=thought.signature, choice=self.number)
            yield from self.shut()

    def call(self, value: Any, place: int) -> Iterator[Event]:
        piece = record(value, "tool_calls")
        if piece.get("type") not in (None, "", "function"):
            raise untranslatable("tool_calls.type", "a tool call that is no function")
        told = maybe(text, piece.get("id"), "tool_calls.id") or ""
        function = maybe(record, piece.get("function"), "tool_calls.function") or {}
        name = maybe(text, function.get("name"), "tool_calls.function.name") or ""
        fragment = maybe(text, function.get("arguments"), "tool_calls.function.arguments") or ""
        tool = self._tool(piece.get("index"), told, name, place)
        tool.id, tool.name = tool.id or told, tool.name or name
        if tool.part is None:
            if not tool.name:
                tool.waiting += fragment
                return
            yield from self.shut()
            opened = self.begin(Use(id=tool.id or new_call_id(), name=tool.name, arguments=""))
            tool.part = opened.index
            yield opened
            fragment, tool.waiting = tool.waiting + fragment, ""
        if fragment:
            yield Added(index=tool.part, text=fragment, choice=self.number)

    def _tool(self, index: Any, told: str, name: str, place: int) -> _Tool:
        key = index if isinstance(index, int) else None
        if key is None:
            key = next((at for at, one in self.tools.items() if told and one.id == told), None)
        if key is None:
            key = max(self.tools, default=-1) + 1 if told or name or not self.tools else self.latest
        known = self.tools.get(key)
        if known is not None and told and name and known.id and known.id != told:
            key = next((at for at, one in self.tools.items() if one.id == told), max(self.tools) + 1)
        if len(self.tools) >= MOST_TOOLS and key not in self.tools:
            raise UpstreamError(f"the provider's stream has over {MOST_TOOLS} tool calls")
        self.latest = key
        return self.tools.setdefault(key, _Tool())


class Reader:
    """One stream of a provider's."""

    def __init__(self) -> None:
        self._events = sse.Events()
        self._choices: dict[int, _Choice] = {}
        self._began = False
        self._over = False

    def feed(self, chunk: bytes) -> Sequence[Event]:
        return () if self._over else [event for found in self._events.feed(chunk) for event in self._read(*found)]

    def end(self) -> Sequence[Event]:
        """Without `[DONE]` the stream is whole where every choice has said why it ended: some servers never send it.

        A last event that was cut short says nothing.
        """
        try:
            last = [event for found in self._events.end() for event in self._read(*found)]
        except UpstreamError:
            return ()
        if not self._over and self._choices and all(choice.finished for choice in self._choices.values()):
            last += self._end()
        return last

    def _read(self, _: str, data: bytes | None) -> Iterator[Event]:
        if self._over:
            return
        if data is None:
            yield Pinged()
        elif data.strip() == DONE:
            yield from self._end()
        elif data.strip():
            with of_provider():
                yield from list(self._chunk(sse.json_of(data)))

    def _end(self) -> Iterator[Event]:
        if not self._began:
            raise UpstreamError("the provider's stream ended before it began")
        for choice in self._choices.values():
            yield from choice.shut_all()
        self._over = True
        yield Ended()

    def _chunk(self, chunk: dict[str, Any]) -> Iterator[Event]:
        if chunk.get("error") or chunk.get("object") == "error":
            self._over = True
            message, kind = read_error(chunk, 200)
            yield Failed(message=message, kind=kind if kind != "http_200" else "server_error")
            return
        choices = items(chunk.get("choices"), "choices") if chunk.get("choices") is not None else []
        if not self._began and (choices or chunk.get("id") or chunk.get("model")):
            yield from self._begin(chunk, bool(choices))
        for number, one in enumerate(choices):
            yield from self._choice(record(one, f"choices[{number}]"))
        if (usage := maybe(record, chunk.get("usage"), "usage")) is not None:
            yield Counted(usage=read_usage(usage))

    def _begin(self, chunk: dict[str, Any], spoken: bool) -> Iterator[Event]:
        """Azure's first chunk has no choices and no name of the model: the stream begins with the next one."""
        if not spoken and not (chunk.get("id") and chunk.get("model")):
            return
        self._began = True
        created = chunk.get("created")
        yield Began(
            id=maybe(text, chunk.get("id"), "id") or "",
            model=maybe(text, chunk.get("model"), "model") or "",
            created=created if isinstance(created, int) and not isinstance(created, bool) and created >= 0 else None,
            service_tier=maybe(text, chunk.get("service_tier"), "service_tier"),
        )

    def _choice(self, body: dict[str, Any]) -> Iterator[Event]:
        number = body.get("index", 0)
        if not isinstance(number, int) or not 0 <= number < MOST_CHOICES:
            raise UpstreamError("the provider's stream numbers its choices in no way that can be followed")
        choice = self._choices.setdefault(number, _Choice(number))
        delta = maybe(record, body.get("delta"), "delta") or {}
        if unknown := next((name for name in ("audio", "function_call", "images") if delta.get(name)), None):
            raise untranslatable(f"delta.{unknown}")
        logprobs = maybe(record, body.get("logprobs"), "logprobs")
        for thought in read_reasoning(delta, "delta"):
            yield from choice.think(thought)
        for part in read_parts(delta.get("content"), "delta.content"):
            if isinstance(part, Reasoning):
                yield from choice.think(part)
            elif not isinstance(part, Text):
                raise untranslatable("delta.content", type(part).__name__)
            elif part.text or logprobs:
                yield from choice.say(Text, part.text, logprobs)
                logprobs = None
        if refusal := maybe(text, delta.get("refusal"), "delta.refusal"):
            yield from choice.say(Refusal, refusal, logprobs)
        for place, call in enumerate(items(delta.get("tool_calls") or [], "delta.tool_calls")):
            yield from choice.call(call, place)
        if body.get("finish_reason") and not choice.finished:  # some servers say "" with every chunk
            if body["finish_reason"] == "error":
                self._over = True
                yield Failed(message="the provider's stream ended in an error")
                return
            tools = bool(choice.tools)
            yield from choice.shut_all()
            choice.finished = True
            yield Finished(finish=read_finish(body["finish_reason"], tools=tools), choice=number)
