"""An encoder as it is, with heads over its vectors: for who has no time, or no torch, to fine-tune it.

Chains over the pieces' vectors by AdaGrad on the likelihood, closed fields by logistic regression over the mean vectors; in numpy, scipy
and scikit-learn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from modicum.backends.embed import Embedding, Floats
from modicum.backends.tagger import NEVER, legal
from modicum.backends.tokens import Reader
from modicum.errors import NotEnoughDataError
from modicum.train import logistic
from modicum.train.export import in_memory
from modicum.train.folds import assign
from modicum.train.reading import Subject, Taught, draw, in_order
from modicum.train.tagger_tune import Heads, Ints
from modicum.types import Sample

FOLDS = 3
LEARN_TOKENS = 200_000
"""Of what is read to learn from: bounds it to about two minutes and a gigabyte."""
EPOCHS = 12
RATE = 0.1
DECAY = 1e-5
DROPPED = 0.1


Progress = Callable[[float], None]


def teach(
    files: dict[str, bytes],
    embedding: Embedding,
    about: dict[str, Any],
    samples: Sequence[Sample],
    subject: Subject,
    *,
    groups: Sequence[int],
    reads: Sequence[str],
    seed: int,
    full: bytes | None = None,
    progress: Progress = lambda share: None,
) -> Taught:
    """`reading.teach` without touching the encoder, whose files these are, and `full` its graph in full precision.

    Raises NotEnoughDataError, MissingExtraError.
    """
    if not (subject.layers or subject.values):
        raise NotEnoughDataError("there is nothing that an encoder could read for")
    reader = Reader(in_memory(files), embedding, reads)
    layouts = [reader.lay_out(sample.slots) for sample in samples]
    learnt = draw([len(one.ids) for one in layouts], groups, LEARN_TOKENS, seed)
    seen = {}
    for done, row in enumerate(learnt):
        seen[row] = reader.see(samples[row].slots)
        progress(0.4 * (done + 1) / len(learnt))
    fold_of = assign(groups, FOLDS, seed)
    heads = []
    for fold in range(FOLDS + 1):  # the last is none: it learns from all
        rows = [row for row in learnt if fold_of[row] != fold]
        wholes = np.stack([seen[row].whole for row in rows])
        closed = [
            logistic.head(wholes, np.array([said[row] for row in rows]), values)
            for said, values in zip(subject.said, subject.values, strict=True)
        ]
        chains = []
        for tags, count in zip(subject.tags, subject.layers, strict=True):
            texts = [
                (seen[row].pieces[slot], own)
                for row in rows
                if (known := in_order(tags[row], layouts[row].spots)) is not None
                for slot, own in zip(layouts[row].spots, known, strict=True)
            ]
            chains.append(_chain(texts, count, reader.how.width, seed))
        heads.append(
            Heads(
                dense=tuple(one[0] for one in chains),
                steps=tuple(one[1] for one in chains),
                starts=tuple(one[2] for one in chains),
                weights=tuple(one[0] for one in closed),
                bias=tuple(one[1] for one in closed),
            )
        )
        progress(0.4 + 0.6 * (fold + 1) / (FOLDS + 1))
    return Taught(
        files=files,
        embedding=embedding,
        reads=tuple(reads),
        about={"precision": "int8"} | about | {"heads_taught_on": len(learnt), "encoder_folds": FOLDS},
        heads=heads[-1],
        fold_of=fold_of,
        fold_heads=tuple(heads[:-1]),
        fold_files=(files,) * FOLDS,
        full=full,
        fold_full=() if full is None else (full,) * FOLDS,
    )


def _chain(texts: Sequence[tuple[Floats, Ints]], fields: int, width: int, seed: int) -> tuple[Floats, Floats, Floats]:
    """Weights (width + 1, tags), steps and starts, in nats."""
    from modicum.train import crf  # scipy

    tags = 1 + 2 * fields
    may, opens = legal(fields)
    moves, opening = np.where(may, 0.0, NEVER), np.where(opens, 0.0, NEVER)
    dense, steps, starts = np.zeros((width + 1, tags)), np.zeros((tags, tags)), np.zeros(tags)
    values: list[npt.NDArray[np.float64]] = [dense, steps, starts]
    sums = [np.full_like(one, 1e-2) for one in values]
    if not texts:
        return _single(dense), _single(steps), _single(starts)
    scale = float(np.sqrt(np.mean([np.square(vectors).mean() for vectors, _ in texts]))) or 1.0
    random = np.random.default_rng(seed)
    lengths = np.array([len(own) for _, own in texts])
    for epoch in range(EPOCHS):
        for batch in crf.batches(lengths, random):
            inside = np.arange(lengths[batch].max())[None] < lengths[batch][:, None]
            vectors = np.concatenate([texts[row][0] for row in batch]).astype(np.float64) / scale
            vectors = np.hstack([vectors * (random.random(vectors.shape) >= DROPPED) / (1 - DROPPED), np.ones((len(vectors), 1))])
            scores, truth = np.zeros((*inside.shape, tags)), np.zeros(inside.shape, np.int64)
            scores[inside] = vectors @ dense
            truth[inside] = np.concatenate([texts[row][1] for row in batch])
            by_piece, by_step, by_start = crf.gradients(scores, truth, inside, steps + moves, starts + opening)
            slopes = (vectors.T @ by_piece[inside] / len(batch) + DECAY * dense, by_step / len(batch), by_start / len(batch))
            for one, slope, total in zip(values, slopes, sums, strict=True):
                total += slope**2
                one -= RATE * (1 - 0.8 * epoch / EPOCHS) * slope / np.sqrt(total)
    dense[:-1] /= scale
    return _single(dense), _single(np.where(may, steps, 0.0)), _single(np.where(opens, starts, 0.0))


def _single(values: npt.NDArray[np.float64]) -> Floats:
    return values.astype(np.float32)
