"""Times as logs write them."""

from __future__ import annotations

import contextlib
import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.errors import LogFormatError
from modicum.intake.times import check, latest, moment

AT = datetime(2026, 10, 1, 0, 0, 7, 54_474, tzinfo=UTC)


@pytest.mark.parametrize(
    "written",
    [
        "2026-10-01T00:00:07.054474+00:00",
        "2026-10-01T00:00:07.054474Z",
        "2026-10-01 00:00:07.054474",
        "2026-10-01T02:00:07.054474+02:00",
        1_790_812_807_054_474,
        1_790_812_807_054_474_000,
        1_790_812_807.054474,
        " 2026-10-01T00:00:07.054474Z ",
        "2026-10-01 00:00:07.054474 UTC",
        "20261001T000007.054474Z",
        "2026-10-01 08:00:07.054474+08",
    ],
)
def test_one_moment_written_in_many_ways(written: str | float) -> None:
    assert moment(written) == AT


def test_seconds_and_milliseconds_are_told_apart() -> None:
    whole = AT.replace(microsecond=0)
    assert moment(1_790_812_807) == moment(1_790_812_807_000) == moment("1790812807") == moment("2026-10-01T00:00:07") == whole


@pytest.mark.parametrize(
    "written",
    ["yesterday", "", "20261001", "-1", True, [], {}, -1, 1e30, math.nan, math.inf, "1969-12-31", "0001-01-01T00:00:00+14:00", "9" * 400],
)
def test_what_is_no_time_is_refused(written: object) -> None:
    with pytest.raises(LogFormatError, match="timestamp"):
        moment(written)


@given(st.one_of(st.text(), st.floats(), st.integers(), st.booleans()))
def test_anything_is_a_time_or_refused(written: object) -> None:
    with contextlib.suppress(LogFormatError):
        assert moment(written).tzinfo is not None


NOW = datetime(2030, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("at", [datetime(2015, 1, 1, tzinfo=UTC), NOW, NOW + timedelta(hours=24)])
def test_a_call_may_be_from_2015_to_a_day_ahead_of_the_clock(at: datetime) -> None:
    assert check(at, at.isoformat(), now=NOW) == at


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("9999-12-31T00:00:00Z", "'9999-12-31T00:00:00Z' lies in the future"),
        (99_999_999_999, "99999999999 lies in the future"),
        ("2030-05-02T12:00:01Z", "lies in the future"),
        ("2014-12-31T23:59:59Z", "lies before 2015"),
        (1, "timestamp 1 lies before 2015"),
    ],
)
def test_a_call_of_another_age_is_refused_with_its_value(written: str | int, why: str) -> None:
    with pytest.raises(LogFormatError, match=why):
        check(moment(written), written, now=NOW)


def test_a_clock_that_was_never_set_refuses_nothing_recent() -> None:
    assert check(AT, "", now=datetime(1970, 1, 1, tzinfo=UTC)) == AT
    assert latest() > AT
