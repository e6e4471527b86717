"""What is known of how good both models' answers to old calls were: the ground that a scorer is taught on.

People's and judges' words on the pairs of earlier windows, gold answers and feedback; where answers can be compared and nobody said more,
what the incumbent said. None of it is evidence: a call of a window that is to be tested is never among the old ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from modicum.evaluate.labels import Choice, Label, comparable, specialist_is_a
from modicum.evaluate.panel import outcome
from modicum.evaluate.told import Told
from modicum.pipeline.label_book import Book, Mark
from modicum.pipeline.label_wants import asked, audit_of, judged_as, settled
from modicum.pipeline.window import unpack
from modicum.store import feedback
from modicum.store.control import Control
from modicum.types import Attempt, Contract, Sample, Workload

Pair = tuple[float, float]
"""How good the candidate's answer was and the incumbent's, 0 to 1."""
PAIRS: dict[Choice, Pair] = {"both": (1.0, 1.0), "neither": (0.0, 0.0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What was said of old calls, by call id."""

    pairs: Mapping[str, Pair] = field(default_factory=dict)
    """Of the answers that this candidate gave then."""
    gold: Mapping[str, str | None] = field(default_factory=dict)
    """The right answer; None: one that the contract does not know."""
    labels: Mapping[str, Mapping[str, Label]] = field(default_factory=dict)
    """By attempt: people's words, by the name of the call."""

    def speaks_of(self, call_id: str) -> bool:
        return call_id in self.pairs or call_id in self.gold

    def pair(self, contract: Contract, sample: Sample, value: str | None) -> Pair | None:
        """How good both answers to a call are, the candidate's being `value`; None where nobody can say."""
        if value is None:
            return None
        if (found := self.pairs.get(sample.call_id)) is not None:
            return found
        if sample.call_id in self.gold:
            gold = self.gold[sample.call_id]
            right = tuple(told is not None and gold is not None and comparable(told) == comparable(gold) for told in (value, sample.value))
            if contract.kind != "text" or any(right):  # many texts can be right: one that nobody wrote tells nothing of either
                return float(right[0]), float(right[1])
            return None
        if contract.kind == "text" or sample.value is None:
            return None
        return float(value == sample.value), 1.0


def gather_outcomes(
    home: Path, control: Control, workload: Workload, own: Sequence[Attempt], samples: Sequence[Sample], labels: Mapping[str, Label]
) -> Known:
    """All that is known of `samples`. `own`: the earlier attempts of the candidate; `labels`: those that were given for this run."""
    gold = dict(Told.of(feedback.read(home, workload.scope)).gold(workload.contract, samples)) if samples else {}
    for sample in samples:
        label = labels.get(sample.call_id) or labels.get(sample.response_id or "")
        if label is not None and label.gold is not None:
            gold[sample.call_id] = label.gold
    pairs: dict[str, Pair] = {}
    people: dict[str, Mapping[str, Label]] = {}
    marks = Book(home, workload.workload_id).marks()
    questions = {one.attempt.attempt_id: one for one in asked(home, control, workload)} if own else {}
    for attempt in own:
        name_of = _names(control, attempt)
        said: dict[str, Choice] = {name: label.verdict for name, label in labels.items() if label.verdict is not None and name in name_of}
        if (one := questions.get(attempt.attempt_id)) is not None:
            texts = {question.id: (question.a, question.b) for question in one.questions}
            found = settled(one, marks)
            people[attempt.attempt_id] = found
            words = {**_judged(attempt.attempt_id, marks), **found}  # people's word counts before a judge's
            said |= {name: outcome(label, *texts[name]) for name, label in words.items() if name in texts}
        for name, choice in said.items():
            if (call_id := name_of.get(name)) is not None:
                pairs[call_id] = _pair(choice, attempt.attempt_id, name)
    return Known(pairs=pairs, gold=gold, labels=people)


def _names(control: Control, attempt: Attempt) -> dict[str, str]:
    """The names of a window's calls, as labels have them, and their ids."""
    record = control.window(attempt.attempt_id)
    samples = unpack(record).samples if record is not None else ()
    return {sample.response_id or sample.call_id: sample.call_id for sample in samples}


def _judged(attempt_id: str, marks: Iterable[Mark]) -> dict[str, Label]:
    """What a judge said of an attempt's pairs."""
    marks = list(marks)
    audit = audit_of(attempt_id, marks)
    own = judged_as(attempt_id)
    return {m.id: m.label for m in marks if audit is not None and m.att == own and m.by == audit.model and m.label is not None}


def _pair(choice: Choice, attempt_id: str, name: str) -> Pair:
    if choice in PAIRS:
        return PAIRS[choice]
    return (1.0, 0.0) if (choice == "a") == specialist_is_a(attempt_id, name) else (0.0, 1.0)
