"""A proposed route beside the live one: what is shown by pairs, and when one takes the other's place."""

from __future__ import annotations

import dataclasses
import random
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from modicum.cli import cli
from modicum.config import Config
from modicum.pipeline.promoting import outlook
from modicum.pipeline.switching import switch
from modicum.store import snapshot
from modicum.store.control import Control
from modicum.store.segments import SegmentWriter
from modicum.types import Route, but
from modicum.watch.champion import SHOWN, SUSPECTED, see
from modicum.watch.draws import Toss
from modicum.watch.round import Rounds
from tests.watch.watched_home import QUICK, START, call, certificate, made, route


def tosses(number: int, *, live: float, new: float, live_answers: float = 1.0, new_answers: float = 1.0, seed: int = 1) -> list[Toss]:
    """Control calls on which each side errs, or answers, by its own chance."""
    drawn, found = random.Random(seed), []
    for one in range(number):
        found.append(
            Toss(
                started_us=1_000_000 * one,
                call_id=f"c{one}",
                route_id="r1",
                workload_id="w1",
                reason="control",
                keys=(f"text {one}",),
                outcome="deferred" if drawn.random() >= live_answers else "differs" if drawn.random() < live else "agreed",
                challenger_id="r2",
                challenger="deferred" if drawn.random() >= new_answers else "differs" if drawn.random() < new else "agreed",
            )
        )
    return found


NEW = route("proposed", route_id="r2")


def test_both_directions_are_shown_and_neither_where_there_is_nothing() -> None:
    alike, worse, better = (
        see(None, NEW, route("on"), tosses(1500, live=live, new=new), START).against
        for live, new in ((0.05, 0.05), (0.02, 0.15), (0.15, 0.02))
    )
    assert alike is not None and worse is not None and better is not None
    assert alike.worse_p > SHOWN and alike.better_p > SHOWN and alike.more_p > SHOWN
    assert worse.worse_p < 0.001 and worse.better_p > SHOWN
    assert better.better_p < 0.001 and better.worse_p > SHOWN
    assert better.live_lost > better.lost and better.calls == 1500


def test_an_equal_challenger_is_called_worse_no_more_often_than_promised() -> None:
    rung = 0
    for seed in range(400):
        found = see(None, NEW, route("on"), tosses(300, live=0.05, new=0.05, seed=seed), START).against
        assert found is not None
        rung += found.worse_p <= SHOWN
    assert rung <= 0.05 * 400


def test_repeats_count_once_and_a_restart_goes_on(tmp_path: Path) -> None:
    some = tosses(300, live=0.1, new=0.0)
    whole = see(None, NEW, route("on"), [*some[:150], *some[:150], *some[150:]], START)
    half = see(see(None, NEW, route("on"), some[:150], START), NEW, route("on"), some[150:], START)
    assert whole.against == half.against and whole.audits == 300
    assert see(whole, NEW, route("on", route_id="r3"), [], START).audits == 0, "against another one all begins anew"


def home(path: Path, *, automatic: bool = True, ends: timedelta = timedelta(days=90)) -> Config:
    config = made(path, "on")
    control = Control(path)
    live = control.route("r1")
    old = dataclasses.replace(control.certificate("c1"), expires_at=START + ends)
    control.add_certificate(certificate(certificate_id="c0"), b"")
    control.put_route(dataclasses.replace(live, certificate_id="c0") if ends > timedelta(days=30) else live)
    if ends <= timedelta(days=30):
        control.add_certificate(dataclasses.replace(old, certificate_id="c9"), b"")
        control.put_route(dataclasses.replace(live, certificate_id="c9"))
    later = certificate(certificate_id="c2", digest=live.artefact_digest, created_at=START + timedelta(seconds=1))
    control.add_certificate(later, b"")
    control.put_route(dataclasses.replace(live, route_id="r2", certificate_id="c2", state="proposed", automatic=automatic))
    return config


def recorded(config: Config, number: int, *, live_answers: float = 0.5, new_answers: float = 0.8, new_wrong: float = 0.0) -> datetime:
    drawn, writer, at = random.Random(3), SegmentWriter(config.home), START
    for one in range(number):
        at = START + timedelta(minutes=one + 1)
        found = call(at, f"request {one}", reason="control", would_answer=drawn.random() < live_answers)
        assert found.decision is not None
        would = drawn.random() < new_answers
        agreed = drawn.random() >= new_wrong
        decision = but(
            found.decision, challenger_route_id="r2", challenger_value="up", challenger_would_answer=would, challenger_agreed=agreed
        )
        writer.append(dataclasses.replace(found, decision=decision))
    writer.close()
    return at


def state(config: Config) -> dict[str, str]:
    return {one.route_id: one.state for one in Control(config.home).routes()}


