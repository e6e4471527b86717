"""What the runtime finds in a text is what the trainer counted there."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.backends.features import KINDS, extract
from modicum.backends.lookup import MOST_REMEMBERED, Lookup

PIECES = (
    "gold",
    "rises",
    "falls",
    "12.5%",
    "1,249",
    "0",
    "2024-03-12",
    "don't",
    "a@b",
    "漢字",
    "金価",
    "ราคา",
    "नमस्ते",
    "e\u0301",
    "\u0301",
    "İ",
    "ﷺ",
    "x" * 20,
)
SPACES = (" ", "  ", "\n", "\t", "\u00a0", "\u3000", "\x1c", "\x85", "")
TEXTS = st.one_of(
    st.lists(st.one_of(st.sampled_from(PIECES), st.sampled_from(SPACES)), max_size=30).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=20).map(" ".join),
    st.text(st.characters(), max_size=80),
)


def lookup(vocabulary: list[list[str]], kinds: tuple[str, ...]) -> Lookup:
    found, row = Lookup(), 0
    for kind in kinds:
        assert found.add(kind, vocabulary[KINDS.index(kind)], row)
        row += len(vocabulary[KINDS.index(kind)])
    return found


@settings(max_examples=500, deadline=None)
@given(
    st.lists(TEXTS, min_size=1, max_size=3),
    st.integers(1, 3),
    st.sampled_from([KINDS, ("grams", "words"), ("words",), ("grams",), ("length",)]),
)
def test_the_same_features_as_often(texts: list[str], each: int, kinds: tuple[str, ...]) -> None:
    """With a vocabulary of all the texts' features, or of every second or third of them; twice, for what is remembered."""
    vocabulary = [sorted({feature for text in texts for feature in extract(text)[kind]})[::each] for kind in range(len(KINDS))]
    found = lookup(vocabulary, kinds)
    for text in (*texts, *texts):
        counted: dict[int, int] = {}
        for rows, repeats in found.count(text):
            assert len(rows) and not set(rows.tolist()) & set(counted)
            counted.update(zip(rows.tolist(), repeats.tolist(), strict=True))
        wanted: dict[int, int] = {}
        first = 0
        for kind in kinds:
            names = {feature: row for row, feature in enumerate(vocabulary[KINDS.index(kind)], first)}
            wanted |= Counter(names[feature] for feature in extract(text)[KINDS.index(kind)] if feature in names)
            first += len(names)
        assert counted == wanted


def test_a_feature_that_stands_twice_is_told() -> None:
    assert not Lookup().add("words", ["a", "b", "a"], 0)
    assert not Lookup().add("words", ["a b", "b", "a b"], 0)


@pytest.mark.parametrize("words", [10, 10_000])
def test_what_is_remembered_has_an_end(words: int) -> None:
    found = lookup([["w1"], ["w1"], []], ("words", "grams"))
    for number in range(words):
        assert found.count(f"v{chr(0x4E00 + number)} {'long' * 10}{number}") == []
    assert len(found._chunks) <= MOST_REMEMBERED
    assert "long" * 10 + "0" not in found._chunks
