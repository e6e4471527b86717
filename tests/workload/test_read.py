"""Answers are read by the contract and rendered in its form."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.types import Contract, Field
from modicum.wire.chat import Answer
from modicum.workload import classifiable, read, render

LABELS = ("card_arrival", "lost_card", "up", "Order Status")


def said(text: str | None, finish: str = "stop") -> Answer:
    return Answer(text, None, (), finish)


def label(reader: str, **more: Any) -> Contract:
    return Contract(kind="label", labels=LABELS, reader=reader, **more)


@pytest.mark.parametrize(
    "text",
    ["card_arrival", " card_arrival\n", '"card_arrival"', "CARD_ARRIVAL", "card_arrival.", "**card_arrival**", "```\ncard_arrival\n```",
     "Answer: card_arrival", "**Answer:** card_arrival", "`card_arrival`", "“card arrival”", "Final answer: Card-Arrival"],
)  # fmt: skip
def test_a_label_that_stands_alone_is_read_in_any_wrapping(text: str) -> None:
    assert read(label("whole"), said(text)) == "card_arrival"


@pytest.mark.parametrize(
    "text",
    ["card_arrival. It is not lost_card.", "card_arrival\n\nlost_card would be about theft", "card_arrival - the mail is late",
     "card_arrival: see above",
     "card_arrival, since nothing was stolen", "card_arrival because it is late", "Order status… no"],
)  # fmt: skip
def test_reasons_behind_a_label_do_not_matter_to_the_reader_first(text: str) -> None:
    assert read(label("first"), said(text)) == ("Order Status" if text.startswith("Order") else "card_arrival")


@pytest.mark.parametrize(
    ("reader", "text", "want"),
    [
        ("last", "It could be lost_card.\nFinal answer: card_arrival", "card_arrival"),
        ("last", "Thinking about lost_card.\n\n**up**", "up"),
        ("emphasis", 'You wrote "my card". This is about "lost_card".', "lost_card"),
        ("search", "This belongs to the category lost_card as it was stolen", "lost_card"),
        ("search", "It may be card_arrival but the category is lost_card here", None),
        ("whole", "up or lost_card", None),
        ("first", "up or lost_card", None),
        ("whole", "upset", None),
        ("whole", "I'm sorry, but I can't help with that.", None),
        ("first", "", None),
        ("whole", "card_arr", None),
    ],
)
def test_readers(reader: str, text: str, want: str | None) -> None:
    assert read(label(reader), said(text), (("user.0", "my card"),)) == want


def test_cues_decide_between_labels() -> None:
    contract = label("search", cues=("category is",))
    assert read(contract, said("It may be card_arrival but the category is lost_card here")) == "lost_card"
    assert read(contract, said("the category is lost_card or card_arrival")) is None


def test_cut_off_answers_are_unread() -> None:
    assert read(label("whole"), said("up", "length")) is None
    assert read(label("first"), said("up\nbecause the market", "length")) == "up"


def test_a_constant_affix_is_taken_off_and_put_back() -> None:
    contract = label("whole", form="Sentiment => {} <=")
    assert read(contract, said("Sentiment => up <=")) == "up"
    assert render(contract, "up") == "Sentiment => up <="


@pytest.mark.parametrize(
    ("text", "want"),
    [("7", "7"), ("7/10", "7"), ("$1,200.50", "1200.5"), ("3,5", "3.5"), ("-4 %", "-4"), ("about 7", None), ("1e999999", None)],
)
def test_numbers(text: str, want: str | None) -> None:
    assert read(Contract(kind="number", reader="whole"), said(text)) == want


def test_a_number_outside_its_scale_is_unread() -> None:
    assert read(Contract(kind="number", labels=("1", "2"), reader="whole"), said("3")) is None


OBJECT = Contract(
    kind="object",
    reader="json",
    form="```json\n{}\n```",
    fields=(Field(path=("z",), kind="label"), Field(path=("a", "y"), kind="number"), Field(path=("a", "b", "[]"), kind="label")),
)


def test_an_object_is_read_canonically_and_written_in_the_incumbents_order() -> None:
    text = '```json\n{"z": "x", "a": {"y": 1, "b": ["p", "q"]}}\n```'
    value = read(OBJECT, said(text))
    assert value == '{"a":{"b":["p","q"],"y":1},"z":"x"}'
    assert render(OBJECT, value) == text


def test_an_object_without_its_fence_is_read_too() -> None:
    assert read(OBJECT, said('{"z":"x"}')) == '{"z":"x"}'
    assert read(OBJECT, said("{not json}")) is None


def test_tool_calls() -> None:
    answer = Answer(None, None, (("play", '{"song": "x"}'),), "tool_calls")
    assert json.loads(read(Contract(kind="tool"), answer) or "") == {"name": "play", "arguments": {"song": "x"}}
    assert read(Contract(kind="tool"), said("text")) is None
    assert read(label("whole"), answer) is None


def test_what_a_classifier_can_serve() -> None:
    fields = (Field(path=("a",), kind="label"), Field(path=("b",), kind="span"))
    assert classifiable(label("whole")) is None
    assert classifiable(Contract(kind="number", labels=("1", "2"))) is None
    assert classifiable(Contract(kind="number")) == "open_numbers"
    assert classifiable(Contract(kind="object", fields=fields)) == "spans"
    assert classifiable(Contract(kind="object", fields=fields[:1], labels=('{"a":"x"}',))) is None
    assert classifiable(Contract(kind="text")) == "free_text"
    assert classifiable(Contract(kind="tool")) == "tools"


CONTRACTS = [
    label(reader, form=form, cues=("is",)) for reader in ("whole", "first", "last", "emphasis", "search") for form in ("{}", "A: {}.")
]
CONTRACTS += [
    OBJECT,
    *(Contract(kind="number", reader=reader) for reader in ("whole", "first", "last", "emphasis", "search")),
    Contract(kind="text"),
    Contract(kind="tool"),
]


@given(st.text(alphabet=st.characters(), max_size=200) | st.text(alphabet="`*\"'{}[]_ \nup:.-A", max_size=80), st.sampled_from(CONTRACTS))
def test_reading_never_raises(text: str, contract: Contract) -> None:
    value = read(contract, said(text), (("user.0", text[:20]),))
    assert value is None or contract.kind in ("text", "number", "object") or value in contract.labels


@given(st.sampled_from(LABELS), st.sampled_from(["{}", "Answer: {}", '"{}"', "```\n{}\n```", "{}\n", "=> {}!"]))
def test_what_is_rendered_is_read_again(value: str, form: str) -> None:
    contract = label("whole", form=form)
    assert read(contract, said(render(contract, value))) == value


@pytest.mark.parametrize(
    "text", ["`" * 100_000, "**" * 50_000, '"' * 100_000, "{" * 100_000, "a\n" * 50_000, "up " * 50_000, "(" * 100_000, "1," * 50_000]
)
def test_hostile_answers_end(text: str) -> None:
    for contract in CONTRACTS:
        read(contract, said(text))
