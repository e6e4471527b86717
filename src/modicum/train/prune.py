"""Which features to keep: seen in two texts at least, and the most telling ones that fit the size.

A feature's worth is its mutual information with the label (presence in a text against the label), times the number of
texts: half the G statistic of the table (Yang and Pedersen 1997 found it among the best for text). Ties go to the feature
seen in more texts, then to the spelling, so that the choice is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modicum.train.counts import Counts, Floats, Ints, document_counts

MIN_TEXTS = 2
BYTES_BESIDE_WEIGHTS = 4 + 2 + 3
"""Scale, rarity, and quotes and comma in the vocabulary."""


def choose(blocks: Sequence[Counts], labels: Ints, classes: int, budget_bytes: int) -> list[Ints]:
    """The features to keep of each block, as ascending numbers; together at most `budget_bytes` when exported for `classes` labels."""
    order: list[tuple[float, int, str, int, int]] = []
    sizes: dict[tuple[int, int], int] = {}
    total = 0
    for place, block in enumerate(blocks):
        documents = document_counts(block)
        candidates = np.flatnonzero(documents >= (MIN_TEXTS if len(labels) > MIN_TEXTS else 1))
        worth = information(block, documents, labels, classes)
        for feature in candidates.tolist():
            name = block.names[feature]
            sizes[place, feature] = size = classes + BYTES_BESIDE_WEIGHTS + _json_bytes(name)
            total += size
            order.append((-round(float(worth[feature]), 6), -int(documents[feature]), name, place, feature))
    if total > budget_bytes:
        order.sort()
    chosen: list[list[int]] = [[] for _ in blocks]
    for *_, place, feature in order:
        budget_bytes -= sizes[place, feature]
        if budget_bytes < 0:
            break
        chosen[place].append(feature)
    return [np.array(sorted(features), dtype=np.int64) for features in chosen]


def information(block: Counts, documents: Ints, labels: Ints, classes: int) -> Floats:
    """For each feature: sum over the cells (present or absent, label) of n * log(n / expected), natural logarithm."""
    texts = len(labels)
    of_label = np.bincount(labels, minlength=classes)
    cells, together = np.unique(block.columns * classes + labels[block.rows], return_counts=True)
    feature, label = cells // classes, cells % classes
    present = together * np.log(together * texts / (documents[feature] * of_label[label]))
    # Absent: n_k log(texts / (texts - documents)) where they never meet, corrected where they do.
    rest = np.maximum(texts - documents, 1)
    apart = of_label[label] - together
    base = of_label[label] * np.log(texts / rest[feature])
    absent = np.where(apart > 0, apart * np.log(np.maximum(apart, 1) * texts / (rest[feature] * of_label[label])), 0.0)
    worth = np.bincount(feature, weights=present + absent - base, minlength=len(documents))
    return np.asarray(worth + np.where(documents < texts, texts * np.log(texts / rest), 0.0))


def _json_bytes(name: str) -> int:
    """Length of the name in JSON without its quotes."""
    return len(name.encode()) + name.count('"') + name.count("\\") + 5 * sum(char < " " for char in name)
