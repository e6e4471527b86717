"""`fit`: samples of one workload to the files of a linear specialist, with a prediction for each sample that did not see it.

The out-of-fold predictions come from specialists trained, pruned and quantised like the one that is handed out, run by
the same code as by day. Folds follow the groups given, so no near-duplicate stands on both sides. Weights are handed out in int8 where
that says the same as the floats they were learnt in (`drift`), else in int16. The same samples, groups, size and seed give the same files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from modicum.backends.encoder import text_of
from modicum.backends.features import HEAD_CHARS, TAIL_CHARS
from modicum.backends.linear import Linear
from modicum.backends.specialist import decide
from modicum.errors import NotEnoughDataError
from modicum.train.calibrate import temperature
from modicum.train.counts import Counts, Ints, count
from modicum.train.distil import Teacher
from modicum.train.drift import Compared, Drift, Tolerance, compare, spread
from modicum.train.export import Bits, export, export_constant, in_memory, with_temperature
from modicum.train.folds import assign
from modicum.train.long_texts import LONG_CHARS, helps
from modicum.train.machine import C, Machine, train
from modicum.train.slots import Choice, choose_slots
from modicum.types import Prediction, Sample

MIN_SAMPLES = 20
MIN_GROUPS = 6
MIN_PER_LABEL = 2
"""A label seen less often cannot be told from chance, and is left out: its calls count as answered otherwise."""
MIN_FEATURES_BYTES = 20_000
TRAIN_CHARS = 12_000_000
TRAIN_WORK = 250_000_000
"""Characters read times labels: bounds one training to about half a minute. Beyond, a part of the groups drawn by the seed trains."""
SMALL_WORK = 15_000_000
"""Below this, five folds instead of three: each out-of-fold model then sees nearly as much as the last one."""

BITS: tuple[Bits, ...] = (8, 16)
"""Of a weight: the fewest whose drift may be borne, or the last."""
USUAL = Tolerance()

Progress = Callable[[float], None]
"""Told the share that is done, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A specialist before it is written, and what it would have said of each sample without having seen it."""

    files: dict[str, bytes]
    about: dict[str, Any]
    used_slots: tuple[str, ...]
    out_of_fold: tuple[Prediction, ...]
    """Aligned with the samples, those without a value included."""
    labels: tuple[str, ...]
    scores: npt.NDArray[np.float32]
    """Logits of the same predictions, (samples, labels), sharpened: their softmax is the probability of each label."""
    exact: dict[int, Prediction] = field(default_factory=dict)
    """What an encoder in full precision would have made of some of them, by the sample's number."""
    full: dict[str, bytes] = field(default_factory=dict)
    """The same in more bits, which is kept beside `files` to compare them with; empty where there is none, or `about` names it."""


def choose(samples: Sequence[Sample], *, groups: Sequence[int], seed: int) -> Choice | None:
    """The slots that tell something about the answers, from old samples: what `fit` would choose on these.

    Known before training, so that groups can be formed over what a specialist will read. None where all answers are one.
    Raises NotEnoughDataError as `fit` does.
    """
    frequency, labels = labels_of(samples)
    enough(frequency, labels, len(set(groups)))
    if len(labels) == 1:
        return None
    return _choose(samples, labels, groups, seed)


