"""A person at a desk: the calls whose label a certificate wants, one at a time, blind, and what was said of them.

The questions are those of the request file that `fit` or `try` wrote, in its order: a draw fixed by the attempt, which knows nothing of the
answers. Whoever stops early leaves calls without a label, and these count as the worst case, so that where somebody stops cannot make a
promise easier. A window is looked at once with labels: by `fit` or `try`, when every call is settled or somebody said that it is enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from modicum.artefact import Artefacts
from modicum.backends.model import model_of
from modicum.errors import ArtefactError, InputError, ModicumError, NotFoundError
from modicum.evaluate.judged import LEAST_AUDIT, Measured
from modicum.evaluate.labels import Choice, Label, comparable
from modicum.evaluate.panel import Agreement, agreement, outcome, settle
from modicum.pipeline.errand import is_listed
from modicum.pipeline.gone import is_kept, what_is_gone
from modicum.pipeline.label_book import LONGEST_GOLD, LONGEST_NAME, Book, Mark, mark_of
from modicum.pipeline.label_wants import Asked, Audit, Question, asked, audit_of, audited, is_closed, judged_as, last_marks, settled
from modicum.pipeline.look import ENOUGH_LABELS
from modicum.store.control import Control
from modicum.types import Workload

LONGEST_PAUSE_S = 300.0
"""Who says nothing for longer has gone for a coffee, and it is not counted."""
MOST_AT_ONCE = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far the labels of one attempt are."""

    wanted: int
    settled: int
    """Calls with a label that counts."""
    conflicts: int
    """Calls on which people differ, without a majority: they count as the worst case until somebody settles them."""
    skipped: int
    """Calls that this person passed over and nobody settled."""
    left: int
    """Calls that this person is still asked about."""
    people: tuple[tuple[str, int], ...]
    """Who labelled how many, most first."""
    agreements: tuple[Agreement, ...]
    closed: bool
    """Somebody said that no more will come."""
    seconds_a_call: float | None
    """Of this person, the median; None where there were too few to tell."""
    judge: str = ""
    """The model that labels all calls and is measured on these; empty: there is none."""

    @property
    def complete(self) -> bool:
        return self.settled == self.wanted

    @property
    def enough(self) -> bool:
        """So many that `fit` tests with the rest as the worst case."""
        return self.wanted - self.settled <= (1 - ENOUGH_LABELS) * self.wanted


