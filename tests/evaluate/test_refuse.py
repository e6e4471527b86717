from __future__ import annotations

import random

import pytest

from modicum.evaluate.refuse import Supply, in_words, is_worth_a_look, refuse_after_look, refuse_unopened
from modicum.evaluate.table import tabulate
from modicum.evaluate.tune import Plan, Terms, plan_thresholds
from modicum.types import Prediction, Rule
from tests.evaluate.samples import sample, traffic


def plan_of(groups: int, terms: Terms, error: float = 0.004) -> Plan:
    _, _, table = traffic(1500, error=error)
    plan = plan_thresholds(table, Rule(accept_above=0.0), terms, groups=groups)
    assert plan is not None
    return plan


def test_too_few_calls_are_counted_in_calls_and_days() -> None:
    terms = Terms()
    plan = plan_of(250, terms)
    assert not is_worth_a_look(plan)
    refusal = refuse_unopened(plan, terms, Supply(groups=250, calls=500, days=5))
    assert refusal.code == "too_few_calls"
    assert refusal.needs_calls is not None and refusal.needs_days is not None
    assert 100 < refusal.needs_calls < 5_000
    assert refusal.needs_days == pytest.approx(refusal.needs_calls / 100, rel=0.1)
    assert refusal.reason.startswith(f"needs about {refusal.needs_calls:,} more calls: ") and "days" in refusal.reason
    assert refusal.margin_reachable is not None and refusal.margin_reachable > 0.01


def test_what_keeps_calls_from_counting_is_named() -> None:
    plan, terms = plan_of(250, Terms()), Terms()
    tied = refuse_unopened(plan, terms, Supply(groups=250, calls=4000, days=5, by_user=True))
    assert "of the users, who are many and mostly new, each counts once: 250 at hand" in tied.reason
    visits = refuse_unopened(plan, terms, Supply(groups=250, calls=4000, days=5, by_visit=True))
    assert "of users, who are many and come back, what each asks in a day counts once: 250 at hand" in visits.reason
    again = refuse_unopened(plan, terms, Supply(groups=250, calls=4000, days=5, left_out=900))
    assert "900 of the newest requests were asked before and do not count, 250 do" in again.reason
    assert "count" not in refuse_unopened(plan, terms, Supply(groups=250, calls=4000, days=5, left_out=9)).reason


def test_a_wait_is_told_in_minutes_hours_and_days() -> None:
    told = {0.0: "about a minute", 0.004: "about 6 minutes", 0.3: "about 8 hours", 0.95: "1 day", 1.2: "2 days", 1000: "1,000 days"}
    assert {days: in_words(days) for days in told} == told


def test_c_says_what_is_wrong_and_which_labels_it_wants() -> None:
    terms = Terms(kinds=("C",), margin=0.02, max_selective=0.02)
    plan = plan_of(1000, terms, error=0.1)
    supply = Supply(groups=1000, calls=2000, days=5)
    refusal = refuse_unopened(plan, terms, supply)
    assert refusal.code == "no_threshold" and "of its answers are wrong, and at most 2 % may" in refusal.reason
    asked = refuse_after_look(plan, terms, supply, delta=0.05, attempt=1, labels_wanted=700)
    assert (asked.code, asked.needs_labels) == ("too_few_labels", 700)
    assert asked.reason == "whether at most 2 % of its answers are wrong needs labels for 700 calls that it would answer"


def test_enough_calls_are_worth_a_look() -> None:
    assert is_worth_a_look(plan_of(1000, Terms()))
    assert not is_worth_a_look(None)


def test_no_number_of_calls_would_do() -> None:
    rng = random.Random(2)
    samples = [sample(i, f"t{i}", rng.choice(["yes", "no"])) for i in range(500)]
    table = tabulate(samples, [Prediction(value="yes", confidence=rng.random()) for _ in samples], Rule(accept_above=0.0))
    plan = plan_thresholds(table, Rule(accept_above=0.0), Terms(), groups=300)
    refusal = refuse_unopened(plan, Terms(), Supply(groups=300, calls=900, days=3))
    assert refusal.code == "no_threshold" and refusal.needs_calls is None
    assert "more calls would not help" in refusal.reason
    assert refuse_unopened(None, Terms(), Supply(groups=300, calls=900, days=3)).code == "no_threshold"


def test_after_a_look_labels_or_a_fresh_window() -> None:
    terms = Terms(kinds=("A", "B"), delta=0.03)
    plan, supply = plan_of(800, terms), Supply(groups=800, calls=1000, days=10)
    asked = refuse_after_look(plan, terms, supply, delta=0.05, attempt=1, labels_wanted=42)
    assert (asked.code, asked.needs_labels) == ("too_few_labels", 42)
    assert "42 calls" in asked.reason
    assert asked.needs_calls is not None and asked.needs_days is not None
    assert f"; agreement alone would need about {asked.needs_calls:,} more calls: " in asked.reason
    fresh = refuse_after_look(plan, terms, supply, delta=0.05, attempt=1)
    assert fresh.code == "too_few_calls" and fresh.needs_calls is not None and fresh.needs_calls > 500
    assert "newer than those just tested" in fresh.reason
    alone = refuse_after_look(plan, Terms(kinds=("A",), delta=0.03), supply, delta=0.05, attempt=1)
    assert (asked.needs_calls, asked.needs_days) == (alone.needs_calls, alone.needs_days)


def test_what_is_unknown_after_a_look_is_left_out() -> None:
    terms = Terms(kinds=("A", "B"), delta=0.03)
    plan = plan_of(800, terms)
    timeless = refuse_after_look(plan, terms, Supply(groups=800, calls=1000, days=0), delta=0.05, attempt=1, labels_wanted=42)
    assert timeless.needs_calls is not None and timeless.needs_days is None
    assert "more calls" in timeless.reason and " day" not in timeless.reason
    _, _, hopeless = traffic(800, error=0.3)
    supply = Supply(groups=800, calls=1000, days=10)
    refusal = refuse_after_look(plan, terms, supply, delta=0.05, attempt=1, labels_wanted=42, opened=hopeless)
    assert (refusal.needs_labels, refusal.needs_calls, refusal.needs_days) == (42, None, None)
    assert "agreement alone" not in refusal.reason
