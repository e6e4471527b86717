"""Callers of one dialect before providers of another, byte by byte: plain, streamed, refused, broken."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterator
from http.client import HTTPConnection, IncompleteRead
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.rig import Gateway, gateway
from tests.gateway.scripted import Scripted, plain, sse, streamed

CONFIG = """
[providers.claude]
kind = "anthropic"
url = "{origin}/claude"
auth = "none"

[providers.gem]
kind = "gemini"
url = "{origin}/gem"
auth = "none"

[providers.rock]
kind = "bedrock"
url = "{origin}/rock"
region = "us-east-1"
auth = "none"

[providers.lax]
kind = "anthropic"
url = "{origin}/lax"
auth = "none"
leave_out = ["seed", "logit_bias", "model"]

[providers.few]
kind = "mistral"
url = "{origin}/few"
auth = "none"
leave_out = ["logit_bias"]

[models."smart"]
deployments = ["claude/claude-x"]

[models."either"]
deployments = ["claude/claude-x", "openai/first"]
strategy = "ordered"

[models."careful"]
deployments = ["openai/first", "claude/claude-x"]
strategy = "ordered"
"""
CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-x",
    "usage": {"prompt_tokens": 7, "completion_tokens": 2},
}
CHAT["choices"] = [{"index": 0, "message": {"role": "assistant", "content": "Hello wörld"}, "finish_reason": "stop"}]
CLAUDE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-x",
    "content": [{"type": "text", "text": "Hello wörld"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 7, "output_tokens": 2},
}
CLAUDE_EVENTS = [
    {"type": "message_start", "message": CLAUDE | {"content": [], "stop_reason": None, "usage": {"input_tokens": 7, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "ping"},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " wörld"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 2}},
    {"type": "message_stop"},
]


def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-x", "choices": [choice]}


COUNTS = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-x", "choices": [], "usage": CHAT["usage"]}
CHAT_EVENTS = [chunk({"role": "assistant", "content": ""}), chunk({"content": "Hello"}), chunk({"content": " wörld"}), chunk({}, "stop")]


@pytest.fixture(scope="module")
def provider() -> Iterator[Scripted]:
    with Scripted() as found:
        yield found


@pytest.fixture(scope="module")
def served(provider: Scripted, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    home = tmp_path_factory.mktemp("dialects")
    (home / "modicum.toml").write_text(CONFIG.format(origin=provider.origin))
    env = {"MODICUM_RETRY__TRIES": "1", "MODICUM_RETRY__BREAKER_FAILURES": "1000"}
    with gateway(home / "home", provider.url, "--config", str(home / "modicum.toml"), env=env) as found:
        yield found


def chat_ask(model: str, **more: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}], **more}


def claude_ask(model: str, **more: Any) -> dict[str, Any]:
    return {"model": model, "max_tokens": 50, "system": "Be brief.", "messages": [{"role": "user", "content": "hi"}], **more}


def texts(body: bytes) -> str:
    events = [json.loads(line[6:]) for line in body.decode().split("\n") if line.startswith("data: {")]
    return "".join(
        (event.get("delta") or {}).get("text", "") if "type" in event else choice["delta"].get("content") or ""
        for event in events
        for choice in (event.get("choices") or [{"delta": {}}])
    )


def test_openai_s_caller_before_anthropic(served: Gateway, provider: Scripted) -> None:
    provider.on("/claude/v1/messages", plain(CLAUDE, request_id="req_9", anthropic_ratelimit_tokens_remaining="5"))
    response, body = served.post(chat_ask("smart", max_tokens=20))
    whole = json.loads(body)
    assert response.status == 200 and whole["object"] == "chat.completion"
    assert whole["choices"][0]["message"]["content"] == "Hello wörld" and whole["choices"][0]["finish_reason"] == "stop"
    assert (whole["usage"]["prompt_tokens"], whole["usage"]["completion_tokens"]) == (7, 2)
    sent = provider.got[-1].json()
    assert sent["model"] == "claude-x" and sent["max_tokens"] == 20 and "hi" in json.dumps(sent["messages"])
    assert "Be brief." in json.dumps(sent["system"]) and provider.got[-1].headers["anthropic-version"]
    assert response.headers["x-upstream-request-id"] == "req_9" and response.headers["anthropic-ratelimit-tokens-remaining"] == "5"
    assert response.headers["x-modicum-provider"] == "claude" and response.headers["x-modicum-deployment"] == "claude/claude-x"
    assert response.headers["x-modicum-attempts"] == "1"
    call = served.call(response.headers["x-request-id"])
    assert (call.endpoint, call.provider, call.deployments) == ("chat_completions", "claude", ("claude/claude-x",))
    assert call.response == body and (call.usage.input_tokens, call.usage.output_tokens) == (7, 2) and call.finish_reason == "stop"


def test_its_stream(served: Gateway, provider: Scripted) -> None:
    provider.on("/claude/v1/messages", streamed(*sse(*CLAUDE_EVENTS, names=True)))
    response, body = served.post(chat_ask("smart", stream=True, stream_options={"include_usage": True}))
    assert response.headers["content-type"].startswith("text/event-stream") and body.endswith(b"data: [DONE]\n\n")
    assert texts(body) == "Hello wörld" and b'"prompt_tokens":7' in body
    call = served.call(response.headers["x-request-id"])
    assert call.streamed and call.error is None and (call.usage.input_tokens, call.usage.output_tokens) == (7, 2)
    assert call.response is not None and json.loads(call.response)["choices"][0]["message"]["content"] == "Hello wörld"
    assert not call.usage.estimated


def test_a_stream_whose_end_comes_late_leaves_its_connection(served: Gateway, provider: Scripted) -> None:
    provider.on("/claude/v1/messages", streamed(*sse(*CLAUDE_EVENTS, names=True), 0.05))
    served.post(chat_ask("smart", stream=True))
    before = provider.connections
    for _ in range(3):
        _, body = served.post(chat_ask("smart", stream=True))
        assert body.endswith(b"data: [DONE]\n\n") and texts(body) == "Hello wörld"
    assert provider.connections == before


def test_anthropic_s_caller_before_openai(served: Gateway, provider: Scripted) -> None:
    provider.on("/v1/chat/completions", plain(CHAT))
    response, body = served.post(claude_ask("gpt-x"), {"anthropic-version": "2023-06-01", "x-api-key": "theirs"}, path="/v1/messages")
    whole = json.loads(body)
    assert response.status == 200 and whole["type"] == "message" and whole["content"][0]["text"] == "Hello wörld"
    assert whole["stop_reason"] == "end_turn" and whole["usage"]["input_tokens"] == 7
    assert response.headers["request-id"] == response.headers["x-request-id"]
    sent = provider.got[-1].json()
    assert sent["messages"][0]["content"] == "Be brief." and "x-api-key" not in provider.got[-1].headers
    call = served.call(response.headers["x-request-id"])
    assert call.endpoint == "messages" and call.finish_reason == "stop" and call.response == body


def test_its_stream_too(served: Gateway, provider: Scripted) -> None:
    provider.on("/v1/chat/completions", streamed(*sse(*CHAT_EVENTS, COUNTS), b"data: [DONE]\n\n"))
    response, body = served.post(claude_ask("gpt-x", stream=True), path="/messages")
    names = [line[7:] for line in body.decode().split("\n") if line.startswith("event: ")]
    assert names[0] == "message_start" and names[-1] == "message_stop" and texts(body) == "Hello wörld"
    assert provider.got[-1].json()["stream_options"] == {"include_usage": True}
    call = served.call(response.headers["x-request-id"])
    assert (call.usage.input_tokens, call.usage.output_tokens, call.usage.estimated) == (7, 2, False) and call.error is None


def test_responses_before_chat(served: Gateway, provider: Scripted) -> None:
    provider.on("/v1/responses", plain({"error": {"message": "no"}}, "404 Not Found"))
    provider.on("/claude/v1/messages", plain(CLAUDE), streamed(*sse(*CLAUDE_EVENTS, names=True)))
    response, body = served.post({"model": "smart", "input": "hi", "instructions": "Be brief."}, path="/v1/responses")
    whole = json.loads(body)
    assert response.status == 200 and whole["object"] == "response" and whole["output"][-1]["content"][0]["text"] == "Hello wörld"
    response, body = served.post({"model": "smart", "input": "hi", "stream": True}, path="/v1/responses")
    names = [line[7:] for line in body.decode().split("\n") if line.startswith("event: ")]
    assert names[0] == "response.created" and names[-1] == "response.completed"
    call = served.call(response.headers["x-request-id"])
    assert call.endpoint == "responses" and call.usage.output_tokens == 2 and call.error is None


GEM = {
    "candidates": [{"content": {"role": "model", "parts": [{"text": "Hello wörld"}]}, "finishReason": "STOP", "index": 0}],
    "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 2, "totalTokenCount": 9},
    "modelVersion": "gem-1",
    "responseId": "r1",
}


def test_gemini(served: Gateway, provider: Scripted) -> None:
    paths = {"generateContent": plain(GEM), "streamGenerateContent": streamed(*sse(GEM))}
    for verb, script in paths.items():
        for base in ("/gem", "/gem/v1beta"):
            provider.on(f"{base}/models/gem-1:{verb}", script)
    response, body = served.post(chat_ask("gem/gem-1"))
    assert response.status == 200 and json.loads(body)["choices"][0]["message"]["content"] == "Hello wörld", body
    response, body = served.post(claude_ask("gem/gem-1", stream=True), path="/v1/messages")
    assert texts(body) == "Hello wörld" and b"message_stop" in body
    assert served.call(response.headers["x-request-id"]).usage.output_tokens == 2


def frame(kind: str, payload: dict[str, Any]) -> bytes:
    """One message of Amazon's binary event stream."""
    headers = b""
    for name, value in ((":event-type", kind), (":content-type", "application/json"), (":message-type", "event")):
        headers += bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
    body = json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + body
    return message + struct.pack(">I", zlib.crc32(message))


