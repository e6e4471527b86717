"""`fit`: recorded outcomes of two models on the same requests to the files of a scorer, which says when the large one is worth asking.

Ridge regression on both models' outcomes at once over words and traits; what routes is the difference of the two. How much words count
beside traits, and the penalty, are chosen by exact leave-one-out error of that difference, near-duplicates left out together. The
same cases and seed give the same files.

Predicting both beats predicting where the small one fails: where both fail, asking the large one wins nothing (docs/benchmarks.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import msgspec
import numpy as np

from modicum.backends.features import FEATURES_VERSION
from modicum.backends.scorer import BESIDE_FILE, KNOTS, WEIGHTS_FILE, ScorerBody, outlook_of, places, sureness, text_of
from modicum.backends.specialist import SPECIALIST_FILE
from modicum.backends.traits import TRAITS_VERSION, of_answer, of_request
from modicum.errors import NotEnoughDataError
from modicum.train.counts import Counts, Floats, Ints, count, document_counts, rarity
from modicum.train.machine import matrix
from modicum.train.prune import repeated

FEWEST = 50
"""Cases; and some of them with more to one model's answer than to the other's."""
MOST = 3_000
"""Cases learnt from: the work grows with their cube. More are drawn from by the seed."""
SHARES = (0.0, 0.5, 1.0, 2.0)
"""What words of one side may count, against traits."""
PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0)
SURELY = 2.0
"""Standard errors by which it must err less than who says the same of every case: more than the best of its settings does by luck."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request that both models answered, and how good either answer was, 0 to 1."""

    slots: tuple[tuple[str, str], ...]
    answer: str
    """The small model's."""
    small: float
    large: float
    group: int
    """Near-duplicates share one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedScorer:
    """The files of a scorer, and for each case learnt from what one foretells that did not see its group."""

    files: dict[str, bytes]
    about: dict[str, Any]
    learnt: Ints
    gains: Floats
    """Before calibration."""
    confidences: Floats
    """As `Scorer.confidence` would give them."""

    @property
    def foretells(self) -> bool:
        """Of cases that it did not see it says more than who says the same of each."""
        return bool(self.about["better_by"] >= SURELY)

    def beside(self) -> dict[str, bytes]:
        """The same files under the names that they have beside a model's."""
        return {BESIDE_FILE if name == SPECIALIST_FILE else name: data for name, data in self.files.items()}


@dataclass(frozen=True, slots=True)
class _Side:
    """The words of one text a case."""

    counts: Counts
    rarity: Ints
    rows: Any
    """scipy.sparse, (cases, words), each row a vector of length 1."""


def fit(cases: Sequence[Case], *, used_slots: Sequence[str], reads_answer: bool, seed: int, most: int = MOST) -> TrainedScorer:
    """A scorer that reads the request, and with `reads_answer` the small model's answer too; of more than `most` cases, so many are drawn.

    Raises NotEnoughDataError where there are too few cases, or asking the large model is worth the same in all of them.
    """
    outcomes = np.array([(case.small, case.large) for case in cases], dtype=np.float64).reshape(-1, 2)
    if len(cases) < FEWEST:
        raise NotEnoughDataError(f"{len(cases)} requests with the outcome of both models", hint=f"at least {FEWEST} are needed")
    if (outcomes[:, 1] - outcomes[:, 0]).std() == 0:
        raise NotEnoughDataError(f"asking the large model is worth the same for all of {len(cases)} requests: nothing tells them apart")
    learnt = np.arange(len(cases))
    if len(cases) > most:
        learnt = np.sort(np.random.default_rng(seed).choice(len(cases), most, replace=False))
    some, outcomes = [cases[row] for row in learnt.tolist()], outcomes[learnt]
    groups = [case.group for case in some]
    requests, answers = [text_of(case.slots, used_slots) for case in some], [case.answer for case in some]
    traits = np.array(
        [of_request(r) + (of_answer(r, a) if reads_answer else []) for r, a in zip(requests, answers, strict=True)], dtype=np.float64
    )
    knots = np.quantile(traits, np.linspace(0, 1, KNOTS), axis=0, method="inverted_cdf").T
    stand = places(traits, knots) * np.sqrt(12 / traits.shape[1])  # so that the places of a row have squares that add up to about 1
    sides = [_side(requests, "request", groups), _side(answers if reads_answer else [""] * len(some), "answer", groups)]
    found = _choose(stand, sides, outcomes, groups)

    solved = found.solved
    body = ScorerBody(
        kind="scorer",
        features_version=FEATURES_VERSION,
        traits_version=TRAITS_VERSION,
        used_slots=list(used_slots),
        reads_answer=reads_answer,
        request_words=list(sides[0].counts.names) if found.shares[0] else [],
        answer_words=list(sides[1].counts.names) if found.shares[1] else [],
        small=_odds(found.left_out[:, 0], outcomes[:, 0]),
        large=_odds(found.left_out[:, 1], outcomes[:, 1]),
    )
    tensors = {
        "knots": np.ascontiguousarray(knots),
        "traits": np.ascontiguousarray(stand.T @ solved * np.sqrt(12 / traits.shape[1])),
        "bias": outcomes.mean(axis=0) + solved.sum(axis=0),
    }
    for name, side, share in zip(("request", "answer"), sides, found.shares, strict=True):
        weights = side.rows.T @ solved * share if share else np.zeros((0, 2))
        tensors |= {
            f"{name}_weights": np.ascontiguousarray(weights, dtype=np.float32),
            f"{name}_rarity": (side.rarity if share else side.rarity[:0]).astype(np.uint16),
        }
    from safetensors.numpy import save

    files = {SPECIALIST_FILE: msgspec.json.encode(body), WEIGHTS_FILE: save(tensors)}
    gains = found.left_out[:, 1] - found.left_out[:, 0]
    sure = np.array([sureness(outlook_of(row, (body.small, body.large))) for row in found.left_out.tolist()])
    about = {
        "trainer": "router",
        "reads_answer": reads_answer,
        "cases": len(cases),
        "trained_on": len(some),
        "shares": list(found.shares),
        "penalty": found.penalty,
        "error": round(found.error, 4),
        "error_of_the_mean": round(float((outcomes[:, 1] - outcomes[:, 0]).var()), 4),
        "better_by": round(_better_by(outcomes[:, 1] - outcomes[:, 0], gains), 2),
        "seed": seed,
        "size_bytes": sum(map(len, files.values())),
    }
    return TrainedScorer(files=files, about=about, learnt=learnt, gains=gains, confidences=sure)


