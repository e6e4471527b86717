"""The official Python clients of OpenAI and Anthropic, in their own dialect and across."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from tests.peers.conftest import Gateway
from tests.peers.provider import TEXT, TOOLS

TOOL: Any = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
HELLO: Any = [{"role": "user", "content": "hello"}]
SAME_AND_ACROSS = pytest.mark.parametrize("model", ["gpt", "anthropic/claude"])


@pytest.fixture(scope="module")
def to_openai(before_both: Gateway) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key=before_both.key, base_url=f"{before_both.url}/v1", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def to_anthropic(before_both: Gateway) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key=before_both.key, base_url=before_both.url, max_retries=0) as client:
        yield client


@SAME_AND_ACROSS
def test_chat(to_openai: openai.OpenAI, model: str) -> None:
    said = to_openai.chat.completions.create(model=model, messages=HELLO)
    assert said.choices[0].message.content == TEXT and said.usage is not None and said.usage.total_tokens == 17
    assert said.usage.prompt_tokens_details is not None and said.usage.prompt_tokens_details.cached_tokens == 4


@SAME_AND_ACROSS
def test_chat_streamed_with_the_accumulator(to_openai: openai.OpenAI, model: str) -> None:
    with to_openai.chat.completions.stream(model=model, messages=HELLO, stream_options={"include_usage": True}) as stream:
        final = stream.get_final_completion()
    assert final.choices[0].message.content == TEXT and final.choices[0].finish_reason == "stop"
    assert final.usage is not None and (final.usage.prompt_tokens, final.usage.completion_tokens) == (12, 5)


@SAME_AND_ACROSS
def test_usage_is_told_only_to_those_who_ask(to_openai: openai.OpenAI, model: str) -> None:
    chunks: list[Any] = list(to_openai.chat.completions.create(model=model, messages=HELLO, stream=True))
    assert all(chunk.usage is None and chunk.choices for chunk in chunks)


@SAME_AND_ACROSS
def test_parallel_tool_calls_streamed(to_openai: openai.OpenAI, model: str) -> None:
    with to_openai.chat.completions.stream(model=f"{model}-tools", messages=HELLO, tools=[TOOL]) as stream:
        calls = stream.get_final_completion().choices[0].message.tool_calls
    assert calls is not None and [(c.id, c.function.name, c.function.arguments) for c in calls] == TOOLS


@SAME_AND_ACROSS
def test_a_stream_that_breaks_is_an_error(to_openai: openai.OpenAI, model: str) -> None:
    with pytest.raises(openai.APIError):
        list(to_openai.chat.completions.create(model=f"{model}-broken", messages=HELLO, stream=True))


@SAME_AND_ACROSS
def test_a_limit_is_told_with_when_to_ask_again(to_openai: openai.OpenAI, model: str) -> None:
    with pytest.raises(openai.RateLimitError) as refused:
        to_openai.chat.completions.create(model=f"{model}-limited", messages=HELLO)
    headers = refused.value.response.headers
    assert headers["retry-after"] == "1" and headers["x-should-retry"] == "false" and headers["x-request-id"]


def test_responses(to_openai: openai.OpenAI) -> None:
    assert to_openai.responses.create(model="gpt", input="hello").output_text == TEXT
    for model in ("gpt", "anthropic/claude"):
        with to_openai.responses.stream(model=model, input="hello") as stream:
            final = stream.get_final_response()
        assert final.output_text == TEXT and final.usage is not None and final.usage.input_tokens == 12


def test_completions_and_embeddings(to_openai: openai.OpenAI) -> None:
    assert to_openai.completions.create(model="gpt", prompt="hello").choices[0].text == TEXT
    assert to_openai.embeddings.create(model="e", input="x", encoding_format="float").data[0].embedding == [0.5, -0.25]


def test_an_unknown_model_of_a_provider_that_nobody_named(to_openai: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="n") as refused:
        to_openai.chat.completions.create(model="anthropic/claude", messages=HELLO, n=2)
    assert "n" in str(refused.value)


@pytest.mark.parametrize("model", ["anthropic/claude", "gpt"])
def test_messages(to_anthropic: anthropic.Anthropic, model: str) -> None:
    said = to_anthropic.messages.create(model=model, max_tokens=64, messages=[{"role": "user", "content": "hello"}])
    assert said.content[0].type == "text" and said.content[0].text == TEXT and said.stop_reason == "end_turn"
    assert (said.usage.input_tokens, said.usage.cache_read_input_tokens, said.usage.output_tokens) == (8, 4, 5)


@pytest.mark.parametrize("model", ["anthropic/claude", "gpt"])
def test_messages_streamed(to_anthropic: anthropic.Anthropic, model: str) -> None:
    with to_anthropic.messages.stream(model=model, max_tokens=64, messages=[{"role": "user", "content": "hello"}]) as stream:
        assert "".join(stream.text_stream) == TEXT
        final = stream.get_final_message()
    assert final.stop_reason == "end_turn" and final.usage.output_tokens == 5


@pytest.mark.parametrize("model", ["anthropic/claude", "gpt"])
def test_messages_that_break_are_errors(to_anthropic: anthropic.Anthropic, model: str) -> None:
    streaming = to_anthropic.messages.stream(model=f"{model}-broken", max_tokens=64, messages=[{"role": "user", "content": "x"}])
    with pytest.raises(anthropic.APIError), streaming as stream:
        stream.get_final_message()


def test_count_tokens(to_anthropic: anthropic.Anthropic) -> None:
    assert to_anthropic.messages.count_tokens(model="anthropic/claude", messages=[{"role": "user", "content": "x"}]).input_tokens == 12


def test_everything_is_on_record_with_its_price_or_without(before_both: Gateway) -> None:
    calls = before_both.calls(20)
    assert {call.endpoint for call in calls} >= {"chat_completions", "responses", "completions", "embeddings", "messages"}
    assert {call.provider for call in calls if call.status == 200} == {"openai", "anthropic"}
    broken = [call for call in calls if (call.request_model or "").endswith("-broken")]
    assert broken and all(call.error is not None and call.finish_reason is None for call in broken)
