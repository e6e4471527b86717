"""A month from observed days: the scaling by hand, the interval against known truth."""

from datetime import date, timedelta

import numpy as np
import pytest

from modicum.report.month import DAYS_A_MONTH, T_975, Coverage, Month, interval, observed_days, over_calls

FIRST = date(2026, 10, 1)


def later(*offsets: int) -> list[date]:
    return [FIRST + timedelta(days=offset) for offset in offsets]


def test_quiet_days_count_and_silences_do_not() -> None:
    days, left_out = observed_days(later(0, 1, 3, 30, 31))
    assert days == tuple(later(0, 1, 2, 3, 30, 31))
    assert left_out == 26


def test_a_week_of_silence_is_still_traffic() -> None:
    days, left_out = observed_days(later(0, 8))
    assert (len(days), left_out) == (9, 0)
    days, left_out = observed_days(later(0, 9))
    assert (len(days), left_out) == (2, 8)


def test_the_mean_day_times_a_month() -> None:
    assert Month(10).mean(np.full(10, 2.0)) == pytest.approx(2 * DAYS_A_MONTH)


def test_a_month_of_nothing_is_a_mistake() -> None:
    with pytest.raises(ValueError):
        Month(0)


def test_under_three_days_the_calls_alone_vary() -> None:
    assert interval(np.ones(10)) == (1.0, 1.0)
    low, high = interval(over_calls(10_000, 1, spread=1.0))
    assert (low, high) == pytest.approx((1 - 1.96 * 0.01414, 1 + 1.96 * 0.01414), abs=0.002)
    wide = interval(over_calls(10_000, 1, spread=5.0))
    assert wide[0] < low and wide[1] > high and interval(over_calls(1, 1))[0] == 0.0


def test_an_interval_over_calls_holds_the_true_sum_as_often_as_it_says() -> None:
    rng, trials, held = np.random.default_rng(2), 400, 0
    for trial in range(trials):
        drawn = rng.exponential(1.0, rng.poisson(200))
        low, high = interval(drawn.sum() * over_calls(len(drawn), trial))
        held += low <= 200.0 <= high
    assert held / trials >= 0.92


def test_draws_are_the_same_each_time() -> None:
    coverage = Coverage(share=0.5, accepted=50, groups=100)
    assert np.array_equal(Month(5).draws(np.arange(5.0), coverage), Month(5).draws(np.arange(5.0), coverage))


def test_coverage_alone_makes_an_interval() -> None:
    draws = Month(30).draws(np.full(30, 1.0), Coverage(share=0.5, accepted=500, groups=1000))
    low, high = interval(draws)
    # 30.44 x (0.5 +- 1.96 sqrt(.25 / 1000)), a little wider for 30 days
    assert low == pytest.approx(DAYS_A_MONTH * 0.469, rel=0.01)
    assert high == pytest.approx(DAYS_A_MONTH * 0.531, rel=0.01)


def test_the_table_of_t_continues_smoothly() -> None:
    assert T_975[-1] == pytest.approx(1.96 + 2.4 / 30, abs=0.003)
    assert list(T_975) == sorted(T_975, reverse=True)


@pytest.mark.parametrize("days", [5, 14])
def test_the_interval_holds_the_true_mean_as_often_as_it_says(days: int) -> None:
    rng = np.random.default_rng(1)
    trials, held = 300, 0
    sure = Coverage(share=1.0, accepted=10**9, groups=10**9)
    for trial in range(trials):
        month = Month(days, seed=trial)
        low, high = interval(month.draws(rng.gamma(4.0, 1.0, days), sure))
        held += low <= 4.0 * DAYS_A_MONTH <= high
    assert held / trials >= 0.91
