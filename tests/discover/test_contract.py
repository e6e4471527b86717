"""Contracts are inferred from answers as models write them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

import pytest

from modicum.discover.contract import infer
from modicum.discover.labels import Said
from modicum.types import Contract
from modicum.wire.chat import Answer
from modicum.workload import classifiable, read, render

LABELS = ["lost_card", "card_arrival", "refund", "top_up"]


def said(texts: list[str], slots: list[str] | None = None) -> list[Said]:
    return [Said(Answer(text, None, (), "stop"), 1, (("user.0", slots[number] if slots else ""),)) for number, text in enumerate(texts)]


def styled(form: Callable[[str, str, random.Random], str], count: int = 200) -> tuple[list[str], list[str]]:
    rng = random.Random(5)
    labels = [rng.choice(LABELS) for _ in range(count)]
    return [form(label, rng.choice([other for other in LABELS if other != label]), rng) for label in labels], labels


STYLES: dict[str, Callable[[str, str, random.Random], str]] = {
    "plain": lambda label, other, rng: label,
    "quoted": lambda label, other, rng: f'"{label}"',
    "fenced": lambda label, other, rng: f"```\n{label}\n```",
    "bold": lambda label, other, rng: f"**{label}**",
    "first": lambda label, other, rng: (
        f"{label}{rng.choice(['. ', ' - ', chr(10)])}It is {rng.choice(['not', 'hardly'])} {other} {rng.random()}."
    ),
    "answer": lambda label, other, rng: f"Answer: {label}\nReason: {rng.random()} and not {other}.",
    "last": lambda label, other, rng: f"Let me see {rng.random()}. Not {other}.\n\nFinal answer: {label}",
    "inside": lambda label, other, rng: f"This belongs to the category '{label}', since {rng.random()} and not {other}.",
    "affix": lambda label, other, rng: f"Category => {label} <=",
    "case": lambda label, other, rng: rng.choice([label, label, label.upper()]),
}


@pytest.mark.parametrize("style", STYLES)
def test_labels_are_read_in_every_style(style: str) -> None:
    texts, labels = styled(STYLES[style])
    contract = infer(said(texts), 0, ())
    assert contract.kind == "label"
    assert set(contract.labels) == set(LABELS)
    got = [read(contract, Answer(text, None, (), "stop")) for text in texts]
    assert sum(value == label for value, label in zip(got, labels, strict=True)) >= 0.99 * len(labels)


@pytest.mark.parametrize(
    ("style", "served"),
    [
        ("plain", True),
        ("quoted", True),
        ("fenced", True),
        ("bold", True),
        ("affix", True),
        ("case", True),
        ("first", False),
        ("last", False),
        ("inside", False),
    ],
)
def test_only_wrapping_and_a_constant_affix_are_discarded_by_themselves(style: str, served: bool) -> None:
    texts, _ = styled(STYLES[style])
    contract = infer(said(texts), 0, ())
    assert contract.can_be_served is served
    assert infer(said(texts), 0, (), "label").can_be_served


def test_answer_in_a_tenth_of_the_answers_is_no_constant_affix() -> None:
    texts, _ = styled(lambda label, other, rng: f"Answer: {label}" if rng.random() < 0.1 else label)
    contract = infer(said(texts), 0, ())
    assert 0.05 < contract.discarded_share < 0.15 and not contract.can_be_served
    assert contract.form == "{}"


@pytest.mark.parametrize("style", ["plain", "quoted", "fenced", "bold", "affix"])
def test_a_rendered_label_looks_like_the_incumbents(style: str) -> None:
    texts, labels = styled(STYLES[style])
    contract = infer(said(texts), 0, ())
    assert [render(contract, label) for label in labels] == texts


def test_refusals_and_cut_off_answers_are_no_labels() -> None:
    texts, _ = styled(STYLES["plain"], 500)
    texts[:8] = ["I'm sorry, but I can't help with that request."] * 8
    texts[10:14] = ["refu"] * 4
    contract = infer(said(texts), 6, ())
    assert set(contract.labels) == set(LABELS)
    assert contract.read_share == round(488 / 506, 6)


def test_the_instruction_lists_labels_that_never_occurred() -> None:
    contract = infer(said(["yes"] * 40 + ["no"] * 20), 0, ("Is it late? Answer with yes, no or unknown.",))
    assert set(contract.labels) == {"yes", "no", "unknown"}
    listed = infer(said(["lost_card"] * 20 + ["refund"] * 20), 0, ("Labels:\nlost_card\ncard_arrival\nrefund\ntop_up\n",))
    assert set(listed.labels) == set(LABELS)


def test_open_answers_are_text() -> None:
    rng = random.Random(2)
    names = [f"{rng.choice('ABCDEFGH')}{rng.randrange(10**6)} {rng.choice('xyz')}" for _ in range(200)]
    assert infer(said(names), 0, ()).kind == "text"
    assert infer(said([f"Sure! {name} is the word that you were looking for." for name in names]), 0, ()).kind == "text"
    assert infer(said([]), 20, ()).kind == "text"


def test_scores_are_numbers_with_labels_and_amounts_are_open() -> None:
    rng = random.Random(2)
    scores = infer(said([f"{rng.randrange(1, 6)}" for _ in range(100)]), 0, ())
    assert (scores.kind, scores.labels, classifiable(scores)) == ("number", ("1", "2", "3", "4", "5"), None)
    worded = infer(said([f"{rng.randrange(1, 6)}/5 - {rng.choice(['calm', 'curt'])}" for _ in range(100)]), 0, ())
    assert (worded.kind, worded.labels) == ("number", ("1", "2", "3", "4", "5"))
    amounts = infer(said([f"${rng.randrange(10**6)}" for _ in range(100)]), 0, ())
    assert (amounts.kind, classifiable(amounts)) == ("number", "open_numbers")


def records(count: int, spans: bool) -> tuple[list[str], list[str]]:
    rng = random.Random(4)
    users = [f"send {rng.choice(LABELS)} to number {rng.randrange(10**5)} today" for _ in range(count)]
    values = [{"topic": user.split()[1], "urgent": rng.random() < 0.3, **({"to": user.split()[4]} if spans else {})} for user in users]
    return [json.dumps(value) for value in values], users


def test_records_of_labels_are_classified_whole() -> None:
    texts, users = records(300, spans=False)
    contract = infer(said(texts, users), 0, ())
    assert [(field.path, field.kind) for field in contract.fields] == [(("topic",), "span"), (("urgent",), "boolean")]
    contract = infer(said(texts), 0, ())
    assert [(field.path, field.kind) for field in contract.fields] == [(("topic",), "label"), (("urgent",), "boolean")]
    assert len(contract.labels) == 8 and classifiable(contract) is None
    assert render(contract, read(contract, Answer(texts[0], None, (), "stop")) or "") == texts[0]


def test_copied_spans_need_an_extractor() -> None:
    texts, users = records(300, spans=True)
    assert classifiable(infer(said(texts, users), 0, ())) == "spans"


@pytest.mark.parametrize("style", [{"indent": 2}, {"separators": (",", ":")}, {}])
def test_records_keep_spacing_order_and_fence(style: dict[str, object]) -> None:
    rng = random.Random(4)
    values = [{"z": rng.choice(LABELS), "a": {"q": rng.random() < 0.5, "b": rng.choice(LABELS)}} for _ in range(300)]
    texts = [f"```json\n{json.dumps(value, **style)}\n```" for value in values]  # type: ignore[arg-type]
    contract: Contract = infer(said(texts), 0, ())
    assert render(contract, read(contract, Answer(texts[5], None, (), "stop")) or "") == texts[5]
    assert contract.discarded_share == 0


def test_tool_calls_are_tools() -> None:
    calls = [Said(Answer(None, None, (("play", "{}"),), "tool_calls"), 20, ())]
    assert infer(calls, 0, ()).kind == "tool"


def test_the_operator_may_call_it_text() -> None:
    texts, _ = styled(STYLES["plain"])
    contract = infer(said(texts), 0, (), "text")
    assert (contract.kind, contract.read_as) == ("text", "text")


SIGNS = [
    ["+", "-", "0"],
    ["👍", "👎"],
    ["★", "★★", "★★★"],
    ["*", "**", "***"],
    ["!", "?", "?!"],
    ["A", "A-", "A+"],
    ["<", "=", ">"],
    ["-", "n/a"],
    ["👍", "👎", "neutral"],
    ["c", "c#", "c++"],
]


@pytest.mark.parametrize("labels", SIGNS)
def test_signs_are_labels_and_none_is_taken_for_another(labels: list[str]) -> None:
    rng = random.Random(3)
    texts = [rng.choice(labels) for _ in range(300)]
    contract = infer(said(texts), 0, ())
    assert (contract.kind, set(contract.labels), contract.read_share, contract.discarded_share) == ("label", set(labels), 1, 0)
    for text in texts:
        value = read(contract, Answer(text, None, (), "stop"))
        assert value == text
        assert render(contract, value) == text
        assert read(contract, Answer(f'"{text}"\n', None, (), "stop")) == text


def test_signs_at_the_end_of_a_chat_are_decoration() -> None:
    rng = random.Random(3)
    texts = [f"The number {rng.random()} is what you want.\n{rng.choice('😊🎉🌟')}" for _ in range(300)]
    assert infer(said(texts), 0, ()).kind == "text"


def in_order(counts: dict[str, int]) -> list[Said]:
    return [Said(Answer(text, None, (), "stop"), times, ()) for text, times in counts.items()]


@pytest.mark.parametrize(
    ("counts", "labels", "form"),
    [
        ({"<b>bold</b>": 150, "a&b": 150}, {"<b>bold</b>", "a&b"}, "{}"),
        ({"<b>bold</b>": 150, "<i>slanted</i>": 100, "a&b": 50}, {"<b>bold</b>", "<i>slanted</i>", "a&b"}, "{}"),
        ({"<b>bold</b>": 100, "<i>slanted</i>": 100, "<u>line</u>": 100}, {"<b>bold</b>", "<i>slanted</i>", "<u>line</u>"}, "{}"),
        ({"<a>": 100, "<b>": 100, "<c>": 100}, {"a", "b", "c"}, "<{}>"),
        ({"<b>x</b>": 100, "<b>y</b>": 100, "<b>z</b>": 100}, {"x", "y", "z"}, "<b>{}</b>"),
        ({"Mail > x": 100, "Mail > y": 100, "z": 40}, {"Mail > x", "Mail > y", "z"}, "{}"),
        ({'The answer is "a"': 200, 'The answer is "b"': 50, 'The answer is "c"': 50}, {"a", "b", "c"}, 'The answer is "{}"'),
    ],
)
def test_an_affix_is_carried_by_nearly_all_answers(counts: dict[str, int], labels: set[str], form: str) -> None:
    contract = infer(in_order(counts), 0, ())
    assert (contract.kind, set(contract.labels), contract.form) == ("label", labels, form)
    for text in counts:
        value = read(contract, Answer(text, None, (), "stop"))
        assert value is not None and render(contract, value) == text


def test_refusals_and_failures_alone_are_text_of_which_nothing_is_read() -> None:
    refused = [Said(Answer("I'm sorry, but I can't help with that.", None, (), "stop"), 40, ())]
    declined = [Said(Answer(None, "I won't.", (), "stop"), 40, ())]
    for answers in (refused, declined, refused + declined, []):
        for read_as in (None, "label", "json"):
            contract = infer(answers, 5, (), read_as)
            assert (contract.kind, contract.read_share, contract.discarded_share) == ("text", 0, 0)
