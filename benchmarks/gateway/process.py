"""Processes under measurement: started, waited for, weighed, ended."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")


@contextlib.contextmanager
def running(
    command: Sequence[str], log: Path, *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process with all it starts, in a group of its own; what it says goes to `log`."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=env, cwd=cwd, start_new_session=True)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def wait_ready(process: subprocess.Popen[bytes], port: int, path: str, log: Path, *, within_s: float = 120.0) -> None:
    """Until it answers. Raises RuntimeError with the end of its log."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            if connection.getresponse().status < 500:
                return
        except (OSError, HTTPException):
            time.sleep(0.01)
        finally:
            connection.close()
    raise RuntimeError(f"{process.args!r} did not start:\n{log.read_text(errors='replace')[-2000:]}")


def tree(pid: int) -> set[int]:
    """A process and all that descend from it."""
    parents: dict[int, int] = {}
    for folder in os.listdir("/proc"):
        if folder.isdigit():
            with contextlib.suppress(OSError, ValueError):
                parents[int(folder)] = int(_stat(int(folder))[1])
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def cpu_s(pid: int) -> float:
    """CPU seconds of a process and its descendants so far; NaN where there is no /proc."""
    if not Path("/proc/self/schedstat").exists():
        return float("nan")
    total = 0.0
    for each in tree(pid):
        with contextlib.suppress(OSError, IndexError):
            # The scheduler counts nanoseconds, for each thread; `stat` only ticks of 10 ms.
            total += sum(int(task.read_text().split()[0]) for task in Path(f"/proc/{each}/task").glob("*/schedstat")) / 1e9
    return total


def rss_mb(pid: int, *, alone: bool = False) -> float:
    """Resident memory of a process, with its descendants or alone, in MB (10^6 bytes); NaN where there is no /proc."""
    if not Path("/proc/self/statm").exists():
        return float("nan")
    total = 0
    for each in (pid,) if alone else tree(pid):
        with contextlib.suppress(OSError):
            total += int(Path(f"/proc/{each}/statm").read_text().split()[1]) * PAGE
    return total / 1e6


def quiet(pids: Iterable[int], *, within_s: float = 30.0) -> None:
    """Wait until these have stopped working on what was left to them, so that they do not slow the next one."""
    pids = tuple(pids)
    until = time.monotonic() + within_s
    before = sum(map(cpu_s, pids))
    while pids and time.monotonic() < until:
        time.sleep(0.2)
        now = sum(map(cpu_s, pids))
        if not now - before > 0.02 * len(pids):
            return
        before = now


def _stat(pid: int) -> list[str]:
    """From the state on; names may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
