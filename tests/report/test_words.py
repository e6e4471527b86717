"""How figures read, and that text from a log cannot steer anything."""

import unicodedata
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.report import words
from modicum.types import Saving


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "unknown"),
        ("0", "$0"),
        ("0.004", "under $0.01"),
        ("0.005", "$0.01"),
        ("12.345", "$12.35"),
        ("99.999", "$100.00"),
        ("100", "$100"),
        ("1240.4", "$1,240"),
        ("-3", "−$3.00"),
        ("0E-6", "$0"),
    ],
)
def test_money(value: str | None, text: str) -> None:
    assert words.money(None if value is None else Decimal(value)) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (None, "unknown"),
        (0.0, "0\u00a0%"),
        (0.0004, "under 0.1\u00a0%"),
        (0.034, "3.4\u00a0%"),
        (0.05, "5\u00a0%"),
        (0.384, "38\u00a0%"),
        (0.9951, "99.5\u00a0%"),
        (0.9999, "over 99.9\u00a0%"),
        (1.0, "100\u00a0%"),
    ],
)
def test_percent(share: float | None, text: str) -> None:
    assert words.percent(share) == text


def test_spans() -> None:
    assert words.span(date(2026, 10, 1), date(2026, 10, 31)) == "1–31 Oct 2026"
    assert words.span(date(2026, 9, 28), date(2026, 10, 3)) == "28 Sep – 3 Oct 2026"
    assert words.span(date(2025, 12, 30), date(2026, 1, 2)) == "30 Dec 2025 – 2 Jan 2026"
    assert words.span(date(2026, 1, 2), date(2026, 1, 2)) == "2 Jan 2026"


def test_a_saving_shows_its_interval_before_its_estimate() -> None:
    def saving(low: str | None, high: str | None) -> Saving:
        bounds = [None if bound is None else Decimal(bound) for bound in (low, high)]
        return Saving(usd_month=Decimal(445), low_usd_month=bounds[0], high_usd_month=bounds[1], baseline="", method="")

    assert words.saving(saving("410", "480")) == "$410 to $480"
    assert words.saving(saving("410", "410.2")) == "$410"
    assert words.saving(saving(None, None)) == "about $445"
    assert words.saving(None) == "unknown"


def test_days_in_words() -> None:
    said = [words.days_in_words(days) for days in (0.4, 11.2, 200, 900, 9999)]
    assert said == ["one day", "12 days", "7 months", "2 years", "over ten years"]


@given(st.text())
def test_nothing_that_steers_survives(text: str) -> None:
    shown = words.visible(text)
    for char in shown:
        assert char in "\n\t‌‍" or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


@given(st.text(max_size=300), st.integers(10, 60))
def test_long_text_is_cut_in_the_middle(text: str, most: int) -> None:
    if len(text) <= most:
        assert words.visible(text, most) == words.visible(text)
    else:
        assert "…" in words.visible(text, most)
        plain = "a" * len(text)
        assert len(words.visible(plain, most)) == most


def test_scripts_stay_readable() -> None:
    for text in ("नमस्ते क्‍ष", "می‌خواهم", "日本語　全角", "👩‍👩‍👧", "naïve café\n\tindented"):
        assert words.visible(text) == text
    assert words.visible("a\u202eb\x1b[31m\x00\u2066\ufeff\u2028") == "a\\u202eb\\u001b[31m\\u0000\\u2066\\ufeff\\u2028"
