"""What an encoder teaches is in the weights, is worth something, and gives nothing away out of fold."""

from __future__ import annotations

import random

import numpy as np
import numpy.typing as npt
import pytest

from modicum.backends.linear import Linear
from modicum.backends.specialist import SPECIALIST_FILE
from modicum.train import linear
from modicum.train.distil import Teacher, regress
from modicum.train.export import in_memory
from modicum.types import Sample
from tests.train.texts import sample

SIZE = 4_000_000
ALIKE = {"pay": ["wire", "remit", "settle", "transfer", "fund"], "lost": ["missing", "gone", "vanished", "mislaid", "stolen"]}
REST = ["my card", "the money", "a bill", "this order", "an account", "the fee", "her phone", "his bag"]


def wishes(count: int, seed: int, words: int = 5) -> tuple[list[Sample], npt.NDArray[np.float32]]:
    """Requests whose one telling word is one of a few that mean the same, and vectors that know which do."""
    rng = random.Random(seed)
    noise = np.random.default_rng(seed)
    some, vectors = [], []
    for number in range(count):
        label = rng.choice(sorted(ALIKE))
        text = f"{rng.choice(REST)} {rng.choice(ALIKE[label][:words])} {rng.choice(REST)} {rng.choice(REST)}"
        some.append(sample(number, [("user.0", text)], label))
        vector = noise.normal(0.0, 0.1, 8)
        vector[sorted(ALIKE).index(label)] += 1.0
        vectors.append(vector / np.linalg.norm(vector))
    return some, np.array(vectors, dtype=np.float32)


def fit(some: list[Sample], vectors: npt.NDArray[np.float32] | None, groups: list[int] | None = None) -> linear.Trained:
    teacher = None if vectors is None else Teacher(vectors=vectors, about={"name": "known words"})
    return linear.fit(some, groups=groups or list(range(len(some))), max_size_bytes=SIZE, seed=0, teacher=teacher)


def test_what_the_encoder_knows_is_learnt_where_answers_are_noisy() -> None:
    some, vectors = wishes(300, seed=1)
    rng = random.Random(2)
    noisy = [sample(n, one.slots, rng.choice(sorted(ALIKE)) if rng.random() < 0.6 else one.value) for n, one in enumerate(some)]
    fresh, _ = wishes(400, seed=3)
    alone, taught = (Linear(in_memory(fit(noisy, given).files)) for given in (None, vectors))
    right = [np.mean([one.predict(row.slots).value == row.value for row in fresh]) for one in (alone, taught)]
    assert right[1] > right[0]


def test_it_has_the_form_and_the_size_of_any_other() -> None:
    some, vectors = wishes(200, seed=1)
    alone, taught = fit(some, None), fit(some, vectors)
    assert taught.files[SPECIALIST_FILE] != b"" and taught.files.keys() == alone.files.keys()
    assert taught.about["features"] == alone.about["features"] and taught.files != alone.files
    assert abs(taught.about["size_bytes"] - alone.about["size_bytes"]) < 64
    assert taught.about["taught_by"] == {"name": "known words"} and "taught_by" not in alone.about
    assert fit(some, vectors).files == taught.files


def test_vectors_that_give_the_answer_away_give_nothing_away_out_of_fold() -> None:
    # Labels are drawn at random; each sample's vector is an axis of its own, by which a head that saw the sample knows its label.
    rng = random.Random(4)
    words = ["".join(rng.choices("abcdefghij", k=4)) for _ in range(400)]
    some = [sample(n, [("user.0", " ".join(rng.choices(words, k=6)))], rng.choice("xy")) for n in range(200)]
    taught = fit(some, np.eye(200, dtype=np.float32))
    said = [one.value == row.value for one, row in zip(taught.out_of_fold, some, strict=True)]
    assert 0.35 < np.mean(said) < 0.65
    specialist = Linear(in_memory(taught.files))
    assert np.mean([specialist.predict(row.slots).value == row.value for row in some]) > 0.95, "which was there to leak"


def test_no_row_outside_a_fold_is_looked_at() -> None:
    some, vectors = wishes(120, seed=5)
    before = fit(some, vectors)
    (other,) = {one.value for one in some} - {some[7].value}
    changed = vectors.copy()
    changed[7] = -vectors[7]
    twisted = [sample(n, one.slots, other if n == 7 else one.value) for n, one in enumerate(some)]
    after = fit(twisted, changed)
    assert np.allclose(before.scores[7] / before.about["temperature"], after.scores[7] / after.about["temperature"], atol=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_head_speaks_of_every_label(classes: int) -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, classes, 60)
    vectors = (np.eye(classes, 4)[truth] + rng.normal(0, 0.1, (60, 4))).astype(np.float32)
    rows = np.arange(60)
    told = Teacher(vectors=vectors, about={}).logits(rows, truth, classes + 1)
    assert told.shape == (60, classes + 1) and (told.argmax(axis=1) == truth).all()
    assert (told[:, classes] <= told.min(axis=1)).all(), "a label that these rows lack is never said"
    assert not Teacher(vectors=vectors, about={}).logits(rows, np.ones(60, np.int64), classes).any()


def test_the_regression_is_ridge_regression() -> None:
    from scipy.sparse import csr_array

    from modicum.train.distil import RIDGE

    rng = np.random.default_rng(1)
    rows = rng.normal(size=(80, 12)) * (rng.random((80, 12)) < 0.4)
    logits = rng.normal(size=(80, 3)).astype(np.float32)
    weights, bias = regress(csr_array(rows), logits)
    exact = np.linalg.solve(rows.T @ rows + RIDGE * np.eye(12), rows.T @ (logits - logits.mean(axis=0)))
    assert np.allclose(weights, exact, atol=1e-4) and np.allclose(bias, logits.mean(axis=0), atol=1e-6)


def test_vectors_must_match_the_samples() -> None:
    some, vectors = wishes(60, seed=6)
    with pytest.raises(ValueError, match="vectors"):
        fit(some, vectors[:10])
