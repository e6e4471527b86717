"""What several people say of one call, and how far they agree."""

from __future__ import annotations

import pytest

from modicum.evaluate.labels import Label
from modicum.evaluate.panel import agreement, outcome, settle

A, B, BOTH, NEITHER = (Label(verdict=word) for word in ("a", "b", "both", "neither"))


@pytest.mark.parametrize(
    ("label", "comes_to"),
    [(A, "a"), (B, "b"), (BOTH, "both"), (NEITHER, "neither"), (Label(gold="Lost "), "a"), (Label(gold="late"), "b")],
)
def test_labels_are_compared_by_what_they_come_to(label: Label, comes_to: str) -> None:
    assert outcome(label, "lost", "late") == comes_to


def test_a_gold_answer_and_a_verdict_agree_where_they_come_to_the_same() -> None:
    assert settle([A, Label(gold="lost")], "lost", "late") == Label(gold="lost")
    assert outcome(Label(gold="x"), "lost", "late") == "neither" and outcome(Label(gold="lost"), "lost", "Lost") == "both"


def test_where_only_the_better_one_matters_both_is_as_good_as_neither() -> None:
    assert settle([BOTH, NEITHER], "lost", "late", better=True) == NEITHER, "of the two the one that claims less"
    assert settle([BOTH, BOTH], "lost", "late", better=True) == BOTH
    assert settle([BOTH, NEITHER], "lost", "late") is None


def test_where_people_differ_the_majority_counts_and_else_nobody() -> None:
    assert settle([A, B], "lost", "late") is None
    assert settle([A, B, B], "lost", "late") == B
    assert settle([A, B, NEITHER], "lost", "late") is None
    assert settle([], "lost", "late") is None
    assert settle([Label(gold="x"), Label(gold="y")], "lost", "late") == NEITHER, "whichever is right, neither of these is"


def test_kappa_is_one_for_full_agreement_and_nothing_for_chance() -> None:
    same = agreement("ann", {"1": "a", "2": "b", "3": "both"}, "bob", {"1": "a", "2": "b", "3": "both", "4": "a"})
    assert (same.both, same.agree, same.kappa) == (3, 3, 1.0)
    # By hand: 2 of 4 the same; chance 2/4 * 2/4 + 2/4 * 2/4 = 1/2.
    chance = agreement("ann", {"1": "a", "2": "a", "3": "b", "4": "b"}, "bob", {"1": "a", "2": "b", "3": "a", "4": "b"})
    assert (chance.agree, chance.kappa) == (2, 0.0)
    assert agreement("ann", {"1": "a"}, "bob", {"1": "a"}).kappa is None
    assert agreement("ann", {"1": "a"}, "bob", {"2": "a"}).both == 0
