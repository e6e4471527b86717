from __future__ import annotations

import dataclasses
import random
import time
from datetime import timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.evaluate.groups import group_samples
from modicum.types import Sample
from modicum.workload.sameness import JACCARD, normalise, words
from tests.evaluate.samples import START, sample


def test_the_same_but_for_case_punctuation_and_space() -> None:
    groups = group_samples([sample(0, "Where is my card?"), sample(1, "where  is my CARD"), sample(2, "lost it"), sample(3, "???")])
    assert groups.units == (0, 0, 1, 2)
    assert groups.count == len(groups) == 3
    assert groups.repeats[0] == groups.repeats[1] != groups.repeats[2]


def test_near_duplicates_join_the_first_member_and_do_not_chain() -> None:
    a = "one two three four five six seven eight nine ten"
    b = a.replace("ten", "eleven")  # 9 / 11 with a
    c = b.replace("nine", "twelve")  # 9 / 11 with b, 8 / 12 with a
    groups = group_samples([sample(0, a), sample(1, b), sample(2, c)])
    assert groups.units == (0, 0, 1)
    assert groups.repeats == (0, 1, 2)


def test_conversations_tie_and_clients_do_not() -> None:
    rows = [sample(0, "a b c", conversation_id="x"), sample(1, "d e f", conversation_id="x"), sample(2, "g h i", conversation_id="y")]
    assert group_samples(rows).units == (0, 0, 1)


def test_users_tie_only_where_they_are_many() -> None:
    few = [sample(i, f"text number {i} of many", user_id=f"u{i % 20}") for i in range(400)]
    assert not group_samples(few).by_user and len(group_samples(few)) == 400
    many = [sample(i, f"text number {i} of many", user_id=f"u{i % 250}") for i in range(500)]
    groups = group_samples(many)
    assert groups.by_user and len(groups) == 250
    one_heavy = [sample(i, f"text number {i} of many", user_id=f"u{i % 250}" if i % 10 else "bot") for i in range(500)]
    assert not group_samples(one_heavy).by_user


def test_texts_that_everybody_sends_do_not_join_everybody() -> None:
    rng = random.Random(1)
    rows: list[Sample] = []
    for user in range(600):
        for turn in range(3):
            text = (
                rng.choice(["hello", "thank you", "help me please"]) if turn == 0 else f"question {user} about matter {turn} {rng.random()}"
            )
            rows.append(sample(len(rows), text, user_id=f"u{user}"))
    groups = group_samples(rows)
    assert groups.by_user
    assert len(groups) > 500
    assert len({groups.units[i] for i, row in enumerate(rows) if row.slots[0][1] == "hello"}) == 1


def test_scripts_without_spaces() -> None:
    one, near, other = (
        "请问我的信用卡什么时候可以寄到家里来呢",
        "请问我的信用卡什么时候可以寄到家里来吗",
        "我想取消上周末在网上买的那张火车票",
    )
    assert group_samples([sample(0, one), sample(1, near), sample(2, other)]).units == (0, 0, 1)
    assert words(normalise("カード")) == {"カー", "ード"}
    assert words("abc カ") == {"abc", "カ"}


texts = st.lists(st.lists(st.sampled_from("abcdefghijkl"), min_size=0, max_size=12).map(" ".join), min_size=1, max_size=25)


@settings(max_examples=200, deadline=None)
@given(texts)
def test_it_agrees_with_comparing_each_text_to_every_first_member(rows: list[str]) -> None:
    leaders: list[frozenset[str]] = []
    expected = []
    for row in rows:
        own = words(normalise(row))
        for number, leader in enumerate(leaders):
            if len(own & leader) >= JACCARD * len(own | leader) - 1e-9:
                expected.append(number)
                break
        else:
            leaders.append(own)
            expected.append(len(leaders) - 1)
    assert list(group_samples([sample(i, row) for i, row in enumerate(rows)]).texts) == expected


@settings(max_examples=100, deadline=None)
@given(texts, st.integers(0, 10**6))
def test_the_order_of_samples_does_not_matter(rows: list[str], seed: int) -> None:
    rng = random.Random(seed)
    samples = [sample(i, row, conversation_id=rng.choice([None, "x", "y", "z"])) for i, row in enumerate(rows)]
    groups = dict(zip([s.call_id for s in samples], group_samples(samples).units, strict=True))
    rng.shuffle(samples)
    assert dict(zip([s.call_id for s in samples], group_samples(samples).units, strict=True)) == groups


