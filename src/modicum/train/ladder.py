"""Two specialists for answers that are from no list into one: how sure the first must be to answer alone, on what neither had seen."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from modicum.backends.chain import FIRST, SECOND
from modicum.backends.ladder import LadderSpecialist
from modicum.backends.specialist import SPECIALIST_FILE
from modicum.errors import NotEnoughDataError
from modicum.train.chain import DRIFT, threshold
from modicum.train.linear import Trained
from modicum.types import Sample


def fit(first: Trained, second: Trained, samples: Sequence[Sample], *, max_size_bytes: int) -> Trained:
    """Both were trained on these samples. Raises NotEnoughDataError where they are too large together."""
    size = sum(map(len, (*first.files.values(), *second.files.values()))) + 200
    if size > max_size_bytes:
        raise NotEnoughDataError(f"the chain has {size} bytes, and {max_size_bytes} are allowed", hint="raise [fit] max_encoder_bytes")
    sure = np.array([one.confidence for one in first.out_of_fold])
    right = [
        np.array([one.value == sample.value for one, sample in zip(trained.out_of_fold, samples, strict=True)])
        for trained in (first, second)
    ]
    above = threshold(sure, right[0], right[1])
    told = tuple(one if one.confidence >= above else other for one, other in zip(first.out_of_fold, second.out_of_fold, strict=True))
    files = {SPECIALIST_FILE: msgspec.json.encode(LadderSpecialist(kind="ladder", pass_above=above))}
    files |= {FIRST + name: data for name, data in first.files.items()} | {SECOND + name: data for name, data in second.files.items()}
    about = {
        "trainer": "ladder",
        "pass_above": above,
        "asks_second": round(float((sure < above).mean()), 4),
        "out_of_fold_agreement": round(float(np.mean([one.value == s.value for one, s in zip(told, samples, strict=True)])), 4),
        "first": first.about,
        "second": second.about,
        "size_bytes": sum(map(len, files.values())),
    }
    about |= {name: second.about[name] for name in DRIFT if name in second.about}
    return Trained(
        files=files,
        about=about,
        used_slots=tuple(dict.fromkeys(first.used_slots + second.used_slots)),
        out_of_fold=told,
        labels=(),
        scores=np.zeros((len(samples), 0), np.float32),
    )
