"""The test of two samples by a score: exact where they are alike, and what it says of how far they lie apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.stats.two_samples import apart


def test_alike_samples_are_called_apart_no_more_often_than_the_level() -> None:
    random = np.random.default_rng(1)
    p_values = []
    for seed in range(800):
        drawn = random.normal(size=180)
        p_values.append(apart(drawn[:80].tolist(), drawn[80:].tolist(), seed=seed).p_value)
    for level in (0.01, 0.05, 0.2):
        assert np.mean(np.array(p_values) <= level) <= level + 3 * np.sqrt(level * (1 - level) / 800)
    assert np.mean(np.array(p_values) <= 0.2) > 0.05, "and not never"


def test_ties_prove_nothing() -> None:
    assert min(apart([0.0] * 100, [0.0] * 100, seed=seed).p_value for seed in range(50)) > 0.001
    assert apart([0.0] * 100, [0.0] * 100).auc == 0.5


def test_a_few_that_are_otherwise_are_seen_at_the_top_and_all_that_are_a_little_in_the_middle() -> None:
    usual, few = np.arange(300.0), np.concatenate([np.linspace(0, 299, 270), 1_000 + np.arange(30.0)])
    found = apart(usual.tolist(), few.tolist())
    assert found.p_value < 1e-3 and 0.08 < found.share < 0.12 and 0.5 < found.auc < 0.56
    random = np.random.default_rng(2)
    found = apart(random.normal(size=500).tolist(), random.normal(0.5, 1, size=500).tolist())
    assert found.p_value < 1e-6 and 0.6 < found.auc < 0.68 and 0.1 < found.share < 0.3, "0.64 and 0.2 are true"
    lower = apart(random.normal(size=500).tolist(), random.normal(-0.5, 1, size=500).tolist())
    assert lower.p_value > 0.99 and lower.share == 0 and lower.auc < 0.4, "one-sided: a score that is lower than before says nothing"


scores = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=40)


@given(scores, scores, st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_whatever_the_scores_it_is_a_test(first: list[float], second: list[float], seed: int) -> None:
    found = apart(first, second, seed=seed)
    assert 0 < found.p_value <= 1 and 0 <= found.auc <= 1 and 0 <= found.share <= 1
    assert found == apart(first, second, seed=seed)
    assert found.auc == pytest.approx(np.mean([(a < b) + 0.5 * (a == b) for a in first for b in second]))


def test_nothing_to_compare_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        apart([], [1.0])
