"""The short way and the long way of reading bodies find the same."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from modicum.intake import plain
from modicum.wire import chat

_ODD = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.just(""), st.text(max_size=5), st.just([]), st.just({}), st.just(1.5))
_CONTENT = st.one_of(_ODD, st.just([{"type": "text", "text": "a"}]), st.just([{"type": "image_url"}]))
_MESSAGE = st.one_of(
    _ODD, st.fixed_dictionaries({}, optional={"role": st.one_of(st.sampled_from(("system", "user", "tool")), _ODD), "content": _CONTENT})
)
_METADATA = st.one_of(_ODD, st.dictionaries(st.sampled_from(("user_id", "session_id", "thread_id", "conversation_id", "x")), _ODD))
_REQUEST = st.fixed_dictionaries(
    {"messages": st.one_of(_ODD, st.lists(_MESSAGE, max_size=3))},
    optional={"model": _ODD, "stream": _ODD, "user": _ODD, "safety_identifier": _ODD, "metadata": _METADATA, "tools": _ODD},
)
_CHOICE = st.one_of(_ODD, st.fixed_dictionaries({}, optional={"message": _MESSAGE, "finish_reason": _ODD}))
_RESPONSE = st.fixed_dictionaries(
    {"choices": st.one_of(_ODD, st.lists(_CHOICE, max_size=2))},
    optional={"id": _ODD, "model": _ODD, "created": _ODD, "error": _ODD, "usage": st.one_of(_ODD, st.just({"prompt_tokens": 3}))},
)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


@given(_REQUEST)
def test_a_request_of_the_usual_shape_is_read_as_the_long_way_reads_it(value: dict[str, Any]) -> None:
    usual = plain.request(json.dumps(value).encode())
    if usual is None:
        return
    chat.segments(value)  # the long way takes it too
    assert (usual.model or None) == _text(value.get("model"))
    assert (usual.stream is True) == (value.get("stream") is True)
    assert usual.user_id() == chat.user_id(value)
    assert usual.conversation_id() == chat.conversation_id(value)


@given(_RESPONSE)
def test_a_response_of_the_usual_shape_is_read_as_the_long_way_reads_it(value: dict[str, Any]) -> None:
    usual = plain.response(json.dumps(value).encode())
    if usual is None:
        return
    assert not value.get("error")
    assert (usual.choices[0].finish_reason or None) == chat.answer(value).finish_reason
    assert (usual.id or None) == _text(value.get("id"))
    assert (usual.model or None) == _text(value.get("model"))
    assert usual.created == value.get("created")
    assert usual.usage == value.get("usage")


@given(st.binary(max_size=60))
def test_other_bytes_are_left_to_the_long_way(body: bytes) -> None:
    for read in (plain.request, plain.response):
        if read(body) is not None:
            msgspec.json.decode(body)


def test_nearly_every_body_goes_the_short_way() -> None:
    asked = {"model": "m", "messages": [{"role": "user", "content": "Hai"}, {"role": "assistant", "content": None, "tool_calls": [{}]}]}
    answered = {"id": "c", "created": 1, "choices": [{"index": 0, "message": {"role": "assistant", "content": None}}], "usage": {"a": {}}}
    assert plain.request(json.dumps(asked).encode()) is not None
    assert plain.response(json.dumps(answered).encode()) is not None
    assert plain.request(b'{"messages": [{"role": 5}]}') is None
