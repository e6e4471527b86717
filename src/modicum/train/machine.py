"""Counted features and labels to weights: a linear support vector machine, one label against the rest.

Squared hinge loss, L2 penalty (Fan et al. 2008, LIBLINEAR, through scikit-learn). On the sets at hand it beat
multinomial logistic regression in accuracy and in coverage at equal risk, at a fixed C: see `docs/decisions`. Where a teacher's logits are
given, a share of what regresses them is added (`distil`).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from modicum.errors import MissingExtraError
from modicum.train.counts import Counts, Floats, Ints, document_counts, rarity, unit_rows
from modicum.train.distil import SHARE, regress
from modicum.train.prune import exported_bytes, prune, repeated, telling, texts_to_rank

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


def train(
    blocks: Sequence[Counts],
    labels: Ints,
    classes: int,
    *,
    groups: Ints,
    budget_bytes: int,
    seed: int,
    taught: npt.NDArray[np.float32] | None = None,
    only_telling: bool = False,
    weight_bytes: int = 1,
) -> Machine:
    """Fit `labels` (0 to classes - 1; some may be missing) on the texts of `blocks`, with features that fit `budget_bytes`, where a weight
    takes `weight_bytes`.

    `taught`: a teacher's logits of the same texts, (texts, classes). `only_telling`: of features that tell, see `prune.telling`.
    """
    kept = repeated(blocks, groups)
    if only_telling:
        kept = tuple(block.keep(telling(block, labels, classes)) for block in kept)
    row_bytes = classes * weight_bytes
    if exported_bytes(kept, row_bytes) > budget_bytes:
        rows = texts_to_rank(len(labels), seed)
        some = [block.take(rows) for block in kept]
        weights, _ = _learn(some, _rarities(some), labels[rows], classes, seed, RANKING_ROUNDS, None if taught is None else taught[rows])
        kept = prune(kept, np.abs(weights).max(axis=1, initial=0.0), row_bytes, budget_bytes)
    rarities = _rarities(kept)
    weights, bias = _learn(kept, rarities, labels, classes, seed, ROUNDS, taught)
    return Machine(blocks=kept, rarities=rarities, weights=weights, bias=bias)


def _rarities(blocks: Sequence[Counts]) -> tuple[Ints, ...]:
    return tuple(rarity(document_counts(block), len(block.starts) - 1) for block in blocks)


def _learn(
    blocks: Sequence[Counts],
    rarities: Sequence[Ints],
    labels: Ints,
    classes: int,
    seed: int,
    rounds: int,
    taught: npt.NDArray[np.float32] | None,
) -> tuple[Floats, Floats]:
    """Weights (features, classes) and bias (classes,); without features or with one label only, that label is always said."""
    features = sum(len(block.names) for block in blocks)
    weights, bias = np.zeros((features, classes)), np.full(classes, -1.0)
    present = np.unique(labels)
    if len(present) == 1 or not features:
        bias[np.bincount(labels, minlength=classes).argmax()] = 1.0
        return weights, bias
    rows = matrix(blocks, rarities)
    fitted = fit_support_vectors(rows, labels, seed, rounds=rounds)
    if len(present) == 2:
        weights[:, present] = np.stack([-fitted.coef_[0], fitted.coef_[0]], axis=1)
        bias[present] = -fitted.intercept_[0], fitted.intercept_[0]
    else:
        weights[:, present] = fitted.coef_.T
        bias[present] = fitted.intercept_
    if taught is not None:
        more, offset = regress(rows, taught)
        weights += SHARE * more
        bias += SHARE * offset
    return weights, bias


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
