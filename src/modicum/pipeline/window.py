"""What an attempt opened, kept until its labels have come: predictions, answers and facts, without any text of a request.

Labels take people days. By then calls may have come, gone, or be grouped otherwise; what is tested then is still exactly
what was declared.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from modicum.errors import StoreError
from modicum.evaluate.facts import Facts
from modicum.evaluate.labels import Label
from modicum.evaluate.refuse import Supply
from modicum.evaluate.table import Table, tabulate
from modicum.types import Attempt, Prediction, Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The certify groups of one attempt."""

    samples: tuple[Sample, ...]
    """One a group, their slots and people left out."""
    predictions: tuple[Prediction, ...]
    weights: tuple[int, ...]
    labels: tuple[str, ...]
    """All that the specialist can say."""
    facts: Facts
    supply: Supply

    @classmethod
    def of(
        cls,
        samples: Sequence[Sample],
        predictions: Sequence[Prediction],
        *,
        weights: Sequence[int],
        labels: Sequence[str],
        facts: Facts,
        supply: Supply,
    ) -> Window:
        bare = tuple(dataclasses.replace(sample, slots=(), user_id=None, conversation_id=None) for sample in samples)
        return cls(samples=bare, predictions=tuple(predictions), weights=tuple(weights), labels=tuple(labels), facts=facts, supply=supply)

    def table(self, attempt: Attempt) -> Table:
        """The rows as they are tested, in the recorded random order."""
        return tabulate(self.samples, self.predictions, attempt.rule, weights=self.weights, seed=attempt.seed, labels=self.labels)

    def known(self, labels: Mapping[str, Label]) -> dict[str, Label]:
        """Those of the labels that speak of these calls, by call id."""
        found = {}
        for sample in self.samples:
            label = labels.get(sample.call_id) or labels.get(sample.response_id or "")
            if label is not None:
                found[sample.call_id] = label
        return found


def pack(window: Window) -> bytes:
    return msgspec.json.encode(window)


def unpack(record: bytes) -> Window:
    """Raises StoreError where it cannot be read."""
    try:
        return msgspec.json.decode(record, type=Window)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise StoreError("what an attempt opened cannot be read: its record is damaged, or of another version") from error


def digest(labels: Mapping[str, Label]) -> str:
    """One digest of labels, whatever their order."""
    rows = sorted((name, label.gold, label.verdict) for name, label in labels.items())
    return hashlib.sha256(msgspec.json.encode(rows)).hexdigest()
