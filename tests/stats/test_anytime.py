"""Tests that may look at any time: what they promise holds in simulation, and a state is all that there is."""

import math
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.stats.anytime import BETS, BETS_ON_A_DIFFERENCE, WEIGHTS, Detector, Sequence, grew_most, see_all


def alarm_after(detector: Detector, drawn: np.ndarray) -> int | None:
    for number, one in enumerate(drawn.tolist(), 1):
        detector = detector.see(one)
        if detector.alarm:
            return number
    return None


def test_a_sequence_rarely_shows_what_is_not_so() -> None:
    random = np.random.default_rng(1)
    shown = sum(see_all(Sequence(level=0.05), random.random(500) < 0.05).p_value <= 0.05 for _ in range(300))
    assert shown / 300 <= 0.05


def test_losses_that_balance_are_no_excess() -> None:
    random = np.random.default_rng(2)
    shown = 0
    for _ in range(300):
        drawn = random.choice([-1.0, 0.0, 1.0], 400, p=[0.1, 0.78, 0.12])  # exactly at the level
        shown += see_all(Sequence(level=0.02, low=-1.0), drawn.tolist()).p_value <= 0.05
    assert shown / 300 <= 0.05


def test_a_bad_start_is_seen_soon() -> None:
    random = np.random.default_rng(3)
    needed = []
    for _ in range(100):
        state, number = Sequence(level=0.05), 0
        while state.p_value > 0.05:
            state, number = state.see(float(random.random() < 0.15)), number + 1
        needed.append(number)
    assert np.median(needed) <= 60


@pytest.mark.parametrize(("before", "after", "level", "half", "most"), [(0.03, 0.15, 0.05, 90, 200), (0.16, 0.5, 0.2, 36, 75)])
def test_a_detector_finds_a_jump(before: float, after: float, level: float, half: int, most: int) -> None:
    random = np.random.default_rng(4)
    delays = []
    for _ in range(150):
        detector = Detector(level=level)
        for one in (random.random(500) < before).tolist():
            detector = detector.see(float(one))
        found = alarm_after(detector, (random.random(1000) < after).astype(float))
        assert found is not None
        delays.append(found)
    assert np.median(delays) <= half
    assert np.quantile(delays, 0.95) <= most * 1.2  # 150 runs leave a tenth of noise in a 95th part


def test_a_detector_runs_as_long_as_it_promises() -> None:
    """At the very level, with a run length short enough to wait for."""
    random = np.random.default_rng(5)
    lengths = [alarm_after(Detector(level=0.2, run_length=100), (random.random(3000) < 0.2).astype(float)) or 3000 for _ in range(200)]
    assert np.mean(lengths) >= 100


@given(st.lists(st.sampled_from([0.0, 0.3, 1.0]), max_size=60), st.integers(0, 60))
def test_a_state_goes_on_where_it_was(drawn: list[float], cut: int) -> None:
    whole, part = Detector(level=0.1), Detector(level=0.1)
    for one in drawn:
        whole = whole.see(one)
    for one in drawn[:cut]:
        part = part.see(one)
    part = Detector(**asdict(part))
    for one in drawn[cut:]:
        part = part.see(one)
    assert part == whole


@given(st.lists(st.floats(0, 1), max_size=40))
def test_what_was_shown_is_not_taken_back(drawn: list[float]) -> None:
    state, least = Sequence(level=0.3), 1.0
    for one in drawn:
        state = state.see(one)
        assert state.p_value <= least
        least = state.p_value
    assert state.draws == len(drawn)


def test_the_products_are_what_the_paper_says() -> None:
    drawn = [0.0, 1.0, 0.0, 1.0, 1.0]
    products = [math.prod(1 + bet / 0.25 * (one - 0.25) for one in drawn) for bet in BETS]
    sums = [sum(math.prod(1 + bet / 0.25 * (one - 0.25) for one in drawn[start:]) for start in range(5)) for bet in BETS]
    sequence, detector = see_all(Sequence(level=0.25), drawn), Detector(level=0.25)
    for one in drawn:
        detector = detector.see(one)
    assert [math.exp(log) for log in sequence.logs] == pytest.approx(products)
    assert [math.exp(log) for log in detector.logs] == pytest.approx(sums)
    assert sum(WEIGHTS) == pytest.approx(1)


@pytest.mark.parametrize("made", [lambda: Sequence(level=0.0), lambda: Sequence(level=1.0), lambda: Detector(level=0.1, run_length=0.5)])
def test_impossible_levels_are_refused(made: object) -> None:
    with pytest.raises(ValueError):
        made()  # type: ignore[operator]


def test_impossible_draws_are_refused() -> None:
    for wrong in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError):
            Sequence(level=0.1).see(wrong)


def test_differences_are_bet_on_with_more_and_stay_a_fair_game() -> None:
    """At the level itself each bet's expected gain is one, and no draw ruins it."""
    level, low, chance = 0.03, -1.0, 0.4
    draws = {1.0: (chance + level) / 2, -1.0: (chance - level) / 2, 0.0: 1 - chance}
    assert sum(one * share for one, share in draws.items()) == pytest.approx(level)
    after = {one: Sequence(level=level, low=low).see(one).logs for one in draws}
    for number, bet in enumerate(BETS_ON_A_DIFFERENCE):
        assert sum(share * math.exp(after[one][number]) for one, share in draws.items()) == pytest.approx(1)
        assert math.exp(after[-1.0][number]) == pytest.approx(1 - bet)


@given(st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.0, 1.0, -1.0]), max_size=60), st.sampled_from([(0.1, 0.0), (0.05, -1.0)]))
def test_the_start_since_which_the_capital_grew_most_is_found(drawn: list[float], terms: tuple[float, float]) -> None:
    level, low = terms
    drawn = [max(one, low) for one in drawn]
    found = grew_most([(number, one) for number, one in enumerate(drawn) if one], len(drawn) - 1, level=level, low=low)
    grown = [weighted(see_all(Sequence(level=level, low=low), drawn[start:])) for start in range(len(drawn))]
    starts = [number for number, one in enumerate(drawn) if one > level]
    if not starts:
        assert found is None
        return
    assert found is not None
    begun = [number for number, one in enumerate(drawn) if one][found]
    assert begun in starts
    assert grown[begun] == pytest.approx(max(grown[start] for start in starts))
    assert grown[begun] == pytest.approx(max(grown)) or max(grown) < 1, "a stretch that grew begins with a loss"


def weighted(state: Sequence) -> float:
    return sum(weight * math.exp(log) for weight, log in zip(WEIGHTS, state.logs, strict=True))
