"""`modicum top` on a real terminal and off it: keys, size, and the terminal as it was before."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from modicum.cli import cli
from modicum.cli.top import Watching
from modicum.cli.top_source import Here, There
from modicum.errors import ConfigError, RemoteError
from modicum.gateway.telemetry import Telemetry
from modicum.store.control import Control
from modicum.types import Notice
from tests.gateway.rig import Upstream, ask, gateway
from tests.report.test_top import AT, busy, world

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"


def started(command: list[str], **how: Any) -> subprocess.Popen[Any]:
    """The process, with Ctrl-C as a person's shell leaves it: a shell that runs this in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(command, **how)
    finally:
        signal.signal(signal.SIGINT, before)


class Terminal:
    """A pseudo-terminal with `modicum top` on it."""

    def __init__(self, home: Path, **env: str) -> None:
        self.master, slave = pty.openpty()
        self.size(80, 24, kill=False)
        self.before = termios.tcgetattr(slave)
        self._slave = slave
        command = [sys.executable, "-m", "modicum", "top", "--home", str(home), "--interval", "0.2"]
        env = {**os.environ, "TERM": "xterm-256color", **env}
        # A group of its own, not a session: what nobody could let go on cannot be stopped.
        self.process = started(command, stdin=slave, stdout=slave, stderr=slave, env=env, process_group=0)
        self.seen = b""

    def size(self, columns: int, lines: int, *, kill: bool = True) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        if kill:
            self.process.send_signal(signal.SIGWINCH)

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def until(self, wanted: bytes, seconds: float = 30.0) -> bytes:
        """What comes until this is seen."""
        end, start = time.monotonic() + seconds, len(self.seen)
        while wanted not in self.seen[start:]:
            assert time.monotonic() < end, self.seen[-2000:]
            if select.select([self.master], [], [], 0.2)[0]:
                self.seen += os.read(self.master, 65_536)
        return self.seen[start:]

    def ended(self) -> int:
        end = time.monotonic() + 30
        while self.process.poll() is None and time.monotonic() < end:
            if select.select([self.master], [], [], 0.1)[0]:
                self.seen += os.read(self.master, 65_536)
        while select.select([self.master], [], [], 0.1)[0]:
            self.seen += os.read(self.master, 65_536)
        return self.process.wait(1)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self._slave)

    @property
    def restored(self) -> bool:
        """The other screen was left once, the cursor is seen, and keys work as before."""
        left = self.seen.count(ENTER) == self.seen.count(LEAVE) == 1 and self.seen.rindex(b"\x1b[?25h") > self.seen.rindex(b"\x1b[?25l")
        return left and termios.tcgetattr(self._slave) == self.before


@contextmanager
def shown(home: Path, **env: str) -> Iterator[tuple[Terminal, Telemetry]]:
    with world(home) as telemetry:
        busy(telemetry)
        terminal = Terminal(home, **env)
        try:
            yield terminal, telemetry
        finally:
            terminal.close()


def test_keys_size_and_a_clean_end(tmp_path: Path) -> None:
    with shown(tmp_path) as (terminal, telemetry):
        terminal.until(b"bank-intent")
        terminal.press("s")
        terminal.until(b"by spend")
        terminal.press("w")
        terminal.until(b"since it began")
        terminal.press("\x1b[A")
        terminal.press("p")
        terminal.until(b"paused")
        busy(telemetry)
        terminal.press("p")
        terminal.until(b"(200)")
        terminal.size(120, 30)
        terminal.until(b"suspicion")
        terminal.press("q")
        assert terminal.ended() == 0 and terminal.restored
    assert b"\x1b[32m" in terminal.seen, "colours, where nobody forbids them"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGHUP, 129), (signal.SIGINT, 0)])
