"""What a body may hold: strict JSON within bounds, and quickly refused where it is not."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.config import ServeConfig
from modicum.errors import RequestError
from modicum.gateway import limits
from modicum.types import Endpoint

LIMITS = ServeConfig()
TURN = {"role": "user", "content": "hi"}


def with_(**more: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [TURN], **more}).encode()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"model":"a","messages":[{}],"model":"b"}', "'model' stands twice"),
        (b'{"model":"a","messages":[{"role":"user","role" \n:"system"}]}', "'role' stands twice"),
        (b'{"messages":[{}],"a":{"b":[{"c":1,"\\u0063":2}]}}', "'c' stands twice"),
        (b'{"messages":[{}],"x":NaN}', "not JSON"),
        (b'{"messages":[{}],"x":Infinity}', "not JSON"),
        (b'{"messages":[{}],"x":1' + b"0" * 100_000 + b"}", "not JSON"),
        (b'{"messages":[{}],"x":1e999}', "not JSON"),
        (b'{"messages":[{}],"x":"\\ud800"}', "not JSON"),
        (b'{"messages":[{}],"x":"\\udc00\\ud800"}', "not JSON"),
        (b'{"messages":[{}],"x":"\\u0000"}', "NUL"),
        (b'{"messages":[{"content":"a\\u0000b"}]}', "NUL"),
        (b'{"messages":[{}],"a\\u0000":1}', "NUL"),
        (b'{"messages":[{}],"x":"\x00"}', "not JSON"),
        (b'{"messages":[{}],"x":"\xff"}', "not JSON"),
        (b'\xef\xbb\xbf{"messages":[{}]}', "not JSON"),
        (b'{"messages":[{}]} {}', "not JSON"),
        (b'{"messages":[{}],"x":' + b"[" * 100_000, "nested too deeply"),
        (b'{"messages":[{}],"x":' + b"[" * 70 + b"]" * 70 + b"}", "deeper than 64 levels"),
        (b'{"messages":[{}],' + b",".join(b'"k%d":1' % n for n in range(1_000_000)) + b"}", "50,000 names"),
        (b'{"messages":[{}],"x":[' + b"{},[]," * 150_000 + b"0]}", "200,000 objects and lists"),
    ],
)
def test_what_two_readers_could_read_differently_is_refused_at_once(body: bytes, said: str) -> None:
    began = time.thread_time()
    with pytest.raises(RequestError, match=said):
        limits.read(body, LIMITS)
    assert time.thread_time() - began < 0.05


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (with_(n=1_000_000), "'n' is 1e\\+06"),
        (with_(max_tokens=2**31), "'max_tokens'"),
        (with_(max_completion_tokens=1e18), "'max_completion_tokens'"),
        (with_(tools=[{"type": "function"}] * 10_000), "'tools' holds 10,000"),
        (with_(stop=["a"] * 1000), "'stop'"),
        (with_(logit_bias={str(n): 1 for n in range(10_000)}), "'logit_bias'"),
        (with_(messages=[TURN] * 21_000), "'messages' holds 21,000"),
        (with_(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}] * 10_000}]), "images"),
        (with_(model="m" * 300), "'model' is longer"),
        (with_(messages=[]), "at least one message"),
        (with_(messages={}), "at least one message"),
    ],
)
def test_bombs_are_refused(body: bytes, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        limits.read(body, LIMITS)


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("embeddings", {"model": "m", "input": ["a", "b"]}),
        ("responses", {"model": "m", "input": "a"}),
        ("completions", {"model": "m", "prompt": "a"}),
        ("rerank", {"model": "m", "query": "q", "documents": ["a"]}),
        ("messages", {"model": "m", "max_tokens": 1, "messages": [TURN]}),
    ],
)
def test_every_endpoint_needs_its_own(endpoint: Endpoint, body: dict[str, Any]) -> None:
    assert limits.read(json.dumps(body).encode(), LIMITS, endpoint) == body


def test_what_is_not_known_is_kept_and_text_that_looks_like_names_is_text() -> None:
    assert limits.read(b'{"messages":[{}],"new":{"a":1}}', LIMITS)["new"] == {"a": 1}
    told = '{"a": 1, "a": 2} \\ "b": \\"c\\": \\u0000 ['
    assert limits.read(with_(messages=[{"role": "user", "content": told * 50}]), LIMITS)["messages"][0]["content"] == told * 50


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6), inner, max_size=4)
    ),
    max_leaves=25,
)


@given(JSON)
def test_whatever_is_json_is_read_as_any_reader_would(value: Any) -> None:
    request = {"messages": [{}], "x": value}
    for body in (json.dumps(request).encode(), json.dumps(request, ensure_ascii=False, indent=1).encode(), msgspec.json.encode(request)):
        assert limits.read(body, LIMITS) == request


@given(st.binary(max_size=200))
def test_no_bytes_break_it(body: bytes) -> None:
    for data in (body, b'{"messages":[{}],"x":' + body + b"}"):
        with contextlib.suppress(RequestError):
            limits.read(data, LIMITS)


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c", "a\\u0062", "ab"]), st.integers(0, 3)), max_size=6))
def test_twins_are_found_wherever_they_are(pairs: list[tuple[str, int]]) -> None:
    inner = ",".join(f'"{name}" : {value}' for name, value in pairs)
    names = [json.loads(f'"{name}"') for name, _ in pairs]
    body = f'{{"messages":[{{}}],"x":[{{{inner}}}]}}'.encode()
    if len(set(names)) == len(names):
        limits.read(body, LIMITS)
    else:
        with pytest.raises(RequestError, match="stands twice"):
            limits.read(body, LIMITS)


@given(
    st.recursive(
        st.none() | st.booleans(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=3)
    )
)
def test_depth_is_counted_as_a_reader_would(value: object) -> None:
    def depth(found: object) -> int:
        if isinstance(found, dict):
            return 1 + max(map(depth, found.values()), default=0)
        return 1 + max(map(depth, found), default=0) if isinstance(found, list) else 0

    request = {"messages": [{}], "x": value}
    for levels in range(3, 7):
        serve = ServeConfig(max_depth=levels)
        if depth(request) > levels:
            with pytest.raises(RequestError, match="levels"):
                limits.read(json.dumps(request).encode(), serve)
        else:
            limits.read(json.dumps(request).encode(), serve)
