"""A teacher that is often wrong: what is learnt from its answers, with and without those that are probably wrong.

    MODICUM_DATA=DIR python -m benchmarks.noise [banking77] [clinc150] [ocats] [--teachers random,confused,hard,systematic] [--every N]

BANKING77 and CLINC150 with simulated teachers that are right about 85 % of the time: wrong on texts drawn at random, with any other label
(`random`) or with one that the label is really confused with (`confused`); wrong on the texts that are hardest for a model that learnt from
gold (`hard`); wrong by rule, most texts of some labels getting their nearest neighbour's (`systematic`). Trained on the training split,
tested against gold on the test split. `ocats`: GPT-4's and GPT-3.5's recorded answers to BANKING77's 3,080 test texts (Rotman et al.; "gpt"
columns), by predictions that never saw their text, against gold.

`cleaned` is what `train.noise` would hand out, `always` what leaving the suspects out gives even where it decides against that.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.encoders import LINEAR_BYTES, SETS, SLOT
from modicum.backends.specialist import load
from modicum.train import linear, noise
from modicum.train.export import in_memory
from modicum.train.linear import Trained
from modicum.types import Sample

SEED = 1
WRONG = 0.15
TEACHERS = ("random", "confused", "hard", "systematic")
RULED = 0.7
"""Of a label that a systematic teacher gets wrong, the share of texts."""
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def samples_of(texts: Sequence[str], labels: Sequence[str | None]) -> list[Sample]:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        Sample(call_id=str(n), response_id=None, at=at, slots=((SLOT, text),), value=label, version_id="v", incumbent="teacher")
        for n, (text, label) in enumerate(zip(texts, labels, strict=True))
    ]


def fit(samples: Sequence[Sample]) -> Trained:
    return linear.fit(samples, groups=list(range(len(samples))), max_size_bytes=LINEAR_BYTES, seed=SEED)


def chances_of(trained: Trained) -> Floats:
    exponents = np.exp((trained.scores - trained.scores.max(axis=1, keepdims=True)).astype(np.float64))
    return np.asarray(exponents / exponents.sum(axis=1, keepdims=True))


def teacher(how: str, truth: Ints, chances: Floats) -> Ints:
    """What a teacher says in place of `truth`; `chances` (texts, labels) say what is hard, and confused with what."""
    rng = np.random.default_rng(SEED)
    size, labels = chances.shape
    others = chances.copy()
    others[np.arange(size), truth] = 0
    confused = np.stack([others[truth == label].mean(axis=0) for label in range(labels)])
    confused /= confused.sum(axis=1, keepdims=True)
    said, wrong = truth.copy(), int(WRONG * size)
    if how in ("random", "confused"):
        rows = rng.choice(size, wrong, replace=False)
        shifted = (truth[rows] + rng.integers(1, labels, wrong)) % labels
        said[rows] = shifted if how == "random" else [rng.choice(labels, p=confused[label]) for label in truth[rows]]
    elif how == "hard":
        rows = np.argsort(chances[np.arange(size), truth] - others.max(axis=1), kind="stable")[:wrong]
        said[rows] = others[rows].argmax(axis=1)
    else:
        for label in rng.permutation(labels).tolist():
            if (said != truth).sum() >= wrong:
                break
            rows = np.flatnonzero(truth == label)
            said[rows[rng.random(len(rows)) < RULED]] = confused[label].argmax()
    return said


def right_of(trained: Trained, texts: Sequence[str], gold: Sequence[str]) -> npt.NDArray[np.bool_]:
    told = load(in_memory(trained.files)).predict_many([((SLOT, text),) for text in texts])
    return np.array([one.value == label for one, label in zip(told, gold, strict=True)])


def compare(raw: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> list[float]:
    """How much more often the other is right, with a 95 % interval over the texts."""
    gained, lost, size = int((other & ~raw).sum()), int((raw & ~other).sum()), len(raw)
    half = 1.96 * np.sqrt(gained + lost - (gained - lost) ** 2 / size) / size
    return [round(100 * (gained - lost) / size, 2), round(float(100 * half), 2)]


def measure(
    texts: Sequence[str], said: Sequence[str], gold: Sequence[str], test: tuple[Sequence[str], Sequence[str]] | None
) -> dict[str, Any]:
    """One teacher: what is learnt from it. Tested on `test`, or out of fold where there is none."""
    rows = samples_of(texts, said)
    began = time.process_time()
    first = fit(rows)
    middle = time.process_time()
    seen: list[Trained] = []

    def again(some: Sequence[Sample]) -> Trained:
        seen.append(fit(some))
        return seen[0]

    kept, _ = noise.refit(first, rows, again)
    ended = time.process_time()

    def right(trained: Trained) -> npt.NDArray[np.bool_]:
        if test is not None:
            return right_of(trained, *test)
        return np.array([one.value == label for one, label in zip(trained.out_of_fold, gold, strict=True)])

    agreed = [sum(one.value == row.value for one, row in zip(trained.out_of_fold, rows, strict=True)) for trained in (first, *seen)]
    raw, wrong = right(first), np.array([one != other for one, other in zip(said, gold, strict=True)])
    found = noise.find(list(said), first.scores, first.labels)
    suspects = np.array(found.suspects, dtype=np.int64)
    always = right(seen[0]) if seen else raw
    is_kept = bool(kept.about["labels_left_out_as_wrong"])
    return {
        "teacher": round(float(1 - wrong.mean()), 4),
        "raw": round(float(raw.mean()), 4),
        "cleaned": round(float((always if is_kept else raw).mean()), 4),
        "always": round(float(always.mean()), 4),
        "always_gain_points": compare(raw, always),
        "kept": is_kept,
        "out_of_fold_agreement": [round(number / len(rows), 4) for number in agreed],
        "suspects": len(suspects),
        "of_them_wrong": round(float(wrong[suspects].mean()), 3) if len(suspects) else None,
        "of_the_wrong": round(float(wrong[suspects].sum() / max(1, wrong.sum())), 3),
        "estimated_wrong": found.share,
        "fit_cpu_s": round(middle - began, 1),
        "cleaning_cpu_s": round(ended - middle, 1),
    }


def simulated(name: str, data: Path, teachers: Sequence[str], *, with_gold: bool, every: int) -> None:
    train, test, _ = SETS[name](data)
    train = train[::every]
    texts, gold = [text for text, _ in train], [label for _, label in train]
    held = [text for text, _ in test], [label for _, label in test]
    own = fit(samples_of(texts, gold))
    labels = list(own.labels)
    truth = np.array([labels.index(label) for label in gold], dtype=np.int64)
    if with_gold:
        show({"set": name, "teacher_kind": "gold", **measure(texts, gold, gold, held)})
    for how in teachers:
        said = [labels[place] for place in teacher(how, truth, chances_of(own)).tolist()]
        show({"set": name, "teacher_kind": how, **measure(texts, said, gold, held)})


def recorded(data: Path) -> None:
    with (data / "banking77" / "ocats_test_llm_labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for column in (name for name in rows[0] if name.startswith("gpt")):
        some = [row for row in rows if row[column] not in ("", None)]
        texts, said, gold = ([row[name] for row in some] for name in ("text", column, "label"))
        show({"set": "ocats", "teacher_kind": column, "texts": len(some), **measure(texts, said, gold, None)})


_shown: list[dict[str, Any]] = []


def show(row: dict[str, Any]) -> None:
    _shown.append(row)
    print(json.dumps(row), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("sets", nargs="*", choices=[*SETS, "ocats"], default=[*SETS, "ocats"])
    parser.add_argument("--teachers", default=",".join(TEACHERS))
    parser.add_argument("--no-gold", action="store_true", help="leave out the row of the teacher that is always right")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="learn from every Nth text alone")
    parser.add_argument("--out", type=Path, help="write the rows there as JSON")
    asked = parser.parse_args()
    folder = os.environ.get("MODICUM_DATA")
    if not folder:
        sys.exit("needs MODICUM_DATA")
    for name in asked.sets:
        if name == "ocats":
            recorded(Path(folder))
        else:
            simulated(name, Path(folder), asked.teachers.split(","), with_gold=not asked.no_gold, every=asked.every)
    if asked.out is not None:
        asked.out.write_text(json.dumps(_shown, indent=1))


if __name__ == "__main__":
    main()
