"""Server-sent events of chat completions: read them as they pass, and make them from a plain response.

`Passing` looks at a stream on its way through: it says which bytes may be handed on, keeps back the end until the caller
has written its record, and adds the chunks up to the plain response they amount to. The bytes themselves never change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode

DONE = b"data: [DONE]\n\n"
LONGEST_LINE = 1 << 20
"""An unfinished line is kept back until it ends, but no more than this of it."""
MOST_TEXT = 32 << 20
"""Characters that are added up; of a longer stream only the figures are kept."""

_LINE_END = re.compile(rb"\r\n|\n|\r")
_PIECE = re.compile(r"\s*\S+|\s+$")


class Passing:
    """One stream on its way through."""

    def __init__(self) -> None:
        self.done = False
        """`data: [DONE]` was seen; it and what follows is in `rest()`."""
        self.error: dict[str, Any] | None = None
        """The error that the sender reported inside the stream."""
        self.unread = 0
        """Events that are not JSON objects; they pass all the same."""
        self._held = b""
        self._text = 0
        self._head: dict[str, Any] = {}
        self._named: set[str] = set()
        self._choices: dict[int, _Choice] = {}

    def feed(self, chunk: bytes) -> bytes:
        """What may be handed on now: whole lines, none from `[DONE]` on."""
        data = self._held + chunk if self._held else chunk
        if self.done:
            self._held = data
            return b""
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if len(data) - end > LONGEST_LINE:
            end = len(data)
        ready = data[:end]
        if (done := _done_at(ready)) >= 0:
            end = done
            ready = data[:end]
            self.done = True
        self._held = data[end:]
        if ready:
            self._read(ready)
        return ready

    def rest(self) -> bytes:
        """What was kept back; empty afterwards. `[DONE]` with all that came after it, or an unfinished line."""
        held, self._held = self._held, b""
        return held

    @property
    def finished(self) -> bool:
        """Every choice has said why it ended."""
        return bool(self._choices) and all(choice.finish_reason is not None for choice in self._choices.values())

    def response(self) -> dict[str, Any] | None:
        """The plain response that the chunks so far add up to; None where there were none."""
        if not self._head:
            return None
        whole = {"id": None, "object": "chat.completion", **self._head}
        whole["choices"] = [choice.plain(index) for index, choice in sorted(self._choices.items())]
        return whole

    def _read(self, lines: bytes) -> None:
        for line in _LINE_END.split(lines) if b"\r" in lines else lines.split(b"\n"):
            if not line.startswith(b"data:"):
                continue
            try:
                event = _decode(line[5:])
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                self.unread += 1
                continue
            if not isinstance(event, dict):
                self.unread += 1
            elif isinstance(event.get("error"), dict):
                self.error = event["error"]
            else:
                self._add(event)

    def _add(self, event: dict[str, Any]) -> None:
        # Chunks repeat the same fields; only what is new is worth a look (Azure's first chunk has an empty id and model).
        if not (event.keys() <= self._named and self._head.get("id")) or event.get("usage") is not None:
            self._named.update(event)
            for name, value in event.items():
                if name not in ("choices", "object", "obfuscation") and value is not None:
                    self._head[name] = value
        choices = event.get("choices")
        for part in choices if isinstance(choices, list) else ():
            if not isinstance(part, dict):
                continue
            index = part.get("index", 0)
            choice = self._choices.setdefault(index if isinstance(index, int) else 0, _Choice())
            if isinstance(part.get("finish_reason"), str):
                choice.finish_reason = part["finish_reason"]
            if isinstance(part.get("logprobs"), dict):
                _extend_logprobs(choice.logprobs, part["logprobs"])
            delta = part.get("delta")
            if isinstance(delta, dict) and self._text < MOST_TEXT:
                self._text += choice.add(delta)


def _done_at(lines: bytes) -> int:
    """Where the line `data: [DONE]` begins, -1 where there is none. Text inside an event may hold the same characters."""
    at = lines.find(b"[DONE]")
    while at >= 0:
        for start in (at - 6, at - 5):
            if start >= 0 and lines[start:at] in (b"data: ", b"data:") and (start == 0 or lines[start - 1] in b"\r\n"):
                return start
        at = lines.find(b"[DONE]", at + 1)
    return -1


@dataclass(slots=True)
class _Choice:
    """What the deltas of one choice add up to."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    others: dict[str, Any] = field(default_factory=dict)
    tools: dict[int, dict[str, Any]] = field(default_factory=dict)
    arguments: dict[int, list[str]] = field(default_factory=dict)
    logprobs: dict[str, list[Any]] = field(default_factory=dict)
    finish_reason: str | None = None

    def add(self, delta: dict[str, Any]) -> int:
        """Take one delta in; returns how many characters of text it brought."""
        size = 0
        for name, value in delta.items():
            if name == "tool_calls" and isinstance(value, list):
                size += sum(self._tool(part, number) for number, part in enumerate(value) if isinstance(part, dict))
            elif name == "role":
                self.others["role"] = value
            elif isinstance(value, str):
                self.texts.setdefault(name, []).append(value)
                size += len(value)
            elif value is not None or name not in self.others:
                self.others[name] = value
        return size

    def _tool(self, part: dict[str, Any], number: int) -> int:
        index = part.get("index", number)
        index = index if isinstance(index, int) else number
        tool = self.tools.setdefault(index, {"id": None, "type": "function", "function": {"name": None}})
        tool["id"] = tool["id"] or part.get("id")
        tool["type"] = part.get("type") or tool["type"]
        function = part.get("function")
        if not isinstance(function, dict):
            return 0
        tool["function"]["name"] = tool["function"]["name"] or function.get("name")
        fragment = function.get("arguments")
        if not isinstance(fragment, str):
            return 0
        self.arguments.setdefault(index, []).append(fragment)
        return len(fragment)

    def plain(self, index: int) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None} | self.others
        message |= {name: "".join(pieces) for name, pieces in self.texts.items()}
        if self.tools:
            message["tool_calls"] = [
                tool | {"function": {**tool["function"], "arguments": "".join(self.arguments.get(at, ()))}}
                for at, tool in sorted(self.tools.items())
            ]
        return {"index": index, "message": message, "logprobs": self.logprobs or None, "finish_reason": self.finish_reason}


