"""`fit`: samples of one workload to the files of an encoder specialist, with a prediction for each sample that did not see it.

The encoder stays as it is and a head is learnt over its vectors, which come from the graph that will run, in its precision: what the
quantising moved, the head makes good. Folds follow the groups given. The same samples, groups, base and seed give the same files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from modicum.backends.embed import Embedder, Embedding, Floats
from modicum.backends.encoder import CENTRE_UNIT, HEAD_FILE, EncoderSpecialist, Head, scope, text_of
from modicum.backends.specialist import SPECIALIST_FILE, decide
from modicum.errors import MissingExtraError, NotEnoughDataError
from modicum.train.calibrate import temperature
from modicum.train.counts import Ints
from modicum.train.export import in_memory
from modicum.train.folds import assign
from modicum.train.linear import Trained, enough, labels_of
from modicum.types import Sample, but

FOLDS = 5
C = 10.0
"""Of the head's logistic regression over unit vectors: the best of 3, 10, 30 and 100 in cross-validation on BANKING77's training split; on
that of CLINC150 10 and 30 tie."""
CENTRES = 7
"""A label; one for every five texts of it at most."""
CENTRE_BYTES = 300_000
SCOPE_LOSS = 0.01
"""The share of all samples whose right answer may be lost to the scope's floor."""

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vectors:
    """What an encoder makes of texts, and the files it runs from."""

    files: dict[str, bytes]
    embedding: Embedding
    about: dict[str, Any]

    def of(self, texts: Sequence[str], progress: Progress = lambda share: None) -> Floats:
        """Vectors of the texts, shape (texts, width); equal texts are read once."""
        embedder = Embedder(in_memory(self.files), self.embedding)
        known: dict[str, Floats] = {}
        for number, text in enumerate(dict.fromkeys(texts)):
            known[text] = embedder.embed(text)
            progress((number + 1) / len(texts))
        return np.stack([known[text] for text in texts]) if texts else np.empty((0, self.embedding.width), np.float32)


def fit(
    samples: Sequence[Sample],
    *,
    groups: Sequence[int],
    used_slots: Sequence[str],
    vectors: Vectors,
    max_size_bytes: int,
    seed: int,
    progress: Progress = lambda share: None,
) -> Trained:
    """Train on the samples that have a value; `groups[i]` is the near-duplicate group of sample i.

    Raises NotEnoughDataError where too few answers repeat or the encoder does not fit `max_size_bytes`, MissingExtraError without
    scikit-learn or onnxruntime.
    """
    if len(groups) != len(samples):
        raise ValueError(f"{len(samples)} samples, but {len(groups)} groups")
    frequency, labels = labels_of(samples)
    enough(frequency, labels, len(set(groups)))
    if len(labels) < 2:
        raise NotEnoughDataError("all answers are one", hint="nothing larger than the smallest specialist is needed")
    number = {label: place for place, label in enumerate(labels)}
    truth = np.array([number.get(sample.value or "", -1) for sample in samples], dtype=np.int64)
    known = np.flatnonzero(truth >= 0)
    found = vectors.of([text_of(sample.slots, used_slots) for sample in samples], lambda share: progress(0.7 * share))

    folds = assign(groups, FOLDS, seed)
    logits = np.zeros((len(samples), len(labels)), np.float64)
    centres: list[Floats] = []
    for fold in range(FOLDS):
        rows = known[folds[known] != fold]
        weights, bias = _head(found[rows], truth[rows], len(labels))
        centres.append(_centres(found[rows], truth[rows], seed))
        own = np.flatnonzero(folds == fold)
        logits[own] = found[own] @ weights + bias
        progress(0.7 + 0.25 * (fold + 1) / FOLDS)
    sharpness = temperature(logits[known], truth[known])
    told = [decide(row, sharpness, labels) for row in logits]
    scopes = np.array([scope(one, found[row], centres[folds[row]]) for row, one in enumerate(told)])
    right = np.array([one.value == sample.value for one, sample in zip(told, samples, strict=True)])
    floor = _floor(scopes, right)
    out_of_fold = tuple(one if scopes[row] >= floor else but(one, confidence=0.0) for row, one in enumerate(told))

    weights, bias = _head(found[known], truth[known], len(labels))
    head = Head(
        labels=tuple(labels),
        weights=weights,
        bias=bias,
        centres=_centres(found[known], truth[known], seed),
        temperature=sharpness,
        scope_floor=floor,
    )
    files = export(head, used_slots, vectors)
    size = sum(map(len, files.values()))
    if size > max_size_bytes:
        raise NotEnoughDataError(f"the encoder has {size} bytes, and {max_size_bytes} are allowed", hint="raise [fit] max_size_bytes")
    about = vectors.about | {
        "trainer": "encoder",
        "samples": len(samples),
        "unreadable": len(samples) - frequency.total(),
        "labels": len(labels),
        "labels_left_out": len(frequency) - len(labels),
        "seed": seed,
        "trained_on": len(known),
        "c": C,
        "folds": FOLDS,
        "temperature": sharpness,
        "scope_floor": floor,
        "used_slots": list(used_slots),
        "out_of_fold_agreement": round(float(right.mean()), 4),
        "size_bytes": size,
    }
    progress(1.0)
    scores = (logits * sharpness).astype(np.float32)
    return Trained(files=files, about=about, used_slots=tuple(used_slots), out_of_fold=out_of_fold, labels=tuple(labels), scores=scores)


def export(head: Head, used_slots: Sequence[str], vectors: Vectors) -> dict[str, bytes]:
    """The files of an encoder specialist."""
    from safetensors.numpy import save

    body = EncoderSpecialist(
        kind="encoder",
        labels=list(head.labels),
        used_slots=list(used_slots),
        temperature=head.temperature,
        scope_floor=head.scope_floor,
        embedding=vectors.embedding,
    )
    tensors: dict[str, npt.NDArray[Any]] = {
        "weights": np.ascontiguousarray(head.weights, dtype=np.float32),
        "bias": np.ascontiguousarray(head.bias, dtype=np.float32),
        "centres": np.rint(head.centres * CENTRE_UNIT).astype(np.int8),
    }
    return vectors.files | {SPECIALIST_FILE: msgspec.json.encode(body), HEAD_FILE: save(tensors)}


def _head(found: Floats, truth: Ints, labels: int) -> tuple[Floats, Floats]:
    """Weights (width, labels) and bias (labels,) of a logistic regression; a label that this part lacks is never said."""
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError:
        raise MissingExtraError.of("train", "fitting a specialist") from None
    present = np.unique(truth)
    learnt = LogisticRegression(C=C, max_iter=500).fit(found, truth)
    columns, offsets = learnt.coef_.T, learnt.intercept_
    if len(present) == 2:  # scikit-learn gives one column for two labels
        columns, offsets = np.hstack([-columns / 2, columns / 2]), np.concatenate([-offsets / 2, offsets / 2])
    weights = np.zeros((found.shape[1], labels), np.float32)
    bias = np.full(labels, -1e4, np.float32)
    weights[:, present], bias[present] = columns, offsets
    return weights, bias


def _centres(found: Floats, truth: Ints, seed: int) -> Floats:
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


def _floor(scopes: np.ndarray, right: np.ndarray) -> float:
    """The highest floor that takes the answer from no more than SCOPE_LOSS of all samples that were right."""
    lost = int(SCOPE_LOSS * len(scopes))
    own = np.sort(scopes[right])
    return round(float(own[lost]), 6) if len(own) > lost else 0.0
