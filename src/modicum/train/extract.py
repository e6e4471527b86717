"""`fit`: samples whose answers are JSON records to the files of an extractor, with a record for each sample that did not see it.

Closed fields are learnt as any labels are. Open fields are looked for in the request (`train.design`), and taggers learn to mark them.
A sample in which a value of a tagger's field stands nowhere cannot teach that tagger. Folds follow the groups given; the same samples,
groups, contract, size and seed give the same files.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from modicum.backends.extractor import TAGS_FILE, Extractor, ExtractorSpecialist, Layer, prefix
from modicum.backends.pieces import PIECES_VERSION
from modicum.backends.specialist import SPECIALIST_FILE
from modicum.backends.tagger import NEVER, Span, Tagger, Weights
from modicum.errors import NotEnoughDataError
from modicum.train import linear
from modicum.train.design import Design
from modicum.train.export import in_memory
from modicum.train.folds import assign
from modicum.train.linear import MIN_GROUPS, MIN_SAMPLES, Trained
from modicum.types import Prediction, Sample

FOLDS = 3
LEARN_PIECES = 150_000
"""Words and marks that a tagger learns from: bounds it to about a minute and 500 MB."""
CLOSED_SHARE = 0.4
"""Of the size, what the closed heads get where there are open ones."""

SLOPE_ERROR = 0.25
"""How far the calibration's slope is expected to lie from 1, before anything was seen."""
Floats = npt.NDArray[np.float64]

Progress = Callable[[float], None]


def fit(
    samples: Sequence[Sample],
    plan: Design,
    *,
    groups: Sequence[int],
    max_size_bytes: int,
    seed: int,
    progress: Progress = lambda share: None,
) -> Trained:
    """Train on the samples that have a value; `plan` is the design on these very samples, `groups[i]` the group of sample i.

    Raises NotEnoughDataError where too little can be learnt for one of the fields, MissingExtraError without scikit-learn.
    """
    readable = sum(sample.value is not None for sample in samples)
    if readable < MIN_SAMPLES or len(set(groups)) < MIN_GROUPS:
        raise NotEnoughDataError(
            f"{readable} readable answers to {len(set(groups))} distinct requests are too few to train on",
            hint=f"at least {MIN_SAMPLES} answers and {MIN_GROUPS} distinct requests are needed",
        )
    size = max_size_bytes - 4_096
    closed_size = int(size * (CLOSED_SHARE if plan.layers else 1.0)) // max(1, len(plan.closed))
    heads = {}
    for number, said in plan.closed.items():
        own = [dataclasses.replace(sample, value=value) for sample, value in zip(samples, said, strict=True)]
        heads[number] = linear.fit(own, groups=groups, max_size_bytes=closed_size, seed=seed)
        progress(0.3 * len(heads) / len(plan.closed))
    spare = size - sum(len(data) for head in heads.values() for data in head.files.values())
    spare -= sum(600 + 6 * (1 + 2 * len(layer)) ** 2 for layer in plan.layers)  # steps, and what stands beside them
    layers, marked = _taggers(samples, plan, groups, spare, seed, lambda share: progress(0.3 + 0.65 * share))
    files = _files(plan, heads, layers, slope=1.0, offset=0.0)

    extractor = Extractor(in_memory(files))
    settled = []
    for row, sample in enumerate(samples):
        closed = {number: head.out_of_fold[row] for number, head in heads.items()}
        settled.append(extractor.settle(closed, marked[row], sample.slots))
    right = np.array([one.value == sample.value for one, sample in zip(settled, samples, strict=True)])
    slope, offset = _calibrate(np.array([one.odds for one in settled]), right)
    files = _files(plan, heads, layers, slope=slope, offset=offset)
    extractor = Extractor(in_memory(files))
    out_of_fold = tuple(Prediction(value=one.value, confidence=extractor.sure(one)) for one in settled)
    taught = [sum(None not in row for row in zip(*(plan.marks[field] for field in layer), strict=True)) for layer in plan.layers]
    about: dict[str, Any] = {
        "trainer": "extractor",
        "samples": len(samples),
        "unreadable": len(samples) - readable,
        "seed": seed,
        "folds": FOLDS,
        "fields": [[".".join(field.path), field.head] for field in plan.fields],
        "not_in_request": [[name, share] for name, share in plan.lost.items()],
        "taggers": [[".".join(plan.fields[field].path) for field in layer] for layer in plan.layers],
        "taught": taught,
        "used_slots": list(extractor.used_slots),
        "slope": slope,
        "offset": offset,
        "out_of_fold_agreement": round(float(right.mean()), 4),
        "size_bytes": sum(map(len, files.values())),
    }
    progress(1.0)
    return Trained(
        files=files,
        about=about,
        used_slots=extractor.used_slots,
        out_of_fold=out_of_fold,
        labels=(),
        scores=np.zeros((len(samples), 0), np.float32),
    )


