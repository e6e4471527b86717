"""What was learnt over features and what an encoder was taught, as one: how much each is to count, and what both say of unseen samples.

Two chains over the same tags are one, whose scores are their sums. How much each counts is what makes the true tags of samples likeliest
that neither had seen: alone both are too sure, and of what both say they are surer still.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from modicum.backends.chain import mix
from modicum.backends.specialist import decide
from modicum.backends.tagger import NEVER, Tagger, Weights, legal, log_total
from modicum.backends.tokens import Reader
from modicum.train.calibrate import temperature
from modicum.train.export import in_memory
from modicum.train.linear import Trained
from modicum.train.reading import Taught
from modicum.types import Prediction

WEIGHED = 500
"""Samples on which the shares are chosen."""
SHARES = (0.05, 0.15, 0.3, 0.45, 0.6, 0.8, 1.0)

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Tags = Sequence[Mapping[str, Sequence[int]] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Of what an encoder was taught, what one extractor needs."""

    taught: Taught
    layers: tuple[int, ...]
    """The numbers of its layers there."""
    closed: tuple[int, ...]
    rows: tuple[int, ...]
    """The numbers of its samples there."""

    @classmethod
    def whole(cls, taught: Taught, samples: int) -> Part:
        """All of it, for an encoder that reads for one extractor."""
        layers, closed = len(taught.heads.dense), len(taught.heads.bias)
        return cls(taught=taught, layers=tuple(range(layers)), closed=tuple(range(closed)), rows=tuple(range(samples)))

    @property
    def compared(self) -> list[int]:
        """The places of those of its samples that are asked in full precision too."""
        known = self.taught.compared
        return [at for at, row in enumerate(self.rows) if row in known]

    def reader(self) -> Reader:
        """The encoder that all samples taught."""
        return Reader(in_memory(self.taught.files), self.taught.embedding, self.taught.reads)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What an encoder says of samples that it had not seen."""

    layers: tuple[tuple[dict[str, Floats], ...], ...]
    """Of each layer and sample, of each slot (pieces, tags), in nats."""
    closed: tuple[Floats, ...]
    """Of each closed field (samples, values)."""


def listen(part: Part, slots: Sequence[Sequence[tuple[str, str]]], *, full: bool = False) -> Heard:
    """One pass over the samples; `slots` are theirs, in the order of `part.rows`. `full`: in full precision, those that are compared."""
    taught = part.taught
    layers: list[list[dict[str, Floats]]] = [[{} for _ in slots] for _ in part.layers]
    closed = [np.zeros((len(slots), len(taught.heads.bias[number])), np.float32) for number in part.closed]
    for at, seen in taught.unseen(slots, part.rows, full=full):
        heads = taught.fold_heads[taught.fold_of[part.rows[at]]]
        for layer, number in zip(layers, part.layers, strict=True):
            dense = heads.dense[number]
            layer[at] = {slot: vectors @ dense[:-1] + dense[-1] for slot, vectors in seen.pieces.items()}
        for scores, number in zip(closed, part.closed, strict=True):
            scores[at] = seen.whole @ heads.weights[number] + heads.bias[number]
    return Heard(layers=tuple(map(tuple, layers)), closed=tuple(closed))


def blend(weights: Weights, steps: npt.NDArray[np.floating], starts: npt.NDArray[np.floating], shares: tuple[float, float]) -> Weights:
    """The chain over features with that of an encoder; what the encoder says of pieces is not in it."""
    unit = weights.unit * shares[0]
    may, opens = legal(len(weights.fields))
    return dataclasses.replace(
        weights,
        unit=unit,
        steps=np.where(may, np.rint(weights.steps + steps.astype(np.float64) * shares[1] / unit), NEVER),
        starts=np.where(opens, np.rint(weights.starts + starts.astype(np.float64) * shares[1] / unit), NEVER),
    )


def weigh(
    fold_weights: Sequence[Weights],
    fold_of: Ints,
    part: Part,
    layer: int,
    heard: Sequence[Mapping[str, Floats]],
    tags: Tags,
    texts: Sequence[Mapping[str, str]],
) -> tuple[float, float]:
    """How much features and encoder count in one layer: (share of the one, share of the other)."""
    rows = [row for row, own in enumerate(tags) if own is not None]
    rows = rows[:: -(-len(rows) // WEIGHED) or 1]
    taggers = [Tagger(one) for one in fold_weights]
    number = part.layers[layer]
    known = []
    for row in rows:
        tagger = taggers[fold_of[row]]
        heads = part.taught.fold_heads[part.taught.fold_of[part.rows[row]]]
        for slot, own in (tags[row] or {}).items():
            if len(own):
                scores = tagger.scores(texts[row].get(slot, ""), slot) * tagger.weights.unit
                known.append((scores, heard[row][slot].astype(np.float64), np.array(own), tagger.weights, heads))

    def worth(shares: tuple[float, float]) -> float:
        chains = {
            (id(weights), id(heads)): blend(weights, heads.steps[number], heads.starts[number], shares) for _, _, _, weights, heads in known
        }
        total = 0.0
        for ours, theirs, own, weights, heads in known:
            chain = chains[id(weights), id(heads)]
            scores = ours * shares[0] + theirs * shares[1]
            steps, starts = chain.steps * chain.unit, chain.starts * chain.unit
            path = scores[np.arange(len(own)), own].sum() + starts[own[0]] + steps[own[:-1], own[1:]].sum()
            total += path - log_total(scores, steps, starts)
        return round(total, 6)

    return _climb(worth) if known else (1.0, 1.0)


def _climb(worth: Callable[[tuple[float, float]], float]) -> tuple[float, float]:
    """The best of the grid of SHARES. The likelihood of a chain is concave in them, so each step to a better neighbour leads there."""
    known: dict[tuple[int, int], float] = {}

    def of(place: tuple[int, int]) -> float:
        if place not in known:
            known[place] = worth((SHARES[place[0]], SHARES[place[1]]))
        return known[place]

    at, inside = (len(SHARES) // 2, len(SHARES) // 2), range(len(SHARES))
    while True:
        steps = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, -1), (-1, 1))
        near = [(a, b) for x, y in steps if (a := at[0] + x) in inside and (b := at[1] + y) in inside]
        best = max([at, *near], key=of)
        if best == at:
            return SHARES[at[0]], SHARES[at[1]]
        at = best


def sharpen(scores: Floats, said: Sequence[int]) -> float:
    """How sharp an encoder's scores (samples, values) of a closed field are to be."""
    known = np.flatnonzero(np.array(said) >= 0)
    return temperature(scores[known], np.array(said)[known])


def choose(head: Trained, scores: Floats, sharpness: float) -> list[Prediction]:
    """What features and an encoder say of a closed field of each sample."""
    mixed = mix(head.scores, scores * np.float32(sharpness))
    return [decide(row, 1.0, head.labels) for row in mixed]
