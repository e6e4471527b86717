"""Recorded calls as a provider."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from modicum.backends.replay import Recordings, key
from modicum.types import Call

AT = datetime(2026, 1, 1, tzinfo=UTC)


def call(request: Any, answer: Any, **more: Any) -> Call:
    return Call(call_id=str(answer), started_at=AT, request=json.dumps(request).encode(), response=json.dumps(answer).encode(), **more)


def test_answers_come_in_turn() -> None:
    recordings = Recordings()
    request = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    for number in range(3):
        assert recordings.add(call(request, {"n": number}, duration_ms=5.0, status=200 + number))
    found = [recordings.answer(request) for _ in range(4)]
    assert [json.loads(answer.body)["n"] for answer in found if answer] == [0, 1, 2, 0]
    assert [answer.status for answer in found if answer] == [200, 201, 202, 200]
    assert recordings.answer({**request, "temperature": 0}) is None
    assert (len(recordings), recordings.calls, list(recordings.models)) == (1, 3, ["m"])


def test_stream_fields_and_the_order_of_keys_do_not_matter() -> None:
    plain = {"model": "m", "messages": [{"role": "user", "content": "é"}]}
    turned = {"messages": [{"content": "é", "role": "user"}], "stream": True, "stream_options": {"include_usage": True}, "model": "m"}
    assert key(plain) == key(turned)
    assert key(plain) != key({**plain, "messages": [{"role": "user", "content": "e"}]})


def test_what_cannot_be_given_again_is_left_out() -> None:
    recordings = Recordings()
    for request, response in ((None, b"{}"), (b"{}", None), (b"[]", b"{}"), (b"{}", b"torn"), (b"\xff", b"{}")):
        assert not recordings.add(Call(call_id="x", started_at=AT, request=request, response=response))
    assert recordings.calls == 0


@given(
    st.dictionaries(st.text(max_size=4), st.recursive(st.none() | st.integers() | st.text(max_size=4), st.lists, max_leaves=5), max_size=4)
)
def test_any_request_is_found_again(request: dict[str, Any]) -> None:
    recordings = Recordings()
    if recordings.add(call(request, {})):
        assert recordings.answer(json.loads(json.dumps(request))) is not None
