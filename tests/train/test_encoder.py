"""Fitting an encoder specialist over a tiny encoder: what it learns, what it calls out of scope, and that nothing saw itself."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from modicum.artefact import Artefacts
from modicum.backends.specialist import load
from modicum.errors import NotEnoughDataError
from modicum.train import encoder
from modicum.train.export import in_memory
from modicum.train.linear import Trained
from modicum.types import Sample
from tests.backends.tiny_encoder import HOW, tiny_files

CARD = ("card", "lost", "stolen", "missing", "block", "gone")
MONEY = ("transfer", "money", "send", "pay", "iban", "abroad")
ODD = tuple(f"odd{n}" for n in range(40))
VECTORS = encoder.Vectors(files=tiny_files((*CARD, *MONEY, *ODD)), embedding=HOW, about={"base": "tiny"})
AT = datetime(2026, 1, 1, tzinfo=UTC)


def samples(count: int, *, seed: int = 1) -> list[Sample]:
    random = np.random.default_rng(seed)
    found = []
    for n in range(count):
        value, words = ("lost_card", CARD) if n % 2 else ("transfer", MONEY)
        text = " ".join(random.choice(words, 4))
        found.append(Sample(call_id=f"c{n}", response_id=None, at=AT, slots=(("text", text),), value=value, version_id="v", incumbent="m"))
    return found


def fitted(some: list[Sample], *, groups: list[int] | None = None, most: int = 10_000_000) -> Trained:
    return encoder.fit(some, groups=groups or list(range(len(some))), used_slots=("text",), vectors=VECTORS, max_size_bytes=most, seed=3)


def test_it_learns_and_what_is_written_answers(tmp_path: Path) -> None:
    trained = fitted(samples(200))
    store = Artefacts(tmp_path)
    specialist = load(store.read(store.write(trained.files, trained.about)))
    fresh = samples(100, seed=9)
    assert np.mean([specialist.predict(one.slots).value == one.value for one in fresh]) > 0.97
    assert trained.about["size_bytes"] == sum(map(len, trained.files.values()))


def test_the_same_again_gives_the_same_files() -> None:
    some = samples(80)
    assert fitted(some).files == fitted(some).files


def test_out_of_scope_is_told_at_a_small_loss() -> None:
    some = samples(300)
    trained = fitted(some)
    specialist = load(in_memory(trained.files))
    random = np.random.default_rng(5)
    odd = [specialist.predict((("text", " ".join(random.choice(ODD, 4))),)) for _ in range(100)]
    fresh = [specialist.predict(one.slots) for one in samples(200, seed=8)]
    assert np.mean([one.confidence == 0.0 for one in odd]) > 0.7
    assert np.mean([one.confidence == 0.0 for one in fresh]) < 0.06


def test_a_prediction_never_saw_its_own_group() -> None:
    """Each text is its own label's only evidence but for its copies in one group: a model that saw them would be right."""
    random = np.random.default_rng(2)
    some: list[Sample] = []
    groups: list[int] = []
    for n in range(40):
        word, value = ODD[n], "lost_card" if random.random() < 0.5 else "transfer"
        for _ in range(3):
            some.append(
                Sample(
                    call_id=f"c{len(some)}", response_id=None, at=AT, slots=(("text", word),), value=value, version_id="v", incumbent="m"
                )
            )
            groups.append(n)
    told = fitted(some, groups=groups).out_of_fold
    assert np.mean([one.value == sample.value for one, sample in zip(told, some, strict=True)]) < 0.75


def test_what_cannot_be_read_has_a_prediction_too() -> None:
    some = samples(100)
    some[7] = Sample(call_id="x", response_id=None, at=AT, slots=(("text", "card"),), value=None, version_id="v", incumbent="m")
    trained = fitted(some)
    assert len(trained.out_of_fold) == 100 and trained.about["unreadable"] == 1


@pytest.mark.parametrize("count", [10, 18])
def test_too_few_are_refused(count: int) -> None:
    with pytest.raises(NotEnoughDataError):
        fitted(samples(count))


def test_one_answer_needs_no_encoder() -> None:
    one = [sample for sample in samples(120) if sample.value == "transfer"]
    with pytest.raises(NotEnoughDataError, match="one"):
        fitted(one)


def test_an_encoder_that_does_not_fit_is_refused() -> None:
    with pytest.raises(NotEnoughDataError, match="bytes"):
        fitted(samples(60), most=1_000)
