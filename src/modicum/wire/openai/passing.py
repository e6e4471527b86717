"""Streams of chat completions and of completions on their way through; the hottest code of the house."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from modicum.wire.hold import LONGEST_LINE, MOST_TEXT, Passing, cut
from modicum.wire.openai.errors import LONGEST_MESSAGE


class _Text(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    content: str


class _Part(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    delta: _Text
    index: int = 0
    finish_reason: None = None
    logprobs: None = None


class _Said(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """An event that brings text to one choice and nothing else, as most do."""

    choices: tuple[_Part]
    id: str | None = None
    created: int | None = None
    model: str | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
    object: str | None = None
    usage: None = None
    obfuscation: str | None = None


_HEAD = ("id", "created", "model", "service_tier", "system_fingerprint")
_said = msgspec.json.Decoder(_Said).decode


class ChatPassing(Passing):
    """`done`: `data: [DONE]` was seen."""

    named = "chat.completion"
    tries = 8
    """When so many events brought more than text, all are read in full at once."""

    def __init__(self) -> None:
        super().__init__()
        self._head: dict[str, Any] = {}
        self._named: set[str] = set()
        self._choices: dict[int, _Choice] = {}
        self._odd = 0

    def feed(self, chunk: bytes) -> bytes:
        """What may be handed on now: whole lines, none from `[DONE]` on."""
        if not self._held and chunk.endswith(b"\n") and b"[DONE]" not in chunk and not self.done:
            self._keep(chunk)
            return chunk
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
            self._keep(ready)
        return ready

    @property
    def finished(self) -> bool:
        self._catch_up()
        return bool(self._choices) and all(choice.finish_reason is not None for choice in self._choices.values())

    def response(self) -> dict[str, Any] | None:
        self._catch_up()
        if not self._head:
            return None
        whole = {"id": None, "object": self.named, **self._head}
        whole["choices"] = [choice.plain(index) for index, choice in sorted(self._choices.items())]
        return whole

    def _read(self, lines: bytes) -> None:
        known, choices = self._known(), self._choices
        for line in cut(lines):
            if not line:
                continue
            if known[0] and self._odd < self.tries and line.startswith(b"data:"):
                try:
                    said = _said(line[5:])
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    self._odd += 1
                else:
                    part = said.choices[0]
                    choice = choices.get(part.index)
                    if choice is not None and (said.id, said.created, said.model, said.service_tier, said.system_fingerprint) == known:
                        if self._text < MOST_TEXT:
                            self._text += choice.say(part.delta.content)
                        continue
            super()._read(line)
            known = self._known()

    def _known(self) -> tuple[Any, ...]:
        return tuple(map(self._head.get, _HEAD))

    def _take(self, event: dict[str, Any]) -> None:
        if error := event.get("error"):
            self._error = error if isinstance(error, dict) else {"message": str(error)[:LONGEST_MESSAGE]}
            return
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
            index = index if isinstance(index, int) else 0
            choice = self._choices.get(index)
            if choice is None:
                choice = self._choices[index] = self._new()
            if isinstance(part.get("finish_reason"), str) and part["finish_reason"]:
                choice.finish_reason = part["finish_reason"]
            if isinstance(part.get("logprobs"), dict):
                _extend_logprobs(choice.logprobs, part["logprobs"])
            delta = part.get("delta")
            if isinstance(delta, dict) and self._text < MOST_TEXT:
                self._text += choice.add(delta)

    def _new(self) -> _Choice:
        return _Choice()


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
    blocks: dict[str, list[Any]] = field(default_factory=dict)
    """Reasoning in pieces: LiteLLM's and OpenRouter's fields."""
    logprobs: dict[str, list[Any]] = field(default_factory=dict)
    finish_reason: str | None = None

    def say(self, text: str) -> int:
        """The same for a delta of `content` alone."""
        self.texts.setdefault("content", []).append(text)
        return len(text)

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
            elif name in ("thinking_blocks", "reasoning_details") and isinstance(value, list):
                self.blocks.setdefault(name, []).extend(value)
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
        message |= {name: join_blocks(blocks) for name, blocks in self.blocks.items()}
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


def join_blocks(pieces: list[Any]) -> list[Any]:
    """Pieces of reasoning as the blocks that they are pieces of: one ends where it is signed, or another kind or number begins."""
    blocks: list[Any] = []
    for piece in pieces:
        last = blocks[-1] if blocks else None
        if isinstance(last, dict) and isinstance(piece, dict) and not last.get("signature") and _same(last, piece):
            for name, value in piece.items():
                if name in ("thinking", "text", "summary") and isinstance(value, str) and isinstance(last.get(name), str):
                    last[name] += value
                elif value is not None:
                    last[name] = value
        else:
            blocks.append(dict(piece) if isinstance(piece, dict) else piece)
    for block in blocks:
        if isinstance(block, dict) and block.get("type") in ("thinking", "redacted_thinking"):
            block.pop("index", None)
    return blocks


def _same(last: dict[str, Any], piece: dict[str, Any]) -> bool:
    kind = piece.get("type")
    return (
        kind in ("thinking", "reasoning.text", "reasoning.summary") and kind == last.get("type") and last.get("index") == piece.get("index")
    )


class CompletionsPassing(ChatPassing):
    """The same of the API before chats: the text stands in the choice."""

    named = "text_completion"
    tries = 0

    def _new(self) -> _Choice:
        return _Completion()

    def _take(self, event: dict[str, Any]) -> None:
        choices = event.get("choices")
        if isinstance(choices, list):
            event["choices"] = [{**one, "delta": {"text": one.get("text")}} if isinstance(one, dict) else one for one in choices]
        super()._take(event)


class _Completion(_Choice):
    def plain(self, index: int) -> dict[str, Any]:
        text = "".join(self.texts.get("text", ()))
        return {"text": text, "index": index, "logprobs": self.logprobs or None, "finish_reason": self.finish_reason}