def fit(
    samples: Sequence[Sample],
    *,
    groups: Sequence[int],
    max_size_bytes: int,
    seed: int,
    choice: Choice | None = None,
    teacher: Teacher | None = None,
    tolerance: Tolerance = USUAL,
    progress: Progress | None = None,
) -> Trained:
    """Train on the samples that have a value; `groups[i]` is the near-duplicate group of sample i, `choice` what `choose` found.

    With a `teacher` the specialist learns from an encoder as well; it has the same form and size, and its predictions out of fold come from
    heads that did not see the sample either. `tolerance`: how far int8 may go from the floats that were learnt.

    Raises NotEnoughDataError where too few answers can be read or repeat, or the labels do not fit `max_size_bytes`, and
    MissingExtraError where scikit-learn is not installed.
    """
    if len(groups) != len(samples):
        raise ValueError(f"{len(samples)} samples, but {len(groups)} groups")
    if teacher is not None and len(teacher.vectors) != len(samples):
        raise ValueError(f"{len(samples)} samples, but {len(teacher.vectors)} vectors")
    tell = progress or (lambda share: None)
    frequency, labels = labels_of(samples)
    enough(frequency, labels, len(set(groups)))
    about: dict[str, Any] = {
        "trainer": "linear",
        "samples": len(samples),
        "unreadable": len(samples) - frequency.total(),
        "labels": len(labels),
        "labels_left_out": len(frequency) - len(labels),
        "seed": seed,
    }
    if len(labels) == 1:
        return _constant(labels[0], frequency, len(samples), about)
    if teacher is not None:
        about["taught_by"] = teacher.about
    budget = max_size_bytes - 4_096 - sum(2 * len(label.encode()) + 16 for label in labels)
    if budget < MIN_FEATURES_BYTES:
        raise NotEnoughDataError(
            f"{len(labels)} labels leave no room for features in {max_size_bytes} bytes",
            hint="raise [fit] max_size_bytes, or split the workload",
        )

    number = {label: place for place, label in enumerate(labels)}
    known = np.array([row for row, sample in enumerate(samples) if sample.value in number], dtype=np.int64)
    truth = np.array([number.get(sample.value or "", -1) for sample in samples], dtype=np.int64)
    chosen = choice or _choose(samples, labels, groups, seed)
    tell(0.1)
    group_of = np.array(groups, dtype=np.int64)
    chars = np.array([_chars(sample, chosen.used) for sample in samples], dtype=np.int64)
    long = chars[known].mean() >= LONG_CHARS
    cheap = min(TRAIN_CHARS, TRAIN_WORK // len(labels))
    learnt = _draw(known, groups, chars, TRAIN_CHARS if long else cheap, seed)
    blocks = _count([samples[row] for row in learnt.tolist()], chosen)
    only_telling = bool(long) and helps(blocks, truth[learnt], len(labels), groups=group_of[learnt], seed=seed)
    if long and not only_telling:
        fewer = _draw(known, groups, chars, cheap, seed)
        blocks, learnt = [block.take(np.searchsorted(learnt, fewer)) for block in blocks], fewer
    tell(0.2)

    folds = 5 if int(chars[learnt].sum()) * len(labels) <= SMALL_WORK else 3
    fold_of = assign(groups, folds, seed)

    def learn(places: Ints, bits: Bits) -> Machine:
        """From the samples at these places of `learnt`, and from nothing else."""
        rows = learnt[places]
        some = [block.take(places) for block in blocks]
        taught = teacher.logits(rows, truth[rows], len(labels)) if teacher is not None else None
        return train(
            some,
            truth[rows],
            len(labels),
            groups=group_of[rows],
            budget_bytes=budget,
            seed=seed,
            taught=taught,
            only_telling=only_telling,
            weight_bytes=bits // 8,
        )

    def heard_of(share: float) -> None:
        tell(0.2 + 0.6 * share)

    for bits in BITS:
        # What is done again is not told twice.
        heard = _hear(samples, labels, chosen, fold_of, learnt, learn, bits, tolerance, heard_of if bits == BITS[0] else _unheard)
        if not heard.drift.beyond:
            break
    logits = heard.logits
    sharpness = temperature(logits[known], truth[known])
    out_of_fold = tuple(decide(row.astype(np.float64), sharpness, labels) for row in logits)

    machine = learn(np.arange(len(learnt)), bits)
    files = with_temperature(_files(machine, labels, chosen, bits), sharpness)
    # Sixteen bits and not floats, which the runtime does not read: at most one in 65,000 of a feature's largest weight beside these.
    full = with_temperature(_files(machine, labels, chosen, 16), sharpness) if bits == BITS[0] else {}
    about |= {
        "trained_on": len(learnt),
        "features": len(machine.weights),
        "only_telling": only_telling,
        "c": C,
        "folds": folds,
        "temperature": sharpness,
        "used_slots": list(chosen.used),
        "length_of": list(chosen.length_of),
        "slot_trials": [list(trial) for trial in chosen.trials],
        "majority": chosen.majority,
        "telling": chosen.telling,
        "out_of_fold_agreement": _agreement(samples, out_of_fold),
        "size_bytes": sum(map(len, files.values())),
        "precision": f"int{bits}",
    }
    about |= heard.drift.said()
    if heard.drift.beyond:
        about["drift_beyond"] = heard.drift.beyond
    tell(1.0)
    return Trained(
        files=files,
        about=about,
        used_slots=chosen.used,
        out_of_fold=out_of_fold,
        labels=tuple(labels),
        scores=logits * np.float32(sharpness),
        full=full,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Heard:
    """What the specialists of all folds say of the samples that they did not see, with so many bits a weight."""

    logits: npt.NDArray[np.float32]
    """(samples, labels)."""
    drift: Drift


def _hear(
    samples: Sequence[Sample],
    labels: Sequence[str],
    chosen: Choice,
    fold_of: Ints,
    learnt: Ints,
    learn: Callable[[Ints, Bits], Machine],
    bits: Bits,
    tolerance: Tolerance,
    tell: Progress,
) -> _Heard:
    """Train on all folds but one, for each, and compare what its weights say in so many bits with what they say as floats."""
    logits = np.zeros((len(samples), len(labels)), np.float32)
    picked = frozenset(spread(len(samples)).tolist())
    compared: dict[int, Compared] = {}
    folds = int(fold_of.max()) + 1
    for fold in range(folds):
        machine = learn(np.flatnonzero(fold_of[learnt] != fold), bits)
        specialist = Linear(in_memory(_files(machine, labels, chosen, bits)))
        for row in np.flatnonzero(fold_of == fold).tolist():
            slots = samples[row].slots
            logits[row] = specialist.logits(slots) * specialist.unit
            if row in picked:
                full = sum((values @ machine.weights[at] for at, values in specialist.features(slots)), start=machine.bias)
                compared[row] = Compared(
                    sample=samples[row],
                    text=text_of(slots, chosen.used),
                    full=labels[int(full.argmax())],
                    small=labels[int(logits[row].argmax())],
                )
        tell((fold + 1) / folds)
    return _Heard(logits=logits, drift=compare([compared[row] for row in sorted(compared)], tolerance))


def _unheard(share: float) -> None:
    """Progress that nobody asks for."""


def labels_of(samples: Sequence[Sample]) -> tuple[Counter[str], list[str]]:
    """How often each answer occurs, and those that occur often enough to be told from chance."""
    frequency = Counter(sample.value for sample in samples if sample.value is not None)
    return frequency, sorted(label for label, times in frequency.items() if times >= MIN_PER_LABEL)


def _choose(samples: Sequence[Sample], labels: Sequence[str], groups: Sequence[int], seed: int) -> Choice:
    number = {label: place for place, label in enumerate(labels)}
    known = [row for row, sample in enumerate(samples) if sample.value in number]
    truth = np.array([number[samples[row].value or ""] for row in known], dtype=np.int64)
    return choose_slots([samples[row].slots for row in known], truth, len(labels), [groups[row] for row in known], seed)


def enough(frequency: Counter[str], labels: Sequence[str], groups: int) -> None:
    readable, repeated = frequency.total(), sum(frequency[label] for label in labels)
    if readable < MIN_SAMPLES or groups < MIN_GROUPS:
        raise NotEnoughDataError(
            f"{readable} readable answers to {groups} distinct requests are too few to train on",
            hint=f"at least {MIN_SAMPLES} answers and {MIN_GROUPS} distinct requests are needed",
        )
    if 2 * repeated < readable:
        raise NotEnoughDataError(
            f"of {readable} answers only {repeated} occur at least {MIN_PER_LABEL} times",
            hint="this is open text, or there are too few calls yet",
        )


def _constant(label: str, frequency: Counter[str], samples: int, about: dict[str, Any]) -> Trained:
    """Only one answer repeats: always say it. Confidence is Laplace's rule of succession, the same by fold and by day."""
    confidence = round((frequency[label] + 1) / (frequency.total() + 2), 12)
    files = export_constant(label, confidence)
    about |= {"used_slots": [], "out_of_fold_agreement": round(frequency[label] / samples, 4), "size_bytes": sum(map(len, files.values()))}
    told = (Prediction(value=label, confidence=confidence),) * samples
    return Trained(files=files, about=about, used_slots=(), out_of_fold=told, labels=(label,), scores=np.zeros((samples, 1), np.float32))


def _chars(sample: Sample, used: Sequence[str]) -> int:
    return sum(min(len(text), HEAD_CHARS + TAIL_CHARS) for name, text in sample.slots if name in used)


def _draw(known: Ints, groups: Sequence[int], chars: Ints, limit: int, seed: int) -> Ints:
    """The samples to learn from, ascending: all with a known label, or as many groups of them, in an order drawn by the seed, as have no
    more than `limit` characters; `chars` (samples,)."""
    if chars[known].sum() <= limit:
        return known
    distinct = sorted({groups[row] for row in known.tolist()})
    rank = dict(zip(distinct, np.random.default_rng(seed).permutation(len(distinct)).tolist(), strict=True))
    order = np.argsort([rank[groups[row]] for row in known.tolist()], kind="stable")
    return np.sort(known[order[np.cumsum(chars[known][order]) <= limit]])


def _count(samples: Sequence[Sample], chosen: Choice) -> list[Counts]:
    texts = [dict(sample.slots) for sample in samples]
    blocks = []
    for slot in chosen.used:
        kinds = ("words", "grams", "length") if slot in chosen.length_of else ("words", "grams")
        blocks += count([text.get(slot, "") for text in texts], slot, kinds)
    return blocks


def _files(machine: Machine, labels: Sequence[str], chosen: Choice, bits: Bits) -> dict[str, bytes]:
    return export(
        labels=labels,
        used_slots=chosen.used,
        blocks=machine.blocks,
        rarities=machine.rarities,
        weights=machine.weights,
        bias=machine.bias,
        temperature=1.0,
        bits=bits,
    )


def _agreement(samples: Sequence[Sample], predictions: Sequence[Prediction]) -> float:
    return round(sum(sample.value == prediction.value for sample, prediction in zip(samples, predictions, strict=True)) / len(samples), 4)
