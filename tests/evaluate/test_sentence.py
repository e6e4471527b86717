from __future__ import annotations

from datetime import UTC, datetime

import pytest

from modicum.evaluate.sentence import between, out_of, promise

WINDOW = (datetime(2026, 10, 21, tzinfo=UTC), datetime(2026, 10, 31, tzinfo=UTC))


def test_a() -> None:
    assert promise("A", margin=0.01, max_selective=0.05, confidence=0.95, incumbents=("GPT-4",), window=WINDOW) == (
        "of 100 distinct requests at most 1 gets an answer that differs from GPT-4's, and of 100 that it answers itself at most 5 "
        "(95 % confidence), on traffic like that of 21 to 31 October 2026; not against people who try to fool it"
    )


def test_b() -> None:
    text = promise("B", margin=0.01, max_selective=0.05, confidence=0.9, incumbents=("a", "b"), window=WINDOW, labels_by="two readers")
    assert text == (
        "at most 1 percentage point more of the requests are answered wrong than by a or b, by two readers, and at most 5 percentage "
        "points more of those that it answers itself (90 % confidence), on traffic like that of 21 to 31 October 2026; not against people "
        "who try to fool it"
    )


def test_c() -> None:
    assert promise("C", margin=0.02, max_selective=0.02, confidence=0.95, incumbents=("GPT-4",), window=WINDOW) == (
        "of 100 that it answers itself at most 2 are wrong, by gold labels (95 % confidence), on traffic like that of 21 to 31 October "
        "2026; not against people who try to fool it"
    )


@pytest.mark.parametrize(
    "rate,expected", [(0.01, (100, 1)), (0.025, (1000, 25)), (0.005, (1000, 5)), (0.3, (100, 30)), (1 / 3, (1_000_000, 333333))]
)
def test_a_rate_as_so_many_of_so_many(rate: float, expected: tuple[int, int]) -> None:
    assert out_of(rate) == expected


def test_windows() -> None:
    day = datetime(2026, 12, 31, tzinfo=UTC)
    assert between(day, day) == "31 December 2026"
    assert between(WINDOW[0], day) == "21 October to 31 December 2026"
    assert between(day, datetime(2027, 1, 3, tzinfo=UTC)) == "31 December 2026 to 3 January 2027"
