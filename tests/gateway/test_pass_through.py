"""What goes to the provider and comes back: byte for byte, recorded, and never a torn reply for a whole one."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from http.client import HTTPConnection, IncompleteRead
from pathlib import Path

import pytest

from tests.gateway.rig import KEY, Gateway, Upstream, ask, gateway


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as found:
        yield found


@pytest.fixture(scope="module")
def served(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    timeouts = {"MODICUM_UPSTREAM__READ_TIMEOUT_S": "1.5", "MODICUM_UPSTREAM__FIRST_BYTE_TIMEOUT_S": "1.5", "MODICUM_RETRY__TRIES": "1"}
    with gateway(tmp_path_factory.mktemp("home"), upstream.url, env=timeouts) as found:
        yield found


def test_plain_bytes_and_headers_pass_unchanged(served: Gateway, upstream: Upstream) -> None:
    sent = b'{"model":  "odd-bytes", "messages":[{"role":"user","content":"\\u00e9"}], "unknown_field": {"kept": 1.50}}'
    response, body = served.post(sent)
    assert upstream.bodies[-1] == sent
    assert body.startswith(b'{ "id":"x",\n\n') and body.endswith(b'"z":1.50}')
    headers = {name.lower(): value for name, value in response.getheaders()}
    assert headers["x-ratelimit-remaining-requests"] == "7"
    assert headers["x-upstream-request-id"] == "req_theirs"
    assert response.headers.get_all("x-two") == ["a", "b"]
    assert not {"set-cookie", "x-hop", "x-modicum-model", "server"} & set(headers)
    assert headers["x-modicum-reason"] == "not_recognised"
    call = served.call(headers["x-request-id"])
    assert (call.request, call.response) == (sent, body)
    assert call.finish_reason == "stop" and call.status == 200 and call.origin == "live" and call.duration_ms is not None


def test_only_the_key_and_listed_headers_go_up(served: Gateway, upstream: Upstream) -> None:
    secret = "sk-canary-caller-abcdefgh"
    given = {
        "authorization": f"Bearer {secret}",
        "cookie": "session=canary-cookie",
        "x-api-key": "canary-x-key",
        "openai-organization": "org-1",
    }
    response, _ = served.post(ask(), {**given, "openai-beta": "yes", "user-agent": "test/1"})
    head = upstream.heads[-1].decode().lower()
    assert f"authorization: bearer {KEY}" in head and "openai-beta: yes" in head and "user-agent: test/1" in head
    assert "canary-caller" not in head and "cookie" not in head and "x-api-key" not in head and "org-1" not in head
    served.call(response.headers["x-request-id"])
    written = b"".join(path.read_bytes() for path in served.home.rglob("*") if path.is_file())
    assert b"canary" not in written


def test_a_key_that_the_provider_quotes_is_not_recorded(served: Gateway) -> None:
    response, body = served.post(ask("error"))
    assert response.status == 401 and KEY.encode() in body
    call = served.call(response.headers["x-request-id"])
    assert call.status == 401 and call.error == "invalid_api_key"
    assert call.response is not None and KEY.encode() not in call.response


def test_a_stream_passes_and_is_recorded_as_the_plain_reply_it_adds_up_to(served: Gateway) -> None:
    response, body = served.post(ask(stream=True, stream_options={"include_usage": True}))
    assert response.headers["content-type"] == "text/event-stream"
    assert body.endswith(b"data: [DONE]\n\n") and body.count(b"data: ") == 7
    call = served.call(response.headers["x-request-id"])
    assert call.response is not None and call.streamed
    whole = json.loads(call.response)
    assert whole["object"] == "chat.completion" and whole["choices"][0]["message"]["content"] == "Hello wörld"
    assert call.response_id == "chatcmpl-up" and call.response_model == "gpt-4-0613" and call.finish_reason == "stop"
    assert (call.usage.input_tokens, call.usage.output_tokens) == (10, 3)
    assert call.time_to_first_chunk_ms is not None and call.duration_ms is not None and call.time_to_first_chunk_ms < call.duration_ms


def test_a_stream_without_done_that_says_why_it_ended_is_whole(served: Gateway) -> None:
    response, body = served.post(ask("no-done", stream=True))
    assert b"[DONE]" not in body and b'"error"' not in body
    assert served.call(response.headers["x-request-id"]).error is None


@pytest.mark.parametrize("how", ["break-reset", "break-quiet"])
def test_a_broken_stream_never_ends_as_a_success(served: Gateway, how: str) -> None:
    connection = HTTPConnection("127.0.0.1", served.port, timeout=10)
    connection.request("POST", "/v1/chat/completions", json.dumps(ask(how, stream=True)), {"content-type": "application/json"})
    response = connection.getresponse()
    with pytest.raises(IncompleteRead) as broken:
        response.read()
    connection.close()
    seen = bytes(broken.value.partial)
    assert b"[DONE]" not in seen and b'"code":"upstream_failed"' in seen
    call = served.call(response.headers["x-request-id"])
    assert call.error == "upstream_failed" and call.finish_reason is None
    assert call.response is not None and json.loads(call.response)["choices"][0]["message"]["content"] == "He"


def test_an_error_inside_a_stream_passes_and_is_recorded(served: Gateway) -> None:
    response, body = served.post(ask("break-told", stream=True))
    assert b"overloaded" in body
    assert served.call(response.headers["x-request-id"]).error == "overloaded"


@pytest.mark.parametrize(("model", "status", "code"), [("reset", 502, "upstream_failed"), ("nonsense", 502, "upstream_failed")])
@pytest.mark.parametrize("stream", [False, True])
def test_a_provider_that_fails_is_a_502_in_openai_s_form(served: Gateway, model: str, status: int, code: str, stream: bool) -> None:
    response, body = served.post(ask(model, stream=stream))
    error = json.loads(body)["error"]
    assert (response.status, error["code"], error["type"]) == (status, code, "server_error")
    call = served.call(response.headers["x-request-id"])
    assert (call.status, call.error) == (status, code) and call.request is not None


def test_a_torn_plain_reply_is_a_502_not_half_a_body(served: Gateway) -> None:
    response, body = served.post(ask("torn"))
    assert response.status == 502 and json.loads(body)["error"]["code"] == "upstream_failed"
    call = served.call(response.headers["x-request-id"])
    assert (call.status, call.error, call.finish_reason) == (502, "upstream_failed", None), "what is on record is what the caller got"


def test_a_provider_that_hangs_is_a_504(served: Gateway) -> None:
    response, body = served.post(ask("hang"))
    assert response.status == 504 and json.loads(body)["error"]["code"] == "upstream_timeout"
    assert served.call(response.headers["x-request-id"]).error == "upstream_timeout"


def test_redirects_are_handed_on_and_never_followed(served: Gateway) -> None:
    response, _ = served.post(ask("redirect"))
    assert response.status == 307


def test_a_kept_connection_that_closes_under_a_request_is_tried_once_more(served: Gateway, upstream: Upstream) -> None:
    assert served.post(ask("drop-kept"))[0].status == 200
    assert served.post(ask("drop-kept"))[0].status == 200
    assert sum(b"drop-kept" in body for body in upstream.bodies) == 3


@pytest.mark.parametrize(("model", "stream"), [("hang", False), ("hang", True), ("endless", True)])
def test_a_caller_who_leaves_stops_the_provider_and_is_recorded(served: Gateway, upstream: Upstream, model: str, stream: bool) -> None:
    connection = HTTPConnection("127.0.0.1", served.port, timeout=10)
    connection.request("POST", "/v1/chat/completions", json.dumps(ask(model, stream=stream)), {"content-type": "application/json"})
    if model == "endless":
        connection.getresponse().read(300)
    time.sleep(0.1)
    left = time.monotonic()
    connection.close()
    while not any(seen >= left for seen in upstream.left) and time.monotonic() < left + 2:
        time.sleep(0.01)
    assert any(left <= seen < left + 1.0 for seen in upstream.left)
    call = served.call(None)
    assert call.error == "client_left" and call.status == (200 if model == "endless" else 499)


def test_models_pass_and_unknown_paths_do_not(served: Gateway) -> None:
    response, body = served.get("/v1/models")
    assert response.status == 200 and json.loads(body)["data"][0]["id"] == "gpt-4"
    assert served.get("/models")[0].status == 200
    assert served.post(ask(), path="/chat/completions")[0].status == 200
    for path in ("/", "/v1", "/v1/embed", "/v1/chat/completions/", "/v1/../healthz", "//v1/models", "/v1/models/%2e%2e/x", "/v2/models"):
        response, body = served.get(path)
        assert response.status == 404 and json.loads(body)["error"]["code"] == "unknown_endpoint"
    response, body = served.get("/v1/chat/completions")
    assert response.status == 405 and json.loads(body)["error"]["code"] == "method_not_allowed"


def test_health(served: Gateway) -> None:
    assert json.loads(served.get("/healthz")[1]) == {"status": "ok"}
    ready = json.loads(served.get("/readyz")[1])
    assert ready.pop("worker") == served.process.pid
    assert ready == {"status": "ready", "snapshot": None, "routes": {}, "recording": True}


def test_the_callers_own_key_is_passed_on_where_the_operator_says_so(upstream: Upstream, tmp_path: Path) -> None:
    with gateway(tmp_path / "home", upstream.url, "--auth", "forward") as served:
        response, body = served.post(ask("error"), {"authorization": "Bearer sk-canary-own-12345678", "openai-organization": "org-1"})
        head = upstream.heads[-1].decode().lower()
        assert "bearer sk-canary-own-12345678" in head and "org-1" in head and KEY not in head
        assert b"sk-canary-own" in body
        served.call(response.headers["x-request-id"])
        assert b"sk-canary" not in b"".join(path.read_bytes() for path in served.home.rglob("*") if path.is_file())
