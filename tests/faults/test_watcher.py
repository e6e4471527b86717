"""The watcher killed, doubled, gone, without its store and under a clock that jumps (F13, F21 to F24)."""

from __future__ import annotations

import errno
import os
import random
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from modicum.types import RouteState, new_call_id
from tests.faults.conftest import Length, Report
from tests.faults.shim import FOREVER, Shim
from tests.faults.shim import Control as FailingDisk
from tests.faults.watched import Watched, watched


@pytest.fixture
def control(tmp_path: Path) -> FailingDisk:
    return FailingDisk(tmp_path / "control")


def test_a_watcher_killed_at_any_moment_takes_each_step_once(tmp_path: Path, length: Length, report: Report) -> None:
    """Killed again and again it brings the route on, step by step, and sends it back when the incumbent changes its mind."""
    dice = random.Random(3)
    most = length.of(3, 12)
    with watched(tmp_path / "home", run="child", audits=40) as made, made.load(60.0):
        up = _killing(made, dice, ("on",), most)
        made.teller.turned = True
        back = _killing(made, dice, ("rolled_back",), most)
        time.sleep(0.6)
        assert not made.reasons(time.monotonic() - 0.3)["answered"]
    assert made.history()[1:] == [("proposed", "shadow"), ("shadow", "canary"), ("canary", "on"), ("on", "rolled_back")]
    assert made.check() == 4
    _counted_once(made)
    report("F21", f"killed {up} times on the way up and {back} times on the way back: four steps, each once, no draw counted twice")


def _killing(made: Watched, dice: random.Random, states: tuple[RouteState, ...], most: int) -> int:
    """Kill the watcher soon after it began to look, so many times at most, until the route is in one of these states."""
    kills, until = 0, time.monotonic() + 20 + 15 * most
    while made.route.state not in states:
        assert time.monotonic() < until, (made.history(), made.control.watches(), made.made.errors()[-3000:])
        child = made.child()
        if kills < most and child is not None and child == made.leader():
            time.sleep(dice.uniform(0, 0.5))
            os.kill(child, signal.SIGKILL)
            kills += 1
        time.sleep(0.05)
    return kills


def _counted_once(made: Watched) -> None:
    (watch,) = made.control.watches()
    assert 0 < watch.audits <= len(made.draws())


def test_of_two_watchers_one_leads(tmp_path: Path, report: Report) -> None:
    with watched(tmp_path / "home", run="alone", audits=10**6) as made:
        with made.load():
            first, second = made.watch(), made.watch()
            made.until("shadow", within_s=30)
            time.sleep(1.5)
            leader, other = _led(made, first, second)
            assert other.poll() is None, "it waits to take over"
            leader.kill()
            leader.wait(10)
            before, gone = _counted(made), time.monotonic()
            while _counted(made) <= before:
                assert time.monotonic() - gone < 15, made.made.errors()[-3000:]
                time.sleep(0.1)
            took = time.monotonic() - gone
        until = time.monotonic() + 10
        while _counted(made) != (drawn := len(made.draws())):
            assert time.monotonic() < until, (
                _counted(made),
                drawn,
                [one.audits for one in made.control.watches()],
                made.made.errors()[-2000:],
            )
            time.sleep(0.2)
        assert made.check() == 1
    report("F22", f"two watchers, the one that led killed: the other counted on {took:.1f} s later; {drawn} draws, each counted once")


def _counted(made: Watched) -> int:
    """Draws that were read. Not each is an audit: one that is nearly another one is not."""
    return sum(one.calls for one in made.control.watches())


def _led(made: Watched, *watchers: subprocess.Popen[str]) -> tuple[subprocess.Popen[str], subprocess.Popen[str]]:
    """The one that the heartbeat names, and the other."""
    (leader,) = [one for one in watchers if one.pid == made.leader()]
    (other,) = [one for one in watchers if one is not leader]
    return leader, other


