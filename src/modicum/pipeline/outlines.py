"""Open answers as a rule and a certificate know them: by their outline (`workload.parts.outline`), whole answers compared.

A record of copied text is hardly ever said twice, so there is no label of it to certify or to protect; and a certificate, which travels,
must not hold what somebody wrote. Its outline takes its place: what the record has of fixed lists. Two answers that differ get two names.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from modicum.types import Contract, Prediction, Sample
from modicum.workload import record
from modicum.workload.parts import outline, tools

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


def names_in_outlines(contract: Contract) -> frozenset[str]:
    """What a person may call the values that an outline of such answers can show: tools, or VALUE and FIELD=VALUE of closed fields."""
    if contract.kind == "tool":
        return frozenset(tools(contract))
    shown = [field for field in contract.fields if field.kind in ("label", "boolean") and field.path[-1:] != ("[]",)]
    return frozenset(
        name for field in shown for value in (field.labels if field.kind == "label" else (True, False)) for name in named(field.path, value)
    )


def named(path: Sequence[str], leaf: record.Leaf) -> tuple[str, ...]:
    """The names of one value of a record: as JSON or a person writes it, alone and behind its field."""
    if leaf is None:
        return ()
    text = leaf if isinstance(leaf, str) else record.canonical(leaf)
    return text, f"{'.'.join(step for step in path if step != '[]')}={text}"


def fits_outline(contract: Contract, text: str) -> bool:
    """Is this text a whole outline, as the table by label of a certificate prints it?"""
    found, names = record.parse(text), names_in_outlines(contract)
    if not isinstance(found, dict) or contract.kind != "object":
        return False
    return bool(found) and all(name in names for path, leaf in record.leaves(found) for name in named(path, leaf)[1:] or ("",))


def _outlined(contract: Contract, sample: Sample, told: Prediction) -> tuple[Sample, Prediction]:
    said = outline(contract, told.value)
    value = None if sample.value is None else outline(contract, sample.value)
    if value == said and sample.value != told.value:
        value = said + OTHERWISE
    return dataclasses.replace(sample, value=value), dataclasses.replace(told, value=said, runner_up="", runner_up_probability=0.0)
