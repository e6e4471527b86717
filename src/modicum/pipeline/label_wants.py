"""Which calls want a label, what people said of them, and when a test may use that: the request files beside the book."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from modicum.errors import InputError
from modicum.evaluate.judged import LEAST_AUDIT, Judged, is_audited, share_of
from modicum.evaluate.labels import Label
from modicum.evaluate.panel import outcome, settle
from modicum.pipeline.label_book import Book, Mark
from modicum.store.control import Control
from modicum.types import Attempt, Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a reader is asked of one call: which of two answers to this request is right."""

    id: str
    slots: tuple[tuple[str, str], ...]
    a: str
    b: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One attempt whose certificate wants labels."""

    attempt: Attempt
    questions: tuple[Question, ...]
    looked: bool
    """It was tested with labels already, and takes no more."""

    @property
    def better(self) -> bool:
        """It asks which answer is better (B); else whether one is right (C)."""
        return "C" not in self.attempt.kinds


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """A judge, and how many calls it is measured on."""

    calls: int
    model: str


def asked(home: Path, control: Control, workload: Workload) -> list[Asked]:
    """The attempts of a workload that asked for labels, newest first."""
    found = []
    for attempt in reversed(control.attempts(workload.workload_id)):
        path = home / "requests" / f"{workload.workload_id}-{attempt.number}.jsonl"
        if {"B", "C"} & set(attempt.kinds) and attempt.workload_id == workload.workload_id and path.is_file():
            questions = tuple(_questions(path))
            found.append(Asked(attempt=attempt, questions=questions, looked=control.looked_with(attempt.attempt_id) is not None))
    return [one for one in found if one.questions]


def _questions(path: Path) -> Iterable[Question]:
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            row = msgspec.json.decode(line)
            slots = tuple((str(name), str(value)) for name, value in row["slots"].items())
            yield Question(id=row["id"], slots=slots, a=row["a"], b=row["b"])
        except (msgspec.DecodeError, LookupError, TypeError, AttributeError):
            raise InputError(f"line {number} of {path} asks nothing that can be read", hint="was it edited, or its words erased?") from None


def settled(one: Asked, marks: Iterable[Mark]) -> dict[str, Label]:
    """What counts of what people said of one attempt, by the name of the call."""
    said = last_marks(one.attempt.attempt_id, marks)
    found = {}
    for question in one.questions:
        labels = [label for mark in said.get(question.id, {}).values() if (label := mark.label) is not None]
        if (label := settle(labels, question.a, question.b, better=one.better)) is not None:
            found[question.id] = label
    return found


def still_wanted(home: Path, control: Control, workload: Workload, attempt_id: str, given: Mapping[str, Label]) -> tuple[int, int] | None:
    """How many labels an untested attempt asked for are there, by people or among `given`, and how many are missing; None: none is."""
    one = next((one for one in asked(home, control, workload) if one.attempt.attempt_id == attempt_id and not one.looked), None)
    if one is None:
        return None
    known = settled(one, Book(home, workload.workload_id).marks()).keys() | given.keys()
    there = sum(question.id in known for question in one.questions)
    return (there, len(one.questions) - there) if there else None


def ready(home: Path, control: Control, workloads: Iterable[Workload], *, partial: bool = False, stands: bool = False) -> dict[str, Label]:
    """The labels that a test may use now: of attempts that wait for them, once all calls are settled or somebody said that it is enough.

    `partial`: whatever there is. `stands`: those too with which an attempt was certified already.
    """
    found: dict[str, Label] = {}
    for workload in workloads:
        marks = Book(home, workload.workload_id).marks()
        for one in asked(home, control, workload) if marks else ():
            labels = settled(one, marks)
            if one.looked and not (stands and _certified(control, one.attempt)):
                continue
            if partial or one.looked or len(labels) == len(one.questions) or is_closed(one.attempt.attempt_id, marks):
                found |= labels
    return found


def is_closed(attempt_id: str, marks: Iterable[Mark]) -> bool:
    """The last word on an attempt is that it is enough."""
    own = [mark for mark in marks if mark.att == attempt_id]
    return bool(own) and own[-1].do == "end"


def _certified(control: Control, attempt: Attempt) -> bool:
    verdict = control.verdict(f"{attempt.attempt_id}-B-{control.looked_with(attempt.attempt_id)}")
    return verdict is not None and verdict.certificate is not None


def last_marks(attempt_id: str, marks: Iterable[Mark]) -> dict[str, dict[str, Mark]]:
    """The last mark of each person on each call, without what was taken back."""
    said: dict[str, dict[str, Mark]] = {}
    for mark in marks:
        if mark.att == attempt_id and mark.id:
            if mark.do == "un":
                said.get(mark.id, {}).pop(mark.by, None)
            else:
                said.setdefault(mark.id, {})[mark.by] = mark
    return said


def audit_of(attempt_id: str, marks: Iterable[Mark]) -> Audit | None:
    """Which judge is measured on how many calls: what was written down first, for it must not follow from any label."""
    for mark in marks:
        number, _, model = mark.to.partition(" ")
        if mark.att == attempt_id and mark.do == "aud" and number.isdigit() and model:
            return Audit(calls=int(number), model=model)
    return None


def audited(one: Asked, audit: Audit) -> Asked:
    """Only the calls on which a judge is measured."""
    share = share_of(audit.calls, len(one.questions))
    checked = tuple(q for q in one.questions if is_audited(one.attempt.attempt_id, q.id, share))
    return dataclasses.replace(one, questions=checked)


def judged_as(attempt_id: str) -> str:
    """Under which name a judge's marks on an attempt stand in the book, apart from people's."""
    return f"{attempt_id}/judge"


def ready_judged(
    home: Path, control: Control, workloads: Iterable[Workload], *, partial: bool = False, stands: bool = False
) -> dict[str, Judged]:
    """A judge's labels that a test may use now, by attempt: once it was asked about all calls, and every one on which it is measured is
    settled by people, or they said that it is enough. Where people labelled everything no judge is needed."""
    found: dict[str, Judged] = {}
    for workload in workloads:
        marks = Book(home, workload.workload_id).marks()
        for one in asked(home, control, workload) if marks else ():
            audit, name = audit_of(one.attempt.attempt_id, marks), one.attempt.attempt_id
            if audit is None or not one.better or (one.looked and not (stands and _certified(control, one.attempt))):
                continue
            words = {mark.id: mark.label for mark in marks if mark.att == judged_as(name) and mark.by == audit.model and mark.label}
            people, checked = settled(one, marks), audited(one, audit)
            known = sum(question.id in people for question in checked.questions)
            there = is_closed(judged_as(name), marks) and (known == len(checked.questions) or is_closed(name, marks))
            enough = there or partial or one.looked
            if words and enough and known >= LEAST_AUDIT and len(people) < len(one.questions):
                verdicts = {q.id: Label(verdict=outcome(people[q.id], q.a, q.b, better=True)) for q in one.questions if q.id in people}
                share = share_of(audit.calls, len(one.questions))
                found[name] = Judged(model=audit.model, labels=words, people=verdicts, share=share)
    return found
