"""Open answers as a rule and a certificate know them: by their outline (`workload.parts.outline`), whole answers compared.

A record of copied text is hardly ever said twice, so there is no label of it to certify or to protect; and a certificate, which travels,
must not hold what somebody wrote. Its outline takes its place: what the record has of fixed lists. Two answers that differ get two names.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from modicum.types import Contract, Prediction, Sample
from modicum.workload.parts import outline

OTHERWISE = " (otherwise)"
"""Behind the outline of an incumbent's answer that differs from the specialist's in open fields only."""


def outlined(
    contract: Contract, samples: Sequence[Sample], predictions: Sequence[Prediction]
) -> tuple[Sequence[Sample], Sequence[Prediction]]:
    """Samples and predictions, aligned, with outlines for values; they agree where they did. As they are where values are listed."""
    if not is_open(contract):
        return samples, predictions
    pairs = [_outlined(contract, sample, told) for sample, told in zip(samples, predictions, strict=True)]
    return [sample for sample, _ in pairs], [told for _, told in pairs]


def is_open(contract: Contract) -> bool:
    """True where answers are not from a list of values."""
    return not contract.labels and contract.kind in ("object", "tool")


def _outlined(contract: Contract, sample: Sample, told: Prediction) -> tuple[Sample, Prediction]:
    said = outline(contract, told.value)
    value = None if sample.value is None else outline(contract, sample.value)
    if value == said and sample.value != told.value:
        value = said + OTHERWISE
    return dataclasses.replace(sample, value=value), dataclasses.replace(told, value=said, runner_up="", runner_up_probability=0.0)
