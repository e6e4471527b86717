"""Translated requests as single providers take them: what real agents send, and what each API answers with an error."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from modicum.backends.facts import all_facts
from modicum.errors import UntranslatableError
from modicum.types import Endpoint
from modicum.wire import anthropic, openai
from modicum.wire.dialects import dialect, suit

AGENT: dict[str, Any] = {
    "model": "m",
    "max_tokens": 32000,
    "stream": True,
    "thinking": {"type": "disabled"},
    "metadata": {"user_id": "user_" + "x" * 100},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "system": [
        {"type": "text", "text": "You are an agent.", "cache_control": {"type": "ephemeral", "ttl": "1h", "scope": "global"}},
        {"type": "text", "text": "Be brief."},
    ],
    "messages": [
        {
            "role": "user",
            "content": [{"type": "text", "text": "<reminder>"}, {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "sig"},
                {"type": "tool_use", "id": "toolu_" + "1" * 50, "name": "read", "input": {"a": 1}},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_" + "1" * 50, "content": "x"}]},
    ],
    "tools": [{"name": "read", "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}, "eager_input_streaming": True}],
}
"""What a coding agent that speaks Anthropic's dialect sends."""
HELLO: dict[str, Any] = {"role": "user", "content": "Hello"}


def for_chat(kind: str, asked: dict[str, Any] = AGENT) -> dict[str, Any]:
    return suit("chat_completions", openai.DIALECT.write_request(anthropic.DIALECT.read_request(asked)), all_facts()[kind].quirks)


def from_chat(kind: str, **fields: Any) -> dict[str, Any]:
    asked = {"model": "m", "messages": [HELLO], **fields}
    return suit("chat_completions", openai.DIALECT.write_request(openai.DIALECT.read_request(asked)), all_facts()[kind].quirks)


def for_claude(**fields: Any) -> dict[str, Any]:
    asked = {"model": "claude-sonnet-4-5", "messages": [HELLO], **fields}
    return suit("messages", anthropic.DIALECT.write_request(openai.DIALECT.read_request(asked)), ())


@pytest.mark.parametrize("kind", ["openai", "azure", "mistral", "groq", "cohere", "deepseek", "vllm", "together", "fireworks", "xai"])
def test_hints_that_only_routers_know_reach_nobody_else(kind: str) -> None:
    body = for_chat(kind)
    assert "cache_control" not in json.dumps(body) and "thinking_blocks" not in json.dumps(body)
    assert [message["content"] for message in body["messages"]] == ["You are an agent.\nBe brief.", "<reminder>\nHi", None, "x"]
    assert ("max_completion_tokens" in body) == (kind in ("openai", "azure"))
    called, answered = body["messages"][2]["tool_calls"][0]["id"], body["messages"][3]["tool_call_id"]
    assert called == answered and len(called) <= (9 if kind == "mistral" else 40)


@pytest.mark.parametrize("kind", ["openai", "azure", "mistral", "groq", "cohere"])
def test_former_thought_is_told_to_nobody_who_refuses_it(kind: str) -> None:
    assert "Hm." not in json.dumps(for_chat(kind)) and "Hm." in json.dumps(for_chat("deepseek"))