def test_bedrock_s_binary_stream(served: Gateway, provider: Scripted) -> None:
    frames = b"".join(
        (
            frame("messageStart", {"role": "assistant"}),
            frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hello"}}),
            frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": " wörld"}}),
            frame("contentBlockStop", {"contentBlockIndex": 0}),
            frame("messageStop", {"stopReason": "end_turn"}),
            frame("metadata", {"usage": {"inputTokens": 7, "outputTokens": 2, "totalTokens": 9}, "metrics": {"latencyMs": 1}}),
        )
    )
    pieces = [frames[at : at + 50] for at in range(0, len(frames), 50)]
    provider.on("/rock/model/nova/converse-stream", streamed(*pieces, kind="application/vnd.amazon.eventstream"))
    response, body = served.post(chat_ask("rock/nova", stream=True))
    assert response.status == 200 and texts(body) == "Hello wörld" and body.endswith(b"data: [DONE]\n\n"), body
    call = served.call(response.headers["x-request-id"])
    assert (call.usage.input_tokens, call.usage.output_tokens, call.error) == (7, 2, None)


def test_what_has_no_words_there_is_refused_by_name(served: Gateway, provider: Scripted) -> None:
    before = len(provider.got)
    response, body = served.post(chat_ask("smart", logit_bias={"1": 5}))
    error = json.loads(body)["error"]
    assert response.status == 400 and error["code"] == "untranslatable" and "logit_bias" in error["message"]
    assert len(provider.got) == before and served.call(response.headers["x-request-id"]).error == "untranslatable"


