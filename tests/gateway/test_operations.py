"""What an operator does and meets: reloading, a second server, a store that fails, an outage, too many connections, what is kept."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from modicum.types import Call
from tests.gateway.rig import Gateway, Upstream, ask, gateway
from tests.gateway.routed import OPEN, UP, headline, publish
from tests.gateway.scripted import Scripted, plain

MAIL = "jane.doe@example.com"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as found:
        yield found


def until(reached: object, within_s: float = 8.0) -> None:
    began = time.monotonic()
    while not reached():  # type: ignore[operator]
        assert time.monotonic() - began < within_s
        time.sleep(0.02)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sighup_reads_the_configuration_again_and_drops_nothing(upstream: Upstream, tmp_path: Path, workers: str) -> None:
    file = tmp_path / "m.toml"
    file.write_text("[serve]\nexplain = false\n")
    with gateway(tmp_path / "home", upstream.url, "--config", str(file), "--workers", workers) as served:
        stop, statuses = threading.Event(), list[int]()

        def keep_asking() -> None:
            while not stop.is_set():
                statuses.append(served.post(ask(stream=len(statuses) % 2 == 0))[0].status)

        thread = threading.Thread(target=keep_asking)
        thread.start()
        assert served.get("/v1/models/alias")[0].status != 200 or b"modicum" not in served.get("/v1/models/alias")[1]
        for number in range(10):
            file.write_text("[serve\n" if number % 2 else f'[models."alias"]\ndeployments = ["openai/gpt-{number}"]\n')
            served.process.send_signal(signal.SIGHUP)
            time.sleep(0.1)
        until(lambda: all(b'"modicum"' in served.get("/v1/models/alias")[1] for _ in range(6)))
        until(lambda: "configuration" in served.errors())
        file.write_text('[models."alias"]\ndeployments = ["openai/gpt-last"]\n')
        served.process.send_signal(signal.SIGHUP)
        until(lambda: all(json.loads(served.post(ask("alias"))[1])["model"] == "gpt-last" for _ in range(6)))
        until(lambda: len(statuses) > 20)
        stop.set()
        thread.join()
        assert set(statuses) == {200}
        assert served.stop() == 0


def test_a_second_server_over_one_home_is_refused_by_name(upstream: Upstream, tmp_path: Path) -> None:
    with gateway(tmp_path / "home", upstream.url) as served:
        command = [sys.executable, "-m", "modicum", "serve", "--home", str(tmp_path / "home"), "--upstream", upstream.url]
        done = subprocess.run([*command, "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 2 and f"process {served.process.pid} on " in done.stderr and "--workers" in done.stderr
        assert "Traceback" not in done.stderr
        assert served.stop() == 0
    with gateway(tmp_path / "home", upstream.url):
        pass


def test_fail_closed_answers_nothing_unrecorded(upstream: Upstream, tmp_path: Path) -> None:
    with gateway(tmp_path / "home", upstream.url, env={"MODICUM_STORE__ON_FAILURE": "fail_closed"}) as served:
        assert served.post(ask())[0].status == 200
        (served.home / "segments").rename(served.home / "elsewhere")
        # What is open stays open; that its name is gone is noticed within a second.
        until(lambda: served.post(ask())[0].status == 503)
        first, body = served.post(ask())
        assert first.status == 503 and b"echo" not in body and json.loads(body)["error"]["code"] == "store_unavailable"
        before = len(upstream.bodies)
        assert served.post(ask())[0].status == 503 and served.post(ask(stream=True))[0].status == 503
        assert len(upstream.bodies) == before, "nothing is sent while the store fails"
        assert served.get("/readyz")[0].status == 503 and served.get("/healthz")[0].status == 200
        (served.home / "elsewhere").rename(served.home / "segments")
        until(lambda: served.post(ask())[0].status == 200)
        assert served.get("/readyz")[0].status == 200


def test_in_an_outage_a_stage_may_answer_below_its_threshold(tmp_path: Path) -> None:
    publish(tmp_path)
    env = {"MODICUM_ROUTE__CONTROL_SHARE": "0", "MODICUM_RETRY__TRIES": "1"}
    with Scripted() as provider:
        provider.on("/v1/chat/completions", plain({"error": {"message": "down"}}, "503 Service Unavailable"))
        with gateway(tmp_path, provider.url, env=env) as served:
            assert served.post(headline(OPEN))[0].status == 503
            assert served.stop() == 0
        with gateway(tmp_path, provider.url, env={**env, "MODICUM_ROUTE__DEGRADED": "true"}) as served:
            response, body = served.post(headline(OPEN))
            assert response.status == 200 and response.headers["x-modicum-reason"] == "degraded"
            decision = served.call(response.headers["x-request-id"]).decision
            assert decision is not None and (decision.reason, decision.would_answer) == ("degraded", False)
            assert decision.answered_by == json.loads(body)["model"] and decision.answered_by.startswith("modicum/")
            assert served.post(headline(OPEN, logprobs=True))[0].status == 503, "what no certificate covers is not answered"
            assert served.post(ask())[0].status == 503
            provider.on("/v1/chat/completions", [None])
            assert served.post(headline(OPEN))[0].headers["x-modicum-reason"] == "degraded"
            assert served.post(ask())[0].status == 502


@pytest.mark.parametrize("keep", ["redacted", "full", "none"])
def test_what_is_kept_of_bodies(upstream: Upstream, tmp_path: Path, keep: str) -> None:
    with gateway(tmp_path, upstream.url, env={"MODICUM_STORE__KEEP_BODIES": keep}) as served:
        calls: list[Call] = []
        for path, request in (
            ("/v1/chat/completions", ask(text=f"write to {MAIL}", user=MAIL)),
            ("/v1/messages", {"model": "gpt-4", "max_tokens": 9, "messages": [{"role": "user", "content": f"write to {MAIL}"}]}),
        ):
            response, body = served.post(request, path=path)
            assert response.status == 200 and f"echo write to {MAIL}".encode() in body
            calls.append(served.call(response.headers["x-request-id"]))
        written = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
        assert (MAIL.encode() in written) is (keep == "full")
        for call in calls:
            assert call.usage.input_tokens == 10 and call.finish_reason == "stop"
            if keep == "none":
                assert call.request is None and call.response is None and call.view_version is None
            elif keep == "redacted":
                assert call.request is not None and b"<EMAIL_1>" in call.request and call.view_version is not None
                assert call.response is not None and b"echo write to <EMAIL_1>" in call.response
        assert calls[0].user_id == (MAIL if keep == "full" else calls[0].user_id) and calls[0].user_id is not None


def test_a_stage_sees_placeholders_and_its_caller_does_not(upstream: Upstream, tmp_path: Path) -> None:
    publish(tmp_path, form="{} <EMAIL_1>")
    with gateway(tmp_path, upstream.url, env={"MODICUM_ROUTE__CONTROL_SHARE": "0"}) as served:
        for stream in (False, True):
            response, body = served.post(headline(f"{UP} says {MAIL}", stream=stream))
            assert response.headers["x-modicum-reason"] == "answered" and MAIL.encode() in body and b"<EMAIL_1>" not in body
            call = served.call(response.headers["x-request-id"])
            assert call.response is not None and b"<EMAIL_1>" in call.response and MAIL.encode() not in call.response
        response, _ = served.post(headline(UP))
        assert response.headers["x-modicum-reason"] == "not_covered", "there is no value to turn it back into"
        messages = {"model": "gpt-4", "max_tokens": 9, "system": headline(UP)["messages"][0]["content"]}
        messages["messages"] = [{"role": "user", "content": f"Headline: {UP} says {MAIL}"}]
        for stream in (False, True):
            response, body = served.post({**messages, "stream": stream}, path="/v1/messages")
            assert response.headers["x-modicum-reason"] == "answered", response.headers.items()
            assert b"up jane.doe@example.com" in body.replace(b'"}}\n\nevent: content_block_delta\ndata: ', b"") or stream
            assert (b"message_stop" in body) is stream
        response, body = served.post(
            {"model": "gpt-4", "instructions": messages["system"], "input": f"Headline: {UP} says {MAIL}"}, path="/v1/responses"
        )
        assert response.headers["x-modicum-reason"] == "answered" and MAIL.encode() in body and b'"object":"response"' in body


def test_connections_beyond_the_limit_are_told(upstream: Upstream, tmp_path: Path) -> None:
    with gateway(tmp_path, upstream.url, env={"MODICUM_SERVE__MAX_CONNECTIONS": "5"}) as served:
        held = [socket.create_connection(("127.0.0.1", served.port)) for _ in range(5)]
        time.sleep(0.1)
        with socket.create_connection(("127.0.0.1", served.port), timeout=5) as one_more:
            told = b""
            while more := one_more.recv(4096):
                told += more
        assert b" 503 " in told and b"retry-after: 1" in told and b"too_many_connections" in told
        for connection in held:
            connection.close()
        until(lambda: served.post(ask())[0].status == 200)


@pytest.fixture(scope="module")
def served(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with gateway(tmp_path_factory.mktemp("smuggling"), upstream.url) as found:
        yield found


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Content-Length: 2\r\nContent-Length: 2\r\n",
        b"Content-Length: +2\r\n",
        b"Content-Length: 0x2\r\n",
        b"X-A: b\r\n folded\r\n",
        b"X-A: b\x00c\r\n",
        b"X-A: b\rc: d\r\n",
        b"X_Api_Key: one\r\n",
        b"content_length: 2\r\n",
        b"X-Modicum_Key: one\r\n",
        b"Authorization: a\r\nAuthorization: b\r\n",
        b"X-Api-Key: a\r\nX-Api-Key: b\r\n",
        b"X-Modicum-Key: a\r\nx-modicum-key: b\r\n",
        b"Host: 127.0.0.1\r\n",
        b"Connection: authorization\r\n",
        b"Connection: close, X-Api-Key\r\n",
        b"Connection: upgrade\r\nUpgrade: h2c\r\n",
        b" X-Space: first\r\n",
        b"X-Br{ace: 1\r\n",
        b": empty\r\n",
    ],
)
def test_heads_that_two_readers_read_differently_are_refused(served: Gateway, upstream: Upstream, lines: bytes) -> None:
    before = len(upstream.bodies)
    length = b"" if b"ransfer-Enc" in lines or b"Content-Length" in lines else b"Content-Length: 2\r\n"
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" + length + lines + b"\r\n{}"
    with socket.create_connection(("127.0.0.1", served.port), timeout=5) as connection:
        connection.sendall(head)
        connection.settimeout(3)
        told = connection.recv(4096)
    assert told.startswith(b"HTTP/1.1 400 ") or (told == b"" and b"xchunked" in lines), told[:200]
    assert len(upstream.bodies) == before


def test_an_emptied_configuration_is_not_taken(upstream: Upstream, tmp_path: Path) -> None:
    file = tmp_path / "m.toml"
    file.write_text('[models."alias"]\ndeployments = ["openai/gpt-there"]\n')
    with gateway(tmp_path / "home", upstream.url, "--config", str(file)) as served:
        assert json.loads(served.post(ask("alias"))[1])["model"] == "gpt-there"
        file.write_text("")
        served.process.send_signal(signal.SIGHUP)
        until(lambda: "is empty or gone" in served.errors())
        assert json.loads(served.post(ask("alias"))[1])["model"] == "gpt-there"
        assert served.stop() == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_sighup_while_it_begins_is_heeded_when_it_has_begun(upstream: Upstream, tmp_path: Path, workers: str) -> None:
    """It ends nothing, is not lost, and holds for a worker that is begun anew."""
    file = tmp_path / "m.toml"
    file.write_text("[serve]\nexplain = false\n")
    home, errors = tmp_path / "home", tmp_path / "stderr.txt"
    command = [sys.executable, "-m", "modicum", "serve", "--home", str(home), "--listen", "127.0.0.1:0", "--workers", workers]
    command += ["--upstream", upstream.url, "--config", str(file)]
    with errors.open("w") as said:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True)
    assert process.stdout is not None

    def named() -> bool:
        response, body = begun.post(ask("alias"))
        return response.status == 200 and b'"gpt-there"' in body

    try:
        until(lambda: _held_back(process.pid, signal.SIGHUP))
        process.send_signal(signal.SIGHUP)
        until(home.exists)  # by now the configuration was read
        file.write_text('[models."alias"]\ndeployments = ["openai/gpt-there"]\n')
        process.send_signal(signal.SIGHUP)
        begun = Gateway(process, home, process.stdout.readline(), errors)
        until(lambda: all(named() for _ in range(6)))
        if workers == "2":
            first = children(process.pid)
            os.kill(first[0], signal.SIGKILL)
            until(lambda: len(found := children(process.pid)) == 2 and first[0] not in found)
            assert all(named() for _ in range(20)), begun.errors()
        assert begun.stop() == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _held_back(pid: int, number: int) -> bool:
    blocked = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigBlk"))
    return bool(int(blocked.split()[1], 16) >> (number - 1) & 1)


def children(pid: int) -> list[int]:
    return [int(found) for found in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