def _side(texts: Sequence[str], name: str, groups: Sequence[int]) -> _Side:
    counts = repeated(count(texts, name, ("words",)), np.array(groups, dtype=np.int64))[0]
    weights = rarity(document_counts(counts), len(texts))
    return _Side(counts=counts, rarity=weights, rows=matrix([counts], [weights]))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    shares: tuple[float, float]
    penalty: float
    error: float
    solved: Floats
    """(cases, 2): what each case adds to the weights."""
    left_out: Floats
    """(cases, 2): scores by a model without the case's group."""


def _choose(stand: Floats, sides: Sequence[_Side], outcomes: Floats, groups: Sequence[int]) -> _Choice:
    mean = outcomes.mean(axis=0)
    aims = outcomes - mean
    alike = [(side.rows @ side.rows.T).toarray() if side.rows.shape[1] else None for side in sides]
    together = [rows for rows in _rows_of(groups) if len(rows) > 1]
    base = stand @ stand.T + 1.0  # the constant is one more feature
    best: _Choice | None = None
    for shares in product(*((0.0,) if one is None else SHARES for one in alike)):
        kernel = base + sum(share * one for share, one in zip(shares, alike, strict=True) if one is not None and share)
        values, vectors = np.linalg.eigh(kernel)
        turned = vectors.T @ aims
        for penalty in PENALTIES:
            shrunk = vectors * (1 / (np.maximum(values, 0.0) + penalty))
            solved = shrunk @ turned
            left_out = aims - _without(solved, shrunk, vectors, together)
            error = float(((left_out[:, 1] - left_out[:, 0] - aims[:, 1] + aims[:, 0]) ** 2).mean())
            if best is None or error < best.error:
                best = _Choice(shares=(shares[0], shares[1]), penalty=penalty, error=error, solved=solved, left_out=left_out + mean)
    assert best is not None
    return best


def _without(solved: Floats, shrunk: Floats, vectors: Floats, together: Sequence[Ints]) -> Floats:
    """Residuals of models that did not see the row's group, (cases, 2): with G = (K + penalty)^-1 they are G_gg^-1 (G y)_g."""
    residuals = solved / (shrunk * vectors).sum(axis=1)[:, None]
    for rows in together:
        residuals[rows] = np.linalg.solve(shrunk[rows] @ vectors[rows].T, solved[rows])
    return np.asarray(residuals)


def _rows_of(groups: Sequence[int]) -> list[Ints]:
    held: dict[int, list[int]] = {}
    for row, group in enumerate(groups):
        held.setdefault(group, []).append(row)
    return [np.array(rows, dtype=np.int64) for rows in held.values()]


def _better_by(true: Floats, foretold: Floats) -> float:
    """By how many standard errors the squared errors are smaller than those of the mean of all the others."""
    n = len(true)
    others = (true.sum() - true) / (n - 1)
    won = (true - others) ** 2 - (true - foretold) ** 2
    spread = float(won.std(ddof=1))
    return float(won.mean()) / spread * float(np.sqrt(n)) if spread > 0 else 0.0


def _odds(scores: Floats, outcomes: Floats) -> tuple[float, float]:
    """Slope and offset that make log odds of scores (Platt 1999), by Newton's steps on slightly smoothed outcomes."""
    right = float(outcomes.sum())
    wrong = len(outcomes) - right
    aims = outcomes * (right + 1) / (right + 2) + (1 - outcomes) / (wrong + 2)
    columns = np.stack([scores, np.ones(len(scores))], axis=1)
    found = np.array([0.0, np.log((right + 1) / (wrong + 1))])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-np.clip(columns @ found, -60, 60)))
        slope = columns.T @ (chance - aims) + 1e-6 * found
        curve = (columns * (chance * (1 - chance))[:, None]).T @ columns + 1e-6 * np.eye(2)
        step = np.linalg.solve(curve, slope)
        found = found - np.clip(step, -5, 5)
        if np.abs(step).max() < 1e-9:
            break
    return float(np.clip(found[0], 0, 1e4)), float(np.clip(found[1], -1e4, 1e4))
