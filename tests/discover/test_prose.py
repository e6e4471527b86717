"""Free text is told from a few of many answers; anything that comes back is looked at whole."""

from __future__ import annotations

import random

from modicum.discover.contract import infer
from modicum.discover.labels import Said
from modicum.discover.prose import is_prose
from modicum.wire.chat import Answer

from .conftest import Maker


def said(texts: list[str]) -> list[Said]:
    return [Said(Answer(text, None, (), "stop"), 1, ()) for text in texts]


def test_many_open_answers_are_prose(maker: Maker) -> None:
    answers = said([f"{maker.prose(3, 6)}. {maker.prose(20, 40)} {number}" for number in range(7_000)])
    assert is_prose(answers, "{}")
    assert not is_prose(answers[:5_000], "{}"), "few answers are looked at whole"
    assert infer(answers, 0, ["Write to the customer."]).kind == "text"


def test_many_answers_with_a_label_in_them_are_none(maker: Maker) -> None:
    labels = [f"intent {number}" for number in range(900)]
    chance = random.Random(1)
    for shape in ("{label}\n{words} {number}", "{words} {number}\nFinal answer: {label}", "It is **{label}**, since {words} {number}."):
        answers = said([shape.format(label=chance.choice(labels), words=maker.prose(8, 12), number=number) for number in range(9_000)])
        assert not is_prose(answers, "{}"), shape


def test_many_different_numbers_are_none(maker: Maker) -> None:
    assert not is_prose(said([f"{number}.25" for number in range(8_000)]), "{}")
