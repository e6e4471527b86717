"""A process that is kept running beside the workers."""

from __future__ import annotations

import io
import os
import signal
import sys
import time
from pathlib import Path

from modicum.gateway.beside import PAUSE_S, Beside
from modicum.gateway.log import Log

WAITS = [sys.executable, "-c", "import sys; sys.stdin.read()"]
ENDS = [sys.executable, "-c", "raise SystemExit(3)"]


class Steady:
    """A clock that goes when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def ticking(beside: Beside, clock: Steady, until_s: float) -> None:
    while clock.now < until_s:
        clock.now += 0.1
        beside.tick()


def gone(pid: int) -> bool:
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2]:
            return True
        time.sleep(0.05)
    return False


def test_it_starts_where_there_is_something_to_do_and_ends_with_the_server() -> None:
    clock, wanted = Steady(), [False]
    beside = Beside(WAITS, wanted=lambda: wanted[0], changed=lambda: wanted[0], log=Log(stream=io.StringIO()), clock=clock)
    ticking(beside, clock, 3)
    assert beside.pid is None
    wanted[0] = True
    ticking(beside, clock, 5)
    pid = beside.pid
    assert pid is not None
    assert os.getsid(pid) == pid
    beside.close()
    assert gone(pid)
    assert beside.pid is None


def test_it_is_started_again_where_it_was_killed() -> None:
    clock = Steady()
    said = io.StringIO()
    beside = Beside(WAITS, wanted=lambda: True, changed=lambda: 1, log=Log(stream=said), clock=clock)
    ticking(beside, clock, 3)
    first = beside.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    ticking(beside, clock, 4)
    second = beside.pid
    assert second not in (None, first)
    assert f"ended with -9 and is started again in {PAUSE_S:.1f} s" in said.getvalue()
    beside.close()


def test_what_ends_by_itself_at_once_is_started_less_and_less_often() -> None:
    clock = Steady()
    said = io.StringIO()
    beside = Beside(ENDS, wanted=lambda: True, changed=lambda: 1, log=Log(stream=said), clock=clock)
    for _ in range(5):
        while beside.pid is None:
            ticking(beside, clock, clock.now + 0.1)
        os.waitid(os.P_PID, beside.pid, os.WEXITED | os.WNOWAIT)
        while beside.pid is not None:
            ticking(beside, clock, clock.now + 0.1)
    beside.close()
    assert [float(line.split(" again in ")[1].split()[0]) for line in said.getvalue().splitlines()] == [0.4, 0.8, 1.6, 3.2, 6.4]
