"""Other dialects as chat completions: what discovery and the day recognise, and what they count."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.errors import ModicumError
from modicum.route.harmless import harmful
from modicum.types import Endpoint, Usage
from modicum.wire import anthropic, canon, chat, openai
from modicum.wire.dialects import dialect, talks
from tests.wire import said

ANTHROPIC: dict[str, Any] = {
    "model": "claude",
    "max_tokens": 100,
    "system": [{"type": "text", "text": "You sort mail.", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "One word."}],
    "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
}


def test_the_canonical_request_is_what_openai_s_user_would_have_sent() -> None:
    found = canon.chat_request("messages", ANTHROPIC)
    assert found == {
        "model": "claude",
        "messages": [{"role": "system", "content": "You sort mail.\nOne word."}, {"role": "user", "content": "Hello"}],
        "max_completion_tokens": 100,
    }
    assert harmful(found) is None
    request: dict[str, Any] = {"messages": 7}
    assert canon.chat_request("chat_completions", request) is request


def test_responses_are_the_same_workload() -> None:
    found = canon.chat_request("responses", {"model": "claude", "instructions": "You sort mail.\nOne word.", "input": "Hello"})
    there = canon.chat_request("messages", ANTHROPIC)
    assert found is not None and there is not None and chat.segments(found) == chat.segments(there)


def test_what_cannot_be_said_stays_under_its_own_name_and_defers() -> None:
    strange = {**ANTHROPIC, "container": "c", "tools": [{"type": "web_search_20250305", "name": "web_search"}], "temperature": 0}
    found = canon.chat_request("messages", strange)
    assert found is not None and found["messages.container"] == "c" and found["messages.tools"] == strange["tools"]
    assert found["temperature"] == 0 and chat.segments(found).first_user == "Hello"
    assert harmful(found) is not None
    assert harmful({**found, "messages.tools": None}) == "'messages.container' is set"


def test_no_conversation_no_chat() -> None:
    for endpoint in ("embeddings", "rerank", "completions", "files", "models", "count_tokens"):
        told: Endpoint = endpoint
        assert canon.chat_request(told, {"input": "x"}) is None and canon.chat_response(told, {}) is None and not talks(told)
    server = {
        **ANTHROPIC,
        "messages": [{"role": "assistant", "content": [{"type": "server_tool_use", "id": "a", "name": "b", "input": {}}]}],
    }
    assert canon.chat_request("messages", server) is None


def test_answers_and_what_they_cost() -> None:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-x",
        "content": [{"type": "text", "text": "spam"}],
        "stop_reason": "max_tokens",
        "usage": {
            "input_tokens": 10,
            "cache_read_input_tokens": 20,
            "cache_creation_input_tokens": 7,
            "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4},
            "output_tokens": 5,
            "output_tokens_details": {"thinking_tokens": 2},
            "service_tier": "standard",
        },
    }
    found = canon.chat_response("messages", message)
    assert found is not None and chat.answer(found).content == "spam" and found == canon.chat_response("messages", message)
    counted = Usage(
        input_tokens=37, output_tokens=5, cache_read_tokens=20, cache_write_tokens=7, cache_write_1h_tokens=4, reasoning_tokens=2
    )
    assert canon.usage("messages", message) == counted == chat.usage(found)
    assert (canon.model("messages", message), canon.finish_reason("messages", message)) == ("claude-x", "length")
    assert canon.service_tier("messages", message) == "default"
    assert canon.chat_response("messages", {"type": "error", "error": {}}) is None
    assert canon.finish_reason("messages", {"type": "error", "error": {}}) is None
    assert canon.finish_reason("completions", {"choices": [{"text": "a", "finish_reason": "stop"}]}) == "stop"


def test_usage_in_all_its_parts() -> None:
    details = {"prompt_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 3, "audio_tokens": 1}}
    more = {"completion_tokens_details": {"reasoning_tokens": 4, "audio_tokens": 5}}
    assert chat.usage({"usage": {"prompt_tokens": 10, "completion_tokens": 9, **details, **more}}) == Usage(
        input_tokens=10,
        output_tokens=9,
        cache_read_tokens=2,
        cache_write_tokens=3,
        reasoning_tokens=4,
        audio_input_tokens=1,
        audio_output_tokens=5,
    )
    assert chat.usage({"usage": {"prompt_tokens": 10, "prompt_cache_hit_tokens": 6}}).cache_read_tokens == 6
    assert chat.usage({"usage": {"cache_creation_input_tokens": 6, "prompt_tokens_details": None}}).cache_write_tokens == 6
    assert chat.usage({"usage": {"prompt_tokens": -1, "completion_tokens": True}}) == Usage()
    assert canon.usage("embeddings", {"usage": {"prompt_tokens": 8, "total_tokens": 8}}).input_tokens == 8
    assert canon.usage("rerank", {"meta": {"tokens": {"input_tokens": 8, "output_tokens": 0}}}).input_tokens == 8
    responses = {"usage": {"input_tokens": 9, "output_tokens": 4, "input_tokens_details": {"cached_tokens": 3}}}
    assert canon.usage("responses", responses).cache_read_tokens == 3
    assert canon.usage("converse", {"usage": {"inputTokens": 3, "outputTokens": 4}}).output_tokens == 4
    assert canon.usage("generate_content", {"usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4}}).input_tokens == 3
    assert canon.usage("files", {"usage": {"prompt_tokens": 8}}) == Usage()


NAMES = ["model", "messages", "system", "role", "content", "type", "text", "tools", "function", "name", "parameters", "input_schema"]
NAMES += ["tool_calls", "tool_use", "source", "data", "image_url", "url", "thinking", "output_config", "format", "schema", "choices"]
NAMES += ["message", "usage", "input", "id", "arguments", "stop", "max_tokens", "tool_choice", "metadata", "cache_control", "strict"]
VALUES = [
    "user",
    "assistant",
    "system",
    "tool",
    "text",
    "image",
    "tool_use",
    "tool_result",
    "image_url",
    "function",
    "ephemeral",
    "data:a;base64,b",
]
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | said.WORDS | st.sampled_from(VALUES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=16,
)
BODIES = st.dictionaries(st.sampled_from(NAMES), ANY, max_size=6)


@settings(deadline=None, max_examples=120)
@given(BODIES, st.sampled_from(["chat_completions", "messages"]))
def test_any_json_is_read_or_refused(body: dict[str, Any], endpoint: Endpoint) -> None:
    spoken = dialect(endpoint)
    for read in (spoken.read_request, spoken.read_response):
        try:
            read(body)
        except ModicumError as error:
            assert error.status is not None
    spoken.read_error(body, 500)
    for told in (endpoint, "responses", "completions", "rerank", "embeddings"):
        canon.chat_request(told, body)
        canon.chat_response(told, body)
        canon.usage(told, body)
        canon.model(told, body)
        canon.service_tier(told, body)
        if told != "chat_completions":
            canon.finish_reason(told, body)


@settings(deadline=None, max_examples=80)
@given(said.REQUESTS, st.sampled_from(["model", "messages", "tools", "response_format", "stop"]), ANY)
def test_a_request_with_one_thing_wrong(request: dict[str, Any], name: str, value: Any) -> None:
    for written in (request, json.loads(json.dumps(anthropic.DIALECT.write_request(openai.DIALECT.read_request(request))))):
        for spoken in (openai.DIALECT, anthropic.DIALECT):
            try:
                spoken.write_request(spoken.read_request({**written, name: value}))
            except ModicumError as error:
                assert error.status == 400
