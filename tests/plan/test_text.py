"""What a terminal shows: a bar that is as wide as it should be, money, and lines that stand alone."""

from __future__ import annotations

from decimal import Decimal

import pytest

from modicum.plan import Elsewhere, plan, text
from modicum.plan.machines import machine, machines
from modicum.plan.memory import footprint
from modicum.plan.payback import Build, payback
from modicum.plan.planning import Plan, formats
from modicum.plan.precision import of_name
from modicum.plan.traffic import declared
from tests.plan.shapes import shape

MONEY = text.Money()


@pytest.mark.parametrize("name", sorted(machines()))
@pytest.mark.parametrize("concurrency", [1, 8, 500])
def test_a_bar_is_as_wide_as_asked_whatever_it_holds(name: str, concurrency: int) -> None:
    found = footprint(shape("llama-3.1-8b"), machine(name), of_name("q4_k_m"), context=8192, concurrency=concurrency)
    first, *others = text.bar(found, 50).plain.split("\n")
    assert len(first) == 52 and first[0] == first[-1] == "│"
    assert ("too much" in "".join(others)) == (not found.fits)
    assert first.count("█") >= 1 and "weights 4.9 GB" in others[0]


def test_money_is_shown_in_any_currency_with_figures_that_can_be_read() -> None:
    ringgit = text.Money("MYR", Decimal("4.7"))
    assert [MONEY(value) for value in (Decimal(1234), Decimal("12.3"), Decimal("0.5"), Decimal("0.0123"), None, Decimal(0))] == [
        "$1,234",
        "$12.30",
        "$0.50",
        "$0.0123",
        "unknown",
        "$0",
    ]
    assert ringgit(Decimal(100)) == "MYR 470" and MONEY(Decimal(-5)) == "−$5.00"


def test_one_machine_says_memory_speed_cost_and_where_it_was_read() -> None:
    traffic = declared(5000, 800, 120, busy_hours=10)
    found = plan(
        shape("qwen3-8b"),
        machine("rtx-3090"),
        precision=of_name("awq"),
        concurrency=8,
        traffic=traffic,
        elsewhere=[Elsewhere(name="an API", usd=Decimal(16))],
    )
    shown = text.one(found, machine("rtx-3090"), MONEY)
    for part in (
        "weights",
        "one caller",
        "first token",
        "8 callers",
        "a million tokens",
        "were it always busy",
        "beside an API",
        "bought back",
        "Read: https://",
    ):
        assert part in shown, part
    assert "800 tokens in and 120 out" in text.traffic_line(traffic)
    assert all(len(line) <= 100 for line in shown.splitlines())


def test_many_machines_have_a_line_each_and_say_which_are_cheaper() -> None:
    traffic = declared(5000, 800, 120)
    rows: list[Plan] = [
        plan(shape("qwen3-8b"), one, traffic=traffic, elsewhere=[Elsewhere(name="an API", usd=Decimal(16))]) for one in machines().values()
    ]
    shown = text.many(rows, MONEY, width=160)
    assert all(any(line.startswith(f" {one}") for line in shown.splitlines()) for one in machines())
    assert "cheaper at this volume: " in shown and "rtx-3090" in shown
    small = text.many([plan(shape("llama-3.1-405b"), one) for one in machines().values()], MONEY, width=160)
    assert "does not fit" in small


def test_a_specialist_that_never_pays_is_said_not_to() -> None:
    assert "never pays" in text.specialist(payback(Build(), Decimal(0), 0.5), 0.5, MONEY)
    assert "after 2" in text.specialist(payback(Build(), Decimal(20), 0.5), 0.5, MONEY)


def test_the_formats_that_one_would_try() -> None:
    qwen, gpt = shape("qwen3-8b"), shape("gpt-oss-20b")
    assert formats(qwen, machine("h100")) == ("bf16", "fp8", "awq")
    assert formats(qwen, machine("a100-80gb")) == ("bf16", "awq")
    assert formats(qwen, machine("rtx-3090")) == ("awq",) and formats(qwen, machine("rtx-3090"), "llama.cpp") == ("q4_k_m",)
    assert formats(qwen, machine("mac-mini-m4-16gb")) == ("q4_k_m",)
    assert formats(gpt, machine("h100")) == formats(gpt, machine("mac-mini-m4-16gb")) == ("mxfp4",), "published in four bits"
