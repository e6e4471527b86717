"""A workload in the making: calls of one or several templates, with what is inferred from them so far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b, sha256

import numpy as np

from modicum.discover.contract import ReadAs, infer
from modicum.discover.gather import Corpus
from modicum.discover.labels import Said
from modicum.discover.shingles import I64
from modicum.discover.template import LOOSE, SAMPLE, STRICT, derive
from modicum.types import Contract, Template
from modicum.wire.chat import Answer
from modicum.workload.pattern import match, slot_names, template_weight, weight
from modicum.workload.recognise import LEAST_WEIGHT

_MOST_ANSWERS = 30_000
_CHARS = 2
"""Characters that a shingle of fixed text makes at the least."""


@dataclass(slots=True)
class Part:
    """Calls of one corpus that share a template."""

    corpus: Corpus
    calls: I64
    template: Template
    marks: tuple[tuple[str, str], ...] = ()
    """Slot values that an operator split these calls off by."""

    def values(self, call: int) -> tuple[str, ...] | None:
        """What the slots of a call hold (windowed texts), or None where the call is an exception to its template."""
        system, first, last = self.corpus.texts(call)
        found: tuple[str, ...] = ()
        if self.template.system is not None:
            got = match(self.template.system, system)
            if got is None:
                return None
            found = got
        if self.template.user is not None:
            got = match(self.template.user, first if self.template.user_at == "first" else last)
            if got is None:
                return None
            found += got
        return (*found, last) if self.template.user_at == "first" else found

    def slots(self, call: int) -> tuple[tuple[str, str], ...]:
        values = self.values(call)
        if values is None:
            return (("user.0", self.corpus.texts(call)[2]),)
        return tuple(zip(slot_names(self.template), values, strict=True))


@dataclass(slots=True)
class Draft:
    """What becomes a Workload."""

    scope: str
    parts: list[Part]
    static: int = 0
    contract: Contract = field(default_factory=lambda: Contract(kind="text"))
    workload_id: str = ""
    parent_id: str = ""
    """Set where an operator split it off."""
    answers_from: int = 0

    def __len__(self) -> int:
        return sum(len(part.calls) for part in self.parts)

    @property
    def template(self) -> Template:
        return self.parts[0].template

    @property
    def open(self) -> bool:
        """Nothing is fixed: no matcher can be built."""
        return all(template_weight(part.template) < LEAST_WEIGHT for part in self.parts)

    def literals(self) -> list[str]:
        return [
            literal
            for part in self.parts
            for pattern in (part.template.system, part.template.user)
            if pattern
            for literal in pattern.literals
        ]

    def infer_contract(self, read_as: ReadAs = None) -> None:
        """Infer the contract from (at most 30,000 of) the answers."""
        said: dict[Answer, Said] = {}
        failed = 0
        step = len(self) // _MOST_ANSWERS + 1
        for part in self.parts:
            calls = part.calls[::step]
            of = np.frombuffer(part.corpus.answer_of, np.int64)[calls]
            numbers, first, times = np.unique(of, return_index=True, return_counts=True)
            for number, at, many in zip(numbers.tolist(), first.tolist(), times.tolist(), strict=True):
                answer = part.corpus.answers[number]
                if answer is None:
                    failed += many
                elif answer in said:
                    said[answer] = Said(answer, said[answer].times + many, said[answer].slots)
                else:
                    said[answer] = Said(answer, many, part.slots(int(calls[at])))
        ordered = sorted(said.values(), key=lambda one: (-one.times, one.answer.content or "", one.answer.tool_calls))
        self.contract = infer(ordered, failed, self.literals(), read_as)


def sample_calls(corpus: Corpus, calls: I64, size: int = SAMPLE) -> list[int]:
    """Calls drawn by their ids alone, so that the order of a log changes nothing."""
    if len(calls) <= size:
        return [int(call) for call in calls]
    keyed = sorted(
        (blake2b(corpus.call_ids[call].encode("utf-8", "surrogatepass"), digest_size=8).digest(), call) for call in calls.tolist()
    )
    return [call for _, call in keyed[:size]]


def derive_template(corpus: Corpus, calls: Sequence[int], static: int = 0) -> Template:
    """The template of some calls. Where it has much less text than `static` shingles, the texts are damaged: less must fit then."""
    texts = [corpus.texts(call) for call in calls]
    template = _derive_template(corpus.key, texts, STRICT)
    if template_weight(template) < _CHARS * static:
        loose = _derive_template(corpus.key, texts, LOOSE)
        if template_weight(loose) >= 2 * template_weight(template):
            return loose
    return template


def _derive_template(key: str, texts: Sequence[tuple[str, str, str]], missing: float) -> Template:
    without = sum(not system for system, _, _ in texts)
    system = None if without >= 0.96 * len(texts) else derive([system for system, _, _ in texts], missing)
    user = derive([last for _, _, last in texts], missing)
    several = sum(first != last for _, first, last in texts)
    if several > 0.04 * len(texts) and weight(user) < LEAST_WEIGHT:
        of_first = derive([first for _, first, _ in texts], missing)
        if weight(of_first) >= LEAST_WEIGHT:
            return Template(key=key, system=system, user=of_first, user_at="first")
    return Template(key=key, system=system, user=user)


def digest(*parts: str) -> str:
    """16 hex digits of a few strings."""
    return sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def spell(template: Template) -> Iterator[str]:
    """A template as strings that digest to its identity."""
    yield template.key
    for pattern in (template.system, template.user):
        yield "none" if pattern is None else f"{int(pattern.anchored_start)}{int(pattern.anchored_end)}{len(pattern.literals)}"
        yield from pattern.literals if pattern else ()
    yield template.user_at
