from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmarks.guarantee import by_name, cell
from modicum.evaluate.narrow import Narrowing, thin_labels
from modicum.evaluate.table import UNREAD, Table
from modicum.types import Rule
from tests.evaluate.samples import attempt


def table_of(said: list[int], told: list[int], confidence: list[float] | None = None) -> Table:
    n = len(said)
    return Table(
        labels=("a", "b", "c"),
        said=np.array(said),
        told=np.array(told),
        confidence=np.ones(n) if confidence is None else np.array(confidence),
        open=np.ones(n, dtype=np.bool_),
        weights=np.ones(n),
    )


def test_only_agreement_counts_towards_a_label() -> None:
    table = table_of([0, 0, 0, 1, 1, 1, 2], [0, 0, 0, 1, 1, 2, UNREAD])
    assert thin_labels(attempt(7, (0.5,), min_label_groups=3), table).tolist() == [False, True, True]
    assert not thin_labels(attempt(7, (0.5,), min_label_groups=0), table).any()


def test_what_proved_a_label_is_taken_out_again() -> None:
    table = table_of([0] * 8 + [1] * 4 + [0, 2], [0] * 8 + [1] * 4 + [1, 0])
    narrowing = Narrowing(attempt(14, (0.5,), min_label_groups=5), table)
    assert narrowing.thin.tolist() == [False, True, True]
    assert narrowing.answered(0.5).tolist() == [True] * 8 + [False] * 4 + [True, False]
    left = narrowing.left()
    assert len(left.rows) == 5 and set(left.rows.tolist()) >= {12, 13}  # three of a's eight, none of b's, every difference
    assert (left.weights[-2:] == 1).all() and (left.weights[:-2] > 1).all()
    assert len(narrowing.left_answered(0.5).rows) == 4


def test_rows_that_are_not_answered_prove_a_label_first() -> None:
    table = table_of([0] * 12, [0] * 12, [0.9] * 8 + [0.1] * 4)
    narrowing = Narrowing(attempt(12, (0.5, 0.05), min_label_groups=5), table)
    assert len(narrowing.left_answered(0.5).rows) == 7
    assert len(narrowing.left_answered(0.05).rows) == 7
    assert len(narrowing.left().rows) == 7


def test_nothing_is_taken_out_for_labels_that_are_never_answered() -> None:
    table = dataclasses.replace(table_of([0] * 8 + [1] * 8, [0] * 8 + [1] * 8), open=np.array([True] * 8 + [False] * 8))
    declared = attempt(16, (0.5,), min_label_groups=5, rule=Rule(accept_above=0.5, deferred_labels=("b",), protected_labels=("c",)))
    assert len(Narrowing(declared, table).left().rows) == 3 + 8


def test_what_is_left_stands_for_what_is_there() -> None:
    """Given that a label with 8 expected rows was kept, it has more rows than its share; what is left, weighed, has its share again."""
    rng, n = np.random.default_rng(2), 400
    raw, weighed = [], []
    for draw in range(1500):
        said = np.where(rng.random(n) < 0.02, 1, 0)
        table = table_of(said.tolist(), said.tolist())
        narrowing = Narrowing(attempt(n, (0.5,), seed=draw), table)
        if narrowing.thin[1]:
            continue
        left = narrowing.left()
        raw.append(int((said == 1).sum()))
        weighed.append(float(left.weights[said[left.rows] == 1].sum()))
    assert np.mean(raw) > 8.4
    assert np.mean(weighed) == pytest.approx(8.0, abs=3 * np.std(weighed) / len(weighed) ** 0.5 + 0.1)


@pytest.mark.parametrize("kind", ["A", "B"])
def test_rare_labels_that_never_err_vouch_for_none_that_do(kind: str) -> None:
    row = cell(by_name()["rare labels safe, frequent ones err"], kind, 3000, 1, 60, 1)  # type: ignore[arg-type]
    assert row["violations_lower_99"] <= 0.05
