"""Two specialists as one: the quick one answers where it is sure, and where it is not, both are asked and their probabilities averaged.

It is certified, served and exported as one artefact. The files of its halves stand in it under `first-` and `second-`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from modicum.artefact import Artefact
from modicum.backends.encoder import Encoder, text_of
from modicum.backends.linear import Linear
from modicum.backends.specialist import SPECIALIST_FILE, decide, read
from modicum.errors import ArtefactError
from modicum.types import Prediction, but

FIRST, SECOND = "first-", "second-"

Floats = npt.NDArray[np.floating]


class ChainSpecialist(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The JSON part of a chain."""

    kind: str
    pass_above: float
    """The first answers alone where its confidence is at least this."""


class Chain:
    """A linear specialist before an encoder, loaded and checked. Raises ArtefactError, MissingExtraError."""

    heavy = True

    def __init__(self, artefact: Artefact) -> None:
        self.digest = artefact.digest
        body = read(artefact, SPECIALIST_FILE, ChainSpecialist)
        if body.kind != "chain" or not 0 <= body.pass_above <= 1:
            raise ArtefactError(f"{SPECIALIST_FILE} of {artefact.digest}: kind {body.kind!r}, passing above {body.pass_above}")
        self._first = Linear(half(artefact, FIRST))
        self._second = Encoder(half(artefact, SECOND))
        self._pass_above = body.pass_above
        self.labels = self._second.labels
        if self._first.labels != self.labels:
            raise ArtefactError(f"artefact {artefact.digest}: its halves have other labels")
        self.used_slots = tuple(dict.fromkeys(self._first.used_slots + self._second.used_slots))

    def predict(self, slots: Sequence[tuple[str, str]]) -> Prediction:
        """The label of one request and how sure that is."""
        first = self._first.scores(slots)
        told = decide(first, 1.0, self.labels)
        if told.confidence >= self._pass_above:
            return told
        vector = self._second.embedder.embed(text_of(slots, self._second.used_slots))
        second = self._second.head.scores(vector)
        mixed = decide(mix(first, second), 1.0, self.labels)
        in_scope = self._second.head.knows(decide(second, 1.0, self.labels), vector)
        return mixed if in_scope else but(mixed, confidence=0.0)

    def predict_many(self, requests: Sequence[Sequence[tuple[str, str]]]) -> list[Prediction]:
        """`predict` of each, to the last bit."""
        return [self.predict(slots) for slots in requests]


def mix(first: Floats, second: Floats) -> npt.NDArray[np.float64]:
    """Logarithm of the mean of two softmaxes, along the last axis."""
    return np.logaddexp(_log_softmax(first), _log_softmax(second))


def _log_softmax(scores: Floats) -> npt.NDArray[np.float64]:
    shifted = np.asarray(scores, dtype=np.float64)
    shifted = shifted - shifted.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)), dtype=np.float64)


def half(artefact: Artefact, prefix: str) -> Artefact:
    """The files of one half, under the names that it knows them by."""
    files: Mapping[str, bytes] = {name.removeprefix(prefix): data for name, data in artefact.files.items() if name.startswith(prefix)}
    return Artefact(digest=artefact.digest, about={}, files=files)