def _taggers(
    samples: Sequence[Sample], plan: Design, groups: Sequence[int], size: int, seed: int, progress: Progress
) -> tuple[list[Weights], list[list[tuple[list[Span], float]]]]:
    """The weights of each layer, and what weights that had not seen a sample mark in it: of each sample one a layer."""
    from modicum.train import crf  # scipy

    layers: list[Weights] = []
    marked: list[list[tuple[list[Span], float]]] = [[] for _ in samples]
    folds = assign(groups, FOLDS, seed)
    steps = len(plan.layers) * (FOLDS + 1)
    learnt = _draw(plan, groups, seed)
    for layer in plan.layers:
        features = crf.Features()
        texts: dict[int, list[crf.Text]] = {}
        for row in learnt:
            if (tagged := _tags(plan, layer, row)) is not None:
                texts[row] = [
                    features.read(one.text, one.pieces, one.slot, tags) for one, tags in zip(plan.texts[row], tagged, strict=True)
                ]
        names = features.names

        def train(
            rows: Sequence[int], layer: tuple[int, ...] = layer, texts: dict[int, list[crf.Text]] = texts, names: list[str] = names
        ) -> Weights:
            own = [(text, groups[row]) for row in rows for text in texts.get(row, ())]
            if not any(any(text.tags) for text, _ in own):
                raise NotEnoughDataError("next to none of the copied values stand in the requests")
            of = [group for _, group in own]
            return crf.train([text for text, _ in own], of, names, layer, budget_bytes=size // len(plan.layers), seed=seed)

        for fold in range(FOLDS):
            tagger = Tagger(train(np.flatnonzero(folds != fold).tolist()))
            for row in np.flatnonzero(folds == fold).tolist():
                texts_of = dict(samples[row].slots)
                marked[row].append(tagger.find([(slot, texts_of.get(slot, "")) for slot in plan.used_slots]))
            progress((len(layers) * (FOLDS + 1) + fold + 1) / steps)
        layers.append(train(range(len(samples))))
    return layers, marked


def _draw(plan: Design, groups: Sequence[int], seed: int) -> list[int]:
    """The samples that taggers learn from, ascending: all of them, or as many groups as LEARN_PIECES pays for."""
    pieces = np.array([sum(len(one.pieces) for one in texts) for texts in plan.texts], np.int64)
    if pieces.sum() <= LEARN_PIECES:
        return list(range(len(pieces)))
    distinct = sorted(set(groups))
    rank = dict(zip(distinct, np.random.default_rng(seed).permutation(len(distinct)).tolist(), strict=True))
    order = np.argsort([rank[group] for group in groups], kind="stable")
    return sorted(order[np.cumsum(pieces[order]) <= LEARN_PIECES].tolist())


def _tags(plan: Design, layer: Sequence[int], row: int) -> list[list[int]] | None:
    """The tags of each text of a sample; None where a value of the layer stands nowhere, or two stand in one place."""
    tags = [[0] * len(read.pieces) for read in plan.texts[row]]
    for local, field in enumerate(layer):
        places = plan.marks[field][row]
        if places is None:
            return None
        for place in places:
            own = tags[place.text]
            if any(own[place.first : place.last + 1]):
                return None
            own[place.first] = 1 + 2 * local
            own[place.first + 1 : place.last + 1] = [2 + 2 * local] * (place.last - place.first)
    return tags


def _files(plan: Design, heads: dict[int, Trained], layers: Sequence[Weights], *, slope: float, offset: float) -> dict[str, bytes]:
    from safetensors.numpy import save

    body = ExtractorSpecialist(
        kind="extractor",
        pieces_version=PIECES_VERSION,
        used_slots=list(plan.used_slots),
        fields=list(plan.fields),
        holders=list(plan.holders),
        layers=[Layer(fields=list(one.fields), features=list(one.rows), unit=one.unit) for one in layers],
        outlined=list(plan.outlined),
        outlines=[list(one) for one in plan.outlines],
        slope=slope,
        offset=offset,
    )
    files = {SPECIALIST_FILE: msgspec.json.encode(body)}
    for number, head in heads.items():
        files |= {prefix(number) + name: data for name, data in head.files.items()}
    tensors: dict[str, npt.NDArray[Any]] = {}
    for n, one in enumerate(layers):
        tensors[f"pieces-{n}"] = np.ascontiguousarray(one.pieces)
        tensors[f"steps-{n}"] = np.where(one.steps == NEVER, 0, one.steps).astype(np.int32)
        tensors[f"starts-{n}"] = np.where(one.starts == NEVER, 0, one.starts).astype(np.int32)
    return files | ({TAGS_FILE: save(tensors)} if tensors else {})


def _calibrate(odds: Floats, right: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Slope and offset of the logit that gives `right` the greatest likelihood, smoothed as Platt (1999) does, by Newton's method.

    Where there is next to no mistake to learn from, the slope stays near 1: a flat one would trust what is like nothing that was seen.
    """
    count, total = len(right), int(right.sum())
    target = np.where(right, (total + 1) / (total + 2), 1 / (count - total + 2))
    found = np.array([1.0, 0.0])
    for _ in range(100):
        sure = 1 / (1 + np.exp(-np.clip(odds * found[0] + found[1], -60, 60)))
        weight = sure * (1 - sure)
        pull = (found[0] - 1) / SLOPE_ERROR**2
        slope = np.array([((sure - target) * odds).sum() + pull, (sure - target).sum()])
        curve = np.array(
            [[(weight * odds**2).sum() + SLOPE_ERROR**-2, (weight * odds).sum()], [(weight * odds).sum(), weight.sum() + 1e-6]]
        )
        step = np.linalg.solve(curve, slope)
        found -= step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-9:
            break
    return round(float(np.clip(found[0], 0.01, 100.0)), 6), round(float(np.clip(found[1], -100.0, 100.0)), 6)
