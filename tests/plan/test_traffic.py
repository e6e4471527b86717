"""Calls by the hour: what is counted, what is silent, what is unknown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from modicum.errors import NotEnoughDataError
from modicum.plan.traffic import declared, gather
from modicum.types import Call, Usage, new_call_id

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)


def call(minutes: float, tokens: tuple[int, int] | None = (100, 10), *, status: int = 200, usd: str | None = "0.01") -> Call:
    usage = Usage(input_tokens=tokens[0], output_tokens=tokens[1]) if tokens else Usage()
    return Call(
        call_id=new_call_id(),
        started_at=NINE + timedelta(minutes=minutes),
        usage=usage,
        status=status,
        cost_usd=None if usd is None else Decimal(usd),
    )


def test_hours_have_their_calls_tokens_and_busiest_minute() -> None:
    found = gather(call(at) for at in (0, 1, 1.2, 1.9, 30, 61, 61.5, 62))
    assert [(hour.start.hour, hour.calls, hour.peak_minute) for hour in found.hours] == [(9, 5, 3), (10, 3, 2)]
    assert [hour.input_tokens for hour in found.hours] == [500, 300]
    assert (found.calls, found.span_hours, found.silent_hours, found.peak_hour, found.peak_minute) == (8, 2, 0, 5, 3)
    assert (found.mean_input_tokens, found.mean_output_tokens, found.usd) == (100, 10, Decimal("0.08"))


def test_a_night_without_calls_is_paid_for_and_a_month_without_is_not_recorded() -> None:
    night = gather([call(0), call(14 * 60)])
    assert (len(night.hours), night.silent_hours, night.span_hours) == (2, 13, 15)
    month = gather([call(0), call(30 * 24 * 60)])
    assert (month.silent_hours, month.span_hours) == (0, 2)


def test_calls_of_unknown_length_are_taken_as_long_as_the_others_and_failed_ones_left_out() -> None:
    found = gather([call(0), call(1, None), call(2, (300, 30)), call(3, status=500)])
    assert (found.calls, found.calls_of_unknown_length) == (3, 1)
    assert (found.mean_input_tokens, found.mean_output_tokens, found.input_tokens) == (200, 20, 600)


def test_the_longest_twentieth_is_known_and_what_is_declared_is_the_mean() -> None:
    found = gather([*(call(minute, (100 + minute, 10)) for minute in range(100)), call(100, (48_000, 900))])
    assert (found.input_tokens_p95, found.output_tokens_p95, found.longest_tokens) == (195, 10, 48_900)
    assert found.lengths.together == 205 and found.lengths.is_p95
    said = declared(100, 800, 120)
    assert (said.lengths.together, said.lengths.is_p95, said.longest_tokens) == (920, False, None)


def test_one_call_of_unknown_cost_makes_the_bill_unknown() -> None:
    assert gather([call(0), call(1, usd=None)]).usd is None


def test_nothing_known_is_not_traffic() -> None:
    nothing: Iterator[Call] = iter(())
    for calls in (nothing, [call(0, None)], [call(0, status=429)]):
        with pytest.raises(NotEnoughDataError):
            gather(calls)


def test_declared_calls_are_spread_over_the_busy_hours() -> None:
    found = declared(5000, 800, 120, busy_hours=10)
    assert (found.calls, len(found.hours), found.silent_hours, found.span_hours) == (5000, 10, 14, 24)
    assert sum(hour.calls for hour in found.hours) == 5000 and found.peak_hour == 500
    assert (found.mean_input_tokens, found.mean_output_tokens) == (800, 120)
    assert 500 / 60 < found.peak_minute < 30
    assert declared(3, 10, 10).calls == 3 and declared(0.2, 10, 10).calls == 1


def test_a_day_says_that_it_is_not_a_week() -> None:
    short = gather([call(0), call(60, None)])
    assert [doubt.split()[0] for doubt in short.doubts] == ["2", "1"]
    assert "less than a week" in short.doubts[0] and "no known length" in short.doubts[1]
    assert gather([call(0), call(6 * 24 * 60), call(9 * 24 * 60)]).doubts == ()
    assert declared(100, 800, 120).doubts == ()
