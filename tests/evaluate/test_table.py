from __future__ import annotations

import dataclasses

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.evaluate.table import UNREAD, rare_labels, tabulate
from modicum.route.rule import refusal
from modicum.types import Prediction, Rule
from tests.evaluate.samples import sample

labels = st.sampled_from(["a", "b", "c"])
predictions = st.builds(
    Prediction,
    value=labels,
    confidence=st.one_of(st.floats(0, 1), st.sampled_from([0.5, float("nan")])),
    runner_up=labels,
    runner_up_probability=st.floats(0, 0.5),
)
rules = st.builds(
    Rule,
    accept_above=st.one_of(st.floats(0, 1), st.just(0.5)),
    deferred_labels=st.sets(labels, max_size=2).map(tuple),
    protected_labels=st.sets(labels, max_size=1).map(tuple),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(predictions, min_size=1, max_size=20), rules)
def test_acceptance_is_that_of_the_day(rows: list[Prediction], rule: Rule) -> None:
    samples = [sample(i, f"t{i}") for i in range(len(rows))]
    table = tabulate(samples, rows, rule)
    assert table.accepted(rule.accept_above).tolist() == [refusal(rule, row) is None for row in rows]
    more = np.array([name == "b" for name in table.labels])
    narrower = dataclasses.replace(rule, deferred_labels=(*rule.deferred_labels, "b"))
    assert table.without(more).accepted(rule.accept_above).tolist() == [refusal(narrower, row) is None for row in rows]


def test_unread_answers_differ_from_everything() -> None:
    table = tabulate([sample(0, "x", None), sample(1, "y", "a")], [Prediction(value="a", confidence=1.0)] * 2, Rule(accept_above=0))
    assert table.told.tolist() == [UNREAD, 0]
    assert table.differs.tolist() == [True, False]


def test_the_random_order_depends_on_seed_and_ids_alone() -> None:
    samples = [sample(i, f"t{i}") for i in range(50)]
    rows = [Prediction(value="a", confidence=i / 50) for i in range(50)]
    table = tabulate(samples, rows, Rule(accept_above=0), seed=1)
    again = tabulate(samples[::-1], rows[::-1], Rule(accept_above=0), seed=1)
    assert table.call_ids == again.call_ids != tuple(s.call_id for s in samples)
    assert table.confidence.tolist() == again.confidence.tolist()
    assert table.call_ids != tabulate(samples, rows, Rule(accept_above=0), seed=2).call_ids


def test_rare_labels_are_judged_by_what_is_to_be_expected() -> None:
    told = ["a"] * 90 + ["b"] * 10 + [None] * 100
    assert rare_labels(told, groups=100, min_label_groups=5, known=("a", "b", "c")) == ("c",)
    assert rare_labels(told, groups=90, min_label_groups=5) == ("b",)
    assert rare_labels(told, groups=10, min_label_groups=0, known=("c",)) == ()
