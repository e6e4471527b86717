"""A scorer learnt from two models' outcomes: what it finds, that day and night agree, what it refuses."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec
import numpy as np
import pytest

from modicum.artefact import Artefact
from modicum.backends.scorer import WEIGHTS_FILE, Scorer, ScorerBody
from modicum.backends.specialist import SPECIALIST_FILE
from modicum.errors import ArtefactError, NotEnoughDataError
from modicum.train import router
from modicum.train.export import in_memory
from modicum.train.router import Case, fit

SLOT = "user.0"
USED = (SLOT,)
NAMES = ("pens", "cups", "boxes", "coins", "books")


def outcomes(n: int, seed: int, *, twins: int = 1) -> list[Case]:
    """The small model is mostly wrong of "percent", the large one of "riddle"; a sum that does not hold is wrong."""
    rng = np.random.default_rng(seed)
    cases: list[Case] = []
    while len(cases) < n:
        a, b = (int(one) for one in rng.integers(2, 90, 2))
        kind = rng.choice(["add", "percent", "riddle"])
        text = f"{kind}: {a} {rng.choice(NAMES)} and {b} {rng.choice(NAMES)}, how many are there?"
        slip = rng.random() < 0.2
        answer = f"{a} + {b} = {a + b + (7 if slip else 0)}"
        small = float(not slip and rng.random() < (0.2 if kind == "percent" else 0.9))
        large = float(rng.random() < (0.1 if kind == "riddle" else 0.95))
        for _ in range(twins):
            cases.append(Case(slots=((SLOT, text),), answer=answer, small=small, large=large, group=len(cases) // twins))
    return cases


def gains(scorer: Scorer, cases: list[Case]) -> np.ndarray:
    return np.array([scorer.outlook(case.slots, case.answer).gain for case in cases])


def test_it_learns_when_the_large_model_is_worth_asking() -> None:
    learn, test = outcomes(400, 1), outcomes(300, 2)
    true = np.array([case.large - case.small for case in test])
    before = Scorer(in_memory(fit(learn, used_slots=USED, reads_answer=False, seed=0).files))
    after = Scorer(in_memory(fit(learn, used_slots=USED, reads_answer=True, seed=0).files))
    early, late = np.corrcoef(gains(before, test), true)[0, 1], np.corrcoef(gains(after, test), true)[0, 1]
    assert early > 0.5
    assert late > early
    chance = np.array([after.outlook(case.slots, case.answer).small for case in test])
    right = np.array([case.small for case in test])
    assert abs(chance.mean() - right.mean()) < 0.06
    assert ((chance - right) ** 2).mean() < 0.6 * right.var()
    percent = after.confidence(((SLOT, "percent: 4 pens and 5 cups, how many are there?"),), "4 + 5 = 9")
    riddle = after.confidence(((SLOT, "riddle: 4 pens and 5 cups, how many are there?"),), "4 + 5 = 9")
    assert 0 <= percent < riddle <= 1


def test_the_same_cases_give_the_same_files() -> None:
    cases = outcomes(120, 3)
    assert fit(cases, used_slots=USED, reads_answer=True, seed=1).files == fit(cases, used_slots=USED, reads_answer=True, seed=1).files


def test_by_day_the_scores_are_those_that_were_fitted() -> None:
    cases = outcomes(150, 4)
    trained = fit(cases, used_slots=USED, reads_answer=True, seed=0)
    scorer = Scorer(in_memory(trained.files))
    scored = np.array([scorer.scores(case.slots, case.answer) for case in cases])
    aims = np.array([(case.small, case.large) for case in cases])
    # What a ridge leaves over is the penalty times the dual solution: no component of the scores may have gone missing.
    assert ((scored - aims) ** 2).mean() < ((aims - aims.mean(axis=0)) ** 2).mean()
    foretold = scored[:, 1] - scored[:, 0]
    assert np.corrcoef(foretold, trained.gains)[0, 1] > 0.8


def test_left_out_scores_are_those_of_a_model_without_the_group() -> None:
    rng = np.random.default_rng(0)
    stand, aims, groups = rng.normal(size=(30, 4)), rng.random((30, 2)), [row // 3 for row in range(30)]
    kernel = stand @ stand.T
    values, vectors = np.linalg.eigh(kernel)
    shrunk = vectors / (values + 2.0)
    together = [rows for rows in router._rows_of(groups) if len(rows) > 1]
    quick = aims - router._without(shrunk @ (vectors.T @ aims), shrunk, vectors, together)
    for group in range(10):
        own = np.arange(3 * group, 3 * group + 3)
        others = np.setdiff1d(np.arange(30), own)
        slow = kernel[np.ix_(own, others)] @ np.linalg.solve(kernel[np.ix_(others, others)] + 2.0 * np.eye(27), aims[others])
        assert quick[own] == pytest.approx(slow)


def test_twins_do_not_foretell_each_other() -> None:
    noise = [dataclasses.replace(case, small=float(case.group % 2), large=float(case.group % 3 > 0)) for case in outcomes(200, 5, twins=4)]
    trained = fit(noise, used_slots=USED, reads_answer=True, seed=0)
    true = np.array([case.large - case.small for case in noise])
    assert abs(np.corrcoef(trained.gains, true)[0, 1]) < 0.35
    assert trained.about["error"] > 0.8 * trained.about["error_of_the_mean"]


def test_many_cases_are_drawn_from() -> None:
    trained = fit(outcomes(140, 6), used_slots=USED, reads_answer=False, seed=2, most=100)
    assert len(trained.learnt) == len(trained.gains) == trained.about["trained_on"] == 100


def test_too_little_is_refused() -> None:
    with pytest.raises(NotEnoughDataError, match="49 requests"):
        fit(outcomes(49, 7), used_slots=USED, reads_answer=False, seed=0)
    alike = [dataclasses.replace(case, small=case.large) for case in outcomes(80, 8)]
    with pytest.raises(NotEnoughDataError, match="worth the same"):
        fit(alike, used_slots=USED, reads_answer=False, seed=0)


def test_where_one_of_them_is_always_right_the_other_s_outcomes_are_enough() -> None:
    learn, test = ([dataclasses.replace(case, large=1.0) for case in outcomes(n, seed)] for n, seed in ((300, 8), (200, 9)))
    trained = fit(learn, used_slots=USED, reads_answer=True, seed=0)
    scorer = Scorer(in_memory(trained.files))
    sure = np.array([scorer.confidence(case.slots, case.answer) for case in test])
    right = np.array([case.small for case in test])
    assert trained.foretells and sure[right > 0].mean() > sure[right == 0].mean() + 0.1
    assert abs(trained.confidences.mean() - sure.mean()) < 0.05 and np.corrcoef(trained.gains, trained.confidences)[0, 1] < -0.95


def test_noise_foretells_nothing() -> None:
    rng = np.random.default_rng(1)
    found = 0
    for seed in range(8):
        noise = [dataclasses.replace(case, small=float(rng.random() < 0.7), large=1.0) for case in outcomes(80, 20 + seed)]
        found += fit(noise, used_slots=USED, reads_answer=True, seed=0).foretells
    assert found <= 2


@pytest.mark.parametrize("fault", ["kind", "words", "version", "odds", "weights", "tensor"])
def test_a_damaged_artefact_is_refused(fault: str) -> None:
    files = dict(fit(outcomes(60, 9), used_slots=USED, reads_answer=False, seed=0).files)
    body = msgspec.json.decode(files[SPECIALIST_FILE], type=ScorerBody)
    changed: dict[str, dict[str, Any]] = {
        "kind": {"kind": "linear"},
        "words": {"answer_words": ["a"]},
        "version": {"traits_version": 99},
        "odds": {"small": (1e9, 0.0)},
        "weights": {"request_words": [*body.request_words, "one more"]},
    }
    if fault == "tensor":
        files[WEIGHTS_FILE] = files[WEIGHTS_FILE][:-4]
    else:
        files[SPECIALIST_FILE] = msgspec.json.encode(msgspec.structs.replace(body, **changed[fault]))
    with pytest.raises(ArtefactError):
        Scorer(Artefact(digest="sha256:" + "0" * 64, about={}, files=files))
