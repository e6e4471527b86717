"""The list of machines: complete, sourced, dense."""

from __future__ import annotations

from datetime import date

import pytest

from modicum.errors import InputError, NotFoundError
from modicum.plan.machines import machine, machines, read


def test_a_person_can_buy_eight_for_under_two_thousand_and_rent_four() -> None:
    found = list(machines().values())
    bought = [one for one in found if one.price_usd is not None and one.price_usd < 2000]
    rented = [one for one in found if one.kind == "datacentre" and one.rent_usd_hour is not None]
    assert len(found) >= 12 and len(bought) >= 8 and len(rented) >= 4
    assert {"cuda", "rocm", "metal", "vulkan", "cpu"} == {one.stack for one in found}


@pytest.mark.parametrize("name", sorted(machines()))
def test_every_machine_says_where_its_figures_are_from(name: str) -> None:
    one = machines()[name]
    said = " ".join(source.says for source in one.sources)
    assert one.sources and all(source.url.startswith(("https://", "http://")) for source in one.sources)
    assert all(date(2026, 1, 1) <= source.read <= date(2030, 1, 1) for source in one.sources)
    assert ("price" in said) == (one.buy_usd is not None) or "the computer and its price" in said
    assert ("rent" in said) == (one.rent_usd_hour is not None)
    assert 0.5 < one.usable <= 1 and one.memory_gib > 0 and one.bandwidth_gbs > 0 and one.power_w > 0
    assert one.note, "a price without its day"


def test_arithmetic_is_dense() -> None:
    # The sparse figures on the data sheets are twice these.
    assert {name: machine(name).fp16_tflops for name in ("l4", "l40s", "a100-80gb", "h100", "h200", "mi300x")} == {
        "l4": 121,
        "l40s": 362,
        "a100-80gb": 312,
        "h100": 989,
        "h200": 989,
        "mi300x": 1307,
    }
    assert machine("h100").fp8_tflops == 1979 and machine("a100-80gb").fp8_tflops is None
    assert machine("a100-80gb").peak_flops("fp8") == machine("a100-80gb").peak_flops("fp16"), "fp8 where there is none runs in fp16"


def test_the_cheapest_to_buy_come_first_and_what_is_only_rented_last() -> None:
    prices = [one.price_usd for one in machines().values()]
    known = [price for price in prices if price is not None]
    assert prices[: len(known)] == sorted(known)


def test_a_machine_is_found_by_a_part_of_its_name() -> None:
    assert machine("RTX 3090").id == "rtx-3090"
    assert machine("strix halo").id == "ryzen-ai-max-395-128gb"
    with pytest.raises(NotFoundError, match="could be any of"):
        machine("rtx")
    with pytest.raises(NotFoundError, match="did you mean 'h100'"):
        machine("h1000")
    with pytest.raises(NotFoundError):
        machine("")


def test_a_wrong_row_is_refused() -> None:
    with pytest.raises(InputError, match="machine 'x'"):
        read({"id": "x", "memory_gib": "much"})
