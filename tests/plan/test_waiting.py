"""Calls at once and how long each takes: against single calls that are simulated, and at the bounds."""

from __future__ import annotations

import math
import random

import pytest

from modicum.plan.cost import capacity
from modicum.plan.machines import machine
from modicum.plan.precision import of_name
from modicum.plan.speed import roofline
from modicum.plan.waiting import endings, settle
from tests.plan.shapes import shape

LINE = roofline(shape("llama-3.1-8b"), machine("rtx-3090"), of_name("awq"))
LENGTH = (800.0, 120.0)
BEST, MOST = capacity(LINE, 16, *LENGTH)


def simulate(rate: float, calls: int, *, spread: bool) -> tuple[float, float, float]:
    """(share of the time with any, mean at once, mean seconds a call): each call on its own. `spread`: of lengths that differ."""
    draw = random.Random(7)
    took = [0.0, *(LINE.round_s(n, *LENGTH) for n in range(1, MOST + 1))]
    now = busy = area = lived = 0.0
    ended = 0
    working: list[tuple[float, float]] = []
    waiting: list[tuple[float, float]] = []
    arrives = draw.expovariate(rate)
    while ended < calls:
        many = len(working)
        step = min((left for left, _ in working), default=math.inf) * took[many] if many else math.inf
        coming = arrives - now <= step
        step = min(step, arrives - now)
        now += step
        busy += step if many else 0.0
        area += (many + len(waiting)) * step
        left = [(work - (step / took[many] if many else 0.0), since) for work, since in working]
        working = [one for one in left if one[0] > 1e-12]
        ended += len(left) - len(working)
        lived += sum(now - since for work, since in left if work <= 1e-12)
        if coming:
            waiting.append((draw.expovariate(1) if spread else 1.0, now))
            arrives = now + draw.expovariate(rate)
        while waiting and len(working) < MOST:
            working.append(waiting.pop(0))
    return busy / now, area / now, lived / ended


@pytest.mark.parametrize("spread", [False, True])
@pytest.mark.parametrize("load", [0.05, 0.3, 0.6])
def test_single_calls_that_come_at_random_bear_it_out(load: float, spread: bool) -> None:
    busy, mean, seconds = simulate(BEST * load, 6000, spread=spread)
    found = settle(LINE, MOST, *LENGTH, BEST * load)
    assert found.busy == pytest.approx(busy, abs=0.02)
    assert found.mean == pytest.approx(mean, rel=0.08)
    assert found.seconds == pytest.approx(seconds, rel=0.08)
    assert found.mean <= found.often


def test_alone_a_call_takes_as_long_as_its_steps() -> None:
    none, few = (settle(LINE, MOST, *LENGTH, rate) for rate in (0.0, 1e-6))
    alone = LINE.round_s(1, *LENGTH)
    assert none.seconds == pytest.approx(alone) == pytest.approx(few.seconds, rel=1e-4)
    assert (none.busy, none.mean, none.often) == (0, 0, 0)
    assert few.busy == pytest.approx(1e-6 * alone, rel=1e-3)


def test_waiting_grows_with_the_rate_and_ends_nowhere() -> None:
    found = [settle(LINE, MOST, *LENGTH, BEST * load) for load in (0.1, 0.5, 0.7, 0.9, 0.99, 5)]
    assert [one.seconds for one in found] == sorted(one.seconds for one in found)
    assert found[3].often > MOST / 2 and found[4].often > MOST and found[5].mean > 100
    assert all(0 < one.busy <= 1 for one in found)


def test_room_for_thousands_is_no_trouble() -> None:
    large = roofline(shape("llama-3.1-8b"), machine("h200"), of_name("fp8"))
    many = endings(large, 2048, *LENGTH)
    found = settle(large, 2048, *LENGTH, many[-1] * 0.7)
    assert math.isfinite(found.mean) and 1 < found.mean < 2048
    assert found.seconds == pytest.approx(found.mean / (many[-1] * 0.7))


def test_one_place_is_the_textbook_queue() -> None:
    """With room for one, M/M/1: mean number rho / (1 - rho)."""
    rate = endings(LINE, 1, *LENGTH)[0] / 2
    found = settle(LINE, 1, *LENGTH, rate)
    assert found.busy == pytest.approx(0.5) and found.mean == pytest.approx(1.0)
    assert found.often == 6, "2 ** -7 is under one per cent"