def test_without_a_watcher_the_incumbent_answers_again(tmp_path: Path, report: Report) -> None:
    more = "return_after_minutes = 0.04\nreturn_over_minutes = 0.02\n"
    with watched(tmp_path / "home", run="alone", audits=10**6, more=more, state="on") as made, made.load():
        watcher = made.watch()
        _answered(made, within_s=30)
        watcher.kill()
        watcher.wait(10)
        gone = time.monotonic()
        while made.reasons(time.monotonic() - 0.3)["answered"]:
            assert time.monotonic() - gone < 20
            time.sleep(0.05)
        back = time.monotonic() - gone - 0.3
        made.watch()
        again = _answered(made, within_s=30)
    made.check()
    assert back > 2
    told = f"{back:.1f} s without a beat (2.4 s allowed, given back over 1.2 s) all went to the incumbent"
    report("F23", f"{told}; {again:.1f} s after a new watcher was started the route answered again")


def _answered(made: Watched, within_s: float) -> float:
    """Wait until the route answers; seconds until then."""
    began = time.monotonic()
    while not made.reasons(time.monotonic() - 0.3)["answered"]:
        assert time.monotonic() - began < within_s, made.made.errors()[-3000:]
        time.sleep(0.05)
    return time.monotonic() - began


def test_a_watcher_whose_store_fails_takes_no_step_and_goes_on_when_it_can(
    tmp_path: Path, shim: Shim, control: FailingDisk, report: Report
) -> None:
    """A segment that is none; the control records locked by somebody else; then a disk on which the watcher can write nothing."""
    home = tmp_path / "home"
    home.mkdir()
    with watched(home, run="alone", audits=40) as made, made.load(80.0):
        watcher = made.watch(shim.environment(control, root=home))
        made.until("shadow", within_s=30)
        (home / "segments" / f"{new_call_id()}.open").write_bytes(random.Random(5).randbytes(4096))
        with sqlite3.connect(home / "control.db", isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(1.5)
            assert other.execute("SELECT state FROM routes").fetchall() == [("shadow",)]
            other.execute("ROLLBACK")
        other.close()
        made.until("canary", within_s=30)
        control.fail(1, errno.ENOSPC, last=FOREVER)
        stood = made.route.state
        time.sleep(1.0)
        assert made.route.state == stood
        control.heal()
        if watcher.poll() is not None:
            made.watch()
        made.until("on", within_s=30)
        made.teller.turned = True
        made.until("rolled_back", within_s=30)
    assert made.check() == 4
    _counted_once(made)
    report(
        "F24",
        "a segment of garbage, records locked for 1.5 s, 1 s without a byte of disk: no step meanwhile, none skipped, gone on by itself",
    )


@pytest.mark.parametrize("shift_s", [-3600, 3600])
def test_a_watcher_whose_clock_jumps_skips_no_step(
    tmp_path: Path, shim: Shim, control: FailingDisk, length: Length, report: Report, shift_s: int
) -> None:
    if not length.long and shift_s > 0:
        pytest.skip("the long form sets it on too")
    environment = shim.environment(control)
    with watched(tmp_path / "home", run="child", audits=40, env=environment) as made, made.load(80.0):
        made.until("shadow", within_s=30)
        control.set(shift_ns=shift_s * 10**9)
        time.sleep(1.5)
        control.set(shift_ns=0)
        made.until("on", within_s=40)
        control.set(shift_ns=shift_s * 10**9)
        made.teller.turned = True
        time.sleep(1.5)
        control.set(shift_ns=0)
        took = made.until("rolled_back", within_s=40)
    assert made.history()[1:] == [("proposed", "shadow"), ("shadow", "canary"), ("canary", "on"), ("on", "rolled_back")]
    assert made.check() == 4
    report("F13", f"the watcher's clock {shift_s:+,d} s and back in shadow and on: four steps, none skipped; sent back {took:.1f} s later")
