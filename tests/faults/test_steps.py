"""A route's steps by command reach every worker, while it serves and while workers die (F19, F20)."""

from __future__ import annotations

import os
import random
import signal
import statistics
import time
from pathlib import Path

from modicum.pipeline.switching import switch
from modicum.types import RouteState
from tests.faults.conftest import Length, Report
from tests.faults.watched import ROUTE, Watched, watched

REACHED_S = 2.0
RESTARTED_S = 15.0
"""Until both workers are there again, on a machine that is full."""


def test_a_rollback_by_command_reaches_every_worker_within_two_seconds(tmp_path: Path, length: Length, report: Report) -> None:
    for workers in (1, 2) if length.long else (2,):
        took = []
        with watched(tmp_path / f"home-{workers}", state="on", workers=workers) as made, made.load():
            for _ in range(length.of(3, 40)):
                switch(made.config, ROUTE, "on", actor="a test")
                time.sleep(0.5)
                assert made.reasons(time.monotonic() - 0.3)["answered"], made.made.errors()
                began = time.monotonic()
                switch(made.config, ROUTE, "paused", actor="a test")
                time.sleep(0.7)
                late = [one.began for one in list(made.answers) if one.headers.get("x-modicum-reason") == "answered" and one.began > began]
                took.append(max(late, default=began) - began)
                assert took[-1] < REACHED_S
        made.check()
        told = f"{statistics.median(took):.2f} s in the median, {max(took):.2f} s at most"
        report(
            "F19",
            f"{workers} worker(s): {len(took)} rollbacks by command under load, the route's last answer was asked for {told} after it",
        )


ANSWERS = {"shadow": {"shadow"}, "canary": {"answered", "control", "canary"}, "on": {"answered", "control"}, "paused": {"no_route"}}
"""Why who answers, in each state."""


def test_a_worker_killed_while_a_route_takes_a_step_is_replaced_and_knows_it(tmp_path: Path, length: Length, report: Report) -> None:
    dice = random.Random(7)
    steps: tuple[RouteState, ...] = ("shadow", "canary", "on", "shadow", "on", "paused")
    took = []
    with watched(tmp_path / "home", workers=2) as made, made.load():
        made.made.killed = True
        for state in steps * length.of(1, 10) if length.long else steps[1:4]:
            _kill_one(made, dice)
            time.sleep(dice.uniform(0, 0.05))
            switch(made.config, ROUTE, state, actor="a test")
            began = time.monotonic()
            _kill_one(made, dice)
            while not (seen := made.reasons(time.monotonic() - 0.3)) or not set(seen) <= ANSWERS[state]:
                assert not (late := made.reasons(began + REACHED_S)) or set(late) <= ANSWERS[state], (state, late)
                assert time.monotonic() - began < RESTARTED_S, (state, seen, made.made.errors()[-3000:])
                time.sleep(0.05)
            took.append(max(time.monotonic() - began - 0.3, 0))
    made.check()
    told = f"all that was asked {max(took):.1f} s after each of {len(took)} steps or later was answered as the new step wants"
    report("F20", f"two workers killed around each step, under load: {told}")


def _kill_one(made: Watched, dice: random.Random) -> None:
    """A worker, where there is one: both may be on their way back."""
    assert made.made.process is not None
    if workers := [pid for pid in made.made.pids() if pid != made.made.process.pid]:
        os.kill(dice.choice(workers), signal.SIGKILL)
