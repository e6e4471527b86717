"""The encoder specialist by day: a text's vector, one linear head over it, and whether the text is of the kind that was learnt.

A classifier is often sure of what it has never seen. So a request is out of scope, and its confidence 0, where the probability of its
label times its cosine to the nearest centre of the training texts is below a floor that training chose; confidence is the lead of the
first label in probability for all others. The product tells out-of-scope requests far better than the probability; as a confidence it
would be worse than the lead (docs/benchmarks.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from modicum.artefact import Artefact
from modicum.backends.embed import Embedder, Embedding, Floats
from modicum.backends.features import clip
from modicum.backends.specialist import MAX_LABELS, SPECIALIST_FILE, arrays, decide, read
from modicum.errors import ArtefactError
from modicum.types import Prediction, but

HEAD_FILE = "head.safetensors"
CENTRE_UNIT = 127
"""Centres are kept as whole 127ths."""


class EncoderSpecialist(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON part of an encoder specialist; beside it the graph, the tokenizer, and the head's tensors:
    `weights` (width, labels), `bias` (labels,), `centres` (any, width) int8."""

    kind: str
    labels: list[str]
    used_slots: list[str]
    temperature: float
    """Logits are multiplied by it before the softmax."""
    scope_floor: float
    """Requests whose scope (see `scope`) is below it are out of scope."""
    embedding: Embedding


class Encoder:
    """An encoder specialist, loaded and checked. Raises ArtefactError, MissingExtraError."""

    heavy = True

    def __init__(self, artefact: Artefact) -> None:
        self.digest = artefact.digest
        body = read(artefact, SPECIALIST_FILE, EncoderSpecialist)
        if body.kind != "encoder" or not 2 <= len(body.labels) <= MAX_LABELS or len(set(body.labels)) != len(body.labels):
            raise ArtefactError(f"{SPECIALIST_FILE} of {artefact.digest}: kind {body.kind!r} with {len(body.labels)} labels")
        if not (0 <= body.temperature <= 1e6 and 0 <= body.scope_floor <= 1):
            raise ArtefactError(f"{SPECIALIST_FILE} of {artefact.digest}: a number is out of range")
        self.labels: tuple[str, ...] = tuple(body.labels)
        self.used_slots: tuple[str, ...] = tuple(body.used_slots)
        width, columns = body.embedding.width, len(self.labels)
        head = arrays(
            artefact,
            HEAD_FILE,
            {"weights": ("float32", (width, columns)), "bias": ("float32", (columns,)), "centres": ("int8", (None, width))},
        )
        if not (np.isfinite(head["weights"]).all() and np.isfinite(head["bias"]).all()):
            raise ArtefactError(f"{HEAD_FILE} of {artefact.digest}: a weight is not a number")
        self.head = Head(
            labels=self.labels,
            weights=head["weights"],
            bias=head["bias"],
            centres=head["centres"].astype(np.float32) / np.float32(CENTRE_UNIT),
            temperature=body.temperature,
            scope_floor=body.scope_floor,
        )
        self.embedder = Embedder(artefact, body.embedding)

    def predict(self, slots: Sequence[tuple[str, str]]) -> Prediction:
        """The label of one request and how sure that is."""
        return self.head.judge(self.embedder.embed(text_of(slots, self.used_slots)))

    def predict_many(self, requests: Sequence[Sequence[tuple[str, str]]]) -> list[Prediction]:
        """`predict` of each, to the last bit."""
        return [self.predict(slots) for slots in requests]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What is made of a vector. `weights` (width, labels), `bias` (labels,), `centres` (any, width)."""

    labels: tuple[str, ...]
    weights: Floats
    bias: Floats
    centres: Floats
    temperature: float
    scope_floor: float

    def scores(self, vector: Floats) -> npt.NDArray[np.float64]:
        """Sharpened logits (labels,) of a text by its vector (width,)."""
        return np.asarray(vector @ self.weights + self.bias, dtype=np.float64) * self.temperature

    def judge(self, vector: Floats) -> Prediction:
        """The label of a text by its vector (width,)."""
        told = decide(self.scores(vector), 1.0, self.labels)
        return told if self.knows(told, vector) else but(told, confidence=0.0)

    def knows(self, told: Prediction, vector: Floats) -> bool:
        """Is a text of which this was told in scope?"""
        return scope(told, vector, self.centres) >= self.scope_floor


def scope(told: Prediction, vector: Floats, centres: Floats) -> float:
    """How much a request is of the kind that was learnt, 0 to 1: probability of its label times cosine to the nearest centre."""
    probability = told.confidence + told.runner_up_probability
    return probability * max(0.0, float((centres @ vector).max())) if len(centres) else probability


def text_of(slots: Sequence[tuple[str, str]], used: Sequence[str]) -> str:
    """What an encoder reads of a request: the text of its one slot, or those of several, each under its name."""
    texts = dict(slots)
    if len(used) == 1:
        return clip(texts.get(used[0], ""))
    return "\n".join(f"{name}: {clip(texts[name])}" for name in used if texts.get(name))
