"""Processes that end, are killed, and read their configuration again, under load (F11, F15, F16)."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.client import Answer, Mix, ask, load
from tests.faults.conftest import Length, Report
from tests.faults.world import World, world

MIX = (Mix("steady"), Mix("steady", True))


def background(made: World, length: Length, seconds: float) -> tuple[threading.Thread, list[Answer]]:
    """Load in a thread; what was answered stands in the list when the thread has ended."""
    found: list[Answer] = []

    def run() -> None:
        found.extend(asyncio.run(load(made.port, MIX, seconds=seconds, rps=length.rps, streams=length.streams, secret=made.secret)))

    thread = threading.Thread(target=run)
    thread.start()
    return thread, found


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_at_any_moment_nothing_acknowledged_is_lost(
    tmp_path: Path, length: Length, report: Report, progress: Callable[[str], None], workers: int
) -> None:
    dice = random.Random(11)
    kills = length.of(2, 100)
    starts, usual = [], []
    with world(tmp_path / "home", workers=workers) as made:
        for number in range(kills):
            thread, found = background(made, length, 1.2)
            time.sleep(dice.uniform(0.3, 1.1))
            if workers > 1 and number % 2:
                made.killed = True
                os.kill(dice.choice(made.pids()), signal.SIGKILL)  # one worker; it is replaced
                thread.join()
            else:
                pids = made.pids()
                made.stop(signal.SIGKILL)
                thread.join()
                _gone(pids)
                starts.append(made.start())
            made.log += found
            if number % 10 == 0:
                progress(f"F11 {workers} worker(s), {number + 1} of {kills} kills")
                assert made.stop() == 0
                usual.append(made.start())
        # On a machine that is full every start is slow: then it is one without a kill that tells how slow.
        most = max(3.0, 2 * statistics.median(usual))
        late = [took for took in starts if took >= most]
        assert len(late) <= len(starts) // 20 or not length.long, (starts, usual)
        assert made.ask("steady").done
        time.sleep(0.3)
        figures = made.check()
        assert made.stop() == 0
    report(
        "F11",
        f"{workers} worker(s), {kills} kills under load: {figures['acknowledged']} acknowledged calls, each "
        f"stored once; {figures['cut']} cut off; "
        f"serving again after {statistics.median(starts):.1f} s, {max(starts):.1f} s at most "
        f"({statistics.median(usual):.1f} s where nothing was killed)",
    )


def _gone(pids: list[int]) -> None:
    """Wait for workers whose parent was killed: the next server may not begin before they have gone."""
    until = time.monotonic() + 10
    while any(os.path.exists(f"/proc/{pid}") for pid in pids) and time.monotonic() < until:
        time.sleep(0.02)


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_under_load_cuts_no_reply(tmp_path: Path, length: Length, report: Report, workers: int) -> None:
    with world(tmp_path / "home", workers=workers) as made:
        made.settle_in()
        thread, found = background(made, length, length.seconds)
        time.sleep(length.seconds / 2)
        began = time.monotonic()
        assert made.stop() == 0
        drained = time.monotonic() - began
        thread.join()
        made.log += found
        cut = [one for one in found if one.status and not one.whole]
        assert not cut, cut
        assert drained < 30
        served = [one for one in found if one.done]
        assert served and all(one.done for one in found if one.status == 200)
        figures = made.check()
    report(
        "F15",
        f"{workers} worker(s): drained in {drained:.1f} s, {len(served)} replies whole, 0 cut; "
        f"{figures['cut'] - len(cut)} came after the door was shut",
    )


BAD = (
    "[serve]\nnonsense = 1\n",
    "[upstream]\nurl = 'ftp://x'\n",
    "not toml at all [",
    "[retry]\ntries = 'many'\n",
    "[models.m]\ndeployments = ['nobody/m']\n",
    "[providers.x]\nkind = 'no such kind'\n",
    "[store]\non_failure = 'maybe'\n",
    "[redact]\ntable = '/nowhere/table.toml'\n",
    "[upstream]\napi_key_env = 'NO_SUCH_VARIABLE'\n",
    "\x00\x01\x02",
)


def put(path: Path, text: str) -> None:
    """At once, as an operator must: half a file may be a good configuration too."""
    part = path.with_suffix(".part")
    part.write_text(text)
    part.replace(path)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_configuration_read_again_under_load_drops_nothing(tmp_path: Path, length: Length, report: Report, workers: int) -> None:
    reloads = length.of(20, 100)
    with world(tmp_path / "home", workers=workers) as made:
        made.settle_in()
        path = made.home / "modicum.toml"
        good = path.read_text()
        thread, found = background(made, length, max(length.seconds, reloads * 0.06))
        bad = 0
        for number in range(reloads):
            time.sleep(0.04)
            if number % max(reloads // len(BAD), 1) == 1 and bad < len(BAD):
                put(path, BAD[bad])
                bad += 1
            else:
                put(path, f"{good}\n# {number}\n" + ("[route]\ncontrol_share = 0.1\n" if number % 2 else ""))
            assert made.process is not None
            os.kill(made.process.pid, signal.SIGHUP)
        thread.join()
        made.log += found
        assert [one for one in found if not one.done] == []
        assert "configuration" in made.errors()
        put(path, good + '\n[models."after"]\ndeployments = ["one/steady"]\n')
        os.kill(made.process.pid, signal.SIGHUP)  # type: ignore[union-attr]
        until = time.monotonic() + 15
        while not made.ask("after").done:
            assert time.monotonic() < until, made.errors()
        made.check()
    report(
        "F16",
        f"{workers} worker(s): {reloads} reloads, {bad} of them bad, {len(found)} calls, 0 dropped; each bad "
        f"one was refused with an alarm and the one before held",
    )


def test_a_worker_that_dies_again_and_again_is_replaced(tmp_path: Path) -> None:
    with world(tmp_path / "home", workers=2) as made:
        for _ in range(3):
            made.killed = True
            os.kill(made.pids()[0], signal.SIGKILL)
            time.sleep(0.1)
            assert asyncio.run(ask(made.port, "steady", secret=made.secret)).status in (0, 200)
        until = time.monotonic() + 10
        while len(made.pids()) < 2:
            assert time.monotonic() < until
            time.sleep(0.05)
        assert made.ask("steady").done
