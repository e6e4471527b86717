"""When two texts are the same, or nearly."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.workload.letters import spell
from modicum.workload.sameness import composed, normalise


@given(st.text(max_size=400))
def test_words_of_any_usual_length_are_composed_as_unicode_says(text: str) -> None:
    if all(len(word) <= 256 for word in text.split()):
        assert composed(text, "NFC") == unicodedata.normalize("NFC", text)
        assert composed(text, "NFKC") == unicodedata.normalize("NFKC", text)


def test_long_words_are_cut_between_letters() -> None:
    text = "x" + "e\u0301" * 1_000 + " " + "\u1112\u1161\u11ab" * 1_000 + " ﬁ" + "カ\u3099" * 1_000
    assert composed(text, "NFC") == unicodedata.normalize("NFC", text)
    assert composed(text, "NFKC") == unicodedata.normalize("NFKC", text)


@pytest.mark.parametrize("of", [normalise, spell])
def test_marks_without_end_on_one_letter_take_no_square(of: object) -> None:
    began = time.process_time()
    assert of("e" + "\u0301\u0316" * 200_000)  # type: ignore[operator]
    assert time.process_time() - began < 2
