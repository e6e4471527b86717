"""Spend over time and by scope, and how it is drawn."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.report import charts
from modicum.report.currency import shown_in
from modicum.report.trend import REST, start_of, steps
from tests.report.everything import RINGGIT
from tests.report.records import days, report, row, workload


def test_a_month_is_drawn_day_by_day_the_dearest_workloads_apart() -> None:
    usage = [one for own in range(6) for one in days(30, workload_id=f"w{own}", calls=10 * (6 - own))]
    it = report(usage, workloads=[workload(f"w{own}") for own in range(6)]).trend
    assert it is not None and it.step == "day" and len(it.slices) == 30
    assert len(it.names) == 5 and it.names[-1] == REST
    for one in it.slices:
        assert one.spend_usd == sum(one.parts_usd, Decimal(0)) and one.calls == 210


def test_half_a_year_is_drawn_in_weeks_and_two_years_in_months() -> None:
    weeks = report(days(180)).trend
    assert weeks is not None and weeks.step == "week"
    assert weeks.slices[0].first == date(2026, 10, 1) and weeks.slices[0].last == date(2026, 10, 4)
    assert all(one.first.weekday() == 0 for one in weeks.slices[1:])
    assert sum(one.calls for one in weeks.slices) == 18_000
    months = report([row(30 * n) for n in range(25)]).trend
    assert months is not None and months.step == "month"
    assert [one.first.day for one in months.slices[1:]] == [1] * (len(months.slices) - 1)


def test_silence_is_not_a_day_without_spend() -> None:
    it = report([row(0), row(1), row(20)]).trend
    assert it is not None
    assert [one.observed for one in it.slices] == [True, True, *[False] * 18, True]
    assert charts.columns(it).columns[5].title == "6 Oct: not observed"


@settings(deadline=None)
@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(0, 900), st.sampled_from(["day", "week", "month"]))
def test_steps_cover_every_day_once(first: date, more: int, step: str) -> None:
    last = first + timedelta(days=more)
    found = list(steps(first, last, step))  # type: ignore[arg-type]
    assert found[0][0] == first and found[-1][1] == last
    for (_, end), (start, _) in zip(found, found[1:], strict=False):
        assert start == end + timedelta(days=1)
        assert start_of(start, step) == start  # type: ignore[arg-type]


def test_scopes_are_dearest_first() -> None:
    it = report([*days(10), *days(10, scope="team", workload_id="w2", calls=300, input_tokens=300_000)], workloads=[workload()])
    assert [(one.scope, one.workloads) for one in it.scopes] == [("team", 0), ("default", 1)]
    assert sum((one.spend_usd or Decimal(0) for one in it.scopes), Decimal(0)) == it.totals.spend_usd


@pytest.mark.parametrize(
    ("most", "step", "top"), [(3.0, 1.0, 3.0), (9.9, 2.5, 10.0), (0.013, 0.005, 0.015), (1234.0, 500.0, 1500.0), (100.0, 25.0, 100.0)]
)
def test_an_axis_has_round_steps(most: float, step: float, top: float) -> None:
    assert charts.round_axis(most) == pytest.approx((step, top))


@settings(deadline=None)
@given(st.floats(1e-9, 1e12))
def test_any_axis_holds_its_greatest(most: float) -> None:
    step, top = charts.round_axis(most)
    assert top >= most * (1 - 1e-6) and top / step <= 6 and top - most < step * (1 + 1e-6)
    labels = [charts.axis_label(number * step, step) for number in range(round(top / step) + 1)]
    assert len(set(labels)) == len(labels)


def test_axis_labels_have_the_digits_of_their_step() -> None:
    assert [charts.axis_label(value, 2.5) for value in (0.0, 2.5, 10.0)] == ["0", "$2.50", "$10.00"]
    assert charts.axis_label(0.005, 0.005) == "$0.005"
    with shown_in(RINGGIT):
        assert charts.axis_label(1500.0, 500.0) == "RM\u00a01,500"


def test_columns_fill_the_plot_in_the_currency_in_force() -> None:
    trend = report(days(10)).trend
    assert trend is not None
    for currency in (None, RINGGIT):
        if currency is None:
            drawn = charts.columns(trend)
        else:
            with shown_in(currency):
                drawn = charts.columns(trend)
        for column in drawn.columns:
            assert column.x >= 0 and column.x + column.width <= 100.01
            assert all(piece.at >= 0 and piece.at + piece.size <= charts.HEIGHT + 0.01 for piece in column.pieces)
        assert drawn.ticks[0].y == charts.HEIGHT and drawn.ticks[-1].y == 0


def test_what_does_not_stand_apart_keeps_its_colour() -> None:
    trend = report([row(0), row(0, workload_id=None)]).trend
    assert trend is not None and trend.names == ("name-of-w1", REST)
    assert [piece.series for piece in charts.columns(trend).columns[0].pieces] == [0, charts.OTHERS]


def test_no_known_spend_is_drawn_as_nothing() -> None:
    it = report(days(3, request_model="nobody", response_model="nobody")).trend
    assert it is not None
    drawn = charts.columns(it)
    assert not any(column.pieces for column in drawn.columns) and drawn.ticks == ()
    assert drawn.summary == "Spend by day: none is known."
