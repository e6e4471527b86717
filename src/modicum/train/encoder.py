"""`fit`: samples of one workload to the files of an encoder specialist, with a prediction for each sample that did not see it.

The encoder stays as it is and a head is learnt over its vectors, which come from the graph that will run, in its precision: what the
quantising moved, the head makes good. Or encoder and head are fine-tuned (`encoder_rounds`). The graph is handed out in the smallest
precision whose drift from full precision is within what is allowed, measured on texts that were not learnt from. Folds follow the groups
given. The same samples, groups, base and seed give the same files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from modicum.backends.embed import GRAPH_FILE, Embedder, Embedding, Floats
from modicum.backends.encoder import CENTRE_UNIT, HEAD_FILE, EncoderSpecialist, Head, scope, text_of
from modicum.backends.specialist import SPECIALIST_FILE, decide
from modicum.errors import NotEnoughDataError
from modicum.train import encoder_tune, logistic, precision
from modicum.train.calibrate import temperature
from modicum.train.counts import Ints
from modicum.train.drift import Compared, Drift, Tolerance, compare, spread
from modicum.train.encoder_rounds import Round, Tuner
from modicum.train.export import in_memory
from modicum.train.folds import assign
from modicum.train.linear import Trained, enough, labels_of
from modicum.train.precision import PRECISIONS, Precision
from modicum.train.scope import centres_of, floor_of
from modicum.types import Prediction, Sample, but

FOLDS = 5
REMEMBERED = 50_000
"""Texts whose vectors are kept for the next who asks."""
WEIGHED = 32
"""Texts that tell which operators bear int8 worst."""

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vectors:
    """What an encoder makes of texts, and the files it runs from."""

    files: dict[str, bytes]
    embedding: Embedding
    about: dict[str, Any]
    full: bytes | None = None
    """Its graph in full precision; None: what `files` holds is taken as it is."""
    canary: str = ""
    """Digest of the artefact that keeps the full precision."""
    tolerance: Tolerance = Tolerance()
    tuner: Tuner | None = None
    """What may fine-tune it."""
    known: dict[str, Floats] = field(default_factory=dict, compare=False, repr=False)
    """What was read already."""

    def of(self, texts: Sequence[str], progress: Progress = lambda share: None) -> Floats:
        """Vectors of the texts, shape (texts, width); equal texts are read once."""
        if len(self.known) > REMEMBERED:
            self.known.clear()
        new = [text for text in dict.fromkeys(texts) if text not in self.known]
        if new:
            embedder = Embedder(in_memory(self.files), self.embedding)
            for number, text in enumerate(new):
                self.known[text] = embedder.embed(text)
                progress((number + 1) / len(new))
        return np.stack([self.known[text] for text in texts]) if texts else np.empty((0, self.embedding.width), np.float32)

    def with_graph(self, graph: bytes) -> Vectors:
        """The same with another graph in it."""
        return replace(self, files=self.files | {GRAPH_FILE: graph}, known={})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """What the specialists of all folds say of the samples that they did not see, in one precision."""

    told: tuple[Prediction, ...]
    logits: npt.NDArray[np.float64]
    sharpness: float
    floor: float
    right: np.ndarray
    drift: Drift | None


class _Lesson:
    """The samples, as every part of a fit reads them."""

    def __init__(self, samples: Sequence[Sample], groups: Sequence[int], used_slots: Sequence[str], labels: list[str], seed: int) -> None:
        number = {label: place for place, label in enumerate(labels)}
        self.samples, self.groups, self.labels, self.seed = samples, groups, labels, seed
        self.texts = [text_of(sample.slots, used_slots) for sample in samples]
        self.truth: Ints = np.array([number.get(sample.value or "", -1) for sample in samples], dtype=np.int64)
        self.known = np.flatnonzero(self.truth >= 0)

    def head(self, vectors: Floats, rows: Ints) -> tuple[Floats, Floats]:
        """A head over these vectors of all samples, learnt from some."""
        return logistic.head(vectors[rows], self.truth[rows], len(self.labels))


def fit(
    samples: Sequence[Sample],
    *,
    groups: Sequence[int],
    used_slots: Sequence[str],
    vectors: Vectors,
    max_size_bytes: int,
    seed: int,
    tuner: Tuner | None = None,
    progress: Progress = lambda share: None,
) -> Trained:
    """Train on the samples that have a value; `groups[i]` is the near-duplicate group of sample i. With a `tuner` the encoder learns too.

    Raises NotEnoughDataError where too few answers repeat, the encoder does not fit `max_size_bytes` or fine-tuning would take longer than
    it may, MissingExtraError without scikit-learn or onnxruntime.
    """
    if len(groups) != len(samples):
        raise ValueError(f"{len(samples)} samples, but {len(groups)} groups")
    frequency, labels = labels_of(samples)
    enough(frequency, labels, len(set(groups)))
    if len(labels) < 2:
        raise NotEnoughDataError("all answers are one", hint="nothing larger than the smallest specialist is needed")
    _fits(sum(map(len, vectors.files.values())), max_size_bytes)  # before anything is learnt: it gets no smaller by that
    lesson = _Lesson(samples, groups, used_slots, labels, seed)
    folds = assign(groups, FOLDS if tuner is None else tuner.folds(lesson.texts), seed)
    made: list[Round] = []
    if tuner is not None:
        made = _rounds(lesson, folds, vectors, tuner, lambda share: progress(0.7 * share))
        canary = tuner.keep.canary(vectors.files | {GRAPH_FILE: made[-1].graph}, vectors.about)
        vectors = replace(vectors.with_graph(made[-1].graph), full=made[-1].graph, canary=canary)
    grades: Sequence[Precision] = PRECISIONS if vectors.full is not None else PRECISIONS[:1]
    leave: list[str] = []
    for grade in grades:
        if grade == "mixed":
            leave = _sensitive(vectors, lesson.texts)
        graded = _graded(vectors, grade, leave, fresh=bool(made))
        heard = _hear(lesson, folds, graded, made, grade, leave, lambda share: progress(0.7 + 0.25 * share))
        if heard.drift is None or not heard.drift.beyond:
            break

    found = graded.of(lesson.texts)
    weights, bias = (made[-1].weights, made[-1].bias) if made else lesson.head(found, lesson.known)
    head = Head(
        labels=tuple(labels),
        weights=weights,
        bias=bias,
        centres=centres_of(found[lesson.known], lesson.truth[lesson.known], seed),
        temperature=heard.sharpness,
        scope_floor=heard.floor,
    )
    files = export(head, used_slots, graded)
    size = sum(map(len, files.values()))
    _fits(size, max_size_bytes, "" if grade == "int8" else f" in {grade}, for int8 drifts too far")
    about = vectors.about | {
        "trainer": "encoder",
        "tuned": bool(made),
        "precision": grade,
        "samples": len(samples),
        "unreadable": len(samples) - frequency.total(),
        "labels": len(labels),
        "labels_left_out": len(frequency) - len(labels),
        "seed": seed,
        "trained_on": len(lesson.known),
        "c": logistic.C,
        "folds": int(folds.max()) + 1,
        "temperature": heard.sharpness,
        "scope_floor": heard.floor,
        "used_slots": list(used_slots),
        "out_of_fold_agreement": round(float(heard.right.mean()), 4),
        "size_bytes": size,
    }
    if vectors.canary:
        about["canary"] = vectors.canary
    if leave and grade == "mixed":
        about["left_in_float32"] = leave
    if heard.drift is not None:
        about |= heard.drift.said()
    if tuner is not None:
        tuner.keep.forget()
    progress(1.0)
    scores = (heard.logits * heard.sharpness).astype(np.float32)
    return Trained(files=files, about=about, used_slots=tuple(used_slots), out_of_fold=heard.told, labels=tuple(labels), scores=scores)


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


def _fits(size: int, most: int, drifted: str = "") -> None:
    if size > most:
        raise NotEnoughDataError(f"the encoder has {size:,} bytes{drifted}, and {most:,} are allowed", hint="raise [fit] max_encoder_bytes")


def _rounds(lesson: _Lesson, folds: Ints, vectors: Vectors, tuner: Tuner, progress: Progress) -> list[Round]:
    """An encoder for each fold that did not see it, and last the one that saw all."""
    start = vectors.of(lesson.texts, lambda share: progress(0.05 * share))
    count = int(folds.max()) + 1
    # All first, for it takes longest and is what is wanted; its place in the list is the last.
    order = [count, *range(count)]
    made: dict[int, Round] = {}
    epochs = encoder_tune.epochs(len(lesson.known))
    for number, fold in enumerate(order):
        rows = lesson.known[folds[lesson.known] != fold]
        weights, bias = lesson.head(start, rows)

        def tell(share: float, number: int = number) -> None:
            progress(0.05 + 0.95 * (number + share) / len(order))

        texts = [lesson.texts[row] for row in rows]
        made[fold] = tuner.learn(texts, lesson.truth[rows], epochs=epochs, weights=weights, bias=bias, progress=tell)
    return [made[fold] for fold in sorted(made)]


def _graded(vectors: Vectors, grade: Precision, leave: Sequence[str], *, fresh: bool) -> Vectors:
    """The encoder in a precision; in int8 it is there already, but for one that was just made."""
    if vectors.full is None or (grade == "int8" and not fresh):
        return vectors
    return vectors.with_graph(precision.lower(vectors.full, grade, leave=leave))


def _hear(
    lesson: _Lesson, folds: Ints, graded: Vectors, made: Sequence[Round], grade: Precision, leave: Sequence[str], progress: Progress
) -> _Heard:
    """Each fold's specialist in one precision, and in full precision on some of the texts."""
    count, size = int(folds.max()) + 1, len(lesson.samples)
    logits = np.zeros((size, len(lesson.labels)), np.float64)
    scopes, centres, vectors_of = np.zeros(size), [], np.zeros((size, graded.embedding.width), np.float32)
    exact: dict[int, str] = {}
    picked = np.zeros(size, bool)
    picked[spread(size)] = graded.full is not None
    whole = graded.with_graph(graded.full) if graded.full is not None else graded
    for fold in range(count):
        rows, own = lesson.known[folds[lesson.known] != fold], np.flatnonzero(folds == fold)
        both = [row for row in own.tolist() if picked[row]]
        if made:
            ours, whole = graded.with_graph(precision.lower(made[fold].graph, grade, leave=leave)), graded.with_graph(made[fold].graph)
            weights, bias = made[fold].weights, made[fold].bias
        else:
            ours = graded
        found = ours.of(lesson.texts, lambda share, fold=fold: progress((fold + share) / count))  # type: ignore[misc]
        if not made:
            weights, bias = lesson.head(found, rows)
        centres.append(centres_of(found[rows], lesson.truth[rows], lesson.seed))
        vectors_of[own] = found[own]
        logits[own] = found[own] @ weights + bias
        if both:
            said = (whole.of([lesson.texts[row] for row in both]) @ weights + bias).argmax(axis=1)
            exact |= {row: lesson.labels[label] for row, label in zip(both, said.tolist(), strict=True)}
        progress((fold + 1) / count)
    sharpness = temperature(logits[lesson.known], lesson.truth[lesson.known])
    told = [decide(row, sharpness, lesson.labels) for row in logits]
    scopes = np.array([scope(one, vectors_of[row], centres[folds[row]]) for row, one in enumerate(told)])
    right = np.array([one.value == sample.value for one, sample in zip(told, lesson.samples, strict=True)])
    floor = floor_of(scopes, right)
    compared = [
        Compared(sample=lesson.samples[row], text=lesson.texts[row], full=full, small=told[row].value)
        for row, full in sorted(exact.items())
    ]
    return _Heard(
        told=tuple(one if scopes[row] >= floor else but(one, confidence=0.0) for row, one in enumerate(told)),
        logits=logits,
        sharpness=sharpness,
        floor=floor,
        right=right,
        drift=compare(compared, graded.tolerance) if compared else None,
    )


def _sensitive(vectors: Vectors, texts: Sequence[str]) -> list[str]:
    assert vectors.full is not None
    distinct = list(dict.fromkeys(texts))
    some = distinct[:: max(1, len(distinct) // WEIGHED)][:WEIGHED]
    return precision.sensitive(vectors.full, lambda graph: vectors.with_graph(graph).of(some))
