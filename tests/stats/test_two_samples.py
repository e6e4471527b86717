"""Fisher's exact test, one side of it."""

from __future__ import annotations

import random

import pytest
from scipy.stats import fisher_exact

from modicum.stats.two_samples import higher_p_value


def test_it_is_fishers() -> None:
    rng = random.Random(1)
    for _ in range(200):
        n, m = rng.randrange(1, 300), rng.randrange(1, 300)
        k, j = rng.randrange(n + 1), rng.randrange(m + 1)
        expected = fisher_exact([[k, n - k], [j, m - j]], alternative="greater").pvalue
        assert higher_p_value(k, n, j, m) == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_nothing_seen_shows_nothing() -> None:
    assert higher_p_value(0, 0, 0, 0) == 1.0 and higher_p_value(0, 200, 5, 200) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="no counts"):
        higher_p_value(3, 2, 0, 0)
