"""One run of learning after the other: what it finds, fits and says, and that whatever kills it costs nothing."""

from __future__ import annotations

import dataclasses
import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from modicum.cli import cli
from modicum.config import Config, FitConfig, StoreConfig
from modicum.config.carried import pack
from modicum.errors import StoreError
from modicum.intake import Options
from modicum.pipeline.bring_in import bring_in
from modicum.pipeline.find import find
from modicum.pipeline.night import Night
from modicum.pipeline.switching import switch
from modicum.pipeline.window import unpack
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.store.segments import SegmentWriter
from modicum.types import Call, Decision, Notice, Reason, Route, Workload, new_call_id
from modicum.watch.due import Learnt
from modicum.watch.learn import BOOKMARK, MOST_TRIES, Learning, State, as_before, independent, read
from modicum.watch.learner import COMMAND, Order
from modicum.workload.sample import INDEPENDENT
from tests.pipeline import traffic

TERMS = FitConfig(margin=0.05, max_selective=0.08)


class Killed(BaseException):
    """What ends a run in the middle."""


def brought_in(home: Path, count: int = 700, *, first: int = 0, rows: list[dict[str, Any]] | None = None) -> Config:
    config = Config(store=StoreConfig(home=home), fit=TERMS)
    rows = rows or [row for row, _ in traffic.sorted_messages(count, first=first, seed=first)]
    bring_in(config, [traffic.write(home.parent / f"{first}.jsonl", rows)], Options())
    return config


def asked_for(config: Config) -> Config:
    """As where somebody fitted its one workload once, when it had too few calls, and learning knows of that and of nothing else."""
    find(config)
    (workload,) = Control(config.home).workloads()
    state = State(known={}, workloads={workload.workload_id: Learnt(datetime.fromtimestamp(0, UTC), 0, 0, "too_few_calls", 200)})
    Control(config.home).mark(BOOKMARK, msgspec.json.encode(state).decode())
    return config


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Config:
    config = asked_for(brought_in(tmp_path_factory.mktemp("learnt") / "home"))
    assert Learning(config).run(["for the first time"])
    return config


@pytest.fixture
def copied(learnt: Config, tmp_path: Path) -> Config:
    shutil.copytree(learnt.home, tmp_path / "home")
    return dataclasses.replace(learnt, store=StoreConfig(home=tmp_path / "home"))


def test_a_first_run_finds_what_there_is_and_proposes_what_it_can_prove(learnt: Config) -> None:
    control = Control(learnt.home)
    (route,) = control.routes()
    assert (route.state, route.proposed_by) == ("proposed", "watch")
    first, second = control.notices()
    assert (first.kind, second.kind) == ("learnt", "learnt")
    assert "a new workload, with 700 calls" in first.text
    assert f"{route.route_id} is proposed, certified until" in second.text and second.route_id == route.route_id
    assert f"next: `modicum route auto {route.route_id}` lets it come on by itself, `modicum route promote {route.route_id}`" in second.text
    state, _ = read(control)
    assert state.run is None and state.ended is not None
    assert state.workloads[route.workload_id].code == "certified"


def test_what_nobody_ever_fitted_is_told_of_and_not_fitted(tmp_path: Path) -> None:
    config = Config(store=StoreConfig(home=tmp_path / "home"), fit=TERMS)
    said: list[str] = []
    bring_in(config, [traffic.write(tmp_path / "one.jsonl", traffic.poems(5))], Options())
    assert Learning(config, said.append).run(["for the first time"])
    brought_in(config.home)
    assert Learning(config, said.append).run(["calls came"])
    control = Control(config.home)
    sorts = max(control.workloads(), key=lambda one: one.calls)
    told = [one.text for one in control.notices() if one.workload_id == sorts.workload_id]
    assert len(told) == 1 and f"nobody fitted it yet: `modicum fit {sorts.name}`" in told[0]
    assert control.routes() == [] and all(control.attempts(one.workload_id) == [] for one in control.workloads())
    assert not any(one.startswith("fitting") for one in said)


def test_nothing_is_fitted_again_because_a_day_went_by(copied: Config) -> None:
    said: list[str] = []
    before = Control(copied.home).notices()
    assert Learning(copied, said.append, clock=lambda: datetime.now(UTC) + timedelta(days=1)).run(["a day went by"])
    assert Control(copied.home).notices() == before
    assert said == ["looking for workloads: a day went by"]


def test_a_certificate_that_ends_soon_gets_a_successor_on_newer_calls_and_the_old_terms(copied: Config) -> None:
    control = Control(copied.home)
    (old,) = control.routes()
    switch(copied, old.route_id, "on", actor="ann")
    bring_in(
        copied,
        [traffic.write(copied.home.parent / "more.jsonl", [row for row, _ in traffic.sorted_messages(900, first=900, seed=3)])],
        Options(),
    )
    other = dataclasses.replace(copied, fit=FitConfig(margin=0.3))
    ends = control.certificate(old.certificate_id).expires_at
    late = ends - timedelta(days=10)
    assert Learning(other, clock=lambda: late).run(["weekly"])
    new = next(one for one in control.routes() if one.route_id != old.route_id)
    assert new.state == "proposed" and control.route(old.route_id).state == "on", "the old one stays until the new one is on"
    assert control.certificate(new.certificate_id).margin == TERMS.margin, "the terms are whoever's asked for the first one"
    assert f"beside {old.route_id}, whose certificate ends on {ends:%Y-%m-%d}" in control.notices()[-1].text
    assert Learning(other, clock=lambda: late + timedelta(days=2)).run(["again"])
    assert len(control.routes()) == 2, "there is a successor"


