"""`fit`: samples whose answers are JSON records to the files of an extractor, with a record for each sample that did not see it.

Closed fields are learnt as any labels are. Open fields are looked for in the request (`train.design`), and taggers learn to mark them.
A sample in which a value of a tagger's field stands nowhere cannot teach that tagger. What is learnt over features (`learn`) becomes an
extractor alone, or together with an encoder that was taught to read for the same fields (`assemble`). Folds follow the groups given; the
same samples, groups, contract, size and seed give the same files.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from modicum.backends.choice import CHOICES_FILE
from modicum.backends.extractor import TAGS_FILE, Extractor, ExtractorSpecialist, Layer, Settled, prefix
from modicum.backends.pieces import PIECES_VERSION
from modicum.backends.specialist import SPECIALIST_FILE
from modicum.backends.tagger import NEVER, Tagger, Weights
from modicum.errors import NotEnoughDataError
from modicum.train import linear
from modicum.train.counts import Ints
from modicum.train.design import Design
from modicum.train.export import in_memory
from modicum.train.folds import assign
from modicum.train.joining import Heard, Part, blend, choose, listen, sharpen, weigh
from modicum.train.linear import MIN_GROUPS, MIN_SAMPLES, Trained
from modicum.train.reading import Subject, draw
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """What was learnt over features."""

    samples: Sequence[Sample]
    plan: Design
    groups: Sequence[int]
    seed: int
    heads: dict[int, Trained]
    """Of each closed field."""
    taggers: tuple[Weights, ...]
    """Of each layer."""
    fold_of: Ints
    """(samples,)."""
    fold_taggers: tuple[tuple[Weights, ...], ...]
    """Of each layer and fold: it has not seen that fold."""

    def subject(self) -> Subject:
        """What an encoder would read for."""
        said = []
        for number, head in self.chosen.items():
            known = {label: place for place, label in enumerate(head.labels)}
            said.append([known.get(value or "", -1) for value in self.plan.closed[number]])
        return Subject(
            layers=tuple(map(len, self.plan.layers)),
            tags=tuple(
                [
                    None if tags is None else {read.slot: own for read, own in zip(self.plan.texts[row], tags, strict=True)}
                    for row in range(len(self.samples))
                    for tags in (tags_of(self.plan, layer, row),)
                ]
                for layer in self.plan.layers
            ),
            values=tuple(len(head.labels) for head in self.chosen.values()),
            said=tuple(said),
        )

    @property
    def chosen(self) -> dict[int, Trained]:
        """The closed heads that can say more than one thing."""
        return {number: head for number, head in self.heads.items() if len(head.labels) > 1}

    @property
    def reads(self) -> tuple[str, ...]:
        """The slots that tell something."""
        return tuple(dict.fromkeys([*self.plan.used_slots, *(slot for head in self.heads.values() for slot in head.used_slots)]))


def fit(
    samples: Sequence[Sample],
    plan: Design,
    *,
    groups: Sequence[int],
    max_size_bytes: int,
    seed: int,
    progress: Progress = lambda share: None,
) -> Trained:
    """`learn`, then `assemble` without an encoder."""
    return assemble(learn(samples, plan, groups=groups, max_size_bytes=max_size_bytes, seed=seed, progress=progress))


def learn(
    samples: Sequence[Sample],
    plan: Design,
    *,
    groups: Sequence[int],
    max_size_bytes: int,
    seed: int,
    progress: Progress = lambda share: None,
) -> Learnt:
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
    fold_of = assign(groups, FOLDS, seed)
    taggers, fold_taggers = _taggers(plan, groups, fold_of, spare, seed, lambda share: progress(0.3 + 0.65 * share))
    return Learnt(
        samples=samples,
        plan=plan,
        groups=groups,
        seed=seed,
        heads=heads,
        taggers=taggers,
        fold_of=fold_of,
        fold_taggers=fold_taggers,
    )


def assemble(learnt: Learnt, part: Part | None = None, *, with_files: bool = True, max_size_bytes: int | None = None) -> Trained:
    """The extractor, calibrated on what each part says of samples that it had not seen. `part`: an encoder's; `with_files`: its graph is
    put beside. Raises NotEnoughDataError where it has more than `max_size_bytes`.
    """
    samples, plan = learnt.samples, learnt.plan
    joined = _join(learnt, part)
    own_files = dict(part.taught.files) if part is not None and with_files else {}
    files = _files(learnt, joined, part, slope=1.0, offset=0.0)
    if max_size_bytes is not None and (size := sum(map(len, (*files.values(), *own_files.values())))) > max_size_bytes:
        raise NotEnoughDataError(f"the extractor has {size} bytes, and {max_size_bytes} are allowed", hint="raise [fit] max_encoder_bytes")
    reader = None if part is None else part.reader()
    extractor = Extractor(in_memory(files), reader)

    def settle(told: _Told, row: int) -> Settled:
        texts = dict(samples[row].slots)
        read = [(slot, texts.get(slot, "")) for slot in plan.used_slots]
        marked = [tagger.find(read, heard) for tagger, heard in told.of(row)]
        return extractor.settle({number: said[row] for number, said in told.closed.items()}, marked, samples[row].slots)

    settled = [settle(joined.told, row) for row in range(len(samples))]
    exact = {row: settle(joined.exact, row) for row in part.compared} if part is not None and joined.exact is not None else {}
    right = np.array([one.value == sample.value for one, sample in zip(settled, samples, strict=True)])
    slope, offset = _calibrate(np.array([one.odds for one in settled]), right)
    files = _files(learnt, joined, part, slope=slope, offset=offset)
    extractor = Extractor(in_memory(files), reader)
    files |= own_files
    about: dict[str, Any] = {
        "trainer": "extractor",
        "samples": len(samples),
        "unreadable": sum(sample.value is None for sample in samples),
        "seed": learnt.seed,
        "folds": FOLDS,
        "fields": [[".".join(field.path), field.head] for field in plan.fields],
        "not_in_request": [[name, share] for name, share in plan.lost.items()],
        "taggers": [[".".join(plan.fields[field].path) for field in layer] for layer in plan.layers],
        "taught": [sum(None not in row for row in zip(*(plan.marks[field] for field in layer), strict=True)) for layer in plan.layers],
        "used_slots": list(extractor.used_slots),
        "slope": slope,
        "offset": offset,
        "out_of_fold_agreement": round(float(right.mean()), 4),
        "size_bytes": sum(map(len, files.values())),
    }
    if part is not None:
        about = part.taught.about | about | {"reads": list(part.taught.reads), "shares": [list(one) for one in joined.shares]}
    return Trained(
        files=files,
        about=about,
        used_slots=extractor.used_slots,
        out_of_fold=tuple(Prediction(value=one.value, confidence=extractor.sure(one)) for one in settled),
        labels=(),
        scores=np.zeros((len(samples), 0), np.float32),
        exact={row: Prediction(value=one.value, confidence=extractor.sure(one)) for row, one in exact.items()},
    )


def _taggers(
    plan: Design, groups: Sequence[int], fold_of: Ints, size: int, seed: int, progress: Progress
) -> tuple[tuple[Weights, ...], tuple[tuple[Weights, ...], ...]]:
    """The weights of each layer, and of each layer and fold those that had not seen it."""
    from modicum.train import crf  # scipy

    whole: list[Weights] = []
    parts_: list[tuple[Weights, ...]] = []
    steps = len(plan.layers) * (FOLDS + 1)
    learnt = draw([sum(len(one.pieces) for one in texts) for texts in plan.texts], groups, LEARN_PIECES, seed)
    for layer in plan.layers:
        features = crf.Features()
        texts: dict[int, list[crf.Text]] = {}
        for row in learnt:
            if (tagged := tags_of(plan, layer, row)) is not None:
                texts[row] = [
                    features.read(one.text, one.pieces, one.slot, tags) for one, tags in zip(plan.texts[row], tagged, strict=True)
                ]
        names = features.names
        found = []
        for fold in range(FOLDS + 1):  # the last is none: it learns from all
            own = [(text, groups[row]) for row, read in texts.items() if fold_of[row] != fold for text in read]
            if not any(any(text.tags) for text, _ in own):
                raise NotEnoughDataError("next to none of the copied values stand in the requests")
            found.append(
                crf.train(
                    [text for text, _ in own],
                    [group for _, group in own],
                    names,
                    layer,
                    budget_bytes=size // len(plan.layers),
                    seed=seed,
                )
            )
            progress((len(whole) * (FOLDS + 1) + fold + 1) / steps)
        whole.append(found[-1])
        parts_.append(tuple(found[:-1]))
    return tuple(whole), tuple(parts_)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What the parts say of samples that they had not seen."""

    closed: dict[int, Sequence[Prediction]]
    of: Callable[[int], list[tuple[Tagger, dict[str, npt.NDArray[np.float32]] | None]]]
    """Of a sample the tagger of each layer, and what it hears."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Joined:
    """What will run, and what is said by it."""

    whole: tuple[Weights, ...]
    shares: tuple[tuple[float, float], ...]
    choices: dict[str, npt.NDArray[np.float32]]
    told: _Told
    exact: _Told | None = None
    """By an encoder in full precision, of the samples that are compared."""


def _join(learnt: Learnt, part: Part | None) -> _Joined:
    said: dict[int, Sequence[Prediction]] = {number: head.out_of_fold for number, head in learnt.heads.items()}
    if part is None:
        taggers = [[Tagger(one) for one in folds] for folds in learnt.fold_taggers]
        told = _Told(closed=said, of=lambda row: [(folds[learnt.fold_of[row]], None) for folds in taggers])
        return _Joined(whole=learnt.taggers, shares=(), choices={}, told=told)
    taught = part.taught
    slots = [sample.slots for sample in learnt.samples]
    heard = listen(part, slots)
    subject = learnt.subject()
    choices, sharp = {}, []
    for place, number in enumerate(learnt.chosen):
        sharp.append(sharpen(heard.closed[place], subject.said[place]))
        own = part.closed[place]
        choices[f"weights-{number}"] = taught.heads.weights[own] * np.float32(sharp[-1])
        choices[f"bias-{number}"] = taught.heads.bias[own] * np.float32(sharp[-1])
    texts = [dict(one) for one in slots]
    whole, shares, both = [], [], []
    for layer, number in enumerate(part.layers):
        count = weigh(learnt.fold_taggers[layer], learnt.fold_of, part, layer, heard.layers[layer], subject.tags[layer], texts)
        last = blend(learnt.taggers[layer], taught.heads.steps[number], taught.heads.starts[number], count)
        whole.append(dataclasses.replace(last, dense=taught.heads.dense[number] * np.float32(count[1])))
        shares.append(count)
        both.append(
            [
                [Tagger(blend(one, heads.steps[number], heads.starts[number], count)) for heads in taught.fold_heads]
                for one in learnt.fold_taggers[layer]
            ]
        )

    def told_of(heard: Heard) -> _Told:
        def of(row: int) -> list[tuple[Tagger, dict[str, npt.NDArray[np.float32]] | None]]:
            fold, own = taught.fold_of[part.rows[row]], learnt.fold_of[row]
            layers = zip(both, shares, heard.layers, strict=True)
            return [(ts[own][fold], {slot: one * np.float32(s[1]) for slot, one in seen[row].items()}) for ts, s, seen in layers]

        chosen = zip(learnt.chosen.items(), heard.closed, sharp, strict=True)
        return _Told(closed=said | {number: choose(head, scores, by) for (number, head), scores, by in chosen}, of=of)

    exact = told_of(listen(part, slots, full=True)) if taught.full is not None else None
    return _Joined(whole=tuple(whole), shares=tuple(shares), choices=choices, told=told_of(heard), exact=exact)


def tags_of(plan: Design, layer: Sequence[int], row: int) -> list[list[int]] | None:
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


def _files(learnt: Learnt, joined: _Joined, part: Part | None, *, slope: float, offset: float) -> dict[str, bytes]:
    from safetensors.numpy import save

    plan = learnt.plan
    body = ExtractorSpecialist(
        kind="extractor",
        pieces_version=PIECES_VERSION,
        used_slots=list(plan.used_slots),
        fields=list(plan.fields),
        holders=list(plan.holders),
        layers=[Layer(fields=list(one.fields), features=list(one.rows), unit=one.unit) for one in joined.whole],
        outlined=list(plan.outlined),
        outlines=[list(one) for one in plan.outlines],
        slope=slope,
        offset=offset,
        embedding=None if part is None else part.taught.embedding,
        reads=[] if part is None else list(part.taught.reads),
    )
    files = {SPECIALIST_FILE: msgspec.json.encode(body)}
    for number, head in learnt.heads.items():
        files |= {prefix(number) + name: data for name, data in head.files.items()}
    tensors: dict[str, npt.NDArray[Any]] = {}
    for n, one in enumerate(joined.whole):
        tensors[f"pieces-{n}"] = np.ascontiguousarray(one.pieces)
        tensors[f"steps-{n}"] = np.where(one.steps == NEVER, 0, one.steps).astype(np.int32)
        tensors[f"starts-{n}"] = np.where(one.starts == NEVER, 0, one.starts).astype(np.int32)
        if one.dense is not None:
            tensors[f"dense-{n}"] = np.ascontiguousarray(one.dense)
    files |= {TAGS_FILE: save(tensors)} if tensors else {}
    return files | ({CHOICES_FILE: save(joined.choices)} if joined.choices else {})


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
