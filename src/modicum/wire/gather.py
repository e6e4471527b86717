"""Events -> the response they amount to, and a response -> the events that would have told it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from modicum.types import Usage
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
    Opened,
    Part,
    Reasoning,
    Refusal,
    Response,
    Text,
    ToolUse,
)

MOST_TEXT = 32 << 20
"""Characters that are added up; of a longer stream the beginning is kept."""

_PIECE = re.compile(r"\s*\S+|\s+$")


@dataclass(slots=True)
class _Part:
    begun: Part
    pieces: list[str] = field(default_factory=list)
    signature: list[str] = field(default_factory=list)

    def whole(self) -> Part:
        said = "".join(self.pieces)
        match self.begun:
            case Text(text=first) | Refusal(text=first):
                return replace(self.begun, text=first + said)
            case Reasoning(text=first, signature=signature):
                return replace(self.begun, text=first + said, signature="".join([signature or "", *self.signature]) or None)
            case ToolUse(arguments=first):
                return replace(self.begun, arguments=first + said)
            case _:
                return self.begun


@dataclass(slots=True)
class _Choice:
    parts: dict[int, _Part] = field(default_factory=dict)
    finish: Finished | None = None
    logprobs: dict[str, list[Any]] = field(default_factory=dict)

    def whole(self) -> Choice:
        return Choice(
            parts=tuple(part.whole() for _, part in sorted(self.parts.items())),
            finish=self.finish.finish if self.finish else None,
            stop_sequence=self.finish.stop_sequence if self.finish else None,
            logprobs=self.logprobs or None,
        )


class Gathered:
    """What a stream's events so far add up to."""

    def __init__(self) -> None:
        self.ended = False
        """The stream is whole."""
        self.failed: Failed | None = None
        """The error that the sender reported."""
        self.usage = Usage()
        self._began: Began | None = None
        self._choices: dict[int, _Choice] = {}
        self._size = 0

    @property
    def finished(self) -> bool:
        """Every choice said why it ended."""
        return bool(self._choices) and all(choice.finish is not None for choice in self._choices.values())

    def take(self, events: Iterable[Event]) -> None:
        for event in events:
            match event:
                case Added():
                    self._add(event)
                case Opened():
                    self._choice(event.choice).parts[event.index] = _Part(event.part)
                case Finished():
                    self._choice(event.choice).finish = event
                case Began():
                    self._began = event
                    self.usage = event.usage or self.usage
                case Counted():
                    self.usage = event.usage
                case Failed():
                    self.failed = self.failed or event
                case Ended():
                    self.ended = True
                case _:
                    pass

    def _choice(self, number: int) -> _Choice:
        return self._choices.setdefault(number, _Choice())

    def _add(self, event: Added) -> None:
        choice = self._choice(event.choice)
        part = choice.parts.get(event.index)
        for name, values in (event.logprobs or {}).items():
            if isinstance(values, list):
                choice.logprobs.setdefault(name, []).extend(values)
        if part is None or self._size >= MOST_TEXT:
            return
        self._size += len(event.text)
        part.pieces.append(event.text)
        if event.signature is not None:
            part.signature.append(event.signature)

    def response(self) -> Response | None:
        """None where nothing came. A stream that broke off has a response too: `ended` and `failed` tell."""
        if self._began is None:
            return None
        return Response(
            id=self._began.id,
            model=self._began.model,
            created=self._began.created,
            service_tier=self._began.service_tier,
            choices=tuple(choice.whole() for _, choice in sorted(self._choices.items())),
            usage=self.usage,
        )


def events(response: Response) -> Iterator[Event]:
    """The events of a stream that says the same, text in words."""
    yield Began(id=response.id, model=response.model, created=response.created, service_tier=response.service_tier)
    for number, choice in enumerate(response.choices):
        logprobs = choice.logprobs
        for index, part in enumerate(choice.parts):
            begun, pieces, signature = _pieces(part)
            yield Opened(index=index, part=begun, choice=number)
            for piece in pieces:
                yield Added(index=index, text=piece, logprobs=logprobs, choice=number)
                logprobs = None
            if signature is not None:
                yield Added(index=index, signature=signature, choice=number)
            yield Closed(index=index, choice=number)
        yield Finished(finish=choice.finish, stop_sequence=choice.stop_sequence, choice=number)
    yield Counted(usage=response.usage)
    yield Ended()


def _pieces(part: Part) -> tuple[Part, list[str], str | None]:
    match part:
        case Text(text=said) | Refusal(text=said):
            return replace(part, text=""), _PIECE.findall(said), None
        case Reasoning(sealed=None, text=said, signature=signature):
            return Reasoning(), _PIECE.findall(said), signature
        case ToolUse(arguments=arguments):
            return replace(part, arguments=""), [arguments] if arguments else [], None
        case _:
            return part, [], None
