"""Text to features: never raises, linear in the text, the same everywhere."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.backends.features import _ASCII_TOKEN, _TOKEN, HEAD_CHARS, TAIL_CHARS, clip, extract


def test_words_pairs_grams_and_numbers() -> None:
    words, grams, length = extract("Gold up 12.5%")
    assert words == ["gold", "up", "00", ".", "0", "%", "gold up", "up 00", "00 .", ". 0", "0 %", "=12.5"]
    assert {" g", "go", "gold", " gol", "old ", "0%", "00.0%"} <= set(grams)
    assert " gold up" not in grams, "grams do not cross white space"
    assert max(map(len, grams)) == 5
    assert length == ["6"]


def test_case_and_white_space_do_not_count() -> None:
    assert [sorted(kind) for kind in extract("Lost  my\nCARD")] == [sorted(kind) for kind in extract("lost my card")]


def test_scripts_without_spaces_are_read_by_characters() -> None:
    words, grams, length = extract("金価格上昇")
    assert words == ["金", "価", "格", "上", "昇", "金 価", "価 格", "格 上", "上 昇"]
    assert "価格上" in grams
    assert length == ["5"]
    assert extract("ราคาทอง")[0][:3] == ["ร", "า", "ค"]
    assert extract("नमस्ते दुनिया")[0] == ["नमस्ते", "दुनिया", "नमस्ते दुनिया"], "vowel signs stay in the word"


def test_length_is_exact_for_short_texts_and_coarse_for_long_ones() -> None:
    assert [extract("a " * n)[2][0] for n in (0, 1, 24, 25, 31, 100, 127)] == ["0", "1", "24", ">24", ">28", ">96", ">112"]


def test_long_texts_are_read_at_both_ends() -> None:
    text = "start " + "x " * 50_000 + "finish"
    words = extract(text)[0]
    assert "start" in words and "finish" in words
    assert len(clip(text)) == HEAD_CHARS + TAIL_CHARS + 1
    assert clip("\ud800 broken") == "? broken"


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(), max_size=300))
def test_any_text_has_features_that_can_be_written_as_json(text: str) -> None:
    words, grams, length = extract(text)
    "".join([*words, *grams, *length]).encode()
    assert (words, grams, length) == extract(text)
    assert len(words) <= 3 * len(text.lower()) + 1
    assert len(grams) <= 4 * (len(text.lower()) + 2 * len(text.split()))


@pytest.mark.parametrize("piece", ["a", " ", "!", "漢", "\u0301", "\ud800", "a ", "1.", "\n\r\t", "İ", "a\u0301", "ﷺ"])
def test_hostile_texts_take_no_longer_than_others(piece: str) -> None:
    started = time.thread_time()
    extract(piece * 1_000_000)
    assert time.thread_time() - started < 0.5


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(max_codepoint=127), max_size=200))
def test_the_short_way_for_ascii_text_finds_the_same_tokens(text: str) -> None:
    assert _ASCII_TOKEN.findall(text) == _TOKEN.findall(text)
