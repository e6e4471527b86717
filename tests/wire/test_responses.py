"""OpenAI's Responses: the SDK reads what is written, round trips, streams cut anywhere, garbage."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response as TheirResponse
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from modicum.errors import InputError, ModicumError, UntranslatableError, UpstreamError
from modicum.types import Usage
from modicum.wire import openai
from modicum.wire.gather import events
from modicum.wire.responses import DIALECT
from modicum.wire.talk import (
    Began,
    Choice,
    Closed,
    Ended,
    Event,
    Failed,
    File,
    Finished,
    Format,
    Image,
    Message,
    Opened,
    Reasoning,
    Refusal,
    Request,
    Response,
    Text,
    Thinking,
    Tool,
    ToolChoice,
    ToolUse,
)
from tests.wire import talked

IDS = st.text("abcXYZ019-_", min_size=1, max_size=30)
THOUGHTS = (
    st.builds(Reasoning, text=talked.SAID, signature=st.none() | talked.SAID)
    | st.builds(Reasoning, sealed=talked.DATA)
    | st.builds(Reasoning, sealed=st.builds("rs_{}:{}".format, talked.NAMES, talked.DATA))
)
USAGE = st.builds(
    Usage,
    input_tokens=talked.COUNTS,
    output_tokens=talked.COUNTS,
    cache_read_tokens=talked.COUNTS,
    cache_write_tokens=talked.COUNTS,
    reasoning_tokens=talked.COUNTS,
)
REQUESTS = talked.requests(
    call_ids=IDS,
    top_logprobs=st.none() | st.integers(0, 20),
    logprobs=st.sampled_from([None, True]),
    user_id=st.none() | talked.NAMES,
    metadata=st.none() | st.dictionaries(talked.NAMES, talked.NAMES, max_size=2),
    service_tier=st.sampled_from([None, "auto", "flex"]),
    store=st.none() | st.booleans(),
    stream=st.none() | st.booleans(),
    thinking=st.none() | st.builds(Thinking, enabled=st.sampled_from([None, True]), effort=st.sampled_from(["low", "high", "none"])),
)
ANSWERS = talked.answers(call_ids=IDS, thoughts=THOUGHTS, usage=USAGE)
EVENTS: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
ASKED = Request(model="m", messages=(Message(role="user", parts=(Text(text="a"),)),))


@settings(deadline=None)
@given(REQUESTS)
def test_a_request_comes_back_as_it_went(request: Request) -> None:
    request = replace(request, model="m")
    written = talked.wire(DIALECT.write_request(request))
    assert DIALECT.read_request(written) == request
    assert talked.wire(DIALECT.write_request(DIALECT.read_request(written))) == written


@settings(deadline=None)
@given(ANSWERS)
def test_an_answer_comes_back_as_it_went_and_is_one_to_the_sdk(response: Response) -> None:
    written = talked.wire(DIALECT.write_response(response, ASKED))
    TheirResponse.model_validate(written, strict=True)
    assert DIALECT.read_response(written) == response


def parsed(data: bytes) -> Iterator[Any]:
    for number, block in enumerate(data.decode().split("\n\n")[:-1]):
        name, line = block.split("\n")
        body = msgspec.json.decode(line.removeprefix("data: "))
        assert name == f"event: {body['type']}" and body["sequence_number"] == number
        yield EVENTS.validate_python(body)


@settings(deadline=None, max_examples=40)
@given(ANSWERS, st.lists(st.integers(0, 10**5), max_size=12))
def test_a_stream_is_one_to_the_sdk_and_cut_anywhere_tells_the_same(response: Response, places: list[int]) -> None:
    data = talked.told(DIALECT, events(response), ASKED)
    state: ResponseStreamState[Any] = ResponseStreamState(input_tools=omit, text_format=omit)
    last = [told for event in parsed(data) for told in state.handle_event(event)][-1]
    assert last.type in ("response.completed", "response.incomplete")
    assert DIALECT.read_response(last.response.to_dict(mode="json")) == response
    found = talked.heard(DIALECT.reader(), talked.cut(data, places))
    assert found.ended and found.failed is None and found.response() == response


@settings(deadline=None)
@given(ANSWERS, st.integers(0, 10**6))
def test_a_stream_that_breaks_off_is_never_whole(response: Response, place: int) -> None:
    data = talked.told(DIALECT, events(response), ASKED)
    last = data.rindex(b"event: response.")
    assert talked.never_clean(DIALECT.reader(), [data[: place % last]])


@settings(deadline=None)
@given(st.binary(max_size=300) | st.builds(lambda value: b"data: " + msgspec.json.encode(value) + b"\n\n", talked.VALUES))
def test_garbage_is_an_error_or_nothing(data: bytes) -> None:
    assert talked.never_clean(DIALECT.reader(), [data])


KEYS = st.sampled_from(
    ["input", "model", "type", "role", "content", "text", "output", "status", "item", "part", "delta", "response", "call_id", "name"]
    + ["arguments", "summary", "encrypted_content", "tools", "tool_choice", "reasoning", "output_index", "content_index", "usage", "id"]
)
WORDS = [
    "message",
    "user",
    "input_text",
    "output_text",
    "function_call",
    "function_call_output",
    "reasoning",
    "completed",
    "incomplete",
    "x",
    "",
]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
KINDS = ["output_item.added", "output_item.done", "content_part.added", "output_text.delta", "function_call_arguments.delta", "created"]


@settings(deadline=None)
@given(st.dictionaries(KEYS, ANYTHING, max_size=5), st.lists(st.sampled_from(KINDS), max_size=3))
def test_any_json_is_read_or_refused(body: dict[str, Any], kinds: list[str]) -> None:
    for read in (DIALECT.read_request, DIALECT.read_response):
        try:
            read(body)
        except ModicumError as error:
            assert isinstance(error, InputError | UpstreamError)
    lines = [b"data: " + msgspec.json.encode(body | {"type": f"response.{kind}"}) + b"\n\n" for kind in kinds]
    try:
        assert not talked.heard(DIALECT.reader(), lines).ended
    except ModicumError as error:
        assert isinstance(error, UntranslatableError | UpstreamError)


def test_the_order_of_events() -> None:
    parts = (Reasoning(text="Hm"), Text(text="a b"), Text(text="c"), ToolUse(id="call_1", name="f", arguments='{"a":1}'))
    response = Response(id="1", model="m", choices=(Choice(parts=parts, finish="tool_use"),), usage=Usage(input_tokens=1, output_tokens=2))
    names = [event.type.removeprefix("response.") for event in parsed(talked.told(DIALECT, events(response), ASKED))]
    text = ["content_part.added", "output_text.delta", "output_text.done", "content_part.done"]
    assert names == [
        "created",
        "in_progress",
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        *text[:2],
        *text[1:],
        *text,
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]


def test_a_responses_call_goes_to_a_provider_of_chat() -> None:
    call = {
        "model": "gpt-x",
        "instructions": "Be brief.",
        "input": [
            {
                "role": "user",
                "content": [{"type": "input_text", "text": "Look"}, {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}],
            },
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {
                "type": "message",
                "id": "msg_1",
                "status": "completed",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "I look.", "annotations": []}],
            },
            {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}", "status": "completed"},
            {"type": "function_call", "call_id": "c2", "name": "g", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c1", "output": "one"},
            {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "two"}]},
            {"role": "user", "content": "And?"},
        ],
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}],
        "tool_choice": {"type": "function", "name": "f"},
        "parallel_tool_calls": False,
        "text": {"format": {"type": "json_schema", "name": "out", "schema": {"type": "object"}, "strict": True}, "verbosity": "medium"},
        "reasoning": {"effort": "low"},
        "max_output_tokens": 50,
        "include": ["reasoning.encrypted_content"],
        "previous_response_id": None,
        "background": False,
        "truncation": "disabled",
        "prompt_cache_key": "k",
        "store": False,
        "stream": True,
    }
    chat = openai.DIALECT.write_request(DIALECT.read_request(call))
    roles = [message["role"] for message in chat["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "tool", "user"]
    assert [one["id"] for one in chat["messages"][2]["tool_calls"]] == ["c1", "c2"]
    assert [message["tool_call_id"] for message in chat["messages"][3:5]] == ["c1", "c2"]
    assert chat["response_format"]["json_schema"] == {"name": "out", "schema": {"type": "object"}, "strict": True}
    assert chat["reasoning_effort"] == "low" and chat["parallel_tool_calls"] is False and chat["stream"] is True
    assert chat["tool_choice"] == {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"background": True}, "background"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"truncation": "auto"}, "truncation"),
        ({"tools": [{"type": "web_search"}]}, "web_search"),
        ({"tool_choice": {"type": "file_search"}}, "file_search"),
        ({"include": ["web_search_call.action.sources"]}, "include"),
        ({"text": {"verbosity": "low"}}, "text.verbosity"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "item_reference"),
        ({"input": [{"type": "computer_call_output", "call_id": "x"}]}, "computer_call_output"),
        ({"reasoning": {"mode": "pro"}}, "reasoning.mode"),
        ({"something_new": 1}, "something_new"),
    ],
)
def test_what_ours_have_no_words_for_is_refused_by_name(more: dict[str, Any], named: str) -> None:
    with pytest.raises(UntranslatableError, match=named):
        DIALECT.read_request({"model": "m", "input": "a"} | more)


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ({"seed": 1}, "seed"),
        ({"stop": ("x",)}, "stop"),
        ({"top_k": 1}, "top_k"),
        ({"choices": 2}, "'n'"),
        ({"logit_bias": {"1": 1.0}}, "logit_bias"),
        ({"thinking": Thinking(budget_tokens=1)}, "budget_tokens"),
        ({"messages": (Message(role="user", parts=(Text(text="a"),), name="bob"),)}, "name"),
    ],
)
def test_what_responses_has_no_words_for_is_refused_by_name(request_: dict[str, Any], named: str) -> None:
    with pytest.raises(UntranslatableError, match=named):
        DIALECT.write_request(replace(ASKED, **request_))


def test_a_refusal_and_a_cut() -> None:
    said = Response(id="resp_1", model="m", choices=(Choice(parts=(Refusal(text="No."),), finish="refusal"),), created=1)
    body = DIALECT.write_response(said)
    assert body["status"] == "completed" and body["output"][0]["content"] == [{"type": "refusal", "refusal": "No."}]
    assert body["usage"] is None and DIALECT.read_response(body) == said
    cut = replace(said, choices=(Choice(parts=(Text(text="a"),), finish="length"),))
    assert DIALECT.write_response(cut)["incomplete_details"] == {"reason": "max_output_tokens"}
    for response in (said, cut):
        found = talked.heard(DIALECT.reader(), [talked.told(DIALECT, events(response), ASKED)])
        assert found.ended and found.response() == response
    with pytest.raises(UntranslatableError, match="pause"):
        DIALECT.write_response(replace(said, choices=(Choice(parts=(), finish="pause"),)))
    with pytest.raises(UntranslatableError, match="choices"):
        DIALECT.write_response(replace(said, choices=said.choices * 2))


@pytest.mark.parametrize("status", ["failed", "in_progress", "queued", "cancelled", None])
def test_what_is_no_answer_is_an_error(status: str | None) -> None:
    with pytest.raises(UpstreamError):
        DIALECT.read_response({"status": status, "output": [], "error": {"code": "server_error", "message": "broke"}})


def test_a_failure_in_a_stream() -> None:
    begun: list[Event] = [Began(id="resp_1", model="m"), Opened(index=0, part=Text(text=""))]
    data = talked.told(DIALECT, [*begun, Failed(message="gone", kind="overloaded_error")], ASKED)
    last = list(parsed(data))[-1]
    assert last.type == "response.failed" and last.response.error.code == "server_error"
    for stream in (data, talked.told(DIALECT, begun, ASKED) + DIALECT.error_event(DIALECT.write_error("gone", status=502, code="x"))):
        found = talked.heard(DIALECT.reader(), [stream])
        assert not found.ended and found.failed is not None and found.failed.message == "gone"


def test_parts_that_are_open_at_once() -> None:
    uses = [ToolUse(id=f"c{n}", name="f", arguments="") for n in range(2)]
    told: list[Event] = [Began(id="resp_1", model="m"), Opened(index=0, part=Text(text=""))]
    told += [Opened(index=n + 1, part=use) for n, use in enumerate(uses)]
    told += [Closed(index=2), Closed(index=0), Closed(index=1), Finished(finish="tool_use"), Ended()]
    whole = list(parsed(talked.told(DIALECT, told, ASKED)))[-1].response
    assert [item.type for item in whole.output] == ["message", "function_call", "function_call"]
    assert [item.status for item in whole.output] == ["completed"] * 3


def test_a_response_repeats_what_was_asked() -> None:
    asked = replace(
        ASKED,
        tools=(Tool(name="f"),),
        tool_choice=ToolChoice(mode="any", parallel=False),
        temperature=0.5,
        format=Format(kind="json_object"),
    )
    body = DIALECT.write_response(Response(id="x", model="m", choices=(Choice(parts=(), finish="stop"),)), asked)
    TheirResponse.model_validate(body)
    assert body["tool_choice"] == "required" and body["parallel_tool_calls"] is False and body["tools"][0]["name"] == "f"
    assert body["text"] == {"format": {"type": "json_object"}} and body["temperature"] == 0.5 and body["id"] == "resp_x"


def test_log_probabilities() -> None:
    token = {"token": "a", "bytes": [97], "logprob": -0.5, "top_logprobs": []}
    choice = Choice(parts=(Text(text="a"),), finish="stop", logprobs={"content": [token]})
    response = Response(id="resp_1", model="m", choices=(choice,), created=1)
    assert DIALECT.read_response(DIALECT.write_response(response)) == response
    found = talked.heard(DIALECT.reader(), [talked.told(DIALECT, events(response), ASKED)])
    assert found.response() == response


def test_files_and_images() -> None:
    parts = (
        File(media_type="application/pdf", data="AAAA", name="a.pdf"),
        File(file_id="file_1"),
        File(url="https://a/b.pdf"),
        Image(url="https://a/b"),
    )
    request = replace(ASKED, messages=(Message(role="user", parts=parts, plain=False),))
    assert DIALECT.read_request(DIALECT.write_request(request)) == request


def test_errors() -> None:
    assert DIALECT.read_error({"error": {"message": "no", "type": "t", "code": None}}, 400) == ("no", "t")
    assert DIALECT.read_error(None, 429) == ("the provider answered 429", "rate_limit_error")
