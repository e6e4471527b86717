"""The gateway as a process before scripted providers, and where the clients and servers of others are (`make peers` puts them there)."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from modicum.store.segments import open_all
from modicum.types import Call
from tests.peers.provider import Provider

ROOT = Path(__file__).resolve().parents[2]
PEERS = Path(os.environ.get("MODICUM_PEERS", ROOT / ".cache" / "peers"))
"""Folders `litellm` and `hf` (virtual environments) and `node` (with node_modules)."""


@dataclass(frozen=True)
class Gateway:
    """A running `modicum serve`."""

    url: str
    """Without /v1."""
    home: Path
    process: subprocess.Popen[bytes]
    key: str = "sk-not-needed"

    def calls(self, at_least: int, within_s: float = 10.0) -> list[Call]:
        """What was recorded, once there is so much of it."""
        until = time.monotonic() + within_s
        while len(found := recorded(self.home)) < at_least:
            assert time.monotonic() < until, f"{len(found)} calls recorded, not {at_least}"
            time.sleep(0.05)
        return found


def recorded(home: Path) -> list[Call]:
    calls = []
    for segment in open_all(home):
        with segment.file:
            calls += [call for _, call in segment.calls()]
    return sorted(calls, key=lambda call: call.started_at)


def python(environment: str) -> str:
    """The interpreter of a peer's environment."""
    found = PEERS / environment / "bin" / "python"
    assert found.is_file(), f"no {found}: `make peers` makes it"
    return str(found)


def command(environment: str, name: str) -> str:
    return str(Path(python(environment)).with_name(name))


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running(
    words: list[str],
    log: Path,
    *,
    ready: Callable[[], bool],
    env: Mapping[str, str] | None = None,
    seconds: float = 90,
    cwd: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is ready, and is ended afterwards."""
    with log.open("wb") as said:
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=said, stderr=said, env={**os.environ, **(env or {})}, cwd=cwd)
    try:
        until = time.monotonic() + seconds
        while not ready():
            assert process.poll() is None and time.monotonic() < until, f"{words[0]}:\n{log.read_text(errors='replace')[-4000:]}"
            time.sleep(0.05)
        yield process
    finally:
        if process.stdin is not None:
            process.stdin.close()
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def gateway(folder: Path, settings: str, *words: str, env: Mapping[str, str] | None = None) -> Iterator[Gateway]:
    """`modicum serve` with these settings, in a home of its own."""
    folder.mkdir(exist_ok=True)
    (folder / "modicum.toml").write_text(settings)
    log, home = folder / "serve.log", folder / "home"
    arguments = [sys.executable, "-m", "modicum", "serve", "--listen", "127.0.0.1:0", "--home", str(home)]
    arguments += ["--config", str(folder / "modicum.toml"), "--format", "json", *words]

    def url() -> str | None:
        found = re.search(r'"url":"(http://[^"]+)/v1"', log.read_text())
        return found[1] if found else None

    with running(arguments, log, ready=lambda: url() is not None, env=env) as process:
        yield Gateway(str(url()), home, process)
    assert process.returncode == 0, log.read_text()
    assert "Traceback" not in log.read_text(), log.read_text()


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as running_provider:
        yield running_provider


@pytest.fixture(scope="module")
def before_both(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with OpenAI as its upstream and Anthropic beside it."""
    settings = f"""
        [upstream]
        kind = "openai"
        url = "{provider.url}/v1"
        [providers.anthropic]
        url = "{provider.url}"
        api_key_env = "SCRIPTED_ANTHROPIC_KEY"
        [providers.cohere]
        url = "{provider.url}"
        api_key_env = "SCRIPTED_ANTHROPIC_KEY"
    """
    env = {"OPENAI_API_KEY": "sk-scripted-openai", "SCRIPTED_ANTHROPIC_KEY": "sk-ant-scripted"}
    with gateway(tmp_path_factory.mktemp("both"), settings, env=env) as running_gateway:
        yield running_gateway


def results(words: list[str], *, env: Mapping[str, str] | None = None, seconds: float = 120) -> dict[str, Any]:
    """The JSON object that a client's script printed last."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=seconds, env={**os.environ, **(env or {})})
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found
