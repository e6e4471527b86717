"""What feedback says of the calls of one scope: gold for training, labels for the certificate, outcomes for the report.

Feedback comes by itself, mostly where somebody was not content, so it is no sample of anything. It trains wherever it speaks. In a
certificate only a `label` counts, given by a person or a system, that the contract can read, and only on a row that the attempt wants:
there it judges both answers. A correction, a score, an outcome, a model's word and silence clear no difference: what nobody labelled is
the worst case, as ever.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from modicum.evaluate.labels import Label, comparable
from modicum.types import Contract, Feedback, Sample
from modicum.wire.chat import Answer
from modicum.workload import read

Gold = Mapping[str, str | None]
"""By our call id the right value as the contract spells it; None where it is something that the contract does not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The last word on each call and conversation; by the name that it was given under, the call's id or its response's."""

    labels: Mapping[str, Feedback] = field(default_factory=dict)
    corrections: Mapping[str, Feedback] = field(default_factory=dict)
    outcomes: Mapping[str, str] = field(default_factory=dict)
    talks: Mapping[str, str] = field(default_factory=dict)
    """Outcomes of conversations."""

    @classmethod
    def of(cls, rows: Iterable[Feedback]) -> Told:
        """From feedback of one scope, oldest first."""
        labels: dict[str, Feedback] = {}
        corrections: dict[str, Feedback] = {}
        outcomes: dict[str, str] = {}
        talks: dict[str, str] = {}
        for row in rows:
            if row.outcome is not None:
                (outcomes if row.call else talks)[row.call or row.conversation] = row.outcome
            if row.source == "model":
                continue  # its error is not measured here
            if row.label is not None:
                labels[row.call] = row
            if row.correction is not None:
                corrections[row.call] = row
        return cls(labels=labels, corrections=corrections, outcomes=outcomes, talks=talks)

    def gold(self, contract: Contract, samples: Sequence[Sample]) -> Gold:
        """What is right for those of the samples that a label or a correction speaks of. A label counts before a correction."""
        found: dict[str, str | None] = {}
        for sample in samples if self.labels or self.corrections else ():
            if (label := self._of(self.labels, sample)) is not None:
                found[sample.call_id] = value_of(contract, label.label or "", sample.slots)
            elif (correction := self._of(self.corrections, sample)) is not None:
                found[sample.call_id] = value_of(contract, correction.correction or "", sample.slots)
        return found

    def wanted(self, contract: Contract) -> dict[str, Label]:
        """What may enter a certificate, by the name that it was given under: labels that are values of the contract."""
        known = {name: value_of(contract, row.label or "") for name, row in self.labels.items()}
        return {name: Label(gold=value) for name, value in known.items() if value is not None}

    def outcome(self, call_id: str, response_id: str | None) -> str | None:
        """Of one call by itself."""
        return self.outcomes.get(call_id) or self.outcomes.get(response_id or "")

    @staticmethod
    def _of(rows: Mapping[str, Feedback], sample: Sample) -> Feedback | None:
        return rows.get(sample.call_id) or rows.get(sample.response_id or "")


def value_of(contract: Contract, text: str, slots: Sequence[tuple[str, str]] = ()) -> str | None:
    """What somebody wrote as a value of the contract; None where it is none."""
    if contract.kind != "tool":
        value = read(contract, Answer(content=text, refusal=None, tool_calls=(), finish_reason="stop"), slots)
        if value is not None and (not contract.labels or value in contract.labels):
            return value
    wanted = comparable(text)
    return next((label for label in contract.labels if comparable(label) == wanted), None)


def teach(samples: Sequence[Sample], gold: Gold) -> list[Sample]:
    """The samples as they train: the right answer in place of the incumbent's, and none where the contract does not know it."""
    return [dataclasses.replace(s, value=gold[s.call_id]) if s.call_id in gold else s for s in samples]
