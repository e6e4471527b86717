"""`modicum watch`: once, and in the foreground until it is told to stop."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from modicum.cli import cli
from modicum.errors import NotFoundError, StoreBusyError
from modicum.store import beat
from modicum.store.control import Control
from modicum.store.segments import SegmentWriter
from modicum.watch.leader import Leader
from tests.watch.watched_home import START, call, made


def run(home: Path, *arguments: str) -> str:
    return CliRunner().invoke(cli, ["watch", "--home", str(home), *arguments], catch_exceptions=False, standalone_mode=False).output


def broken(home: Path) -> None:
    made(home, "on", changed_at=START - timedelta(hours=1))
    writer = SegmentWriter(home)
    for number in range(60):
        writer.append(call(START - timedelta(minutes=30, seconds=number), f"{number}", reason="control", agreed=number % 3 == 0))
    writer.close()


def test_once_it_looks_at_all_there_is_and_tells_what_followed(tmp_path: Path) -> None:
    broken(tmp_path)
    said = run(tmp_path, "--once").splitlines()
    assert said[0] in ("1 live route, 60 new records", "0 live routes, 60 new records")
    assert [line.partition(":")[0] for line in said[1:]] == ["alarm", "moved"]
    assert Control(tmp_path).route("r1").state == "rolled_back"
    found = json.loads(run(tmp_path, "--once", "--format", "json"))
    assert (found["live"], found["records"], found["notices"], found["unread"]) == (0, 0, [], "")


def test_there_is_one_at_a_time(tmp_path: Path) -> None:
    made(tmp_path)
    held = Leader(tmp_path)
    assert held.take()
    with pytest.raises(StoreBusyError, match="another process watches this home"):
        run(tmp_path, "--once")
    held.close()


def test_it_makes_no_home(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        run(tmp_path / "none", "--once")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_runs_until_it_is_told_to_stop_and_says_a_line_for_each_change(tmp_path: Path, number: signal.Signals) -> None:
    broken(tmp_path)
    command = [sys.executable, "-m", "modicum", "watch", "--home", str(tmp_path), "--format", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [json.loads(process.stdout.readline()) for _ in range(3)]
        assert [line["what"] for line in lines] == ["leads", "alarm", "moved"]
        until = time.monotonic() + 20
        while beat.read(tmp_path) is None:
            assert time.monotonic() < until
            time.sleep(0.05)
        process.send_signal(signal.SIGHUP)
        assert json.loads(process.stdout.readline())["what"] == "leads"
        process.send_signal(number)
        assert process.wait(20) == 0


def test_a_child_ends_with_whoever_started_it(tmp_path: Path) -> None:
    made(tmp_path)
    command = [sys.executable, "-m", "modicum", "watch", "--child", "--home", str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "leads" in process.stdout.readline()
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(20) == 0