@pytest.mark.parametrize("kind", ["openrouter", "openai_compatible"])
def test_routers_get_hints_thoughts_and_ids(kind: str) -> None:
    body = for_chat(kind)
    assert body["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}
    assert body["tools"][0]["cache_control"] and body["messages"][2]["thinking_blocks"][0]["signature"] == "sig"
    assert body["messages"][3]["tool_call_id"] == "toolu_" + "1" * 50


def test_mistral_refuses_what_it_does_not_know() -> None:
    body = from_chat("mistral", user="u", metadata={"a": "b"}, store=False, seed=7, max_tokens=5)
    assert body == {"model": "m", "messages": [HELLO], "max_tokens": 5, "random_seed": 7}
    assert from_chat("mistral", messages=[HELLO, {"role": "assistant", "content": "a", "name": "b"}])["messages"][1] == {
        "role": "assistant",
        "content": "a",
    }
    with pytest.raises(UntranslatableError, match="name"):
        from_chat("mistral", messages=[{**HELLO, "name": "Ann"}])


def test_a_developer_is_known_to_openai_alone() -> None:
    told = [{"role": "system", "content": "a"}, {"role": "developer", "content": "b"}, HELLO, {"role": "developer", "content": "c"}]
    assert from_chat("openai", messages=told)["messages"] == told
    others = [{"role": "system", "content": "a\n\nb"}, HELLO, {"role": "system", "content": "c"}]
    assert from_chat("vllm", messages=told, store=False, parallel_tool_calls=True) == {"model": "m", "messages": others}


@pytest.mark.parametrize(
    ("kind", "model", "effort", "told"),
    [
        ("openai", "gpt-5.2", "none", "none"),
        ("openai", "gpt-5-mini", "none", "minimal"),
        ("openai", "gpt-4o", "none", None),
        ("openai", "gpt-5.2", "max", "xhigh"),
        ("openai", "gpt-5", "xhigh", "high"),
        ("openai", "o4-mini", "max", "high"),
        ("groq", "openai/gpt-oss-120b", "none", None),
        ("groq", "openai/gpt-oss-120b", "max", "high"),
        ("groq", "openai/gpt-oss-120b", "medium", "medium"),
        ("openrouter", "x", "none", "none"),
    ],
)
def test_an_effort_is_told_in_the_nearest_word(kind: str, model: str, effort: str, told: str | None) -> None:
    body = {"model": model, "messages": [HELLO], "reasoning_effort": effort}
    assert suit("chat_completions", body, all_facts()[kind].quirks).get("reasoning_effort") == told


def test_claude_is_not_told_what_says_nothing() -> None:
    blank = {"type": "text", "text": " \n"}
    body = for_claude(
        messages=[
            {"role": "system", "content": ""},
            {"role": "user", "content": [blank, {"type": "image_url", "image_url": {"url": "data:image/jpg;base64,AAAA"}}]},
            {"role": "assistant", "content": ""},
            {"role": "user", "content": [{"type": "text", "text": "Well?"}]},
        ]
    )
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "AAAA"}}
    assert "system" not in body and [message["content"] for message in body["messages"]] == [[image], [{"type": "text", "text": "Well?"}]]


