"""The report from real stores: imported and live calls, assignments, routes and what was said in shadow."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from modicum.config import Config, StoreConfig
from modicum.errors import NotEnoughDataError
from modicum.report.gather import gather
from modicum.report.records import ShadowCounts
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.store.segments import SegmentWriter
from modicum.types import Call, Decision, Usage
from tests.report.records import NOW, PRICES, certificate, route, workload

START = datetime(2026, 10, 1, 9, tzinfo=UTC)


def call_id(number: int, live: bool = False) -> str:
    return f"01999999-0000-7000-8{int(live):03d}-{number:012d}"


def call(number: int, *, live: bool = False, decision: Decision | None = None) -> Call:
    return Call(
        call_id=call_id(number, live),
        response_id=f"chatcmpl-{number}-{live}",
        started_at=START + timedelta(days=number % 10, hours=12 * live),
        duration_ms=500.0,
        origin="live" if live else "import",
        request_model="big",
        response_model="big",
        request=b'{"model":"big","messages":[{"role":"user","content":"Headline: x"}]}',
        response=b"{}",
        usage=Usage(input_tokens=1000, output_tokens=100),
        decision=decision,
    )


def shadowed(number: int) -> Decision:
    return Decision(
        answered_by="big",
        reason="shadow",
        workload_id="w1",
        would_answer=number % 2 == 0,
        agreed=None if number == 0 else number % 4 == 0,
    )


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(store=StoreConfig(home=tmp_path / "home"), prices=PRICES)


def test_an_empty_home_says_what_to_do(config: Config) -> None:
    with pytest.raises(NotEnoughDataError) as error:
        gather(config)
    assert "modicum report LOG" in error.value.hint


def test_imported_and_live_calls_with_a_route_in_shadow(config: Config) -> None:
    calls = Calls(config.home)
    calls.add(call(number) for number in range(100))
    calls.assign((call_id(number), "w1", "w1-v1") for number in range(90))
    writer = SegmentWriter(config.home)
    for number in range(20):
        writer.append(call(number, live=True, decision=shadowed(number)))
    writer.close()
    control = Control(config.home)
    control.replace_workloads([workload()])
    control.add_certificate(certificate(), b"")
    control.put_route(route(state="shadow"))

    report = gather(config, now=NOW)

    assert (report.totals.calls, report.totals.calls_without_workload) == (120, 10)
    (line,) = report.workloads
    assert (line.state, line.calls) == ("shadow", 110)
    assert line.live is not None
    assert line.live.shadow == ShadowCounts(calls=20, would_answer=10, compared=9, agreed=4)
    assert float(report.totals.spend_usd or 0) == pytest.approx(120 * 0.012)
    assert line.saving is not None and line.saving.low_usd_month is not None
    assert msgspec.json.decode(msgspec.json.encode(report))["workloads"][0]["live"]["shadow"]["agreed"] == 4

    with pytest.raises(NotEnoughDataError):
        gather(config, scope="another")
