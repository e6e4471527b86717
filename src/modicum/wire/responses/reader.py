"""A stream of OpenAI's Responses as events of ours.

A stream is whole with `response.completed` or `response.incomplete`; `response.failed` and `error` say that it failed. Events that
only repeat others (`*.done`, `queued`, `in_progress`) are used where the deltas did not come. Events as in openai-python 3.54.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from modicum.errors import UpstreamError
from modicum.wire import sse
from modicum.wire.fieldwise import Fields
from modicum.wire.responses import items, response
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
    Text,
    ToolUse,
)

Place = tuple[int, int]
"""(output index, content index); calls and thoughts have -1 there."""


class Reader:
    """See `talk.StreamReader`."""

    def __init__(self) -> None:
        self._events = sse.Events()
        self._over = False
        self._began = False
        self._parts = 0
        self._kinds: set[type[Part]] = set()
        self._open: dict[Place, int] = {}
        self._said: set[Place] = set()
        """Parts that brought text."""
        self._takes: dict[str, Callable[[Fields, list[Event]], None]] = {
            "response.output_item.added": self._item_added,
            "response.output_item.done": self._item_done,
            "response.content_part.added": self._part_added,
            "response.content_part.done": self._part_done,
            "response.output_text.delta": self._delta,
            "response.refusal.delta": self._delta,
            "response.function_call_arguments.delta": self._item_delta,
            "response.reasoning_text.delta": self._thought,
            "response.reasoning_summary_text.delta": self._thought,
            "response.reasoning_summary_part.added": self._summary_part,
            "response.completed": self._end,
            "response.incomplete": self._end,
        }

    def feed(self, chunk: bytes) -> Sequence[Event]:
        found: list[Event] = []
        for _, data in self._events.feed(chunk):
            self._take(data, found)
        return found

    def end(self) -> Sequence[Event]:
        found: list[Event] = []
        with suppress(UpstreamError):  # it broke off within an event
            for _, data in self._events.end():
                self._take(data, found)
        return found

    def _take(self, data: bytes | None, found: list[Event]) -> None:
        if data is None:
            found.append(Pinged())
            return
        if self._over or data == b"[DONE]":
            return
        body = sse.json_of(data)
        kind = body.get("type")
        if kind in ("error", "response.failed"):
            self._over = True
            about = body.get("response") if kind == "response.failed" else body
            error = about.get("error") if isinstance(about, dict) else None
            said = error if isinstance(error, dict) else body
            found.append(
                Failed(message=str(said.get("message") or "the response failed")[:2000], kind=str(said.get("code") or "server_error")[:80])
            )
            return
        if not self._began and isinstance(body.get("response"), dict):
            self._began = True
            whole = Fields(body["response"], "response", UpstreamError)
            created = whole.number("created_at")
            found.append(
                Began(
                    id=whole.text("id") or response.new_id(),
                    model=whole.text("model") or "",
                    created=None if created is None else int(created),
                )
            )
        if isinstance(kind, str) and (take := self._takes.get(kind)) is not None:
            take(Fields(body, "", UpstreamError), found)

    def _opened(self, place: Place, part: Part, found: list[Event]) -> int:
        if place not in self._open:
            self._open[place] = self._parts
            self._kinds.add(type(part))
            found.append(Opened(index=self._parts, part=part))
            self._parts += 1
        return self._open[place]

    def _closed(self, place: Place, found: list[Event]) -> None:
        if (index := self._open.pop(place, None)) is not None:
            found.append(Closed(index=index))

    def _add(self, place: Place, text: str | None, found: list[Event], **more: Any) -> None:
        if place not in self._open:
            raise UpstreamError("the provider's stream adds to a part that is not open")
        if text or more:
            self._said.add(place)
            found.append(Added(index=self._open[place], text=text or "", **more))

    def _item_added(self, fields: Fields, found: list[Event]) -> None:
        at, item = _index(fields), fields.fields("item")
        kind = item.text("type") if item is not None else None
        if item is None or kind not in ("message", "function_call", "reasoning"):
            raise UpstreamError(f"the provider's stream holds '{str(kind)[:60]}', which has no words elsewhere")
        if kind == "function_call":
            self._opened((at, -1), ToolUse(id=item.need_text("call_id"), name=item.need_text("name"), arguments=""), found)

    def _item_done(self, fields: Fields, found: list[Event]) -> None:
        at, item = _index(fields), fields.fields("item")
        if item is None:
            return
        kind, place = item.text("type") or "", (at, -1)
        if kind == "function_call":
            if place in self._open and place not in self._said:
                self._add(place, item.text("arguments"), found)
            self._closed(place, found)
        elif kind == "reasoning":
            for part in items.answer(kind, item):
                assert isinstance(part, Reasoning)
                if part.sealed is not None:
                    self._closed(place, found)
                    self._opened((at, -2), Reasoning(sealed=part.sealed), found)
                    self._closed((at, -2), found)
                    continue
                self._opened(place, Reasoning(), found)
                text = None if place in self._said else part.text
                if text or part.signature:
                    self._add(place, text, found, **({"signature": part.signature} if part.signature else {}))
            self._closed(place, found)

    def _part_added(self, fields: Fields, found: list[Event]) -> None:
        part = fields.fields("part") or Fields({})
        kind = part.text("type")
        if kind in ("output_text", "refusal"):
            self._opened(
                (_index(fields), fields.count("content_index") or 0), Refusal(text="") if kind == "refusal" else Text(text=""), found
            )
        elif kind != "reasoning_text":
            raise UpstreamError(f"the provider's stream holds '{str(kind)[:60]}', which has no words elsewhere")

    def _part_done(self, fields: Fields, found: list[Event]) -> None:
        place = (_index(fields), fields.count("content_index") or 0)
        part = fields.fields("part") or Fields({})
        if place in self._open and place not in self._said:
            self._add(place, part.text("text") or part.text("refusal"), found)
        self._closed(place, found)

    def _delta(self, fields: Fields, found: list[Event]) -> None:
        tokens = fields.list("logprobs")
        more = {"logprobs": {"content": tokens}} if tokens else {}
        self._add((_index(fields), fields.count("content_index") or 0), fields.text("delta"), found, **more)

    def _item_delta(self, fields: Fields, found: list[Event]) -> None:
        self._add((_index(fields), -1), fields.text("delta"), found)

    def _thought(self, fields: Fields, found: list[Event]) -> None:
        place = (_index(fields), -1)
        self._opened(place, Reasoning(), found)
        self._add(place, fields.text("delta"), found)

    def _summary_part(self, fields: Fields, found: list[Event]) -> None:
        place = (_index(fields), -1)
        self._opened(place, Reasoning(), found)
        if fields.count("summary_index"):
            self._add(place, "\n\n", found)

    def _end(self, fields: Fields, found: list[Event]) -> None:
        self._over = True
        whole = fields.object("response") or {}
        for place in sorted(self._open):
            self._closed(place, found)
        try:
            reason = response.finish(whole)
        except UpstreamError as error:
            found.append(Failed(message=error.message))
            return
        if reason == "stop":
            reason = "refusal" if Refusal in self._kinds else "tool_use" if ToolUse in self._kinds else "stop"
        found += [Finished(finish=reason), Counted(usage=response.usage(whole.get("usage"))), Ended()]


def _index(fields: Fields) -> int:
    return fields.count("output_index") or 0
