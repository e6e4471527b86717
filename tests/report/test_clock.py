"""How much of its first and last day a log holds, and what a month then costs: by hand, and through the stores."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from modicum.config import Config, StoreConfig
from modicum.report import charts, document, lead, page, screen, text
from modicum.report.clock import Cell, edges, edges_by_scope, length
from modicum.report.gather import gather
from modicum.report.month import DAYS_A_MONTH, Coverage, Edges, Month, interval, limits
from modicum.report.period import span_of
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.types import Usage
from tests.report.records import FIRST, PRICES, row, workload
from tests.report.test_look import call

NIGHT = datetime(2026, 10, 1, tzinfo=UTC)


def cells(first: datetime, hours: int, calls: Callable[[int], int] = lambda hour: 10) -> dict[Cell, int]:
    """`calls` by hour of the day, for so many hours from `first` on; hours without any are no cells."""
    times = [first + timedelta(hours=n) for n in range(hours)]
    return {(at.date(), at.hour): number for at in times if (number := calls(at.hour))}


def days_of(found: dict[Cell, int]) -> list[date]:
    first, last = min(found)[0], max(found)[0]
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def test_a_last_day_until_nine_is_nine_hours_of_a_day() -> None:
    found = cells(NIGHT, 57)
    its = edges(found, days_of(found))
    assert (its.first, its.hours, its.ends) == (1.0, 24, 9) and its.last == pytest.approx(9 / 24)
    assert Month(3, edges=its).length == pytest.approx(57 / 24)


def test_nobody_calls_at_night_so_nothing_of_the_first_day_is_missing() -> None:
    found = cells(NIGHT + timedelta(hours=9), 57, lambda hour: 40 if 9 <= hour < 18 else 0)
    its = edges(found, days_of(found))
    assert (its.first, its.last) == (1.0, 1.0) and Month(3, edges=its).length == 3


def test_half_of_a_working_day_is_half_a_day() -> None:
    found = cells(NIGHT + timedelta(hours=8), 2 * 24 + 4, lambda hour: 40 if 8 <= hour < 16 else 0)
    its = edges(found, days_of(found))
    assert its.first == 1.0 and its.last == pytest.approx(0.5)


def test_seven_hours_of_one_day_are_no_day() -> None:
    found = cells(NIGHT + timedelta(hours=9), 7)
    its = edges(found, days_of(found))
    assert (its.hours, its.parts(1).tolist(), its.most) == (7, [1.0], 24 / 7)
    low, high = limits(Month(1, edges=its), np.array([0.70]), 70, "key")
    assert low == 0.70 * DAYS_A_MONTH and high >= 0.70 * DAYS_A_MONTH * 24 / 7, "from what was recorded to this pace in every hour"


def test_four_hours_around_midnight_are_not_two_days() -> None:
    found = cells(NIGHT + timedelta(hours=22), 4)
    its = edges(found, days_of(found))
    assert its.hours == 4 and Month(2, edges=its).length == pytest.approx(1.0)


def test_parts_add_up_to_the_pace_of_the_hours() -> None:
    """Whatever the hours bring, calls over length is the sum over the hours of what each brings a day."""
    rng = np.random.default_rng(5)
    for _ in range(50):
        brings = rng.integers(0, 50, 24)
        brings[rng.integers(24)] += 1
        start, hours = int(rng.integers(24)), int(rng.integers(24, 200))
        found = cells(NIGHT + timedelta(hours=start), hours, lambda hour: int(brings[hour]))  # noqa: B023
        if len({day for day, _ in found}) < 2:
            continue
        its = edges(found, days_of(found))
        long = Month(len(days_of(found)), edges=its).length
        if its.hours == 24:
            assert sum(found.values()) / long == pytest.approx(brings.sum())


def test_what_goes_on_before_and_after_the_period_is_whole_and_so_is_what_totals_tell() -> None:
    all_of_it = [("default", day.isoformat(), hour, calls) for (day, hour), calls in cells(NIGHT + timedelta(hours=12), 96).items()]
    middle = [row(1), row(2)]
    assert edges_by_scope(middle, all_of_it)["default"] == Edges()
    ends = edges_by_scope([row(0), row(1), row(2), row(3), row(4)], all_of_it)["default"]
    assert (ends.first, ends.last, ends.begins, ends.ends) == (0.5, 0.5, 12, 12)
    assert length([row(day) for day in range(5)], all_of_it) == pytest.approx(4.0)
    told = edges_by_scope([*(row(day) for day in range(4)), row(4, told=True)], all_of_it)["default"]
    assert (told.first, told.last) == (0.5, 1.0)
    assert edges_by_scope([row(0, scope="other")], all_of_it)["other"] == Edges()


@pytest.mark.parametrize("hours", [102, 121, 171])
def test_an_interval_over_part_days_holds_the_true_month_as_often_as_it_says(hours: int) -> None:
    rng, trials, held = np.random.default_rng(3), 200, 0
    sure = Coverage(share=1.0, accepted=10**9, groups=10**9)
    for trial in range(trials):
        levels = rng.gamma(8.0, 1 / 8, 9)
        found = {}
        for n in range(hours):
            at = NIGHT + timedelta(hours=9 + n)
            found[at.date(), at.hour] = 1 + int(rng.poisson(100 * levels[(at.date() - FIRST).days]))
        days = days_of(found)
        by_day = np.array([sum(calls for (day, _), calls in found.items() if day == one) for one in days], dtype=float)
        low, high = interval(Month(len(days), seed=trial, edges=edges(found, days)).draws(by_day, sure))
        held += low <= 101 * 24 * DAYS_A_MONTH <= high
    assert held / trials >= 0.90


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(store=StoreConfig(home=tmp_path / "home"), prices=PRICES)


def fill(config: Config, minutes: int, *, start: datetime = NIGHT, every: int = 15) -> None:
    """A call of one cent every quarter of an hour, from `start` on."""
    calls = [
        dataclasses.replace(
            call(number, f"Headline: {number}", usage=Usage(input_tokens=1000, output_tokens=100), cost_usd=Decimal("0.01")),
            started_at=start + timedelta(minutes=every * number),
        )
        for number in range(minutes // every)
    ]
    home = Calls(config.home)
    home.add(calls)
    home.compact()
    Control(config.home).replace_workloads((workload("w1"),))
    home.assign([(one.call_id, "w1", "") for one in calls])


def test_a_log_that_ends_in_the_morning_of_its_third_day(config: Config) -> None:
    fill(config, 57 * 60)
    it = gather(config, now=NIGHT + timedelta(days=3))
    true = 0.96 * DAYS_A_MONTH
    assert it.periods[0].days == pytest.approx(57 / 24) and it.periods[0].days_observed == 3
    totals, line = it.totals, it.workloads[0]
    assert float(totals.spend_usd_month or 0) == pytest.approx(true, rel=1e-6) == float(line.spend_usd_month or 0)
    assert totals.spend_low_usd_month is not None and totals.spend_high_usd_month is not None
    assert float(totals.spend_low_usd_month) <= true <= float(totals.spend_high_usd_month)
    note = next(note for note in it.notes if "count as that part" in note)
    assert "3 Oct 2026 until 09:00 as 0.38 of a day (UTC)" in note and "That makes 2.38 days." in note
    assert it.scopes[0].spend_usd_month == totals.spend_usd_month
    # Ladders and simple rules scale by the same days.
    assert it.baselines is not None and float(it.baselines.today_usd_month or 0) == pytest.approx(true, rel=1e-6)
    today = it.ladders[0].rungs[-1]
    assert today.kind == "incumbent" and float(today.usd_month or 0) == pytest.approx(true, rel=1e-6)
    assert it.trend is not None and [one.part for one in it.trend.slices] == [False, False, True]
    assert [column.part for column in charts.columns(it.trend).columns] == [False, False, True]
    shown = page.render(it)
    assert 'class="s0 part"' in shown and "Fainter: days of which this report holds only a part." in shown
    assert document.document(it)["periods"][0]["edges"]["last"] == pytest.approx(9 / 24)


def test_seven_hours_of_a_day_are_a_range_and_not_a_figure(config: Config) -> None:
    fill(config, 7 * 60, start=NIGHT + timedelta(hours=9))
    it = gather(config, now=NIGHT + timedelta(days=1))
    low, high = 0.28 * DAYS_A_MONTH, 0.28 * 24 / 7 * DAYS_A_MONTH
    assert float(it.totals.spend_usd_month or 0) == pytest.approx(low)
    assert it.totals.spend_high_usd_month is not None and float(it.totals.spend_high_usd_month) >= high - 1e-6
    figure = it.figures[0]
    assert figure.value.startswith("$8.52 to $")
    assert "7 hours of a day are too few: from as many calls a day to this pace all day" in figure.note
    assert any("Calls came in 7 hours of the day alone" in note and "3.4 times that" in note for note in it.notes)
    first, _ = lead.headline(it)
    assert "$8.52 to $" in first
    assert it.trend is not None and [one.part for one in it.trend.slices] == [True]
    for shown in (page.render(it), screen.render(it), text.render(it, width=200)):
        assert "$8.52 to $" in shown


def test_a_period_cut_out_of_a_longer_log_is_whole(config: Config) -> None:
    fill(config, 5 * 24 * 60)
    it = gather(config, now=NIGHT + timedelta(days=6), span=span_of("2026-10-02..2026-10-03"))
    assert it.periods[0].days == 2 and not any("count as that part" in note for note in it.notes)


def test_no_saving_is_larger_than_what_is_spent(config: Config) -> None:
    for minutes, start in ((4 * 24 * 60, NIGHT), (7 * 60, NIGHT)):
        home = dataclasses.replace(config, store=StoreConfig(home=config.home.parent / str(minutes)))
        fill(home, minutes, start=start)
        it = gather(home, now=NIGHT + timedelta(days=6))
        line, its = it.workloads[0], it.ladders[0]
        most = line.baseline_high_usd_month
        found = [rung.saving.high_usd_month for rung in its.rungs if rung.saving is not None and rung.saving.high_usd_month is not None]
        assert most is not None and found and max(found) <= most
        if it.worth is not None and it.worth.saving is not None and it.worth.saving.high_usd_month is not None:
            assert it.totals.baseline_high_usd_month is not None
            assert it.worth.saving.high_usd_month <= it.totals.baseline_high_usd_month
