"""Streams on their way through, dialect by dialect: unchanged, their end kept back, added up."""

from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic.types import Message
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types import Completion

from modicum.types import Endpoint
from modicum.wire.passing import Passing, passing

READ: list[Endpoint] = ["chat_completions", "completions", "messages", "responses"]
PIECES = [
    b"data: ",
    b"event: ",
    b"message_stop",
    b"response.completed",
    b"[DONE]",
    b"\n",
    b"\r\n",
    b"\r",
    b'{"type":"message_stop"}',
    b": x",
]
PIECES += [
    b'{"type":"response.completed","response":{"status":"completed"}}',
    b"event: message_stop\n",
    b"event: response.failed\r\n",
    b"{",
]


def told(*events: dict[str, Any]) -> bytes:
    return b"".join(b"event: " + event["type"].encode() + b"\ndata: " + json.dumps(event).encode() + b"\n\n" for event in events)


def through(endpoint: Endpoint, pieces: list[bytes]) -> tuple[Passing, bytes, bytes]:
    passed = passing(endpoint)
    early = b"".join(map(passed.feed, pieces))
    return passed, early, passed.rest()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in zip(marks, marks[1:], strict=False)]


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(READ), st.lists(st.sampled_from(PIECES) | st.binary(max_size=5), max_size=14), st.lists(st.integers(0, 200), max_size=6)
)
def test_bytes_never_change_however_they_are_cut(endpoint: Endpoint, parts: list[bytes], places: list[int]) -> None:
    data = b"".join(parts)
    one, cuts = through(endpoint, [data]), through(endpoint, cut(data, places))
    for passed, early, rest in (one, cuts):
        assert early + rest == data
        passed.response()
    assert one[0].done == cuts[0].done


RESPONSE = {"id": "resp_1", "object": "response", "status": "in_progress", "model": "m", "output": []}
ITEM = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello there"}]}
RESPONSES = (
    {"type": "response.created", "response": RESPONSE},
    {"type": "response.output_text.delta", "output_index": 0, "delta": "Hello the"},
    {"type": "response.output_text.delta", "output_index": 0, "delta": "re"},
    {"type": "response.output_item.done", "output_index": 0, "item": ITEM},
)
COMPLETED = {"type": "response.completed", "response": {**RESPONSE, "status": "completed", "output": [ITEM], "usage": {"input_tokens": 3}}}


@pytest.mark.parametrize("places", [[], [200], list(range(0, 2000, 7))])
def test_responses(places: list[int]) -> None:
    data, end = told(*RESPONSES), told(COMPLETED)
    passed, early, rest = through("responses", cut(data + end, places))
    assert passed.done and passed.finished and (early, rest) == (data, end) and passed.response() == COMPLETED["response"]
    partly, early, _ = through("responses", cut(told(*RESPONSES[:2]), places))
    assert not partly.done and not partly.finished
    response = partly.response()
    assert response is not None and response["output"][0]["content"] == [{"type": "output_text", "text": "Hello the"}]
    whole = through("responses", [data])[0].response()
    assert whole is not None and whole["output"] == [ITEM]


def test_responses_that_fail() -> None:
    failed = {"type": "response.failed", "response": {**RESPONSE, "status": "failed", "error": {"code": "server_error", "message": "x"}}}
    passed, _, rest = through("responses", [told(*RESPONSES, failed)])
    assert passed.done and passed.error == {"code": "server_error", "message": "x"} and rest == told(failed)
    error = {"type": "error", "code": "rate_limit", "message": "x"}
    passed, early, _ = through("responses", [told(*RESPONSES, error)])
    assert not passed.done and passed.error == error and early == told(*RESPONSES, error)


def test_a_last_event_in_many_pieces_is_read_once_it_is_whole() -> None:
    big = {**COMPLETED, "response": {**COMPLETED["response"], "text": "x" * 3_000_000}}  # type: ignore[dict-item]
    data = told(big)
    passed = passing("responses")
    for piece in (data[at : at + 65536] for at in range(0, len(data), 65536)):
        assert not passed.done and passed.feed(piece) == b""
    assert passed.done and passed.response() == big["response"] and passed.rest() == data


MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "c",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
}
MESSAGES = (
    {"type": "message_start", "message": {**MESSAGE, "usage": {"input_tokens": 4, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": '{"query":'}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": '"x"}'}},
    {"type": "content_block_stop", "index": 0},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "message_stop is a word"}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "citations_delta", "citation": {"type": "page_location"}}},
    {"type": "content_block_stop", "index": 1},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 9}},
)
STOP = {"type": "message_stop"}


def test_messages_with_blocks_that_only_anthropic_has() -> None:
    passed, early, rest = through("messages", [told(*MESSAGES), told(STOP) + b": more"])
    assert passed.done and passed.finished and early == told(*MESSAGES) and rest == told(STOP) + b": more"
    response = passed.response()
    assert response is not None
    assert response["content"] == [
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}},
        {"type": "text", "text": "message_stop is a word", "citations": [{"type": "page_location"}]},
    ]
    assert response["usage"] == {"input_tokens": 4, "output_tokens": 9} and response["stop_reason"] == "end_turn"
    del response["content"][1]["citations"]
    Message.model_validate(response)


def test_messages_that_break_off_or_fail() -> None:
    passed, _, _ = through("messages", [told(*MESSAGES[:3])])
    response = passed.response()
    assert not passed.done and not passed.finished and response is not None and response["content"][0]["input"] == {}
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "x"}}
    passed, early, _ = through("messages", [told(*MESSAGES[:3], error)])
    assert passed.error == error["error"] and not passed.done and early == told(*MESSAGES[:3], error)
    unnamed = b'data: {"type": "message_stop"}\n\n'
    passed, early, rest = through("messages", [told(*MESSAGES) + unnamed])
    assert passed.done and rest == unnamed


def test_completions() -> None:
    def event(text: str, reason: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "text": text, "finish_reason": reason, "logprobs": {"tokens": [text]}}
        return b"data: " + json.dumps({"id": "c", "created": 1, "model": "m", "choices": [choice], **more}).encode() + b"\n\n"

    data = event("Hel") + event("lo", "stop", usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3})
    passed, early, rest = through("completions", [data, b"data: [DONE]\n\n"])
    response = passed.response()
    assert passed.done and passed.finished and early == data and rest == b"data: [DONE]\n\n" and response is not None
    assert response["choices"] == [{"text": "Hello", "index": 0, "logprobs": {"tokens": ["Hel", "lo"]}, "finish_reason": "stop"}]
    del response["choices"][0]["logprobs"]
    Completion.model_validate(response)


def test_an_error_that_is_only_a_sentence() -> None:
    passed, _, _ = through("chat_completions", [b'data: {"error": "model is gone"}\n\n'])
    assert passed.error == {"message": "model is gone"}


def test_reasoning_in_pieces_is_joined() -> None:
    def event(**delta: Any) -> bytes:
        return b"data: " + json.dumps({"id": "c", "choices": [{"index": 0, "delta": delta}]}).encode() + b"\n\n"

    def block(text: str, signature: str = "") -> dict[str, Any]:
        return {"type": "thinking", "thinking": text, "signature": signature}

    data = event(thinking_blocks=[block("a")], reasoning_content="a") + event(thinking_blocks=[block("b")], reasoning_content="b")
    data += event(thinking_blocks=[block("", "s")]) + event(thinking_blocks=[block("c")], reasoning_content="c")
    details = [{"type": "reasoning.text", "text": "x", "index": 0}, {"type": "reasoning.text", "text": "y", "index": 0, "signature": "s"}]
    data += b"".join(event(reasoning_details=[detail]) for detail in details)
    response = through("chat_completions", [data])[0].response()
    assert response is not None
    message = response["choices"][0]["message"]
    assert message["thinking_blocks"] == [block("ab", "s"), block("c")] and message["reasoning_content"] == "abc"
    assert message["reasoning_details"] == [{"type": "reasoning.text", "text": "xy", "index": 0, "signature": "s"}]


def test_an_endpoint_whose_streams_are_not_read() -> None:
    passed, early, rest = through("embeddings", [b"any", b"thing"])
    assert (early, rest, passed.done, passed.finished, passed.response()) == (b"anything", b"", False, False, None)
