"""The linear specialist: what an encoder teaches it, how long its fit takes, many labels, long messy messages, other scripts.

    MODICUM_DATA=DIR MODICUM_ENCODER=FOLDER python -m benchmarks.linear [taught] [speed] [many] [messy] [tongues]

`taught` and the encoder's rows of `speed` and `messy` need MODICUM_ENCODER, a folder with a Hugging Face encoder (all-MiniLM-L6-v2), and
`modicum[encoder-train]`; without it they are left out. Tested on published test splits, or on phrases of them; no setting is chosen there.
CPU seconds are of one thread (OMP_NUM_THREADS=1).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.headlines import SLOT, Row, as_samples, banking, clinc
from benchmarks.linear import sets, tongues
from modicum.backends.encoder import text_of
from modicum.backends.specialist import load
from modicum.train import encoder, encoder_graph, linear
from modicum.train.distil import Teacher
from modicum.train.encoder import Vectors
from modicum.train.export import in_memory
from modicum.train.linear import Trained

SEED = 1
SIZE, ENCODER_SIZE = 4_000_000, 32_000_000
Found = Iterator[dict[str, Any]]


def fit(rows: Sequence[Row], vectors: Vectors | None = None, size: int = SIZE) -> tuple[Trained, float]:
    """A linear specialist, taught by an encoder where its vectors are given, and the CPU seconds of its fit."""
    some = as_samples(rows)
    began = time.process_time()
    teacher = None
    if vectors is not None:
        teacher = Teacher(vectors=vectors.of([text_of(one.slots, (SLOT,)) for one in some]), about=vectors.about)
    trained = linear.fit(some, groups=range(len(some)), max_size_bytes=size, seed=SEED, teacher=teacher)
    return trained, time.process_time() - began


def fit_encoder(rows: Sequence[Row], vectors: Vectors) -> tuple[Trained, float]:
    some = as_samples(rows)
    began = time.process_time()
    trained = encoder.fit(some, groups=range(len(some)), used_slots=(SLOT,), vectors=vectors, max_size_bytes=ENCODER_SIZE, seed=SEED)
    return trained, time.process_time() - began


def answers(trained: Trained, texts: Sequence[str]) -> tuple[list[str], list[float]]:
    """What it says of each, and the CPU ms that it takes."""
    specialist = load(in_memory(trained.files))
    told, times = [], []
    for text in texts:
        began = time.thread_time_ns()
        told.append(specialist.predict(((SLOT, text),)).value)
        times.append((time.thread_time_ns() - began) / 1e6)
    return told, times


def figures(trained: Trained, test: Sequence[Row]) -> dict[str, Any]:
    told, times = answers(trained, [text for text, _ in test])
    return {
        "accuracy": round(float(np.mean([said == label for said, (_, label) in zip(told, test, strict=True)])), 4),
        "out_of_fold": trained.about["out_of_fold_agreement"],
        "mb": round(sum(map(len, trained.files.values())) / 1e6, 2),
        "cpu_ms": round(float(np.median(times)), 3),
    }


def taught(data: Path, vectors: Vectors | None) -> Found:
    """The published splits, learnt alone and from an encoder too, in the same size."""
    for name, train, test in (
        ("BANKING77", banking(data, "train"), banking(data, "test")),
        ("CLINC150, in scope", clinc(data, ("train",)), clinc(data, ("test",))),
    ):
        for kind, given in (("alone", None), ("taught", vectors)):
            if kind == "alone" or given is not None:
                trained, seconds = fit(train, given)
                yield {"set": name, "linear": kind} | figures(trained, test) | {"fit_cpu_s": round(seconds, 1)}


def speed(data: Path, vectors: Vectors | None) -> Found:
    """10,000 calls of several shapes."""
    for long in (False, True):
        for labels in (2, 20, 77, 150):
            rows = sets.calls(data, labels, long=long)
            trained, seconds = fit(rows)
            row = {"calls": len(rows), "texts": "long" if long else "short", "labels": labels, "linear_cpu_s": round(seconds, 1)}
            row |= {"trained_on": trained.about["trained_on"], "out_of_fold": trained.about["out_of_fold_agreement"]}
            yield row
    if vectors is not None:
        rows = sets.calls(data, 77, long=False)
        yield {"calls": len(rows), "texts": "short", "labels": 77, "taught_cpu_s": round(fit(rows, vectors)[1], 1)}
        yield {"calls": len(rows), "texts": "short", "labels": 77, "encoder_cpu_s_after_it": round(fit_encoder(rows, vectors)[1], 1)}


def many(data: Path, vectors: Vectors | None) -> Found:
    """More labels than fit well into the size."""
    train, test = sets.many(data)
    for size in (SIZE, 4 * SIZE):
        trained, seconds = fit(train, size=size)
        row = {"labels": trained.about["labels"], "limit_mb": size / 1e6, "features": trained.about["features"]}
        yield row | figures(trained, test) | {"trained_on": trained.about["trained_on"], "fit_cpu_s": round(seconds, 1)}


def messy(data: Path, vectors: Vectors | None) -> Found:
    """Long messages: by length and by where the request stands. `phrase` is the same learnt and asked without what stands around it."""
    train, test = (sets.messy(data, split, labels=40, count=count, seed=3) for split, count in (("train", 2_500), ("test", 600)))
    gold = np.array([one.label for one in test])
    bare, _ = fit([(one.phrase, one.label) for one in train])
    whole, seconds = fit([(one.text, one.label) for one in train])
    kinds: list[tuple[str, Trained, list[str]]] = [
        ("phrase", bare, [one.phrase for one in test]),
        ("linear", whole, [one.text for one in test]),
    ]
    if vectors is not None:
        kinds.append(("encoder", fit_encoder([(one.text, one.label) for one in train], vectors)[0], [one.text for one in test]))
    for kind, trained, texts in kinds:
        told, times = answers(trained, texts)
        right, spent = np.array(told) == gold, np.array(times)
        row = {"kind": kind, "accuracy": round(float(right.mean()), 4), "macro": round(_macro(right, gold), 4)}
        row |= {f"{span}": round(float(right[rows].mean()), 4) for span, rows in sets.by_length(test).items()}
        row |= {place: round(float(right[[one.place == place for one in test]].mean()), 4) for place in ("head", "middle", "tail")}
        row |= {f"ms {span}": round(float(np.median(spent[rows])), 2) for span, rows in sets.by_length(test).items()}
        yield row | {"trained_on": trained.about["trained_on"], "fit_cpu_s": round(seconds, 1) if kind == "linear" else None}


def _macro(right: np.ndarray, gold: np.ndarray) -> float:
    return float(np.mean([right[gold == label].mean() for label in np.unique(gold)]))


def tongues_(data: Path, vectors: Vectors | None) -> Found:
    """Phrases in other languages and scripts: five-fold, out of fold, frames held apart."""
    for language, rows, groups in tongues.sets():
        trained = linear.fit(as_samples(rows), groups=groups, max_size_bytes=SIZE, seed=SEED)
        right = [one.value == label for one, (_, label) in zip(trained.out_of_fold, rows, strict=True)]
        yield {"language": language, "phrases": len(rows), "groups": len(set(groups)), "right_out_of_fold": round(float(np.mean(right)), 3)}


PARTS: dict[str, Callable[[Path, Vectors | None], Found]] = {
    "taught": taught,
    "speed": speed,
    "many": many,
    "messy": messy,
    "tongues": tongues_,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS], default=[*PARTS])
    parser.add_argument("--data", type=Path, default=os.environ.get("MODICUM_DATA"), help="folder of the public sets")
    parser.add_argument("--encoder", type=Path, default=os.environ.get("MODICUM_ENCODER"), help="folder of an encoder")
    parser.add_argument("--out", type=Path, help="write the rows there as JSON")
    asked = parser.parse_args()
    if asked.data is None:
        sys.exit("needs MODICUM_DATA or --data")
    vectors = None
    if asked.encoder is not None:
        base = encoder_graph.find(asked.encoder)
        vectors = Vectors(files=encoder_graph.export(encoder_graph.load(base), base), embedding=base.embedding, about=base.about())
    rows = []
    for part in asked.parts:
        for row in PARTS[part](asked.data, vectors):
            rows.append({"part": part} | row)
            print(json.dumps(rows[-1], ensure_ascii=False), flush=True)
    if asked.out is not None:
        asked.out.write_text(json.dumps(rows, indent=1, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
