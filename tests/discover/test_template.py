"""A pattern derived from texts fits them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.discover.template import derive
from modicum.types import Pattern
from modicum.workload.pattern import match, rebuild

FILLERS = st.text(alphabet="abcdef 123\n.", max_size=20)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet="abc.\n 1", max_size=40), min_size=1, max_size=12))
def test_any_texts_are_fitted_by_what_is_derived_from_them(texts: list[str]) -> None:
    pattern = derive(texts)
    fitting = [values for text in texts if (values := match(pattern, text)) is not None]
    assert len(fitting) >= 0.96 * len(texts)
    assert all(rebuild(pattern, values) in texts for values in fitting)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(FILLERS, FILLERS), min_size=30, max_size=40, unique=True))
def test_instructions_around_slots_are_found(values: list[tuple[str, str]]) -> None:
    texts = [f"Please read this ticket with care: <<{a}>> and this reply [[{b}]] before you answer the question below." for a, b in values]
    pattern = derive(texts)
    assert sum(map(len, pattern.literals)) >= 60
    assert pattern.anchored_start and pattern.anchored_end


def test_an_inserted_sentence_leaves_a_gap() -> None:
    base = "Sort the letter by colour. Answer with one word."
    pattern = derive([base] * 20 + [base + " Escalate nothing."] * 20)
    assert pattern == Pattern(literals=(base,), anchored_start=True)


def test_a_changed_sentence_leaves_a_gap() -> None:
    texts = [
        f"Sort the letter by colour. {middle} Answer with one word." for middle in ("Ignore greetings.", "Prefer the first one named.")
    ] * 20
    pattern = derive(texts)
    assert {(match(pattern, text) or ("",))[0] for text in texts} == {"Ignore greetings", "Prefer the first one named"}


def test_digits_at_the_edge_of_a_slot_are_not_frozen() -> None:
    pattern = derive([f"It is 2026-10-{day:02d} now. Sort the letter by colour." for day in range(1, 20)])
    assert pattern.literals[0].strip() == "It is"
    assert match(pattern, "It is 2026-10-31 now. Sort the letter by colour.") is not None


def test_one_damaged_text_in_a_hundred_does_no_harm() -> None:
    texts = [f"Sort the letter by colour and size.\n\nLetter: {number} apples\n\nColour:" for number in range(200)]
    texts[7] = texts[7].replace("colour and", "colur and")
    texts[9] = texts[9][:20]
    assert sum(map(len, derive(texts).literals)) > 50


def test_the_end_of_a_long_text_is_kept_apart_from_its_start() -> None:
    texts = ["head of the prompt " + "x" * 2981 + f"\x00{number:08x}\x00" + "y" * 2975 + " tail of the prompt" for number in range(20)]
    pattern = derive(texts)
    assert len(pattern.literals) == 2
    assert not any("\x00" in literal for literal in pattern.literals)


def test_a_mark_inside_a_slot_cuts_it() -> None:
    names = ["Ann", "Bob", "Cleo", "Dan", "Eve"]
    texts = [f"Ticket {number * 7919 % 1000} from {names[number % 5]}:\n{number} apples" + ": \nor" * (number % 2) for number in range(60)]
    pattern = derive(texts)
    assert pattern.literals == ("Ticket ", ":\n")
    assert match(pattern, texts[3]) == ("757 from Dan", "3 apples: \nor")
