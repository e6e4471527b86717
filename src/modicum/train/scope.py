"""What makes a request one of the kind that was learnt: centres of the labels' vectors, and the floor that a request has to reach."""

from __future__ import annotations

import numpy as np

from modicum.backends.embed import Floats
from modicum.backends.encoder import CENTRE_UNIT
from modicum.train.counts import Ints

CENTRES = 7
"""A label; one for every five texts of it at most."""
CENTRE_BYTES = 300_000
SCOPE_LOSS = 0.01
"""The share of all samples whose right answer may be lost to the scope's floor."""


def centres_of(found: Floats, truth: Ints, seed: int) -> Floats:
    """A few centres of each label's vectors, of length 1: (centres, width)."""
    from sklearn.cluster import KMeans

    present = np.unique(truth)
    most = max(1, min(CENTRES, CENTRE_BYTES // (found.shape[1] * len(present))))
    rows = []
    for label in present.tolist():
        own = found[truth == label]
        count = max(1, min(most, len(np.unique(own, axis=0)) // 5))
        rows.append(KMeans(count, n_init=1, random_state=seed).fit(own).cluster_centers_ if count > 1 else own.mean(axis=0, keepdims=True))
    centres = np.concatenate(rows).astype(np.float32)
    lengths = np.linalg.norm(centres, axis=1, keepdims=True)
    unit: Floats = centres / np.maximum(lengths, np.float32(1e-9))
    return np.rint(unit * CENTRE_UNIT).astype(np.float32) / np.float32(CENTRE_UNIT)


def floor_of(scopes: np.ndarray, right: np.ndarray) -> float:
    """The highest floor that takes the answer from no more than SCOPE_LOSS of all samples that were right."""
    lost = int(SCOPE_LOSS * len(scopes))
    own = np.sort(scopes[right])
    return round(float(own[lost]), 6) if len(own) > lost else 0.0
