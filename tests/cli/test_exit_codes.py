"""Exit codes as the entry point gives them, not as the test runner of click does."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modicum.store.calls import Calls
from modicum.store.control import Control


def modicum(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-c", "from modicum.cli import main; main()", *words, "--home", str(home))
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_refused_feedback_is_no_success(tmp_path: Path) -> None:
    home, rows = tmp_path / "home", tmp_path / "rows.csv"
    Calls(home)
    Control(home)
    empty = modicum(home, "feedback", "list")
    assert (empty.returncode, empty.stderr) == (0, "") and "No feedback yet" in empty.stdout
    rows.write_text("call_id,label\nresp-1,late\n,late\n")
    partly = modicum(home, "feedback", "import", str(rows))
    assert (partly.returncode, partly.stdout) == (1, "1 row kept, 1 refused.\n") and "rows.csv:3" in partly.stderr
    rows.write_text("call_id,label\nresp-2,late\n")
    assert modicum(home, "feedback", "import", str(rows)).returncode == 0
    assert modicum(home, "feedback", "import", str(tmp_path / "none.csv")).returncode == 2


def started(*words: str) -> subprocess.Popen[str]:
    """A process to which Ctrl-C means what it means to one in a terminal, however the tests are run."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        command = (sys.executable, "-c", "from modicum.cli import main; main()", *words)
        pipe: Any = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    finally:
        signal.signal(signal.SIGINT, before)


def interrupted(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str]:
    process.send_signal(number)
    _, complained = process.communicate(timeout=60)
    return process.returncode, complained


def wait_for(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize("command", ["import", "report"])
def test_a_job_that_is_interrupted_is_not_done(tmp_path: Path, command: str) -> None:
    home = tmp_path / "home"
    process = started(command, "-", "--home", str(home))  # it waits for more of its log
    wait_for((home / "calls").is_dir)
    code, complained = interrupted(process, signal.SIGINT)
    assert (code, complained.strip()) == (130, "stopped")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_runs_until_it_is_stopped_ends_well(tmp_path: Path, number: signal.Signals) -> None:
    log = tmp_path / "log.jsonl"
    answer = '{"id": "r-1", "model": "m", "choices": [{"index": 0, "message": {"role": "assistant", "content": "yes"}}]}'
    log.write_text('{"request": {"model": "m", "messages": [{"role": "user", "content": "is it?"}]}, "response": ' + answer + "}\n")
    for words in (["replay", str(log)], ["serve", "--upstream", "http://127.0.0.1:9/v1"]):
        process = started(*words, "--listen", "127.0.0.1:0", "--home", str(tmp_path / "home"))
        assert process.stdout is not None and "127.0.0.1" in process.stdout.readline()
        assert interrupted(process, number) == (0, "")


def test_a_replay_that_is_interrupted_before_it_answers_is_not_done(tmp_path: Path) -> None:
    process = started("replay", "-", "--listen", "127.0.0.1:0", "--home", str(tmp_path / "home"))
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2)  # it reads its log
    code, complained = interrupted(process, signal.SIGINT)
    assert (code, complained.strip()) == (130, "stopped")
