"""When learning is due: the schedule, signs in what is recorded, and the process that is started and ended."""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from modicum.store.control import Control
from modicum.store.segments import SegmentWriter
from modicum.types import Decision, Reason
from modicum.watch import learn
from modicum.watch.due import Known, Learnt, due, missing
from modicum.watch.leader import Leader
from modicum.watch.learner import CAME_S, PAUSE_S, Learner
from modicum.watch.signs import RENAMED, UNCERTIFIED, Signs
from modicum.watch.words import notice
from tests.watch.watched_home import START, call, certificate, made, route, workload

NOTHING = (sys.executable, "-c", "import sys; sys.stdin.buffer.readline()")
FAILS = (sys.executable, "-c", "import sys; sys.stdin.buffer.readline(); sys.exit(1)")
SOON = START + timedelta(days=13)
WAITS = (sys.executable, "-c", "import sys; sys.stdin.buffer.read()")


def recorded(home: Path, number: int, reason: Reason, *, detail: str = "") -> None:
    writer = SegmentWriter(home)
    for one in range(number):
        found = call(START, f"request {one}")
        decision = Decision(answered_by="gpt-4", reason=reason, detail=detail, workload_id=None if reason == "not_recognised" else "w1")
        writer.append(dataclasses.replace(found, decision=decision))
    writer.close()


def test_a_share_that_rose_is_a_sign_once(tmp_path: Path) -> None:
    made(tmp_path)
    signs = Signs(tmp_path)
    signs.look()
    recorded(tmp_path, 400, "no_route")
    recorded(tmp_path, 40, "not_recognised")
    signs.look()
    assert signs.base == pytest.approx(40 / 440) and signs.found() == ()
    recorded(tmp_path, 200, "not_recognised")
    signs.look()
    (why,) = signs.found()
    assert why == "38% of the calls are not recognised, 9% were"
    signs.looked()
    recorded(tmp_path, 120, "not_recognised")
    recorded(tmp_path, 200, "no_route")
    signs.look()
    assert signs.found() == (), "that is known"
    recorded(tmp_path, 900, "not_recognised")
    signs.look()
    assert len(signs.found()) == 1


def test_calls_of_an_uncertified_version_are_a_sign_that_takes_twice_as_many_each_time(tmp_path: Path) -> None:
    made(tmp_path)
    signs = Signs(tmp_path)
    signs.look()
    for number, expected in ((UNCERTIFIED - 1, False), (1, True)):
        recorded(tmp_path, number, "not_covered", detail="this version of the prompt was not certified")
        signs.look()
        assert bool(signs.found()) is expected
    signs.looked()
    recorded(tmp_path, UNCERTIFIED - 1, "not_covered", detail="this version of the prompt was not certified")
    recorded(tmp_path, 500, "not_covered", detail="900 characters, certified up to 800")
    signs.look()
    assert signs.found() == ()


def test_an_incumbent_that_calls_itself_otherwise_is_told_once(tmp_path: Path) -> None:
    made(tmp_path, "on")
    signs = Signs(tmp_path)
    signs.look()
    for name, number, expected in (("gpt-4-0613", 50, 0), ("gpt-4-1106", RENAMED - 1, 0), ("gpt-4-1106", 1, 1), ("gpt-4-1106", 30, 0)):
        writer = SegmentWriter(tmp_path)
        for one in range(number):
            writer.append(call(START, f"request {one}", reason="control", response_model=name))
            writer.append(call(START, f"request {one}", reason="answered", response_model="modicum/direction"))
        writer.close()
        signs.look()
        assert len(found := signs.renamed()) == expected, (name, number)
        assert not found or found == ("an incumbent calls itself gpt-4-1106, and did gpt-4-0613",)


def test_the_schedule_begins_when_somebody_first_watches(tmp_path: Path) -> None:
    config = made(tmp_path)
    told: list[tuple[str, str]] = []
    learner = Learner(config, Control(tmp_path), lambda what, text: told.append((what, text)), command=NOTHING)
    learner.tick(START)
    learner.tick(START + timedelta(hours=23))
    assert learner.pid is None
    learner.tick(START + timedelta(hours=24))
    assert learner.pid is not None
    wait_for(learner, START + timedelta(hours=24, seconds=6))
    assert [what for what, _ in told] == ["learns", "learnt"]
    learner.close()


def test_a_rollback_is_learnt_from_at_once_and_signs_wait_their_turn(tmp_path: Path) -> None:
    config, told = made(tmp_path), list[str]()
    learner = Learner(config, Control(tmp_path), lambda what, text: told.append(text), command=NOTHING)
    learner.tick(START)
    back = notice("moved", route(), "direction", START, "it went back", was="on", now_is="rolled_back")
    learner.tick(START + timedelta(seconds=1), [back])
    assert told == ["r1 was rolled back"]
    wait_for(learner, START + timedelta(seconds=7))
    learner.tick(START + timedelta(seconds=20), [back])
    assert learner.pid is None, "one after the other"
    learner.tick(START + timedelta(seconds=20 + PAUSE_S))
    assert learner.pid is not None
    learner.close()
    assert learner.pid is None