class Failing(Learning):
    """One of whose early signs fails as no error of ours does."""

    def _precision(self, workload: Workload, route: Route) -> str:
        raise KeyError("what a customer wrote")


def test_a_record_that_cannot_be_read_costs_its_sign_and_no_later_fit(copied: Config) -> None:
    control = Control(copied.home)
    (old,) = control.routes()
    switch(copied, old.route_id, "on", actor="ann")
    with sqlite3.connect(copied.home / "control.db") as rows:
        rows.execute("update windows set record = ?", ("{}",))
    rows.close()
    attempt = control.attempts(old.workload_id)[-1]
    for record in (b"{}", b"\xff", b""):
        with pytest.raises(StoreError, match="cannot be read"):
            unpack(record)
    assert control.window(attempt.attempt_id) == b"{}"
    asking = dataclasses.replace(copied, watch=dataclasses.replace(copied.watch, sentinel_usd=1.0))
    said: list[str] = []
    assert Failing(asking, said.append).run(["labels came"], find=False)
    assert read(control)[0].run is None, "it ended"
    assert [one.split(": ", 1)[1] for one in said if "was not asked" in one] == [
        "its incumbent was not asked: what an attempt opened cannot be read: its record is damaged, or of another version"
    ]
    assert [one.split(": ", 1)[1] for one in said if "precision" in one] == ["its precision was not compared: KeyError"]
    rows_of = [row for row, _ in traffic.sorted_messages(900, first=900, seed=3)]
    bring_in(copied, [traffic.write(copied.home.parent / "more.jsonl", rows_of)], Options())
    late = control.certificate(old.certificate_id).expires_at - timedelta(days=10)
    assert Failing(asking, clock=lambda: late).run(["weekly"])
    assert len(control.routes()) == 2, "a successor was fitted"


def test_where_no_successor_can_be_proven_somebody_is_warned(copied: Config) -> None:
    control = Control(copied.home)
    (old,) = control.routes()
    switch(copied, old.route_id, "on", actor="ann")
    late = control.certificate(old.certificate_id).expires_at - timedelta(days=3)
    assert Learning(copied, clock=lambda: late).run(["weekly"])
    (told,) = [one for one in control.notices() if one.kind == "warning"]
    assert "there is no successor" in told.text and told.route_id == old.route_id
    assert Learning(copied, clock=lambda: late + timedelta(hours=2)).run(["weekly"])
    assert sum(one.kind == "warning" for one in control.notices()) == 1


def test_the_terms_of_the_last_fit_hold_on(learnt: Config) -> None:
    control = Control(learnt.home)
    (workload,) = control.workloads()
    wish = as_before(dataclasses.replace(learnt, fit=FitConfig(margin=0.2, confidence=0.8)), control, workload)
    assert (wish.fit.margin, wish.fit.max_selective, wish.fit.confidence) == (0.05, 0.08, 0.95)


def test_whenever_it_is_killed_the_next_run_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    """Killed at each thing that a run says or asks the time for; what it came to and what was told is the same, once."""
    config = Config(store=StoreConfig(home=tmp_path / "fresh"))
    bring_in(config, [traffic.write(tmp_path / "log.jsonl", traffic.poems(220))], Options())
    asked_for(config)

    def fresh(name: str) -> Config:
        shutil.copytree(config.home, tmp_path / name)
        return dataclasses.replace(config, store=StoreConfig(home=tmp_path / name))

    whole, steps = fresh("whole"), Counting(None)
    Learning(whole, steps.tell, clock=steps.clock).run(["whole"])
    assert steps.seen > 5
    for last in range(1, steps.seen + 1):
        killed, doomed = fresh(f"killed {last}"), Counting(last)
        with pytest.raises(Killed):
            Learning(killed, doomed.tell, clock=doomed.clock).run(["killed"])
        Learning(killed).run(["taken up"])
        assert _outcome(killed) == _outcome(whole), f"killed at {last} of {steps.seen}"


def test_a_fit_that_never_ends_is_left_for_the_next_run(tmp_path: Path) -> None:
    config = Config(store=StoreConfig(home=tmp_path / "home"))
    bring_in(config, [traffic.write(tmp_path / "log.jsonl", traffic.poems(220))], Options())
    asked_for(config)

    def tell(text: str) -> None:
        if text.startswith("fitting"):
            raise Killed

    for _ in range(MOST_TRIES):
        with pytest.raises(Killed):
            Learning(config, tell).run(["killed"])
    assert Learning(config, tell).run(["at last"])
    assert "its fit did not end 3 times" in Control(config.home).notices()[-1].text
    assert read(Control(config.home))[0].run is None


