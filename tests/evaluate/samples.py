"""Samples, predictions and attempts made up for the tests of this room."""

from __future__ import annotations

import dataclasses
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np

from modicum.evaluate.table import Table, tabulate
from modicum.stats.sequence import spending
from modicum.types import Attempt, Prediction, PromiseKind, Rule, Sample

START = datetime(2026, 10, 1, tzinfo=UTC)


def sample(number: int, text: str, value: str | None = "yes", **more: object) -> Sample:
    base = Sample(
        call_id=f"call-{number}",
        response_id=f"resp-{number}",
        at=START + timedelta(minutes=number),
        slots=(("text", text),),
        value=value,
        version_id="v1",
        incumbent="gpt-4",
        input_chars=len(text),
        cost_usd=Decimal("0.002"),
    )
    return dataclasses.replace(base, **more)  # type: ignore[arg-type]


def attempt(groups: int, thresholds: tuple[float, ...], *, kinds: tuple[PromiseKind, ...] = ("A",), **more: object) -> Attempt:
    base = Attempt(
        attempt_id="att-1",
        workload_id="wl-1",
        number=1,
        kinds=kinds,
        margin=0.01,
        max_selective=0.05,
        min_coverage=0.10,
        delta=spending(0.05, 1),
        artefact_digest="sha256:0",
        rule=Rule(accept_above=thresholds[0]),
        thresholds=thresholds,
        window_from=START,
        window_to=START + timedelta(days=10),
        groups=groups,
        min_label_groups=5,
        fingerprint="f",
        seed=3,
        created_at=START,
        created_by="test",
    )
    return dataclasses.replace(base, **more)  # type: ignore[arg-type]


def traffic(n: int, *, error: float = 0.004, seed: int = 0, rule: Rule | None = None) -> tuple[list[Sample], list[Prediction], Table]:
    """n certify calls of three labels; the surer half of the predictions differs with rate `error`, the other with 0.3."""
    rng = random.Random(seed)
    samples, predictions = [], []
    for i in range(n):
        value = rng.choice(["yes", "no", "maybe"])
        confidence = rng.random()
        wrong = rng.random() < (error if confidence >= 0.5 else 0.3)
        said = rng.choice([v for v in ("yes", "no", "maybe") if v != value]) if wrong else value
        samples.append(sample(i, f"text {i}", None if rng.random() < 0.002 else value, at=START + timedelta(seconds=i * 86_400 * 9 / n)))
        predictions.append(Prediction(value=said, confidence=confidence, runner_up="no", runner_up_probability=0.05))
    weights = [1 + (i % 3) for i in range(n)]
    return samples, predictions, tabulate(samples, predictions, rule or Rule(accept_above=0.0), weights=weights, seed=3)


def no_labels(table: Table) -> np.ndarray:
    return np.where(table.differs, np.nan, 0.0)
