"""A day that brought most of the calls is pointed out beside the month that is told from it."""

from __future__ import annotations

from modicum.report import burst
from tests.report.records import days, report, row, workload


def test_a_day_with_most_of_the_calls_is_pointed_out() -> None:
    usage = [*days(21, workload_id="w1", calls=10), row(day=9, workload_id="w1", calls=1500)]
    found = burst.busiest(usage)
    assert found is not None and 0.87 < found[1] < 0.89
    it = report(usage, workloads=[workload("w1")])
    assert "88\u00a0% of them on" in it.figures[0].note
    assert any("brought 88\u00a0% of the calls" in note and "--since" in note for note in it.notes)


def test_usual_days_and_too_few_are_not() -> None:
    assert burst.busiest(days(21, calls=10)) is None and burst.said(days(21, calls=10)) == []
    assert burst.busiest([row(day=0, calls=1500), row(day=1, calls=1)]) is None, "of two days nobody can say which is usual"
    it = report(days(21, workload_id="w1", calls=10), workloads=[workload("w1")])
    assert "of them on" not in it.figures[0].note
