"""Which precision an encoder that reads for a record or a call is handed out in: the smallest whose drift may be borne.

What drifts is the answer as a whole, put together from features and encoder: it is compared with what the same parts say with the
encoder in full precision, on samples that none of them had seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from modicum.backends.embed import GRAPH_FILE, Floats
from modicum.backends.encoder import text_of
from modicum.backends.tokens import Reader
from modicum.train.drift import Compared, Drift, Tolerance, compare
from modicum.train.export import in_memory
from modicum.train.linear import Trained
from modicum.train.precision import PRECISIONS, Precision, sensitive
from modicum.train.reading import Taught
from modicum.types import Sample

WEIGHED = 32
"""Requests that tell which operators bear int8 worst."""


def settle(
    taught_in: Callable[[Precision, Sequence[str]], Taught],
    assemble: Callable[[Taught], Trained],
    samples: Sequence[Sample],
    tolerance: Tolerance,
    *,
    canary: Callable[[Taught], str],
) -> Trained:
    """What is assembled from an encoder in the first precision that is good enough, with the drift and the canary's digest in `about`.

    `taught_in`: the encoder in a precision, but for the operators named. Raises what `assemble` raises.
    """
    taught = taught_in("int8", ())
    trained = assemble(taught)
    if taught.full is None:
        return trained
    drift = _drift(trained, taught, samples, tolerance)
    leave: list[str] = []
    for grade in PRECISIONS[1:]:
        if not drift.beyond:
            break
        if grade == "mixed":
            leave = _sensitive(taught, samples)
        taught = taught_in(grade, leave)
        trained = assemble(taught)
        drift = _drift(trained, taught, samples, tolerance)
    about = trained.about | {"canary": canary(taught)} | drift.said()
    if about["precision"] == "mixed":
        about["left_in_float32"] = leave
    return replace(trained, about=about)


def _drift(trained: Trained, taught: Taught, samples: Sequence[Sample], tolerance: Tolerance) -> Drift:
    compared = [
        Compared(
            sample=samples[row],
            text=text_of(samples[row].slots, taught.reads),
            full=full.value,
            small=trained.out_of_fold[row].value,
        )
        for row, full in sorted(trained.exact.items())
    ]
    return compare(compared, tolerance)


def _sensitive(taught: Taught, samples: Sequence[Sample]) -> list[str]:
    assert taught.full is not None
    some = samples[:: max(1, len(samples) // WEIGHED)][:WEIGHED]

    def embed(graph: bytes) -> Floats:
        reader = Reader(in_memory(taught.files | {GRAPH_FILE: graph}), taught.embedding, taught.reads)
        seen = [reader.see(one.slots) for one in some]
        return np.concatenate([np.concatenate([one.whole[None], *one.pieces.values()]) for one in seen])

    return sensitive(taught.full, embed)
