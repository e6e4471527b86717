from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from modicum.evaluate.table import tabulate
from modicum.evaluate.tune import Terms, groups_for_power, plan_thresholds, reachable_margin, trace_curve
from modicum.stats.sequence import spending
from modicum.types import Prediction, Rule
from tests.evaluate.samples import sample, traffic


def test_a_plan_goes_from_a_start_that_passes_to_ever_looser_thresholds() -> None:
    _, _, table = traffic(2000)
    plan = plan_thresholds(table, Rule(accept_above=0.0), Terms(), groups=1000)
    assert plan is not None
    assert plan.rule.accept_above == plan.thresholds[0] == max(plan.thresholds)
    assert list(plan.thresholds) == sorted(set(plan.thresholds), reverse=True)
    assert plan.chance["A"] > 0.7
    assert 0.1 < table.accepted(plan.thresholds[0]).mean() < 0.5
    assert 0.3 < plan.expected_coverage < 0.6


def test_the_curve_counts_what_the_table_holds() -> None:
    _, _, table = traffic(600)
    curve = trace_curve(table)
    for threshold, coverage, disagreement in zip(curve.thresholds, curve.coverage, curve.disagreement, strict=True):
        accepted = table.accepted(threshold)
        assert coverage == pytest.approx(accepted.mean())
        assert disagreement == pytest.approx(((accepted & table.differs).sum() + 0.5) / 601)


def test_ties_are_one_threshold() -> None:
    rows = [Prediction(value="yes", confidence=i // 100 / 3) for i in range(400)]
    curve = trace_curve(tabulate([sample(i, f"t{i}") for i in range(400)], rows, Rule(accept_above=0)))
    assert curve.coverage.tolist() == [0.25, 0.5, 0.75, 1.0]


def test_nothing_open_is_no_plan() -> None:
    _, _, table = traffic(100, rule=Rule(accept_above=0.0, deferred_labels=("yes", "no", "maybe")))
    assert plan_thresholds(table, Rule(accept_above=0.0), Terms(), groups=100) is None


def test_known_losses_change_the_chance_of_b() -> None:
    _, _, table = traffic(2000, error=0.02)
    terms = Terms(kinds=("B",))
    better, worse = (
        plan_thresholds(table, Rule(accept_above=0.0), terms, groups=1000, excess=np.where(table.differs, sign, 0.0))
        for sign in (-1.0, 1.0)
    )
    assert better is not None and worse is not None
    assert better.expected_coverage > 0.9 > worse.expected_coverage


def test_c_is_planned_on_what_is_known_to_be_wrong() -> None:
    _, _, table = traffic(2000, error=0.03)
    terms = Terms(kinds=("C",), margin=0.02, max_selective=0.02)
    by_incumbent = plan_thresholds(table, Rule(accept_above=0.0), terms, groups=1000)
    right = np.where(np.arange(2000) % 2 == 0, 0.0, np.nan)
    by_gold = plan_thresholds(table, Rule(accept_above=0.0), terms, groups=1000, wrong=right)
    unknown = plan_thresholds(table, Rule(accept_above=0.0), terms, groups=1000, wrong=np.full(2000, np.nan))
    assert by_gold is not None and by_incumbent is not None and unknown is not None
    assert by_gold.expected_coverage > 0.9 > by_incumbent.expected_coverage
    assert by_gold.chance["C"] > 0.9 and by_gold.curve.groups == 1000
    assert unknown.thresholds == by_incumbent.thresholds
    few = groups_for_power(by_gold.curve, terms, level=0.05)
    assert few is not None and 149 <= few < 400


def test_more_groups_are_needed_for_a_smaller_margin_and_a_later_attempt() -> None:
    _, _, table = traffic(2000)
    curve = trace_curve(table)
    terms = Terms()
    few, many, later = (
        groups_for_power(curve, t, level=t.level)
        for t in (terms, dataclasses.replace(terms, margin=0.006), dataclasses.replace(terms, delta=spending(0.05, 3)))
    )
    assert few is not None and many is not None and later is not None
    assert 299 <= few < min(later, many)
    assert plan_thresholds(table, Rule(accept_above=0.0), terms, groups=few).chance["A"] >= 0.7  # type: ignore[union-attr]


def test_no_number_of_calls_helps_where_all_answers_differ_too_often() -> None:
    samples = [sample(i, f"t{i}", "no" if i % 5 == 0 else "yes") for i in range(500)]
    table = tabulate(samples, [Prediction(value="yes", confidence=(i * 7 % 500) / 500) for i in range(500)], Rule(accept_above=0))
    assert groups_for_power(trace_curve(table), Terms(), level=0.05) is None
    assert reachable_margin(trace_curve(table), Terms(), groups=500, level=0.05) is None


def test_the_reachable_margin_shrinks_with_more_groups() -> None:
    _, _, table = traffic(2000)
    curve = trace_curve(table)
    wide, narrow = (reachable_margin(curve, Terms(), groups=n, level=0.05) for n in (250, 3000))
    assert wide is not None and narrow is not None and narrow < 0.01 < wide
