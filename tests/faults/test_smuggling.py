"""Heads that two readers could read differently, straight and through nginx (W7)."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.client import Answer
from tests.faults.conftest import Length, Report
from tests.faults.raw import send, status
from tests.faults.world import PROVIDER_KEY, World, world

INNER = json.dumps({"model": "steady", "messages": [{"role": "user", "content": "smuggled"}]}).encode()
BODY = json.dumps({"model": "steady", "messages": [{"role": "user", "content": "tagouter"}]}).encode()
SECOND = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nX-Modicum-Key: "
    b"mk-stolen\r\nContent-Length: %d\r\n\r\n%s"
    % (
        len(INNER),
        INNER,
    )
)
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)


def head(
    made: World, *lines: bytes, length: bool = True, line: bytes = b"POST /v1/chat/completions HTTP/1.1", host: bytes = b"Host: localhost"
) -> bytes:
    fixed = [line, host, b"Content-Type: application/json", b"X-Modicum-Key: " + made.secret.encode()]
    fixed = [one for one in fixed if one] + ([b"Content-Length: %d" % len(BODY)] if length else [])
    return b"\r\n".join([*fixed, *lines, b"Connection: close"]) + b"\r\n\r\n"


def refused(made: World) -> dict[str, bytes]:
    """What must be refused: nothing of it may reach a provider."""
    te = b"Transfer-Encoding: "
    found: dict[str, bytes] = {
        "CL and TE": head(made, te + b"chunked") + b"0\r\n\r\n" + SECOND,
        "TE and CL": head(made, te + b"chunked", b"Content-Length: 4", length=False) + b"5c\r\n" + SECOND,
        "two lengths": head(made, b"Content-Length: 3") + BODY + SECOND,
        "two equal lengths": head(made, b"Content-Length: %d" % len(BODY)) + BODY,
        "a list of lengths": head(made, b"Content-Length: %d, %d" % (len(BODY), len(BODY)), length=False) + BODY,
        "a length with space": head(made, b"Content-Length : %d" % len(BODY), length=False) + BODY,
        "a signed length": head(made, b"Content-Length: +%d" % len(BODY), length=False) + BODY,
        "an underscored length": head(made, b"Content_Length: 3") + BODY,
        "an underscored transfer": head(made, b"Transfer_Encoding: chunked") + BODY,
        "underscored key": head(made, b"x_api_key: mk-other") + BODY,
        "underscored authorization twin": head(made, b"x_modicum_key: mk-other") + BODY,
        "underscored type": head(made, b"content_type: text/plain") + BODY,
        "two hosts": head(made, b"Host: evil.example") + BODY,
        "two keys": head(made, b"X-Modicum-Key: mk-other") + BODY,
        "two authorizations": head(made, b"Authorization: a", b"Authorization: b") + BODY,
        "two api keys": head(made, b"X-Api-Key: a", b"X-Api-Key: b") + BODY,
        "two types": head(made, b"Content-Type: text/plain") + BODY,
        "obs-fold": head(made, b"X-A: b\r\n folded: yes") + BODY,
        "obs-fold with a tab": head(made, b"X-A: b\r\n\tTransfer-Encoding: chunked") + BODY,
        "obs-fold first": head(made, host=b" Host: localhost") + BODY,
        "NUL in a value": head(made, b"X-A: a\x00b") + BODY,
        "NUL in a name": head(made, b"X-\x00A: b") + BODY,
        "CR in a value": head(made, b"X-A: a\rTransfer-Encoding: chunked") + BODY,
        "a bare LF in a value": head(made, b"X-A: a\nTransfer-Encoding: chunked") + BODY,
        "space before the colon": head(made, te[:-2] + b" : chunked", length=False) + CHUNKED,
        "a tab before the colon": head(made, te[:-2] + b"\t: chunked", length=False) + CHUNKED,
        "a name with space": head(made, b"X A: b") + BODY,
        "no colon": head(made, b"nonsense") + BODY,
        "no name": head(made, b": value") + BODY,
        "an upgrade": head(made, b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA", b"Connection: Upgrade, HTTP2-Settings")
        + BODY,
        "a web socket": head(made, b"Upgrade: websocket", b"Connection: Upgrade") + BODY,
        "HTTP/2 before": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SECOND,
        "connection names the key": head(made, b"Connection: authorization") + BODY,
        "connection names the host": head(made, b"Connection: close, host") + BODY,
        "connection names the length": head(made, b"Connection: content-length") + BODY,
        "connection names x-api-key": head(made, b"Connection: X-Api-Key") + BODY,
        "a target of another scheme": head(made, line=b"POST ftp://evil.example/v1/chat/completions HTTP/1.1", host=b"Host: evil.example")
        + BODY,
        "a fragment": head(made, line=b"POST /v1/chat/completions#x HTTP/1.1") + BODY,
        "a space in the target": head(made, line=b"POST /v1/chat completions HTTP/1.1") + BODY,
        "HTTP/0.9": b"GET /v1/models\r\n",
        "HTTP/3.7": head(made, line=b"POST /v1/chat/completions HTTP/3.7") + BODY,
        "HTTP/1.1x": head(made, line=b"POST /v1/chat/completions HTTP/1.1x") + BODY,
        "a strange method": head(made, line=b"P\x00ST /v1/chat/completions HTTP/1.1") + BODY,
        "CONNECT": head(made, line=b"CONNECT evil.example:443 HTTP/1.1") + BODY,
        "TRACE": head(made, line=b"TRACE /v1/chat/completions HTTP/1.1") + BODY,
    }
    for name, value in {
        "a prefix": b"xchunked",
        "a suffix": b"chunkedx",
        "identity": b"identity",
        "identity and chunked": b"identity, chunked",
        "chunked twice": b"chunked, chunked",
        "quoted": b'"chunked"',
        "gzip": b"gzip, chunked",
        "vertical tab": b"\x0bchunked",
        "empty": b"",
        "semicolon": b"chunked;q=1",
        "chunked and identity": b"chunked, identity",
    }.items():
        found[f"transfer {name}"] = head(made, te + value) + CHUNKED + SECOND
    found["two transfers"] = head(made, te + b"chunked", te + b"identity", length=False) + CHUNKED + SECOND
    found["two transfers, the other way"] = head(made, te + b"identity", te + b"chunked", length=False) + CHUNKED + SECOND
    for name, chunks in {
        "a negative chunk": b"-1\r\n" + BODY + b"\r\n0\r\n\r\n",
        "a chunk in 0x": b"0x%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY),
        "a chunk that overflows": b"ffffffffffffffff1\r\n" + BODY,
        "a chunk with a bare LF": b"%x\n%s\n0\n\n" % (len(BODY), BODY),
        "a chunk that is longer than it says": b"2\r\n" + BODY + b"\r\n0\r\n\r\n",
        "a chunk with a sign": b"+%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY),
        "a chunk with an underscore": b"1_0\r\n" + BODY[:16] + b"\r\n0\r\n\r\n",
    }.items():
        found[name] = head(made, te + b"chunked", length=False) + chunks
    return found


def stripped() -> dict[bytes, bytes]:
    """Headers that a caller may send and no provider may see."""
    return {
        b"authorization": b"Bearer sk-of-the-caller",
        b"x-api-key": b"of-the-caller",
        b"api-key": b"of-the-caller",
        b"proxy-authorization": b"Basic Zm9vOmJhcg==",
        b"cookie": b"session=of-the-caller",
        b"x-forwarded-for": b"203.0.113.7",
        b"forwarded": b"for=203.0.113.7",
        b"x-forwarded-host": b"evil.example",
        b"x-original-url": b"/admin",
        b"x-rewrite-url": b"/admin",
        b"x-http-method-override": b"DELETE",
        b"te": b"trailers",
        b"trailer": b"Authorization",
        b"keep-alive": b"timeout=5",
        b"x-modicum-bypass": b"1",
        b"x-goog-api-key": b"of-the-caller",
        b"x-real-ip": b"203.0.113.7",
        b"via": b"1.1 evil",
        b"origin": b"http://localhost:3000",
        b"referer": b"http://localhost/secret",
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(
        tmp_path_factory.mktemp("smuggling") / "home", env={"MODICUM_SERVE__HEADER_TIMEOUT_S": "1", "MODICUM_SERVE__BODY_TIMEOUT_S": "1"}
    ) as found:
        yield found


def try_all(made: World, port: int, *, direct: bool) -> dict[str, int]:
    """Send each; what the first reply said. Nothing that was hidden in a body may have been asked."""
    found = {}
    for name, data in refused(made).items():
        before = len(made.provider.seen)
        received = send(port, data, timeout_s=3)
        found[name] = status(received)
        reached = made.provider.seen[before:]
        assert not any(b"smuggled" in one.body for one in reached), (name, "a hidden request reached the provider")
        if direct:
            assert found[name] == 0 or 400 <= found[name] < 506 and found[name] != 502, (name, received[:300])
            assert not reached, (name, "it reached the provider", reached[0].head)
            assert found[name] == 0 or b'"error"' in received or found[name] >= 500, (name, received[:300])
        assert received.count(b"HTTP/1.1 2") <= 1, (name, received[:500])
    return found


def test_what_two_readers_could_read_differently_is_refused(made: World, report: Report) -> None:
    found = try_all(made, made.port, direct=True)
    assert len(found) >= 60, len(found)
    made.log += [Answer(tag, "steady", False) for tag in made.calls()]
    made.check()
    closed = sum(code == 0 for code in found.values())
    report("W7", f"{len(found)} vectors straight: {len(found) - closed} refused with 4xx, {closed} closed; 0 reached a provider")


def test_only_listed_headers_go_up(made: World, report: Report) -> None:
    for name, value in stripped().items():
        before = len(made.provider.seen)
        received = send(made.port, head(made, name + b": " + value) + BODY)
        assert status(received) == 200, (name, received[:200])
        (seen,) = made.provider.seen[before:]
        sent = [line.partition(b":")[0].lower() for line in seen.head.split(b"\r\n")[1:] if line]
        allowed = {b"host", b"content-type", b"content-length", b"accept", b"user-agent", b"authorization", b"accept-encoding"}
        assert set(sent) <= allowed, (name, sent)
        assert (len(value) < 4 or value not in seen.head) and made.secret.encode() not in seen.head and PROVIDER_KEY.encode() in seen.head
    report("W7", f"{len(stripped())} headers of the caller's that no provider may see: 0 seen")


@contextmanager
def nginx(folder: Path, port: int) -> Iterator[int]:
    """nginx before the gateway, with kept connections, as an operator sets it up."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        listening = free.getsockname()[1]
    (folder / "logs").mkdir(parents=True)
    (folder / "nginx.conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/logs/error.log;\n"
        "events { worker_connections 256; }\n"
        f"http {{ access_log off; client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;\n"
        f"uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n"
        f"upstream gateway {{ server 127.0.0.1:{port}; keepalive 4; }}\n"
        f"server {{ listen 127.0.0.1:{listening}; location / {{ proxy_pass http://gateway;\n"
        "proxy_http_version 1.1; proxy_set_header Connection '';\n"
        "proxy_set_header Host localhost; proxy_request_buffering off; } } }\n"
    )
    command = ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "logs" / "error.log")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", listening)).close()
                break
            except OSError:
                assert time.monotonic() < until and process.poll() is None, (folder / "logs" / "error.log").read_text()
                time.sleep(0.05)
        yield listening
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nothing_hides_behind_nginx(made: World, tmp_path: Path, length: Length, report: Report) -> None:
    if not length.long:
        pytest.skip("in the long form")
    with nginx(tmp_path / "nginx", made.port) as port:
        received = send(port, head(made) + BODY)
        assert status(received) == 200, received[:300]
        found = try_all(made, port, direct=False)
    made.log += [Answer(tag, "steady", False) for tag in made.calls()]
    passed = [name for name, code in found.items() if code == 200]
    report(
        "W7",
        f"{len(found)} vectors through nginx: 0 hidden requests reached a provider; nginx mended {len(passed)} of them into plain requests",
    )
