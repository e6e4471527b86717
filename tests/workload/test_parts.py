"""Records taken apart and put together again; what a certificate may know of them."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from modicum.types import Contract, Field
from modicum.workload import extractable, record
from modicum.workload.parts import build, fits, holders, home, leaves_of, outline, value_at

ORDER = Contract(
    kind="object",
    reader="json",
    fields=(
        Field(path=("kind",), kind="label", labels=("order", "question")),
        Field(path=("customer",), kind="label"),
        Field(path=("customer", "name"), kind="span"),
        Field(path=("customer", "vip"), kind="boolean"),
        Field(path=("items", "[]"), kind="span"),
        Field(path=("total",), kind="number"),
    ),
)
plain = st.one_of(st.none(), st.booleans(), st.integers(-(10**9), 10**9), st.floats(allow_nan=False, allow_infinity=False), st.text())
trees = st.recursive(
    plain, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=4)), max_leaves=12
)


def test_fields_and_their_holders() -> None:
    assert [field.path for field in leaves_of(ORDER)] == [("kind",), ("customer", "name"), ("customer", "vip"), ("items", "[]"), ("total",)]
    assert holders(ORDER.fields) == [("customer",), ("items",)]
    assert extractable(ORDER)


def test_lists_of_records_and_free_text_are_left_alone() -> None:
    rows = Contract(kind="object", fields=(Field(path=("rows", "[]", "name"), kind="span"),))
    assert not extractable(rows)
    assert not extractable(Contract(kind="object", fields=(Field(path=("[]",), kind="span"),)))
    assert not extractable(Contract(kind="object", fields=(Field(path=("summary",), kind="text"),)))
    assert not extractable(Contract(kind="label"))


def test_a_record_is_the_same_after_it_was_taken_apart() -> None:
    told = {"kind": "order", "customer": {"name": "Ann", "vip": True}, "items": ["tea", "milk"], "total": 12.5}
    values = {home(field.path): value_at(told, home(field.path)) for field in leaves_of(ORDER)}
    assert build(values, {("customer",): "null"}) == record.canonical(told)


def test_what_holds_nothing_is_as_it_was_taught() -> None:
    nothing = {home(field.path): None for field in leaves_of(ORDER)}
    assert json.loads(build(nothing, {("customer",): "null", ("items",): "[]"})) == {"customer": None, "items": []}
    filled = nothing | {("customer", "name"): '"Ann"'}
    assert json.loads(build(filled, {("customer",): "null"})) == {"customer": {"name": "Ann"}}


def test_only_what_the_contract_allows_fits() -> None:
    assert fits(ORDER, '{"kind":"order","customer":null,"items":["tea"],"total":3}')
    for wrong in (
        '{"kind":"else"}',
        '{"kind":true}',
        '{"total":"3"}',
        '{"total":true}',
        '{"items":[1]}',
        '{"customer":{"name":3}}',
        '{"colour":"red"}',
        "[]",
        "no",
    ):
        assert not fits(ORDER, wrong), wrong


def test_an_outline_holds_no_text_of_a_request() -> None:
    told = '{"kind":"order","customer":{"name":"Ann","vip":true},"items":["tea"],"total":3}'
    assert outline(ORDER, told) == '{"customer.vip":true,"kind":"order"}'
    assert outline(ORDER, '{"kind":"Ann Miller"}') == '{"kind":"(other)"}'
    assert outline(Contract(kind="tool"), '{"arguments":{"to":"Ann"},"name":"call"}') == "call"
    assert outline(Contract(kind="label", labels=("a",)), "a") == "a"


@given(trees)
def test_outlines_of_anything_come_from_the_contract(tree: Any) -> None:
    told = json.loads(outline(ORDER, json.dumps(tree)))
    assert told.keys() <= {"kind", "customer.vip"}
    assert told.get("kind", "order") in ("order", "question", "(other)", None)
