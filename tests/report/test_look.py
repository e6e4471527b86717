"""The facts of traffic from real stores, on calls whose shares were worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modicum.config import Config, StoreConfig
from modicum.report.gather import gather
from modicum.report.look import NOTHING, fixed_chars, traffic
from modicum.report.period import span_of
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.types import Call, Pattern, Template, Usage
from tests.report.records import PRICES, workload

START = datetime(2026, 10, 1, 9, tzinfo=UTC)
SYSTEM = "Say where gold goes on Monday.\nOne word."
"""23 fixed characters, a slot, 11 fixed ones."""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(store=StoreConfig(home=tmp_path / "home"), prices=PRICES)


def call(number: int, text: str, *, hours: float = 0, **fields: Any) -> Call:
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]
    defaults: dict[str, Any] = {
        "duration_ms": 100.0 * (number + 1),
        "request_model": "big",
        "response_model": "big",
        "request": msgspec.json.encode({"model": "big", "messages": messages}),
        "response": b"{}",
        "usage": Usage(input_tokens=1000 * (number + 1), output_tokens=100),
    }
    return Call(
        call_id=f"01999999-0000-7000-8000-{number:012d}",
        response_id=f"r{number}",
        started_at=START + timedelta(hours=hours),
        **defaults | fields,
    )


def keep(config: Config, calls: list[Call]) -> None:
    home = Calls(config.home)
    home.add(calls)
    home.compact()
    Control(config.home).replace_workloads((workload("w1"),))
    home.assign([(one.call_id, "w1", "w1-v1") for one in calls if one.call_id.endswith(("0", "1", "2"))])


def test_shares_of_a_workload(config: Config) -> None:
    keep(config, [call(0, "Headline: up"), call(1, "Headline: up", hours=1), call(2, "Headline: dn", hours=2), call(3, "x", hours=3)])
    found = traffic(config)
    one = found.workloads["w1"]
    assert (one.calls, one.calls_with_body) == (3, 3)
    assert one.repeated_share == pytest.approx(1 / 3)
    chars = len(SYSTEM) + len("Headline: up")
    assert one.static_share == pytest.approx(len("Say where gold goes on ") / chars)
    assert one.fixed_share == pytest.approx((len(SYSTEM) - len("Monday") + len("Headline: ")) / chars)
    assert (one.input_tokens_p50, one.input_tokens_p95, one.output_tokens_p50) == (2000, 3000, 100)
    assert (one.duration_ms_p50, one.duration_ms_p95) == (200.0, 300.0)
    assert (one.streamed_share, one.tool_share, one.image_share, one.resent_share) == (0.0, 0.0, 0.0, 0.0)
    assert (one.hours[9:12], one.peak_hour_calls) == ((1, 1, 1), 1)
    rest = found.workloads[""]
    assert (rest.calls, rest.static_share, rest.repeated_share) == (1, None, 0.0)
    assert found.repeated_share == 0.25
    # 10,000 tokens at $10 a million, 400 at $20
    assert found.by_day == ((date(2026, 10, 1), 4, Decimal("0.108")),)
    assert (found.conversations_seen, found.conversation_spend_usd, found.estimated_usage_calls) == (0, None, 0)


def test_conversations_are_priced(config: Config) -> None:
    keep(
        config,
        [
            call(0, "a", conversation_id="cheap"),
            call(1, "b", conversation_id="cheap", hours=1),
            call(2, "c", trace_id="dear", hours=2),
            call(3, "d", trace_id="dear", hours=26, usage=Usage(input_tokens=4000, output_tokens=100, estimated=True)),
            call(4, "e", conversation_id="alone"),
            call(5, "f"),
        ],
    )
    found = traffic(config)
    assert [(one.conversation_id, one.calls, one.input_tokens) for one in found.conversations] == [("dear", 2, 7000), ("cheap", 2, 3000)]
    assert [one.spend_usd for one in found.conversations] == [Decimal("0.074"), Decimal("0.034")]
    assert (found.conversations[0].from_day, found.conversations[0].to_day) == (date(2026, 10, 1), date(2026, 10, 2))
    assert found.conversations[0].resent_share == pytest.approx(len(SYSTEM) / (2 * (len(SYSTEM) + 1)))
    assert (found.conversations_seen, found.calls_in_conversations, found.conversation_spend_usd) == (2, 4, Decimal("0.108"))
    assert found.estimated_usage_calls == 1
    # of 10,000 tokens in conversations: 2,000 and 4,000 were sent by calls that began as an earlier one of theirs; calls alone do not count
    head = len(SYSTEM) / (len(SYSTEM) + 1)
    assert found.resent_share == pytest.approx((2000 + 4000) * head / 10_000)
    second = traffic(config, since=START + timedelta(hours=15), until=START + timedelta(hours=39))
    assert [(day, calls) for day, calls, _ in second.by_day] == [(date(2026, 10, 2), 1)]
    assert (second.conversations_seen, second.calls_in_conversations) == (1, 1)


def test_calls_without_bodies_leave_shares_unknown(config: Config) -> None:
    keep(config, [call(number, "a", request=None, response=None) for number in range(3)])
    one = traffic(config).workloads["w1"]
    assert (one.calls, one.calls_with_body) == (3, 0)
    assert (one.repeated_share, one.resent_share, one.static_share, one.fixed_share, one.tool_share) == (None,) * 5
    assert one.input_tokens_p50 == 2000


def test_an_empty_home_has_no_traffic(config: Config) -> None:
    Calls(config.home)
    assert traffic(config, usage=[]) == NOTHING


def test_the_report_holds_the_traffic_of_its_days(config: Config) -> None:
    keep(config, [call(0, "a"), call(1, "a", hours=1), call(2, "b", hours=30)])
    whole = gather(config, now=START).traffic
    assert whole is not None
    assert whole.repeated_share == pytest.approx(1 / 3)
    first = gather(config, now=START, span=span_of("2026-10-01")).traffic
    assert first is not None
    assert (first.workloads["w1"].calls, first.repeated_share) == (2, 0.5)


@pytest.mark.parametrize(
    ("system", "user", "expected"),
    [
        (Pattern(literals=("abcd",), anchored_start=True, anchored_end=True), None, (9.0, 9.0)),
        (Pattern(literals=("abcd", "ef"), anchored_start=True), Pattern(literals=("gh",), anchored_start=True), (4.0, 8.0)),
        (Pattern(literals=("abcd",)), None, (0.0, 4.0)),
        (None, Pattern(literals=("gh", "i"), anchored_start=True), (2.0, 3.0)),
        (Pattern(literals=("ab\x0000000000\x00cd",), anchored_start=True), None, (2.0, 4.0)),
        (Pattern(literals=("x",), anchored_start=True, anchored_end=True), Pattern(literals=("gh",), anchored_start=True), (11.0, 11.0)),
    ],
)
def test_what_a_template_fixes(system: Pattern | None, user: Pattern | None, expected: tuple[float, float]) -> None:
    """Nine characters of system text."""
    assert fixed_chars(Template(key="", system=system, user=user), 9.0) == expected
