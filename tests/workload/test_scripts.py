"""Answers in any script: full width, digits of other scripts, marks that nobody sees, letters composed in two ways."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.types import Contract, Pattern
from modicum.wire.chat import Answer
from modicum.workload import read
from modicum.workload.bare import fold
from modicum.workload.letters import alike
from modicum.workload.number import number
from modicum.workload.pattern import match

LABELS = {
    "malay": ("bayaran balik", "penghantaran", "aduan"),
    "chinese": ("退货", "换货", "催发货"),
    "tamil": ("புகார்", "கேள்வி", "கோபம்"),
    "arabic": ("شكوى", "سؤال", "طلب استرداد"),
    "mixed": ("refund 退款", "soalan", "شكوى"),
    "latin": ("café", "naïve", "A1"),
}
AROUND = ["{}", "「{}」", "【{}】", "«{}»", "“{}”", "**{}**", "`{}`", "{}。", "{}．", "{}۔", "\u200f{}\u200f",
          "\u2067{}\u2069", "\ufeff{}", "{}\u200c",
          "答案：{}", "类别：{}。", "Kategori: {}.", "الفئة: {}", "வகை: {}", "  {}\n", "```\n{}\n```"]  # fmt: skip
BEHIND = ["，因为客户这样说", "、それだけです", "؛ لأن العميل غاضب", ", kerana pelanggan marah", ". நன்றி"]


def said(text: str) -> Answer:
    return Answer(text, None, (), "stop")


def contract(name: str, reader: str = "whole") -> Contract:
    return Contract(kind="label", labels=LABELS[name], reader=reader)


def wide(text: str) -> str:
    return "".join(chr(ord(char) + 0xFEE0) if "!" <= char <= "~" else char for char in text)


@pytest.mark.parametrize("name", LABELS)
def test_a_label_is_read_in_any_wrapping_and_spelling(name: str) -> None:
    for label in LABELS[name]:
        for spelled in {label, unicodedata.normalize("NFD", label), label.upper(), wide(label)}:
            for around in AROUND:
                assert read(contract(name), said(around.format(spelled))) == label, (around, spelled)


@pytest.mark.parametrize("name", LABELS)
def test_reasons_behind_a_label_are_left_out(name: str) -> None:
    for label in LABELS[name]:
        for behind in BEHIND:
            assert read(contract(name, "first"), said(label + behind)) == label, label + behind


def test_a_stretched_arabic_word_is_the_same_word() -> None:
    assert read(contract("arabic"), said("شكـــوى")) == "شكوى"


def test_joiners_inside_a_word_are_its_spelling() -> None:
    assert fold("می\u200cخواهم") != fold("میخواهم") and fold("شكوى\u200d") == fold("شكوى")


@given(st.sampled_from(sorted(LABELS)), st.text(max_size=30), st.text(max_size=30), st.sampled_from(["whole", "first", "last", "search"]))
def test_a_reader_says_a_label_or_nothing(name: str, before: str, behind: str, reader: str) -> None:
    for label in LABELS[name]:
        assert read(contract(name, reader), said(f"{before}{label}{behind}")) in (None, *LABELS[name])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("٣", "3"), ("۴", "4"), ("௩", "3"), ("३.५", "3.5"), ("１２", "12"), ("٣٫٥", "3.5"), ("١٬٢٠٠", "1200"), ("٥٠٪", "50"),
        ("８５分", "85"), ("85分", "85"), ("４．５", "4.5"), ("5星", "5"), ("４／５", "4"), ("RM 1,200.50", "1200.5"),
        ("MYR 5", "5"), ("Rp 2.5", "2.5"),
        ("4 daripada 5", "4"), ("٤ من ٥", "4"), ("7 மதிப்பெண்", "7"), ("1 200", "1200"), ("1\u00a0200",
        "1200"), ("1\u202f200,5", None),
        ("GPT4", None), ("第三章第2节内容", None), ("اثنان", None), ("3 个苹果和 4 个梨", None), ("", None),
    ],
)  # fmt: skip
def test_numbers_of_any_script(text: str, value: str | None) -> None:
    assert number(text) == value


@pytest.mark.parametrize("text", ["分数：4", "الدرجة: ٤", "மதிப்பெண்: 4", "Skor: 4", "Score: 4/5", "**Rating:** 4", "得分：４分"])
def test_a_score_is_read_behind_what_leads_up_to_it(text: str) -> None:
    assert read(Contract(kind="number", labels=("1", "2", "3", "4", "5"), reader="whole"), said(text)) == "4"


@given(st.text(max_size=120))
def test_what_is_alike_is_alike_again_and_of_one_length_but_for_strokes(text: str) -> None:
    assert alike(alike(text)) == alike(text)
    assert len(alike(text)) == len(text) - text.count("\u0640")


@given(
    st.lists(st.text("ab退货 شكوىபுகார்\u200d\u0301\n", max_size=12), min_size=2, max_size=4),
    st.lists(st.text("xyz。؟ௐ٣", max_size=9), max_size=4),
)
def test_slots_of_any_script_are_cut_where_the_literals_stand(literals: list[str], values: list[str]) -> None:
    fixed = [f"<{number}>{literal}</{number}>" for number, literal in enumerate(literals)]
    held = (values + [""] * len(fixed))[: len(fixed) - 1]
    text = "".join(piece for pair in zip(fixed, [*held, ""], strict=True) for piece in pair)
    assert match(Pattern(literals=tuple(fixed), anchored_start=True, anchored_end=True), text) == tuple(held)
