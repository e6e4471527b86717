"""Replicate's predictions, for its language models: one prompt, one system prompt, one text.

Everything else is refused by name: several turns, media, tools, shapes, several answers. A prediction that is not done (`starting`,
`processing`) is no answer: it is asked for with `Prefer: wait`, or streamed from the address in `stream_url`. Inputs are each model's
own; the names here are those of Replicate's official language models. Read in Replicate's HTTP reference and its page on
streaming, 2026-11-22.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec

from modicum.errors import RequestError, UpstreamError
from modicum.types import Usage
from modicum.wire import sse
from modicum.wire.fields import untranslatable
from modicum.wire.fieldwise import Fields, refuse
from modicum.wire.talk import (
    Added,
    Began,
    Choice,
    Closed,
    Counted,
    Ended,
    Event,
    Failed,
    Finished,
    Message,
    Opened,
    Pinged,
    Request,
    Response,
    StreamReader,
    StreamWriter,
    Text,
)

_encode = msgspec.json.Encoder().encode
_LINE_END = re.compile(r"\r\n|\n|\r")
_WHY = "Replicate's language models take one prompt"
_REFUSED = (
    "choices", "tools", "tool_choice", "format", "thinking", "logprobs", "top_logprobs", "logit_bias", "user_id", "metadata",
    "service_tier", "store",
)  # fmt: skip
_NUMBERS = ("temperature", "top_p", "presence_penalty", "frequency_penalty")
_COUNTS = ("max_tokens", "top_k", "seed")


def stream_url(body: Mapping[str, Any]) -> str | None:
    """Where a new prediction can be streamed from. Whoever follows it checks that the host is the provider's."""
    urls = body.get("urls")
    found = urls.get("stream") if isinstance(urls, dict) else None
    return found if isinstance(found, str) else None


class Replicate:
    """See `talk.Dialect`. The model stands in the address, or as `version` in the body."""

    name = "replicate"
    content_type = "text/event-stream"

    def read_request(self, body: Mapping[str, Any]) -> Request:
        fields = Fields(body)
        given = fields.fields("input") or Fields({}, "input")
        prompt, system, stops = given.need_text("prompt"), given.text("system_prompt"), given.text("stop_sequences")
        messages = [] if system is None else [Message(role="system", parts=(Text(text=system),))]
        settings: dict[str, Any] = {name: given.number(name) for name in _NUMBERS} | {name: given.count(name) for name in _COUNTS}
        request = Request(
            model=fields.text("version") or "",
            messages=(*messages, Message(role="user", parts=(Text(text=prompt),))),
            stop=tuple(stops.split(",")) if stops else (),
            stream=fields.flag("stream"),
            **settings,
        )
        given.done()
        fields.done()
        return request

    def write_request(self, request: Request) -> dict[str, Any]:
        refuse(request, "Replicate", *_REFUSED)
        *system, last = request.messages or (None,)
        if last is None or last.role != "user" or any(message.role not in ("system", "developer") for message in system):
            raise untranslatable("messages", _WHY)
        given: dict[str, Any] = {"prompt": _text(last, len(system))}
        if system:
            given["system_prompt"] = "\n\n".join(_text(message, n) for n, message in enumerate(system))
        if any("," in stop or not stop for stop in request.stop):
            raise untranslatable("stop", "Replicate parts stop sequences by commas")
        named = {name: getattr(request, name) for name in (*_NUMBERS, *_COUNTS)} | {"stop_sequences": ",".join(request.stop) or None}
        body: dict[str, Any] = {"input": given | {name: value for name, value in named.items() if value is not None}}
        return body | ({"stream": request.stream} if request.stream is not None else {})

    def read_response(self, body: Mapping[str, Any]) -> Response:
        fields = Fields(body, "", UpstreamError)
        status = fields.text("status")
        if status != "succeeded":
            error = body.get("error")
            raise UpstreamError(f"the prediction is {str(status)[:40]}" + (f": {str(error)[:500]}" if error else ""))
        output = fields.take("output")
        if isinstance(output, list) and all(isinstance(piece, str) for piece in output):
            output = "".join(output)
        if not isinstance(output, str):
            raise untranslatable("output", "it is neither text nor a list of texts")
        return Response(
            id=fields.text("id") or "replicate-" + os.urandom(12).hex(),
            model=fields.text("model") or fields.text("version") or "",
            choices=(Choice(parts=(Text(text=output),), finish="stop"),),
            usage=usage(body.get("metrics")),
            created=_seconds(fields.text("created_at")),
        )

    def write_response(self, response: Response) -> dict[str, Any]:
        if len(response.choices) != 1:
            raise untranslatable("choices", "a prediction has one")
        choice = response.choices[0]
        texts = [part.text for part in choice.parts if isinstance(part, Text)]
        if len(texts) != len(choice.parts) or choice.finish != "stop" or choice.logprobs is not None:
            raise untranslatable("choices[0]", "a prediction is a text that came to its end")
        counts = {"input_token_count": response.usage.input_tokens, "output_token_count": response.usage.output_tokens}
        metrics = {name: value for name, value in counts.items() if value is not None}
        return {
            "id": response.id,
            "model": response.model,
            "status": "succeeded",
            "output": texts,
            "error": None,
            "metrics": metrics,
        }

    def reader(self) -> StreamReader:
        return Reader()

    def writer(self, request: Request) -> StreamWriter:
        return Writer()

    def read_error(self, body: Mapping[str, Any] | None, status: int) -> tuple[str, str]:
        about = body or {}
        message = next((said for name in ("detail", "error", "title") if isinstance(said := about.get(name), str) and said), None)
        title = about.get("title")
        return message or f"Replicate answered {status}", title[:80] if isinstance(title, str) and title else f"http_{status}"

    def write_error(self, message: str, *, status: int, code: str, request_id: str = "") -> bytes:
        return _encode({"title": code, "detail": message, "status": status})

    def error_event(self, body: bytes) -> bytes:
        try:
            said = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            said = None
        message, _ = self.read_error(said if isinstance(said, dict) else None, 500)
        return b"\n\n" + sse.event(_encode({"detail": message}), "error")