def test_what_was_interrupted_is_taken_up_and_what_fails_waits_longer_each_time(tmp_path: Path) -> None:
    config, told = made(tmp_path), list[str]()
    state = learn.State(ended=START, run=learn.Run(began=START, until=START, why=["signs"]))
    Control(tmp_path).mark(learn.BOOKMARK, msgspec.json.encode(state).decode())
    learner = Learner(config, Control(tmp_path), lambda what, text: told.append(text), command=FAILS)
    learner.tick(START)
    assert told == ["the last run was interrupted"]
    wait_for(learner, START + timedelta(seconds=6))
    assert told[-1] == "learning ended with 1; taken up again in 60 s"
    learner.tick(START + timedelta(seconds=30))
    assert learner.pid is None
    learner.tick(START + timedelta(seconds=70))
    wait_for(learner, START + timedelta(seconds=80))
    assert told[-1] == "learning ended with 1; taken up again in 120 s"
    learner.close()


def test_a_watcher_that_ends_takes_the_process_along_and_never_waits_for_it_to_finish(tmp_path: Path) -> None:
    config = made(tmp_path)
    Control(tmp_path).mark(learn.BOOKMARK, msgspec.json.encode(learn.State(ended=START - timedelta(days=2))).decode())
    learner = Learner(config, Control(tmp_path), lambda what, text: None, command=WAITS)
    began = time.monotonic()
    learner.tick(START)
    assert learner.pid is not None
    learner.tick(START + timedelta(seconds=6))
    learner.close()
    assert time.monotonic() - began < 3


def test_zero_hours_mean_never(tmp_path: Path) -> None:
    config = made(tmp_path)
    config = dataclasses.replace(config, watch=dataclasses.replace(config.watch, learn_every_h=0.0))
    Control(tmp_path).mark(learn.BOOKMARK, msgspec.json.encode(learn.State(ended=START - timedelta(days=900))).decode())
    learner = Learner(config, Control(tmp_path), lambda what, text: None, command=NOTHING)
    learner.tick(START)
    assert learner.pid is None


def known(**changes: object) -> Known:
    last = Learnt(START - timedelta(days=9), 1000, 0, "certified")
    found = Known(now=START, calls=1100, labels=0, routes=[route("on")], certificates={"c1": certificate()}, last=last)
    return dataclasses.replace(found, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, ""),
        ({"calls": 2000}, "2,000 calls, 1,000 at the last fit"),
        ({"routes": [], "last": None}, ""),
        ({"routes": [], "last": None, "labels": 7}, ""),
        ({"routes": [], "last": None, "tried": True}, "it was tried and never fitted, and has 1,100 calls"),
        ({"routes": [], "last": None, "tried": True, "calls": 199}, ""),
        ({"routes": [route("rolled_back", changed_at=START)]}, "r1 was rolled back"),
        ({"routes": [route("rolled_back", changed_at=START - timedelta(days=20))]}, ""),
        ({"labels": 7}, "7 labels came, and there were none"),
        ({"suspicion": 0.95}, "r1 is under suspicion"),
        ({"suspicion": 0.95, "last": Learnt(START - timedelta(days=9), 1000, 0, "certified", None, "r1")}, ""),
        ({"certificates": {"c1": certificate(expires_at=SOON)}}, f"the certificate of r1 ends on {SOON:%Y-%m-%d}"),
        ({"uncertified": 300, "needed": 290}, "300 calls came with a version of its prompt that no certificate knows"),
        ({"uncertified": 200, "needed": 290}, ""),
        ({"routes": [], "last": Learnt(START, 1000, 0, "too_few_calls", 200)}, ""),
        ({"routes": [], "last": Learnt(START, 1000, 0, "too_few_calls", 100)}, "the 100 calls came that were missing"),
        ({"routes": [], "last": Learnt(START, 1000, 0, "free_text")}, ""),
        ({"routes": [], "last": Learnt(START, 700, 0, "free_text")}, "1,100 calls, 700 at the last fit"),
    ],
)  # fmt: skip
def test_only_what_changed_is_fitted(changes: dict[str, object], why: str) -> None:
    assert due(workload(), known(**changes), renew_days=14.0) == why