@settings(max_examples=100, deadline=None)
@given(texts, st.integers(0, 10**6))
def test_what_must_be_together_is(rows: list[str], seed: int) -> None:
    rng = random.Random(seed)
    samples = [sample(i, row, conversation_id=rng.choice([None, "x", "y", "z"])) for i, row in enumerate(rows)]
    groups = group_samples(samples)
    for i, one in enumerate(samples):
        for j, other in enumerate(samples):
            if normalise(one.slots[0][1]) == normalise(other.slots[0][1]) or (
                one.conversation_id and one.conversation_id == other.conversation_id
            ):
                assert groups.units[i] == groups.units[j]


def test_long_texts_take_no_minutes() -> None:
    rng = random.Random(0)
    vocabulary, weights = [f"w{i}" for i in range(20_000)], [1 / (i + 1) for i in range(20_000)]
    rows = [sample(i, " ".join(rng.choices(vocabulary, weights, k=1200))) for i in range(200)]
    rows += [sample(200 + i, row.slots[0][1] + " and a tail") for i, row in enumerate(rows[:50])]
    began = time.process_time()
    assert len(group_samples(rows)) == 200
    assert time.process_time() - began < 5


def asked(users: int, calls: int, *, strangers: float = 0.0, rng: random.Random | None = None) -> list[Sample]:
    """Calls of so many users who all come back, but for a share of strangers among the newest third, each with a few calls."""
    rng = rng or random.Random(0)
    rows = []
    for i in range(calls):
        late = i >= calls * 2 // 3
        user = f"new{rng.randrange(users)}" if late and rng.random() < strangers else f"u{rng.randrange(users)}"
        rows.append(sample(i, f"request{i}", user_id=user))
    return rows


def test_of_users_who_come_back_each_visit_counts_once() -> None:
    rows = asked(300, 3000)
    cut = rows[2000].at
    assert group_samples(rows).by_user, "without a cut nobody is known to return"
    groups = group_samples(rows, cut=cut)
    visits = [(row.user_id, row.at.date(), row.at < cut) for row in rows]
    assert not groups.by_user and groups.by_visit and len(set(groups.requests)) == 3000
    assert len(groups) == len(set(visits)) == len(set(zip(groups.units, visits, strict=True)))
    assert not group_samples(asked(300, 3000, strangers=0.05), cut=cut).by_user
    east = timezone(timedelta(hours=9))
    assert group_samples([dataclasses.replace(row, at=row.at.astimezone(east)) for row in rows], cut=cut).units == groups.units
    seldom = [dataclasses.replace(row, at=START + timedelta(days=i)) for i, row in enumerate(rows)]
    groups = group_samples(seldom, cut=seldom[2000].at)
    assert not groups.by_user and not groups.by_visit and groups.units == groups.requests


def test_a_few_people_are_a_few_draws_however_much_they_ask() -> None:
    rows = [sample(i, f"request{i}", user_id=f"u{i // 35 % 250}") for i in range(350 * 35)]
    window = 280  # eight visits
    groups = group_samples(rows, cut=rows[-window].at)
    assert groups.by_visit and 8 <= len(set(groups.units[-window:])) <= 9  # one may go on after midnight


def test_users_who_are_few_tie_nothing_in_a_day_either() -> None:
    rows = asked(50, 3000)
    groups = group_samples(rows, cut=rows[2000].at)
    assert not groups.by_visit and len(groups) == 3000


def test_users_who_are_mostly_new_count_once_on_each_side_and_tie_nothing_over_the_cut() -> None:
    rows = asked(300, 3000, strangers=0.3)
    groups = group_samples(rows, cut=rows[2000].at)
    assert groups.by_user
    old, new = groups.units[:2000], groups.units[2000:]
    assert not set(old) & set(new) and len(set(groups.requests)) == 3000
    assert len(set(old)) == len({row.user_id for row in rows[:2000]})
    assert len(set(new)) == len({row.user_id for row in rows[2000:]})
