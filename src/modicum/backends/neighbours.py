"""The nearest-neighbour cache by day: what the incumbent was recorded to answer to the requests that are most like this one.

Confidence is the nearest one's cosine times the share that its answer has among the nearest few. How sure is sure enough is tested like
any threshold. Two texts that are near may mean the opposite, so the cache can be made to pass over neighbours whose negations, opposites
or numbers are others. It holds vectors and listed labels, and no text; something of a text can be told from its vector all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

from modicum.artefact import Artefact
from modicum.backends.embed import Embedder, Embedding
from modicum.backends.encoder import text_of
from modicum.backends.features import FEATURES_VERSION
from modicum.backends.nearness import HASH_WIDTH, MOST_WIDTH, Vector, hashed, nearness, rounded, turns, weighed
from modicum.backends.specialist import MAX_LABELS, SPECIALIST_FILE, Form, arrays, read
from modicum.errors import ArtefactError
from modicum.types import Prediction

ENTRIES_FILE = "entries.safetensors"
FEW = 5
"""So many of the nearest are asked."""
RARITY_UNIT = 256

Guard = Literal["none", "turns", "numbers"]
"""What must be the same in a neighbour: nothing, words that turn the meaning, or these and all numbers."""


class NeighboursSpecialist(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON half; the other are the tensors `vectors` (entries, width), `answers` and `guards` (entries,), and `rarity` (width,) where
    no encoder is used."""

    kind: str
    features_version: int
    labels: list[str]
    used_slots: list[str]
    guard: Guard
    embedding: Embedding | None = None


class Neighbours:
    """A nearest-neighbour cache, loaded and checked. Raises ArtefactError, MissingExtraError."""

    def __init__(self, artefact: Artefact) -> None:
        self.digest = artefact.digest
        body = read(artefact, SPECIALIST_FILE, NeighboursSpecialist)
        if wrong := _fault(body):
            raise ArtefactError(f"{SPECIALIST_FILE} of {artefact.digest}: {wrong}")
        self.labels, self.used_slots = tuple(body.labels), tuple(body.used_slots)
        self.heavy = body.embedding is not None
        self._embedder = None if body.embedding is None else Embedder(artefact, body.embedding)
        width = HASH_WIDTH if body.embedding is None else body.embedding.width
        wanted: dict[str, Form] = {"vectors": ("int8", (None, width)), "answers": ("int32", (None,)), "guards": ("uint32", (None,))}
        if body.embedding is None:
            wanted["rarity"] = ("uint16", (width,))
        found = arrays(artefact, ENTRIES_FILE, wanted)
        answers = found["answers"].astype(np.int64)
        if not len(found["vectors"]) == len(answers) == len(found["guards"]) > 0 or not np.all(
            (answers >= 0) & (answers < len(self.labels))
        ):
            raise ArtefactError(f"{ENTRIES_FILE} of {artefact.digest}: its tables do not fit together")
        self._rarity = None if self.heavy else found["rarity"].astype(np.float64) / RARITY_UNIT
        self._nearest = Nearest(
            vectors=found["vectors"].astype(np.float32), answers=answers, guards=found["guards"], labels=self.labels, guard=body.guard
        )

    def predict(self, slots: Sequence[tuple[str, str]]) -> Prediction:
        """The answer to the nearest request on record and how sure that is."""
        text = text_of(slots, self.used_slots)
        return self._nearest.judge(self._nearest.near(self._vector(text)), guard_of(text, self._nearest.guard))

    def predict_many(self, requests: Sequence[Sequence[tuple[str, str]]]) -> list[Prediction]:
        """`predict` of each, to the last bit."""
        return [self.predict(slots) for slots in requests]

    def _vector(self, text: str) -> Vector:
        if self._embedder is not None:
            return rounded(self._embedder.embed(text))
        assert self._rarity is not None
        return weighed(*hashed(text), self._rarity)


class Nearest:
    """Vectors on record with their answers. `vectors` (entries, width) whole numbers, `answers` and `guards` (entries,)."""

    def __init__(
        self, *, vectors: Vector, answers: npt.NDArray[np.int64], guards: npt.NDArray[np.uint32], labels: Sequence[str], guard: Guard
    ) -> None:
        self.vectors, self.answers, self.guards, self.labels, self.guard = vectors, answers, guards, labels, guard
        self._lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))

    def near(self, vector: Vector) -> npt.NDArray[np.float64]:
        """Cosines (entries,) of a vector, or (rows, entries) of rows of them: to the last bit the same."""
        return nearness(self.vectors, self._lengths, vector)

    def judge(self, near: npt.NDArray[np.float64], guard: int, *, hidden: npt.NDArray[np.bool_] | None = None) -> Prediction:
        """The answer for a text by its cosines (entries,); entries that are `hidden` are passed over, and those whose guard is another."""
        if self.guard != "none":
            near = np.where(self.guards == guard, near, 0.0)
        if hidden is not None:
            near = np.where(hidden, 0.0, near)
        few = np.argpartition(-near, min(FEW, len(near)) - 1)[:FEW] if len(near) > FEW else np.arange(len(near))
        # By nearness, and among equals by their place: the order of a partition is no machine's to keep.
        least = near[few].min()
        rows = np.flatnonzero(near >= least)
        few = rows[np.lexsort((rows, -near[rows]))][:FEW]
        if near[few[0]] <= 0:
            return Prediction(value=self.labels[0], confidence=0.0)
        weights: dict[int, float] = {}
        for row in few.tolist():
            label = int(self.answers[row])
            weights[label] = weights.get(label, 0.0) + max(float(near[row]), 0.0) ** 4
        first = int(self.answers[few[0]])
        total = sum(weights.values())
        share = weights.pop(first) / total
        other = max(weights, key=lambda label: (weights[label], -label), default=None)
        return Prediction(
            value=self.labels[first],
            confidence=round(min(float(near[few[0]]), 1.0) * share, 12),
            runner_up="" if other is None else self.labels[other],
            runner_up_probability=0.0 if other is None else round(weights[other] / total, 12),
        )


def guard_of(text: str, guard: Guard) -> int:
    """What must be equal in a neighbour of this text."""
    return 0 if guard == "none" else turns(text, numbers=guard == "numbers")


def _fault(body: NeighboursSpecialist) -> str:
    """What is wrong with the JSON half, or nothing."""
    if body.kind != "neighbours":
        return f"kind {body.kind!r}, not neighbours"
    if body.features_version != FEATURES_VERSION:
        return f"made with features of version {body.features_version}, this program has {FEATURES_VERSION}; fit the workload again"
    if not 1 <= len(body.labels) <= MAX_LABELS or len(set(body.labels)) != len(body.labels):
        return f"{len(body.labels)} labels, or one of them twice"
    if body.embedding is not None and not 1 <= body.embedding.width <= MOST_WIDTH:
        return f"vectors of width {body.embedding.width}: at most {MOST_WIDTH}"
    return ""
