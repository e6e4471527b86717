"""One look after the other over a home: what the records of calls make of its route."""

from __future__ import annotations

import dataclasses
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from modicum.config import Config
from modicum.errors import RouteError
from modicum.pipeline.switching import switch
from modicum.store import snapshot
from modicum.store.control import Control
from modicum.store.segments import SegmentWriter
from modicum.types import RouteState
from modicum.watch.round import Rounds
from modicum.watch.unit import Seen
from tests.watch.watched_home import QUICK, START, call, certificate, made, route, workload


def calls(config: Config, number: int, *, rate: float, since: datetime = START, seed: int = 1, reason: str = "shadow") -> datetime:
    """So many calls, one a second, a share of which differ; when the last one was."""
    drawn = random.Random(seed)
    writer = SegmentWriter(config.home)
    at = since
    for one in range(number):
        at = since + timedelta(seconds=one + 1)
        writer.append(call(at, f"request {seed}-{one}", agreed=drawn.random() >= rate, reason=reason))  # type: ignore[arg-type]
    writer.close()
    return at


def test_a_route_that_keeps_its_promise_stays_where_it_is_and_says_what_is_lacking(tmp_path: Path) -> None:
    config = made(tmp_path)
    rounds = Rounds(config)
    at = calls(config, 300, rate=0.01)
    found = rounds.look(at + timedelta(seconds=31))
    assert (found.live, found.seen, found.whole) == (1, 300, True)
    (watch,) = Control(tmp_path).watches()
    assert (watch.audits, watch.answered) == (300, 300)
    assert not watch.broken
    assert watch.lacking == ("0 of 1 hour",)
    assert Control(tmp_path).route("r1").state == "shadow"


def test_a_broken_promise_sends_the_route_back_and_tells_the_day(tmp_path: Path) -> None:
    config = made(tmp_path, "on")
    rounds = Rounds(config)
    at = calls(config, 200, rate=0.3, reason="control")
    found = rounds.look(at + timedelta(seconds=31))
    control = Control(tmp_path)
    assert control.route("r1").state == "rolled_back"
    assert control.route("r1").changed_by == "watch"
    told = snapshot.read(tmp_path)
    assert told is not None
    assert told.routes == ()
    assert [one.kind for one in found.notices] == ["alarm", "moved"]
    assert [one.number for one in control.notices()] == [1, 2]
    assert control.audit()[-1].action == "route.rolled_back"
    assert "any time" in control.audit()[-1].detail
    assert rounds.look(at + timedelta(seconds=40)).live == 0
    (watch,) = control.watches()
    assert watch.broken
    assert watch.tests["seen"] == msgspec.to_builtins(Seen())


def test_an_automatic_route_comes_on_step_by_step(tmp_path: Path) -> None:
    config = made(tmp_path, "proposed", automatic=True)
    rounds = Rounds(config)
    rounds.look(START)
    control = Control(tmp_path)
    assert control.route("r1").state == "shadow"
    at = calls(config, 100, rate=0.0)
    assert control.route("r1").state == "shadow"
    rounds.look(at + timedelta(seconds=31))
    assert control.route("r1").state == "shadow", "an hour is wanted"
    rounds.look(START + timedelta(hours=1, seconds=1), watched=False)
    assert control.route("r1").state == "shadow", "nobody watched"
    rounds.look(START + timedelta(hours=1, seconds=2))
    assert control.route("r1").state == "canary"
    at = calls(config, 100, rate=0.0, since=START + timedelta(hours=1, seconds=3), seed=2, reason="canary")
    rounds.look(at + timedelta(seconds=31))
    rounds.look(START + timedelta(hours=3, seconds=3))
    assert control.route("r1").state == "on"
    assert [line.detail for line in control.audit() if line.action.startswith("route.")] == [
        "new -> proposed",
        "proposed -> shadow: proposed with a certificate",
        "shadow -> canary: 100 audits, the promise holds",
        "canary -> on: 100 audits, the promise holds",
    ]


