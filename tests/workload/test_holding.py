"""Whether a record or a tool call holds a value that somebody named."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.types import Contract
from modicum.workload import record
from modicum.workload.holding import held

OBJECT, TOOL = Contract(kind="object", reader="json"), Contract(kind="tool")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("value", "name", "holds"),
    [
        ('{"kind":"return"}', "return", True),
        ('{"kind":"return"}', "kind=return", True),
        ('{"order":{"kind":"return"}}', "order.kind=return", True),
        ('{"order":{"kind":"return"}}', "kind=return", False),
        ('{"kind":"returned"}', "return", False),
        ('{"count":42,"gift":true}', "42", True),
        ('{"count":42,"gift":true}', "gift=true", True),
        ('{"tags":["new","return"]}', "tags=return", True),
        ('{"items":[{"kind":"return"}]}', "items.kind=return", True),
        ('{"kind":null}', "null", False),
        ("no record at all", "record", False),
    ],
)
def test_a_value_is_found_wherever_it_stands(value: str, name: str, holds: bool) -> None:
    assert held(OBJECT, value, ("other", name)) == (name if holds else "")


def test_of_a_tool_call_its_name_and_its_arguments_count() -> None:
    call = '{"arguments":{"city":"Oslo"},"name":"refund"}'
    assert held(TOOL, call, ("refund",)) == "refund" and held(TOOL, call, ("arguments.city=Oslo",)) and held(TOOL, call, ("Oslo",))


def test_answers_from_a_list_and_texts_hold_nothing() -> None:
    assert held(Contract(kind="text"), '{"kind":"return"}', ("return",)) == ""
    assert held(Contract(kind="object", labels=('{"kind":"return"}',)), '{"kind":"return"}', ("return",)) == ""
    assert held(OBJECT, '{"kind":"return"}', ()) == ""


@given(st.text(max_size=40), st.lists(st.text(max_size=5), max_size=3))
def test_it_never_raises(value: str, names: list[str]) -> None:
    assert held(OBJECT, value, names) in ("", *names)


@given(JSON)
def test_every_leaf_is_found(found: Any) -> None:
    value = record.canonical({"a": found})
    for path, leaf in record.leaves({"a": found}):
        if leaf is not None:
            text = leaf if isinstance(leaf, str) else record.canonical(leaf)
            assert held(OBJECT, value, (text,)) == text and path
