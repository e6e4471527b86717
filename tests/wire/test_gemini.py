"""Gemini's generateContent: worked examples, round trips, streams cut anywhere, garbage."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.errors import InputError, ModicumError, RequestError, UntranslatableError, UpstreamError
from modicum.types import Usage
from modicum.wire import openai
from modicum.wire.gather import events
from modicum.wire.gemini import DIALECT, ids
from modicum.wire.gemini.response import FINISHES, usage
from modicum.wire.talk import (
    Choice,
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

OWN = st.text("abcXYZ019-_", min_size=1, max_size=20)
SIGNATURES = st.binary(min_size=1, max_size=30).map(lambda data: base64.b64encode(data).decode()) | talked.SAID
CALL_IDS = st.builds(ids.seal, OWN, st.none() | SIGNATURES)
THOUGHTS = st.builds(Reasoning, text=talked.SAID, signature=st.none() | SIGNATURES.map(lambda one: ids.MARK + one))
USAGE = st.builds(
    lambda inputs, said, thought, read: Usage(
        input_tokens=inputs, output_tokens=said + thought, reasoning_tokens=thought, cache_read_tokens=read
    ),
    talked.COUNTS,
    talked.COUNTS,
    talked.COUNTS,
    st.none() | talked.COUNTS,
)
REQUESTS = talked.requests(
    call_ids=CALL_IDS,
    top_k=st.none() | st.integers(1, 50),
    seed=st.none() | st.integers(0, 99),
    stop=st.lists(talked.SAID, max_size=2).map(tuple),
    choices=st.none() | st.integers(1, 4),
    thinking=st.none()
    | st.builds(Thinking, enabled=st.sampled_from([None, True]), budget_tokens=st.integers(1, 9999))
    | st.builds(Thinking, effort=st.sampled_from(["low", "high"])),
)
ANSWERS = talked.answers(call_ids=CALL_IDS, thoughts=THOUGHTS, usage=USAGE)


@settings(deadline=None)
@given(REQUESTS)
def test_a_request_comes_back_as_it_went(request: Request) -> None:
    written = talked.wire(DIALECT.write_request(request))
    assert DIALECT.read_request(written) == request
    assert talked.wire(DIALECT.write_request(DIALECT.read_request(written))) == written


@settings(deadline=None)
@given(ANSWERS)
def test_an_answer_comes_back_as_it_went(response: Response) -> None:
    back = DIALECT.read_response(talked.wire(DIALECT.write_response(response)))
    assert replace(back, created=response.created) == response


@settings(deadline=None)
@given(ANSWERS, st.lists(st.integers(0, 10**5), max_size=12))
def test_a_stream_cut_anywhere_tells_the_same(response: Response, places: list[int]) -> None:
    data = talked.told(DIALECT, events(response), Request(model="", messages=()))
    found = talked.heard(DIALECT.reader(), talked.cut(data, places))
    assert found.ended and found.failed is None and found.finished
    back = found.response()
    assert back is not None and replace(back, created=response.created) == response


@settings(deadline=None)
@given(ANSWERS, st.integers(0, 10**5))
def test_a_stream_that_breaks_off_is_never_whole(response: Response, place: int) -> None:
    data = talked.told(DIALECT, events(response), Request(model="", messages=()))
    last = data.rindex(b'"finishReason"')
    assert talked.never_clean(DIALECT.reader(), [data[: place % last]])


@settings(deadline=None)
@given(st.binary(max_size=300) | st.builds(lambda value: b"data: " + msgspec.json.encode(value) + b"\n\n", talked.VALUES))
def test_garbage_is_an_error_or_nothing(data: bytes) -> None:
    assert talked.never_clean(DIALECT.reader(), [data])


KEYS = st.sampled_from(
    ["candidates", "content", "parts", "text", "functionCall", "name", "args", "finishReason", "usageMetadata", "contents", "role", "error"]
    + ["generationConfig", "tools", "functionDeclarations", "inlineData", "data", "mimeType", "promptFeedback", "thought", "index"]
)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["STOP", "user", "model", "x", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(KEYS, ANYTHING, max_size=5))
def test_any_json_is_read_or_refused(body: dict[str, Any]) -> None:
    for read in (DIALECT.read_request, DIALECT.read_response):
        try:
            read(body)
        except ModicumError as error:
            assert isinstance(error, InputError | UpstreamError)
    line = b"data: " + msgspec.json.encode(body) + b"\n\n"
    try:
        talked.heard(DIALECT.reader(), [line])
    except ModicumError as error:
        assert isinstance(error, UntranslatableError | UpstreamError)


@settings(deadline=None)
@given(st.none() | OWN, st.none() | SIGNATURES)
def test_ids_carry_what_must_come_back(own: str | None, signature: str | None) -> None:
    sealed = ids.seal(own, signature)
    assert ids.unseal(sealed) == (own, signature)
    assert set(sealed) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


def test_a_conversation_from_a_chat_caller_names_the_functions_that_answered() -> None:
    chat = {
        "model": "gemini-3-pro",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Weather?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "call_a", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}},
                    {"id": "call_b", "type": "function", "function": {"name": "time", "arguments": ""}},
                ],
            },
            {"role": "tool", "tool_call_id": "call_b", "content": "noon"},
            {"role": "tool", "tool_call_id": "call_a", "content": "rain"},
        ],
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}, "strict": True}}],
        "reasoning_effort": "low",
        "max_tokens": 9,
    }
    body = DIALECT.write_request(openai.DIALECT.read_request(chat))
    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert [content["role"] for content in body["contents"]] == ["user", "model", "user"]
    assert body["contents"][0]["parts"][1] == {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    first, second = body["contents"][1]["parts"]
    assert first == {"functionCall": {"name": "weather", "args": {"city": "Oslo"}}, "thoughtSignature": ids.UNSIGNED}
    assert second == {"functionCall": {"name": "time", "args": {}}}
    # results stand in the order of their calls, for neither has an id
    assert [part["functionResponse"]["name"] for part in body["contents"][2]["parts"]] == ["weather", "time"]
    assert body["contents"][2]["parts"][0]["functionResponse"]["response"] == {"output": "rain"}
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "VALIDATED"}}
    assert body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"] == {"type": "object"}
    assert body["generationConfig"] == {"maxOutputTokens": 9, "thinkingConfig": {"thinkingLevel": "low"}}


def test_an_answer_with_a_signed_call_survives_a_chat_caller() -> None:
    answer = {
        "candidates": [
            {
                "content": {
                    "role": "model",
                    "parts": [
                        {"text": "Let me see.", "thought": True},
                        {"functionCall": {"id": "fc-1", "name": "weather", "args": {"city": "Oslo"}}, "thoughtSignature": "c2lnbmVk"},
                    ],
                },
                "finishReason": "STOP",
                "safetyRatings": [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "NEGLIGIBLE"}],
                "avgLogprobs": -0.1,
            }
        ],
        "usageMetadata": {
            "promptTokenCount": 100,
            "cachedContentTokenCount": 40,
            "candidatesTokenCount": 7,
            "thoughtsTokenCount": 20,
            "totalTokenCount": 127,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 70}, {"modality": "AUDIO", "tokenCount": 30}],
        },
        "modelVersion": "gemini-3-pro",
        "responseId": "r1",
    }
    ours = DIALECT.read_response(answer)
    assert ours.choices[0].finish == "tool_use"
    assert ours.usage == Usage(input_tokens=100, output_tokens=27, cache_read_tokens=40, reasoning_tokens=20, audio_input_tokens=30)
    chat = openai.DIALECT.write_response(ours)
    message = chat["choices"][0]["message"]
    request = {
        "model": "gemini-3-pro",
        "messages": [
            {"role": "user", "content": "Weather?"},
            {"role": "assistant", "content": None, "tool_calls": message["tool_calls"]},
            {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "rain"},
        ],
    }
    contents = DIALECT.write_request(openai.DIALECT.read_request(request))["contents"]
    call = {"id": "fc-1", "name": "weather", "args": {"city": "Oslo"}}
    assert contents[1]["parts"] == [{"functionCall": call, "thoughtSignature": "c2lnbmVk"}]
    assert contents[2]["parts"] == [{"functionResponse": {"id": "fc-1", "name": "weather", "response": {"output": "rain"}}}]


def test_a_stream_of_whole_objects_is_read() -> None:
    chunks = [
        {"candidates": [{"content": {"parts": [{"text": "Hm", "thought": True}]}}], "responseId": "r", "modelVersion": "gemini-2.5-pro"},
        {"candidates": [{"content": {"parts": [{"text": "Hel"}]}}]},
        {"candidates": [{"content": {"parts": [{"text": "lo"}]}}], "usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 3}},
        {
            "candidates": [{"content": {"parts": [{"text": "", "thoughtSignature": "cw=="}]}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "thoughtsTokenCount": 1, "totalTokenCount": 6},
        },
    ]
    data = b"".join(b"data: " + msgspec.json.encode(chunk) + b"\r\n\r\n" for chunk in chunks)
    found = talked.heard(DIALECT.reader(), [data])
    response = found.response()
    assert found.ended and response is not None
    assert response.choices[0].parts == (Reasoning(text="Hm"), Text(text="Hello"), Reasoning(signature="gemini-cw=="))
    assert response.usage == Usage(input_tokens=3, output_tokens=3, reasoning_tokens=1) and response.id == "r"


def test_errors_inside_a_stream_and_blocked_prompts() -> None:
    error = b'data: {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}\n\n'
    start = b'data: {"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}]}\n\n'
    found = talked.heard(DIALECT.reader(), [start + error])
    assert not found.ended and found.failed is not None and found.failed.kind == "UNAVAILABLE"
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 3, "totalTokenCount": 3}}
    assert DIALECT.read_response(blocked).choices[0].finish == "refusal"
    found = talked.heard(DIALECT.reader(), [b"data: " + msgspec.json.encode(blocked) + b"\n\n"])
    response = found.response()
    assert found.ended and response is not None and response.choices == DIALECT.read_response(blocked).choices
    with pytest.raises(UpstreamError):
        DIALECT.read_response({"candidates": []})


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "OTHER", "MISSING_THOUGHT_SIGNATURE", "NEW_ONE"])
def test_a_stop_that_is_no_answer_is_an_error(reason: str) -> None:
    body = {"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": reason}]}
    with pytest.raises(UpstreamError, match=reason):
        DIALECT.read_response(body)
    found = talked.heard(DIALECT.reader(), [b"data: " + msgspec.json.encode(body) + b"\n\n"])
    assert not found.ended and found.failed is not None
    assert reason not in FINISHES


def test_log_probabilities_are_a_chat_completions() -> None:
    tops = [{"candidates": [{"token": "a", "logProbability": -0.1}, {"token": "b", "logProbability": -2.0}]}]
    result = {"chosenCandidates": [{"token": "a", "tokenId": 5, "logProbability": -0.1}], "topCandidates": tops}
    body = {"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP", "logprobsResult": result}]}
    logprobs = DIALECT.read_response(body).choices[0].logprobs
    assert logprobs is not None
    assert logprobs["content"][0]["token"] == "a" and logprobs["content"][0]["top_logprobs"][1]["logprob"] == -2.0


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ({"logit_bias": {"1": 2.0}}, "logit_bias"),
        ({"store": True}, "store"),
        ({"tools": (Tool(name="f"),), "tool_choice": ToolChoice(parallel=False)}, "parallel_tool_calls"),
        ({"messages": (Message(role="user", parts=(Text(text="a"),), name="bob"),)}, "name"),
        ({"thinking": Thinking(effort="extreme")}, "extreme"),
    ],
)
def test_what_has_no_words_is_refused_by_name(request_: dict[str, Any], named: str) -> None:
    with pytest.raises(UntranslatableError, match=named):
        DIALECT.write_request(Request(**{"model": "", "messages": (Message(role="user", parts=(Text(text="a"),)),)} | request_))


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"tools": [{"googleSearch": {"x": 1}}]}, r"tools\[0\].googleSearch"),
        ({"cachedContent": "c/1"}, "cachedContent"),
        ({"safetySettings": [{"category": "x"}]}, "safetySettings"),
        ({"generationConfig": {"responseModalities": ["IMAGE"]}}, "generationConfig.responseModalities"),
        ({"contents": [{"parts": [{"executableCode": {"code": "1"}}]}]}, r"contents\[0\].parts\[0\].executableCode"),
    ],
)
def test_what_ours_have_no_words_for_is_refused_by_name(body: dict[str, Any], named: str) -> None:
    with pytest.raises(UntranslatableError, match=named):
        DIALECT.read_request({"contents": [{"role": "user", "parts": [{"text": "a"}]}]} | body)


def test_shapes_and_effort_by_model() -> None:
    asked = Request(model="gemini-2.5-flash", messages=(Message(role="user", parts=(Text(text="a"),)),), thinking=Thinking(effort="medium"))
    assert DIALECT.write_request(asked)["generationConfig"] == {"thinkingConfig": {"thinkingBudget": 8192}}
    off = replace(asked, thinking=Thinking(enabled=False), format=Format(kind="json_object"))
    config = {"responseMimeType": "application/json", "thinkingConfig": {"thinkingBudget": 0}}
    assert DIALECT.write_request(off)["generationConfig"] == config
    body = {
        "contents": [{"parts": [{"text": "a"}]}],
        "tools": [
            {
                "functionDeclarations": [
                    {"name": "f", "parameters": {"type": "OBJECT", "properties": {"a": {"type": "STRING", "nullable": True}}}}
                ]
            }
        ],
    }
    schema = {"type": "object", "properties": {"a": {"type": ["string", "null"]}}}
    assert DIALECT.read_request(body).tools == (Tool(name="f", parameters=schema),)


def test_results_with_images_and_errors() -> None:
    use = ToolUse(id="call_1", name="look", arguments="{}")
    result = ToolResult(id="call_1", parts=(Text(text="no"), Image(media_type="image/png", data="AAAA")), plain=False, error=True)
    request = Request(model="", messages=(Message(role="assistant", parts=(use,)), Message(role="user", parts=(result,))))
    body = DIALECT.write_request(request)
    said = {"name": "look", "response": {"error": "no"}, "parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]}
    assert body["contents"][1]["parts"] == [{"functionResponse": said}]
    back = DIALECT.read_request(body).messages[1].parts[0]
    assert isinstance(back, ToolResult) and back.error and back.parts == result.parts
    with pytest.raises(RequestError, match="answers no call"):
        DIALECT.write_request(Request(model="", messages=(Message(role="user", parts=(result,)),)))


def test_usage_in_all_its_parts() -> None:
    assert usage(None) == Usage() == usage({})
    tools = {"promptTokenCount": 5, "toolUsePromptTokenCount": 2, "totalTokenCount": 7}
    assert usage(tools) == Usage(input_tokens=7, output_tokens=0)
    assert usage({"promptTokenCount": -1, "candidatesTokenCount": "x"}) == Usage()


def test_errors_both_ways() -> None:
    body = {"error": {"code": 429, "message": "quota", "status": "RESOURCE_EXHAUSTED"}}
    assert DIALECT.read_error(body, 429) == ("quota", "RESOURCE_EXHAUSTED")
    assert DIALECT.read_error(None, 503) == ("Gemini answered 503", "UNAVAILABLE")
    written = DIALECT.write_error("no", status=400, code="bad", request_id="r")
    assert DIALECT.read_error(msgspec.json.decode(written), 400) == ("no", "INVALID_ARGUMENT")
    found = talked.heard(DIALECT.reader(), [DIALECT.error_event(written)])
    assert found.failed is not None and found.failed.message == "no"


def test_several_candidates_are_all_waited_for() -> None:
    first = {"candidates": [{"index": 0, "content": {"parts": [{"text": "a"}]}}, {"index": 1, "content": {"parts": [{"text": "b"}]}}]}
    one = {"candidates": [{"index": 0, "finishReason": "STOP"}]}
    other = {"candidates": [{"index": 1, "finishReason": "MAX_TOKENS"}]}
    lines = [b"data: " + msgspec.json.encode(chunk) + b"\n\n" for chunk in (first, one, other)]
    assert not talked.heard(DIALECT.reader(), lines[:2]).ended
    found = talked.heard(DIALECT.reader(), lines)
    response = found.response()
    assert found.ended and response is not None
    assert response.choices == (Choice(parts=(Text(text="a"),), finish="stop"), Choice(parts=(Text(text="b"),), finish="length"))