class Desk:
    """One person, and the labels of one attempt."""

    def __init__(self, home: Path, workload: Workload, one: Asked, by: str, *, again: bool = False) -> None:
        """`again`: ask too what others have labelled already, blind to what they said."""
        if not by or len(by) > LONGEST_NAME or not by.isprintable():
            raise InputError(f"a person's name has 1 to {LONGEST_NAME} letters", hint="--by NAME")
        self.workload, self.attempt, self.by, self.again = workload, one.attempt, by, again
        self.questions, self.one = one.questions, one
        self.book = Book(home, workload.workload_id)
        self.choices = workload.contract.labels if is_listed(workload.contract) else ()
        self._by_id = {question.id: question for question in one.questions}

    # ------------------------------------------------------------------------------------------------------- questions

    def next(self, after: str | None = None) -> Question | None:
        """The first call that this person is still to be asked about; what was passed over comes last, from behind `after` on."""
        said = self._marks_by_call()
        fresh = [q for q in self.questions if self._wants(q, said.get(q.id, {}))]
        if fresh:
            return fresh[0]
        skipped = [q for q in self.questions if self._skipped(q, said.get(q.id, {}))]
        ids = [q.id for q in skipped]
        return skipped[(ids.index(after) + 1) % len(ids) if after in ids else 0] if skipped else None

    def question(self, name: str) -> Question:
        """Raises NotFoundError."""
        if name not in self._by_id:
            raise NotFoundError(
                f"call '{name[:80]}' is none of those whose label is wanted, of attempt {self.attempt.number} of '{self.workload.name}'",
                hint=f"`modicum label {self.workload.name} --csv FILE` writes them; --attempt N means another attempt",
            )
        return self._by_id[name]

    def said(self, name: str) -> Label | None:
        """This person's label of a call."""
        mark = self._marks_by_call().get(name, {}).get(self.by)
        return None if mark is None else mark.label

    # ----------------------------------------------------------------------------------------------------------- words

    def label(self, name: str, *, verdict: Choice | None = None, gold: str | None = None) -> None:
        """Say of a call which answer is right, or what the right one would be. Raises NotFoundError, InputError."""
        label = self._checked(self.question(name), Label(verdict=verdict, gold=gold))
        self._add([mark_of(label, attempt_id=self.attempt.attempt_id, by=self.by, name=name)])

    def skip(self, name: str) -> None:
        """Pass a call over: it comes again at the end."""
        self._add([self._mark("sk", self.question(name).id)])

    def check_judge(self, model: str, calls: int) -> None:
        """Raise InputError where this model may not judge these calls, measured on so many; writes nothing."""
        if calls < LEAST_AUDIT or calls >= len(self.questions) or not model or not model.isprintable():
            raise InputError(
                f"a judge is measured on {LEAST_AUDIT} calls or more, and there are {len(self.questions):,}",
                hint="people label so few as fast themselves; or --audit says how many they check",
            )
        if (found := audit_of(self.attempt.attempt_id, self._own())) is not None and found.model != model:
            raise InputError(f"this attempt is judged by {found.model} already", hint="a judge that is chosen by its labels proves nothing")

    def audit(self, model: str, calls: int) -> Audit:
        """Write down which judge will be measured on about how many calls; what stands of an earlier word. Raises InputError."""
        self.check_judge(model, calls)
        if (found := audit_of(self.attempt.attempt_id, self._own())) is None:
            self._add([self._mark("aud", to=f"{calls} {model}")])
            return Audit(calls=calls, model=model)
        return found

    def keep_judgements(self, model: str, labels: Mapping[str, Label], *, whole: bool = True) -> None:
        """A judge's word on these calls, apart from people's. `whole`: it was asked about all of them; no test looks before."""
        name = judged_as(self.attempt.attempt_id)
        marks = self.book.marks()
        before = {mark.id: mark.label for mark in marks if mark.att == name and mark.by == model}
        new = [mark_of(label, attempt_id=name, by=model, name=i) for i, label in labels.items() if before.get(i) != label]
        if whole and (new or not is_closed(name, marks)):
            new.append(Mark(att=name, by=model, at=datetime.now(UTC), do="end"))
        self._add(new)

    def undo(self) -> Question | None:
        """Take back this person's last word; the call that it was on."""
        live: list[str] = []
        for mark in self._own():
            if mark.by == self.by and mark.id in self._by_id:
                live = [name for name in live if name != mark.id]
                if mark.do != "un":
                    live.append(mark.id)
        if not live:
            return None
        self._add([self._mark("un", live[-1])])
        return self._by_id[live[-1]]

    def close(self) -> None:
        """Say that it is enough: the next `fit` or `try` tests with what is there."""
        self._add([self._mark("end")])

    def take(self, rows: Iterable[tuple[str, Label]]) -> int:
        """Labels of a file, all or none; how many said something new. Raises NotFoundError, InputError."""
        said, new = self._marks_by_call(), []
        for number, (name, label) in enumerate(rows, 1):
            if number > MOST_AT_ONCE:
                raise InputError(f"more than {MOST_AT_ONCE:,} labels at once")
            try:
                label = self._checked(self.question(name), label)
            except ModicumError as error:
                raise type(error)(f"label {number:,} of the file: {error.message}", hint=error.hint) from None
            mark = mark_of(label, attempt_id=self.attempt.attempt_id, by=self.by, name=name)
            before = said.get(name, {}).get(self.by)
            if before is None or before.label != label:
                new.append(mark)
        self._add(new)
        return len(new)

    # -------------------------------------------------------------------------------------------------------- standing

    def standing(self) -> Standing:
        said = self._marks_by_call()
        counts: dict[str, int] = {}
        outcomes: dict[str, dict[str, Choice]] = {}
        conflicts = skipped = left = 0
        for question in self.questions:
            marks = said.get(question.id, {})
            labels = {mark.by: label for mark in marks.values() if (label := mark.label) is not None}
            for by, label in labels.items():
                counts[by] = counts.get(by, 0) + 1
                outcomes.setdefault(by, {})[question.id] = outcome(label, question.a, question.b, better=self.one.better)
            conflicts += bool(labels) and settle([*labels.values()], question.a, question.b, better=self.one.better) is None
            skipped += self._skipped(question, marks)
            left += self._wants(question, marks) or self._skipped(question, marks)
        own = self._own()
        people = sorted(counts, key=lambda by: (-counts[by], by))
        pairs = [agreement(one, outcomes[one], other, outcomes[other]) for i, one in enumerate(people) for other in people[i + 1 :]]
        return Standing(
            wanted=len(self.questions),
            settled=len(settled(self.one, own)),
            conflicts=conflicts,
            skipped=skipped,
            left=left,
            people=tuple((by, counts[by]) for by in people),
            agreements=tuple(pair for pair in pairs if pair.both),
            closed=is_closed(self.attempt.attempt_id, own),
            seconds_a_call=self._pace(own),
            judge=audit.model if (audit := audit_of(self.attempt.attempt_id, own)) is not None else "",
        )

    def _pace(self, own: Iterable[Mark]) -> float | None:
        times = [mark.at for mark in own if mark.by == self.by and mark.label is not None]
        gaps = [(later - earlier).total_seconds() for earlier, later in zip(times, times[1:], strict=False)]
        gaps = [gap for gap in gaps if 0.05 < gap < LONGEST_PAUSE_S]
        return median(gaps[-50:]) if len(gaps) >= 3 else None

    # ---------------------------------------------------------------------------------------------------------- within

    def _checked(self, question: Question, label: Label) -> Label:
        """The label as it is kept: a right answer in the contract's spelling, and of two equal answers both right. Raises InputError."""
        if label.gold is None:
            if label.verdict not in ("a", "b", "both", "neither"):
                raise InputError("a verdict is one of a, b, both, neither")
            return Label(verdict="both") if question.a == question.b and label.verdict in ("a", "b") else label
        if not label.gold.strip() or len(label.gold) > LONGEST_GOLD:
            raise InputError(f"a right answer has 1 to {LONGEST_GOLD:,} characters")
        if self.workload.contract.kind == "text":
            raise InputError("of free texts many can be right: say which of the two is better")
        if not self.choices:
            return label
        wanted = comparable(label.gold)
        if (spelt := next((one for one in self.choices if comparable(one) == wanted), None)) is None:
            raise InputError(f"{label.gold[:80]!r} is none of the labels of this workload")
        return Label(gold=spelt)

    def _wants(self, question: Question, marks: dict[str, Mark]) -> bool:
        """Is this person to be asked? Not twice; of what others labelled only where they differ, or `again`."""
        if self.by in marks:
            return False
        labels = [label for mark in marks.values() if (label := mark.label) is not None]
        return self.again or not labels or settle(labels, question.a, question.b, better=self.one.better) is None

    def _skipped(self, question: Question, marks: dict[str, Mark]) -> bool:
        own = marks.get(self.by)
        others = {by: mark for by, mark in marks.items() if by != self.by}
        return own is not None and own.do == "sk" and self._wants(question, others)

    def _own(self) -> list[Mark]:
        return [mark for mark in self.book.marks() if mark.att == self.attempt.attempt_id]

    def _marks_by_call(self) -> dict[str, dict[str, Mark]]:
        return last_marks(self.attempt.attempt_id, self._own())

    def _mark(self, do: Any, name: str = "", to: str = "") -> Mark:
        return Mark(att=self.attempt.attempt_id, by=self.by, at=datetime.now(UTC), do=do, id=name, to=to)

    def _add(self, marks: list[Mark]) -> None:
        if marks:
            self.book.add(marks)


