"""Nobody watches: live routes are given back, little by little; with the next beat they come back at once."""

from __future__ import annotations

import dataclasses
import io
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest

from modicum.config import Config, ServeConfig, StoreConfig
from modicum.config.watching import WatchConfig
from modicum.errors import StoreError
from modicum.gateway.alarm import Alarm
from modicum.gateway.heartbeat import HOLD_S, POLL_S, Heartbeat
from modicum.gateway.live import Live
from modicum.store import beat
from modicum.types import RouteState
from tests.gateway.rig import Gateway, Upstream, gateway
from tests.gateway.routed import UP, headline, publish
from tests.gateway.scripted import Scripted, plain

START = datetime(2026, 5, 1, tzinfo=UTC)


class Room:
    """A home with a route, a clock that is turned by hand, and one worker's look at the watcher."""

    def __init__(self, home: Path, state: RouteState = "on", *, run: Literal["child", "off"] = "child", observe: bool = False) -> None:
        publish(home, state)
        self.home, self.now, self.printed = home, 1000.0, io.StringIO()
        self.config = Config(
            store=StoreConfig(home=home),
            serve=ServeConfig(observe=observe),
            watch=WatchConfig(run=run, return_after_minutes=15, return_over_minutes=10),
        )
        alarm = Alarm(self.printed, pause_s=0)
        self.live = Live(home, alarm)
        self.live.now = self.live.load()
        self.heartbeat = Heartbeat(home, alarm, clock=lambda: self.now)

    def passes(self, minutes: float) -> float:
        """So much time goes by; what live routes keep then."""
        for _ in range(round(minutes * 60 / POLL_S)):
            self.now += POLL_S
            self.heartbeat.look(self.config, self.live.now.scopes.values())
        return self.heartbeat.kept


def test_routes_are_given_back_little_by_little_and_come_back_at_once(tmp_path: Path) -> None:
    room = Room(tmp_path)
    beat.write(tmp_path, at=START)
    assert room.passes(14.9) == 1.0 and not room.printed.getvalue()
    assert room.passes(5.1) == pytest.approx(0.5, abs=0.01)
    assert room.passes(2.5) == pytest.approx(0.25, abs=0.01)
    assert room.passes(20) == 0.0
    assert room.printed.getvalue().count("nobody watched") == 1
    beat.write(tmp_path, at=START + timedelta(minutes=40))
    assert room.passes(0.02) == 1.0
    assert room.passes(14) == 1.0 and room.passes(2) < 1.0
    assert room.printed.getvalue().count("nobody watched") == 2


def test_a_worker_that_begins_waits_as_long(tmp_path: Path) -> None:
    assert Room(tmp_path).passes(14.9) == 1.0
    beat.write(tmp_path, at=START)
    assert (room := Room(tmp_path)).passes(14.9) == 1.0 and room.passes(10.2) == 0.0, "an old beat is none"


@pytest.mark.parametrize("jump", [timedelta(days=-30), timedelta(days=4000)])
def test_a_clock_that_jumps_makes_no_beat_young_or_old(tmp_path: Path, jump: timedelta) -> None:
    room = Room(tmp_path)
    beat.write(tmp_path, at=START)
    room.passes(14)
    beat.write(tmp_path, at=START + jump)
    assert room.passes(14) == 1.0, "it came, whatever it says"
    assert room.passes(12) == 0.0, "and no other one did"


def test_while_a_provider_has_too_much_to_do_nothing_more_is_given_back(tmp_path: Path) -> None:
    room = Room(tmp_path)
    before = room.passes(20)
    for _ in range(20):
        room.heartbeat.busy()
        assert room.passes(0.1) == before
    assert room.passes(HOLD_S / 60) <= before
    assert room.passes(10) == 0.0


@pytest.mark.parametrize(
    ("state", "run", "observe"), [("on", "off", False), ("shadow", "child", False), ("paused", "child", False), ("on", "child", True)]
)
def test_where_nothing_is_to_be_given_back_nothing_happens(
    tmp_path: Path, state: RouteState, run: Literal["child", "off"], observe: bool
) -> None:
    room = Room(tmp_path, state, run=run, observe=observe)
    assert room.passes(60) == 1.0 and not room.printed.getvalue()


def test_hostile_bytes_are_no_beat(tmp_path: Path) -> None:
    room = Room(tmp_path)
    for number in range(40):
        beat.path(tmp_path).write_bytes(b'{"at": "tomorrow %d"}' % number)
        room.passes(1)
    assert room.heartbeat.kept == 0.0


def test_no_minutes_at_all(tmp_path: Path) -> None:
    room = Room(tmp_path)
    room.config = dataclasses.replace(room.config, watch=WatchConfig(return_after_minutes=0, return_over_minutes=0))
    assert room.passes(0.02) == 0.0


def reasons(served: Gateway, times: int) -> Counter[str]:
    return Counter(served.post(headline(UP))[0].headers["x-modicum-reason"] for _ in range(times))


def test_workers_give_back_and_take_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    publish(home, control_share=0.0)
    env = {"MODICUM_WATCH__RETURN_AFTER_MINUTES": "0.02", "MODICUM_WATCH__RETURN_OVER_MINUTES": "0.05"}
    with Upstream() as upstream, gateway(home, upstream.url, "--workers", "2", env=env) as served:
        until = time.monotonic() + 20
        seen: set[str] = set()
        while (found := reasons(served, 10)) != {"unwatched": 10}:
            seen |= set(found)
            assert time.monotonic() < until, (found, served.errors())
            time.sleep(0.05)
        assert seen <= {"answered", "unwatched"} and 1 <= served.errors().count("modicum alarm: unwatched") <= 2
        for number in range(100):
            beat.write(home, run_id=str(number))
            if reasons(served, 8) == {"answered": 8}:
                break
            time.sleep(0.05)
        else:
            raise AssertionError(served.errors())
        calls = [call for call in served.calls().values() if call.decision is not None and call.decision.reason == "unwatched"]
    assert calls and all(call.decision is not None and call.decision.answered_by == "gpt-4" for call in calls)


def test_a_provider_that_is_asked_too_much_stops_the_giving_back(tmp_path: Path) -> None:
    home = tmp_path / "home"
    publish(home, control_share=0.0)
    env = {
        "MODICUM_WATCH__RETURN_AFTER_MINUTES": "0.01",
        "MODICUM_WATCH__RETURN_OVER_MINUTES": "0.1",
        "MODICUM_RETRY__TRIES": "1",
        "MODICUM_RETRY__BREAKER_FAILURES": "1000000",
    }
    with Scripted() as provider, gateway(home, provider.url, env=env) as served:
        provider.on("/v1/chat/completions", plain({"error": {"message": "slow down"}}, "429 Too Many Requests"))
        until = time.monotonic() + 15
        while "unwatched" not in reasons(served, 10):
            assert time.monotonic() < until, served.errors()
            time.sleep(0.05)
        began = time.monotonic()
        while time.monotonic() - began < 7:  # longer than all would have taken
            assert reasons(served, 30)["answered"] > 0
            time.sleep(0.2)


def test_a_beat_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot write"):
        beat.write(tmp_path / "none")
