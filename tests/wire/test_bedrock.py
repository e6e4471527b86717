"""Bedrock's Converse: worked examples, round trips, streams cut anywhere, garbage."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore  # type: ignore[import-untyped]
import botocore.validate  # type: ignore[import-untyped]
import msgspec
import pytest
from botocore.model import ServiceModel  # type: ignore[import-untyped]
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.errors import InputError, ModicumError, UntranslatableError, UpstreamError
from modicum.types import Usage
from modicum.wire import openai
from modicum.wire.bedrock import DIALECT
from modicum.wire.bedrock.eventstream import encode
from modicum.wire.bedrock.response import usage
from modicum.wire.gather import events
from modicum.wire.talk import (
    File,
    Format,
    Image,
    Message,
    Reasoning,
    Request,
    Response,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
)
from tests.wire import talked

CALL_IDS = st.text("abcXYZ019-_", min_size=1, max_size=40)
THOUGHTS = st.builds(Reasoning, text=talked.SAID, signature=st.none() | talked.SAID) | st.builds(Reasoning, sealed=talked.DATA)
USAGE = st.builds(
    lambda fresh, said, read, written: Usage(
        input_tokens=fresh + (read or 0) + (written or 0), output_tokens=said, cache_read_tokens=read, cache_write_tokens=written
    ),
    talked.COUNTS,
    talked.COUNTS,
    st.none() | talked.COUNTS,
    st.none() | talked.COUNTS,
)
REQUESTS = talked.requests(
    call_ids=CALL_IDS,
    stop=st.lists(talked.SAID, max_size=2).map(tuple),
    metadata=st.none() | st.dictionaries(talked.NAMES, talked.NAMES, min_size=1, max_size=2),
    service_tier=st.sampled_from([None, "flex", "priority"]),
    thinking=st.none() | st.builds(Thinking, effort=st.sampled_from(["low", "max"])),
)
ANSWERS = talked.answers(call_ids=CALL_IDS, thoughts=THOUGHTS, usage=USAGE)
ASKED = Request(model="", messages=(Message(role="user", parts=(Text(text="a"),)),))


def named(request: Request) -> Request:
    """The normal form: documents have names, numbered where one comes again."""
    number = 0
    messages = []
    for message in request.messages:
        parts = []
        for part in message.parts:
            if isinstance(part, File):
                number += 1
                part = replace(part, name="document" if number == 1 else f"document {number}")
            parts.append(part)
        messages.append(replace(message, parts=tuple(parts)))
    return replace(request, messages=tuple(messages))


@settings(deadline=None)
@given(REQUESTS)
def test_a_request_comes_back_as_it_went(request: Request) -> None:
    written = talked.wire(DIALECT.write_request(request))
    assert DIALECT.read_request(written) == named(request)
    assert talked.wire(DIALECT.write_request(DIALECT.read_request(written))) == written


def shape(name: str) -> Any:
    folder = max((Path(botocore.__file__).parent / "data" / "bedrock-runtime").iterdir())
    data = json.loads(gzip.decompress((folder / "service-2.json.gz").read_bytes()))
    return ServiceModel(data, "bedrock-runtime").shape_for(name)


MODEL = shape("ConverseRequest")


def unpacked(value: Any) -> Any:
    """`bytes` as botocore wants them before it encodes."""
    if isinstance(value, dict):
        return {k: v.encode() if k in ("bytes", "redactedContent") else unpacked(v) for k, v in value.items()}
    return [unpacked(one) for one in value] if isinstance(value, list) else value


@settings(deadline=None, max_examples=40)
@given(REQUESTS)
def test_what_is_written_is_a_request_to_the_service(request: Request) -> None:
    body = {"modelId": "m", **unpacked(talked.wire(DIALECT.write_request(request)))}
    report = botocore.validate.ParamValidator().validate(body, MODEL)
    assert not report.has_errors(), report.generate_report()


@settings(deadline=None)
@given(ANSWERS)
def test_an_answer_comes_back_as_it_went(response: Response) -> None:
    back = DIALECT.read_response(talked.wire(DIALECT.write_response(response)))
    assert replace(back, id=response.id, model=response.model, created=response.created) == response


@settings(deadline=None)
@given(ANSWERS, st.lists(st.integers(0, 10**5), max_size=12))
def test_a_stream_cut_anywhere_tells_the_same(response: Response, places: list[int]) -> None:
    data = talked.told(DIALECT, events(response), ASKED)
    found = talked.heard(DIALECT.reader(), talked.cut(data, places))
    back = found.response()
    assert found.ended and back is not None
    assert replace(back, id=response.id, model=response.model, created=response.created) == response


@settings(deadline=None)
@given(ANSWERS, st.integers(0, 10**5))
def test_a_stream_that_breaks_off_is_never_whole(response: Response, place: int) -> None:
    data = talked.told(DIALECT, events(response), ASKED)
    metadata = data.rindex(b"metadata")
    assert talked.never_clean(DIALECT.reader(), [data[: place % (metadata - 40)]])


@settings(deadline=None)
@given(st.binary(max_size=300) | st.builds(lambda value: event("messageStop", value), talked.VALUES))
def test_garbage_is_an_error_or_nothing(data: bytes) -> None:
    assert talked.never_clean(DIALECT.reader(), [data])


KEYS = st.sampled_from(
    ["output", "message", "content", "text", "toolUse", "input", "name", "toolUseId", "stopReason", "usage", "messages", "role", "system"]
    + ["toolConfig", "tools", "toolSpec", "inputSchema", "json", "image", "source", "bytes", "format", "delta", "start", "cachePoint"]
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | st.sampled_from(["end_turn", "user", "png", "x", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
KINDS = st.sampled_from(["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "metadata", "other"])


def event(kind: str, value: Any) -> bytes:
    return encode({":event-type": kind, ":message-type": "event"}, msgspec.json.encode(value))


@settings(deadline=None)
@given(st.dictionaries(KEYS, ANYTHING, max_size=5), KINDS)
def test_any_json_is_read_or_refused(body: dict[str, Any], kind: str) -> None:
    for read in (DIALECT.read_request, DIALECT.read_response):
        try:
            read(body)
        except ModicumError as error:
            assert isinstance(error, InputError | UpstreamError)
    assert talked.never_clean(DIALECT.reader(), [event(kind, body)])


def test_a_conversation_from_a_chat_caller() -> None:
    chat = {
        "model": "anthropic.claude-sonnet-4-6",
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "Rules", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]},
            {
                "role": "user",
                "content": [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,AAAA"}}],
            },
            {
                "role": "assistant",
                "content": "I look.",
                "tool_calls": [{"id": "c" * 70, "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}],
            },
            {"role": "tool", "tool_call_id": "c" * 70, "content": "42"},
            {"role": "user", "content": "And?"},
        ],
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "tool_choice": "required",
        "max_tokens": 100,
        "stop": ["END"],
        "top_k": 5,
    }
    body = DIALECT.write_request(openai.DIALECT.read_request(chat))
    assert body["system"] == [{"text": "Rules"}, {"cachePoint": {"type": "default", "ttl": "1h"}}]
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][0]["content"][1] == {"image": {"format": "jpeg", "source": {"bytes": "AAAA"}}}
    use = body["messages"][1]["content"][1]["toolUse"]
    result = body["messages"][2]["content"][0]["toolResult"]
    assert use["toolUseId"] == result["toolUseId"] and len(use["toolUseId"]) <= 64 and use["input"] == {"a": 1}
    assert result["content"] == [{"text": "42"}] and body["messages"][2]["content"][1] == {"text": "And?"}
    assert body["inferenceConfig"] == {"maxTokens": 100, "stopSequences": ["END"]}
    assert body["toolConfig"]["toolChoice"] == {"any": {}} and body["additionalModelRequestFields"] == {"top_k": 5}


def test_an_answer_with_everything_in_its_usage() -> None:
    body = {
        "output": {
            "message": {
                "role": "assistant",
                "content": [
                    {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "s"}}},
                    {"text": "Let me look."},
                    {"toolUse": {"toolUseId": "t1", "name": "f", "input": {"a": 1}}},
                ],
            }
        },
        "stopReason": "tool_use",
        "usage": {
            "inputTokens": 10,
            "outputTokens": 5,
            "totalTokens": 65,
            "cacheReadInputTokens": 30,
            "cacheWriteInputTokens": 20,
            "cacheDetails": [{"ttl": "1h", "inputTokens": 15}, {"ttl": "5m", "inputTokens": 5}],
        },
        "metrics": {"latencyMs": 100},
        "trace": {"promptRouter": {"invokedModelId": "x"}},
    }
    ours = DIALECT.read_response(body)
    assert ours.usage == Usage(input_tokens=60, output_tokens=5, cache_read_tokens=30, cache_write_tokens=20, cache_write_1h_tokens=15)
    assert ours.choices[0].parts[2] == ToolUse(id="t1", name="f", arguments='{"a":1}')
    assert ours.choices[0].finish == "tool_use" and ours.choices[0].parts[0] == Reasoning(text="Hm.", signature="s")


def test_exceptions_are_messages_of_a_stream() -> None:
    start = event("messageStart", {"role": "assistant"}) + event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "a"}})
    thrown = encode({":message-type": "exception", ":exception-type": "throttlingException"}, b'{"message": "slow down"}')
    found = talked.heard(DIALECT.reader(), [start + thrown + event("messageStop", {"stopReason": "end_turn"})])
    assert not found.ended and found.failed is not None
    assert (found.failed.kind, found.failed.message) == ("throttlingException", "slow down")
    found = talked.heard(DIALECT.reader(), [start + DIALECT.error_event(DIALECT.write_error("gone", status=500, code="x"))])
    assert not found.ended and found.failed is not None and found.failed.message == "gone"


@pytest.mark.parametrize("reason", ["malformed_model_output", "malformed_tool_use", "new_one"])
def test_a_stop_that_is_no_answer_is_an_error(reason: str) -> None:
    with pytest.raises(UpstreamError, match=reason):
        DIALECT.read_response({"output": {"message": {"content": [{"text": "a"}]}}, "stopReason": reason})
    assert talked.never_clean(DIALECT.reader(), [event("messageStop", {"stopReason": reason}) + event("metadata", {})])


@pytest.mark.parametrize(
    ("request_", "named_"),
    [
        ({"seed": 1}, "seed"),
        ({"choices": 2}, "'n'"),
        ({"logprobs": True}, "logprobs"),
        ({"top_k": 3}, "top_k"),
        ({"format": Format(kind="json_object")}, "json_object"),
        ({"thinking": Thinking(budget_tokens=2000)}, "thinking"),
        ({"service_tier": "scale"}, "scale"),
        ({"tools": (Tool(name="f"),), "tool_choice": ToolChoice(parallel=False)}, "parallel_tool_calls"),
        ({"messages": (Message(role="user", parts=(Image(url="https://a/b.png"),)),)}, "url"),
        ({"messages": (Message(role="user", parts=(Image(media_type="image/tiff", data="AA=="),)),)}, "tiff"),
    ],
)
def test_what_has_no_words_is_refused_by_name(request_: dict[str, Any], named_: str) -> None:
    with pytest.raises(UntranslatableError, match=named_):
        DIALECT.write_request(replace(ASKED, **request_))


@pytest.mark.parametrize(
    ("body", "named_"),
    [
        ({"guardrailConfig": {"guardrailIdentifier": "g"}}, "guardrailConfig"),
        ({"promptVariables": {"a": {"text": "b"}}}, "promptVariables"),
        ({"additionalModelRequestFields": {"anthropic_beta": ["x"]}}, "additionalModelRequestFields.anthropic_beta"),
        ({"messages": [{"role": "user", "content": [{"video": {"format": "mp4", "source": {}}}]}]}, r"messages\[0\].content\[0\].video"),
    ],
)
def test_what_ours_have_no_words_for_is_refused_by_name(body: dict[str, Any], named_: str) -> None:
    with pytest.raises(UntranslatableError, match=named_):
        DIALECT.read_request({"messages": [{"role": "user", "content": [{"text": "a"}]}]} | body)


def test_thought_goes_to_claude_only_with_a_signature_that_it_knows() -> None:
    thoughts = (
        Reasoning(text="a"),
        Reasoning(text="b", signature="gemini-x"),
        Reasoning(text="c", signature="s"),
        Reasoning(sealed="rs_1:x"),
    )
    message = Message(role="assistant", parts=(*thoughts, Text(text="d")))
    body = DIALECT.write_request(
        replace(ASKED, model="us.anthropic.claude-x", messages=(message,), thinking=Thinking(enabled=True, budget_tokens=2000))
    )
    assert body["messages"][0]["content"] == [{"reasoningContent": {"reasoningText": {"text": "c", "signature": "s"}}}, {"text": "d"}]
    assert body["additionalModelRequestFields"] == {"thinking": {"type": "enabled", "budget_tokens": 2000}}
    assert DIALECT.read_request(body).thinking == Thinking(enabled=True, budget_tokens=2000)


def test_cache_points_stand_after_what_they_keep() -> None:
    parts = (Text(text="a", keep="1h"), ToolResult(id="t", parts=(Text(text="r"),), keep="5m"))
    request = Request(
        model="", messages=(Message(role="user", parts=parts),), tools=(Tool(name="f", parameters={"type": "object"}, keep="1h"),)
    )
    body = DIALECT.write_request(request)
    assert [next(iter(block)) for block in body["messages"][0]["content"]] == ["text", "cachePoint", "toolResult", "cachePoint"]
    assert DIALECT.read_request(body) == request


def test_no_tools_where_none_may_be_called() -> None:
    request = replace(ASKED, tools=(Tool(name="f"),), tool_choice=ToolChoice(mode="none"))
    assert "toolConfig" not in DIALECT.write_request(request)
    called = (Message(role="assistant", parts=(ToolUse(id="t", name="f", arguments=""),)),)
    with pytest.raises(UntranslatableError, match="tool_choice"):
        DIALECT.write_request(replace(request, messages=called))


def test_errors_and_usage() -> None:
    assert DIALECT.read_error({"message": "no", "__type": "com.amazon#ThrottlingException"}, 429) == ("no", "ThrottlingException")
    assert DIALECT.read_error(None, 503) == ("Bedrock answered 503", "ServiceUnavailableException")
    assert usage(None) == Usage() and usage({"inputTokens": -1}) == Usage()