def test_a_fit_that_was_killed_is_the_same_one_though_calls_came_meanwhile(tmp_path: Path) -> None:
    config = asked_for(brought_in(tmp_path / "home"))
    order = Order(["killed"], True, len(pack(config)))
    process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(msgspec.json.encode(order) + b"\n" + pack(config))
    process.stdin.flush()
    for line in process.stdout:
        if b"fitting" in line:
            break
    time.sleep(0.2)
    process.send_signal(signal.SIGSTOP)  # so that it is not done before it is killed, however quick the machine
    beside = Learning(config).run(["beside it"])
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()
    assert not beside, "one learns"
    state, _ = read(Control(config.home))
    assert state.run is not None and len(state.run.todo) == 1
    bring_in(config, [traffic.write(tmp_path / "more.jsonl", [traffic.record(9_000, "late parcel", "late")])], Options())
    late = min(state.run.until + timedelta(days=1), datetime.now(UTC))
    assert Learning(config, clock=lambda: late).run(["taken up"])
    (workload,) = Control(config.home).workloads()
    assert len(Control(config.home).attempts(workload.workload_id)) == 1
    assert [one.kind for one in Control(config.home).notices()] == ["learnt", "learnt"]


def test_it_is_at_the_lowest_priority_and_ends_where_whoever_started_it_does(tmp_path: Path) -> None:
    config = brought_in(tmp_path / "home")
    process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(msgspec.json.encode(Order(["killed"], True, len(pack(config)))) + b"\n" + pack(config))
    process.stdin.flush()
    assert b"looking for workloads: killed" in process.stdout.readline()
    assert os.getpriority(os.PRIO_PROCESS, process.pid) == 19
    process.stdin.close()
    assert process.wait(5) == 4
    process.stdout.close()


def test_by_hand_it_says_what_it_found(copied: Config) -> None:
    ran = CliRunner().invoke(cli, ["watch", "--learn", "--home", str(copied.home)], catch_exceptions=False)
    assert ran.exit_code == 0 and ran.output.endswith("Nothing new, and nothing is due.\n")


def test_what_a_route_escalated_neither_trains_nor_certifies(copied: Config) -> None:
    (workload,) = Control(copied.home).workloads()
    reasons: tuple[Reason, ...] = (
        "shadow", "control", "canary", "unwatched", "not_recognised", "no_route", "expired", "observe",
        "answered", "degraded", "below_threshold", "protected_label", "not_covered", "failed", "bypass", "under_way",
    )  # fmt: skip
    writer, named = SegmentWriter(copied.home), dict[str, str]()
    for number, reason in enumerate(reasons):
        row = traffic.record(5_000 + number, f"{number} late parcel {reason}", "late")
        found = Call(
            call_id=new_call_id(),
            response_id=row["response"]["id"],
            started_at=datetime.now(UTC) - timedelta(minutes=number),
            origin="live",
            request_model="gpt-4o",
            request=msgspec.json.encode(row["request"]),
            response=msgspec.json.encode(row["response"]),
            decision=Decision(answered_by="gpt-4o", reason=reason, workload_id=workload.workload_id),
        )
        named[found.call_id] = reason
        writer.append(found)
    writer.close()
    samples = Night(copied, as_before(copied, Control(copied.home), workload))._situation(workload).samples
    assert len(samples) == 700 + 8
    assert {named[one.call_id] for one in samples if one.call_id in named} == set(reasons[:8]) == INDEPENDENT
    assert independent(Calls(copied.home))[workload.workload_id] == 700 + 8


class Counting:
    """A clock and a teller that count how often they are asked, and kill at the n-th time."""

    def __init__(self, last: int | None) -> None:
        self.seen, self._last = 0, last

    def tell(self, text: str) -> None:
        self._count()

    def clock(self) -> datetime:
        self._count()
        return datetime.now(UTC)

    def _count(self) -> None:
        self.seen += 1
        if self.seen == self._last:
            raise Killed


def _outcome(config: Config) -> object:
    control = Control(config.home)
    state, _ = read(control)
    (workload,) = control.workloads()
    return (
        state.run,
        [(one.kind, one.text) for one in control.notices()],
        len(control.attempts(workload.workload_id)),
        [one.state for one in control.routes()],
        state.workloads[workload.workload_id].code,
    )


class Mute(Learning):
    """Ends where it would write that something is proposed: the proposal itself is there by then."""

    def _write(self, notices: Sequence[Notice] = ()) -> None:
        if proposals(notices):
            raise Killed
        super()._write(notices)


def proposals(notices: Sequence[Notice]) -> int:
    return sum("is proposed" in one.text for one in notices)


def test_a_proposal_of_a_run_that_was_killed_before_it_could_say_so_is_told(tmp_path: Path) -> None:
    config = asked_for(brought_in(tmp_path / "home"))
    mute = Mute(config)
    with pytest.raises(Killed):
        mute.run(["killed"])
    assert Control(config.home).routes() and not proposals(Control(config.home).notices())
    for why in ("taken up", "once more"):
        assert Learning(config).run([why])
    assert proposals(Control(config.home).notices()) == 1
