"""Real processes: killed, drained, several on one port, and with a store that fails."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from modicum.cli.serve import serve
from modicum.config import load
from modicum.errors import ConfigError
from tests.gateway.rig import Gateway, Upstream, ask, gateway, recorded


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as found:
        yield found


class Clients:
    """Threads that ask without pause and remember which replies they saw finished."""

    def __init__(self, port: int, threads: int = 4) -> None:
        self.port = port
        self.finished: set[str] = set()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,), daemon=True) for n in range(threads)]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(10)

    def wait_for(self, replies: int) -> None:
        """Until so many more were seen finished."""
        wanted, until = len(self.finished) + replies, time.monotonic() + 20
        while len(self.finished) < wanted:
            assert time.monotonic() < until, "nobody answers"
            time.sleep(0.005)

    def _run(self, number: int) -> None:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        while not self._stop.is_set():
            stream = bool(number % 2)
            try:
                connection.request("POST", "/v1/chat/completions", json.dumps(ask(stream=stream)), {"content-type": "application/json"})
                response = connection.getresponse()
                body = b""
                while part := response.read1(65536):
                    body += part
                    if stream and b"[DONE]" in body:
                        self.finished.add(response.headers["x-request-id"])
                if not stream and response.status == 200:
                    self.finished.add(response.headers["x-request-id"])
            except (OSError, HTTPException):
                connection.close()
                time.sleep(0.01)
        connection.close()


def workers(served: Gateway) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(served.process.pid)], capture_output=True, text=True, check=False)
    return [int(pid) for pid in found.stdout.split()]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_kill_9_loses_no_call_whose_reply_was_seen_finished(upstream: Upstream, tmp_path: Path) -> None:
    dice = random.Random(5)
    home = tmp_path / "home"
    finished: set[str] = set()
    with gateway(home, upstream.url, "--workers", "3") as served, Clients(served.port) as clients:
        for _ in range(20):
            clients.wait_for(5)
            time.sleep(dice.uniform(0, 0.1))
            with contextlib.suppress(ProcessLookupError):  # the one before may just have been taken from the list
                os.kill(dice.choice(workers(served)), signal.SIGKILL)
        finished |= clients.finished
        served.process.kill()
    for _ in range(3):
        with gateway(home, upstream.url) as served, Clients(served.port) as clients:
            clients.wait_for(5)
            time.sleep(dice.uniform(0, 0.1))
            served.process.kill()
            served.process.wait()
            finished |= clients.finished
    calls = recorded(home)
    assert len(finished) >= 115
    assert finished <= calls.keys()
    assert all(calls[call_id].finish_reason == "stop" and calls[call_id].response for call_id in finished)


@pytest.mark.parametrize("arguments", [(), ("--workers", "2")])
def test_sigterm_lets_replies_finish_and_ends_with_0(upstream: Upstream, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    with gateway(tmp_path / "home", upstream.url, *arguments) as served:
        results: list[tuple[int, bytes, str]] = []

        def one(stream: bool) -> None:
            response, body = served.post(ask("slow", stream=stream))
            results.append((response.status, body, response.headers["x-request-id"]))

        threads = [threading.Thread(target=one, args=(stream,)) for stream in (False, True)]
        for thread in threads:
            thread.start()
        time.sleep(0.25)
        assert served.stop() == 0
        for thread in threads:
            thread.join(5)
        assert [status for status, _, _ in results] == [200, 200]
        assert any(body.endswith(b"data: [DONE]\n\n") for _, body, _ in results)
        assert {call_id for _, _, call_id in results} <= served.calls().keys()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", served.port))
        assert not list((served.home / "segments").glob("*.open"))
        assert served.errors() == ""


def test_draining_ends_when_its_time_is_over(upstream: Upstream, tmp_path: Path) -> None:
    with gateway(tmp_path / "home", upstream.url, env={"MODICUM_SERVE__DRAIN_S": "1"}) as served:
        connection = HTTPConnection("127.0.0.1", served.port, timeout=10)
        connection.request("POST", "/v1/chat/completions", json.dumps(ask("hang")), {"content-type": "application/json"})
        time.sleep(0.2)
        began = time.monotonic()
        assert served.stop() == 0
        assert time.monotonic() - began < 10
        connection.close()
        assert served.call(None).error == "stopped"


def test_workers_end_when_their_parent_is_killed(upstream: Upstream, tmp_path: Path) -> None:
    with gateway(tmp_path / "home", upstream.url, "--workers", "2") as served:
        assert served.post(ask())[0].status == 200
        children = workers(served)
        assert len(children) == 2
        served.stop(signal.SIGKILL)
        until = time.monotonic() + 8
        while any(map(alive, children)):
            assert time.monotonic() < until
            time.sleep(0.02)


def test_a_store_that_fails_stops_nothing_and_is_alarmed(upstream: Upstream, tmp_path: Path) -> None:
    with gateway(tmp_path / "home", upstream.url) as served:
        assert served.post(ask(text="canary-text"))[0].status == 200
        (served.home / "segments").rename(served.home / "elsewhere")
        until = time.monotonic() + 5
        while json.loads(served.get("/readyz")[1])["recording"]:  # seen within a second
            assert time.monotonic() < until
            response, _ = served.post(ask(text="canary-text"))
            assert response.status == 200
        alarms = served.errors().splitlines()
        assert len(alarms) == 1 and "recorder" in alarms[0] and "canary" not in alarms[0]
        (served.home / "elsewhere").rename(served.home / "segments")
        response, _ = served.post(ask())
        assert served.call(response.headers["x-request-id"]).status == 200
        assert json.loads(served.get("/readyz")[1])["recording"] is True


def test_strict_durability_serves_too(upstream: Upstream, tmp_path: Path) -> None:
    with gateway(tmp_path / "home", upstream.url, env={"MODICUM_STORE__DURABILITY": "strict"}) as served:
        ids = {served.post(ask(stream=stream))[0].headers["x-request-id"] for stream in (False, True)}
        assert ids <= served.calls().keys()


def test_the_provider_may_be_down_when_serve_starts(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with gateway(tmp_path / "home", f"http://127.0.0.1:{port}/v1") as served:
        response, body = served.post(ask())
        assert response.status == 502 and "cannot reach" in json.loads(body)["error"]["message"]
        assert served.get("/v1/models")[0].status == 502
        assert served.get("/readyz")[0].status == 200


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"upstream.url": "ftp://x"}, "not a web address"),
        ({"upstream.url": "https://user:pass@api.example/v1"}, "user or a password"),
        ({"upstream.url": "https://api.example/v1?key=1"}, "query"),
        ({"upstream.url": "https://api.example/v1", "upstream.api_key_env": "NO_SUCH_KEY"}, "NO_SUCH_KEY is not set"),
        ({"upstream.url": "http://127.0.0.1:9/v1", "serve.listen": "nonsense"}, "not HOST:PORT"),
        ({"upstream.url": "http://127.0.0.1:9/v1", "serve.listen": "0.0.0.0:80"}, "other machines"),
    ],
)
def test_settings_that_cannot_be_are_told_before_anything_starts(tmp_path: Path, flags: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError) as told:
        serve(load(flags={"store.home": tmp_path / "home", **flags}, environ={}))
    assert said in str(told.value) and "pass@" not in str(told.value)
    assert not (tmp_path / "home").exists()


def test_a_port_in_use_is_told(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConfigError, match="cannot listen"):
            serve(load(flags={"store.home": tmp_path, "upstream.url": "http://127.0.0.1:9/v1", "serve.listen": listen}, environ={}))
