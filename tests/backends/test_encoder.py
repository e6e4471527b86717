"""An encoder specialist by day: what it says, what is out of scope, and what is refused before it is run."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from modicum.artefact import Artefact
from modicum.backends.embed import TOKENIZER_FILE, Embedder, Embedding
from modicum.backends.encoder import HEAD_FILE, Encoder, EncoderSpecialist, text_of
from modicum.backends.specialist import SPECIALIST_FILE, load
from modicum.errors import ArtefactError
from tests.backends.tiny_encoder import HOW, WIDTH, tiny_files

WORDS = ("card", "lost", "money", "transfer", "weather")
FILES = tiny_files(WORDS)


def artefact(files: dict[str, bytes]) -> Artefact:
    return Artefact(digest="sha256:" + "0" * 64, about={}, files=files)


EMBEDDER = Embedder(artefact(FILES), HOW)


def specialist_files(*, floor: float = 0.0, labels: tuple[str, ...] = ("lost_card", "transfer"), kind: str = "encoder") -> dict[str, bytes]:
    """Says lost_card near `lost card` and transfer near `transfer money`."""
    near = np.stack([EMBEDDER.embed("lost card"), EMBEDDER.embed("transfer money")])
    body = EncoderSpecialist(kind=kind, labels=list(labels), used_slots=["text"], temperature=1.0, scope_floor=floor, embedding=HOW)
    head: dict[str, np.ndarray[Any, Any]] = {
        "weights": 8 * near.T.copy(),
        "bias": np.zeros(2, np.float32),
        "centres": np.rint(near * 127).astype(np.int8),
    }
    return FILES | {SPECIALIST_FILE: msgspec.json.encode(body), HEAD_FILE: save(head)}


def test_it_says_the_label_that_is_near() -> None:
    specialist = load(artefact(specialist_files()))
    assert isinstance(specialist, Encoder)
    assert specialist.predict((("text", "lost card"), ("other", "transfer money"))).value == "lost_card"
    assert specialist.predict((("text", "Transfer money"),)).value == "transfer"


def test_what_is_far_from_all_that_was_learnt_is_out_of_scope() -> None:
    specialist = load(artefact(specialist_files(floor=0.6)))
    assert specialist.predict((("text", "lost card"),)).confidence > 0.5
    assert specialist.predict((("text", "weather weather"),)).confidence == 0.0
    assert specialist.predict(()).confidence <= 1.0


def test_many_at_once_are_the_same_as_one_by_one() -> None:
    specialist = load(artefact(specialist_files()))
    requests = [(("text", text),) for text in ("lost", "card money", "", "transfer " * 300, "weather")]
    assert specialist.predict_many(requests) == [specialist.predict(one) for one in requests]


def test_of_a_long_text_the_head_and_the_tail_are_read() -> None:
    both = Embedder(artefact(FILES), Embedding(pooling="mean", max_tokens=4, width=WIDTH))
    head = Embedder(artefact(FILES), Embedding(pooling="mean", max_tokens=4, width=WIDTH, tail=False))
    text = "lost lost " + "money " * 50 + "card card"
    assert np.array_equal(both.embed(text), EMBEDDER.embed("lost lost card card"))
    assert np.array_equal(head.embed(text), EMBEDDER.embed("lost lost money card"))


def test_several_slots_are_read_under_their_names() -> None:
    slots = (("subject", "hello"), ("date", "today"), ("body", "text"))
    assert text_of(slots, ("subject",)) == "hello"
    assert text_of(slots, ("body", "subject", "absent")) == "body: text\nsubject: hello"


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300))
def test_it_never_fails_on_a_text(text: str) -> None:
    vector = EMBEDDER.embed(text)
    assert vector.shape == (WIDTH,) and np.isfinite(vector).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {
            HEAD_FILE: save(
                {"weights": np.zeros((WIDTH, 3), np.float32), "bias": np.zeros(2, np.float32), "centres": np.zeros((1, WIDTH), np.int8)}
            )
        },
        {
            HEAD_FILE: save(
                {
                    "weights": np.full((WIDTH, 2), np.nan, np.float32),
                    "bias": np.zeros(2, np.float32),
                    "centres": np.zeros((0, WIDTH), np.int8),
                }
            )
        },
        {HEAD_FILE: b"\x02\0\0\0\0\0\0\0{}"},
        {TOKENIZER_FILE: b"{}"},
        {"encoder.onnx": b"\x3a\x00"},
        specialist_files(labels=("one", "one")),
        specialist_files(floor=7.0),
    ],
)
def test_what_is_not_well_formed_is_refused(wrong: dict[str, bytes]) -> None:
    with pytest.raises(ArtefactError):
        load(artefact(specialist_files() | wrong))
    for name in wrong:
        with pytest.raises(ArtefactError):
            load(artefact({file: data for file, data in specialist_files().items() if file != name}))


def test_a_graph_of_another_width_is_told() -> None:
    wide = Embedder(artefact(FILES), Embedding(pooling="cls", max_tokens=8, width=WIDTH + 1))
    with pytest.raises(ArtefactError, match="gives"):
        wide.embed("lost card")
