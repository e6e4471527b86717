"""A linear specialist and an encoder into one: how sure the first must be to answer alone, chosen on out-of-fold predictions.

The first answers alone as often as it may without the chain being right less often, by more than chance would have it, than where both
are always asked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from modicum.backends.chain import FIRST, SECOND, ChainSpecialist, mix
from modicum.backends.specialist import SPECIALIST_FILE, decide
from modicum.errors import NotEnoughDataError
from modicum.train.linear import Trained
from modicum.types import Prediction, Sample, but

STEPS = 40
NEVER = 1.0
DRIFT = ("precision", "canary", "drift_agreement", "drift_loss")
"""What an encoder says of its precision, said of the chain too."""


def fit(first: Trained, second: Trained, samples: Sequence[Sample], *, max_size_bytes: int) -> Trained:
    """Both were trained on these samples over the same folds. Raises NotEnoughDataError where the two do not fit together."""
    if first.labels != second.labels or len(first.labels) < 2:
        raise NotEnoughDataError("the two specialists do not say the same labels", hint="train both on the same samples")
    size = sum(map(len, (*first.files.values(), *second.files.values()))) + 200
    if size > max_size_bytes:
        raise NotEnoughDataError(f"the chain has {size} bytes, and {max_size_bytes} are allowed", hint="raise [fit] max_size_bytes")
    alone = first.out_of_fold
    mixed = [decide(row, 1.0, first.labels) for row in mix(first.scores, second.scores)]
    both = tuple(one if knows.confidence > 0 else but(one, confidence=0.0) for one, knows in zip(mixed, second.out_of_fold, strict=True))
    sure = np.array([one.confidence for one in alone])
    right_alone, right_both = _right(alone, samples), _right(both, samples)
    above = threshold(sure, right_alone, right_both)
    told = tuple(one if one.confidence >= above else other for one, other in zip(alone, both, strict=True))
    body = ChainSpecialist(kind="chain", pass_above=above)
    files = {SPECIALIST_FILE: msgspec.json.encode(body)}
    files |= {FIRST + name: data for name, data in first.files.items()} | {SECOND + name: data for name, data in second.files.items()}
    about = {
        "trainer": "chain",
        "pass_above": above,
        "asks_both": round(float((sure < above).mean()), 4),
        "out_of_fold_agreement": round(float(_right(told, samples).mean()), 4),
        "first": first.about,
        "second": second.about,
        "size_bytes": sum(map(len, files.values())),
    }
    about |= {name: second.about[name] for name in DRIFT if name in second.about}
    used = tuple(dict.fromkeys(first.used_slots + second.used_slots))
    scores = np.where((sure >= above)[:, None], first.scores, mix(first.scores, second.scores).astype(np.float32))
    return Trained(files=files, about=about, used_slots=used, out_of_fold=told, labels=first.labels, scores=scores)


def _right(told: Sequence[Prediction], samples: Sequence[Sample]) -> np.ndarray:
    return np.array([one.value == sample.value for one, sample in zip(told, samples, strict=True)])


def threshold(sure: np.ndarray, alone: np.ndarray, both: np.ndarray) -> float:
    """The lowest confidence above which the first alone is right about as often as both: the loss stays within a standard error of it."""
    best = NEVER
    for step in sorted({float(one) for one in np.quantile(sure, np.linspace(0, 1, STEPS + 1))}, reverse=True):
        passed = sure >= step
        lost, won = int((both & ~alone & passed).sum()), int((alone & ~both & passed).sum())
        if lost - won > math.sqrt(lost + won):
            break
        best = step
    return round(best, 12)