def test_what_answers_more_and_loses_no_more_takes_the_place_step_by_step(tmp_path: Path) -> None:
    config = home(tmp_path)
    rounds = Rounds(config)
    rounds.look(START)
    rounds.look(START)
    told = snapshot.read(tmp_path)
    assert told is not None and [one.route.route_id for one in told.challengers] == ["r2"]
    at = recorded(config, 200)
    rounds.look(at + timedelta(seconds=31))
    assert state(config) == {"r1": "retired", "r2": "canary"}
    lines = [(line.subject, line.detail) for line in Control(tmp_path).audit()][-3:]
    assert lines[0] == ("r1", "on -> retired: replaced by r2")
    assert lines[1][1].startswith("proposed -> shadow: compared beside r1 on 200 control calls")
    assert "shadow -> canary" in lines[2][1] and "it answers" in lines[2][1]
    told = snapshot.read(tmp_path)
    assert told is not None and [one.route.route_id for one in told.routes] == ["r2"] and told.challengers == ()
    assert [(one.was, one.now) for one in Control(tmp_path).notices() if one.kind == "moved"][-1] == ("shadow", "canary")
    assert not [one for one in Control(tmp_path).notices() if one.kind == "alarm"], "nothing is wrong with what was replaced"


@pytest.mark.parametrize(
    ("changes", "figures", "missing"),
    [
        ({"automatic": False}, {}, ()),
        ({}, {"new_answers": 0.5}, ("it is not shown to answer more than r1",)),
        ({}, {"new_wrong": 0.5}, ("it is shown to lose more than r1",)),
        ({"ends": timedelta(days=12)}, {"new_answers": 0.4}, None),
    ],
)  # fmt: skip
def test_what_must_hold_before_it_does(
    tmp_path: Path, changes: dict[str, object], figures: dict[str, float], missing: tuple[str, ...] | None
) -> None:
    config = home(tmp_path, **changes)  # type: ignore[arg-type]
    rounds = Rounds(config)
    rounds.look(START)
    at = recorded(config, 200, **figures)
    rounds.look(at + timedelta(seconds=31))
    if missing is None:
        assert state(config) == {"r1": "retired", "r2": "canary"}, "the other's certificate is about to end"
        return
    assert state(config) == {"r1": "on", "r2": "proposed"}
    watch = next(one for one in Control(tmp_path).watches() if one.route_id == "r2")
    assert watch.against is not None and watch.against.calls == 200
    assert len(watch.lacking) == len(missing)
    assert all(found.startswith(wanted) for found, wanted in zip(watch.lacking, missing, strict=True))


def test_a_handful_of_calls_is_not_enough(tmp_path: Path) -> None:
    config = home(tmp_path)
    rounds = Rounds(config)
    rounds.look(START)
    at = recorded(config, QUICK.shadow_audits - 1, live_answers=0.0, new_answers=1.0)
    rounds.look(at + timedelta(seconds=31))
    watch = next(one for one in Control(tmp_path).watches() if one.route_id == "r2")
    assert watch.lacking[0] == f"{QUICK.shadow_audits - 1} of {QUICK.shadow_audits} control calls beside r1"
    assert state(config)["r2"] == "proposed"


def test_a_champion_under_suspicion_is_not_replaced(tmp_path: Path) -> None:
    """A successor's tests begin at nothing: what is about to ring must not be lost by a change of route."""
    config, control = home(tmp_path), Control(tmp_path)
    rounds = Rounds(config)
    rounds.look(START)
    writer, at = SegmentWriter(tmp_path), START
    for one in range(240):
        at = START + timedelta(minutes=one + 1)
        lost = one >= 150 and one % 8 == 0
        found = call(at, f"request {one}", reason="control", agreed=not lost)
        assert found.decision is not None
        decision = but(
            found.decision,
            would_answer=one % 2 == 0,
            challenger_route_id="r2",
            challenger_value="up",
            challenger_would_answer=True,
            challenger_agreed=not lost,
        )
        writer.append(dataclasses.replace(found, decision=decision))
    writer.close()
    rounds.look(at + timedelta(seconds=31))
    watches = {one.route_id: one for one in control.watches()}
    assert SUSPECTED <= watches["r1"].suspicion < 1 and not watches["r1"].broken
    assert watches["r2"].against is not None and watches["r2"].against.more_p <= SHOWN < watches["r2"].against.worse_p
    assert watches["r2"].lacking == (f"r1 is under suspicion ({watches['r1'].suspicion:.2f}): its own tests come first",)
    assert state(config) == {"r1": "on", "r2": "proposed"}


def test_it_is_shown_as_long_as_the_other_one_answers(tmp_path: Path) -> None:
    config = home(tmp_path, automatic=False)
    rounds, control = Rounds(config), Control(tmp_path)
    rounds.look(START)
    rounds.look(recorded(config, 100) + timedelta(seconds=31))
    shown = CliRunner().invoke(cli, ["route", "show", "r2", "--home", str(tmp_path)], catch_exceptions=False).output
    assert "r1, on 100 control calls: it answers" in " ".join(shown.split()) and "missing to take its place" in shown
    switch(config, "r1", "paused", actor="ann")
    assert outlook(config, control, control.route("r2"), control.certificate("c2")).watch is None


def test_the_route_that_comes_on_has_a_watch_of_its_own(tmp_path: Path) -> None:
    config = home(tmp_path)
    rounds = Rounds(config)
    rounds.look(START)
    at = recorded(config, 200)
    rounds.look(at + timedelta(seconds=31))
    rounds.look(at + timedelta(seconds=32))
    watch = next(one for one in Control(tmp_path).watches() if one.route_id == "r2")
    assert watch.against is None and watch.audits == 0
    found: Route = Control(tmp_path).route("r2")
    assert watch.since == found.changed_at and found.before is not None
