"""What a candidate answered as it enters tables: by names without text, with how sure one may be of it, and what no rule may answer."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from modicum.backends.model import READABLE, UNREADABLE
from modicum.evaluate import trials
from modicum.evaluate.trials import Reply
from modicum.pipeline.errand import Errand
from modicum.pipeline.outlines import is_open, outlined
from modicum.types import Prediction, Sample
from modicum.workload.holding import held
from modicum.workload.parts import outline


def entered(errand: Errand, samples: Sequence[Sample], replies: Sequence[Reply]) -> tuple[list[Sample], list[Prediction]]:
    """Samples and answers as they enter tables: open ones by their outline, as `fit` certifies and the day protects them.

    How sure one may be of an answer is the scorer's word, and where there is none that it can be read.
    """
    contract = errand.workload.contract
    told, said = trials.predictions(samples, [reply.value for reply in replies], listed=errand.listed)
    for row, (sample, reply) in enumerate(zip(samples, replies, strict=True)):
        if reply.value is None:
            if is_open(contract) and sample.value is not None:
                told[row] = dataclasses.replace(sample, value=outline(contract, sample.value))
            continue
        if is_open(contract):
            ((told[row],), (said[row],)) = outlined(contract, (sample,), (dataclasses.replace(said[row], value=reply.value),))
        named = held(contract, reply.value, errand.rule.protected_labels)
        said[row] = dataclasses.replace(
            said[row], confidence=_sure(errand, sample, reply.value), runner_up=named, runner_up_probability=1.0 if named else 0.0
        )
    return told, said


def _sure(errand: Errand, sample: Sample, value: str) -> float:
    if errand.scorer is None:
        return READABLE
    # Of a call that is not here any more there is nothing that a scorer could read.
    return errand.scorer.confidence(sample.slots, value) if sample.call_id in errand.samples else UNREADABLE


def whole(errand: Errand, sample: Sample) -> Sample:
    """A sample of a window with what was left out of it, where its call is still here. A value from a list stays as it was declared."""
    known = errand.samples.get(sample.call_id)
    if known is None:
        return sample
    return dataclasses.replace(sample, slots=known.slots, value=sample.value if errand.listed else known.value)
