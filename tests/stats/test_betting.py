from __future__ import annotations

import numpy as np
import pytest

from modicum.stats.betting import betting_p_value, fewest_draws_to_bet, mean_lower_limit


def draws(rng: np.random.Generator, n: int, up: float, down: float) -> np.ndarray:
    u = rng.random(n)
    return np.where(u < up, 1.0, np.where(u < up + down, -1.0, 0.0))


@pytest.mark.parametrize("up,down", [(0.01, 0.0), (0.03, 0.02), (0.105, 0.095), (0.5, 0.49)])
def test_at_the_bound_it_rejects_rarely(up: float, down: float) -> None:
    rng = np.random.default_rng(2)
    rejected = sum(betting_p_value(draws(rng, 400, up, down), 0.01, level=0.05) <= 0.05 for _ in range(2000))
    assert rejected / 2000 <= 0.05 + 0.012


def test_continuous_losses_at_the_bound() -> None:
    rng = np.random.default_rng(3)
    rejected = sum(betting_p_value(rng.uniform(-0.9, 1.0, 300), 0.05, level=0.05) <= 0.05 for _ in range(2000))
    assert rejected / 2000 <= 0.062


def test_it_has_power() -> None:
    rng = np.random.default_rng(4)
    rejected = sum(betting_p_value(draws(rng, 1000, 0.03, 0.05), 0.01, level=0.05) <= 0.05 for _ in range(300))
    assert rejected / 300 >= 0.75


def test_edges() -> None:
    assert betting_p_value(np.zeros(0), 0.01, level=0.05) == 1.0
    assert betting_p_value(np.ones(5000), 0.01, level=0.05) == 1.0
    assert betting_p_value(-np.ones(50), 0.01, level=0.05) < 1e-6
    with pytest.raises(ValueError, match="inside"):
        betting_p_value(np.zeros(3), 1.0, level=0.05)


def test_fewest_draws() -> None:
    n = fewest_draws_to_bet(0.01, 0.05)
    assert betting_p_value(np.zeros(n), 0.01, level=0.05) <= 0.05 < betting_p_value(np.zeros(n - 1), 0.01, level=0.05)
    assert 299 <= n <= 400


def test_the_lower_limit_of_a_mean_misses_rarely_and_comes_close() -> None:
    rng = np.random.default_rng(5)
    draws = 1 + rng.exponential(0.5, (2000, 400))
    limits = np.array([mean_lower_limit(row, 1.0, spread=0.5, miss=0.05) for row in draws])
    assert (limits > 1.5).mean() <= 0.06
    assert limits.mean() > 1.4
    assert mean_lower_limit(np.ones(50), 1.0, spread=0.5, miss=0.01) == 1.0
    assert mean_lower_limit(np.zeros(0), 1.0, spread=0.5, miss=0.01) == 1.0