def test_system_messages_go_where_claude_takes_them() -> None:
    amid = [{"role": "system", "content": "a"}, HELLO, {"role": "developer", "content": "b"}]
    body = for_claude(messages=amid)
    assert body["messages"] == [HELLO] and body["system"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    newer = for_claude(model="claude-opus-4-8", messages=amid)
    assert newer["system"] == "a" and newer["messages"][1] == {"role": "system", "content": "b"}
    alone = for_claude(messages=amid[:1])
    assert "system" not in alone and alone["messages"] == [{"role": "user", "content": [{"type": "text", "text": "a"}]}]


@pytest.mark.parametrize("foreign", [None, "gemini-abc", "modicum.signed.abc"])
def test_thoughts_of_others_are_not_told_to_claude(foreign: str | None) -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    blocks = [{"type": "thinking", "thinking": "Hm.", "signature": foreign}, {"type": "redacted_thinking", "data": "rs_1:abc"}]
    said = {"role": "assistant", "content": None, "name": "bot", "thinking_blocks": blocks, "tool_calls": [call]}
    messages = [HELLO, said, {"role": "tool", "tool_call_id": "a", "content": "x"}]
    body = for_claude(messages=messages, reasoning_effort="high")
    assert body["messages"][1]["content"] == [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]
    # Claude wants to see its thought before its call, or not to think.
    assert "thinking" not in body and "thinking" in for_claude(messages=[*messages, HELLO], reasoning_effort="high")


def test_a_sealed_id_of_another_provider_is_short_for_claude() -> None:
    long = "gemini-n12-" + "a" * 2000
    call = {"id": long, "type": "function", "function": {"name": "f", "arguments": "{}"}}
    body = for_claude(messages=[HELLO, {"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": long, "content": "x"}])
    used, answered = body["messages"][1]["content"][0]["id"], body["messages"][2]["content"][0]["tool_use_id"]
    assert used == answered and len(used) <= 64


def test_how_long_an_answer_may_be_by_default() -> None:
    assert for_claude(model="claude-3-haiku-20240307")["max_tokens"] == 4096
    assert for_claude(model="claude-3-5-haiku-latest")["max_tokens"] == 8192
    assert for_claude(model="claude-opus-4-8")["max_tokens"] == for_claude(reasoning_effort="high")["max_tokens"] == 32_000


def from_agent(kind: str, model: str, **fields: Any) -> dict[str, Any]:
    spoken = all_facts()[kind].chat
    asked = replace(anthropic.DIALECT.read_request({**AGENT, **fields}), model=model, stream=None, include_usage=None)
    return suit(spoken, dialect(spoken).write_request(asked), ())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("gemini-2.5-flash", {"thinkingBudget": 0}),
        ("gemini-2.5-pro", {"thinkingBudget": 128}),
        ("gemini-2.0-flash", None),
        ("gemini-3-pro-preview", {"thinkingLevel": "low"}),
        ("gemini-3-flash-preview", {"thinkingLevel": "minimal"}),
    ],
)
def test_an_agent_is_understood_by_gemini(model: str, told: dict[str, Any] | None) -> None:
    body = from_agent("gemini", model)
    assert body["generationConfig"].get("thinkingConfig") == told and [turn["role"] for turn in body["contents"]] == [
        "user",
        "model",
        "user",
    ]
    hard = from_agent("gemini", model, thinking={"type": "adaptive"}, output_config={"effort": "max"})
    assert hard["generationConfig"]["thinkingConfig"] in ({"thinkingLevel": "high"}, {"thinkingBudget": 24576})


def test_an_agent_is_understood_on_bedrock() -> None:
    plain = from_agent("bedrock", "meta.llama4-maverick-17b-instruct-v1:0")
    assert "cachePoint" not in json.dumps(plain) and "additionalModelRequestFields" not in plain
    nova = from_agent("bedrock", "us.amazon.nova-pro-v1:0")
    assert {"cachePoint": {"type": "default"}} in nova["messages"][0]["content"] and "cachePoint" not in json.dumps(nova["toolConfig"])
    claude = from_agent("bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0")
    assert {"cachePoint": {"type": "default"}} in claude["toolConfig"]["tools"]
    asked = openai.DIALECT.read_request({"model": "anthropic.claude-sonnet-4-5-v1:0", "messages": [HELLO], "reasoning_effort": "high"})
    thinking = {"type": "enabled", "budget_tokens": 24576}
    assert dialect("converse").write_request(asked)["additionalModelRequestFields"] == {"thinking": thinking}


@pytest.mark.parametrize("endpoint", ["generate_content", "converse"])
def test_the_system_speaks_once_where_it_must(endpoint: Endpoint) -> None:
    system, later = {"role": "system", "content": "a"}, {"role": "developer", "content": "b"}
    said = {"role": "assistant", "content": "Hm.", "name": "bot"}

    def written(*messages: dict[str, Any]) -> dict[str, Any]:
        return dialect(endpoint).write_request(openai.DIALECT.read_request({"model": "m", "user": "u", "messages": list(messages)}))

    body = written(system, HELLO, said, later, HELLO)
    start, turns = body.get("systemInstruction", {}).get("parts") or body["system"], body.get("contents") or body["messages"]
    assert [part["text"] for part in start] == ["a", "b"] and len(turns) == 3
    alone = written(system)
    assert "system" not in alone and "systemInstruction" not in alone and "'a'" in str(alone)
    with pytest.raises(UntranslatableError, match="name"):
        written({**HELLO, "name": "Ann"})