def open_desk(
    home: Path, control: Control, workload: Workload, by: str, *, number: int | None = None, again: bool = False, whole: bool = False
) -> Desk:
    """The desk of the newest attempt that wants labels, or of attempt `number`. Raises NotFoundError, InputError.

    `whole`: all its calls, also where a judge labels them and people only check some.
    """
    found = asked(home, control, workload)
    if number is not None:
        found = [one for one in found if one.attempt.number == number]
    unlooked = [one for one in found if not one.looked]
    waiting = [one for one in unlooked if is_kept(home, one.attempt)]
    if not waiting and unlooked:
        lost = f"labels would prove nothing any more: {what_is_gone(unlooked[0].attempt)}"
        raise NotFoundError(
            lost, hint=f"`modicum fit {workload.name}` or `modicum try` makes a new attempt as soon as there are newer calls"
        )
    if not waiting and found:
        done = f"attempt {found[0].attempt.number} of '{workload.name}' was tested with its labels already"
        raise NotFoundError(done, hint="newer calls, and `modicum fit` or `modicum try`, make a new one")
    if not waiting:
        hint = f"`modicum fit {workload.name}` or `modicum try MODEL {workload.name}` says which, if any"
        raise NotFoundError(f"no certificate of '{workload.name}' wants labels", hint=hint)
    marks = Book(home, workload.workload_id).marks()
    waiting = [one if whole else _to_ask(one, marks) for one in waiting]
    first = next((one for one in waiting if len(settled(one, marks)) < len(one.questions)), waiting[0])
    return Desk(home, workload, first, by, again=again)


