"""What an encoder knows, taught to the linear machine at night: n-grams whose weights add up to what a head over its vectors says.

A head is learnt over the encoder's vectors of the training texts, and its logits are regressed on the texts' n-grams (ridge, conjugate
gradients). That is the same as giving each n-gram a static vector of its own, by least squares from the encoder's, and a head over their
sum; multiplied out it is one more weight a label and feature, which is added to the machine's. So a distilled specialist has the form,
size and arithmetic of any other, and by day nothing of the encoder is left.

Honest out of fold: head and regression see the rows that they are given and no others, neither their labels nor their vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from modicum.errors import MissingExtraError
from modicum.train.counts import Floats, Ints

HEAD_C = 10.0
RIDGE = 0.3
STEPS = 40
SHARE = 0.5
"""Of the encoder's weights, beside the machine's own. With RIDGE and STEPS by cross-validation on training splits; flat from 0.3 to 0.6."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Teacher:
    """An encoder's vectors of all samples of a fit, (samples, width), each of length 1, and what is known of the encoder."""

    vectors: npt.NDArray[np.float32]
    about: dict[str, Any]

    def logits(self, rows: Ints, truth: Ints, classes: int) -> npt.NDArray[np.float32]:
        """What a head learnt from these rows and their labels says of them, (rows, classes). Raises MissingExtraError."""
        try:
            from sklearn.linear_model import LogisticRegression
        except ImportError:
            raise MissingExtraError.of("train", "fitting a specialist") from None

        vectors = self.vectors[rows]
        present = np.unique(truth)
        if len(present) == 1:
            return np.zeros((len(rows), classes), np.float32)
        told = LogisticRegression(C=HEAD_C, max_iter=500).fit(vectors, truth).decision_function(vectors)
        if len(present) == 2:  # scikit-learn gives one column for two labels
            told = np.stack([-told / 2, told / 2], axis=1)
        logits = np.full((len(rows), classes), told.min(), np.float32)
        logits[:, present] = told
        return logits


def regress(rows: Any, logits: npt.NDArray[np.float32]) -> tuple[Floats, Floats]:
    """Weights (features, classes) and bias (classes,) with which sparse `rows` (texts, features) come near to `logits`."""
    rows = rows.astype(np.float32)
    turned = rows.T.tocsr()
    bias = logits.mean(axis=0)
    left = turned @ (logits - bias)
    weights = np.zeros_like(left)
    step = left.copy()
    size = _squares(left)
    for _ in range(STEPS):
        moved = turned @ (rows @ step) + np.float32(RIDGE) * step
        far = size / np.maximum(np.einsum("ij,ij->j", step, moved), np.float32(1e-20))
        weights += far * step
        left -= far * moved
        before, size = size, _squares(left)
        step = left + size / np.maximum(before, np.float32(1e-20)) * step
    return weights.astype(np.float64), bias.astype(np.float64)


def _squares(columns: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    squares: npt.NDArray[np.float32] = np.einsum("ij,ij->j", columns, columns)
    return squares
