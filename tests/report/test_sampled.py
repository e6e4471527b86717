"""Figures of workloads of which only some calls were seen: of all calls, with the interval that the sample leaves, through the stores."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from modicum.config import Config, StoreConfig
from modicum.report import page, screen, sheets, text, words
from modicum.report.gather import gather
from modicum.report.ladder.settings import LadderSettings
from modicum.report.records import Report
from modicum.report.sampled import with_sampling
from modicum.report.seen import Estimate, Scaled
from modicum.report.unseen import handed_out
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.types import Call, Usage
from tests.report.records import PRICES, certificate, certified, days, report, route, workload
from tests.report.test_look import START
from tests.report.test_look import call as seen_call
from tests.report.test_seen import rows_of


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(store=StoreConfig(home=tmp_path / "home"), prices=PRICES)


def fill(config: Config, days_of: int, *, of_ten: int = 1) -> None:
    """Ten calls a day of 1,000 tokens, of which `of_ten` were seen, every other day's of each workload."""
    calls: list[Call] = []
    for number in range(10 * days_of):
        day, place = divmod(number, 10)
        one = seen_call(number, f"Headline: {number}", usage=Usage(input_tokens=1000, output_tokens=100), cost_usd=Decimal("0.012"))
        one = dataclasses.replace(one, started_at=START + timedelta(days=day, minutes=place))
        calls.append(one if place < of_ten else dataclasses.replace(one, request=None, response=None, source="usage"))
    home = Calls(config.home)
    home.add(calls)
    home.compact()
    Control(config.home).replace_workloads((workload("w1"), workload("w2")))
    home.assign([(one.call_id, f"w{1 + number // 10 % 2}", "") for number, one in enumerate(calls) if one.request is not None])


def test_rows_of_a_sample_become_figures_of_all() -> None:
    rows = [rows_of(10, day=day, workload="w1") for day in range(10)] + [rows_of(90, day=day, shown=False) for day in range(10)]
    whole, part = report(handed_out(rows)), report(rows)
    assert (part.workloads[0].calls, whole.workloads[0].calls) == (100, 1000)
    assert whole.workloads[0].spend_usd == pytest.approx(Decimal(12)) == whole.totals.spend_usd
    assert whole.totals.calls_without_workload == 0 and whole.seen_calls == part.seen_calls == 100


def test_the_interval_goes_into_what_could_be_saved() -> None:
    rows = [rows_of(60, day=day, workload="w1") for day in range(10)]
    plain = report(rows)
    estimate = Estimate(value=1000, low=800, high=1300)
    scaled = Scaled(workload_id="w1", seen_calls=60, seen_usd=Decimal(1), calls=estimate, spend_usd=estimate)
    (line,) = with_sampling(plain, [scaled], LadderSettings()).workloads
    assert line.sampled is not None and (line.sampled.calls_low, line.sampled.calls_high) == (800, 1300)
    month = line.spend_usd_month
    assert month is not None and line.sampled.spend_low_usd_month == pytest.approx(month * Decimal("0.8"))
    assert line.sampled.spend_high_usd_month == pytest.approx(month * Decimal("1.3"))


def _certified(off: float) -> Report:
    plain = report(days(30), verdicts=[certified()], certificates=[certificate()], routes=[route()])
    estimate = Estimate(value=100, low=100 - 100 * off, high=100 + 100 * off)
    scaled = Scaled(workload_id="w1", seen_calls=10, seen_usd=Decimal(1), calls=estimate, spend_usd=estimate)
    return with_sampling(plain, [scaled], LadderSettings())


def test_savings_are_as_unsure_as_the_sample_makes_them() -> None:
    sure, unsure = _certified(0.0), _certified(0.4)
    for before, after in ((sure.totals.saving, unsure.totals.saving), (sure.workloads[0].saving, unsure.workloads[0].saving)):
        assert before is not None and after is not None and before.usd_month == after.usd_month
        assert before.low_usd_month is not None and after.low_usd_month is not None and after.usd_month is not None
        assert after.low_usd_month < before.low_usd_month
        assert after.usd_month - after.low_usd_month >= Decimal("0.4") * after.usd_month
        assert "share of the calls that was seen" in after.method


def test_from_the_stores_to_page_and_table(config: Config) -> None:
    fill(config, 8)
    found = gather(config, now=START)
    assert found.totals.calls == 80 and found.seen_calls == 8 and found.totals.calls_without_workload == 0
    assert [line.calls for line in found.workloads] == [40, 40]
    first = found.workloads[0]
    assert first.sampled is not None and first.sampled.seen_calls == 4 and first.sampled.over == "days"
    assert first.sampled.calls_low < 40 < first.sampled.calls_high
    assert sum((line.spend_usd or Decimal(0) for line in found.workloads), Decimal(0)) == found.totals.spend_usd == Decimal("0.96")
    shown = page.render(found)
    assert "4 calls seen" in shown and "10\u00a0% of the calls were seen" in shown
    (table, *_) = sheets.sheets(found)
    place = table.head.index("seen_calls")
    assert [row[place] for row in table.rows][:2] == [4, 4]


def test_every_form_shows_the_interval_and_the_same_numbers(config: Config) -> None:
    fill(config, 8)
    found = gather(config, now=START)
    first = found.workloads[0]
    its = first.sampled
    assert its is not None and first.spend_low_usd_month is not None and first.spend_high_usd_month is not None
    calls, spend = f"{its.calls_low:,} to {its.calls_high:,}", words.between(first.spend_low_usd_month, first.spend_high_usd_month)
    assert " to " in spend
    assert any(f"about {first.name} {first.calls:,} calls ({calls})" in note for note in found.notes)
    small, whole, shown = screen.render(found), text.render(found, width=180), page.render(found)
    assert spend in small and f"{its.seen_calls} calls seen" in small
    assert all(part in whole and part in shown for part in (calls, spend, f"{its.seen_calls} calls seen"))
    (table, *_) = sheets.sheets(found)
    row = dict(zip(table.head, table.rows[0], strict=True))
    assert (row["calls_low"], row["calls_high"]) == (its.calls_low, its.calls_high)
    assert (row["spend_low_usd_month"], row["spend_high_usd_month"]) == (first.spend_low_usd_month, first.spend_high_usd_month)
    whole_of_it = dict(zip(table.head, table.rows[-1], strict=True))
    assert whole_of_it["spend_high_usd_month"] == found.totals.spend_high_usd_month


def test_under_three_days_the_interval_is_over_calls_and_says_so(config: Config) -> None:
    fill(config, 2, of_ten=3)
    found = gather(config, now=START)
    first = found.workloads[0]
    assert first.sampled is not None and first.sampled.over == "calls"
    assert first.sampled.calls_low < first.calls < first.sampled.calls_high
    assert any("too few to say how one differs from another: these intervals are over calls alone" in note for note in found.notes)


def test_where_all_was_seen_nothing_is_an_estimate(config: Config) -> None:
    fill(config, 4, of_ten=10)
    found = gather(config, now=START)
    assert all(line.sampled is None for line in found.workloads)
    assert "seen" not in " ".join(found.notes)
