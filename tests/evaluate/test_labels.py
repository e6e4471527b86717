from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.errors import LogFormatError
from modicum.evaluate.labels import Label, excess_losses, label_requests, read_labels, specialist_is_a
from modicum.evaluate.table import Table, tabulate
from modicum.types import Prediction, Rule
from tests.evaluate.samples import attempt, sample


def small() -> Table:
    samples = [sample(0, "a", "no"), sample(1, "b", "yes"), sample(2, "c", None), sample(3, "d", '{"x":1,"y":"Z"}')]
    said = ["yes", "yes", "yes", "no"]
    return tabulate(samples, [Prediction(value=value, confidence=0.9) for value in said], Rule(accept_above=0.0))


def test_gold_decides_who_lost() -> None:
    labels = {
        "resp-0": Label(gold=" YES "),
        "resp-1": Label(gold="no"),
        "call-2": Label(gold="yes"),
        "resp-3": Label(gold='{"y": "z", "x": 1}'),
    }
    assert excess_losses(small(), labels, "att").tolist() == [-1.0, 0.0, -1.0, 1.0]
    wrong = {"resp-0": Label(gold="no"), "resp-2": Label(gold="no"), "resp-3": Label(gold="maybe")}
    assert excess_losses(small(), wrong, "att").tolist() == [1.0, 0.0, 0.0, 0.0]
    assert np.isnan(excess_losses(small(), {}, "att")).tolist() == [True, False, True, True]


def test_verdicts_come_back_from_a_blind_file() -> None:
    table = small()
    requests = label_requests(attempt(4, (0.5,)), table, [0, 2, 3], {f"call-{i}": (("text", "abcd"[i]),) for i in range(4)})
    assert {row["id"] for row in requests} == {"resp-0", "resp-2", "resp-3"}
    assert all(set(row) == {"id", "slots", "a", "b", "verdict"} for row in requests)
    first = next(row for row in requests if row["id"] == "resp-0")
    assert {first["a"], first["b"]} == {"yes", "no"} and first["slots"] == {"text": "a"}
    filled = [json.dumps(row | {"verdict": "a" if row["a"] == "yes" else "b"}) for row in requests if row["id"] != "resp-3"]
    losses = excess_losses(table, read_labels(filled), "att-1")
    assert losses[[0, 1, 2]].tolist() == [-1.0, 0.0, -1.0] and np.isnan(losses[3])
    unfilled = [json.dumps(row) for row in requests]
    assert read_labels(unfilled) == {}


def test_sides_are_drawn_for_each_call_and_attempt() -> None:
    sides = [specialist_is_a("att-1", f"resp-{i}") for i in range(2000)]
    assert 0.45 < sum(sides) / 2000 < 0.55
    assert sides != [specialist_is_a("att-2", f"resp-{i}") for i in range(2000)]


def test_both_and_neither_are_no_loss() -> None:
    labels = {"resp-0": Label(verdict="both"), "resp-2": Label(verdict="neither")}
    assert excess_losses(small(), labels, "att")[[0, 2]].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"gold": "x"}', '{"id": 3}', '{"id": "x", "verdict": "c"}', b"\xff\xfe", '{"id": "x", "verdict": ["a"]}']
)
def test_a_bad_line_is_named(line: str | bytes) -> None:
    with pytest.raises(LogFormatError, match="line 2"):
        read_labels(['{"id": "ok", "gold": "x"}', line])


def test_a_file_without_answers_is_none() -> None:
    with pytest.raises(LogFormatError, match="none of 2 lines"):
        read_labels(['{"id": "a", "label": "x"}', '{"id": "b"}'])
    assert read_labels(['{"id": "a", "gold": null}', '{"id": "b"}']) == {}, "one that nobody filled in yet"


def test_gold_that_is_not_a_string_is_read_as_json() -> None:
    assert read_labels(['{"id": "a", "gold": {"b": 1, "a": "é"}}', "", '{"id": "c", "gold": 3}']) == {
        "a": Label(gold='{"a":"é","b":1}'),
        "c": Label(gold="3"),
    }


@given(st.lists(st.one_of(st.text(), st.binary()), max_size=5))
def test_any_bytes_are_labels_or_a_clear_error(lines: list[str | bytes]) -> None:
    try:
        read_labels(lines)
    except LogFormatError as error:
        assert "line" in error.message