def test_what_was_said_to_be_missing_is_waited_for_even_where_the_certificate_ends() -> None:
    ends = {"c1": certificate(expires_at=START + timedelta(days=3))}
    waits = Learnt(START - timedelta(days=2), 1000, 0, "too_few_calls", 500)
    assert due(workload(), known(certificates=ends, last=waits), renew_days=14.0) == ""
    assert due(workload(), known(certificates=ends, last=waits, calls=1500), renew_days=14.0) != ""


def wait_for(learner: Learner, now: datetime) -> None:
    """Until the process has ended, and then let the learner see it at this moment, however long that took."""
    assert learner.pid is not None
    until = time.monotonic() + 60
    while os.waitid(os.P_PID, learner.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        assert time.monotonic() < until
        time.sleep(0.02)
    learner.tick(now)
    assert learner.pid is None


def lacking(home: Path, number: int, *, counted: datetime = START, fitted: datetime = START) -> None:
    """As after a run whose fit of the one workload lacked so many calls."""
    fit = Learnt(fitted, 100, 0, "too_few_calls", number)
    state = learn.State(ended=START, known={"w1": ["v1"]}, workloads={"w1": fit}, missing={"w1": number}, counted=counted)
    Control(home).mark(learn.BOOKMARK, msgspec.json.encode(state).decode())


def came(home: Path, number: int, reason: Reason = "no_route", *, at: datetime = START + timedelta(seconds=1)) -> None:
    writer = SegmentWriter(home)
    for one in range(number):
        writer.append(call(at, f"request {one}", reason=reason))
    writer.close()


def test_the_calls_that_a_fit_lacked_are_a_sign_when_they_came(tmp_path: Path) -> None:
    config, told = made(tmp_path, "rolled_back"), list[str]()
    lacking(tmp_path, 30)
    learner = Learner(config, Control(tmp_path), lambda what, text: told.append(text), command=NOTHING)
    learner.tick(START)
    came(tmp_path, 29)
    came(tmp_path, 50, "below_threshold")  # which calls these are follows from what they say
    came(tmp_path, 50, at=START - timedelta(hours=1))  # before they were counted
    learner.tick(START + timedelta(minutes=20))
    assert learner.pid is None and told == []
    came(tmp_path, 1)
    learner.tick(START + timedelta(minutes=21))
    assert told == ["direction: the 30 calls came that were missing"]
    wait_for(learner, START + timedelta(minutes=22))
    lacking(tmp_path, 10, counted=START + timedelta(minutes=22), fitted=START + timedelta(minutes=21))
    came(tmp_path, 10, at=START + timedelta(minutes=23))
    learner.tick(START + timedelta(minutes=24))
    assert learner.pid is None, "a workload is fitted so at most once in ten minutes"
    learner.tick(START + timedelta(seconds=21 * 60 + CAME_S))
    assert learner.pid is not None, "and need not wait as long as after another sign"
    learner.close()


def test_missing_calls_that_came_before_the_watcher_began_anew_count(tmp_path: Path) -> None:
    config, told = made(tmp_path, "rolled_back"), list[str]()
    lacking(tmp_path, 30)
    came(tmp_path, 20)
    learner = Learner(config, Control(tmp_path), lambda what, text: told.append(text), command=NOTHING)
    learner.tick(START + timedelta(minutes=20))
    came(tmp_path, 9)
    learner.tick(START + timedelta(minutes=21))
    assert learner.pid is None
    came(tmp_path, 1)
    learner.tick(START + timedelta(minutes=22))
    assert learner.pid is not None
    learner.close()


def test_what_a_failed_fit_lacked_is_no_reason_again() -> None:
    fits = {"w1": Learnt(START, 1000, 0, "too_few_calls", 200)}
    assert missing([workload()], {"w1": 1050}, fits, ()) == {"w1": 150}
    assert missing([workload()], {"w1": 1200}, fits, ("w1",)) == {"w1": 0}, "they came while it was fitted"
    assert missing([workload()], {"w1": 1200}, fits, ()) == {}
    assert missing([dataclasses.replace(workload(), ignored=True)], {"w1": 1050}, fits, ()) == {}
    assert missing([workload()], {"w1": 1050}, {"w1": Learnt(START, 1000, 0, "free_text")}, ()) == {}


def test_a_run_of_somebody_else_is_not_taken_for_an_interrupted_one(tmp_path: Path) -> None:
    config, told = made(tmp_path), list[str]()
    state = learn.State(ended=START, run=learn.Run(began=START, until=START, why=["by hand"]))
    Control(tmp_path).mark(learn.BOOKMARK, msgspec.json.encode(state).decode())
    other = Leader(tmp_path, learn.LOCK)
    assert other.take()
    learner = Learner(config, Control(tmp_path), lambda what, text: told.append(text), command=NOTHING)
    learner.tick(START)
    assert learner.pid is None and told == []
    other.close()
    learner.tick(START + timedelta(seconds=6))
    assert told == ["the last run was interrupted"]
    learner.close()
