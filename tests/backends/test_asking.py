"""What a recorded request becomes when another model is asked it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.backends.asking import NOT_PASSED, can_constrain, read_answer, read_refusal, worded
from modicum.backends.names import Names
from modicum.backends.upstreams import Deployment
from modicum.config import Config, ProviderConfig
from modicum.types import Endpoint

SCHEMA = {"type": "object", "properties": {"topic": {"enum": ["a", "b", None]}}, "required": ["topic"], "additionalProperties": False}
CHAT: dict[str, Any] = {
    "model": "gpt-4o",
    "messages": [{"role": "system", "content": "Sort."}, {"role": "user", "content": "a parcel"}],
    "temperature": 0,
    "max_tokens": 7,
}


def deployment(kind: str, model: str = "new-model") -> Deployment:
    config = Config(providers={"it": ProviderConfig(kind=kind, url="http://127.0.0.1:9/v1", auth="none")})
    return Names(config).target(f"it/{model}").deployments[0]


def test_only_the_model_changes() -> None:
    assert worded(CHAT, "chat_completions", deployment("vllm")) == CHAT | {"model": "new-model"}


def test_who_asked_and_what_becomes_of_it_is_not_told() -> None:
    more = dict.fromkeys(NOT_PASSED, "x") | {"stream": True, "stream_options": {"include_usage": True}, "metadata": {"a": "b"}}
    assert worded(CHAT | more, "chat_completions", deployment("vllm")) == CHAT | {"model": "new-model"}


def test_a_limit_of_output_has_the_name_that_the_provider_knows() -> None:
    assert worded(CHAT, "chat_completions", deployment("openai"))["max_completion_tokens"] == 7


def test_another_dialect_is_spoken_where_the_provider_has_one() -> None:
    told = worded(CHAT, "chat_completions", deployment("anthropic"))
    assert told["model"] == "new-model" and told["max_tokens"] == 7 and "messages" in told
    assert told["messages"][0]["role"] == "user", "the system text has its own place there"
    back: dict[str, Any] = {"model": "claude", "max_tokens": 9, "system": "Sort.", "messages": [{"role": "user", "content": "a parcel"}]}
    told = worded(back, "messages", deployment("openai"))
    assert [message["role"] for message in told["messages"]] == ["system", "user"]


@pytest.mark.parametrize(("kind", "holds"), [("vllm", True), ("llamacpp", True), ("openai_compatible", False), ("anthropic", False)])
def test_only_some_hold_answers_to_a_schema(kind: str, holds: bool) -> None:
    assert can_constrain(deployment(kind)) is holds


def test_a_schema_is_asked_for_once_and_not_beside_tools() -> None:
    vllm = deployment("vllm")
    asked: Endpoint = "chat_completions"
    told = worded(CHAT, asked, vllm, answer_schema=SCHEMA)
    assert told["response_format"]["json_schema"]["schema"] == SCHEMA
    own = CHAT | {"response_format": {"type": "json_object"}}
    assert worded(own, asked, vllm, answer_schema=SCHEMA)["response_format"] == {"type": "json_object"}
    tools = CHAT | {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]}
    assert "response_format" not in worded(tools, asked, vllm, answer_schema=SCHEMA)


def test_fields_that_only_this_dialect_has_pass_within_it() -> None:
    odd = CHAT | {"guided_choice": ["a", "b"]}
    assert worded(odd, "chat_completions", deployment("vllm"))["guided_choice"] == ["a", "b"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3), max_leaves=6
)
MESSAGES = st.dictionaries(st.sampled_from(["role", "content", "tool_calls", "refusal"]), VALUES, max_size=4)
CHOICES = st.dictionaries(st.sampled_from(["index", "message", "finish_reason"]), VALUES | MESSAGES, max_size=3)
ANSWERS = st.dictionaries(
    st.sampled_from(["id", "model", "choices", "usage", "error", "content", "stop_reason"]),
    VALUES | st.lists(CHOICES, max_size=2),
    max_size=6,
)


@given(st.binary(max_size=80) | ANSWERS.map(msgspec.json.encode), st.sampled_from(["chat_completions", "messages", "responses"]))
def test_whatever_comes_back_is_an_answer_or_none(said: bytes, spoken: Endpoint) -> None:
    told = read_answer(spoken, said, 200, 1.0)
    assert told.response is not None or told.error
    assert isinstance(read_refusal(spoken, said, 400), str)