def _extend_logprobs(whole: dict[str, list[Any]], part: dict[str, Any]) -> None:
    for name, values in part.items():
        if isinstance(values, list):
            whole.setdefault(name, []).extend(values)


def split(response: dict[str, Any], *, include_usage: bool = False) -> Iterator[bytes]:
    """The events, `[DONE]` included, that a client which asked for a stream gets in place of a plain response."""
    common: dict[str, Any] = {
        "id": response.get("id"),
        "object": "chat.completion.chunk",
        "created": response.get("created"),
        "model": response.get("model"),
        **{name: response[name] for name in ("service_tier", "system_fingerprint") if name in response},
    }
    usage: dict[str, Any] = {"usage": None} if include_usage else {}
    choices = response.get("choices")
    choices = [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []

    def event(number: int, delta: dict[str, Any], finish_reason: Any = None, logprobs: Any = None) -> bytes:
        choice = {"index": number, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        return b"data: " + _encode({**common, "choices": [choice], **usage}) + b"\n\n"

    for place, choice in enumerate(choices):
        number = choice.get("index", place)
        message = choice.get("message")
        message = message if isinstance(message, dict) else {}
        logprobs = choice.get("logprobs")
        texts = {name: value for name, value in message.items() if isinstance(value, str) and name != "role"}
        first: dict[str, Any] = {"role": message.get("role", "assistant")}
        if "content" in texts:
            first["content"] = ""
        yield event(number, first)
        for name, text in texts.items():
            for piece in _PIECE.findall(text):
                yield event(number, {name: piece}, None, logprobs)
                logprobs = None
        others = {name: value for name, value in message.items() if name not in texts and name not in ("role", "tool_calls") and value}
        if others:
            yield event(number, others)
        tools = message.get("tool_calls")
        for at, tool in enumerate(tools if isinstance(tools, list) else ()):
            if isinstance(tool, dict):
                yield event(number, {"tool_calls": [{"index": at, **tool}]})
        yield event(number, {}, choice.get("finish_reason"), logprobs)
    extra = {name: response[name] for name in ("modicum",) if name in response}
    if include_usage:
        yield b"data: " + _encode({**common, "choices": [], "usage": response.get("usage"), **extra}) + b"\n\n"
    yield DONE


def error_event(body: bytes) -> bytes:
    """An error body as an event; the blank line before it ends whatever event was under way."""
    return b"\n\ndata: " + body + b"\n\n"
