"""The figures of a router, against small cases counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from modicum.stats.routing import routed

SMALL = np.array([1.0, 0.0, 0.0, 1.0])
LARGE = np.array([1.0, 1.0, 0.0, 0.0])
ONE, TEN = np.full(4, 1.0), np.full(4, 10.0)


def test_an_oracle_asks_where_it_pays_first() -> None:
    line = routed(LARGE - SMALL + np.array([0.0, 0.0, 0.1, 0.0]), SMALL, np.array([1.0, 1.0, 1.0, 0.0]), small_cost=ONE, large_cost=TEN)
    assert line.share.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert line.quality.tolist() == [0.5, 0.75, 1.0, 1.0, 0.75]
    assert line.cost.tolist() == [1.0, 3.25, 5.5, 7.75, 10.0]
    assert line.recovered.tolist() == [0, 1, 2, 2, 1]
    assert line.apgr == pytest.approx((0.5 + 1.5 + 2 + 1.5) / 4)
    assert line.share_for(0.5) == 0.25
    assert line.cost_for(0.75) == 3.25
    assert line.cost_for(1.1) is None
    assert line.aiq == pytest.approx(((0.5 + 0.75) / 2 * 2.25 + (0.75 + 1) / 2 * 2.25 + 4.5) / 9)


def test_who_asks_after_the_small_answer_pays_both() -> None:
    line = routed(LARGE - SMALL, SMALL, LARGE, small_cost=ONE, large_cost=TEN, pays_both=True)
    assert line.cost.tolist() == [1.0, 3.5, 6.0, 8.5, 11.0]


def test_the_hull_counts_a_mixture_and_never_falls() -> None:
    gains = np.array([4.0, 3.0, 2.0, 1.0])
    line = routed(gains, np.zeros(4), np.array([0.0, 0.0, 0.0, 1.0]), small_cost=ONE, large_cost=TEN)
    assert line.aiq == pytest.approx(0.125)  # the straight line from (1, 0) to (10, 1/4)
    falling = routed(gains, np.array([0.0, 0.0, 1.0, 1.0]), np.array([1.0, 1.0, 0.0, 0.0]), small_cost=ONE, large_cost=TEN)
    assert falling.aiq > 0.5 and falling.quality[-1] == 0.5


def test_a_coin_recovers_half() -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(50):
        small, large = (rng.random((2, 500)) < [[0.6], [0.85]]).astype(float)
        found.append(routed(rng.random(500), small, large, small_cost=np.ones(500), large_cost=np.ones(500) * 9).apgr)
    assert np.mean(found) == pytest.approx(0.5, abs=0.02)
