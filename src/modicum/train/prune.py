"""Which features to keep: seen in two groups at least, and those with the greatest weights that fit the size.

A feature of one request and its repeats says nothing of others, and would carry their wording into the artefact.

A feature's worth is its greatest weight for any label in a first, short training. At half of the features this loses nothing,
where mutual information with the label lost 2 points of coverage and document frequency 1. Ties go to the
feature seen in more texts, then to the spelling, so that the choice is the same on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modicum.train.counts import Counts, Floats, Ints, document_counts

MIN_GROUPS = 2
DEVIATIONS = 4.0
BYTES_BESIDE_WEIGHTS = 4 + 2 + 3
"""Scale, rarity, and quotes and comma in the vocabulary."""


def repeated(blocks: Sequence[Counts], groups: Ints) -> tuple[Counts, ...]:
    """The blocks with only those features that two groups share; `groups[i]` is the group of text i."""
    return tuple(block.keep(shared(block, groups)) for block in blocks)


def shared(block: Counts, groups: Ints) -> Ints:
    """The features of a block that two groups share, ascending."""
    of = np.asarray(groups)[block.rows]
    one = np.zeros(len(block.names), np.int64)
    one[block.columns] = of  # some group of each feature: it has another where any of its entries is of another
    several = np.zeros(len(block.names), np.bool_)
    several[block.columns[of != one[block.columns]]] = True
    return np.flatnonzero(several)


def telling(block: Counts, labels: Ints, classes: int) -> Ints:
    """The features of a block, ascending, that stand with some label more often than chance would have it; `labels` (texts,).

    Kept is what stands, for some label, in more texts of that label than it would at random, by 4 standard deviations (normal approximation
    of the hypergeometric distribution, with continuity correction).
    """
    texts, width = len(labels), len(block.names)
    documents = document_counts(block).astype(np.float64)
    of = labels[block.rows]
    columns = block.columns[np.argsort(of, kind="stable")]
    ends = np.cumsum(np.bincount(of, minlength=classes))
    share = np.bincount(labels, minlength=classes) / max(1, texts)
    most = np.full(width, -np.inf)
    for label in np.flatnonzero(share).tolist():
        together = np.bincount(columns[ends[label - 1] if label else 0 : ends[label]], minlength=width)
        spread = np.sqrt(documents * share[label] * (1 - share[label]) * (1 - documents / texts))
        np.maximum(most, (together - documents * share[label] - 0.5) / np.maximum(spread, 1e-9), out=most)
    return np.flatnonzero(most >= DEVIATIONS)


def exported_bytes(blocks: Sequence[Counts], row_bytes: int) -> int:
    """What the features of the blocks take when exported with so many bytes of weights each."""
    return sum(_size(name, row_bytes) for block in blocks for name in block.names)


def prune(blocks: Sequence[Counts], worth: Floats, row_bytes: int, budget_bytes: int) -> tuple[Counts, ...]:
    """The blocks with the features of greatest `worth` (over all blocks, in order) that fit `budget_bytes`."""
    order: list[tuple[float, int, str, int, int]] = []
    values = np.round(worth, 6).tolist()
    at = 0
    for place, block in enumerate(blocks):
        documents = document_counts(block).tolist()
        order += [(-values[at + feature], -documents[feature], name, place, feature) for feature, name in enumerate(block.names)]
        at += len(block.names)
    order.sort()
    chosen: list[list[int]] = [[] for _ in blocks]
    for *_, name, place, feature in order:
        budget_bytes -= _size(name, row_bytes)
        if budget_bytes < 0:
            break
        chosen[place].append(feature)
    return tuple(block.keep(np.array(sorted(features), dtype=np.int64)) for block, features in zip(blocks, chosen, strict=True))


def _size(name: str, row_bytes: int) -> int:
    """Weights, and the name as JSON has it."""
    return row_bytes + BYTES_BESIDE_WEIGHTS + len(name.encode()) + name.count('"') + name.count("\\") + 5 * sum(char < " " for char in name)


def texts_to_rank(texts: int, seed: int, most: int = 5_000) -> Ints:
    """Rows for the first training: all, or as many as tell enough, drawn by the seed."""
    return np.sort(np.random.default_rng(seed).permutation(texts)[:most])
