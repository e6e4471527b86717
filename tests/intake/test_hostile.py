"""Whatever a log holds, reading it ends, refuses by name and loses nothing in silence."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modicum.errors import InputError, RemoteError
from modicum.intake import FORMATS, Passed, Refusal, Told
from modicum.intake.columns import FIELDS, mapping
from modicum.intake.langfuse_api import Mark, _line, _page, share_of
from modicum.intake.lines import lines
from modicum.intake.records import layout_of
from modicum.intake.tables import head, rows
from modicum.intake.values import values
from modicum.types import ProviderTotal
from tests.intake.logs import samples, take

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
SAMPLES = [text for name in FORMATS for _, text in samples(name)]
NAMES = [
    *("id", "type", "traceId", "trace_id", "startTime", "start_time", "input", "output", "usageDetails", "metadata", "observations"),
    *(
        "request_id",
        "spend",
        "call_type",
        "prompt_tokens",
        "completion_tokens",
        "proxy_server_request",
        "messages",
        "response",
        "request_tags",
    ),
    *("custom_id", "body", "url", "params", "result", "error", "results", "starting_at", "amount", "amount_value", "num_model_requests"),
    *("usage_date_utc", "usage_input_tokens_no_cache", "cost_usd", "generation_id", "created_at", "cost_total", "native_tokens_prompt"),
    *("request_created_at", "response_status", "request_body", "response_body", "resourceSpans", "request", "timestamp", "data", "model"),
]
RECORD = st.dictionaries(st.sampled_from(NAMES), JSON, max_size=8)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400))
@example(b"[")
@example(b"[[[")
@example(b'{"a":')
@example(b"]" * 9)
@example(b'[{"a":"' + b"\\" * 7)
@example(b'a,b\n"')
@example(b"\xff\xfea")
@example(b"\x0c\na,b")
@example(b" a,b\n1,2")
@example(b"\xfe\xff\x00[\x00]")
def test_random_bytes(body: bytes) -> None:
    found = take(body)
    assert all(isinstance(one, Told | ProviderTotal | Passed | Refusal) for one in found)


@settings(max_examples=150, deadline=None)
@given(st.lists(RECORD, min_size=1, max_size=4), st.sampled_from([None, *FORMATS]))
def test_records_of_the_right_names_and_the_wrong_kinds(records: list[dict[str, Any]], form: str | None) -> None:
    log = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    found = take(log, form=form, columns={"model": "model", "cost_usd": "spend"} if form == "columns" else {})
    for one in found:
        assert isinstance(one, Told | ProviderTotal | Passed | Refusal)
        if isinstance(one, Refusal):
            assert one.reason and len(one.reason) < 400


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SAMPLES), st.integers(0, 10_000), st.binary(min_size=1, max_size=6))
def test_a_sample_with_bytes_changed(sample: bytes, at: int, by: bytes) -> None:
    at %= len(sample)
    take(sample[:at] + by + sample[at + len(by) :], columns={"model": "Model"} if sample.startswith(b"When") else {})
    take(sample[:at])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.dictionaries(st.text(max_size=6), JSON, max_size=3), max_size=6), st.integers(1, 40), st.sampled_from([None, 2]))
def test_an_array_is_its_elements_however_it_arrives(elements: list[Any], size: int, indent: int | None) -> None:
    body = json.dumps(elements, indent=indent).encode()
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    found = list(values(pieces))
    assert [json.loads(record) for _, record, _ in found if record is not None] == elements
    assert all(ended for _, _, ended in found)
    if indent:
        text = body.split(b"\n")
        assert all(text[number - 1].strip().startswith(b"{") for number, _, _ in found)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"]), max_size=6), min_size=3, max_size=3),
        max_size=5,
    ),
    st.sampled_from(",;\t"),
    st.integers(1, 30),
)
def test_a_table_is_its_cells_however_it_arrives(cells: list[list[str]], delimiter: str, size: int) -> None:
    table = [["a", "b", "c"], *cells]
    body = "\n".join(delimiter.join('"' + cell.replace('"', '""') + '"' for cell in row) for row in table).encode()
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    found = [row for _, row in rows(pieces, delimiter, ("a", "b", "c"))]
    assert all(isinstance(row, bytes) for row in found)
    wanted = [{name: cell for name, cell in zip("abc", row, strict=True) if cell} for row in cells if any(row)]
    assert [json.loads(row) for row in found if isinstance(row, bytes)] == wanted


def test_every_record_is_told_of_once() -> None:
    good = json.loads(samples("data-flywheel")[0][1])
    log = json.dumps([good, 5, {"x": 1}, "text", good | {"timestamp": "never"}, [good]]).encode()
    found = take(log)
    assert [type(one) for one in found] == [Told, Refusal, Refusal, Refusal, Refusal, Refusal]
    cut = json.dumps([good, good], indent=1).encode()[:-40]
    told, refused = take(cut)
    assert isinstance(told, Told) and isinstance(refused, Refusal) and "breaks off" in refused.reason


def test_a_record_that_is_too_long_is_named() -> None:
    good = samples("data-flywheel")[0][1].strip()
    found = take(b"[" + good + b',{"request":"' + b"x" * 3000 + b'"},' + good + b"]", longest_bytes=2000)
    assert isinstance(found[0], Told) and isinstance(found[1], Refusal) and "longer than" in found[1].reason


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("gpt-4o", "1 cells where the head names 2"),
        ("gpt-4o,1,2", "3 cells where the head names 2"),
        ('gpt-4o,"1', "not CSV"),
        ("gpt-4o,\0", "NUL"),
        ("gpt-4o,viele", "'Tokens'"),
    ],
)
def test_a_bad_row_is_refused_and_the_next_is_read(row: str, why: str) -> None:
    found = take(
        f"Model,Tokens\n{row}\n".encode() + (b"gpt-4o,7\n" if '"1' not in row else b""),
        columns={"model": "Model", "input_tokens": "Tokens"},
    )
    assert isinstance(found[0], Refusal) and why in found[0].reason
    assert len(found) == (1 if '"1' in row else 2)


def test_bytes_that_are_not_utf8_are_refused_row_by_row() -> None:
    found = take(b"Model,Tokens\ngpt-\xe94,3\ngpt-4o,7\n", columns={"model": "Model", "input_tokens": "Tokens"})
    assert isinstance(found[0], Refusal) and "UTF-8" in found[0].reason and isinstance(found[1], Told)


@pytest.mark.parametrize(
    ("start", "layout"),
    [
        (b'{"a": 1}\n{"a": 2}\n', "lines"),
        (b'{"a": 1}', "lines"),
        (b'{\n "a": 1\n}', "values"),
        (b'{"a": [\n1]}', "values"),
        (b'\xef\xbb\xbf[\n{"a": 1}]', "values"),
        (b"id,model\n1,x\n", "table"),
        (b"id;model\n", "table"),
        (b'id,model\n{"a": 1}\n', "lines"),
        (b"not json\n", "lines"),
        (b'{"a": 1\n{"a": 2}\n', "lines"),
        (b"", "lines"),
    ],
)
def test_layouts_are_told_apart_by_what_stands_there(start: bytes, layout: str) -> None:
    assert layout_of(start) == layout


def test_heads() -> None:
    assert head(b'"a b";c,d;e') == (";", ("a b", "c,d", "e"))
    assert head(b"\xff,b") is None
    assert head(b'{"a", "b"}') is None
    assert [number for number, _, _ in lines([b"\n\na"])] == [3]


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=80) | JSON.map(lambda value: json.dumps(value).encode()), st.sampled_from([1, 2]))
@example(b'{"data": [{}], "meta": {"cursor": "x"}}', 2)
@example(b'{"data": [{}], "meta": {"totalPages": "9"}}', 1)
def test_a_page_of_an_api_is_one_or_is_named(body: bytes, version: int) -> None:
    try:
        records, cursor = _page(body, Mark("2026-10-01T00:00:00+00:00", "2026-10-02T00:00:00+00:00", 1.0, version=version), "langfuse://x")
    except RemoteError as error:
        assert "something else than a page" in str(error)
    else:
        assert isinstance(cursor, str)
        for one in records:
            line = _line(one, bodies=False)
            assert not line or line.endswith(b"}\n")


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40) | st.lists(st.sampled_from([*FIELDS, "=", ",", "x", '"', "y z"]), max_size=9).map("".join))
@example('model="a,b",prompt=Q=1')
def test_columns_are_named_or_refused(given_text: str) -> None:
    try:
        found = mapping(given_text)
    except InputError as error:
        assert "--columns" in str(error)
    else:
        assert all(field in FIELDS and column for field, column in found.items())


def test_columns() -> None:
    assert mapping('model="a,b",prompt=Q=1') == {"model": "a,b", "prompt": "Q=1"}
    with pytest.raises(InputError, match="no field 'modell'"):
        mapping("modell=x")


@given(st.text(max_size=8))
def test_a_share_is_one_or_is_refused(text: str) -> None:
    try:
        assert 0 < share_of(text) <= 1
    except InputError as error:
        assert "no share" in str(error)


@pytest.mark.parametrize("depth", [10, 63, 70, 900, 5000])
def test_what_is_nested_too_deeply_is_refused_or_stays_text(depth: int) -> None:
    deep = '{"messages":[{"role":"user","content":' + '{"a":' * depth + "1" + "}" * depth + "}]}"
    row = '{"request_id":"r-0123456789abcdef","call_type":"completion","startTime":"2026-10-01T08:00:00Z","spend":1,"model":"m",'
    for body in (row + '"proxy_server_request":' + deep + "}", row + '"proxy_server_request":' + json.dumps(deep) + "}"):
        (found,) = take(body.encode())
        if isinstance(found, Told) and found.call.request is not None:
            assert found.call.request.count(b"{") <= 66
        else:
            assert isinstance(found, Told) or "nested" in found.reason  # type: ignore[union-attr]
