"""OpenAI's words -> ours -> Anthropic's -> ours -> OpenAI's: the same conversation."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from anthropic.types import Message
from hypothesis import HealthCheck, given, settings
from openai.types.chat import ChatCompletion

from modicum.wire import anthropic, openai
from modicum.wire.anthropic.request import limit
from modicum.wire.talk import Refusal, Response, Text
from tests.wire import said

EMPTY = {"type": "object", "properties": {}}


def normal(request: dict[str, Any]) -> dict[str, Any]:
    """What "equal" means: the request with each thing said in the one of several ways that means the same.

    - fields that say what holds without them are left out (`n: 1`, `store: false`, penalties of 0, `response_format: text`);
    - `max_completion_tokens` for `max_tokens`, the default where there is none; `stop` as a list; image detail left out;
    - system and developer messages are `system`; those at the start are one;
    - an assistant's content beside tool calls or reasoning: one text is a string, none or an empty one null; without these, null is "";
    - an assistant's refusal is what it said; arguments are JSON values; a cache kept for 5 minutes does not say so;
    - a function without parameters takes an empty object; a schema is strict; `tool_choice: auto` stands where several calls are spoken of;
      with `tool_choice: none` these are not spoken of; a stream tells its usage.
    """
    body = {name: value for name, value in copy.deepcopy(request).items() if name not in ("n", "store", "presence_penalty")}
    body["max_completion_tokens"] = body.pop("max_tokens", limit(request["model"]))
    if isinstance(body.get("stop"), str):
        body["stop"] = [body["stop"]]
    if body.get("response_format") == {"type": "text"}:
        del body["response_format"]
    if "response_format" in body:
        body["response_format"]["json_schema"]["strict"] = True
    if body.get("stream"):
        body["stream_options"] = {"include_usage": True}
    if body.get("tool_choice") == "none":
        body.pop("parallel_tool_calls", None)
    if "parallel_tool_calls" in body:
        body.setdefault("tool_choice", "auto")
    for tool in body.get("tools", ()):
        tool["function"]["parameters"] = {**EMPTY, **(tool["function"].get("parameters") or {})}
    body["messages"] = _system([_message(message) for message in body["messages"]])
    kept: dict[str, Any] = _keeps(body)
    return kept


def _message(message: dict[str, Any]) -> dict[str, Any]:
    if message["role"] == "developer":
        message["role"] = "system"
    for part in message["content"] if isinstance(message["content"], list) else ():
        part.get("image_url", {}).pop("detail", None)
    if message["role"] == "assistant":
        refusal = message.pop("refusal", None)
        content = message["content"]
        parts = content if isinstance(content, list) else [{"type": "text", "text": content}] if content else []
        beside = "tool_calls" in message or "thinking_blocks" in message
        if refusal:
            parts = [*parts, {"type": "text", "text": refusal}]
        if refusal or beside:
            plain = len(parts) < 2 and "cache_control" not in (parts or [{}])[0]
            message["content"] = (parts[0]["text"] if parts else None if "tool_calls" in message else "") if plain else parts
        message["content"] = "" if message["content"] is None and "tool_calls" not in message else message["content"]
        if thought := "".join(block.get("thinking", "") for block in message.get("thinking_blocks", ())):
            message["reasoning_content"] = thought
        for call in message.get("tool_calls", ()):
            call["function"]["arguments"] = json.loads(call["function"]["arguments"] or "{}")
    return message


def _system(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    start = next((n for n, message in enumerate(messages) if message["role"] != "system"), len(messages))
    if start < 2:
        return messages
    parts: list[Any] = []
    for message in messages[:start]:
        content = message["content"]
        parts += content if isinstance(content, list) else [{"type": "text", "text": content}]
    return [{"role": "system", "content": parts}, *messages[start:]]


def _keeps(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: {"type": "ephemeral"} if name == "cache_control" and one == {"type": "ephemeral", "ttl": "5m"} else _keeps(one)
            for name, one in value.items()
        }
    return [_keeps(one) for one in value] if isinstance(value, list) else value


def there_and_back(request: dict[str, Any]) -> dict[str, Any]:
    between = anthropic.DIALECT.write_request(openai.DIALECT.read_request(request))
    back = openai.DIALECT.write_request(anthropic.DIALECT.read_request(json.loads(json.dumps(between))))
    for message in back["messages"]:
        for call in message.get("tool_calls", ()):
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return back


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(said.REQUESTS)
def test_a_conversation_comes_back_as_it_went(request: dict[str, Any]) -> None:
    assert there_and_back(request) == normal(request)


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(said.REQUESTS)
def test_ten_thousand_conversations_come_back(request: dict[str, Any]) -> None:
    assert there_and_back(request) == normal(request)


@settings(max_examples=300, deadline=None)
@given(said.REQUESTS)
def test_what_was_written_once_is_written_the_same_again(request: dict[str, Any]) -> None:
    ours = openai.DIALECT.read_request(request)
    once = openai.DIALECT.write_request(ours)
    assert (
        openai.DIALECT.read_request(once) == replace(ours, choices=ours.choices)
        and openai.DIALECT.write_request(openai.DIALECT.read_request(once)) == once
    )
    there = anthropic.DIALECT.write_request(ours)
    assert anthropic.DIALECT.write_request(anthropic.DIALECT.read_request(there)) == there


@settings(max_examples=300, deadline=None)
@given(said.responses())
def test_an_answer_comes_back_as_it_went(response: Response) -> None:
    written = openai.DIALECT.write_response(response)
    ChatCompletion.model_validate(written)
    assert openai.DIALECT.read_response(written) == response
    between = anthropic.DIALECT.write_response(response)
    Message.model_validate(between)
    # A refusal is a text to Anthropic, and it does not say when the answer was made.
    texts = "".join(part.text for part in response.choices[0].parts if isinstance(part, Text | Refusal))
    back = anthropic.DIALECT.read_response(between)
    assert "".join(part.text for part in back.choices[0].parts if isinstance(part, Text)) == texts
    if not any(isinstance(part, Refusal) for part in response.choices[0].parts):
        assert replace(back, created=response.created) == response
