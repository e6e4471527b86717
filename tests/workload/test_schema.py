"""The schema that a contract gives allows what its answers are."""

from __future__ import annotations

from typing import Any

import jsonschema  # type: ignore[import-untyped, unused-ignore]
from hypothesis import given
from hypothesis import strategies as st

from modicum.types import Contract, Field
from modicum.workload.schema import answer_schema

FIELDS = (
    Field(path=("topic",), kind="label", labels=("lost", "late")),
    Field(path=("sender", "name"), kind="span"),
    Field(path=("sender", "known"), kind="boolean", presence=0.4),
    Field(path=("items", "[]", "count"), kind="number"),
    Field(path=("tags", "[]"), kind="text", presence=0.5),
)
ITEMS = st.lists(st.fixed_dictionaries({"count": st.one_of(st.none(), st.integers(), st.floats(allow_nan=False))}), max_size=3)
RECORDS = st.fixed_dictionaries(
    {
        "topic": st.sampled_from(["lost", "late", None]),
        "sender": st.fixed_dictionaries({"name": st.one_of(st.none(), st.text())}, optional={"known": st.booleans()}),
        "items": ITEMS,
    },
    optional={"tags": st.lists(st.text(), max_size=3)},
)


@given(RECORDS)
def test_answers_of_the_contract_fit(record: dict[str, Any]) -> None:
    schema = answer_schema(Contract(kind="object", fields=FIELDS))
    assert schema is not None
    jsonschema.validate(record, schema)


def test_other_answers_do_not() -> None:
    schema = answer_schema(Contract(kind="object", fields=FIELDS))
    assert schema is not None
    fine = {"topic": "lost", "sender": {"name": "Ann"}, "items": []}
    checker = jsonschema.Draft202012Validator(schema)
    assert checker.is_valid(fine)
    assert not checker.is_valid({**fine, "topic": "praise"})
    assert not checker.is_valid({**fine, "more": 1})
    assert not checker.is_valid({"topic": "lost", "items": []}), "what every answer has is required"


def test_only_objects_have_one() -> None:
    assert answer_schema(Contract(kind="label", labels=("a", "b"))) is None
    assert answer_schema(Contract(kind="object")) is None
    assert answer_schema(Contract(kind="object", fields=(Field(path=("[]", "x"), kind="text"),))) is None
