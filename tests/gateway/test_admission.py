"""Who may ask, in which form, how much, and how slowly."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modicum.errors import ConfigError
from modicum.gateway import admit
from tests.gateway.rig import Gateway, Upstream, ask, gateway


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    limits = {"MODICUM_SERVE__HEADER_TIMEOUT_S": "0.6", "MODICUM_SERVE__BODY_TIMEOUT_S": "0.6"}
    with Upstream() as upstream, gateway(tmp_path_factory.mktemp("home"), upstream.url, env=limits) as found:
        yield found


def raw(served: Gateway, data: bytes, *, timeout: float = 5.0) -> bytes:
    """Send bytes, and read until the other side closes."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=timeout) as connection:
        connection.sendall(data)
        received = b""
        while more := connection.recv(65536):
            received += more
        return received


def code(body: bytes) -> str:
    return str(json.loads(body)["error"]["code"])


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:99", "127.0.0.1", "127.1.2.3:8321", "[::1]", "[::1]:8321"])
def test_loopback_hosts_are_this_machine(host: str) -> None:
    assert admit.loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil.example",
        "localhost:80:80",
        "0.0.0.0",
        "128.0.0.1",
    ]
    + ["127.0.0", "127.0.0.256", "[::2]", "[::1", "::1", "[::1]evil", "[::ffff:127.0.0.1]", "localhost:99999", "127.0.0.١", "2130706433"],
)
def test_other_hosts_are_not(host: str) -> None:
    assert not admit.loopback(host)


@given(st.text())
def test_no_host_breaks_the_check(host: str) -> None:
    admit.loopback(host)


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:8321", ":8321", "[::]:8321", "192.168.1.2:80", "example.org:80", "127.0.0.1", "127.0.0.1:99999", "*:80"]
)
def test_only_loopback_is_listened_on(listen: str) -> None:
    with pytest.raises(ConfigError):
        admit.listener(listen)


def test_serve_refuses_another_address_with_a_hint(tmp_path: Path) -> None:
    for command in (["serve", "--upstream", "http://127.0.0.1:9/v1", "--home", str(tmp_path)], ["replay", "log.jsonl"]):
        done = subprocess.run(
            [sys.executable, "-m", "modicum", *command, "--listen", "0.0.0.0:8321"], capture_output=True, text=True, timeout=20, check=False
        )
        assert done.returncode == 2 and "other machines" in done.stderr and "Traceback" not in done.stderr


def test_foreign_hosts_and_origins_are_refused(served: Gateway) -> None:
    for headers in (
        {"host": "evil.example"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost.evil.example"},
    ):
        response, body = served.post(ask(), headers)
        assert response.status == 403 and code(body) == "forbidden"
        call = served.call(response.headers["x-request-id"])
        assert (call.status, call.error, call.request) == (403, "forbidden", None)
        assert served.get("/v1/models", headers)[0].status == 403
        assert served.get("/healthz", headers)[0].status == 403
    assert served.post(ask(), {"origin": "http://localhost:3000"})[0].status == 200
    assert b"400 " in raw(served, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n")


def test_only_json_is_read(served: Gateway) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx", ""):
        response, body = served.post(ask(), {"content-type": kind})
        assert response.status == 415 and code(body) == "unsupported_media_type"
    assert served.post(ask(), {"content-type": "Application/JSON; charset=UTF-8"})[0].status == 200
    assert served.post(ask(), {"content-type": "application/json; charset=utf-16"})[0].status == 415
    assert served.post(ask(), {"content-encoding": "gzip"})[0].status == 415


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"[]",
        b"null",
        b"{}",
        b'{"messages": []}',
        b'{"messages": {}}',
        b'{"messages": [], "model": "x"',
        b"\x00",
        b"\xff\xfe{}",
        b"NaN",
    ]
    + [b'{"model":"\xff","messages":[1]}', b"[" * 100_000, b'{"messages":[' * 100_000],
)
def test_what_is_no_request_is_a_400_and_on_record(served: Gateway, body: bytes) -> None:
    response, answer = served.post(body)
    assert response.status == 400 and code(answer) == "request_invalid"
    call = served.call(response.headers["x-request-id"])
    assert call.status == 400 and call.error == "request_invalid" and call.request is None


