"""What an answer in process costs, and whether it is the trainer's.

For a set of few labels (HEADLINES, 4), of many (BANKING77, 77) and of very many (CLINC150, 151): agreement of the exported int8
specialist with scikit-learn's float pipeline of the same features on texts it never saw, CPU per answer by length of the text,
bytes of the artefact, time to read and load it. Texts of a length are cut from the test texts run together, each once, so
nothing is warm but the weights. Reading the slots of a request is part of recognising, measured elsewhere.
Needs the public data: --data DIR or MODICUM_DATA.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.headlines import SLOT, Row, as_samples, banking, clinc, headlines
from modicum.artefact import Artefacts
from modicum.backends.features import KINDS, extract
from modicum.backends.linear import Linear, LinearSpecialist
from modicum.backends.specialist import SPECIALIST_FILE
from modicum.train import linear
from modicum.train.machine import C

LENGTHS = {100: 2_000, 1_000: 500, 10_000: 100}
"""Characters of a text -> how many are timed."""
HOSTILE = {"one word": "a", "punctuation": "!", "two letters": "a ", "no spaces": "漢字", "combining marks": "\u0301", "dotted I": "İ"}


def features(kind: int, text: str) -> list[str]:
    return extract(text)[kind]


def trainer_says(body: LinearSpecialist, train: Sequence[Row], texts: Sequence[str]) -> list[str]:
    """Labels of scikit-learn's own pipeline: TF-IDF over the kept features, LinearSVC, all in float64."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.svm import LinearSVC

    parts = [
        TfidfVectorizer(analyzer=partial(features, KINDS.index(block.kind)), vocabulary=block.features, sublinear_tf=True)
        for block in body.blocks
    ]
    pipeline = make_pipeline(make_union(*parts), LinearSVC(C=C, random_state=0))
    pipeline.fit([text for text, _ in train], [label for _, label in train])
    return [str(label) for label in pipeline.predict(texts)]


def microseconds(specialist: Linear, texts: Sequence[str]) -> list[float]:
    """Thread CPU time of each answer, sorted."""
    times = []
    for text in texts:
        began = time.thread_time_ns()
        specialist.predict(((SLOT, text),))
        times.append((time.thread_time_ns() - began) / 1_000)
    return sorted(times)


def measure(name: str, train: Sequence[Row], test: Sequence[Row]) -> dict[str, Any]:
    trained = linear.fit(as_samples(train), groups=range(len(train)), max_size_bytes=4_000_000, seed=0)
    with tempfile.TemporaryDirectory() as folder:
        artefacts = Artefacts(Path(folder))
        digest = artefacts.write(trained.files, trained.about)
        loads = []
        for _ in range(5):
            began = time.process_time()
            specialist = Linear(artefacts.read(digest))
            loads.append((time.process_time() - began) * 1_000)
    texts = [text for text, _ in test]
    told = trainer_says(msgspec.json.decode(trained.files[SPECIALIST_FILE], type=LinearSpecialist), train, texts)
    same = sum(specialist.predict(((SLOT, text),)).value == label for text, label in zip(texts, told, strict=True))
    rng, whole = random.Random(0), " ".join(texts)
    row: dict[str, Any] = {
        "set": name,
        "labels": len(specialist.labels),
        "features": trained.about["features"],
        "size_bytes": trained.about["size_bytes"],
        "load_ms": round(statistics.median(loads), 1),
        "agreement": round(same / len(texts), 5),
    }
    for chars, runs in LENGTHS.items():
        starts = [rng.randrange(len(whole) - chars) for _ in range(runs)]
        times = microseconds(specialist, [whole[start : start + chars] for start in starts])
        row[f"p50_us_{chars}"], row[f"p99_us_{chars}"] = round(times[runs // 2]), round(times[runs * 99 // 100])
    worst = {label: round(microseconds(specialist, [piece * 1_000_000] * 5)[2]) for label, piece in HOSTILE.items()}
    row["hostile_us"] = max(worst.values())
    return row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("MODICUM_DATA", "data")), help="folder of the public sets")
    parser.add_argument("--out", type=Path, help="write the rows as JSON")
    args = parser.parse_args()
    if not (args.data / "frugalgpt_headlines").is_dir():
        print(f"no frugalgpt_headlines in {args.data}: skipped (set MODICUM_DATA or --data)")
        return 0
    rows = []
    lengths = "".join(f"{f'{chars:,} chars':>18}" for chars in LENGTHS)
    print(f"{'set':12} labels  features     bytes  load ms  agreement{lengths}     hostile, 1M chars")
    for name, train, test in (
        ("HEADLINES", headlines(args.data, "train"), headlines(args.data, "test")),
        ("BANKING77", banking(args.data, "train"), banking(args.data, "test")),
        ("CLINC150", clinc(args.data, ("train", "oos_train")), clinc(args.data, ("test", "oos_test"))),
    ):
        row = measure(name, train, test)
        rows.append(row)
        line = f"{name:12} {row['labels']:6} {row['features']:9} {row['size_bytes']:9} {row['load_ms']:8} {row['agreement']:10.3%}"
        spans = "".join("{} / {}".format(row[f"p50_us_{n}"], row[f"p99_us_{n}"]).rjust(18) for n in LENGTHS)
        print(f"{line}{spans} {row['hostile_us']:21}", flush=True)
    print("times: CPU microseconds an answer, p50 / p99")
    if args.out:
        args.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    good = all(
        row["agreement"] >= 0.995 and row["p50_us_100"] <= 300 and row["size_bytes"] <= 4_000_000 and row["load_ms"] < 100 for row in rows
    )
    print("all goals reached (99.5 % agreement, 300 us for 100 characters, 4 MB, 100 ms to load)" if good else "a goal was missed")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
