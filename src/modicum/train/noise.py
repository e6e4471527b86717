"""Labels that are probably wrong: what a teacher said where everything else that it said speaks against it.

Confident learning (Northcutt, Jiang & Chuang 2021): a sample counts towards a label when predictions that never saw it give that label at
least the probability which samples of the label get on average. A sample that counts towards another label than it was given is suspected.

For training alone. What is suspected is left out there, for putting the other label in its place helped less (`benchmarks/noise.py`),
only of labels that are mostly believed, and only where what is learnt without it says more often what the teacher said. That alone is no
proof: a teacher that errs by a rule is followed better by who leaves out what it got right. Samples that tune or certify keep their
labels, right or wrong.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from modicum.train.linear import Trained
from modicum.types import Sample

WORTH_A_FIT = 0.05
"""Share of suspected labels below which nothing is fitted again. Of gold labels 1 to 3 % are suspected, and leaving them out helps none."""
MOST_OF_A_LABEL = 0.4
"""Share of a label's samples above which none of them is left out. A slip here and there is outvoted; where so much of a label is suspected
its teacher errs by a rule, the suspects are what it got right in spite of it, and without them the rule is all that is left to learn."""
SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelNoise:
    """One label: how many samples were given it, and how many of these are probably another's."""

    label: str
    samples: int
    share: float
    """Estimated share that is wrong, of those that count towards any label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """What of a teacher's labels is suspected."""

    suspects: tuple[int, ...]
    """Samples by number, ascending."""
    likelier: tuple[str, ...]
    """Aligned with the suspects: the label that each counts towards."""
    by_label: tuple[LabelNoise, ...]
    """Most wrong first."""
    share: float
    """Estimated share of all labels that is wrong; an estimate, too low where errors follow a rule."""


def find(values: Sequence[str | None], scores: npt.NDArray[np.floating], labels: Sequence[str]) -> Noise:
    """The suspects among `values`, by `scores`: logits (samples, labels) of predictions that saw neither sample nor its near-duplicates.

    Values that are None or none of the labels are no labels, and never suspected.
    """
    number = {label: place for place, label in enumerate(labels)}
    given = np.array([number.get(value or "", -1) for value in values], dtype=np.int64)
    known = given >= 0
    if not known.any() or len(labels) < 2:
        return Noise(suspects=(), likelier=(), by_label=(), share=0.0)
    exponents = np.exp((scores - scores.max(axis=1, keepdims=True)).astype(np.float64))
    chances = exponents / exponents.sum(axis=1, keepdims=True)
    own = np.full(len(labels), 2.0)  # nothing reaches a label that nobody was given
    for place in np.unique(given[known]).tolist():
        own[place] = chances[given == place, place].mean()
    reached = np.where(chances >= own, chances, -1.0)
    towards = np.where(known & (reached.max(axis=1) >= 0), reached.argmax(axis=1), -1)
    counted = towards >= 0
    suspects = np.flatnonzero(counted & (towards != given))
    joint = np.zeros((len(labels), len(labels)))
    np.add.at(joint, (given[counted], towards[counted]), 1.0)
    times, confident = np.bincount(given[known], minlength=len(labels)), joint.sum(axis=1)
    wrong = 1 - np.divide(np.diag(joint), confident, out=np.ones(len(labels)), where=confident > 0)
    rows = [
        LabelNoise(label=labels[place], samples=int(times[place]), share=round(float(wrong[place]), 4))
        for place in np.flatnonzero(times).tolist()
    ]
    return Noise(
        suspects=tuple(suspects.tolist()),
        likelier=tuple(labels[place] for place in towards[suspects].tolist()),
        by_label=tuple(sorted(rows, key=lambda row: (-row.share, row.label))),
        share=round(float((wrong * times).sum() / times.sum()), 4),
    )


def without(samples: Sequence[Sample], suspects: Collection[int]) -> list[Sample]:
    """The samples, none left out, but without an answer where it is suspected: `fit` learns from the rest and speaks of all."""
    wrong = set(suspects)
    return [dataclasses.replace(sample, value=None) if row in wrong else sample for row, sample in enumerate(samples)]


def refit(
    first: Trained, samples: Sequence[Sample], fit: Callable[[Sequence[Sample]], Trained], *, sure: Collection[int] = ()
) -> tuple[Trained, list[Sample]]:
    """What `fit` makes of the samples without what `first` suspects, where that says more often what the samples say, else `first`; and
    the samples that it learnt from. `sure`: samples whose label is no teacher's.
    """
    found = find([sample.value for sample in samples], first.scores, first.labels)
    slips = _slips(found, [sample.value for sample in samples])
    suspects = [row for row in slips if row not in set(sure)]
    about = {
        "labels_suspected": len(set(found.suspects) - set(sure)),
        "labels_wrong": found.share,
        "labels_wrong_of": [[row.label, row.samples, row.share] for row in found.by_label[:SHOWN] if row.share > 0],
        "labels_left_out_as_wrong": 0,
    }
    kept = dataclasses.replace(first, about=first.about | about), list(samples)
    if len(suspects) < WORTH_A_FIT * len(samples):
        return kept
    cleaned = without(samples, suspects)
    second = fit(cleaned)
    if second.labels != first.labels or not _says_more(second, first, samples):
        return kept
    return dataclasses.replace(second, about=second.about | about | {"labels_left_out_as_wrong": len(suspects)}), cleaned


def _slips(found: Noise, values: Sequence[str | None]) -> list[int]:
    """The suspects of labels of which not too much is suspected."""
    given, suspected = Counter(values), Counter(values[row] for row in found.suspects)
    return [row for row in found.suspects if suspected[values[row]] <= MOST_OF_A_LABEL * given[values[row]]]


def _says_more(second: Trained, first: Trained, samples: Sequence[Sample]) -> bool:
    """Does it say what the samples say more often, by more than a standard error?"""
    gained = lost = 0
    for new, old, sample in zip(second.out_of_fold, first.out_of_fold, samples, strict=True):
        gained += new.value == sample.value != old.value
        lost += old.value == sample.value != new.value
    return gained > lost and (gained - lost) ** 2 > gained + lost