def test_depth_is_bounded_and_brackets_in_text_do_not_count(served: Gateway) -> None:
    assert served.post(ask(text="[" * 5000))[0].status == 200
    deep: object = 1
    for _ in range(70):
        deep = [deep]
    response, body = served.post(ask(metadata=deep))
    assert response.status == 400 and "64 levels" in body.decode()


def test_a_long_body_is_a_413_that_its_sender_can_read(served: Gateway) -> None:
    for text in ("x" * (10 * 1024 * 1024), "x" * (30 * 1024 * 1024)):
        response, body = served.post(ask(text=text))
        assert response.status == 413 and code(body) == "request_too_large"
    assert served.post(ask(text="x" * (9 * 1024 * 1024)))[0].status == 200


def test_a_body_without_end_is_cut_off(served: Gateway) -> None:
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    received = b""
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
        connection.sendall(head)
        try:
            for _ in range(2000):
                connection.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        except ConnectionError:
            pass
        try:
            received = connection.recv(65536)
        except ConnectionError:
            return
    assert b" 413 " in received or received == b""


@pytest.mark.parametrize(
    "sent", [b"", b"POST /v1/chat", b"POST / HTTP/1.1\r\nHost: loc", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nPOST /"]
)
def test_a_slow_head_ends(served: Gateway, sent: bytes) -> None:
    began = time.monotonic()
    received = raw(served, sent)
    assert 0.4 < time.monotonic() - began < 4.0
    assert b" 408 " in received


def test_dripping_a_head_does_not_help(served: Gateway) -> None:
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
        try:
            for byte in b"POST /v1/chat/completions HTTP/1.1\r\nX-A: " + b"a" * 100:
                connection.sendall(bytes([byte]))
                time.sleep(0.05)
        except ConnectionError:
            pass
    assert time.monotonic() - began < 5.0


def test_dripping_a_body_does_not_help(served: Gateway) -> None:
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
        connection.sendall(head)
        connection.settimeout(0.1)
        received = b""
        while time.monotonic() - began < 5:
            try:
                connection.sendall(b"x")
                if not (more := connection.recv(65536)):
                    break
                received += more
            except TimeoutError:
                pass
            except ConnectionError:
                break
    assert time.monotonic() - began < 4
    assert b" 408 " in received and b"request_timeout" in received


def test_others_are_served_while_many_are_slow(served: Gateway) -> None:
    slow = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(200)]
    try:
        for connection in slow:
            connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: l")
        began = time.monotonic()
        assert served.post(ask())[0].status == 200
        assert time.monotonic() - began < 4.0
    finally:
        for connection in slow:
            connection.close()


@pytest.mark.parametrize(
    "head",
    [
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Type: text/plain\r\n\r\n",
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: a\r\nAuthorization: b\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n obs: fold\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + b"X: a\r\n" * 1000 + b"\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET http://evil.example/healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    ],
)
def test_hostile_heads_are_refused_in_json(served: Gateway, head: bytes) -> None:
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
        try:
            connection.sendall(head)
        except ConnectionError:
            return
        received = b""
        try:
            while b"}}" not in received and (more := connection.recv(65536)):
                received += more
        except ConnectionError:
            pass
    if received:
        assert received.split(b" ")[1][:1] == b"4" and b"application/json" in received and b'"error"' in received


def test_expect_continue_is_answered(served: Gateway) -> None:
    body = json.dumps(ask()).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n"
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
        connection.sendall(head % len(body))
        assert connection.recv(1000).startswith(b"HTTP/1.1 100 Continue")
        connection.sendall(body)
        assert b"HTTP/1.1 200" in connection.recv(65536)


def test_pipelined_requests_are_answered_in_order(served: Gateway) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    received = raw(served, request * 5 + last)
    assert received.count(b"HTTP/1.1 200") == 5 and received.rindex(b"HTTP/1.1 200") < received.index(b"HTTP/1.1 404")


def test_nothing_was_alarmed(served: Gateway) -> None:
    assert served.errors() == ""
