"""Of long texts only what tells is learnt from, where that helps, and what tells is told from what does not."""

from __future__ import annotations

import random

import numpy as np

from modicum.backends.linear import Linear
from modicum.train import linear
from modicum.train.counts import count
from modicum.train.export import in_memory
from modicum.train.prune import telling
from modicum.types import Sample
from tests.train.texts import WISHES, request, sample

SIZE = 4_000_000


def spelt(number: int) -> str:
    """A word for a number; digits are folded where texts are read."""
    return "".join("abcdefghij"[int(digit)] for digit in str(number))


def words(rng: random.Random, count: int, kinds: int = 2_000) -> str:
    return " ".join(spelt(rng.randrange(kinds)) for _ in range(count))


def mails(count: int, seed: int) -> list[Sample]:
    """A request in four, buried in some hundred words that say nothing."""
    rng = random.Random(seed)
    found = []
    for number in range(count):
        wish = rng.choice(sorted(WISHES))
        found.append(sample(number, [("user.0", f"{words(rng, 120)} {request(wish, rng)} {words(rng, 200)}")], wish))
    return found


def documents(count: int, seed: int) -> list[Sample]:
    """Texts that are of their label by a slight preference in every word, none of which tells much alone."""
    rng = random.Random(seed)
    return [
        sample(
            n, [("user.0", " ".join(spelt(2 * rng.randrange(150) + (rng.random() < (0.4, 0.6)[n % 2])) for _ in range(300)))], "ab"[n % 2]
        )
        for n in range(count)
    ]


def test_a_request_in_a_long_mail_is_found() -> None:
    trained = linear.fit(mails(240, seed=1), groups=range(240), max_size_bytes=SIZE, seed=0)
    assert trained.about["only_telling"]
    specialist = Linear(in_memory(trained.files))
    fresh = mails(80, seed=2)
    assert np.mean([specialist.predict(one.slots).value == one.value for one in fresh]) > 0.9
    assert trained.about["out_of_fold_agreement"] > 0.85, "and what was said out of fold was learnt in the same way"


def test_documents_that_tell_by_many_small_signs_keep_them() -> None:
    trained = linear.fit(documents(160, seed=3), groups=range(160), max_size_bytes=SIZE, seed=0)
    assert not trained.about["only_telling"]
    assert trained.about["out_of_fold_agreement"] > 0.9


def test_short_texts_are_learnt_as_before() -> None:
    rng = random.Random(4)
    some = [sample(n, [("user.0", request(wish, rng))], wish) for n, wish in enumerate(sorted(WISHES) * 20)]
    assert not linear.fit(some, groups=range(80), max_size_bytes=SIZE, seed=0).about["only_telling"]


def test_what_stands_with_a_label_is_told_from_what_stands_anywhere() -> None:
    rng = random.Random(5)
    labels = np.array([rng.randrange(4) for _ in range(400)])
    texts = [f"sign{spelt(label)} {words(rng, 20, kinds=60)}" for label in labels]
    (block,) = count(texts, "s", ("words",))
    kept = {block.names[feature] for feature in telling(block, labels, 4).tolist()}
    assert {f"sign{spelt(label)}" for label in range(4)} <= kept
    assert sum(" " not in name and not name.startswith("sign") for name in kept) <= 2, "of sixty words, chance keeps next to none"
    assert len(telling(block, labels, 6)) == len(telling(block, labels, 4)), "a label without texts changes nothing"


def test_the_first_label_counts_as_any_other() -> None:
    (block,) = count(["a x", "a y", "b x", "b y"] * 30, "s", ("words",))
    for first, second in ((0, 1), (1, 0), (2, 5)):
        labels = np.array([first, first, second, second] * 30)
        assert {block.names[f] for f in telling(block, labels, 6).tolist()} >= {"a", "b"}
        assert not {block.names[f] for f in telling(block, labels, 6).tolist()} & {"x", "y"}
