"""A chain of two specialists: the first alone where it is sure, both where it is not, one artefact."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from modicum.artefact import Artefact, Artefacts
from modicum.backends.chain import Chain, mix
from modicum.backends.specialist import SPECIALIST_FILE, load
from modicum.errors import ArtefactError, NotEnoughDataError
from modicum.train import chain, encoder, linear
from modicum.train.export import in_memory
from modicum.train.linear import Trained
from modicum.types import Sample
from tests.train.test_encoder import VECTORS, samples

SOME = samples(240)
GROUPS = list(range(len(SOME)))
FIRST = linear.fit(SOME, groups=GROUPS, max_size_bytes=1_000_000, seed=3)
SECOND = encoder.fit(SOME, groups=GROUPS, used_slots=FIRST.used_slots, vectors=VECTORS, max_size_bytes=1_000_000, seed=3)
BOTH = chain.fit(FIRST, SECOND, SOME, max_size_bytes=2_000_000)


def with_passing(trained: Trained, above: float) -> Artefact:
    body = msgspec.json.encode({"kind": "chain", "pass_above": above})
    return in_memory(trained.files | {SPECIALIST_FILE: body})


def test_it_is_one_artefact_that_is_read_back(tmp_path: Path) -> None:
    store = Artefacts(tmp_path)
    specialist = load(store.read(store.write(BOTH.files, BOTH.about)))
    assert isinstance(specialist, Chain) and specialist.labels == ("lost_card", "transfer")
    fresh = samples(100, seed=9)
    assert np.mean([specialist.predict(one.slots).value == one.value for one in fresh]) > 0.97


def test_the_first_alone_and_both() -> None:
    first, second = load(in_memory(FIRST.files)), load(in_memory(SECOND.files))
    alone, asked = load(with_passing(BOTH, 0.0)), load(with_passing(BOTH, 1.0))
    for one in samples(40, seed=4):
        assert alone.predict(one.slots) == first.predict(one.slots)
        told, low, high = asked.predict(one.slots), *sorted([first.predict(one.slots).confidence, second.predict(one.slots).confidence])
        if first.predict(one.slots).confidence < 1 and first.predict(one.slots).value == second.predict(one.slots).value and low > 0:
            assert low - 1e-9 <= told.confidence <= high + 1e-9


def test_out_of_fold_is_what_the_halves_said_out_of_fold() -> None:
    threshold = BOTH.about["pass_above"]
    for told, first in zip(BOTH.out_of_fold, FIRST.out_of_fold, strict=True):
        if first.confidence >= threshold:
            assert told == first
    assert BOTH.about["out_of_fold_agreement"] >= min(FIRST.about["out_of_fold_agreement"], SECOND.about["out_of_fold_agreement"])


def test_a_first_that_is_sure_and_wrong_is_not_left_alone() -> None:
    """The first is right by chance, however sure it says it is; the second always."""
    random = np.random.default_rng(1)
    truth = random.random(400) < 0.5
    guess = random.random(400) < 0.5
    some = [Sample(call_id=str(n), response_id=None, at=SOME[0].at, slots=(), value="b" if yes else "a", version_id="v", incumbent="m")
            for n, yes in enumerate(truth)]  # fmt: skip

    def made(says: np.ndarray) -> Trained:
        from modicum.backends.specialist import decide

        scores = np.where(says[:, None], [0.0, 4.0], [4.0, 0.0]) + random.normal(size=(400, 2)) * 0.1
        told = tuple(decide(row, 1.0, ("a", "b")) for row in scores)
        return Trained(
            files={"x.json": b"{}"}, about={}, used_slots=("text",), out_of_fold=told, labels=("a", "b"), scores=scores.astype(np.float32)
        )

    assert chain.fit(made(guess), made(truth), some, max_size_bytes=10_000).about["asks_both"] > 0.7
    assert chain.fit(made(truth), made(guess), some, max_size_bytes=10_000).about["asks_both"] < 0.3


def test_mixing_is_the_mean_of_probabilities() -> None:
    first, second = np.array([2.0, 0.0, -1.0]), np.array([0.0, 3.0, 100.0])
    softmax = [np.exp(one - one.max()) / np.exp(one - one.max()).sum() for one in (first, second)]
    mixed = np.exp(mix(first, second))
    assert np.allclose(mixed / mixed.sum(), (softmax[0] + softmax[1]) / 2)


def test_halves_that_do_not_fit_are_refused() -> None:
    with pytest.raises(NotEnoughDataError, match="bytes"):
        chain.fit(FIRST, SECOND, SOME, max_size_bytes=1_000)
    one = linear.fit([s for s in SOME if s.value == "transfer"], groups=list(range(120)), max_size_bytes=1_000_000, seed=3)
    with pytest.raises(NotEnoughDataError, match="labels"):
        chain.fit(one, SECOND, SOME, max_size_bytes=2_000_000)
    with pytest.raises(ArtefactError):
        load(with_passing(BOTH, 7.0))
    for name in BOTH.files:
        with pytest.raises(ArtefactError):
            load(in_memory({file: data for file, data in BOTH.files.items() if file != name}))
