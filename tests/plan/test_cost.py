"""What a month costs: by hand, at the bounds, and where both sides cost the same."""

from __future__ import annotations

from decimal import Decimal

import pytest

from modicum.plan.cost import Assumptions, against, capacity, run
from modicum.plan.machines import machine
from modicum.plan.payback import Build, payback
from modicum.plan.precision import of_name
from modicum.plan.speed import Efficiency, roofline
from modicum.plan.traffic import MONTH_HOURS, Traffic, declared
from tests.plan.shapes import shape

GIVEN = Assumptions(power_usd_kwh=Decimal("0.20"), years=2, care_hours_month=1, hour_usd=Decimal(50))
CARD = machine("rtx-3090")
LINE = roofline(shape("llama-3.1-8b"), CARD, of_name("awq"))


def times(calls_a_day: float, *, busy_hours: int = 24) -> Traffic:
    return declared(calls_a_day, 800, 120, busy_hours=busy_hours)


def test_a_month_by_hand() -> None:
    found = run(LINE, 16, times(2400), GIVEN, buying=True)
    assert found.machines == 1
    assert found.machine_usd_month == pytest.approx(Decimal(1250) / 24, abs=Decimal("0.01"))
    assert found.care_usd_month == 50
    idle, full = 0.2 * 350 + 60, 350 + 60
    watts = idle + (full - idle) * found.busy
    assert float(found.power_usd_month) == pytest.approx(watts / 1000 * MONTH_HOURS * 0.20, rel=0.001)
    assert found.usd_month == pytest.approx(found.machine_usd_month + found.power_usd_month + found.care_usd_month, abs=Decimal("0.02"))
    tokens = 2400 * 30.44 * 920
    assert float(found.usd_mtok) == pytest.approx(float(found.usd_month) / tokens * 1e6, rel=0.001)
    assert found.calls_month == pytest.approx(2400 * 30.44)


def test_a_machine_that_is_hardly_used_costs_many_times_what_a_full_one_does() -> None:
    rare, often = (run(LINE, 16, times(calls), GIVEN, buying=True) for calls in (100, 40_000))
    assert rare.machines == often.machines == 1
    assert rare.utilisation < 0.001 < often.utilisation < 1
    assert rare.usd_mtok > 100 * often.usd_mtok > often.usd_mtok_full
    assert rare.usd_mtok_full == often.usd_mtok_full
    assert rare.power_usd_month < often.power_usd_month


def test_the_same_calls_in_fewer_hours_want_more_machines() -> None:
    spread, dense = (run(LINE, 16, times(100_000, busy_hours=hours), GIVEN, buying=True) for hours in (24, 2))
    assert spread.machines < dense.machines
    assert spread.utilisation > dense.utilisation
    assert dense.usd_mtok > spread.usd_mtok
    assert dense.machines_if_waiting <= dense.machines


def test_each_further_machine_takes_a_quarter_of_the_care() -> None:
    found = run(LINE, 16, times(1_000_000), GIVEN, buying=True)
    assert found.machines > 4 and found.care_usd_month == 50 + Decimal("12.5") * (found.machines - 1)


def test_no_minute_is_given_more_than_its_headroom() -> None:
    for calls in (10, 5_000, 200_000, 3_000_000):
        traffic = times(calls)
        found = run(LINE, 16, traffic, GIVEN, buying=True)
        most = found.capacity_calls_hour / 3600 * found.machines * GIVEN.headroom
        assert traffic.peak_minute / 60 <= most * 1.0001
        assert found.machines == 1 or traffic.peak_minute / 60 > most * (found.machines - 1) / found.machines


def test_more_at_once_never_lowers_what_a_machine_can_do() -> None:
    rates = [capacity(LINE, most, 800, 120)[0] for most in (1, 2, 4, 8, 16, 64)]
    assert rates == sorted(rates)


def test_a_call_takes_as_long_as_its_steps_where_nobody_else_asks() -> None:
    slow = roofline(shape("llama-3.1-8b"), CARD, of_name("awq"), reached=Efficiency(bandwidth=0.5, compute=0.5, layer_us=0, sequence_us=0))
    found = run(slow, 16, times(10), GIVEN, buying=True)
    assert found.seconds_a_call == pytest.approx(slow.prefill_s(800) + 120 * slow.step_s(1, 860), rel=0.001)
    assert found.busy == pytest.approx(10 / 86400 * found.seconds_a_call, rel=0.01)


def test_at_the_breakeven_volume_both_cost_the_same() -> None:
    api_usd_a_call = Decimal("0.00030")
    base = times(1000)
    ours = run(LINE, 16, base, GIVEN, buying=True)
    found = against("an API", api_usd_a_call * 1000, LINE, base, GIVEN, ours, buying=True)
    assert found.breakeven_calls_month is not None and found.saving_usd_month < 0
    there = times(found.breakeven_calls_month / 30.44)
    again = run(LINE, 16, there, GIVEN, buying=True)
    beside = against("an API", api_usd_a_call * there.calls, LINE, there, GIVEN, again, buying=True)
    assert float(beside.saving_usd_month) == pytest.approx(0, abs=0.02 * float(beside.usd_month))
    assert found.payback_days is None, "what is dearer never pays for itself"


def test_an_api_that_costs_less_than_the_power_is_cheaper_at_any_volume() -> None:
    base = times(1000)
    ours = run(LINE, 16, base, GIVEN, buying=True)
    assert against("free", Decimal("0.000001"), LINE, base, GIVEN, ours, buying=True).breakeven_calls_month is None
    assert against("nothing", Decimal(0), LINE, base, GIVEN, ours, buying=True).breakeven_calls_month is None


def test_a_machine_is_bought_back_by_what_it_spares() -> None:
    base = times(1000)
    ours = run(LINE, 16, base, GIVEN, buying=True)
    found = against("dear", Decimal(20), LINE, base, GIVEN, ours, buying=True)
    spared_a_day = 20 - float(ours.power_usd_month + ours.care_usd_month) / 30.44
    assert found.payback_days == pytest.approx(1250 / spared_a_day, rel=0.001)


def test_rent_is_paid_by_the_hour_with_power_in_it() -> None:
    line = roofline(shape("llama-3.1-8b"), machine("l4"), of_name("awq"))
    found = run(line, 16, times(1000), GIVEN, buying=False)
    assert float(found.machine_usd_month) == pytest.approx(0.44 * MONTH_HOURS, rel=0.001)
    assert found.power_usd_month == 0
    assert against("dear", Decimal(20), line, times(1000), GIVEN, found, buying=False).payback_days is None


def test_a_specialist_by_hand() -> None:
    build = Build(labels=400, label_usd=Decimal("0.10"), hours=5, hour_usd=Decimal(60), training_hours=1, training_usd_hour=Decimal(2))
    found = payback(build, Decimal(20), 0.6)
    assert (found.one_off_usd, found.saved_usd_day, found.upkeep_usd_day) == (Decimal("342.00"), Decimal("12.00"), Decimal("0.60"))
    assert found.days == pytest.approx(342 / 11.4)
    assert (found.labels_usd, found.work_usd, found.training_usd, found.net_usd_day) == tuple(map(Decimal, ("40", "300", "2", "11.40")))
    audited = payback(Build(audits_day=200, label_usd=Decimal("0.10")), Decimal(20), 0.6)
    assert audited.days is None, "audits that cost more than what is saved"
