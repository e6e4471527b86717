"""Traits: what is written as a sum, what is not, and that no text breaks or slows them."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.backends.traits import OF_A_TEXT, OF_AN_ANSWER, figures, of_answer, of_request, sums


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("so 3 x 4 + 1 = 13 in all", [(13.0, 13.0)]),
        ("2 + 3 * 4 - 6 / 2 = 11", [(11.0, 11.0)]),
        ("$80,000 + 50,000 = $130,00", [(130_000.0, 13_000.0)]),
        ("16 - 7 = <<16-7=9>>9", [(9.0, 9.0)]),
        ("15% * 200 = 30", [(30.0, 30.0)]),
        ("1 / 0 = 5", []),
        ("3 + 4 = 5 + 2", []),
        ("x = 5, a == b, =", []),
        ("1 + 1 = -$2", [(2.0, -2.0)]),
    ],
)
def test_sums(text: str, found: list[tuple[float, float]]) -> None:
    assert sums(text) == found


def test_figures_stand_with_their_sign_where_it_is_one() -> None:
    assert figures("from 3 to -4, 5-6 and .5 or 1,200.50") == [3.0, -4.0, 5.0, 6.0, 0.5, 1200.5]


def test_an_answer_that_broke_off_shows() -> None:
    at = {name: place for place, name in enumerate((*OF_A_TEXT, *(f"a {name}" for name in OF_AN_ANSWER)))}
    whole = of_answer("3 boxes of 4 pens?", "3 * 4 = 12 pens.\n#### 12")
    broken = of_answer("3 boxes of 4 pens?", "3 * 4 = <<3*4=1")
    assert whole[at["a last figure stood before"]] == 1 and broken[at["a last figure stood before"]] == 0
    assert (whole[at["a brackets left open"]], broken[at["a brackets left open"]]) == (0, 2)
    assert (whole[at["a sums that hold"]], broken[at["a sums that do not"]]) == (1, 1)
    assert whole[at["a marks a result"]] == 1


@given(st.text(), st.text(alphabet="0123456789+-*/=.,<>$% x\n²٣½()-"))
def test_any_text_gives_finite_numbers(request: str, answer: str) -> None:
    found = of_answer(request, answer) + of_request(answer)
    assert len(found) == 2 * len(OF_A_TEXT) + len(OF_AN_ANSWER)
    assert all(map(math.isfinite, found))


@pytest.mark.parametrize("piece", ["1+", "=", "1,", "9", "1 = ", "1+1=", "-", "$", "1x1 x1=.", "\n", "(", "a.", " "])
def test_hostile_texts_take_milliseconds(piece: str) -> None:
    began = time.process_time()
    of_answer(piece * 100_000, piece * 100_000)
    assert time.process_time() - began < 0.5
