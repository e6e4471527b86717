"""Groups to folds: near-duplicates stay together, so that an out-of-fold prediction never saw its own twin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from modicum.train.counts import Ints


def assign(groups: Sequence[int], folds: int, seed: int) -> Ints:
    """The fold of each sample: groups in an order drawn by the seed, the largest first, each to the smallest fold."""
    sizes = Counter(groups)
    order = np.random.default_rng(seed).permutation(len(sizes)).tolist()
    drawn = sorted(zip(sizes, order, strict=True), key=lambda pair: (-sizes[pair[0]], pair[1]))
    filled = [0] * folds
    fold_of = {}
    for group, _ in drawn:
        fold_of[group] = fold = filled.index(min(filled))
        filled[fold] += sizes[group]
    return np.array([fold_of[group] for group in groups], dtype=np.int64)