def _to_ask(one: Asked, marks: Iterable[Mark]) -> Asked:
    """What people are asked: everything, or where there is a judge what it is measured on."""
    audit = audit_of(one.attempt.attempt_id, marks)
    return one if audit is None else audited(one, audit)


def prompt_of(workload: Workload) -> str:
    """The fixed text of the newest wording of the prompt, its slots as an ellipsis."""
    if not workload.versions:
        return ""
    template = max(workload.versions, key=lambda version: version.last_seen).template
    patterns = [pattern for pattern in (template.system, template.user) if pattern is not None]
    return "\n\n".join(" … ".join(literal.strip() for literal in pattern.literals) for pattern in patterns).strip()


def measured(desk: Desk) -> Measured | None:
    """How often the judge said what people said, of the calls that both labelled; None before there are ten."""
    marks = desk.book.marks()
    words = {m.id: m.label for m in marks if m.att == judged_as(desk.attempt.attempt_id) and m.by == desk.standing().judge and m.label}
    people = settled(desk.one, marks)
    both = [q for q in desk.questions if q.id in words and q.id in people]
    agree = sum(outcome(words[q.id], q.a, q.b, better=True) == outcome(people[q.id], q.a, q.b, better=True) for q in both)
    return Measured(checked=len(both), agree=agree) if len(both) >= 10 else None


def answering(home: Path, desk: Desk) -> list[str]:
    """The models whose answers are compared."""
    found = list(desk.workload.incumbents)
    with suppress(ArtefactError):
        model = model_of(Artefacts(home / "artefacts").read(desk.attempt.artefact_digest))
        found += [model.name] if model is not None else []
    return found


def next_command(home: Path, desk: Desk) -> str:
    """What tests with the labels: the command that declared the attempt."""
    with suppress(ArtefactError):
        model = model_of(Artefacts(home / "artefacts").read(desk.attempt.artefact_digest))
        if model is not None:
            return f"modicum try {model.name} {desk.workload.name}"
    return f"modicum fit {desk.workload.name}"
