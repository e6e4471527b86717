"""Every endpoint, before a provider that speaks the same: bytes pass, figures are recorded, the list of models is the operator's."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.errors import UnknownEndpointError
from modicum.gateway.endpoints import place
from modicum.store import snapshot
from modicum.store.snapshot import Snapshot
from modicum.types import Pattern
from tests.gateway.rig import Gateway, gateway
from tests.gateway.routed import SYSTEM, publish, workload
from tests.gateway.scripted import Scripted, plain, sse, streamed
from tests.gateway.test_dialects import CLAUDE, CLAUDE_EVENTS

CONFIG = """
[providers.claude]
kind = "anthropic"
url = "{origin}/claude"
auth = "none"
cache_control = "auto"

[providers.co]
kind = "cohere"
url = "{origin}/co"
auth = "none"

[models."smart"]
deployments = ["claude/claude-x"]
"""


@pytest.fixture(scope="module")
def provider() -> Iterator[Scripted]:
    with Scripted() as found:
        yield found


@pytest.fixture(scope="module")
def served(provider: Scripted, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    home = tmp_path_factory.mktemp("endpoints")
    (home / "modicum.toml").write_text(CONFIG.format(origin=provider.origin))
    publish(home / "home", "proposed")
    with gateway(home / "home", provider.url, "--config", str(home / "modicum.toml"), env={"MODICUM_RETRY__TRIES": "1"}) as found:
        yield found


EMBEDDED: dict[str, Any] = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}], "model": "e-1"}
EMBEDDED |= {"usage": {"prompt_tokens": 5, "total_tokens": 5}}
COMPLETED: dict[str, Any] = {
    "id": "cmpl-1",
    "object": "text_completion",
    "model": "c-1",
    "choices": [{"index": 0, "text": "ok", "finish_reason": "stop"}],
}
COMPLETED |= {"usage": {"prompt_tokens": 4, "completion_tokens": 1, "total_tokens": 5}}
RESPONDED: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "model": "g",
    "status": "completed",
    "usage": {"input_tokens": 3, "output_tokens": 1},
}
RESPONDED |= {"output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "ok"}]}]}


@pytest.mark.parametrize("prefix", ["", "/v1"])
@pytest.mark.parametrize(
    ("path", "endpoint", "request_", "answer", "tokens"),
    [
        ("/embeddings", "embeddings", {"model": "e-1", "input": ["a"]}, EMBEDDED, (5, 0)),
        ("/completions", "completions", {"model": "c-1", "prompt": "a"}, COMPLETED, (4, 1)),
        ("/responses", "responses", {"model": "g", "input": "a"}, RESPONDED, (3, 1)),
    ],
)
def test_the_same_dialect_passes_byte_for_byte(
    served: Gateway,
    provider: Scripted,
    prefix: str,
    path: str,
    endpoint: str,
    request_: dict[str, Any],
    answer: dict[str, Any],
    tokens: tuple[int, int | None],
) -> None:
    sent, said = json.dumps(request_, indent=1).encode(), json.dumps(answer, indent=2).encode()
    provider.on("/v1" + path, plain(said, openai_version="2020-10-01"))
    response, body = served.post(sent, path=prefix + path)
    assert (response.status, body, provider.got[-1].body) == (200, said, sent) and response.headers["openai-version"] == "2020-10-01"
    call = served.call(response.headers["x-request-id"])
    assert (call.endpoint, call.usage.input_tokens, call.usage.output_tokens) == (endpoint, *tokens)
    assert (call.response is None) is (endpoint == "embeddings"), "rows of numbers are not kept"
    assert call.decision is not None and call.decision.reason == ("not_recognised" if endpoint == "responses" else "no_workloads")


@pytest.mark.parametrize("path", ["/rerank", "/v1/rerank", "/v2/rerank"])
def test_rerank(served: Gateway, provider: Scripted, path: str) -> None:
    answer = {"id": "r", "results": [{"index": 0, "relevance_score": 0.9}], "meta": {"billed_units": {"search_units": 1}}}
    for base in ("/co/rerank", "/co/v2/rerank", "/co/v1/rerank"):
        provider.on(base, plain(answer))
    response, body = served.post({"model": "co/rerank-3", "query": "q", "documents": ["a"]}, path=path)
    assert response.status == 200 and json.loads(body) == answer, body
    assert provider.got[-1].json()["model"] == "rerank-3"
    assert served.call(response.headers["x-request-id"]).endpoint == "rerank"
    assert served.post({"model": "smart", "query": "q", "documents": ["a"]}, path=path)[0].status == 400


def test_messages_and_their_tokens(served: Gateway, provider: Scripted) -> None:
    provider.on("/claude/v1/messages", plain(CLAUDE))
    provider.on("/claude/v1/messages/count_tokens", plain({"input_tokens": 12}))
    turns = {"messages": [{"role": "user", "content": "hi"}]}
    headers = {"anthropic-version": "2023-06-01", "anthropic-beta": "some-2026", "x-stainless-os": "Linux"}
    response, body = served.post({"model": "smart", "max_tokens": 5, **turns}, headers, path="/v1/messages")
    assert json.loads(body) == CLAUDE and provider.got[-1].json()["model"] == "claude-x"
    assert provider.got[-1].headers["anthropic-beta"] == "some-2026" and "x-stainless-os" not in provider.got[-1].headers
    response, body = served.post({"model": "smart", **turns}, headers, path="/v1/messages/count_tokens")
    assert json.loads(body) == {"input_tokens": 12} and served.call(response.headers["x-request-id"]).endpoint == "count_tokens"
    wire = sse(*CLAUDE_EVENTS, names=True)
    provider.on("/claude/v1/messages", streamed(*wire))
    response, body = served.post({"model": "smart", "max_tokens": 5, "stream": True, **turns}, headers, path="/v1/messages")
    assert body == b"".join(wire)
    call = served.call(response.headers["x-request-id"])
    assert (call.usage.input_tokens, call.usage.output_tokens, call.finish_reason) == (7, 2, "stop")


def test_the_static_beginning_is_marked_for_anthropic_s_cache(served: Gateway, provider: Scripted) -> None:
    provider.on("/claude/v1/messages", plain(CLAUDE))
    turn = {"role": "user", "content": "Headline: x"}
    served.post({"model": "smart", "messages": [{"role": "system", "content": SYSTEM}, turn]})
    assert b"cache_control" not in provider.got[-1].body, "too short to be kept"
    rules = "Rule: be brief and exact. " * 200
    found = workload()
    (version,) = found.versions
    system = Pattern(literals=(rules,), anchored_start=True)
    long = dataclasses.replace(version, version_id="v2", template=dataclasses.replace(version.template, system=system))
    snapshot.write(served.home, Snapshot(version="long", workloads=(dataclasses.replace(found, versions=(long,)),)))
    served.wait_for_snapshot(1)
    for sent in (
        {"model": "smart", "messages": [{"role": "system", "content": rules + "Today is Monday."}, turn]},
        {"model": "smart", "max_tokens": 5, "system": rules + "Today is Monday.", "messages": [turn]},
    ):
        served.post(sent, path="/v1/messages" if "system" in sent else "/v1/chat/completions")
        first, second = provider.got[-1].json()["system"]
        assert (first["text"], second["text"]) == (rules, "Today is Monday.") and first["cache_control"] == {"type": "ephemeral"}
        assert "cache_control" not in second
    marked = [{"type": "text", "text": rules, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    served.post({"model": "smart", "max_tokens": 5, "system": marked, "messages": [turn]}, path="/v1/messages")
    assert provider.got[-1].json()["system"] == marked, "who marks something knows better"


def test_models_are_the_operators_and_the_providers(served: Gateway, provider: Scripted) -> None:
    row = {"id": "gpt-x", "object": "model", "created": 5, "owned_by": "them", "extra": 1}
    provider.on("/v1/models", plain({"object": "list", "data": [row]}))
    provider.on("/v1/models/gpt-x", plain(row))
    listed = json.loads(served.get("/v1/models")[1])
    assert [one["id"] for one in listed["data"]] == ["smart", "gpt-x"] and listed["data"][1] == row and listed["object"] == "list"
    assert json.loads(served.get("/models/gpt-x")[1])["id"] == "gpt-x"
    assert json.loads(served.get("/v1/models/smart")[1])["owned_by"] == "modicum"
    theirs = json.loads(served.get("/v1/models", {"anthropic-version": "2023-06-01"})[1])
    assert [one["type"] for one in theirs["data"]] == ["model", "model"] and theirs["first_id"] == "smart" and theirs["has_more"] is False
    provider.on("/v1/models", [None])
    assert [one["id"] for one in json.loads(served.get("/v1/models")[1])["data"]] == ["smart"], "known without the provider"


def test_files_and_batches_pass(served: Gateway, provider: Scripted) -> None:
    provider.on("/v1/files", plain({"id": "file-1"}))
    provider.on("/v1/files/file-1/content", plain(b"\x00\xff line"))
    provider.on("/v1/batches/b-1/cancel", plain({"id": "b-1"}))
    provider.on("/v1/files/file-1", plain({"deleted": True}))
    upload = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + bytes(range(256)) * 4000 + b"\r\n--x--\r\n"
    response, body = served.post(upload, {"content-type": "multipart/form-data; boundary=x"}, path="/v1/files")
    assert (response.status, json.loads(body)) == (200, {"id": "file-1"}) and provider.got[-1].body == upload
    assert provider.got[-1].headers["content-type"] == "multipart/form-data; boundary=x"
    call = served.call(response.headers["x-request-id"])
    assert (call.endpoint, call.request, call.response, call.status) == ("files", None, None, 200)
    assert served.get("/v1/files/file-1/content?part=1")[1] == b"\x00\xff line" and provider.got[-1].path.endswith("content?part=1")
    assert served.post(b"", path="/v1/batches/b-1/cancel")[0].status == 200
    connection = HTTPConnection("127.0.0.1", served.port, timeout=10)
    connection.request("DELETE", "/v1/files/file-1")
    assert json.loads(connection.getresponse().read()) == {"deleted": True} and provider.got[-1].method == "DELETE"
    connection.close()
    for path in (
        "/v1/files/../models",
        "/v1/files/%2e%2e/models",
        "/v1/files//x",
        "/v1/files/a%00b",
        "/v1/files/a\\b",
        "/v1/files/x%3fy=1",
    ):
        assert served.get(path)[0].status in (400, 404), path
    assert served.get("/v1/files", {"x-modicum-provider": "nobody"})[0].status == 404
    assert served.get("/v1/files", {"x-modicum-provider": "claude"})[0].status in (200, 404)


@given(st.sampled_from(["GET", "POST", "DELETE", "PUT", "BREW"]), st.text(max_size=40).map(lambda text: "/" + text))
def test_no_path_breaks_the_door(method: str, path: str) -> None:
    try:
        found = place(method, path)
    except UnknownEndpointError:
        return
    assert found.endpoint is not None or found.name is not None
    assert ".." not in found.rest.split("/")
