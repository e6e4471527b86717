"""What is said of how models are asked, and what is not."""

import dataclasses
from typing import Any

import pytest

from modicum.report import asked, charts
from modicum.report.records import Report
from modicum.report.traffic import Traffic
from tests.report.everything import everything
from tests.report.records import days, report


def with_traffic(**fields: Any) -> Report:
    """A report whose first workload has this traffic, and no other is told of."""
    it = everything()
    assert it.traffic is not None
    its = dataclasses.replace(it.traffic.workloads["w1"], **fields)
    return dataclasses.replace(it, traffic=dataclasses.replace(it.traffic, workloads={"w1": its}, repeated_share=None))


@pytest.mark.parametrize(
    ("fields", "smell"),
    [
        ({"input_tokens_p50": 8_000, "resent_share": None, "static_share": 0.0}, "long context"),
        ({"input_tokens_p50": 900, "resent_share": 0.6}, "sends its conversation again and again"),
        ({"input_tokens_p50": 2_000, "resent_share": None, "static_share": 0.8}, "could be read from a cache"),
        ({"input_tokens_p50": 40, "resent_share": None, "static_share": 0.9}, ""),  # no provider keeps so little
        ({"input_tokens_p50": None, "resent_share": None, "static_share": None}, ""),
    ],
)
def test_what_is_pointed_out(fields: dict[str, Any], smell: str) -> None:
    (row,) = asked.asked(with_traffic(**fields))
    assert row.smell == smell
    assert len(asked.said(with_traffic(**fields))) == (1 if smell in ("long context", "could be read from a cache") else 0)


def test_rows_stand_in_the_reports_order_with_calls_of_no_workload_last() -> None:
    rows = asked.asked(everything())
    assert [row.line.workload_id if row.line else None for row in rows] == ["w1", "w2", None]


def test_seconds_are_drawn_on_one_scale_and_unknown_ones_not_at_all() -> None:
    it = everything()
    assert it.traffic is not None
    slow = dataclasses.replace(it.traffic.workloads["w2"], duration_ms_p50=7_000.0, duration_ms_p95=15_000.0)
    unknown = dataclasses.replace(it.traffic.workloads[""], duration_ms_p50=None)
    traffic = dataclasses.replace(it.traffic, workloads={**it.traffic.workloads, "w2": slow, "": unknown})
    fast, late, none = asked.asked(dataclasses.replace(it, traffic=traffic))
    assert fast.at == 0 and late.at > fast.at and late.at + late.size <= 100 and (none.at, none.size) == (0, 0)


def test_conversations_and_hours() -> None:
    it = everything()
    hold, again = asked.conversations_said(it)
    assert hold == "40 conversations and runs of agents hold 22\u00a0% of the calls, $12.00 in this period."
    assert again.startswith("70\u00a0% of their input tokens stood in an earlier call of the same conversation")
    clock = asked.clock(it)
    assert clock is not None and clock.counts == tuple(3 * hour for hour in range(24))
    assert max(piece.size for piece in charts.hours(clock.counts)) == 48


def test_without_traffic_there_is_nothing_to_say() -> None:
    it = report(days(3))
    assert asked.asked(it) == () and asked.said(it) == [] and asked.conversations_said(it) == [] and asked.clock(it) is None
    empty = Traffic(
        workloads={},
        conversations=(),
        conversations_seen=0,
        calls_in_conversations=0,
        conversation_spend_usd=None,
        resent_share=None,
        repeated_share=None,
        estimated_usage_calls=0,
    )
    it = dataclasses.replace(it, traffic=empty)
    assert asked.asked(it) == () and asked.said(it) == [] and asked.clock(it) is None
