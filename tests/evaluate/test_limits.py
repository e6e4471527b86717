"""Which limit left a trial unproven: named by the test that failed, and counted in labels where labels would help."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from modicum.evaluate.certify import look_a, look_b
from modicum.evaluate.judged import JudgedRows
from modicum.evaluate.limits import limit_before, limit_of
from modicum.evaluate.table import Table, tabulate
from modicum.evaluate.trials import NONE, OTHER, SAME, pilot_plan
from modicum.evaluate.tune import Terms
from modicum.types import Attempt, Prediction, Rule
from tests.evaluate.samples import attempt, sample

FREE = Rule(accept_above=0.0)


def table(agreeing: int, differing: int, unreadable: int = 0) -> Table:
    said = [SAME] * agreeing + [OTHER] * differing + [NONE] * unreadable
    rows = [sample(number, f"text {number}", SAME) for number in range(len(said))]
    return tabulate(rows, [Prediction(value=one, confidence=-1.0 if one == NONE else 1.0) for one in said], FREE)


def declared(rows: Table, **more: Any) -> Attempt:
    return attempt(len(rows), (0.0,), min_label_groups=0, max_label_share=1.0, **more)


@pytest.mark.parametrize(
    ("agreeing", "differing", "unreadable", "margin", "most", "limit"),
    [
        (400, 0, 0, 0.02, 0.05, None),
        (360, 40, 0, 0.02, 0.2, "margin"),
        (60, 10, 330, 0.05, 0.06, "floor"),
        (20, 0, 380, 0.05, 0.05, "coverage"),
        (100, 0, 0, 0.02, 0.05, "calls"),
        (397, 3, 0, 0.01, 0.05, "calls"),
    ],
)
def test_agreement_names_what_failed(agreeing: int, differing: int, unreadable: int, margin: float, most: float, limit: str | None) -> None:
    rows = table(agreeing, differing, unreadable)
    test = declared(rows, margin=margin, max_selective=most)
    found = limit_of(test, rows)
    assert (None if found is None else found.limit) == limit, found
    assert (look_a(test, rows).rule is None) == (limit is not None)
    assert found is None or found.needs_labels is None


def losses(rows: Table, worse: int, even: int, unknown: int = 0) -> np.ndarray:
    out = np.zeros(len(rows))
    differing = np.nonzero(rows.differs)[0]
    out[differing[:worse]] = 1.0
    out[differing[worse + even :]] = np.nan
    assert int(np.isnan(out).sum()) == unknown
    return out


@pytest.mark.parametrize(
    ("worse", "even", "unknown", "limit"), [(2, 198, 0, None), (80, 120, 0, "margin"), (2, 150, 48, "labels"), (14, 186, 0, "labels")]
)
def test_quality_counts_the_labels_that_are_missing(worse: int, even: int, unknown: int, limit: str | None) -> None:
    rows = table(0, 200)
    test = declared(rows, kinds=("B",), margin=0.1, max_selective=0.1)
    excess = losses(rows, worse, even, unknown)
    found = limit_of(test, rows, excess)
    assert (None if found is None else found.limit) == limit, found
    assert (look_b(test, rows, excess).rule is None) == (limit is not None)
    if found is not None and limit == "labels":
        assert found.needs_labels is not None
        assert found.needs_labels == 48 if unknown else found.needs_labels > 200, "as many would not do, or it would have passed"
    if limit == "margin":
        assert found is not None and found.needs_labels is None and "40 % more are answered worse" in found.reason


def test_more_labels_as_they_go_would_do() -> None:
    """What is foretold is about what it takes."""
    rows = table(0, 200)
    found = limit_of(declared(rows, kinds=("B",), margin=0.1, max_selective=0.1), rows, losses(rows, 14, 186))
    assert found is not None and found.needs_labels is not None
    rng, passed = np.random.default_rng(0), 0
    for _ in range(40):
        more = table(0, found.needs_labels)
        drawn = (rng.random(len(more)) < 0.07).astype(float)
        second = declared(more, kinds=("B",), margin=0.1, max_selective=0.1, number=2, delta=attempt(1, (0.0,)).delta / 4)
        passed += look_b(second, more, drawn).rule is not None
    assert 20 <= passed <= 40, passed


def test_a_judge_s_labels_name_it_too() -> None:
    rows = table(0, 200)
    words = losses(rows, 120, 80)
    judged = JudgedRows(people=words, judge=words, checked=np.arange(200) % 2 == 0, share=0.5)
    found = limit_of(declared(rows, kinds=("B",), margin=0.1, max_selective=0.1), rows, judged=judged)
    assert found is not None and found.limit in ("margin", "floor")


def test_a_pilot_names_what_it_suggests() -> None:
    terms = Terms(kinds=("A",), margin=0.05, max_selective=0.1)

    def told(*counts: int, texts: bool = False, wish: Terms = terms) -> str:
        rows = table(*counts)
        return limit_before(rows, wish, pilot_plan(rows, FREE, texts=texts), texts=texts).limit

    assert [told(40, 0), told(30, 10), told(1, 0, 39), told(0, 0, 40), told(6, 2, 40)] == [
        "calls",
        "margin",
        "coverage",
        "coverage",
        "floor",
    ]
    texts = dataclasses.replace(terms, kinds=("B",), margin=0.12, max_selective=0.12)
    assert told(0, 10, texts=True, wish=texts) == "labels"


@pytest.mark.parametrize(("worse", "even"), [(14, 186), (18, 182), (8, 192)])
def test_a_test_that_did_not_pass_never_reads_as_one_that_did(worse: int, even: int) -> None:
    """What is said to be shown is what the very test shows: above the margin, and passed when it is the margin."""
    rows = table(0, 200)
    test = declared(rows, kinds=("B",), margin=0.1, max_selective=0.1)
    excess = losses(rows, worse, even)
    found = limit_of(test, rows, excess)
    if look_b(test, rows, excess).rule is not None:
        assert found is None
        return
    assert found is not None and "that it is at most 10 % is not shown" in found.reason and "could be" not in found.reason
    shown = float(found.reason.split("level of the test at most ")[1].split(" %")[0]) / 100
    assert shown > 0.1
    wider = declared(rows, kinds=("B",), margin=shown, max_selective=shown)
    assert look_b(wider, rows, excess).rule is not None
