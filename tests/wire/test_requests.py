"""Single fields between the dialects: what is said in other words, and what is refused by name."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from modicum.errors import RequestError, UntranslatableError, UpstreamError
from modicum.wire import anthropic, openai
from modicum.wire.anthropic.request import BUDGET_MODELS, MAX_TOKENS
from modicum.wire.openai import suit
from modicum.wire.talk import Choice, Response, ToolUse

HELLO: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hello"}]}


def to_anthropic(**fields: Any) -> dict[str, Any]:
    return anthropic.DIALECT.write_request(openai.DIALECT.read_request({**HELLO, **fields}))


def to_openai(**fields: Any) -> dict[str, Any]:
    return openai.DIALECT.write_request(anthropic.DIALECT.read_request({**HELLO, "max_tokens": 9, **fields}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("n", 2),
        ("seed", 1),
        ("logprobs", True),
        ("presence_penalty", 0.5),
        ("frequency_penalty", -1),
        ("logit_bias", {"5": 1}),
        ("temperature", 1.5),
        ("store", True),
        ("service_tier", "flex"),
        ("response_format", {"type": "json_object"}),
        ("response_format", {"type": "grammar"}),
        ("reasoning_effort", "extreme"),
        ("functions", [{"name": "a"}]),
        ("audio", {"voice": "a"}),
        ("modalities", ["text", "audio"]),
        ("prediction", {"type": "content", "content": "a"}),
        ("web_search_options", {}),
        ("verbosity", "high"),
        ("tool_choice", {"type": "allowed_tools", "allowed_tools": {}}),
        ("tools", [{"type": "custom", "custom": {"name": "a"}}]),
        ("x_new", 1),
    ],
)
def test_what_anthropic_has_no_words_for(field: str, value: Any) -> None:
    with pytest.raises(UntranslatableError, match=field):
        to_anthropic(**{field: value})


@pytest.mark.parametrize(
    "message",
    [
        {"role": "user", "content": "a", "name": "b"},
        {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "mp3"}}]},
        {"role": "user", "content": [{"type": "file", "file": {"file_data": "data:text/csv;base64,YQ=="}}]},
        {"role": "user", "content": [{"type": "video", "video": {}}]},
        {"role": "assistant", "content": "a", "audio": {"id": "b"}},
        {"role": "assistant", "content": None, "function_call": {"name": "a", "arguments": ""}},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "a", "type": "function", "function": {"name": "a", "arguments": "["}}],
        },
        {"role": "critic", "content": "a"},
    ],
)
def test_messages_that_anthropic_has_no_words_for(message: dict[str, Any]) -> None:
    with pytest.raises(UntranslatableError, match=r"messages\[1\]"):
        to_anthropic(messages=[HELLO["messages"][0], message])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("container", "c"),
        ("mcp_servers", [{"url": "x"}]),
        ("speed", "fast"),
        ("service_tier", "other"),
        ("inference_geo", "eu"),
        ("thinking", {"type": "between_tools"}),
        ("tools", [{"type": "bash_20250124", "name": "bash"}]),
        ("metadata", {"user_id": "a", "more": "b"}),
        ("messages", [{"role": "user", "content": [{"type": "document", "source": {"type": "url", "url": "https://a"}}]}]),
        ("messages", [{"role": "user", "content": [{"type": "document", "source": {"type": "text", "data": "a"}, "context": "b"}]}]),
        ("messages", [{"role": "user", "content": [{"type": "search_result"}]}]),
        ("messages", [{"role": "user", "content": [{"type": "image", "source": {"type": "file", "file_id": "a"}}]}]),
    ],
)
def test_what_openai_has_no_words_for(field: str, value: Any) -> None:
    with pytest.raises(UntranslatableError, match=field):
        to_openai(**{field: value})


def test_what_says_nothing_is_not_refused() -> None:
    quiet = {"n": 1, "logprobs": False, "logit_bias": {}, "metadata": {}, "modalities": ["text"], "verbosity": "medium", "x_new": None}
    assert to_anthropic(**quiet, functions=[], prompt_cache_key="k", stream_options={"include_usage": True}) == {
        **HELLO,
        "max_tokens": MAX_TOKENS,
    }
    assert to_openai(speed="standard", container=None, mcp_servers=[]) == {**HELLO, "max_completion_tokens": 9}


def test_wrong_kinds_are_the_caller_s_error() -> None:
    wrong: list[dict[str, Any]] = [{"messages": 7}, {"messages": [7]}, {"temperature": "hot"}, {"model": None}, {"stop": [1]}]
    wrong += [{"messages": [{"role": "user", "content": None}]}, {"max_tokens": 1, "max_completion_tokens": 2}, {"max_tokens": True}]
    for fields in wrong:
        with pytest.raises(RequestError) as caught:
            to_anthropic(**fields)
        assert not isinstance(caught.value, UntranslatableError)


def test_thinking() -> None:
    for effort in ("none", "minimal", "low", "medium", "high", "xhigh", "max"):
        there = to_anthropic(reasoning_effort=effort)
        assert to_openai(**{name: there[name] for name in ("thinking", "output_config") if name in there})["reasoning_effort"] == effort
    assert to_anthropic(reasoning_effort="low")["thinking"] == {"type": "adaptive"}
    old = to_anthropic(model="claude-sonnet-4-5-20250929", reasoning_effort="medium")
    assert old["thinking"] == {"type": "enabled", "budget_tokens": 8192} and old["max_tokens"] == 32_000
    assert "output_config" not in old
    newer = to_anthropic(model="claude-opus-4-8", thinking={"type": "enabled", "budget_tokens": 10_000})
    assert newer["thinking"] == {"type": "adaptive"} and newer["output_config"] == {"effort": "medium"}
    tight = to_anthropic(model="claude-sonnet-4-5", reasoning_effort="medium", max_tokens=3000)
    assert tight["thinking"]["budget_tokens"] == 1500 and tight["max_tokens"] == 3000
    with pytest.raises(UntranslatableError, match="reasoning_effort"):
        to_anthropic(model="claude-3-7-sonnet-latest", reasoning_effort="low", max_tokens=1000)
    budgets = {1024: "minimal", 2048: "low", 8192: "medium", 24576: "high", 100_000: "xhigh"}
    for budget, effort in budgets.items():
        assert to_openai(thinking={"type": "enabled", "budget_tokens": budget})["reasoning_effort"] == effort
    assert "reasoning_effort" not in to_openai(thinking={"type": "adaptive"})
    by_budget = ["claude-3-7-sonnet-20250219", "claude-opus-4-20250514", "claude-opus-4-1", "claude-haiku-4-5", "claude-sonnet-4@20250514"]
    by_effort = ["claude-opus-4-6", "claude-sonnet-4-6", "claude-opus-4-8", "claude-opus-5", "claude-opus-4-10"]
    assert all(map(BUDGET_MODELS.search, by_budget)) and not any(map(BUDGET_MODELS.search, by_effort))


def test_a_schema_has_a_name_on_both_sides() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
    told = {"name": "answer_1", "description": "What it is.", "schema": schema, "strict": True}
    there = to_anthropic(response_format={"type": "json_schema", "json_schema": told})
    assert there["output_config"]["format"]["schema"] == {**schema, "title": "answer_1", "description": "What it is."}
    assert to_openai(output_config=there["output_config"])["response_format"]["json_schema"] == told
    bare = to_openai(output_config={"format": {"type": "json_schema", "schema": {**schema, "title": "Two words"}}})
    assert bare["response_format"]["json_schema"] == {"name": "answer", "schema": {**schema, "title": "Two words"}, "strict": True}


def test_tools_and_their_results() -> None:
    call = {"id": "functions.look:0", "type": "function", "function": {"name": "look", "arguments": ' {"a": 1}'}}
    there = to_anthropic(
        messages=[
            *HELLO["messages"],
            {"role": "assistant", "content": "", "tool_calls": [call, {**call, "id": "b"}]},
            {"role": "tool", "tool_call_id": "functions.look:0", "name": "look", "content": "one"},
            {"role": "tool", "tool_call_id": "b", "content": "two"},
            {"role": "user", "content": "and now?"},
        ],
        tools=[{"type": "function", "function": {"name": "look"}}],
        parallel_tool_calls=False,
    )
    use, other = there["messages"][1]["content"]
    first, second = there["messages"][2]["content"]
    assert use["input"] == {"a": 1} and use["id"] == first["tool_use_id"] != call["id"] and second["tool_use_id"] == "b" == other["id"]
    assert there["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}
    assert there["tools"] == [{"name": "look", "input_schema": {"type": "object", "properties": {}}}]
    failed = {"type": "tool_result", "tool_use_id": "b", "content": "no such file", "is_error": True}
    back = to_openai(messages=[{"role": "user", "content": [failed, {"type": "text", "text": "hm"}]}])
    assert back["messages"] == [
        {"role": "tool", "tool_call_id": "b", "content": "Error: no such file"},
        {"role": "user", "content": [{"type": "text", "text": "hm"}]},
    ]


def test_users_and_caches() -> None:
    assert to_openai(metadata={"user_id": "u"})["user"] == "u" and to_anthropic(safety_identifier="u")["metadata"] == {"user_id": "u"}
    assert len(to_openai(metadata={"user_id": "u" * 200})["user"]) == 64
    whole = to_openai(cache_control={"type": "ephemeral", "ttl": "1h"})
    assert whole["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    string = to_anthropic(messages=[{"role": "user", "content": "Hello", "cache_control": {"type": "ephemeral"}}])
    assert string["messages"][0]["content"] == [{"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral"}}]


def test_documents() -> None:
    data = "data:text/plain;base64," + base64.b64encode("grüß".encode()).decode()
    there = to_anthropic(messages=[{"role": "user", "content": [{"type": "file", "file": {"file_data": data, "filename": "a.txt"}}]}])
    source = {"type": "text", "media_type": "text/plain", "data": "grüß"}
    assert there["messages"][0]["content"] == [{"type": "document", "source": source, "title": "a.txt"}]


def test_one_provider_s_words() -> None:
    written = to_openai(
        stream=True,
        tools=[{"name": "a", "input_schema": {}, "cache_control": {"type": "ephemeral"}}],
        messages=[
            {"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]},
            {"role": "assistant", "content": [{"type": "thinking", "thinking": "t", "signature": "s"}, {"type": "text", "text": "y"}]},
        ],
    )
    own = suit(written, ["max_completion_tokens"])
    assert "cache_control" not in str(own) and "thinking" not in str(own) and "reasoning_content" not in str(own)
    assert own["max_completion_tokens"] == 9 and "cache_control" in str(written)
    other = suit(written, ["no_stream_options", "cache_marks"])
    assert other["max_tokens"] == 9 and "stream_options" not in other and other["messages"] == written["messages"]
    assert "max_tokens" in suit(written, ["own_words"]) and "cache_control" not in str(suit(written, ["own_words"]))


def test_an_answer_that_anthropic_has_no_words_for() -> None:
    cut = Choice(parts=(ToolUse(id="a", name="b", arguments='{"x": '),), finish="length")
    message = anthropic.DIALECT.write_response(Response(id="1", model="m", choices=(cut,)))
    assert message["content"][0]["input"] == {} and message["stop_reason"] == "max_tokens"
    for choices in ((Choice(parts=cut.parts, finish="tool_use"),), (), (cut, cut)):
        with pytest.raises(UpstreamError):
            anthropic.DIALECT.write_response(Response(id="1", model="m", choices=choices))
