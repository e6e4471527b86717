"""Times as logs write them."""

from __future__ import annotations

import contextlib
import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.errors import LogFormatError
from modicum.intake.times import moment

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
