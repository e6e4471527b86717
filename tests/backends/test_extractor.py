"""The extractor by day: its tagger against all paths counted one by one, and damaged artefacts."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load, save

from modicum.backends.extractor import TAGS_FILE, Extractor
from modicum.backends.pieces import PIECES_VERSION, cut, look
from modicum.backends.specialist import SPECIALIST_FILE
from modicum.backends.tagger import NEVER, best_path, legal, spans_of
from modicum.errors import ArtefactError
from modicum.train.export import in_memory

BODY: dict[str, Any] = {
    "kind": "extractor",
    "pieces_version": PIECES_VERSION,
    "used_slots": ["user.0"],
    "fields": [{"path": ["name"], "head": "span"}, {"path": ["amount"], "head": "number", "required": True}],
    "holders": [],
    "layers": [{"fields": [0, 1], "features": ["h=Xx", "h=02"], "unit": 0.001}],
    "outlined": [],
    "outlines": [[]],
    "slope": 1.0,
    "offset": 0.0,
}
TENSORS: dict[str, np.ndarray[Any, Any]] = {
    "pieces-0": np.array([[0, 120, 120, 0, 0], [0, 0, 0, 120, 0]], np.int8),
    "steps-0": np.zeros((5, 5), np.int32),
    "starts-0": np.zeros(5, np.int32),
}


def extractor(body: dict[str, Any] | None = None, tensors: dict[str, np.ndarray[Any, Any]] | None = None) -> Extractor:
    return Extractor(in_memory({SPECIALIST_FILE: msgspec.json.encode(BODY | (body or {})), TAGS_FILE: save(TENSORS | (tensors or {}))}))


def test_it_copies_what_is_marked() -> None:
    said = extractor().predict((("user.0", "pay Ann 42 now"), ("other", "Bob")))
    assert said.value == '{"amount":42,"name":"Ann"}' and 0 < said.confidence < 1
    assert extractor().used_slots == ("user.0",) and extractor().labels == ()


def test_what_needs_a_value_and_has_none_is_not_given() -> None:
    said = extractor().predict((("user.0", "pay Ann now"),))
    assert said.value == '{"amount":0,"name":"Ann"}' and said.confidence == 0.0
    assert extractor().predict(()).confidence == 0.0


def test_an_outline_that_was_never_seen_is_not_given() -> None:
    assert extractor({"outlines": []}).predict((("user.0", "pay Ann 42 now"),)).confidence == 0.0


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "linear"},
        {"pieces_version": 0},
        {"fields": []},
        {"fields": [{"path": [], "head": "span"}]},
        {"fields": [{"path": ["a", "[]", "b"], "head": "span"}, BODY["fields"][1]]},
        {"fields": [BODY["fields"][0]] * 2},
        {"fields": [BODY["fields"][0] | {"empty": "{"}, BODY["fields"][1]]},
        {"fields": [BODY["fields"][0] | {"spelling": "eval"}, BODY["fields"][1]]},
        {"layers": []},
        {"layers": [BODY["layers"][0] | {"fields": [0, 0]}]},
        {"layers": [BODY["layers"][0] | {"features": ["x", "x"]}]},
        {"layers": [BODY["layers"][0] | {"unit": 0}]},
        {"holders": [{"path": [], "empty": "null"}]},
        {"outlined": [0]},
        {"slope": -1.0},
        {"offset": 1e9},
        {"more": 1},
    ],
)
def test_a_damaged_artefact_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ArtefactError):
        extractor(change)


def test_damaged_tensors_are_refused() -> None:
    with pytest.raises(ArtefactError):
        extractor(None, {"pieces-0": np.zeros((2, 4), np.int8)})
    with pytest.raises(ArtefactError):
        Extractor(in_memory({SPECIALIST_FILE: msgspec.json.encode(BODY)}))
    assert load(save(TENSORS)).keys() == TENSORS.keys()


@given(st.integers(1, 4), st.integers(1, 2), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_the_best_path_and_its_probability_are_those_of_all_paths(pieces: int, fields: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    tags = 1 + 2 * fields
    may_follow, may_begin = legal(fields)
    scores = random.integers(-300, 300, (pieces, tags)).astype(np.float64)
    steps = np.where(may_follow, random.integers(-300, 300, (tags, tags)), NEVER).astype(np.float64)
    starts = np.where(may_begin, random.integers(-300, 300, tags), NEVER).astype(np.float64)
    totals = {
        path: starts[path[0]] + sum(scores[at, tag] for at, tag in enumerate(path)) + sum(steps[a, b] for a, b in itertools.pairwise(path))
        for path in itertools.product(range(tags), repeat=pieces)
    }
    path, log_probability = best_path(scores, steps, starts, 0.01)
    assert totals[tuple(path)] == max(totals.values())
    assert np.exp(log_probability) == pytest.approx(np.exp(0.01 * totals[tuple(path)]) / sum(np.exp(0.01 * t) for t in totals.values()))
    spans_of(path)  # legal: no I without its B


@given(st.text(max_size=200))
def test_pieces_cover_what_is_seen_and_nothing_twice(text: str) -> None:
    pieces = cut(text)
    assert all(a.end <= b.start for a, b in itertools.pairwise(pieces)) and all(one.start < one.end for one in pieces)
    left = list(text)
    for one in pieces:
        left[one.start : one.end] = [" "] * (one.end - one.start)
    assert not "".join(left).strip()
    seen, _ = look(text, pieces, "slot")
    assert len(seen) == len(pieces) and all(len(set(one)) == len(one) for one in seen)