def test_who_has_no_words_for_it_is_passed_over(served: Gateway, provider: Scripted) -> None:
    provider.on("/v1/chat/completions", plain(CHAT))
    response, _ = served.post(chat_ask("either", logit_bias={"1": 5}))
    assert response.status == 200 and provider.got[-1].json()["logit_bias"] == {"1": 5}
    assert response.headers["x-modicum-deployment"] == "openai/first" and response.headers["x-modicum-attempts"] == "1"
    provider.on("/claude/v1/messages", plain(CLAUDE))
    response, _ = served.post(chat_ask("either"))
    assert response.headers["x-modicum-deployment"] == "claude/claude-x"


def test_what_the_operator_leaves_out_is_not_told(served: Gateway, provider: Scripted) -> None:
    provider.on("/lax/v1/messages", plain(CLAUDE))
    response, _ = served.post(chat_ask("lax/claude-x", logit_bias={"1": 5}, seed=7, temperature=0.5))
    sent = provider.got[-1].json()
    assert response.status == 200 and sent["temperature"] == 0.5 and not {"logit_bias", "seed"} & sent.keys()
    provider.on("/few/chat/completions", plain(CHAT))
    response, _ = served.post(chat_ask("few/x", logit_bias={"1": 5}, seed=7))
    sent = provider.got[-1].json()
    assert response.status == 200 and sent == chat_ask("x", seed=7)


def test_a_translated_request_is_suited_to_its_provider(served: Gateway, provider: Scripted) -> None:
    provider.on("/few/chat/completions", plain(CHAT))
    kept = {"cache_control": {"type": "ephemeral"}}
    asked = claude_ask("few/x", metadata={"user_id": "u"}, system=[{"type": "text", "text": "Be brief.", **kept}])
    response, _ = served.post(asked, path="/v1/messages")
    assert response.status == 200 and provider.got[-1].json() == chat_ask("x", max_tokens=50)


