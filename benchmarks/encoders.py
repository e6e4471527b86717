"""Linear specialist, encoder and chain on public sets: accuracy, out-of-scope recall, CPU time, size.

    MODICUM_DATA=DIR MODICUM_ENCODER=FOLDER python -m benchmarks.encoders [banking77] [clinc150] [--tuned --rounds FOLDER]

FOLDER holds a Hugging Face encoder with safetensors weights (all-MiniLM-L6-v2). Trained on the published training split, tested on the
published test split; no setting is chosen on it. With --tuned the encoder learns too, in the place of the frozen one; --rounds keeps each
of its rounds, so that an interrupted run goes on. Needs `modicum[encoder-train]`.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from modicum.artefact import Artefacts
from modicum.backends.specialist import load
from modicum.pipeline.encoders import open_encoder, open_tuner
from modicum.train import chain, encoder, encoder_graph, linear
from modicum.train.encoder_rounds import Tuner
from modicum.train.export import in_memory
from modicum.train.linear import Trained
from modicum.types import Sample

SEED = 1
LINEAR_BYTES, ENCODER_BYTES = 4_000_000, 32_000_000
SLOT = "text"
Rows = list[tuple[str, str]]


def banking77(data: Path) -> tuple[Rows, Rows, list[str]]:
    def rows(name: str) -> Rows:
        with (data / "banking77" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            return [(row["text"], row["category"]) for row in csv.DictReader(file)]

    return rows("train"), rows("test"), []


def clinc150(data: Path) -> tuple[Rows, Rows, list[str]]:
    full = json.loads((data / "clinc150" / "data_full.json").read_bytes())
    return [tuple(row) for row in full["train"]], [tuple(row) for row in full["test"]], [text for text, _ in full["oos_test"]]


SETS = {"banking77": banking77, "clinc150": clinc150}


def fitted(rows: Rows, vectors: encoder.Vectors, tuner: Tuner | None) -> Iterator[tuple[str, Trained, float]]:
    """Each candidate with the CPU seconds that it took."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    some = [
        Sample(call_id=str(n), response_id=None, at=at, slots=((SLOT, text),), value=label, version_id="v", incumbent="gold")
        for n, (text, label) in enumerate(rows)
    ]
    groups = list(range(len(some)))
    began = time.process_time()
    first = linear.fit(some, groups=groups, max_size_bytes=LINEAR_BYTES, seed=SEED)
    yield "linear", first, time.process_time() - began
    if tuner is None:
        began = time.process_time()
        second = encoder.fit(some, groups=groups, used_slots=(SLOT,), vectors=vectors, max_size_bytes=ENCODER_BYTES, seed=SEED)
        yield "encoder", second, time.process_time() - began
        began = time.process_time()
        yield "chain", chain.fit(first, second, some, max_size_bytes=ENCODER_BYTES), time.process_time() - began
        return
    began, shown = time.process_time(), [0.0]

    def tell(share: float) -> None:
        if share >= shown[0] + 0.02:
            shown[0] = share
            print(f"fine-tuning: {share:.0%}, {time.process_time() - began:.0f} CPU s", file=sys.stderr, flush=True)

    third = encoder.fit(
        some, groups=groups, used_slots=(SLOT,), vectors=vectors, max_size_bytes=ENCODER_BYTES, seed=SEED, tuner=tuner, progress=tell
    )
    yield "tuned encoder", third, time.process_time() - began
    began = time.process_time()
    yield "tuned chain", chain.fit(first, third, some, max_size_bytes=ENCODER_BYTES), time.process_time() - began


def measure(trained: Trained, test: Rows, beyond: list[str]) -> dict[str, float | str | None]:
    """What one says of the test split."""
    specialist = load(in_memory(trained.files))
    began = time.thread_time()
    told = specialist.predict_many([((SLOT, text),) for text, _ in test])
    ms = (time.thread_time() - began) * 1000 / len(test)
    right = np.array([one.value == label for one, (_, label) in zip(told, test, strict=True)])
    inside = np.array([one.confidence > 0 for one in told])
    outside = [one.confidence == 0 for one in specialist.predict_many([((SLOT, text),) for text in beyond])]
    return {
        "accuracy": round(float(right.mean()), 4),
        "right_and_in_scope": round(float((right & inside).mean()), 4),
        "out_of_scope_recall": round(float(np.mean(outside)), 3) if outside else None,
        "cpu_ms": round(ms, 2),
        "mb": round(sum(map(len, trained.files.values())) / 1e6, 2),
    } | {name: trained.about[name] for name in ("precision", "folds", "drift_agreement", "drift_loss") if name in trained.about}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("sets", nargs="*", choices=[*SETS], default=[*SETS])
    parser.add_argument("--out", type=Path, help="write the rows there as JSON")
    parser.add_argument("--tuned", action="store_true", help="fine-tune the encoder")
    parser.add_argument("--minutes", type=float, default=21.5, help="that fine-tuning may take a set, by estimate")
    parser.add_argument("--rounds", type=Path, help="keep its rounds there")
    asked = parser.parse_args()
    data, folder = os.environ.get("MODICUM_DATA"), os.environ.get("MODICUM_ENCODER")
    if not data or not folder:
        sys.exit("needs MODICUM_DATA and MODICUM_ENCODER")
    base = encoder_graph.find(Path(folder))
    home = asked.rounds or Path(tempfile.mkdtemp(prefix="modicum-"))
    artefacts = Artefacts(home / "artefacts")
    vectors = open_encoder(base, home, artefacts)
    tuner = open_tuner(base, home, artefacts, minutes=asked.minutes) if asked.tuned else None
    rows = []
    for name in asked.sets:
        train, test, beyond = SETS[name](Path(data))
        for kind, trained, seconds in fitted(train, vectors, tuner):
            rows.append({"set": name, "kind": kind, "fit_cpu_s": round(seconds, 1)} | measure(trained, test, beyond))
            print(json.dumps(rows[-1]), flush=True)
    if asked.out is not None:
        asked.out.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
