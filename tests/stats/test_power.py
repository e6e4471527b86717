from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from modicum.stats.betting import betting_p_value
from modicum.stats.binomial import most_errors
from modicum.stats.paired import paired_p_value
from modicum.stats.power import betting_power, binomial_power, normal_cdf, paired_power


def test_normal_cdf() -> None:
    x = np.linspace(-8, 8, 101)
    assert normal_cdf(x) == pytest.approx(stats.norm.cdf(x), abs=1e-7)


def test_binomial_power_is_near() -> None:
    for n in (60, 300, 1000, 5000):
        for rate in (0.0005, 0.002, 0.006, 0.02, 0.05, 0.2):
            for most in {-1, 0, 1, most_errors(n, 0.01, 0.05), most_errors(n, 0.05, 0.05)}:
                estimate = binomial_power(np.array([float(most)]), np.array([float(n)]), np.array([rate]))
                assert estimate[0] == pytest.approx(stats.binom.cdf(most, n, rate), abs=0.02)


@pytest.mark.parametrize("n,up,down", [(1000, 0.001, 0.0), (1000, 0.005, 0.005), (1000, 0.03, 0.05), (3000, 0.02, 0.02), (400, 0.01, 0.08)])
def test_power_of_the_tests_of_b_is_near(n: int, up: float, down: float) -> None:
    rng = np.random.default_rng(8)
    bet = paired = 0
    for _ in range(150):
        u = rng.random(n)
        draws = np.where(u < up, 1.0, np.where(u < up + down, -1.0, 0.0))
        bet += betting_p_value(draws, 0.01, level=0.05) <= 0.05
        paired += paired_p_value(int((draws > 0).sum()), int((draws < 0).sum()), n, 0.01) <= 0.05
    sizes, ups, downs = np.array([float(n)]), np.array([up]), np.array([down])
    assert betting_power(sizes, 0.01, 0.05, ups, downs)[0] == pytest.approx(bet / 150, abs=0.2)
    assert paired_power(sizes, 0.01, 0.05, ups, downs)[0] == pytest.approx(paired / 150, abs=0.2)
