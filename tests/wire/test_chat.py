import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.errors import InputError
from modicum.types import Usage
from modicum.wire import chat

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.sampled_from(["role", "content", "messages"]), inner, max_size=4)
    ),
    max_leaves=20,
)


def test_segments_of_a_conversation() -> None:
    parts = chat.segments(
        {
            "messages": [
                {"role": "system", "content": "be brief"},
                {"role": "developer", "content": [{"type": "text", "text": "and kind"}]},
                {"role": "user", "content": "first"},
                {"role": "assistant", "content": None, "tool_calls": []},
                {"role": "tool", "content": "result"},
                {"role": "user", "content": "last"},
            ]
        }
    )
    assert (parts.system, parts.first_user, parts.last_user) == ("be brief\n\nand kind", "first", "last")
    assert (parts.turns, parts.images, parts.chars) == (2, False, len("be briefand kindfirstresultlast"))


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b'"x"', b"\xff\xfe", b'{"a": "\x00"}', b'{"a":', b"[" * 100_000, b'{"a":NaN}'])
def test_what_is_not_an_object_is_refused(body: bytes) -> None:
    with pytest.raises(InputError):
        chat.loads(body)


@pytest.mark.parametrize(
    "messages", [None, [], {}, ["hi"], [{"role": 1, "content": "x"}], [{"role": "user", "content": 1}], [{"role": "user", "content": [1]}]]
)
def test_wrong_messages_are_refused(messages: Any) -> None:
    with pytest.raises(InputError):
        chat.segments({"messages": messages})


def test_answers() -> None:
    found = chat.answer({"choices": [{"message": {"content": "up"}, "finish_reason": "stop"}]})
    assert (found.content, found.finish_reason, found.tool_calls) == ("up", "stop", ())
    call = {"function": {"name": "play", "arguments": '{"text":"x"}'}}
    assert chat.answer({"choices": [{"message": {"content": None, "tool_calls": [call]}}]}).tool_calls == (("play", '{"text":"x"}'),)


def test_usage_is_unknown_where_it_is_absent_or_absurd() -> None:
    assert chat.usage({}) == Usage()
    assert chat.usage({"usage": {"prompt_tokens": -1, "completion_tokens": "7"}}) == Usage()
    told = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
    assert chat.usage({"usage": told}) == Usage(input_tokens=9, output_tokens=2, cache_read_tokens=4)


def test_the_key_names_tools_and_format_and_never_the_model() -> None:
    tool = {"type": "function", "function": {"name": "play", "description": "d", "parameters": {"properties": {"b": {}, "a": {}}}}}
    assert chat.contract_key({"model": "x"}) == chat.contract_key({"model": "y"}) == ""
    assert chat.contract_key({"tools": [tool]}) != chat.contract_key({"tools": [tool], "response_format": {"type": "json_object"}})


def test_the_key_names_functions_as_it_names_tools() -> None:
    function = {"name": "play", "description": "d", "parameters": {"properties": {"b": {}, "a": {}}}}
    key = chat.contract_key({"functions": [function]})
    assert key not in ("", chat.contract_key({"tools": [{"type": "function", "function": function}]}))
    assert key == chat.contract_key({"functions": [function | {"description": "e"}], "function_call": "auto"})
    others: list[Any] = [
        [function | {"name": "stop"}],
        [function | {"parameters": {}}],
        [function, function],
        ["play"],
        [None],
        "play",
        {"a": 1},
    ]
    assert len({key, *(chat.contract_key({"functions": found}) for found in others)} - {""}) >= 5
    assert all(chat.contract_key({"functions": found}) for found in others)
    assert chat.contract_key({"functions": []}) == chat.contract_key({"functions": None}) == ""
    tool = {"type": "function", "function": function}
    assert chat.contract_key({"tools": [tool]}) == "03140ec065cd22c4", "a key must not change: recorded templates hold it"


@given(JSON)
def test_readers_refuse_by_name_and_never_otherwise(value: Any) -> None:
    body = (
        value
        if isinstance(value, dict)
        else {"messages": value, "choices": value, "tools": value, "functions": value, "metadata": value, "usage": value}
    )
    for reader in (chat.segments, chat.answer):
        with contextlib.suppress(InputError):
            reader(body)
    chat.usage(body)
    chat.user_id(body)
    chat.conversation_id(body)
    chat.contract_key(body)