def _text(message: Message, number: int) -> str:
    if message.name is not None:
        raise untranslatable(f"messages[{number}].name", _WHY)
    texts = [part.text for part in message.parts if isinstance(part, Text)]
    if len(texts) != len(message.parts):
        raise untranslatable(f"messages[{number}].content", "it has parts that are not text")
    if not texts:
        raise RequestError(f"messages[{number}] is empty")
    return "\n".join(texts)


def usage(metrics: Any) -> Usage:
    """What language models report; others tell seconds alone."""
    if not isinstance(metrics, dict):
        return Usage()
    found = [metrics.get(name) for name in ("input_token_count", "output_token_count")]
    inputs, outputs = (value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None for value in found)
    return Usage(input_tokens=inputs, output_tokens=outputs)


def _seconds(at: str | None) -> int | None:
    try:
        return None if at is None else int(datetime.fromisoformat(at).timestamp())
    except (ValueError, OverflowError):
        return None


class Reader:
    """Events `output` with text, `done` (which says why where it was no success), `error`; `logs` and others pass by."""

    def __init__(self) -> None:
        self._events = sse.Events()
        self._began = self._over = False

    def feed(self, chunk: bytes) -> Sequence[Event]:
        found: list[Event] = []
        for name, data in self._events.feed(chunk):
            if data is None:
                found.append(Pinged())
            elif not self._over:
                self._take(name, data, found)
        return found

    def end(self) -> Sequence[Event]:
        found: list[Event] = []
        with suppress(UpstreamError):  # it broke off within an event
            for name, data in self._events.end():
                if data is not None and not self._over:
                    self._take(name, data, found)
        return found

    def _take(self, name: str, data: bytes, found: list[Event]) -> None:
        if name == "output":
            try:
                text = data.decode()
            except UnicodeDecodeError:
                raise UpstreamError("Replicate's stream is not UTF-8") from None
            found += [*self._begin(), Added(index=0, text=text)]
        elif name == "error":
            self._over = True
            found.append(Failed(message=_detail(data)))
        elif name == "done":
            self._over = True
            about = sse.json_of(data) if data.strip() else {}
            if reason := about.get("reason"):
                found.append(Failed(message=f"the prediction was ended: {str(reason)[:200]}", kind=str(reason)[:80]))
                return
            found += [*self._begin(), Closed(index=0), Finished(finish="stop"), Counted(usage=usage(about.get("metrics"))), Ended()]

    def _begin(self) -> list[Event]:
        if self._began:
            return []
        self._began = True
        return [Began(id="replicate-" + os.urandom(12).hex(), model=""), Opened(index=0, part=Text(text=""))]


def _detail(data: bytes) -> str:
    try:
        return str(sse.json_of(data).get("detail") or "the prediction failed")[:2000]
    except UpstreamError:
        return data.decode("utf-8", "replace")[:2000] or "the prediction failed"


class Writer:
    """See `talk.StreamWriter`."""

    def __init__(self) -> None:
        self._usage: Usage = Usage()

    def write(self, event: Event) -> bytes:
        match event:
            case Opened() if event.choice or not isinstance(event.part, Text):
                raise untranslatable("choices" if event.choice else type(event.part).__name__.lower(), "a prediction is one text")
            case Added():
                lines = "".join(f"data: {line}\n" for line in _LINE_END.split(event.text))
                return f"event: output\n{lines}\n".encode() if event.text else b""
            case Finished() if event.finish != "stop":
                raise untranslatable(f"finish = '{event.finish}'", "a prediction is a text that came to its end")
            case Counted():
                self._usage = event.usage
                return b""
            case Failed():
                return sse.event(_encode({"detail": event.message}), "error")
            case Ended():
                counts = {"input_token_count": self._usage.input_tokens, "output_token_count": self._usage.output_tokens}
                metrics = {name: value for name, value in counts.items() if value is not None}
                return sse.event(_encode({"metrics": metrics} if metrics else {}), "done")
            case _:
                return b""


DIALECT = Replicate()
