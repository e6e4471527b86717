from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from modicum.stats import paired
from modicum.stats.binomial import lower_tail
from modicum.stats.paired import paired_p_value, score


def last_rejected(n: int, margin: float, level: float, most_better: int) -> list[int]:
    """For each count of better pairs the largest count of worse ones that is rejected, -1 for none."""
    out, worse = [], -1
    for better in range(most_better + 1):
        while paired_p_value(worse + 1, better, n, margin) <= level:
            worse += 1
        out.append(worse)
    return out


@pytest.mark.parametrize("n,margin,level", [(300, 0.01, 0.05), (300, 0.05, 0.03), (60, 0.05, 0.05), (1000, 0.01, 0.03)])
def test_its_size_is_below_the_level_whatever_the_unknown(n: int, margin: float, level: float) -> None:
    most = 25 if n == 60 else 45
    region = last_rejected(n, margin, level, most)
    largest = 0.0
    for q in np.concatenate([np.linspace(margin, margin + 0.02, 15), np.linspace(margin + 0.02, 0.12, 12)]):
        up, down = (q + margin) / 2, (q - margin) / 2
        size = sum(
            stats.binom.pmf(better, n, down) * (stats.binom.cdf(worse, n - better, up / (1 - down)) if worse >= 0 else 0.0)
            for better, worse in enumerate(region)
        )
        assert size <= level
        largest = max(largest, size)
    assert largest >= 0.5 * level  # not by rejecting nothing


def test_a_finer_grid_finds_no_larger_tail(monkeypatch: pytest.MonkeyPatch) -> None:
    for worse, better, n in ((0, 0, 400), (3, 5, 1000), (14, 16, 1026), (40, 60, 1000), (5, 40, 300)):
        p = paired_p_value(worse, better, n, 0.01)
        seen = float(score(np.float64(worse), np.float64(better), n, 0.01)) + 1e-9
        high = ((worse + better) / n) ** 0.5 + 2 / n**0.5
        fine = paired._largest_tail(np.linspace(0.1, max(high, 0.1), 160) ** 2, seen, n, 0.01)
        assert fine <= p * 1.01 + 1e-4


def test_the_region_is_monotone() -> None:
    counts = np.arange(0, 60)
    z = score(counts[:, None].astype(float), counts[None, :].astype(float), 500, 0.01)
    assert (np.diff(z, axis=0) >= -1e-9).all()
    assert (np.diff(z, axis=1) <= 1e-9).all()


def test_without_better_pairs_it_is_about_the_binomial_test() -> None:
    assert paired_p_value(0, 0, 400, 0.01) == pytest.approx(lower_tail(0, 400, 0.01), rel=0.1)
    assert paired_p_value(0, 0, 299, 0.01) == pytest.approx(0.05, abs=6e-4)


def test_edges() -> None:
    assert paired_p_value(0, 0, 0, 0.01) == 1.0
    assert paired_p_value(5, 0, 100, 0.01) == 1.0
    assert paired_p_value(0, 100, 100, 0.01) < 1e-3
    with pytest.raises(ValueError, match="margin"):
        paired_p_value(0, 0, 10, 0.0)