@pytest.mark.parametrize(("path", "ask", "anthropic"), [("/v1/chat/completions", chat_ask, False), ("/v1/messages", claude_ask, True)])
def test_errors_come_in_the_callers_words(served: Gateway, provider: Scripted, path: str, ask: Any, anthropic: bool) -> None:
    told = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}
    provider.on("/claude/v1/messages", plain(told, "429 Too Many Requests", retry_after="7"))
    response, body = served.post(ask("smart"), path=path)
    whole = json.loads(body)
    assert response.status == 429 and response.headers["retry-after"] == "7" and "slow down" in whole["error"]["message"]
    assert ("type" in whole and whole["type"] == "error") is anthropic
    if anthropic:
        assert whole == told, "in the provider's own dialect an error passes unchanged"
    assert served.call(response.headers["x-request-id"]).error == "rate_limit_error"
    response, body = served.post(b"{}", path=path)
    assert response.status == 400 and ("type" in json.loads(body)) is anthropic


@pytest.mark.parametrize("how", ["reset", "quiet", "told"])
@pytest.mark.parametrize(("path", "ask"), [("/v1/chat/completions", chat_ask), ("/v1/messages", claude_ask), ("/v1/responses", None)])
def test_a_broken_stream_ends_with_an_error_and_never_as_a_success(
    served: Gateway, provider: Scripted, path: str, ask: Any, how: str
) -> None:
    begun = sse(*CLAUDE_EVENTS[:4], names=True)
    failed = sse({"type": "error", "error": {"type": "overloaded_error", "message": "too much"}}, names=True)
    scripts = {"reset": streamed(*begun, 0.05, None), "quiet": streamed(*begun), "told": streamed(*begun, *failed)}
    provider.on("/claude/v1/messages", scripts[how])
    body = json.dumps(ask("smart", stream=True) if ask else {"model": "smart", "input": "hi", "stream": True})
    connection = HTTPConnection("127.0.0.1", served.port, timeout=10)
    connection.request("POST", path, body, {"content-type": "application/json"})
    response = connection.getresponse()
    try:
        seen = response.read()
    except IncompleteRead as broken:
        seen = bytes(broken.partial)
    connection.close()
    assert b"Hello" in seen and b"error" in seen
    assert b"[DONE]" not in seen and b"message_stop" not in seen and b"response.completed" not in seen
    call = served.call(response.headers["x-request-id"])
    assert call.error == ("overloaded_error" if how == "told" else "upstream_failed")
    assert call.usage.estimated and call.usage.output_tokens and call.usage.input_tokens == 7


def test_no_stream_is_begun_anew_after_its_first_byte(served: Gateway, provider: Scripted) -> None:
    provider.on("/v1/chat/completions", plain({"error": {"message": "x"}}, "503 Service Unavailable"))
    provider.on("/claude/v1/messages", plain(CLAUDE))
    response, body = served.post(chat_ask("careful"))
    assert response.status == 200 and response.headers["x-modicum-attempts"] == "2"
    assert served.call(response.headers["x-request-id"]).deployments == ("openai/first", "claude/claude-x")
    provider.on("/v1/chat/completions", streamed(*sse(*CHAT_EVENTS[:2]), 0.02, None))
    asked = len(provider.got)
    connection = HTTPConnection("127.0.0.1", served.port, timeout=10)
    connection.request("POST", "/v1/chat/completions", json.dumps(chat_ask("careful", stream=True)), {"content-type": "application/json"})
    with pytest.raises(IncompleteRead):
        connection.getresponse().read()
    connection.close()
    assert len(provider.got) == asked + 1


def test_the_usage_that_only_we_asked_for_is_taken_out_again(served: Gateway, provider: Scripted) -> None:
    told = sse(*CHAT_EVENTS)
    provider.on("/v1/chat/completions", streamed(*told, *sse(COUNTS), b"data: [DONE]\n\n"))
    response, body = served.post(chat_ask("gpt-x", stream=True))
    assert body == b"".join(told) + b"data: [DONE]\n\n"
    sent = provider.got[-1].body
    assert sent.startswith(json.dumps(chat_ask("gpt-x", stream=True)).encode()[:-1]) and json.loads(sent)["stream_options"]
    assert served.call(response.headers["x-request-id"]).usage.output_tokens == 2
    response, body = served.post(chat_ask("gpt-x", stream=True, stream_options={"include_usage": True}))
    assert body == b"".join([*told, *sse(COUNTS)]) + b"data: [DONE]\n\n"
    cut = b"".join([*told, *sse(COUNTS)])
    provider.on("/v1/chat/completions", streamed(*(cut[at : at + 7] for at in range(0, len(cut), 7)), b"data: [DONE]\n\n"))
    assert served.post(chat_ask("gpt-x", stream=True))[1] == b"".join(told) + b"data: [DONE]\n\n"


def test_nothing_was_alarmed(served: Gateway) -> None:
    assert served.errors() == "", Path(served.home)
