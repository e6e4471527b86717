"""Suspected labels: found where they are wrong, left out where that helps, and nowhere else."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np

from modicum.train import linear, noise
from modicum.train.linear import Trained
from modicum.types import Sample
from tests.pipeline.traffic import SUBJECTS, message
from tests.train.texts import sample

LABELS = ("a", "b", "c")


def scores(rows: list[tuple[float, float, float]]) -> np.ndarray:
    return np.log(np.array(rows, dtype=np.float32))


def test_a_sample_that_counts_towards_another_label_is_suspected() -> None:
    sure, torn = (0.9, 0.05, 0.05), (0.4, 0.3, 0.3)
    rows = [sure] * 8 + [(0.05, 0.9, 0.05)] * 8 + [(0.05, 0.05, 0.9)] * 8
    values: list[str | None] = [*"a" * 8, *"b" * 8, *"c" * 8]
    values[3], values[10] = "b", None
    found = noise.find([*values, "a"], scores([*rows, torn]), LABELS)
    assert found.suspects == (3,) and found.likelier == ("a",)
    worst = found.by_label[0]
    assert (worst.label, worst.samples, worst.share) == ("b", 8, 0.125)
    assert 0.03 < found.share < 0.06


def test_nothing_to_go_by_suspects_nothing() -> None:
    assert noise.find([None, None], scores([(0.5, 0.3, 0.2)] * 2), LABELS).suspects == ()
    assert noise.find(["a"] * 3, np.zeros((3, 1)), ("a",)).share == 0.0
    assert noise.find(["z"], scores([(0.5, 0.3, 0.2)]), LABELS).suspects == ()


def sorted_by(teacher_wrong: float, *, count: int = 600) -> tuple[list[Sample], list[str]]:
    rng = random.Random(3)
    gold = [rng.choice(list(SUBJECTS)) for _ in range(count)]
    said = [rng.choice(list(SUBJECTS)) if rng.random() < teacher_wrong else label for label in gold]
    return [
        sample(number, (("user.0", message(right, rng)),), label) for number, (right, label) in enumerate(zip(gold, said, strict=True))
    ], gold


def fit(samples: list[Sample]) -> Trained:
    return linear.fit(samples, groups=list(range(len(samples))), max_size_bytes=1_000_000, seed=1)


def test_the_wrong_labels_of_a_teacher_are_found_and_what_is_learnt_is_better() -> None:
    samples, gold = sorted_by(0.3)
    wrong = {row for row, (one, right) in enumerate(zip(samples, gold, strict=True)) if one.value != right}
    first = fit(samples)
    second, learnt = noise.refit(first, samples, lambda some: fit(list(some)))
    left_out = {row for row, one in enumerate(learnt) if one.value is None}
    assert len(left_out & wrong) > 0.8 * len(wrong) and len(left_out - wrong) < 0.1 * len(samples)
    assert second.about["labels_left_out_as_wrong"] == len(left_out)
    assert abs(second.about["labels_wrong"] - len(wrong) / len(samples)) < 0.07
    assert len(second.out_of_fold) == len(samples)

    def right(trained: Trained) -> int:
        return sum(one.value == label for one, label in zip(trained.out_of_fold, gold, strict=True))

    assert right(second) >= right(first)


def test_a_teacher_without_mistakes_is_left_alone() -> None:
    samples, _ = sorted_by(0.0)
    first = fit(samples)

    def never(some: object) -> Trained:
        raise AssertionError("fitted again for nothing")

    second, learnt = noise.refit(first, samples, never)
    assert learnt == samples and second.files == first.files and second.about["labels_left_out_as_wrong"] == 0


def test_what_a_person_said_is_never_left_out() -> None:
    samples, gold = sorted_by(0.3)
    wrong = [row for row, (one, right) in enumerate(zip(samples, gold, strict=True)) if one.value != right]
    _, learnt = noise.refit(fit(samples), samples, lambda some: fit(list(some)), sure=wrong)
    assert all(learnt[row].value is not None for row in wrong)


def test_a_cleaning_that_says_less_of_what_the_teacher_says_is_not_kept() -> None:
    samples, _ = sorted_by(0.3)
    first = fit(samples)
    worse = fit([*samples[:40], *noise.without(samples[40:], range(560))])
    kept, learnt = noise.refit(first, samples, lambda some: worse)
    assert kept.files == first.files and learnt == samples


def test_a_teacher_that_errs_by_a_rule_keeps_what_it_got_right_in_spite_of_it() -> None:
    """Most of one label is called another. What still has its own name is suspected, and right."""
    samples, gold = sorted_by(0.0)
    rng = random.Random(5)
    one, other = sorted(set(gold))[:2]
    said = [replace(row, value=other) if right == one and rng.random() < 0.75 else row for row, right in zip(samples, gold, strict=True)]
    right = {row for row, sample in enumerate(said) if sample.value == one}
    first = fit(said)
    suspected = right & set(noise.find([sample.value for sample in said], first.scores, first.labels).suspects)
    assert len(suspected) > noise.MOST_OF_A_LABEL * len(right)
    _, learnt = noise.refit(first, said, lambda some: fit(list(some)))
    assert all(learnt[row].value == one for row in right)
