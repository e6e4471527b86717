from __future__ import annotations

import dataclasses
import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.errors import NotEnoughDataError
from modicum.evaluate.groups import Groups, group_samples
from modicum.evaluate.split import Split, find_cut, split_by_time
from modicum.types import Sample
from tests.evaluate.samples import START, sample
from tests.evaluate.test_groups import asked


def make(rng: random.Random, n: int) -> list[Sample]:
    return [
        sample(
            i,
            f"word{rng.randrange(n)} word{rng.randrange(n)} tail",
            at=START + timedelta(minutes=rng.randrange(5 * n)),
            conversation_id=rng.choice([None, None, f"c{rng.randrange(n)}"]),
            control=rng.random() < 0.8,
        )
        for i in range(n)
    ]


def cut(samples: list[Sample], **more: object) -> tuple[Groups, Split]:
    groups = group_samples(samples)
    return groups, split_by_time(samples, groups, seed=5, **more)  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(st.integers(60, 250), st.integers(0, 10**6))
def test_no_group_stands_on_two_sides(n: int, seed: int) -> None:
    rng = random.Random(seed)
    samples = make(rng, n)
    groups, split = cut(samples)
    assert not {groups.units[i] for i in split.train} & {groups.units[i] for i in split.certify}
    assert not {samples[i].conversation_id for i in split.train} & {samples[i].conversation_id for i in split.certify_calls} - {None}
    assert not {groups.repeats[i] for i in split.train} & {groups.repeats[i] for i in split.certify_calls}
    assert len({groups.units[i] for i in split.certify}) == len(split.certify) == len(split.weights)
    assert len({groups.units[i] for i in split.tune}) == len(split.tune) == len({groups.units[i] for i in split.train})
    assert max(samples[i].at for i in split.train) < split.cut <= min(samples[i].at for i in split.certify_calls)
    assert all(samples[i].control for i in split.certify_calls)
    assert sum(split.weights) == len(split.certify_calls)
    assert set(split.certify) <= set(split.certify_calls) and set(split.tune) <= set(split.train)


@settings(max_examples=30, deadline=None)
@given(st.integers(60, 150), st.integers(0, 10**6))
def test_the_order_of_samples_does_not_matter(n: int, seed: int) -> None:
    rng = random.Random(seed)
    samples = make(rng, n)
    _, split = cut(samples)
    shuffled = list(samples)
    rng.shuffle(shuffled)
    _, again = cut(shuffled)
    for side in ("train", "tune", "certify", "certify_calls"):
        ids = {samples[i].call_id for i in getattr(split, side)}
        assert ids == {shuffled[i].call_id for i in getattr(again, side)}
    assert [samples[i].call_id for i in split.certify] == [shuffled[i].call_id for i in again.certify]


def test_groups_that_reach_back_are_left_out_and_counted() -> None:
    samples = [sample(i, f"alone {i} is this") for i in range(100)]
    samples[90] = sample(90, "alone 3 is this")
    groups, split = cut(samples)
    assert split.left_out_groups == 1
    assert 90 not in split.certify_calls and 90 not in split.train
    assert len(split.certify) == 34 and len(split.train) == 65


def test_a_fresh_window_is_newer_than_what_was_opened() -> None:
    samples = [sample(i, f"alone {i} is this") for i in range(100)]
    _, split = cut(samples, not_before=samples[79].at)
    assert split.certify == tuple(range(80, 100))
    assert split.window_from == samples[80].at and split.window_to == samples[99].at
    with pytest.raises(NotEnoughDataError, match="newer"):
        cut(samples, not_before=samples[99].at)


def test_a_side_that_would_be_empty_is_refused() -> None:
    with pytest.raises(NotEnoughDataError, match="distinct requests"):
        cut([sample(i, "the same again") for i in range(50)])
    with pytest.raises(NotEnoughDataError, match="certify"):
        cut([sample(i, f"alone {i} is this", control=False) for i in range(50)])


def test_another_seed_draws_other_calls() -> None:
    samples = [sample(i, f"twice {i // 2} is this") for i in range(400)]
    groups = group_samples(samples)
    one, other = (split_by_time(samples, groups, seed=seed) for seed in (1, 2))
    assert one.certify_calls == other.certify_calls and one.certify != other.certify


@pytest.mark.parametrize("strangers", [0.0, 0.5])
def test_a_home_of_returning_users_has_something_to_certify_with(strangers: float) -> None:
    samples = asked(300, 3000, strangers=strangers)
    samples[2900] = dataclasses.replace(samples[2900], slots=samples[5].slots)
    samples[2901] = dataclasses.replace(samples[2901], conversation_id="long")
    samples[6] = dataclasses.replace(samples[6], conversation_id="long")
    groups = group_samples(samples, cut=find_cut(samples))
    split = split_by_time(samples, groups, seed=5)
    users = [samples[i].user_id for i in split.certify]
    assert {samples[i].user_id for i in split.train} & set(users), "who asked before may certify"
    assert split.left_out_groups == 2 and not {2900, 2901} & set(split.certify_calls), "what was asked before may not"
    assert len(split.train) == 1950, "and nothing that is old is left out for its user"
    if strangers:
        assert groups.by_user and len(users) == len(set(users)), "each user speaks once"
        assert len({samples[i].user_id for i in split.tune}) == len(split.tune)
    else:
        visits = [len({(samples[i].user_id, samples[i].at.date()) for i in rows}) for rows in (split.certify_calls, split.train)]
        assert [len(split.certify), len(split.tune)] == visits and len(split.certify_calls) == 1048, "each visit speaks once"


def test_who_left_nothing_to_certify_with_is_named() -> None:
    samples = [sample(i, f"again {i % 20} is this") for i in range(100)]
    with pytest.raises(NotEnoughDataError, match="20 that came after it were asked before"):
        cut(samples)


def test_after_a_change_newer_calls_are_cut_and_planned_on() -> None:
    samples = [sample(i, f"alone{i}") for i in range(300)]
    samples[250] = sample(250, "alone3")
    since = samples[199].at
    _, split = cut(samples, certify_share=0.5, since=since)
    assert split.cut == samples[250].at and split.window_from == samples[251].at
    assert len(split.train) == 250 and split.tune == tuple(range(200, 250)), "older ones may teach, and nothing is planned on them"
    with pytest.raises(NotEnoughDataError, match="newer than"):
        cut(samples, since=samples[299].at)
    with pytest.raises(NotEnoughDataError, match="to plan on"):
        cut(samples, since=samples[298].at)
