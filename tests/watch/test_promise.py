"""The tests that hold a route to its promise: how often they ring falsely, how soon they ring, what a restart keeps."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.config import WatchConfig
from modicum.watch.promise import ROLL_OUT, Promise, Tests, bar_of, enter, fits, p_value, portion, promised, see, suspicion
from tests.watch.watched_home import certificate

SETTINGS = WatchConfig()


def rings_after(promise: Promise, rate: float, answered: float, draws: int, seed: int, *, after: int = 0, before: float = 0.0) -> int:
    """Draws until a test rings, 0 where none does; `rate` of all draws are lost, `before` of the first `after`."""
    dice, tests = random.Random(seed), Tests()
    enter(tests, promise)
    for number in range(1, draws + 1):
        asked = dice.random() < answered
        lost = asked and dice.random() < (before if number <= after else rate) / answered
        see(tests, promise, SETTINGS, float(lost), answered=asked)
        if tests.rang:
            return number
    return 0


def test_a_route_at_its_very_levels_is_seldom_sent_back_while_it_comes_on() -> None:
    promise = promised(certificate(margin=0.1, max_selective=0.2), 0.5)
    runs = 120
    rang = sum(rings_after(promise, 0.15, 0.5, ROLL_OUT, seed) > 0 for seed in range(runs))
    assert rang <= SETTINGS.false_rollback * runs * 2


def test_a_jump_is_seen_soon() -> None:
    promise = promised(certificate(margin=0.02, max_selective=0.04), 0.5)
    found = [rings_after(promise, 0.2, 0.9, 1500, seed, after=ROLL_OUT, before=0.01) - ROLL_OUT for seed in range(15)]
    assert all(one > 0 for one in found)
    assert sorted(found)[7] < 60


def test_c_speaks_of_answers_alone() -> None:
    promise = promised(certificate("C", margin=0.05, max_selective=0.05), 0.5)
    assert promise.level is None
    assert promise.level_answered == pytest.approx(0.075)
    assert promise.quantities == 1
    tests = Tests()
    enter(tests, promise)
    for _ in range(50):
        see(tests, promise, SETTINGS, 0.0, answered=False)
    assert tests.all is None
    assert tests.answered is not None
    assert tests.answered.sequence.draws == 0


def test_what_may_be_spent_on_steps_adds_up_however_many_there_are() -> None:
    promise = promised(certificate(), 0.5)
    spent, tests = 0.0, Tests()
    for _ in range(2_000):
        enter(tests, promise)
        spent += portion(tests, promise, SETTINGS) * promise.quantities
    assert 0.49 * SETTINGS.false_rollback < spent < 0.5 * SETTINGS.false_rollback


def test_the_bar_is_higher_while_a_route_comes_on() -> None:
    promise = promised(certificate(), 0.5)
    assert bar_of(Tests(draws=1), promise, SETTINGS) == pytest.approx(2 * ROLL_OUT / 0.025)
    assert bar_of(Tests(draws=ROLL_OUT + 1), promise, SETTINGS) == 20_000


def test_a_step_begins_its_e_process_anew_and_its_detector_goes_on() -> None:
    promise = promised(certificate(), 0.5)
    tests = Tests()
    enter(tests, promise)
    for _ in range(20):
        see(tests, promise, SETTINGS, 0.0, answered=True)
    see(tests, promise, SETTINGS, 1.0, answered=True)
    before = suspicion(tests)
    enter(tests, promise)
    assert tests.all is not None
    assert tests.all.sequence.draws == 0
    assert (suspicion(tests), tests.steps, tests.draws) == (before, 2, 21)


def test_another_level_begins_everything_anew() -> None:
    tests = Tests()
    enter(tests, promised(certificate(), 0.5))
    see(tests, promised(certificate(), 0.5), SETTINGS, 1.0, answered=True)
    wider = promised(certificate(), 1.0)
    assert not fits(tests, wider)
    enter(tests, wider)
    assert fits(tests, wider)
    assert suspicion(tests) == 0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60), st.integers(0, 60))
def test_a_restart_changes_nothing(draws: list[tuple[bool, bool]], cut: int) -> None:
    promise = promised(certificate(), 0.5)
    whole, parts = Tests(), Tests()
    for tests in (whole, parts):
        enter(tests, promise)
    for number, (asked, lost) in enumerate(draws):
        if number == cut:
            parts = msgspec.json.decode(msgspec.json.encode(parts), type=Tests)
        for tests in (whole, parts):
            see(tests, promise, SETTINGS, float(asked and lost), answered=asked)
    assert msgspec.to_builtins(parts) == msgspec.to_builtins(whole)
    assert 0 <= p_value(whole, promise, SETTINGS) <= 1
    assert bool(whole.rang) == bool(parts.rang)