def test_nothing_is_counted_twice_by_a_watcher_that_is_killed_before_it_wrote(tmp_path: Path) -> None:
    config = made(tmp_path)
    at = calls(config, 100, rate=0.0)
    for seconds in (-40, -20, 0, 31):
        Rounds(config).look(at + timedelta(seconds=seconds))
    (watch,) = Control(tmp_path).watches()
    assert (watch.audits, watch.calls) == (100, 100)


def test_repeats_of_one_request_count_once_a_day(tmp_path: Path) -> None:
    config = made(tmp_path, "on", watch=QUICK)
    writer = SegmentWriter(tmp_path)
    for second in range(300):
        writer.append(call(START + timedelta(seconds=second), "the same", agreed=False, reason="control"))
    writer.close()
    Rounds(config).look(START + timedelta(hours=1))
    (watch,) = Control(tmp_path).watches()
    assert (watch.audits, watch.lost, watch.calls) == (1, 1, 300)
    assert Control(tmp_path).route("r1").state == "on"


@pytest.mark.parametrize("ended", ["rolled_back", "retired"])
def test_after_a_rollback_only_what_newer_calls_certify_comes_on(tmp_path: Path, ended: RouteState) -> None:
    """A certificate made since on calls of before, by a fit that was under way, is none; nor does it help to put away what broke."""
    config = made(tmp_path, "proposed", automatic=True)
    control = Control(tmp_path)
    control.put_route(dataclasses.replace(control.route("r1"), route_id="r0", state="rolled_back"))
    control.put_route(dataclasses.replace(control.route("r0"), state=ended))
    newer = dataclasses.replace(control.certificate("c1"), certificate_id="c2", created_at=datetime.now(UTC) + timedelta(minutes=1))
    control.add_certificate(newer, b"")
    control.put_route(dataclasses.replace(control.route("r1"), route_id="r2", certificate_id="c2"))
    Rounds(config).look(START + timedelta(hours=2))
    assert {control.route("r1").state, control.route("r2").state} == {"proposed"}
    with pytest.raises(RouteError, match="rolled back"):
        switch(config, "r2", "on", actor="ann")
    control.add_certificate(dataclasses.replace(newer, certificate_id="c3", window_from=newer.created_at), b"")
    control.put_route(dataclasses.replace(control.route("r1"), route_id="r3", certificate_id="c3"))
    control.put_route(dataclasses.replace(control.route("r2"), state="retired"))
    Rounds(config).look(START + timedelta(hours=2))
    assert {control.route("r1").state, control.route("r3").state} == {"proposed", "shadow"}


def test_answers_that_are_not_what_they_were_when_it_was_certified_are_an_early_sign(tmp_path: Path) -> None:
    config, control = made(tmp_path, "proposed"), Control(tmp_path)
    was = workload().contract
    control.add_certificate(certificate(certificate_id="c2", contract=was), b"")
    control.put_route(route("on", route_id="r2", certificate_id="c2", artefact_digest=control.route("r1").artefact_digest))
    rounds, at = Rounds(config), calls(config, 20, rate=0.0, reason="control")
    assert not rounds.look(at).notices
    found = dataclasses.replace(was, labels=("down", "flat", "up"), form="Answer: {}", read_share=0.9)
    control.replace_workloads([dataclasses.replace(workload(), contract=found)])
    (notice,) = rounds.look(at + timedelta(minutes=2)).notices
    assert notice.kind == "warning" and "(the labels, how they are written)" in notice.text and notice.text.endswith("until another is")
    (sign,) = next(one for one in control.watches() if one.route_id == "r2").warnings
    assert sign in notice.text
    control.replace_workloads([dataclasses.replace(workload(), contract=dataclasses.replace(was, read_share=0.9))])
    assert not rounds.look(at + timedelta(minutes=4)).notices
    assert not next(one for one in control.watches() if one.route_id == "r2").warnings
