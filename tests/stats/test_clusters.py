from __future__ import annotations

import numpy as np
import pytest

from modicum.stats.binomial import clopper_pearson
from modicum.stats.clusters import bootstrap_ratios, effective_size, mean_interval, rate_interval, weighted_mean


def test_equal_weights_are_plain_clopper_pearson() -> None:
    values = np.zeros(500)
    values[:7] = 1
    assert effective_size(values, np.ones(500)) == pytest.approx(499, abs=1.1)
    assert rate_interval(values, np.ones(500), 0.95) == pytest.approx(clopper_pearson(7, 500, 0.95), abs=2e-4)


def test_a_rate_of_nothing_and_of_all() -> None:
    low, high = rate_interval(np.zeros(200), np.ones(200), 0.95)
    assert low == 0 and 0.01 < high < 0.02
    assert rate_interval(np.zeros(0), np.ones(0), 0.95) == (0.0, 1.0)
    assert weighted_mean(np.zeros(0), np.ones(0)) == 0.0


def test_clustered_interval_covers_where_a_naive_one_would_not() -> None:
    rng = np.random.default_rng(5)
    covered = naive = 0
    for _ in range(300):
        weights = rng.geometric(0.2, 400).astype(float)
        values = (rng.random(400) < 0.05).astype(float)
        low, high = rate_interval(values, weights, 0.95)
        covered += low <= 0.05 <= high
        total = weights.sum()
        low, high = clopper_pearson((weights * values).sum(), total, 0.95)
        naive += low <= 0.05 <= high
    assert covered / 300 >= 0.91 > naive / 300


def test_mean_interval_covers() -> None:
    rng = np.random.default_rng(6)
    covered = 0
    for _ in range(500):
        u = rng.random(500)
        values = np.where(u < 0.03, 1.0, np.where(u < 0.08, -1.0, 0.0))
        low, high = mean_interval(values, rng.geometric(0.5, 500).astype(float), 0.95)
        covered += low <= -0.02 <= high
    assert covered / 500 >= 0.91


def test_bootstrap_ratios_centre_on_the_ratio_and_repeat() -> None:
    totals, weights = np.arange(100.0), np.full(100, 2.0)
    ratios = bootstrap_ratios(totals, weights, draws=500, seed=1)
    assert ratios.shape == (500,)
    assert ratios.mean() == pytest.approx(totals.sum() / weights.sum(), rel=0.02)
    assert ratios[0] == pytest.approx(bootstrap_ratios(totals, weights, draws=1, seed=1)[0])
