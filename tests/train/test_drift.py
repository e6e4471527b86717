"""What a smaller precision changed: counted in all and by slice, and when it is too much."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from modicum.train.drift import Compared, Tolerance, compare, script_of
from modicum.types import Sample


def one(full: str, small: str, *, truth: str | None = None, text: str = "a text", month: int = 1) -> Compared:
    at = datetime(2026, month, 1, tzinfo=UTC)
    sample = Sample(call_id="c", response_id=None, at=at, slots=(("text", text),), value=truth, version_id="v", incumbent="m")
    return Compared(sample=sample, text=text, full=full, small=small)


def test_it_counts_what_differs_and_what_that_costs() -> None:
    some = [one("a", "a", truth="a")] * 95 + [one("a", "b", truth="a")] * 3 + [one("b", "a", truth="a")] + [one("b", "c")]
    whole = compare(some, Tolerance()).whole
    assert (whole.requests, whole.agree, whole.known, whole.lost, whole.won) == (100, 95, 99, 3, 1)
    assert whole.agreement[0] < 0.95 < whole.agreement[1]
    assert whole.loss is not None and whole.loss[0] < 2 / 99 < whole.loss[1]


def test_the_whole_is_judged_by_what_was_counted() -> None:
    assert compare([one("a", "a")] * 98 + [one("a", "b")] * 2, Tolerance()).beyond == ""
    assert "97.0%" in compare([one("a", "a")] * 97 + [one("a", "b")] * 3, Tolerance()).beyond
    lossy = [one("a", "a", truth="a")] * 995 + [one("a", "b", truth="a")] * 5
    assert "loses" in compare(lossy, Tolerance()).beyond
    assert compare(lossy, Tolerance(loss=0.005)).beyond == ""


def test_a_slice_stops_it_only_where_that_is_beyond_chance() -> None:
    good = [one("a", "a", text="latin letters")] * 2_000
    unlucky = [one("a", "a", text="кириллица")] * 19 + [one("a", "b", text="кириллица")]
    assert compare(good + unlucky, Tolerance()).beyond == ""
    bad = [one("a", "a", text="кириллица")] * 10 + [one("a", "b", text="кириллица")] * 10
    found = compare(good + bad, Tolerance())
    assert found.beyond.startswith("script 'cyrillic'") or found.beyond.startswith("length")
    names = {(part.by, part.name): part for part in found.slices}
    assert names["script", "cyrillic"].agree == 10 and names["script", "latin"].agree == 2_000
    assert found.slices[1].agree < found.slices[1].requests, "what differs most stands first"


def test_slices_are_labels_lengths_scripts_and_months() -> None:
    found = compare([one("a", "a", text="x" * 60, month=3), one("b", "b", text="短い文", month=4)], Tolerance())
    assert {(part.by, part.name) for part in found.slices} == {
        ("all", ""),
        ("label", "a"),
        ("label", "b"),
        ("length", "to 200 characters"),
        ("length", "to 50 characters"),
        ("script", "latin"),
        ("script", "cjk"),
        ("month", "2026-03"),
        ("month", "2026-04"),
    }
    assert [part["by"] for part in found.said()["drift"]] == ["all"], "a manifest names the slices in which something differs"


@pytest.mark.parametrize(
    ("text", "script"), [("hello", "latin"), ("привет hi", "cyrillic"), ("مرحبا", "arabic"), ("123 !", "none"), ("", "none")]
)
def test_scripts(text: str, script: str) -> None:
    assert script_of(text) == script


def test_of_a_record_nothing_that_was_written_is_told_and_of_a_call_its_tool() -> None:
    record, call = '{"name":"Ann Berg"}', '{"arguments":{"who":"Ann Berg"},"name":"find"}'
    found = compare([one(record, "{}"), one(call, record), one('{"half', "b")], Tolerance())
    assert {part.name for part in found.slices if part.by == "label"} == {"find"}
    assert "Ann" not in str(found.said())


def test_nothing_compared_is_nothing_found() -> None:
    found = compare([], Tolerance())
    assert found.beyond == "" and found.whole.requests == 0 and found.whole.loss is None
