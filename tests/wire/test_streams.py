"""Streams in both dialects: written, cut at any byte, read back; and what providers do wrong."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import RawMessageStreamEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk
from pydantic import TypeAdapter

from modicum.errors import UpstreamError
from modicum.types import Usage
from modicum.wire import anthropic, openai
from modicum.wire.gather import Gathered, events
from modicum.wire.passing import passing
from modicum.wire.talk import (
    Added,
    Began,
    Choice,
    Closed,
    Dialect,
    Ended,
    Event,
    Failed,
    Opened,
    Pinged,
    Reasoning,
    Refusal,
    Request,
    Response,
    Text,
    ToolUse,
)
from tests.wire import said

ASKED = Request(model="m", messages=(), stream=True, include_usage=True)
CUTS = st.lists(st.integers(0, 100_000), max_size=12)
EVENTS: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in zip(marks, marks[1:], strict=False)]


def write(dialect: Dialect, told: list[Event]) -> bytes:
    writer = dialect.writer(ASKED)
    return b"".join(writer.write(event) for event in told)


def read(dialect: Dialect, pieces: list[bytes]) -> Gathered:
    reader, gathered = dialect.reader(), Gathered()
    for piece in pieces:
        gathered.take(reader.feed(piece))
    gathered.take(reader.end())
    return gathered


def lines(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in data.split(b"\n") if line.startswith(b"data: {")]


@given(said.responses(most=3), CUTS)
def test_events_gathered_are_the_response(response: Response, _: list[int]) -> None:
    gathered = Gathered()
    gathered.take(events(response))
    assert gathered.response() == response and gathered.ended and gathered.finished


@settings(deadline=None)
@given(said.responses(most=3), CUTS, st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_openai_s_stream_cut_anywhere(response: Response, places: list[int], end: bytes) -> None:
    data = write(openai.DIALECT, list(events(response)))
    for chunk in lines(data):
        ChatCompletionChunk.model_validate(chunk)
    gathered = read(openai.DIALECT, cut(data.replace(b"\n", end), places))
    assert gathered.response() == response and gathered.ended and gathered.failed is None
    passed = passing("chat_completions")
    assert b"".join(map(passed.feed, cut(data, places))) + passed.rest() == data and passed.done and passed.finished
    plain = passed.response()
    assert plain is not None and openai.DIALECT.read_response(plain) == response


@settings(deadline=None)
@given(said.responses(), CUTS, st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_anthropic_s_stream_cut_anywhere(response: Response, places: list[int], end: bytes) -> None:
    data = write(anthropic.DIALECT, list(events(response)))
    for event in lines(data):
        EVENTS.validate_python(event)
    # It says neither when it was made, nor that a text is a refusal.
    texts = tuple(Text(text=part.text) if isinstance(part, Refusal) else part for part in response.choices[0].parts)
    expected = replace(response, created=None, choices=(replace(response.choices[0], parts=texts),))
    gathered = read(anthropic.DIALECT, cut(data.replace(b"\n", end), places))
    assert gathered.response() == expected and gathered.ended and gathered.failed is None
    passed = passing("messages")
    assert b"".join(map(passed.feed, cut(data, places))) + passed.rest() == data and passed.done and passed.finished
    plain = passed.response()
    assert plain is not None and anthropic.DIALECT.read_response(plain) == expected


@settings(deadline=None)
@given(said.responses(), st.integers(0, 100_000), st.sampled_from([openai.DIALECT, anthropic.DIALECT]))
def test_a_stream_that_breaks_never_ends(response: Response, place: int, dialect: Dialect) -> None:
    data = write(dialect, list(events(response))).rstrip(b"\n")
    broken = data[: place % len(data)]
    reasoned = data.rfind(b'"finish_reason":"')
    try:
        gathered = read(dialect, [broken])
    except UpstreamError:
        return
    # Some servers send nothing behind the event that says why the answer ended.
    assert not gathered.ended or (reasoned >= 0 and len(broken) >= data.index(b"\n\n", reasoned))


@settings(deadline=None)
@given(st.binary(max_size=300), CUTS, st.sampled_from([openai.DIALECT, anthropic.DIALECT]))
def test_any_bytes(data: bytes, places: list[int], dialect: Dialect) -> None:
    try:
        gathered = read(dialect, cut(data, places))
    except UpstreamError:
        return
    assert not gathered.ended


KEYS = ["id", "model", "choices", "delta", "index", "tool_calls", "function", "error", "usage", "message", "content_block", "type"]
KEYS += ["content", "finish_reason", "thinking_blocks", "reasoning_details", "reasoning", "name", "arguments", "stop_reason", "input"]
TYPES = ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "message_stop", "error"]
TYPES += ["text", "tool_use", "thinking", "text_delta", "input_json_delta", "function"]
ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | said.WORDS | st.sampled_from(TYPES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=14,
)


@settings(deadline=None, max_examples=200)
@given(st.lists(ANY, max_size=4), st.sampled_from([openai.DIALECT, anthropic.DIALECT]))
def test_events_of_any_shape(told: list[Any], dialect: Dialect) -> None:
    data = b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in told)
    with suppress(UpstreamError):
        read(dialect, [data]).response()
    for endpoint in ("chat_completions", "messages", "responses", "completions", "embeddings"):
        passed = passing(endpoint)
        assert passed.feed(data) + passed.rest() == data
        passed.response()


@pytest.mark.parametrize(
    "data",
    [
        b"data: {nonsense\n\n",
        b"data: [1]\n\n",
        b"data: NaN\n\n",
        b'data: {"choices":[{"delta":{"content":NaN}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n',
        b'data: {"choices":{}}\n\n',
        b'data: {"choices":[{"delta":{"content":7}}]}\n\n',
        b'data: {"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]},"finish_reason":"tool_calls"}]}\n\n',
        b"data: [DONE]\n\n",
        b"data: " + b"[" * 100_000 + b"\n\n",
        b"data: " + b"x" * (1 << 20) + b"\n\n",
        b"x" * ((1 << 20) + 1),
        b"data: " + b"\ndata: ".join([b"x" * 1_000_000] * 5) + b"\n\n",
    ],
    ids=range(13),
)
def test_garbage_is_the_provider_s_failure(data: bytes) -> None:
    with pytest.raises(UpstreamError):
        openai.DIALECT.reader().feed(data)


@pytest.mark.parametrize(
    "told",
    [
        [{"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}],
        [
            {"type": "message_start", "message": {}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}},
        ],
        [{"type": "message_start", "message": {}}, {"type": "message_start", "message": {}}],
        [{"type": "message_start", "message": {}}, {"type": "content_block_stop", "index": 0}],
        [{"type": "message_stop"}],
        [{"no": "type"}],
    ],
    ids=range(6),
)
def test_anthropic_s_events_out_of_order(told: list[dict[str, Any]]) -> None:
    with pytest.raises(UpstreamError):
        anthropic.DIALECT.reader().feed(b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in told))


def chunk(**body: Any) -> bytes:
    return b"data: " + json.dumps({"id": "x", "model": "m", **body}).encode() + b"\n\n"


def test_what_servers_of_chat_completions_send_besides() -> None:
    azure = b'\xef\xbb\xbfdata: {"choices":[],"id":"","model":"","prompt_filter_results":[]}\n\n'
    data = azure + b": comment\n\nretry: 3\nevent\n\n"
    data += chunk(choices=[{"index": 0, "delta": {"role": "assistant", "reasoning": "hm"}}], usage=None)
    data += chunk(
        choices=[{"index": 0, "delta": {"content": "a"}, "finish_reason": None}], usage={"prompt_tokens": 1, "completion_tokens": 1}
    )
    data += chunk(choices=[{"index": 0, "delta": {"content": [{"type": "text", "text": "b"}]}, "finish_reason": "stop"}])
    data += chunk(choices=[{"index": 0, "delta": {}}], usage={"prompt_tokens": 3, "completion_tokens": 2, "prompt_cache_hit_tokens": 1})
    gathered = read(openai.DIALECT, [data, b"data: [DONE]"])  # no blank line at the end
    response = gathered.response()
    assert gathered.ended and response is not None
    assert response.choices[0].parts == (Reasoning(text="hm"), Text(text="ab"))
    assert response.usage == Usage(input_tokens=3, output_tokens=2, cache_read_tokens=1)


def test_parallel_tool_calls_in_fragments_that_mix() -> None:
    def piece(index: int | None, told: str | None = None, name: str | None = None, arguments: str = "") -> dict[str, Any]:
        call: dict[str, Any] = {"id": told, "function": {"name": name, "arguments": arguments}}
        return call if index is None else {"index": index, **call}

    def stream(*pieces: dict[str, Any]) -> bytes:
        data = b"".join(chunk(choices=[{"index": 0, "delta": {"tool_calls": [one]}}]) for one in pieces)
        return data + chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}]) + b"data: [DONE]\n\n"

    expected = (ToolUse(id="a", name="look", arguments='{"x":1}'), ToolUse(id="b", name="find", arguments="{}"))
    mixed = stream(piece(0, "a", "look", '{"x"'), piece(1, "b", "find"), piece(0, arguments=":1}"), piece(1, arguments="{}"))
    same_index = stream(piece(0, "a", "look", '{"x":1}'), piece(0, "b", "find", "{}"))
    no_index = stream(piece(None, "a", "look", '{"x"'), piece(None, arguments=":1}"), piece(None, "b", "find", "{}"))
    for data in (same_index, no_index, mixed):
        response = read(openai.DIALECT, [data]).response()
        assert response is not None
        assert response.choices == (Choice(parts=expected, finish="tool_use"),)
    assert response is not None
    # For Anthropic's clients one block follows the other.
    reader = openai.DIALECT.reader()
    written = write(anthropic.DIALECT, [*reader.feed(mixed)])
    order = [(event["type"], event.get("index")) for event in lines(written) if event["type"].startswith("content_block_st")]
    assert order == [("content_block_start", 0), ("content_block_stop", 0), ("content_block_start", 1), ("content_block_stop", 1)]
    assert read(anthropic.DIALECT, [written]).response() == replace(response, created=None, usage=Usage(input_tokens=0, output_tokens=0))


def test_errors_inside_a_stream() -> None:
    begun = chunk(choices=[{"index": 0, "delta": {"content": "a"}}])
    for error in (
        {"error": {"message": "no", "code": "overloaded"}},
        {"object": "error", "message": "no", "type": "overloaded", "code": 0},
    ):
        gathered = read(openai.DIALECT, [begun + b"data: " + json.dumps(error).encode() + b"\n\ndata: [DONE]\n\n"])
        assert gathered.failed == Failed(message="no", kind="overloaded") and not gathered.ended
    told = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
    failed = anthropic.DIALECT.reader().feed(told)
    assert list(failed) == [Failed(message="Overloaded", kind="overloaded_error")]
    for dialect in (openai.DIALECT, anthropic.DIALECT):
        again = read(dialect, [write(dialect, list(failed))])
        assert again.failed == failed[0] and not again.ended


def test_anthropic_s_own_stream() -> None:
    told: list[dict[str, Any]] = [
        {
            "type": "message_start",
            "message": {"id": "msg_1", "model": "claude", "usage": {"input_tokens": 5, "cache_read_input_tokens": 2}},
        },
        {"type": "ping"},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": "", "signature": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "s"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "something_new"},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "id": "t", "name": "look", "input": {}}},
        {"type": "content_block_stop", "index": 1},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"input_tokens": 0, "output_tokens": 7}},
        {"type": "message_stop"},
    ]
    data = b"".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in told)
    found = list(anthropic.DIALECT.reader().feed(data))
    assert Pinged() in found and found[-1] == Ended() and isinstance(found[0], Began)
    gathered = read(anthropic.DIALECT, [data])
    response = gathered.response()
    assert response is not None
    assert response.choices == (Choice(parts=(Reasoning(signature="s"), ToolUse(id="t", name="look", arguments="{}")), finish="tool_use"),)
    assert response.usage == Usage(input_tokens=7, output_tokens=7, cache_read_tokens=2)


def test_what_has_no_words_in_a_stream() -> None:
    writer = anthropic.DIALECT.writer(ASKED)
    with pytest.raises(UpstreamError):
        writer.write(Opened(index=0, choice=1, part=Text(text="")))
    assert openai.DIALECT.writer(ASKED).write(Closed(index=0)) == b""
    assert b'"content":"a"' in openai.DIALECT.writer(ASKED).write(Added(index=0, text="a"))


def test_openai_s_client_adds_reasoning_and_tool_calls_up() -> None:
    thoughts = (Reasoning(text="let me think", signature="s"), Reasoning(sealed="x"), Reasoning(text="so it is", signature="t"))
    uses = (ToolUse(id="a", name="look", arguments='{"x": 1}'), ToolUse(id="b", name="find", arguments="{}"))
    response = Response(
        id="1", model="m", created=1, choices=(Choice(parts=(*thoughts, Text(text="Hello there"), *uses), finish="tool_use"),)
    )
    state = ChatCompletionStreamState()
    for one in lines(write(openai.DIALECT, list(events(response)))):
        state.handle_chunk(ChatCompletionChunk.model_validate(one))
    whole = state.get_final_completion().model_dump(exclude_none=True)
    assert openai.DIALECT.read_response(whole).choices == response.choices


def test_anthropic_s_client_adds_blocks_up() -> None:
    parts = (
        Reasoning(text="let me think", signature="s"),
        Reasoning(sealed="x"),
        Text(text="Hello there"),
        ToolUse(id="a", name="b", arguments="{}"),
    )
    response = Response(id="1", model="m", choices=(Choice(parts=parts, finish="tool_use"),), usage=Usage(input_tokens=3, output_tokens=4))
    snapshot: Any = None
    pieces: dict[int, bytes] = {}
    for one in lines(write(anthropic.DIALECT, list(events(response)))):
        snapshot = accumulate_event(event=EVENTS.validate_python(one), current_snapshot=snapshot, json_bufs=pieces)
    whole = snapshot.model_dump(exclude_none=True, exclude={"content": {"__all__": {"parsed_output"}}}, warnings=False)
    assert anthropic.DIALECT.read_response(whole).choices == response.choices
    assert anthropic.DIALECT.read_response(whole).usage == response.usage
