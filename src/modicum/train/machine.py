"""Counted features and labels to weights: a linear support vector machine, one label against the rest.

Squared hinge loss, L2 penalty (Fan et al. 2008, LIBLINEAR, through scikit-learn). On the sets at hand it beat
multinomial logistic regression in accuracy and in coverage at equal risk, at a fixed C: see `docs/decisions`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modicum.errors import MissingExtraError
from modicum.train.counts import Counts, Floats, Ints, document_counts, rarity, unit_rows
from modicum.train.prune import exported_bytes, prune, repeated, texts_to_rank

C = 0.5
ROUNDS = 300
RANKING_ROUNDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Weights over the kept features of each block, in the order of the blocks."""

    blocks: tuple[Counts, ...]
    """Pruned, with the texts that were trained on."""
    rarities: tuple[Ints, ...]
    weights: Floats
    """(features, labels)."""
    bias: Floats
    """(labels,)."""


def train(blocks: Sequence[Counts], labels: Ints, classes: int, *, groups: Ints, budget_bytes: int, seed: int) -> Machine:
    """Fit `labels` (0 to classes - 1; some may be missing) on the texts of `blocks`, with features that fit `budget_bytes`."""
    kept = repeated(blocks, groups)
    if exported_bytes(kept, classes) > budget_bytes:
        rows = texts_to_rank(len(labels), seed)
        kept = prune(kept, _worth([block.take(rows) for block in kept], labels[rows], seed), classes, budget_bytes)
    rarities = tuple(rarity(document_counts(block), len(labels)) for block in kept)
    features = sum(len(block.names) for block in kept)
    weights, bias = np.zeros((features, classes)), np.full(classes, -1.0)
    present = np.unique(labels)
    if len(present) == 1 or not features:
        bias[np.bincount(labels, minlength=classes).argmax()] = 1.0
        return Machine(blocks=kept, rarities=rarities, weights=weights, bias=bias)
    fitted = fit_support_vectors(matrix(kept, rarities), labels, seed)
    if len(present) == 2:
        weights[:, present] = np.stack([-fitted.coef_[0], fitted.coef_[0]], axis=1)
        bias[present] = -fitted.intercept_[0], fitted.intercept_[0]
    else:
        weights[:, present] = fitted.coef_.T
        bias[present] = fitted.intercept_
    return Machine(blocks=kept, rarities=rarities, weights=weights, bias=bias)


def _worth(blocks: Sequence[Counts], labels: Ints, seed: int) -> Floats:
    """The greatest weight of each feature in a short training; 0 where there is nothing to learn."""
    features = sum(len(block.names) for block in blocks)
    if len(np.unique(labels)) < 2:
        return np.zeros(features)
    rarities = [rarity(document_counts(block), len(labels)) for block in blocks]
    worth: Floats = np.abs(fit_support_vectors(matrix(blocks, rarities), labels, seed, rounds=RANKING_ROUNDS).coef_).max(axis=0)
    return worth


def matrix(blocks: Sequence[Counts], rarities: Sequence[Ints]) -> Any:
    """The blocks side by side as one scipy.sparse matrix with 32-bit indices, which LIBLINEAR insists on."""
    try:
        from scipy.sparse import csr_array, hstack
    except ImportError:
        raise MissingExtraError.of("train", "fitting a specialist") from None

    parts = [
        csr_array(
            (unit_rows(block, idf), block.columns.astype(np.int32), block.starts.astype(np.int32)),
            shape=(len(block.starts) - 1, len(block.names)),
        )
        for block, idf in zip(blocks, rarities, strict=True)
    ]
    whole = hstack(parts, format="csr")
    whole.indices, whole.indptr = whole.indices.astype(np.int32), whole.indptr.astype(np.int32)
    whole.sort_indices()
    return whole


def fit_support_vectors(rows: Any, labels: Ints, seed: int, *, rounds: int = ROUNDS) -> Any:
    """scikit-learn's LinearSVC, fitted."""
    try:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.svm import LinearSVC
    except ImportError:
        raise MissingExtraError.of("train", "fitting a specialist") from None

    with warnings.catch_warnings():
        # Stopping early is no fault: what is certified is what was trained.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LinearSVC(C=C, random_state=seed, max_iter=rounds).fit(rows, labels)
