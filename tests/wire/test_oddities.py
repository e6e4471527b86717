"""What servers that speak OpenAI's dialect do differently, and what agents send that OpenAI has no place for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from modicum.errors import UntranslatableError
from modicum.types import Endpoint, Usage
from modicum.wire import anthropic, openai
from modicum.wire.dialects import dialect
from modicum.wire.gather import Gathered
from modicum.wire.openai.passing import ChatPassing
from modicum.wire.talk import Began, Pinged, Request, Text, Thinking, ToolUse

ASKED = Request(model="m", messages=())


def chunk(delta: dict[str, Any], **choice: Any) -> bytes:
    body = {"id": "1", "model": "m", "choices": [{"index": 0, "delta": delta, **choice}]}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def heard(*events: bytes) -> Gathered:
    reader, found = openai.DIALECT.reader(), Gathered()
    for event in events:
        found.take(reader.feed(event))
    found.take(reader.end())
    return found


def test_calls_without_ids_get_one_each() -> None:
    calls = [{"function": {"name": name, "arguments": {"f": "{}", "g": ""}[name]}} for name in ("f", "g")]
    streamed = heard(chunk({"tool_calls": calls}, finish_reason="tool_calls"), b"data: [DONE]\n\n").response()
    body = {"choices": [{"message": {"role": "assistant", "content": None, "tool_calls": calls}, "finish_reason": "stop"}]}
    plain = openai.DIALECT.read_response(body)
    for response in (streamed, plain):
        assert response is not None and response.choices[0].finish == "tool_use"
        ids = {part.id for part in response.choices[0].parts if isinstance(part, ToolUse)}
        assert len(ids) == 2 and all(ids)


def test_an_empty_reason_to_stop_is_none() -> None:
    pieces = [chunk({"content": word}, finish_reason="") for word in ("a", "b")]
    cut, whole = heard(*pieces), heard(*pieces, chunk({}, finish_reason="stop"))
    assert not cut.ended and whole.ended and (said := whole.response()) is not None and said.choices[0].parts == (Text(text="ab"),)
    passing = ChatPassing()
    passing.feed(b"".join(pieces))
    assert not passing.finished


def test_reasoning_that_is_counted_beside_the_answer() -> None:
    counts = {"prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 135, "completion_tokens_details": {"reasoning_tokens": 94}}
    assert openai.DIALECT.read_response({"choices": [], "usage": counts}).usage == Usage(
        input_tokens=32, output_tokens=103, reasoning_tokens=94
    )
    within = openai.DIALECT.read_response({"choices": [], "usage": counts | {"completion_tokens": 103}})
    assert within.usage.output_tokens == 103


def test_images_of_a_tool_s_result_are_shown_behind_it() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}

    def result(call: str, *content: dict[str, Any], **more: Any) -> dict[str, Any]:
        return {"type": "tool_result", "tool_use_id": call, "content": list(content), **more}

    results = [result("a", image), result("b", {"type": "text", "text": "two"}, image, is_error=True), result("c")]
    asked = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": [*results, {"type": "text", "text": "And?"}]}]}
    *tools, shown = openai.DIALECT.write_request(anthropic.DIALECT.read_request(asked))["messages"]
    assert [(tool["tool_call_id"], tool["content"]) for tool in tools] == [
        ("a", [{"type": "text", "text": "(shown below)"}]),
        ("b", [{"type": "text", "text": "Error: two"}]),
        ("c", []),
    ]
    assert shown["role"] == "user" and [part["type"] for part in shown["content"]] == ["text", "image_url", "text", "image_url", "text"]
    assert "call a" in shown["content"][0]["text"] and shown["content"][-1]["text"] == "And?"
    responses = dialect("responses").write_request(anthropic.DIALECT.read_request(asked))["input"]
    assert responses[1]["output"][0]["text"] == "Error: two"


@pytest.mark.parametrize("field", ["client_metadata", "prompt_cache_options", "prompt_cache_retention"])
def test_hints_of_responses_clients_change_no_answer(field: str) -> None:
    annotated = {"type": "output_text", "text": "See.", "annotations": [{"type": "url_citation", "url": "https://a"}]}
    items = [{"type": "message", "role": "assistant", "phase": "commentary", "content": [annotated]}, {"role": "user", "content": "So?"}]
    asked = dialect("responses").read_request({"model": "m", "input": items, field: {"a": "b"}})
    assert [message.parts for message in asked.messages] == [(Text(text="See."),), (Text(text="So?"),)]


@pytest.mark.parametrize(
    ("fields", "thinking"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, Thinking(enabled=True, budget_tokens=2000)),
        ({"thinking": {"type": "disabled"}}, Thinking(enabled=False)),
        ({"thinking": {"type": "adaptive"}}, Thinking()),
        ({"reasoning": {"effort": "low", "exclude": True}}, Thinking(effort="low")),
        ({"reasoning": {"max_tokens": 3000}}, Thinking(budget_tokens=3000)),
        ({"reasoning": {"enabled": True}}, Thinking(enabled=True)),
    ],
)
def test_thinking_as_clients_of_other_gateways_ask_for_it(fields: dict[str, Any], thinking: Thinking) -> None:
    asked = openai.DIALECT.read_request({"model": "m", "messages": [{"role": "user", "content": "Hi"}], **fields})
    assert asked.thinking == thinking
    with pytest.raises(UntranslatableError, match=r"\.more"):
        openai.DIALECT.read_request({"model": "m", "messages": [], **{name: {**one, "more": 1} for name, one in fields.items()}})


@pytest.mark.parametrize(
    "message",
    [
        "prompt is too long: 208310 tokens > 200000 maximum",
        "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens.",
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        "Input is too long for requested model.",
        "the request exceeds the available context size",
    ],
)
def test_agents_learn_that_their_history_is_too_long(message: str) -> None:
    for_chat = json.loads(openai.DIALECT.write_error(message, status=400, code="invalid_request_error"))["error"]
    assert for_chat["code"] == "context_length_exceeded" and for_chat["message"] == message
    told = json.loads(anthropic.DIALECT.write_error(message, status=400, code="x"))["error"]["message"]
    assert told.lower().startswith("prompt is too long") and message in told
    assert json.loads(openai.DIALECT.write_error(message, status=500, code="x"))["error"]["code"] == "x"


@pytest.mark.parametrize("endpoint", ["chat_completions", "messages", "responses"])
def test_an_answer_of_a_model_that_was_not_named_names_the_one_that_was_asked(endpoint: Endpoint) -> None:
    writer = dialect(endpoint).writer(ASKED)
    pinged = writer.write(Pinged())
    assert not pinged.startswith(b"event:") and b'"model":"m"' in writer.write(Began(id="1", model=""))


def test_what_clients_send_back_of_former_answers() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}", "provider_specific_fields": {"x": 1}}}
    call |= {"extra_content": {"google": {"thought_signature": "x"}}, "provider_specific_fields": {"x": 1}}
    said = {"role": "assistant", "content": "a", "annotations": [{"type": "url_citation"}], "provider_specific_fields": {"x": 1}}
    asked = openai.DIALECT.read_request({"model": "m", "messages": [{**said, "tool_calls": [call]}], "tool_choice": {"type": "auto"}})
    assert asked.messages[0].parts == (Text(text="a"), ToolUse(id="a", name="f", arguments="{}"))
    assert asked.tool_choice is not None and asked.tool_choice.mode == "auto"
    cited = {"type": "text", "text": "a", "citations": [{"type": "char_location"}]}
    form = {"type": "json_schema", "schema": {"type": "object"}}
    there = anthropic.DIALECT.read_request({"model": "m", "messages": [{"role": "assistant", "content": [cited]}], "output_format": form})
    assert there.messages[0].parts == (Text(text="a"),) and there.format is not None and there.format.schema == {"type": "object"}
