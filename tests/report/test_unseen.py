"""Unseen calls handed out among workloads: nothing is lost, and each has its share."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.report.unseen import handed_out
from modicum.store.usage import UsageRow
from tests.report.records import row
from tests.report.test_seen import rows_of

FIGURES = ("calls", "failed", "input_tokens", "output_tokens", "cache_read_tokens", "cost_usd")


def sums(rows: list[UsageRow], workload: str | None = "any") -> list[Decimal]:
    return [sum((Decimal(getattr(one, name)) for one in rows if workload in ("any", one.workload_id)), Decimal(0)) for name in FIGURES]


def test_each_workload_has_its_share_of_what_nobody_saw() -> None:
    seen = [rows_of(6, day=day) for day in range(10)] + [rows_of(4, day=day, workload="v") for day in range(10)]
    rows = seen + [rows_of(90, day=day, shown=False) for day in range(10)]
    found = handed_out(rows)
    assert sums(found) == sums(rows)
    assert [sums(found, one)[0] for one in ("w", "v", None)] == [600, 400, 0]
    assert sums(found, "w")[2] == 600_000
    assert {one.day for one in found if not one.seen} == {one.day for one in rows}, "each stays on its day"


def test_long_calls_of_a_workload_stay_long() -> None:
    long = dataclasses.replace(rows_of(5), input_tokens=50_000)
    rows = [long, rows_of(5, workload="v"), dataclasses.replace(rows_of(90, shown=False), input_tokens=495_000)]
    found = handed_out(rows)
    assert sums(found, "w")[2] == 50_000 + 450_000 and sums(found, "v")[2] == 5_000 + 45_000


def test_single_calls_a_day_go_to_each_in_turn() -> None:
    rows = [rows_of(30), rows_of(60, workload="v"), rows_of(10, workload=None)]
    rows += [rows_of(1, day=day % 28, shown=False) for day in range(100)]
    found = handed_out(rows)
    assert [sums(found, one)[0] for one in ("w", "v", None)] == [60, 120, 20]


def test_what_nothing_speaks_for_stays_of_no_workload() -> None:
    apart = [
        rows_of(9, model="middle", shown=False),
        rows_of(9, scope="other", shown=False),
        row(workload_id=None, seen=False, refused=True, failed=100, calls_without_usage=100, input_tokens=0, output_tokens=0),
        row(workload_id=None, seen=False, reasons=(("no_workload", 100),)),
    ]
    assert handed_out([rows_of(5), *apart]) == [rows_of(5), *apart]
    whole = [rows_of(5), rows_of(7, workload="v")]
    assert handed_out(whole) == whole


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["w", "v", None]), st.integers(1, 40), st.integers(0, 9_000)), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(1, 50), st.integers(0, 70_000), st.integers(0, 999), st.booleans()), max_size=8),
)
def test_nothing_is_lost_and_nothing_is_negative(
    shown: list[tuple[str | None, int, int]], hidden: list[tuple[int, int, int, bool]]
) -> None:
    rows = [dataclasses.replace(rows_of(calls, workload=one), input_tokens=tokens) for one, calls, tokens in shown]
    for calls, tokens, cents, costed in hidden:
        one = dataclasses.replace(rows_of(calls, shown=False), input_tokens=tokens, failed=calls // 2, cost_usd=Decimal(cents) / 100)
        rows.append(dataclasses.replace(one, calls_without_cost=0 if costed else calls))
    found = handed_out(rows)
    assert sums(found) == sums(rows)
    assert all(getattr(one, name) >= 0 for one in found for name in FIGURES)
    assert all(one.calls for one in found)
