"""The loop around the looks: one leader, a beat, clocks that jump, a home that cannot be used for a while."""

from __future__ import annotations

import random
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from modicum.config import Config, StoreConfig
from modicum.pipeline.switching import switch
from modicum.store import beat
from modicum.store.control import Control
from modicum.store.segments import SegmentWriter
from modicum.types import Reason
from modicum.watch.run import Clock, Heard, Watcher
from tests.watch.watched_home import QUICK, START, call, made


class Hands:
    """Clocks that go when they are told to."""

    def __init__(self) -> None:
        self.now, self.steady = START, 1000.0

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.steady += seconds

    def clock(self) -> Clock:
        return Clock(wall=lambda: self.now, steady=lambda: self.steady)


def watcher(home: Path, hands: Hands, heard: list[Heard] | None = None, **changes: Any) -> Watcher:
    there = (home / "control.db").exists()
    config = Config(store=StoreConfig(home=home), watch=QUICK) if there else made(home, **changes)
    return Watcher(config, (heard if heard is not None else []).append, clock=hands.clock())


def calls(home: Path, since: datetime, number: int, *, rate: float = 0.0, reason: Reason = "shadow", seed: int = 1) -> None:
    dice, writer = random.Random(seed), SegmentWriter(home)
    for one in range(number):
        writer.append(call(since + timedelta(seconds=0.1 * one), f"{seed} {one}", reason=reason, agreed=dice.random() >= rate))
    writer.close()


def state(home: Path) -> str:
    return Control(home).route("r1").state


def test_only_one_leads_and_the_other_takes_over(tmp_path: Path) -> None:
    hands = Hands()
    first = watcher(tmp_path, hands)
    second = watcher(tmp_path, hands)
    assert first.take()
    assert not second.take()
    first.close()
    assert second.take()
    second.close()


def test_a_look_leaves_a_beat(tmp_path: Path) -> None:
    hands = Hands()
    one = watcher(tmp_path, hands)
    assert one.take()
    assert beat.read(tmp_path) is None
    one.look()
    assert beat.read(tmp_path) == START
    one.close()


def test_nobody_comes_on_while_nobody_watched(tmp_path: Path) -> None:
    hands = Hands()
    one = watcher(tmp_path, hands, automatic=True)
    assert one.take()
    one.look()
    calls(tmp_path, START, 100)
    hands.passes(2 * 3600)
    one.look()
    assert state(tmp_path) == "shadow", "it was away for two hours"
    (watch,) = Control(tmp_path).watches()
    assert watch.lacking == ("nobody watched it for a while",)
    hands.passes(1)
    one.look()
    assert state(tmp_path) == "canary"
    hands.passes(1)
    one.look()
    (watch,) = Control(tmp_path).watches()
    assert watch.lacking == ("0 of 60 audits", "0 of 2 hours")
    one.close()


def test_it_goes_back_even_where_nobody_watched(tmp_path: Path) -> None:
    hands = Hands()
    one = watcher(tmp_path, hands, state="on")
    calls(tmp_path, START, 100, rate=0.5, reason="control")
    hands.passes(3600)
    assert one.take()
    one.look()
    assert state(tmp_path) == "rolled_back"
    one.close()


@pytest.mark.parametrize("jump_s", [7200, -7200])
def test_a_clock_that_is_set_makes_no_hour_of_a_minute_and_loses_no_draw(tmp_path: Path, jump_s: int) -> None:
    hands = Hands()
    one = watcher(tmp_path, hands, automatic=True)
    assert one.take()
    one.look()
    calls(tmp_path, START, 80)
    hands.passes(20)
    one.look()
    hands.now += timedelta(seconds=jump_s)
    for number in range(4):
        calls(tmp_path, hands.now, 10, seed=10 + number)
        hands.passes(15)
        one.look()
    assert state(tmp_path) == "shadow", "a minute went by"
    hands.passes(40)
    one.look()
    (watch,) = Control(tmp_path).watches()
    assert watch.audits == 120
    for _ in range(130):
        hands.passes(29)
        one.look()
    assert state(tmp_path) == "canary"
    one.close()


def test_it_goes_on_where_the_home_can_be_used_again(tmp_path: Path) -> None:
    hands, heard = Hands(), list[Heard]()
    one = watcher(tmp_path, hands, heard, state="on")
    stopped = threading.Event()
    broken = tmp_path / "segments"
    broken.rename(tmp_path / "away")
    broken.write_text("no folder")
    thread = threading.Thread(target=one.until, args=(stopped,))
    thread.start()
    for _ in range(200):
        if any(said.what == "failed" for said in heard):
            break
        stopped.wait(0.02)
    broken.unlink()
    (tmp_path / "away").rename(broken)
    for _ in range(300):
        if any(said.what == "well" for said in heard):
            break
        stopped.wait(0.02)
    stopped.set()
    thread.join()
    assert sorted(said.what for said in heard) == ["failed", "leads", "well"]
    assert heard[-1].what == "well"


def test_a_route_that_is_switched_by_hand_is_watched_from_then_on(tmp_path: Path) -> None:
    hands = Hands()
    config = made(tmp_path, "proposed")
    one = watcher(tmp_path, hands)
    assert one.take()
    assert one.look().live == 0
    switch(config, "r1", "shadow", actor="ann")
    assert one.look().live == 1
    one.close()
