"""The tool caller by day: which tool, by a linear specialist over their names, and its arguments, by an extractor of that tool.

It can call only tools that it learnt, with the arguments that its extractors can write. Where no tool, or several, should be called it
says so by a confidence of 0: such an answer is the incumbent's to give. An encoder may read the request too, once for all tools.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from modicum.artefact import Artefact
from modicum.backends.chain import half
from modicum.backends.choice import Choice, choices
from modicum.backends.embed import Embedding
from modicum.backends.extractor import ABSENT, Extractor
from modicum.backends.linear import Linear
from modicum.backends.specialist import SPECIALIST_FILE, read
from modicum.backends.tokens import Reader, Seen
from modicum.errors import ArtefactError
from modicum.types import Prediction, but
from modicum.workload import record

NAMES = "name-"
"""Before the names of the files that choose the tool."""


class ToolHead(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One tool: `arguments` where they never change, as JSON; else its extractor's files stand under `tool-n-`."""

    name: str
    arguments: str | None = None


class CallerSpecialist(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON part of a tool caller."""

    kind: str
    tools: list[ToolHead]
    embedding: Embedding | None = None
    """How the encoder is used, where there is one; `weights-0` and `bias-0` among the choices are its head for the tool."""
    reads: list[str] = []
    """The slots that the encoder reads."""


class Caller:
    """A tool caller, loaded and checked. Raises ArtefactError where the artefact is not one, MissingExtraError."""

    heavy = True
    labels: tuple[str, ...] = ()

    def __init__(self, artefact: Artefact) -> None:
        self.digest = artefact.digest
        body = read(artefact, SPECIALIST_FILE, CallerSpecialist)
        names = Linear(half(artefact, NAMES))
        known = {tool.name for tool in body.tools}
        if body.kind != "caller" or len(known) != len(body.tools) or not known >= {*names.labels} - {ABSENT}:
            raise ArtefactError(f"{SPECIALIST_FILE} of {artefact.digest}: kind {body.kind!r} with {len(body.tools)} tools")
        if not all(tool.arguments is None or isinstance(record.parse(tool.arguments), dict) for tool in body.tools):
            raise ArtefactError(f"{SPECIALIST_FILE} of {artefact.digest}: arguments that are no record")
        self._fixed = {tool.name: tool.arguments for tool in body.tools if tool.arguments is not None}
        self._reader = None if body.embedding is None else Reader(artefact, body.embedding, body.reads)
        self._names = Choice(names) if body.embedding is None else choices(artefact, {0: names}, body.embedding.width)[0]
        self._extractors = {
            tool.name: Extractor(half(artefact, prefix(n)), self._reader) for n, tool in enumerate(body.tools) if tool.arguments is None
        }
        used = [slot for extractor in self._extractors.values() for slot in extractor.used_slots]
        self.used_slots: tuple[str, ...] = tuple(dict.fromkeys([*names.used_slots, *used, *body.reads]))

    def predict(self, slots: Sequence[tuple[str, str]]) -> Prediction:
        """The call that one request asks for, as `workload.read` writes it, and how sure it is, as a whole."""
        seen = self._reader.see(slots) if self._reader is not None else None
        named = self._names.predict(slots, seen)
        return call(named, self.arguments(named.value, slots, seen))

    def predict_many(self, requests: Sequence[Sequence[tuple[str, str]]]) -> list[Prediction]:
        """`predict` of each, to the last bit."""
        return [self.predict(slots) for slots in requests]

    def arguments(self, name: str, slots: Sequence[tuple[str, str]], seen: Seen | None = None) -> Prediction:
        """What a tool is called with. `seen`: the request as the encoder sees it, where that is known."""
        if name in self._extractors:
            return self._extractors[name].predict(slots, seen)
        return Prediction(value=self._fixed.get(name, "{}"), confidence=1.0)


def call(named: Prediction, arguments: Prediction) -> Prediction:
    """A tool and its arguments as one answer: right when both are."""
    if named.value == ABSENT:
        return but(named, value=record.canonical({"arguments": {}, "name": ""}), confidence=0.0)
    told: Mapping[str, object] = {"arguments": record.parse(arguments.value) or {}, "name": named.value}
    sure = (named.confidence + named.runner_up_probability) * arguments.confidence
    return but(named, value=record.canonical(told), confidence=round(sure, 12))


def prefix(number: int) -> str:
    """Of the names of a tool's files."""
    return f"tool-{number}-"
