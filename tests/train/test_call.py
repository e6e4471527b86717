"""A tool caller: which tool, or none, and what it is called with."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.backends.caller import Caller
from modicum.backends.specialist import SPECIALIST_FILE, load
from modicum.errors import ArtefactError, NotEnoughDataError
from modicum.train import call
from modicum.train.export import in_memory
from modicum.train.linear import Trained
from modicum.types import Contract, Field, Sample
from modicum.workload import extractable, parts, record
from tests.train.orders import as_samples, orders

CONTRACT = Contract(
    kind="tool",
    reader="tool",
    fields=(
        Field(path=("order", "text"), kind="span"),
        Field(path=("return", "express"), kind="boolean"),
        Field(path=("return", "quantity"), kind="number"),
        Field(path=("status",), kind="label"),
        Field(path=("seldom", "text"), kind="span"),
        Field(path=("write", "body"), kind="text"),
    ),
)


def samples(count: int, seed: int = 1) -> list[Sample]:
    rows: list[tuple[str, dict[str, Any]]] = []
    for number, (text, told) in enumerate(orders(count, seed)):
        if number % 10 == 3:
            rows.append((f"where is my parcel {text.split()[-1]}", {"name": "status", "arguments": {}}))
        elif told["kind"] == "order":
            rows.append((text, {"name": "order", "arguments": {"text": text}}))
        else:
            rows.append((text, {"name": "return", "arguments": {"express": told["express"], "quantity": told["quantity"]}}))
    found = as_samples(rows)
    # Answers in words, and two calls at once: nothing that it may say itself.
    return [
        dataclasses.replace(one, value=None, slots=(("user.0", "hello there"),))
        if number % 20 == 5
        else dataclasses.replace(one, value=record.canonical([{"name": "order", "arguments": {}}] * 2), slots=(("user.0", "both please"),))
        if number % 20 == 6
        else one
        for number, one in enumerate(found)
    ]


def fit(rows: Sequence[Sample]) -> Trained:
    return call.fit(rows, CONTRACT, groups=range(len(rows)), max_size_bytes=1_000_000, seed=1)


@cache
def trained() -> Trained:
    return fit(samples(300))


@cache
def caller() -> Caller:
    found = load(in_memory(trained().files))
    assert isinstance(found, Caller)
    return found


def test_the_contract_says_what_each_tool_takes() -> None:
    assert parts.tools(CONTRACT) == ["order", "return", "status", "seldom", "write"]
    assert [field.path for field in parts.of_tool(CONTRACT, "return").fields] == [("express",), ("quantity",)]
    assert extractable(CONTRACT) and not extractable(Contract(kind="tool"))
    assert not extractable(Contract(kind="tool", fields=CONTRACT.fields[-1:]))


def test_it_calls_what_the_incumbent_would() -> None:
    told = [(caller().predict(one.slots), one.value) for one in samples(200, seed=2) if one.value is not None and one.value[0] == "{"]
    assert sum(said.value == value for said, value in told) >= 0.95 * len(told)
    assert {json.loads(said.value)["name"] for said, _ in told} == {"order", "return", "status"}


def test_what_it_may_not_call_it_leaves_alone() -> None:
    for text in ("hello there", "both please"):
        assert caller().predict((("user.0", text),)).confidence == 0.0
    assert [name for name, _ in trained().about["tools_left_out"]] == ["seldom", "write"]
    assert trained().labels == () and len(trained().out_of_fold) == 300
    assert trained().about["out_of_fold_agreement"] >= 0.8


@given(st.text(max_size=80))
@settings(max_examples=80, deadline=None)
def test_whatever_is_asked_the_call_is_valid(text: str) -> None:
    said = caller().predict((("user.0", text),))
    told = json.loads(said.value)
    assert set(told) == {"name", "arguments"} and 0 <= said.confidence <= 1
    assert (said.confidence == 0 and not told["name"]) or (
        told["name"] in ("order", "return", "status")
        and (not told["arguments"] or parts.fits(parts.of_tool(CONTRACT, told["name"]), record.canonical(told["arguments"])))
    )


def test_nothing_that_can_be_learnt_is_said_so() -> None:
    rows = [dataclasses.replace(one, value=None) for one in samples(60)]
    with pytest.raises(NotEnoughDataError, match="none of 5 tools"):
        fit(rows)


def test_a_damaged_artefact_is_refused() -> None:
    body = msgspec.json.decode(trained().files[SPECIALIST_FILE])
    for change in ({"kind": "callers"}, {"tools": body["tools"][:1]}, {"tools": [*body["tools"], {"name": "x", "arguments": "3"}]}):
        with pytest.raises(ArtefactError):
            Caller(in_memory(trained().files | {SPECIALIST_FILE: msgspec.json.encode(body | change)}))
