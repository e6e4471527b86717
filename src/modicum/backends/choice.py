"""A value from a list: by a linear specialist, and where an encoder read the request, by the mean of both in probability."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from modicum.artefact import Artefact
from modicum.backends.chain import mix
from modicum.backends.embed import Floats
from modicum.backends.linear import Linear
from modicum.backends.specialist import Form, arrays, decide
from modicum.backends.tokens import Seen
from modicum.errors import ArtefactError
from modicum.types import Prediction

CHOICES_FILE = "choices.safetensors"


class Choice:
    """One such head. `weights` (width, labels) and `bias` (labels,) give the log odds of the labels from the vector of the whole."""

    def __init__(self, linear: Linear, weights: Floats | None = None, bias: Floats | None = None) -> None:
        self._linear, self._weights, self._bias = linear, weights, bias
        self.labels, self.used_slots = linear.labels, linear.used_slots

    def predict(self, slots: Sequence[tuple[str, str]], seen: Seen | None = None) -> Prediction:
        """The value for one request and how sure that is."""
        if self._weights is None or self._bias is None or seen is None:
            return self._linear.predict(slots)
        return decide(mix(self._linear.scores(slots), seen.whole @ self._weights + self._bias), 1.0, self.labels)


def choices(artefact: Artefact, linear: Mapping[int, Linear], width: int) -> dict[int, Choice]:
    """The heads over an encoder of this width, by number; one that can say one thing only has no tensors. Raises ArtefactError."""
    wanted: dict[str, Form] = {}
    for number, head in linear.items():
        if len(head.labels) > 1:
            wanted |= {f"weights-{number}": ("float32", (width, len(head.labels))), f"bias-{number}": ("float32", (len(head.labels),))}
    tensors = arrays(artefact, CHOICES_FILE, wanted) if wanted else {}
    if not all(np.isfinite(one).all() for one in tensors.values()):
        raise ArtefactError(f"{CHOICES_FILE} of {artefact.digest}: a weight is not a number")
    return {number: Choice(head, tensors.get(f"weights-{number}"), tensors.get(f"bias-{number}")) for number, head in linear.items()}
