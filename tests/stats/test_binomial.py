from __future__ import annotations

import random

import numpy as np
import pytest
from scipy import special, stats

from modicum.stats.binomial import beta_cdf, clopper_pearson, fewest_draws, lower_limit, lower_tail, most_errors, upper_limit, upper_tail


def test_beta_agrees_with_scipy() -> None:
    rng = random.Random(0)
    for _ in range(3000):
        a, b = 10 ** rng.uniform(-1, 4), 10 ** rng.uniform(-1, 4)
        x = min(max(rng.gauss(a / (a + b), (a * b / (a + b) ** 2 / (a + b + 1)) ** 0.5 * 3), 1e-9), 1 - 1e-9)
        assert beta_cdf(x, a, b) == pytest.approx(special.betainc(a, b, x), rel=1e-8, abs=1e-13)


@pytest.mark.parametrize("n", [1, 2, 59, 300, 1000, 30_000, 1_000_000])
def test_tails_agree_with_scipy(n: int) -> None:
    for p in (0.001, 0.01, 0.05, 0.3):
        for k in sorted({0, 1, n // 200, int(n * p), int(n * p + 3 * (n * p) ** 0.5), n - 1, n}):
            assert lower_tail(k, n, p) == pytest.approx(stats.binom.cdf(k, n, p), rel=1e-8, abs=1e-13)
            assert upper_tail(k, n, p) == pytest.approx(stats.binom.sf(k - 1, n, p), rel=1e-8, abs=1e-13)


def test_tails_outside_the_range() -> None:
    assert lower_tail(-1, 5, 0.1) == 0 and lower_tail(5, 5, 0.1) == 1 and lower_tail(0, 0, 0.1) == 1
    assert upper_tail(0, 5, 0.1) == 1 and upper_tail(6, 5, 0.1) == 0


def test_limits_agree_with_scipy() -> None:
    for k, n in ((0, 10), (3, 10), (10, 10), (7, 1050), (40, 3500)):
        low, high = clopper_pearson(k, n, 0.95)
        exact = stats.binomtest(k, n).proportion_ci(0.95, "exact")
        assert (low, high) == pytest.approx((exact.low, exact.high), abs=1e-9)
    assert upper_limit(0, 0, 0.95) == 1 and lower_limit(0, 0, 0.95) == 0
    assert upper_limit(0, 299, 0.95) == pytest.approx(1 - 0.05 ** (1 / 299), abs=1e-9)


def test_most_errors_is_the_last_that_passes() -> None:
    for n, p, level in ((1000, 0.01, 0.05), (300, 0.01, 0.05), (298, 0.01, 0.05), (200, 0.05, 0.025), (5, 0.5, 0.05)):
        k = most_errors(n, p, level)
        assert lower_tail(k, n, p) <= level < lower_tail(k + 1, n, p)


def test_fewest_draws_are_those_of_the_rule_of_three() -> None:
    assert [fewest_draws(p, 0.05) for p in (0.05, 0.02, 0.01)] == [59, 149, 299]


def test_upper_limit_covers() -> None:
    rng = np.random.default_rng(1)
    for n, p in ((50, 0.02), (400, 0.01), (400, 0.3)):
        ks, counts = np.unique(rng.binomial(n, p, 4000), return_counts=True)
        missed = sum(c for k, c in zip(ks, counts, strict=True) if upper_limit(int(k), n, 0.95) < p)
        assert missed / 4000 <= 0.06
