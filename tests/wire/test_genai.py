"""Spans of several emitters, and LiteLLM's payloads, as the calls that they tell of."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.errors import InputError
from modicum.types import Call
from modicum.wire import chat, genai, litellm, otlp

NOW = time.time_ns() - 60_000_000_000
SYSTEM, ASKED, SAID = "Name the intent.", "my card was stolen", "lost_card"


def span(attributes: dict[str, Any], *, events: list[tuple[str, dict[str, Any]]] | None = None, **more: Any) -> otlp.Span:
    about: dict[str, Any] = {
        "trace_id": "ab" * 16,
        "span_id": "cd" * 8,
        "name": "x",
        "start_ns": NOW,
        "end_ns": NOW + 1_500_000_000,
        "resource": {"service.name": "shop"},
        "emitter": "e",
    }
    told = tuple(otlp.Event(name=name, attributes=held) for name, held in events or ())
    return otlp.Span(**about | more, attributes=attributes, events=told)


def observed(attributes: dict[str, Any], **more: Any) -> Call:
    found = genai.observe(span(attributes, **more))
    assert found is not None
    return found.call


CURRENT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4",
    "gen_ai.response.model": "gpt-4-0613",
    "gen_ai.response.id": "chatcmpl-0123456789abcdef",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.response.time_to_first_chunk": 0.25,
    "gen_ai.request.stream": True,
    "gen_ai.request.temperature": 0.0,
    "gen_ai.request.max_tokens": 10,
    "gen_ai.conversation.id": "conv-1",
    "gen_ai.usage.input_tokens": 12,
    "gen_ai.usage.output_tokens": 3,
    "gen_ai.usage.cache_read.input_tokens": 8,
    "gen_ai.usage.cache_write.input_tokens": 2,
    "gen_ai.usage.reasoning.output_tokens": 1,
}
CURRENT_CONTENT = {
    "gen_ai.system_instructions": json.dumps([{"type": "text", "content": SYSTEM}]),
    "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": ASKED}]}]),
    "gen_ai.output.messages": json.dumps(
        [
            {
                "role": "assistant",
                "parts": [{"type": "reasoning", "content": "hm"}, {"type": "text", "content": SAID}],
                "finish_reason": "stop",
            }
        ]
    ),
}
OPENLLMETRY = {
    "gen_ai.system": "OpenAI",
    "llm.request.type": "chat",
    "gen_ai.request.model": "gpt-4",
    "gen_ai.response.model": "gpt-4-0613",
    "gen_ai.usage.prompt_tokens": 12,
    "gen_ai.usage.completion_tokens": 3,
    "gen_ai.prompt.0.role": "system",
    "gen_ai.prompt.0.content": SYSTEM,
    "gen_ai.prompt.1.role": "user",
    "gen_ai.prompt.1.content": ASKED,
    "gen_ai.completion.0.role": "assistant",
    "gen_ai.completion.0.content": SAID,
    "gen_ai.completion.0.finish_reason": "stop",
    "traceloop.association.properties.user_id": "u-7",
}
OPENINFERENCE = {
    "openinference.span.kind": "LLM",
    "llm.provider": "openai",
    "llm.model_name": "gpt-4",
    "llm.token_count.prompt": 12,
    "llm.token_count.completion": 3,
    "llm.token_count.prompt_details.cache_read": 8,
    "llm.input_messages.0.message.role": "system",
    "llm.input_messages.0.message.content": SYSTEM,
    "llm.input_messages.1.message.role": "user",
    "llm.input_messages.1.message.contents.0.message_content.type": "text",
    "llm.input_messages.1.message.contents.0.message_content.text": ASKED,
    "llm.output_messages.0.message.role": "assistant",
    "llm.output_messages.0.message.content": SAID,
    "session.id": "conv-1",
    "user.id": "u-7",
}
EVENTS = [
    ("gen_ai.system.message", {"content": SYSTEM}),
    ("gen_ai.user.message", {"gen_ai.event.content": json.dumps({"content": ASKED})}),
    ("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": json.dumps({"role": "assistant", "content": SAID})}),
]
VERCEL = {
    "gen_ai.system": "openai",
    "gen_ai.request.model": "gpt-4",
    "gen_ai.usage.input_tokens": 12,
    "gen_ai.usage.output_tokens": 3,
    "ai.prompt.messages": json.dumps(
        [{"role": "system", "content": SYSTEM}, {"role": "user", "content": [{"type": "text", "text": ASKED}]}]
    ),
    "ai.response.text": SAID,
}
WHOLE = {
    "openinference.span.kind": "LLM",
    "llm.model_name": "gpt-4",
    "llm.token_count.prompt": 12,
    "llm.token_count.completion": 3,
    "input.value": json.dumps({"messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": ASKED}]}),
    "output.value": json.dumps({"choices": [{"message": {"role": "assistant", "content": SAID}, "finish_reason": "stop"}]}),
}


@pytest.mark.parametrize(
    ("attributes", "events"),
    [
        (CURRENT | CURRENT_CONTENT, []),
        (CURRENT, [("gen_ai.client.inference.operation.details", CURRENT_CONTENT)]),
        (CURRENT | {name: json.loads(held) for name, held in CURRENT_CONTENT.items()}, []),
        (OPENLLMETRY, []),
        (OPENINFERENCE, []),
        ({"gen_ai.operation.name": "chat", "gen_ai.system": "openai", "gen_ai.request.model": "gpt-4",
          "gen_ai.usage.input_tokens": 12, "gen_ai.usage.output_tokens": 3}, EVENTS),
        (VERCEL, []),
        (WHOLE, []),
    ],
    ids=["current", "current event", "current structured", "openllmetry", "openinference", "one event a message", "vercel", "whole bodies"],
)  # fmt: skip
def test_every_emitter_tells_of_the_same_call(attributes: dict[str, Any], events: list[tuple[str, dict[str, Any]]]) -> None:
    call = observed(attributes, events=events)
    assert call.request is not None and call.response is not None
    request, response = chat.loads(call.request), chat.loads(call.response)
    parts, answer = chat.segments(request), chat.answer(response)
    assert (parts.system, parts.last_user, parts.turns) == (SYSTEM, ASKED, 1)
    assert (answer.content, answer.finish_reason) == (SAID, "stop")
    assert (call.usage.input_tokens, call.usage.output_tokens) == (12, 3)
    assert chat.usage(response).input_tokens == 12
    assert (call.request_model, call.status, call.error, call.origin, call.source) == ("gpt-4", 200, None, "import", "otlp")
    assert call.duration_ms == 1500.0 and call.client_id == "shop"


def test_current_names_in_full() -> None:
    call = observed(CURRENT | CURRENT_CONTENT)
    assert (call.provider, call.response_model, call.conversation_id, call.streamed) == ("openai", "gpt-4-0613", "conv-1", True)
    assert call.time_to_first_chunk_ms == 250.0
    assert (call.usage.cache_read_tokens, call.usage.cache_write_tokens, call.usage.reasoning_tokens) == (8, 2, 1)
    request = chat.loads(call.request or b"")
    assert (request["temperature"], request["max_tokens"], request["stream"]) == (0.0, 10, True)


def test_a_span_without_content_is_figures() -> None:
    call = observed(CURRENT)
    assert call.request is None and call.response is None and call.usage.input_tokens == 12 and call.finish_reason == "stop"


def test_tools_go_through_in_every_form() -> None:
    current = CURRENT | {
        "gen_ai.tool.definitions": json.dumps(
            [{"type": "function", "name": "weather", "parameters": {"type": "object", "properties": {"at": {}}}}]
        ),
        "gen_ai.input.messages": json.dumps(
            [
                {"role": "user", "parts": [{"type": "text", "content": "Paris?"}]},
                {"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"at": "Paris"}}]},
                {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": {"sky": "grey"}}]},
            ]
        ),
        "gen_ai.output.messages": json.dumps(
            [
                {
                    "role": "assistant",
                    "parts": [{"type": "tool_call", "id": "c2", "name": "weather", "arguments": {"at": "Lyon"}}],
                    "finish_reason": "tool_call",
                }
            ]
        ),
    }
    older = {
        "gen_ai.system": "OpenAI", "llm.request.type": "chat", "gen_ai.request.model": "gpt-4",
        "llm.request.functions.0.name": "weather", "llm.request.functions.0.parameters": '{"type": "object", "properties": {"at": {}}}',
        "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "Paris?",
        "gen_ai.prompt.1.role": "assistant", "gen_ai.prompt.1.tool_calls.0.id": "c1", "gen_ai.prompt.1.tool_calls.0.name": "weather",
        "gen_ai.prompt.1.tool_calls.0.arguments": '{"at":"Paris"}',
        "gen_ai.prompt.2.role": "tool", "gen_ai.prompt.2.tool_call_id": "c1", "gen_ai.prompt.2.content": '{"sky":"grey"}',
        "gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.finish_reason": "tool_calls",
        "gen_ai.completion.0.tool_calls.0.id": "c2", "gen_ai.completion.0.tool_calls.0.name": "weather",
        "gen_ai.completion.0.tool_calls.0.arguments": '{"at":"Lyon"}',
    }  # fmt: skip
    inference = {
        "openinference.span.kind": "LLM", "llm.model_name": "gpt-4",
        "llm.tools.0.tool.json_schema": '{"type":"function","function":{"name":"weather","parameters":{"properties":{"at":{}}}}}',
        "llm.input_messages.0.message.role": "user", "llm.input_messages.0.message.content": "Paris?",
        "llm.input_messages.1.message.role": "assistant",
        "llm.input_messages.1.message.tool_calls.0.tool_call.id": "c1",
        "llm.input_messages.1.message.tool_calls.0.tool_call.function.name": "weather",
        "llm.input_messages.1.message.tool_calls.0.tool_call.function.arguments": '{"at":"Paris"}',
        "llm.input_messages.2.message.role": "tool", "llm.input_messages.2.message.tool_call_id": "c1",
        "llm.input_messages.2.message.content": '{"sky":"grey"}',
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.tool_calls.0.tool_call.id": "c2",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "weather",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": '{"at":"Lyon"}',
    }  # fmt: skip
    for attributes in (current, older, inference):
        call = observed(attributes)
        request, response = chat.loads(call.request or b""), chat.loads(call.response or b"")
        assert [message["role"] for message in request["messages"]] == ["user", "assistant", "tool"]
        (asked,) = request["messages"][1]["tool_calls"]
        assert asked["function"] == {"name": "weather", "arguments": '{"at":"Paris"}'} and asked["id"] == "c1"
        assert request["messages"][2] == {"role": "tool", "tool_call_id": "c1", "content": '{"sky":"grey"}'}
        assert request["tools"][0]["function"]["name"] == "weather" and chat.contract_key(request)
        assert chat.answer(response).tool_calls == (("weather", '{"at":"Lyon"}'),)
        assert chat.answer(response).finish_reason == "tool_calls"


def test_embeddings_and_completions() -> None:
    embedded = observed(
        {
            "openinference.span.kind": "EMBEDDING",
            "embedding.model_name": "e-3",
            "embedding.embeddings.0.embedding.text": "a",
            "llm.token_count.prompt": 1,
        }
    )
    assert embedded.endpoint == "embeddings" and json.loads(embedded.request or b"") == {"model": "e-3", "input": "a"}
    completed = observed(
        {"gen_ai.operation.name": "text_completion", "gen_ai.system": "openai", "gen_ai.request.model": "i",
         "gen_ai.prompt.0.content": "Once", "gen_ai.completion.0.content": " upon"}
    )  # fmt: skip
    assert completed.endpoint == "completions" and json.loads(completed.request or b"")["prompt"] == "Once"
    assert json.loads(completed.response or b"")["choices"][0]["text"] == " upon"


@pytest.mark.parametrize(
    "attributes",
    [
        {"http.request.method": "POST"},
        {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "weather"},
        {"gen_ai.operation.name": "invoke_agent", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4"},
        {"openinference.span.kind": "CHAIN", "input.value": "hi"},
        {"openinference.span.kind": "AGENT", "llm.model_name": "gpt-4", "llm.provider": "x"},
        {"db.system": "postgresql"},
    ],
)
def test_what_is_no_call_to_a_model_is_none(attributes: dict[str, Any]) -> None:
    assert genai.observe(span(attributes)) is None


def test_what_we_emit_ourselves_is_not_taken_in_again() -> None:
    assert genai.observe(span(CURRENT, emitter=genai.OURS)) is None


def test_identity_is_the_response_id_where_that_tells_answers_apart() -> None:
    def identity(**more: Any) -> str:
        found = genai.observe(span(CURRENT | more))
        assert found is not None
        return found.identity

    assert identity() == "chatcmpl-0123456789abcdef"
    assert identity(**{"gen_ai.response.id": "chatcmpl-853"}) == f"span {'ab' * 16} {'cd' * 8}"


def test_failures_are_codes_and_never_the_words_of_a_provider() -> None:
    call = observed(CURRENT | {"error.type": "RateLimitError", "http.response.status_code": 429}, failed=True)
    assert (call.error, call.status) == ("RateLimitError", 429)
    call = observed({"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "error.type": "your prompt 'secret' was bad"})
    assert (call.error, call.status) == ("error", 500)


@pytest.mark.parametrize("more", [{"start_ns": 0}, {"start_ns": 1 << 63}, {"trace_id": "0" * 32}, {"span_id": ""}])
def test_spans_without_a_time_or_an_id_are_refused(more: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        genai.observe(span(CURRENT, **more))


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ("role", "parts", "content", "type", "text", "name", "id", "tool_calls", "function", "arguments", "messages", "image_url")
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
keys = st.sampled_from(
    sorted({*CURRENT, *CURRENT_CONTENT, *OPENLLMETRY, *OPENINFERENCE, *VERCEL, *WHOLE, "gen_ai.tool.definitions", "gen_ai.prompt.x"})
)


@settings(max_examples=150)
@given(st.dictionaries(keys, anything | anything.map(json.dumps), max_size=8))
def test_any_attributes_are_a_call_with_readable_bodies_or_an_input_error(attributes: dict[str, Any]) -> None:
    try:
        found = genai.observe(span({"gen_ai.operation.name": "chat"} | attributes))
    except InputError:
        return
    if found is None:
        return
    call = found.call
    if call.request is not None and call.endpoint == "chat_completions":
        chat.segments(chat.loads(call.request))
    if call.response is not None and call.endpoint == "chat_completions":
        chat.answer(chat.loads(call.response))
    assert msgspec.json.decode(msgspec.json.encode(call), type=Call) == call


PAYLOAD: dict[str, Any] = {
    "id": "chatcmpl-0123456789abcdef", "trace_id": "t-1", "session_id": "t-1", "litellm_call_id": "0f0e0d0c-0b0a-4908-8706-050403020100",
    "call_type": "acompletion", "stream": True, "response_cost": 0.00042, "status": "success", "custom_llm_provider": "openai",
    "total_tokens": 15, "prompt_tokens": 12, "completion_tokens": 3, "startTime": NOW / 1e9, "endTime": NOW / 1e9 + 1.5,
    "completionStartTime": NOW / 1e9 + 0.25, "response_time": 1.5, "model": "gpt-4-0613", "model_id": "x", "model_group": "gpt-4",
    "api_base": "https://api.openai.com/v1", "cache_hit": None, "end_user": "u-7", "request_tags": [],
    "metadata": {"user_api_key_hash": "h", "user_api_key_alias": "shop", "user_api_key_team_alias": "team",
                 "requester_metadata": {"session_id": "conv-1"},
                 "usage_object": {"prompt_tokens": 12, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 8},
                                  "completion_tokens_details": {"reasoning_tokens": 1}}},
    "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": ASKED}],
    "response": {"id": "chatcmpl-0123456789abcdef", "model": "gpt-4-0613", "object": "chat.completion", "created": 1,
                 "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": SAID}}],
                 "usage": {"prompt_tokens": 12, "completion_tokens": 3}},
    "error_str": None, "error_information": None, "model_parameters": {"temperature": 0, "stream": True},
}  # fmt: skip


def payload(**more: Any) -> Call:
    found = litellm.observe(PAYLOAD | more)
    assert found is not None
    return found.call


def test_a_payload_of_litellms_in_full() -> None:
    call = payload()
    request, response = chat.loads(call.request or b""), chat.loads(call.response or b"")
    assert request == {"model": "gpt-4", "messages": PAYLOAD["messages"], "temperature": 0, "stream": True}
    assert chat.answer(response).content == SAID
    assert (call.request_model, call.response_model, call.provider, call.client_id) == ("gpt-4", "gpt-4-0613", "openai", "shop")
    assert (call.user_id, call.conversation_id, call.source, call.finish_reason) == ("u-7", "conv-1", "litellm", "stop")
    assert call.cost_usd == Decimal("0.00042")
    assert call.duration_ms == pytest.approx(1500, abs=0.01) and call.time_to_first_chunk_ms == pytest.approx(250, abs=0.01)
    assert (call.usage.input_tokens, call.usage.cache_read_tokens, call.usage.reasoning_tokens) == (12, 8, 1)


def test_what_litellm_does_not_know_is_unknown_and_not_zero() -> None:
    assert payload(response_cost=0).cost_usd is None and payload(response_cost=0, cache_hit=True).cost_usd == 0
    nothing = payload(total_tokens=0, prompt_tokens=0, completion_tokens=0, metadata={}, response=None)
    assert nothing.usage.input_tokens is None and nothing.usage.output_tokens is None
    assert payload(metadata={}).conversation_id is None, "its own trace id names no conversation"


def test_litellms_failures_and_redacted_logs() -> None:
    about = {"error_code": "401", "error_class": "AuthenticationError", "error_message": "key sk-1 is wrong"}
    failed = payload(status="failure", response={}, error_str="AuthenticationError: key sk-1 is wrong", error_information=about)
    assert (failed.status, failed.error, failed.response) == (401, "AuthenticationError", None) and failed.request is not None
    hidden = payload(messages=[{"role": "user", "content": "redacted-by-litellm"}], response={"text": "redacted-by-litellm"})
    assert hidden.request is None and hidden.response is None and hidden.usage.input_tokens == 12


def test_the_same_answer_from_litellms_cache_is_another_call() -> None:
    one, two = litellm.observe(PAYLOAD), litellm.observe(PAYLOAD | {"id": "chatcmpl-0123456789abcdef_cache_hit1760000000.1"})
    assert one is not None and two is not None and one.identity != two.identity
    again = litellm.observe(json.loads(json.dumps(PAYLOAD)))
    assert again == one


def test_other_calls_of_litellms() -> None:
    assert litellm.observe(PAYLOAD | {"call_type": "aimage_generation"}) is None
    embedded = payload(call_type="aembedding", messages=["a", "b"], response={"object": "list", "data": []})
    assert embedded.endpoint == "embeddings" and json.loads(embedded.request or b"")["input"] == ["a", "b"]
    embedded = payload(call_type="aembedding", messages=[{"role": "user", "content": "a"}], response={"object": "list", "data": []})
    assert json.loads(embedded.request or b"")["input"] == ["a"]
    responded = payload(call_type="aresponses", messages="hi", response={"object": "response", "output": []})
    assert responded.endpoint == "responses" and json.loads(responded.request or b"")["input"] == "hi"
    told_as_chat = payload(call_type="anthropic_messages")
    assert told_as_chat.endpoint == "chat_completions"


@settings(max_examples=150)
@given(st.dictionaries(st.sampled_from(sorted(PAYLOAD)), anything, max_size=6))
def test_any_payload_is_a_call_or_an_input_error(changes: dict[str, Any]) -> None:
    try:
        found = litellm.observe(PAYLOAD | changes)
    except InputError:
        return
    if found is not None:
        assert msgspec.json.decode(msgspec.json.encode(found.call), type=Call) == found.call