def test_a_signal_gives_the_terminal_back(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with shown(tmp_path, NO_COLOR="1") as (terminal, _):
        terminal.until(b"bank-intent")
        if number is signal.SIGINT:
            terminal.press("\x03")  # the terminal's own way: it has no controlling process here
            terminal.process.send_signal(signal.SIGINT)
        else:
            terminal.process.send_signal(number)
        assert terminal.ended() == code and terminal.restored
    assert not re.search(rb"\x1b\[\d+m", terminal.seen), "NO_COLOR"


def test_ctrl_z_gives_the_terminal_back_and_takes_it_again(tmp_path: Path) -> None:
    with shown(tmp_path) as (terminal, _):
        terminal.until(b"bank-intent")
        terminal.process.send_signal(signal.SIGTSTP)
        terminal.until(LEAVE)
        time.sleep(0.2)
        assert termios.tcgetattr(terminal._slave) == terminal.before
        terminal.process.send_signal(signal.SIGCONT)
        terminal.until(ENTER)
        terminal.until(b"bank-intent")
        terminal.press("q")
        assert terminal.ended() == 0


def run(home: Path, *arguments: str) -> Any:
    return CliRunner().invoke(cli, ["top", "--home", str(home), *arguments])


def test_one_frame_where_the_output_is_no_terminal(tmp_path: Path) -> None:
    Control(tmp_path).tell(
        [Notice(number=0, at=AT, kind="alarm", scope="default", workload_id="w-1", workload="bank-intent", text="It rang.")]
    )
    with world(tmp_path) as telemetry:
        busy(telemetry)
        plain, lines = run(tmp_path), run(tmp_path, "--once", "--json")
    assert plain.exit_code == 0 and "\x1b" not in plain.output and "bank-intent" in plain.output and "It rang." in plain.output
    (frame,) = [json.loads(line) for line in lines.output.splitlines()]
    assert frame["requests"] == 100 and frame["lines"][0]["workload"] == "bank-intent" and frame["notices"][0]["text"] == "It rang."


def test_lines_go_on_when_the_gateway_comes_back(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "modicum", "top", "--home", str(tmp_path), "--json", "--interval", "0.2"]
    with world(tmp_path) as telemetry:
        busy(telemetry)
        process = started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stdout is not None and process.stderr is not None
        first = json.loads(process.stdout.readline())
        assert first["whole_run"] and first["requests"] == 100
    assert "no gateway runs" in process.stderr.readline()
    with world(tmp_path) as telemetry:
        while (later := json.loads(process.stdout.readline()))["requests"] != 0:
            pass
        assert later["workers"] == 1
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == 0, "it runs until it is stopped"


def test_where_no_gateway_runs_it_says_so(tmp_path: Path) -> None:
    found = run(tmp_path, "--once")
    assert found.exit_code != 0 and "no gateway runs" in str(found.exception)


def test_the_window_is_a_minute_and_begins_anew_with_the_gateway(tmp_path: Path) -> None:
    with world(tmp_path) as telemetry:
        watching = Watching(Here(tmp_path))
        busy(telemetry)
        watching.look()
        assert watching.frame().whole_run and watching.frame().requests == 100
        busy(telemetry)
        watching.look()
        assert not watching.frame().whole_run and watching.frame().requests == 100
        watching.whole_run = True
        assert watching.frame().requests == 200
    with world(tmp_path) as telemetry:
        watching.look()
        assert len(watching.looks) == 1, "counts that went back are another gateway's"


def test_a_gateway_elsewhere_is_read_over_http_and_a_refusal_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Upstream() as upstream, gateway(tmp_path / "home", upstream.url) as served:
        assert served.post(ask(text="hello"))[0].status == 200
        base = served.url.removesuffix("/v1")
        for url in (base, f"{base}/metrics", served.url):
            there = There(url, "NO_SUCH_KEY")
            here = Here(tmp_path / "home")
            assert there.look().samples["modicum_requests_total"] == here.look().samples["modicum_requests_total"]
            there.close()
        wrong = There(f"{base}/nowhere", "NO_SUCH_KEY")
        with pytest.raises(RemoteError):
            wrong.look()
        wrong.close()
    with pytest.raises(ConfigError):
        There("file:///etc/passwd", "X")


async def _page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>")
    await writer.drain()
    writer.close()


def test_what_is_no_gateway_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "mk-canary-0123456789")

    async def serve() -> str:
        server = await asyncio.start_server(_page, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            await asyncio.to_thread(_look, url)
        except RemoteError as error:
            return str(error)
        finally:
            server.close()
        return ""

    said = asyncio.run(serve())
    assert "is no sample" in said and "canary" not in said


def _look(url: str) -> None:
    there = There(url, "SOME_KEY")
    try:
        there.look()
    finally:
        there.close()
