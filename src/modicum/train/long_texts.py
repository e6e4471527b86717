"""Long texts: should only those features be learnt from that stand with a label more often than chance would have it?

Of a mail with its history, signature and logs, a few words say what is wanted. All n-grams together are a vector of length 1, so what tells
is drowned in what does not (`prune.telling` keeps what does). Documents that are of their label in every line lose by that, so it is done
where it makes no fewer held-out answers right.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modicum.train.counts import Counts, Ints, document_counts, rarity
from modicum.train.folds import assign
from modicum.train.machine import fit_support_vectors, matrix
from modicum.train.prune import shared, telling

LONG_CHARS = 1_000
"""Mean length from which texts are long. Of short ones, few features are noise, and rare ones count."""
TRIAL_TEXTS = 1_000
TRIAL_LEAST = 400
TRIAL_WORK = 200_000_000
"""Features of all texts of a trial times labels, at most: some seconds."""
TRIAL_ROUNDS = 50
FOLDS = 3


def helps(blocks: Sequence[Counts], labels: Ints, classes: int, *, groups: Ints, seed: int) -> bool:
    """Are at least as many held-out texts right where only what tells is learnt from? Tried on a part of the texts."""
    features = sum(len(block.columns) for block in blocks) // max(1, len(labels)) + 1
    most = max(TRIAL_LEAST, min(TRIAL_TEXTS, TRIAL_WORK // (features * classes)))
    drawn = np.sort(np.random.default_rng(seed).permutation(len(labels))[:most])
    some, truth = [block.take(drawn) for block in blocks], labels[drawn]
    fold_of = assign(groups[drawn].tolist(), FOLDS, seed)
    held, rest = np.flatnonzero(fold_of == 0), np.flatnonzero(fold_of != 0)
    if not len(held) or len(np.unique(truth[rest])) < 2:
        return False
    right = []
    for only in (False, True):
        known, rarities = [], []
        for block in some:
            inner = block.take(rest)
            kept = shared(inner, groups[drawn[rest]])
            if only:
                kept = kept[telling(inner.keep(kept), truth[rest], classes)]
            if len(kept):
                known.append(block.keep(kept))
                rarities.append(rarity(document_counts(inner.keep(kept)), len(rest)))
        if not known:
            return False
        rows = matrix(known, rarities)
        learnt = fit_support_vectors(rows[rest], truth[rest], seed, rounds=TRIAL_ROUNDS)
        right.append(int((learnt.predict(rows[held]) == truth[held]).sum()))
    return right[1] >= right[0]
