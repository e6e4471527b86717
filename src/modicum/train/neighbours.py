"""Recorded answers to the files of a nearest-neighbour cache, with what it would have said of each sample without having seen it.

One entry a distinct text, the newest as far as they fit. What a sample is told out of its fold comes from the same lines as by day, over
the entries of other near-duplicate groups.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from modicum.backends.encoder import text_of
from modicum.backends.features import FEATURES_VERSION
from modicum.backends.nearness import HASH_WIDTH, MOST_WIDTH, Vector, hashed, rounded, weighed
from modicum.backends.neighbours import ENTRIES_FILE, RARITY_UNIT, Guard, Nearest, NeighboursSpecialist, guard_of
from modicum.backends.specialist import SPECIALIST_FILE
from modicum.errors import NotEnoughDataError
from modicum.train.encoder import Vectors
from modicum.train.linear import Trained, enough, labels_of
from modicum.types import Prediction, Sample

GUARDS: tuple[Guard, ...] = ("numbers", "turns", "none")
"""Strictest first."""
MOST_ENTRIES = 4_000
"""Beyond, an answer takes longer than a classifier's."""
ENTRY_COST = 8
BLOCK = 256
"""Samples compared at once."""

Progress = Callable[[float], None]


def fit(
    samples: Sequence[Sample],
    *,
    groups: Sequence[int],
    used_slots: Sequence[str],
    vectors: Vectors | None,
    max_size_bytes: int,
    progress: Progress = lambda share: None,
) -> Iterator[Trained]:
    """One cache for each guard, strictest first, over samples in time order; `groups[i]` is the near-duplicate group of sample i.

    Raises NotEnoughDataError where too few answers repeat or not enough entries fit `max_size_bytes`.
    """
    frequency, labels = labels_of(samples)
    enough(frequency, labels, len(set(groups)))
    number = {label: place for place, label in enumerate(labels)}
    texts = [text_of(sample.slots, used_slots) for sample in samples]
    width = HASH_WIDTH if vectors is None else vectors.embedding.width
    if width > MOST_WIDTH:
        raise NotEnoughDataError(f"vectors of width {width}: at most {MOST_WIDTH} can be compared exactly")
    files = {} if vectors is None else vectors.files
    room = (max_size_bytes - sum(map(len, files.values())) - 8_192 - 2 * width) // (width + ENTRY_COST)
    newest = {texts[row]: row for row in range(len(samples)) if samples[row].value in number}
    entries = sorted(newest.values())[-max(0, min(room, MOST_ENTRIES)) :] if room > 0 else []
    if len(entries) < len(labels):
        raise NotEnoughDataError(f"{len(labels)} labels, and room for {max(room, 0)} requests", hint="raise [fit] max_size_bytes")
    found, rarity = _hashed(texts) if vectors is None else (_embedded(texts, vectors), None)
    answers = np.array([number[samples[row].value or ""] for row in entries], np.int64)
    group = np.array(groups, np.int64)
    own = group[entries]
    guards = {guard: np.array([guard_of(text, guard) for text in texts], np.uint32) for guard in GUARDS}
    caches = [
        Nearest(vectors=found[entries], answers=answers, guards=guards[guard][entries], labels=labels, guard=guard) for guard in GUARDS
    ]
    said: list[list[Prediction]] = [[] for _ in GUARDS]
    for start in range(0, len(samples), BLOCK):
        near = caches[0].near(found[start : start + BLOCK])
        for row, cosines in enumerate(near, start):
            hidden = own == group[row]
            for cache, told in zip(caches, said, strict=True):
                told.append(cache.judge(cosines, int(guards[cache.guard][row]), hidden=hidden))
        progress((start + BLOCK) / (len(samples) + BLOCK))
    for guard, told in zip(GUARDS, said, strict=True):
        body = NeighboursSpecialist(
            kind="neighbours",
            features_version=FEATURES_VERSION,
            labels=list(labels),
            used_slots=list(used_slots),
            guard=guard,
            embedding=None if vectors is None else vectors.embedding,
        )
        tensors: dict[str, npt.NDArray[Any]] = {
            "vectors": found[entries].astype(np.int8),
            "answers": answers.astype(np.int32),
            "guards": guards[guard][entries],
        }
        if rarity is not None:
            tensors["rarity"] = rarity
        yield _trained(files | _files(body, tensors), told, samples, labels, used_slots, guard, len(entries), vectors)


def _files(body: NeighboursSpecialist, tensors: dict[str, npt.NDArray[Any]]) -> dict[str, bytes]:
    from safetensors.numpy import save

    return {SPECIALIST_FILE: msgspec.json.encode(body), ENTRIES_FILE: save(tensors)}


def _trained(
    files: dict[str, bytes],
    told: Sequence[Prediction],
    samples: Sequence[Sample],
    labels: Sequence[str],
    used_slots: Sequence[str],
    guard: Guard,
    entries: int,
    vectors: Vectors | None,
) -> Trained:
    right = sum(one.value == sample.value for one, sample in zip(told, samples, strict=True)) / len(samples)
    about = (vectors.about if vectors is not None else {}) | {
        "trainer": "neighbours",
        "samples": len(samples),
        "entries": entries,
        "guard": guard,
        "used_slots": list(used_slots),
        "out_of_fold_agreement": round(right, 4),
        "size_bytes": sum(map(len, files.values())),
    }
    return Trained(
        files=files,
        about=about,
        used_slots=tuple(used_slots),
        out_of_fold=tuple(told),
        labels=tuple(labels),
        scores=np.zeros((len(samples), 0), np.float32),
    )


def _hashed(texts: Sequence[str]) -> tuple[Vector, npt.NDArray[np.uint16]]:
    """Vectors of all texts, (texts, width), and the weight of each bucket in 256ths: log of how rare it is."""
    known = {text: hashed(text) for text in dict.fromkeys(texts)}
    seen = np.zeros(HASH_WIDTH)
    for buckets, _ in known.values():
        seen[buckets] += 1
    rarity = np.rint((1 + np.log((1 + len(known)) / (1 + seen))) * RARITY_UNIT).astype(np.uint16)
    weights = rarity.astype(np.float64) / RARITY_UNIT
    vectors = {text: weighed(*pair, weights) for text, pair in known.items()}
    return np.stack([vectors[text] for text in texts]), rarity


def _embedded(texts: Sequence[str], vectors: Vectors) -> Vector:
    return np.stack([rounded(vector) for vector in vectors.of(texts)])
