"""How fast calls come in: a burst is no pace, and an hour no twenty-fourth of a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.pipeline.supplied import calls_a_day, supplied

START = datetime(2026, 10, 5, 10, tzinfo=UTC)


def every(step: timedelta, calls: int, start: datetime = START) -> list[datetime]:
    return [start + step * number for number in range(calls)]


def test_an_hour_is_taken_for_a_day() -> None:
    found = supplied(100, every(timedelta(seconds=2.4), 1500))
    assert (found.groups, found.calls, found.observed_days) == (100, 1500, 1)
    assert found.days == pytest.approx(1.0), "not an hour's: nobody knows that it goes on all day"
    assert found.told_from == " (at the pace of one day)"


def test_steady_calls_have_the_pace_of_their_days() -> None:
    found = supplied(100, every(timedelta(hours=1), 24 * 21 + 1))
    assert found.days == pytest.approx(21, rel=0.02) and found.observed_days == 21
    assert found.told_from == " (at the pace of 21 days)"


def test_a_burst_among_steady_days_is_no_pace() -> None:
    steady = every(timedelta(hours=2.4), 10 * 21 + 1)
    burst = every(timedelta(seconds=2), 1500, START + timedelta(days=9))
    assert calls_a_day(steady) == pytest.approx(10, rel=0.05)
    assert calls_a_day([*steady, *burst]) == pytest.approx(11, rel=0.1), "that day counts as three usual ones; the mean says 81"


def test_weekends_are_days_and_long_silences_are_none() -> None:
    weekdays = [START + timedelta(days=day, minutes=m) for day in range(28) if day % 7 < 5 for m in range(100)]
    assert calls_a_day(weekdays) == pytest.approx(2000 / 25, rel=0.02), "five days of seven, up to the last Friday"
    early, late = every(timedelta(hours=1), 24 * 5), every(timedelta(hours=1), 24 * 5, START + timedelta(days=60))
    assert supplied(1, [*early, *late]).observed_days == 10, "nobody recorded in between"


def test_no_calls_have_no_pace() -> None:
    found = supplied(0, [])
    assert (found.calls, found.days, found.told_from) == (0, 0.0, "")


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=200))
def test_the_pace_is_never_faster_than_all_calls_in_a_day_nor_none(seconds: list[int]) -> None:
    times = [START + timedelta(seconds=second) for second in seconds]
    assert 0 < calls_a_day(times) <= len(times)
    assert supplied(1, times).days >= 1.0 - 1e-9
