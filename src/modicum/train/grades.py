"""Which precision an encoder that reads for a record or a call is handed out in: the smallest whose drift may be borne.

What drifts is the answer that features and encoder come to together: it is compared with what the same parts say with the encoder in full
precision, on samples that none of them had seen. A record is compared field by field, a call by its tool and each argument: each is a
decision as a label is one, and a tolerance for labels asked of ten fields at once would be ten times as strict.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import msgspec
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
    compared: list[Compared] = []
    for row, full in sorted(trained.exact.items()):
        sample = samples[row]
        compared += decisions(sample, text_of(sample.slots, taught.reads), full.value, trained.out_of_fold[row].value)
    return compare(compared, tolerance)


def decisions(sample: Sample, text: str, full: str, small: str) -> Iterator[Compared]:
    """One comparison for each field of a record and each part of a call; one for what is neither. Each is a record of one field itself, so
    that none is taken for a label, which a manifest would name.
    """
    said = _fields(full)
    if said is None:
        yield Compared(sample=sample, text=text, full=full, small=small)
        return
    smaller, right = _fields(small) or {}, None if sample.value is None else _fields(sample.value)
    for name in dict.fromkeys((*said, *smaller, *(right or {}))):
        value = None if right is None else _alone(right, name)
        yield Compared(sample=replace(sample, value=value), text=text, full=_alone(said, name), small=_alone(smaller, name))


def _fields(value: str) -> dict[str, Any] | None:
    """What an answer decides, by name; None where it is no record and no call."""
    try:
        said = msgspec.json.decode(value)
    except msgspec.DecodeError:
        return None
    if not isinstance(said, dict):
        return None
    if said.keys() == {"name", "arguments"} and isinstance(said["arguments"], dict):
        return {"name": said["name"]} | {f"arguments.{name}": one for name, one in said["arguments"].items()}
    return said


def _alone(said: dict[str, Any], name: str) -> str:
    return msgspec.json.encode({name: said[name]} if name in said else {}).decode()


def _sensitive(taught: Taught, samples: Sequence[Sample]) -> list[str]:
    assert taught.full is not None
    some = samples[:: max(1, len(samples) // WEIGHED)][:WEIGHED]

    def embed(graph: bytes) -> Floats:
        reader = Reader(in_memory(taught.files | {GRAPH_FILE: graph}), taught.embedding, taught.reads)
        seen = [reader.see(one.slots) for one in some]
        return np.concatenate([np.concatenate([one.whole[None], *one.pieces.values()]) for one in seen])

    return sensitive(taught.full, embed)
