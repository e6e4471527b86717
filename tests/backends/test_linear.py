"""The linear specialist by day: exact, bounded, and deaf to damaged artefacts."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from modicum.artefact import Artefact
from modicum.backends.features import FEATURES_VERSION
from modicum.backends.linear import WEIGHTS_FILE, Linear
from modicum.backends.specialist import SPECIALIST_FILE
from modicum.errors import ArtefactError

BODY: dict[str, Any] = {
    "kind": "linear",
    "features_version": FEATURES_VERSION,
    "labels": ["down", "up"],
    "used_slots": ["user.0"],
    "temperature": 2.0,
    "unit": 1 / 127 / 2**20,
    "blocks": [
        {"slot": "user.0", "kind": "words", "features": ["rises", "falls"]},
        {"slot": "user.0", "kind": "grams", "features": ["ris", "fal"]},
    ],
}
TENSORS: dict[str, np.ndarray[Any, Any]] = {
    "weights": np.array([[-127, 127], [127, -127], [-60, 60], [60, -60]], dtype=np.int8),
    "scale": np.ones(4, dtype=np.float32),
    "rarity": np.full(4, 256, dtype=np.uint16),
    "bias": np.zeros(2),
}


def artefact(body: dict[str, Any] | bytes = BODY, tensors: dict[str, np.ndarray[Any, Any]] | bytes = TENSORS) -> Artefact:
    files = {
        SPECIALIST_FILE: body if isinstance(body, bytes) else msgspec.json.encode(body),
        WEIGHTS_FILE: tensors if isinstance(tensors, bytes) else save(tensors),
    }
    return Artefact(digest="sha256:" + "0" * 64, about={}, files=files)


def test_predicts_with_confidence_and_runner_up() -> None:
    specialist = Linear(artefact())
    assert specialist.labels == ("down", "up") and specialist.used_slots == ("user.0",)
    up = specialist.predict((("user.0", "Gold rises"),))
    down = specialist.predict((("system.0", "rises"), ("user.0", "Gold FALLS")))
    assert (up.value, up.runner_up, down.value) == ("up", "down", "down")
    # Logits are +-1 for the word and +-60/127 for the gram; the temperature is 2.
    odds = float(np.exp(-2 * 2 * (1 + 60 / 127)))
    assert up.confidence == pytest.approx((1 - odds) / (1 + odds), abs=1e-6)
    assert up.runner_up_probability == pytest.approx(odds / (1 + odds), abs=1e-6)
    assert up.confidence == down.confidence


def test_what_it_does_not_know_gets_no_confidence() -> None:
    specialist = Linear(artefact())
    for slots in ((), (("user.0", ""),), (("other", "rises"),), (("user.0", "\ud800 \0 漢"),)):
        assert specialist.predict(slots).confidence == 0.0


def test_many_are_the_same_as_one_by_one() -> None:
    specialist = Linear(artefact())
    requests = [(("user.0", text),) for text in ("rises", "falls rises rises", "rising", "")]
    assert specialist.predict_many(requests) == [specialist.predict(slots) for slots in requests]


def test_one_label_needs_no_weights() -> None:
    body = BODY | {"labels": ["up"], "blocks": [], "used_slots": [], "constant_confidence": 0.75}
    specialist = Linear(Artefact(digest="sha256:" + "1" * 64, about={}, files={SPECIALIST_FILE: msgspec.json.encode(body)}))
    prediction = specialist.predict((("user.0", "anything"),))
    assert (prediction.value, prediction.confidence, prediction.runner_up) == ("up", 0.75, "")


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "pickle"},
        {"features_version": FEATURES_VERSION + 1},
        {"labels": []},
        {"labels": ["up", "up"]},
        {"labels": ["up", "down", "none"]},
        {"temperature": -1.0},
        {"unit": 1e999},
        {"constant_confidence": 1.5},
        {"blocks": [{"slot": "user.0", "kind": "code", "features": ["a", "b", "c", "d"]}]},
        {"blocks": [{"slot": "user.9", "kind": "words", "features": ["a", "b", "c", "d"]}]},
        {"blocks": [{"slot": "user.0", "kind": "words", "features": ["a", "b", "c", "a"]}]},
        {"blocks": [{"slot": "user.0", "kind": "words", "features": ["a", "b"]}] * 2},
        {"blocks": []},
        {"surprise": 1},
    ],
)
def test_refuses_what_is_said(change: dict[str, Any]) -> None:
    with pytest.raises(ArtefactError):
        Linear(artefact(BODY | change))


@pytest.mark.parametrize(
    "change",
    [
        {"weights": np.zeros((4, 3), dtype=np.int8)},
        {"weights": np.zeros((4, 2), dtype=np.float32)},
        {"scale": np.array([1, 1, 1, np.nan], dtype=np.float32)},
        {"scale": np.array([1, 1, 1, 2], dtype=np.float32)},
        {"rarity": np.zeros(4, dtype=np.uint16)},
        {"bias": np.array([0.5, 0.0])},
        {"bias": np.array([np.inf, 0.0])},
        {"extra": np.zeros(1)},
    ],
)
def test_refuses_tensors(change: dict[str, np.ndarray[Any, Any]]) -> None:
    with pytest.raises(ArtefactError):
        Linear(artefact(tensors=TENSORS | change))


def test_refuses_missing_files() -> None:
    for name in (SPECIALIST_FILE, WEIGHTS_FILE):
        files = {key: data for key, data in artefact().files.items() if key != name}
        with pytest.raises(ArtefactError):
            Linear(Artefact(digest="sha256:" + "0" * 64, about={}, files=files))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_files_are_refused_or_still_predict(data: st.DataObject) -> None:
    good = artefact()
    name = data.draw(st.sampled_from(sorted(good.files)))
    body = bytearray(good.files[name])
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        specialist = Linear(Artefact(digest=good.digest, about={}, files=dict(good.files) | {name: bytes(body)}))
    except ArtefactError:
        return
    prediction = specialist.predict((("user.0", "gold rises"),))
    assert prediction.value in specialist.labels and 0 <= prediction.confidence <= 1


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["user.0", "user.1"]), st.text(st.characters(), max_size=100)), max_size=4))
def test_any_slots_get_an_answer(slots: list[tuple[str, str]]) -> None:
    prediction = Linear(artefact()).predict(slots)
    assert 0 <= prediction.confidence <= 1 and prediction.value != prediction.runner_up


def test_day_loads_without_the_training_libraries() -> None:
    code = "import sys, modicum.backends.linear; print([m for m in ('sklearn', 'scipy', 'duckdb', 'pydantic') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_tensors_survive_the_round_trip() -> None:
    assert all(np.array_equal(array, TENSORS[name]) for name, array in load(artefact().files[WEIGHTS_FILE]).items())
