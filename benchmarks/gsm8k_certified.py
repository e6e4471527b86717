"""How much of GSM8K may move from GPT-4 to Mixtral 8x7B under a certificate (kind B), by a scorer that has read Mixtral's answer?

    MODICUM_DATA=DIR python -m benchmarks.gsm8k_certified

What `modicum try` does on its own, on recorded answers of both: a scorer and a sequence of thresholds from some problems, one look at
others, by the gold outcomes of both (one that both get right or wrong counts as even). The other problems say about what was certified:
how much worse over all, and among what is answered. Random draws; the floor on what is answered is the margin, which Mixtral alone misses
by far. No test of the guarantee: the other problems are too few to know the truth (`tests/pipeline/test_scoring.py` knows it).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.gsm8k import SLOT, cases
from modicum.backends.scorer import Scorer
from modicum.evaluate.certify import look_b
from modicum.evaluate.table import Table, tabulate
from modicum.evaluate.trials import OTHER, SAME
from modicum.evaluate.tune import Terms, plan_thresholds
from modicum.stats.sequence import spending
from modicum.train.export import in_memory
from modicum.train.router import Case, fit
from modicum.types import Attempt, Prediction, Rule, Sample

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MARGINS = (0.05, 0.08, 0.12)
SIZES = ((190, 380), (400, 380))
"""Outcomes to learn from, problems that certify."""


def table(confidences: np.ndarray) -> Table:
    rows = [
        Sample(call_id=f"c{n}", response_id=None, at=NOW, slots=(), value=SAME, version_id="v", incumbent="large")
        for n in range(len(confidences))
    ]
    return tabulate(rows, [Prediction(value=OTHER, confidence=float(one)) for one in confidences], Rule(accept_above=0.0))


def attempt(thresholds: tuple[float, ...], groups: int, terms: Terms) -> Attempt:
    return Attempt(
        attempt_id="benchmark",
        workload_id="gsm8k",
        number=1,
        kinds=("B",),
        margin=terms.margin,
        max_selective=terms.max_selective,
        min_coverage=terms.min_coverage,
        delta=terms.delta,
        artefact_digest="",
        rule=Rule(accept_above=thresholds[0]),
        thresholds=thresholds,
        window_from=NOW,
        window_to=NOW,
        groups=groups,
        min_label_groups=0,
        max_label_share=1.0,
        fingerprint="",
        seed=0,
        created_at=NOW,
        created_by="benchmark",
    )


def draw(some: list[Case], seed: int, learn: int, window: int, margin: float) -> dict[str, float] | None:
    """One trial: what was certified, and what of it is true; None where nothing was."""
    order = np.random.default_rng(seed).permutation(len(some)).tolist()
    old, new, rest = ([some[i] for i in part] for part in (order[:learn], order[learn : learn + window], order[learn + window :]))
    terms = Terms(kinds=("B",), margin=margin, max_selective=margin, delta=spending(0.05, 1))
    trained = fit(old, used_slots=(SLOT,), reads_answer=True, seed=seed)
    plan = plan_thresholds(table(trained.confidences), Rule(accept_above=0.0), terms, groups=window, excess=losses(old))
    if plan is None:
        return None
    scorer = Scorer(in_memory(trained.files))
    sure = np.array([scorer.confidence(case.slots, case.answer) for case in new])
    look = look_b(attempt(plan.thresholds, window, terms), table(sure), losses(new))
    if look.rule is None:
        return None
    true, excess = np.array([scorer.confidence(case.slots, case.answer) for case in rest]) >= look.rule.accept_above, losses(rest)
    return {
        "coverage": float((sure >= look.rule.accept_above).mean()),
        "worse": float((true * excess).mean()),
        "answered": float(excess[true].mean()),
    }


def losses(some: list[Case]) -> np.ndarray:
    return np.array([case.large - case.small for case in some])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("MODICUM_DATA", "data")), help="folder of the public sets")
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--out", type=Path, help="write the rows as JSON")
    asked = parser.parse_args()
    some = cases(asked.data)[0]
    print(f"{len(some):,} problems, alone {losses(some).mean():.1%} worse; {asked.draws} draws")
    print("learnt  certify  margin  certified  coverage  worse   of answered")
    rows: list[dict[str, Any]] = []
    for learn, window in SIZES:
        for margin in MARGINS:
            found = [one for seed in range(asked.draws) if (one := draw(some, seed, learn, window, margin)) is not None]
            row = {
                "learnt": learn,
                "certify": window,
                "margin": margin,
                "certified": len(found) / asked.draws,
                **{name: float(np.mean([one[name] for one in found])) if found else None for name in ("coverage", "worse", "answered")},
            }
            rows.append(row)
            shown = [f"{row[name]:.1%}" if row[name] is not None else "" for name in ("coverage", "worse", "answered")]
            print(f"{learn:6} {window:8} {margin:7.0%} {row['certified']:10.0%} {shown[0]:>9} {shown[1]:>6} {shown[2]:>12}")
    if asked.out:
        asked.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
