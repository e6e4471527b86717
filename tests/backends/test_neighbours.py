"""The nearest-neighbour cache: what is near, what only looks near, and that it stays in step with its trainer."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.backends.nearness import turns
from modicum.backends.neighbours import Neighbours
from modicum.backends.specialist import SPECIALIST_FILE, load
from modicum.errors import ArtefactError, NotEnoughDataError
from modicum.train.export import in_memory
from modicum.train.linear import Trained
from modicum.train.neighbours import GUARDS, fit
from modicum.types import Sample
from tests.pipeline import traffic
from tests.train.test_encoder import VECTORS
from tests.train.test_encoder import samples as told_apart

START = datetime(2026, 3, 1, tzinfo=UTC)
TRAPS = [
    ("cancel my card please", "don't cancel my card please"),
    ("alert me when it is above the limit", "alert me when it is below the limit"),
    ("pay 250 to the landlord", "pay 2500 to the landlord"),
    ("book it for 2026-03-04", "book it for 2026-04-03"),
    ("I did receive the parcel", "I did not receive the parcel"),
    ("turn the heating on", "turn the heating off"),
    ("ship it before Friday", "ship it after Friday"),
    ("ich habe das Paket erhalten", "ich habe das Paket nicht erhalten"),
    ("j'ai eu mon colis", "j'ai pas eu mon colis"),
    ("saya sudah terima", "saya tidak terima"),
]


def sample(number: int, text: str, value: str) -> Sample:
    return Sample(
        call_id=f"c{number}",
        response_id=None,
        at=START + timedelta(minutes=number),
        slots=(("message", text),),
        value=value,
        version_id="v",
        incumbent="gpt",
    )


def messages(count: int) -> list[Sample]:
    return [
        sample(i, str(row["request"]["messages"][1]["content"]), gold)
        for i, (row, gold) in enumerate(traffic.sorted_messages(count, seed=5))
    ]


def caches(samples: list[Sample], **options: object) -> list[Trained]:
    known = {"groups": range(len(samples)), "used_slots": ("message",), "vectors": None, "max_size_bytes": 4_000_000} | options
    return list(fit(samples, **known))  # type: ignore[arg-type]


@pytest.mark.parametrize(("one", "other"), TRAPS)
def test_what_means_the_opposite_is_told_apart(one: str, other: str) -> None:
    assert turns(one, numbers=True) != turns(other, numbers=True)


@pytest.mark.parametrize(
    ("one", "other"), [("cancel my card", "please cancel my card now"), ("don't go", "do not go"), ("Don\u2019t go", "dont go")]
)
def test_what_means_the_same_is_not(one: str, other: str) -> None:
    assert turns(one, numbers=True) == turns(other, numbers=True)


@pytest.mark.parametrize(("one", "other"), TRAPS)
def test_a_guarded_cache_never_answers_with_the_opposite(one: str, other: str) -> None:
    """Only one half of each pair is on record: its other half is at best answered from something else."""
    samples = [sample(i, one, "yes") for i in range(10)]
    samples += [sample(10 + i, f"quite another matter {word}", "no") for i, word in enumerate(traffic.FILLER[:20])]
    strict, _, free = (Neighbours(in_memory(trained.files)) for trained in caches(samples))
    assert min(cache.predict((("message", one),)).confidence for cache in (free, strict)) > 0.9
    assert free.predict((("message", other),)).value == "yes", "nothing else is as near"
    assert strict.predict((("message", other),)).value != "yes" or strict.predict((("message", other),)).confidence == 0.0


def test_near_requests_get_the_same_answer_and_far_ones_little_confidence() -> None:
    trained = caches(messages(400))[-1]
    cache = Neighbours(in_memory(trained.files))
    right = np.array([one.value == s.value for one, s in zip(trained.out_of_fold, messages(400), strict=True)])
    sure = np.array([one.confidence for one in trained.out_of_fold])
    assert right.mean() > 0.5 and right[np.argsort(-sure)[:100]].mean() > right.mean()
    assert cache.predict((("message", "xyzzy 42 plugh"),)).confidence < 0.2
    assert cache.predict(()).confidence == 0.0


def test_out_of_fold_is_what_a_cache_without_the_group_says() -> None:
    samples = messages(120)
    groups = [i // 4 for i in range(120)]
    whole = caches(samples, groups=groups)[0]
    texts = dict(samples[0].slots)
    assert texts
    without = [s for i, s in enumerate(samples) if groups[i] != 0]
    alone = Neighbours(in_memory(caches(without, groups=groups[4:])[0].files))
    # Rarity is counted over all texts, so the two differ a little; the answer does not hang on its own group in either.
    for row in range(4):
        assert abs(alone.predict(samples[row].slots).confidence - whole.out_of_fold[row].confidence) < 0.1


def test_by_day_it_says_to_the_bit_what_the_trainer_compares() -> None:
    samples = messages(150)
    for trained in caches(samples):
        cache = load(in_memory(trained.files))
        again = load(in_memory(trained.files))
        requests = [s.slots for s in samples[:20]]
        assert cache.predict_many(requests) == [again.predict(one) for one in requests]
        assert all(one.value == s.value for one, s in zip(cache.predict_many(requests), samples, strict=False)), "itself is nearest"


def test_over_an_encoder_it_reads_the_encoders_vectors() -> None:
    samples = told_apart(60)
    slot = samples[0].slots[0][0]
    trained = list(fit(samples, groups=range(60), used_slots=(slot,), vectors=VECTORS, max_size_bytes=4_000_000))
    assert [one.about["guard"] for one in trained] == list(GUARDS)
    cache = load(in_memory(trained[0].files))
    assert cache.heavy and cache.predict(samples[0].slots).value == samples[0].value


def test_the_newest_entries_fit_the_size() -> None:
    trained = caches(messages(300), max_size_bytes=150_000)[0]
    assert sum(map(len, trained.files.values())) <= 150_000 and trained.about["entries"] < 300
    with pytest.raises(NotEnoughDataError):
        caches(messages(300), max_size_bytes=10_000)


def test_no_text_stands_in_it() -> None:
    trained = caches(messages(200))[0]
    whole = b"".join(trained.files.values())
    assert not any(word.encode() in whole for word in ("vanished", "parcel", "driver"))


def test_what_is_damaged_is_refused() -> None:
    files = caches(messages(60))[0].files
    for damaged in (b"{}", files[SPECIALIST_FILE].replace(b'"guard":"numbers"', b'"guard":"maybe"')):
        with pytest.raises(ArtefactError):
            Neighbours(in_memory(files | {SPECIALIST_FILE: damaged}))
    with pytest.raises(ArtefactError):
        Neighbours(in_memory(files | {"entries.safetensors": b"\0" * 64}))


@given(st.text(max_size=200))
def test_any_text_can_be_asked(text: str) -> None:
    told = FILLED.predict((("message", text),))
    assert 0.0 <= told.confidence <= 1.0 and told.value in FILLED.labels


FILLED = Neighbours(in_memory(caches([dataclasses.replace(one) for one in messages(60)])[0].files))
