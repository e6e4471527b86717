"""The linear specialist by day: dictionaries, one integer matrix, no scikit-learn.

Everything up to the logits is exact integer arithmetic (held in float64, far below 2**53), so a request gets the same
answer in every process and on every machine; the confidence is rounded to twelve decimals, below which machines differ.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from modicum.artefact import Artefact
from modicum.backends.features import FEATURES_VERSION, KINDS
from modicum.backends.lookup import Lookup
from modicum.backends.specialist import MAX_LABELS, SPECIALIST_FILE, Floats, Form, arrays, decide, read
from modicum.errors import ArtefactError
from modicum.types import Prediction

WEIGHTS_FILE = "weights.safetensors"

WEIGHT_UNIT = 256
"""Term and document frequencies enter as integers in units of 1/256."""
VALUE_UNIT = 1 << 20
"""A feature's value in its unit vector, times its relative scale, in units of 2**-20."""

TERM_WEIGHTS = np.array([0] + [round(WEIGHT_UNIT * (1 + math.log(n))) for n in range(1, 257)], dtype=np.int64)
"""Weight of a feature that occurs n times: 1 + log n, for n up to 256."""


class Block(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The features of one kind in one slot; row i of the block is feature i."""

    slot: str
    kind: str
    features: list[str]


class LinearSpecialist(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON half of a linear specialist; the other half are the tensors `weights`, `scale`, `rarity` and `bias`."""

    kind: str
    features_version: int
    labels: list[str]
    used_slots: list[str]
    temperature: float
    """Logits are multiplied by it before the softmax."""
    unit: float
    """What one of the integer logits is worth."""
    blocks: list[Block]
    constant_confidence: float = 0.0
    """For a specialist of one label: its confidence."""


class Linear:
    """A linear specialist, loaded and checked. Raises ArtefactError where the artefact is not one."""

    heavy = False

    def __init__(self, artefact: Artefact) -> None:
        self.digest = artefact.digest
        body = read(artefact, SPECIALIST_FILE, LinearSpecialist)
        wrong = _fault(body)
        if wrong:
            raise ArtefactError(f"{SPECIALIST_FILE} of {artefact.digest}: {wrong}")
        self.labels: tuple[str, ...] = tuple(body.labels)
        self.used_slots: tuple[str, ...] = tuple(body.used_slots)
        self._constant = Prediction(value=body.labels[0], confidence=body.constant_confidence) if len(body.labels) == 1 else None
        if self._constant:
            return
        rows = sum(len(block.features) for block in body.blocks)
        tensors = _tensors(artefact, rows, len(body.labels))
        self._weights: npt.NDArray[np.int8] | npt.NDArray[np.int16] = tensors["weights"]
        self._scale: Floats = tensors["scale"].astype(np.float64) * VALUE_UNIT  # a power of two: nothing is rounded
        self._rarity: npt.NDArray[np.int64] = tensors["rarity"].astype(np.int64)
        self._bias: Floats = tensors["bias"].astype(np.float64)
        self.unit = body.unit
        self._sharpness = body.temperature * body.unit
        self._slots: dict[str, Lookup] = {}
        at = 0
        for block in body.blocks:
            if not self._slots.setdefault(block.slot, Lookup()).add(block.kind, block.features, at):
                raise ArtefactError(f"{SPECIALIST_FILE} of {artefact.digest}: a feature stands twice in the {block.kind} of {block.slot!r}")
            at += len(block.features)

    def predict(self, slots: Sequence[tuple[str, str]]) -> Prediction:
        """The label of one request and how sure that is; `slots` are (name, text), others than the used ones are ignored."""
        return self._constant or decide(self.logits(slots), self._sharpness, self.labels)

    def scores(self, slots: Sequence[tuple[str, str]]) -> Floats:
        """Sharpened logits (labels,): their softmax is the probability of each label."""
        return np.zeros(1) if self._constant else self.logits(slots) * self._sharpness

    def logits(self, slots: Sequence[tuple[str, str]]) -> Floats:
        """Whole numbers (labels,), each worth `unit`: what the prediction is made of."""
        logits = self._bias.copy()
        for rows, values in self.features(slots):
            values *= self._scale.take(rows)
            np.rint(values, out=values)
            logits += values @ self._weights.take(rows, 0).astype(np.float64)
        return logits

    def features(self, slots: Sequence[tuple[str, str]]) -> Iterator[tuple[npt.NDArray[np.int64], Floats]]:
        """Of each block with a feature in the request: the features' rows, and their values, a vector of length 1."""
        texts = dict(slots)
        for slot, lookup in self._slots.items():
            text = texts.get(slot)
            if not text:
                continue
            for rows, repeats in lookup.count(text):
                yield rows, unit_values(repeats, self._rarity.take(rows))

    def predict_many(self, requests: Sequence[Sequence[tuple[str, str]]]) -> list[Prediction]:
        """`predict` of each, to the last bit."""
        return [self.predict(slots) for slots in requests]


def unit_values(repeats: npt.NDArray[np.int64], rarity: npt.NDArray[np.int64]) -> Floats:
    """Values of a block's features in one text, a vector of length 1: (1 + log tf) * idf over the Euclidean norm."""
    values = TERM_WEIGHTS.take(repeats, mode="clip")
    values *= rarity
    return values / math.sqrt(int(values @ values))


def _fault(body: LinearSpecialist) -> str:
    """What is wrong with the JSON half, or nothing."""
    if body.kind != "linear":
        return f"kind {body.kind!r}, not linear"
    if body.features_version != FEATURES_VERSION:
        return f"made with features of version {body.features_version}, this program has {FEATURES_VERSION}; fit the workload again"
    if not 1 <= len(body.labels) <= MAX_LABELS or len(set(body.labels)) != len(body.labels):
        return f"{len(body.labels)} labels, or one of them twice"
    if not (0 <= body.temperature <= 1e6 and 0 <= body.unit <= 1 and 0 <= body.constant_confidence <= 1):
        return "a number is out of range"
    if any(block.kind not in KINDS or block.slot not in body.used_slots for block in body.blocks):
        return "a block of an unknown kind or slot"
    if len({(block.slot, block.kind) for block in body.blocks}) != len(body.blocks):
        return "a block stands twice"
    return ""


def _tensors(artefact: Artefact, rows: int, columns: int) -> dict[str, npt.NDArray[Any]]:
    """The arrays, with types, shapes and ranges checked."""
    wanted: dict[str, Form] = {
        "weights": ("int8 or int16", (rows, columns)),
        "scale": ("float32", (rows,)),
        "rarity": ("uint16", (rows,)),
        "bias": ("float64", (columns,)),
    }
    tensors = arrays(artefact, WEIGHTS_FILE, wanted)
    scale, bias = tensors["scale"], tensors["bias"]
    # Both bounds keep the integer logits exact: at most 2**20 * 2**15 a feature, sqrt(rows) features' worth, and the bias.
    if not (
        np.all((scale >= 0) & (scale <= 1))
        and np.all(tensors["rarity"] > 0)
        and np.all(np.abs(bias) <= 2.0**48)
        and np.all(bias == np.rint(bias))
    ):
        raise ArtefactError(f"{WEIGHTS_FILE} of {artefact.digest}: a number is out of range")
    return tensors
