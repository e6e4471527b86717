"""A route changes in one place: step by step, all of a change at once, and the day is told what the record says."""

from __future__ import annotations

import dataclasses
import multiprocessing
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modicum.cli.serve import tell_what_is_behind
from modicum.config import Config, PolicyConfig, StoreConfig, WatchConfig
from modicum.errors import RouteError
from modicum.pipeline import promoting, switching
from modicum.store import beat, snapshot
from modicum.store.control import Control
from modicum.store.watches import Look
from modicum.types import Before, Contract, RouteState, Watch
from tests.report.records import certificate, route, workload

SOON = datetime.now(UTC) + timedelta(days=60)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return at(tmp_path)


def at(home: Path, **changes: object) -> Config:
    """A home with a workload and two certified proposals, r-1 and r-2."""
    made = Config(store=StoreConfig(home=home), **changes)  # type: ignore[arg-type]
    control = Control(home)
    if not control.routes():
        control.replace_workloads([workload()])
        for number in (1, 2):
            control.add_certificate(certificate(certificate_id=f"c-{number}", attempt_number=number, expires_at=SOON), b"")
            proposed = route(route_id=f"r-{number}", certificate_id=f"c-{number}", proposed_by="fitter", changed_at=datetime.now(UTC))
            control.put_route(proposed, note="proposed by fit")
    return made


def seen(config: Config, ref: str, **fields: object) -> None:
    """What the watcher wrote of a route in its present step; and it lives."""
    control = Control(config.home)
    its = control.route(ref)
    watch = Watch(route_id=ref, at=datetime.now(UTC), since=its.changed_at, **fields)  # type: ignore[arg-type]
    assert control.put_look("a test", Look(watches=(watch,)))
    beat.write(config.home)


def states(config: Config) -> dict[str, RouteState]:
    return {one.route_id: one.state for one in Control(config.home).routes()}


def told(config: Config) -> dict[str, RouteState]:
    there = snapshot.read(config.home)
    return {} if there is None else {one.route.route_id: one.route.state for one in there.routes}


def steps_of(config: Config, ref: str) -> list[str]:
    return [one.what for one in promoting.history(Control(config.home), ref)]


def test_a_person_skips_no_step(config: Config) -> None:
    on = switching.switch(config, "r-1", "on", actor="ada", note="go")
    assert (on.state, on.changed_by, on.before) == ("on", "ada", Before(state="shadow", share=0.1))
    assert steps_of(config, "r-1") == ["proposed", "shadow", "canary", "on"]
    last = promoting.history(Control(config.home), "r-1")[-1]
    assert (last.was, last.actor, last.why) == ("canary", "ada", "go; by hand, conditions not waited for")
    assert told(config) == {"r-1": "on"}


def test_what_it_replaces_is_retired_with_it(config: Config) -> None:
    switching.switch(config, "r-1", "on", actor="ada")
    switching.switch(config, "r-2", "shadow", actor="bob")
    assert states(config) == {"r-1": "retired", "r-2": "shadow"}
    assert told(config) == {"r-2": "shadow"}
    with pytest.raises(RouteError, match="r-1 is retired, and shadow does not follow"):
        switching.switch(config, "r-1", "shadow", actor="ada")
    assert states(config) == {"r-1": "retired", "r-2": "shadow"}


def test_the_same_again_changes_nothing(config: Config) -> None:
    switching.switch(config, "r-1", "on", actor="ada")
    before, lines = snapshot.path(config.home).stat(), len(Control(config.home).audit())
    switching.switch(config, "r-1", "on", actor="bob")
    after = snapshot.path(config.home).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert len(Control(config.home).audit()) == lines


def test_paused_comes_back_through_shadow(config: Config) -> None:
    switching.switch(config, "r-1", "on", actor="ada")
    paused = switching.switch(config, "r-1", "paused", actor="ada", note="sale week")
    assert paused.before is None and told(config) == {}
    switching.switch(config, "r-1", "on", actor="ada")
    assert steps_of(config, "r-1")[-4:] == ["paused", "shadow", "canary", "on"]


def test_rolled_back_is_for_good(config: Config) -> None:
    switching.switch(config, "r-1", "on", actor="ada")
    switching.switch(config, "r-1", "rolled_back", actor="ada", note="wrong refunds")
    assert told(config) == {}
    for state in ("shadow", "on", "paused"):
        with pytest.raises(RouteError, match="r-1 is rolled back") as refused:
            switching.switch(config, "r-1", state, actor="ada")
        assert "newer calls" in refused.value.hint


def test_a_proposal_is_put_away_not_paused(config: Config) -> None:
    with pytest.raises(RouteError, match="nobody gets its answers"):
        switching.switch(config, "r-1", "paused", actor="ada")
    assert switching.switch(config, "r-1", "retired", actor="ada").state == "retired"


def test_one_step_of_a_program(config: Config) -> None:
    control = Control(config.home)
    shadow = switching.move(config, control.route("r-1"), "shadow", actor="modicum watch", why="proposed with a certificate")
    with pytest.raises(RouteError, match="on does not follow"):
        switching.move(config, shadow, "on", actor="modicum watch", why="")
    with pytest.raises(RouteError, match="r-1 of the same workload is shadow"):
        switching.move(config, control.route("r-2"), "shadow", actor="modicum watch", why="")
    canary = switching.move(config, shadow, "canary", actor="modicum watch", why="200 audits")
    assert (canary.share, canary.before) == (0.1, Before(state="shadow", share=0.1))
    with pytest.raises(RouteError, match="changed by somebody else"):
        switching.move(config, shadow, "canary", actor="modicum watch", why="again, from an old look")
    assert steps_of(config, "r-1") == ["proposed", "shadow", "canary"]


def test_an_older_compile_is_never_written_over_a_newer(config: Config) -> None:
    with multiprocessing.get_context("fork").Pool(4) as pool:
        for round_ in range(4):
            to: RouteState = "shadow" if round_ % 2 == 0 else "paused"
            Control(config.home)
            results = [pool.apply_async(switching.publish, (config,)) for _ in range(6)]
            switching.switch(config, "r-1", to, actor="ada")
            for result in results:
                result.get(30)
            assert told(config) == ({"r-1": "shadow"} if to == "shadow" else {})


KILLED = """
import os, signal, sys
from pathlib import Path
from modicum.pipeline import switching
from modicum.store import snapshot
from tests.pipeline.test_switching import at

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[2] == "publish":
    switching.publish = die
else:
    from modicum.store import audit
    real, left = audit.append, [int(sys.argv[2])]
    def append(*words):
        real(*words)
        left[0] -= 1
        if left[0] == 0:
            die()
    audit.append = append
switching.switch(at(Path(sys.argv[1])), "r-2", "on", actor="ada")
"""


@pytest.mark.parametrize("when", ["1", "3", "publish"])
def test_killed_in_the_middle_leaves_what_was_or_what_is(config: Config, when: str) -> None:
    switching.switch(config, "r-1", "shadow", actor="ada")
    ended = subprocess.run([sys.executable, "-c", KILLED, str(config.home), when], cwd=Path(__file__).parents[2], check=False)
    assert ended.returncode == -signal.SIGKILL
    if when == "publish":
        assert states(config) == {"r-1": "retired", "r-2": "on"}
        assert told(config) == {"r-1": "shadow"}, "nobody told the day"
        tell_what_is_behind(config.home)
        assert told(config) == {"r-2": "on"}, "`serve` does, before it listens"
    else:
        assert states(config) == {"r-1": "shadow", "r-2": "proposed"} and told(config) == {"r-1": "shadow"}


def test_a_damaged_snapshot_is_written_anew(config: Config) -> None:
    switching.switch(config, "r-1", "shadow", actor="ada")
    snapshot.path(config.home).write_bytes(b"{")
    switching.publish(config)
    assert told(config) == {"r-1": "shadow"}


# ------------------------------------------------------------------------------------------------------------- promoting


def test_a_step_waits_for_what_was_seen(config: Config) -> None:
    first, _, went = promoting.promote(config, "r-1", actor="ada")
    assert went and first.state == "shadow"
    stays, found, went = promoting.promote(config, "r-1", actor="ada")
    assert not went and stays.state == "shadow"
    assert found.lacking == ("0 of 200 audits", "0 of 1 hour", "nobody watched it for a while")
    assert states(config)["r-1"] == "shadow"


def test_a_step_is_taken_when_its_conditions_hold(tmp_path: Path) -> None:
    config = at(tmp_path, watch=WatchConfig(shadow_hours=0.0, canary_hours=0.0, canary_share=0.3))
    promoting.promote(config, "r-1", actor="ada")
    seen(config, "r-1", audits=200, calls=900, failed=9, lost=1.0, level=0.015)
    canary, _, went = promoting.promote(config, "r-1", actor="ada")
    assert went and (canary.state, canary.share) == ("canary", 0.3)
    assert told(config) == {"r-1": "canary"}
    _, found, went = promoting.promote(config, "r-1", actor="ada")
    assert not went and found.lacking == ("0 of 200 audits",), "what was seen in shadow does not count in canary"
    seen(config, "r-1", audits=250, calls=900, failed=10)
    assert promoting.promote(config, "r-1", actor="ada")[1].lacking == ("it failed at 10 of 900 requests",)
    seen(config, "r-1", audits=250, calls=900)
    assert promoting.promote(config, "r-1", actor="ada")[0].state == "on"
    assert promoting.promote(config, "r-1", actor="ada")[2], "on is where the way ends"


def test_force_says_why_and_goes_not_past_what_is_firm(tmp_path: Path) -> None:
    config = at(tmp_path)
    switching.switch(config, "r-1", "shadow", actor="ada")
    with pytest.raises(RouteError, match="wants a reason"):
        promoting.promote(config, "r-1", actor="ada", force=True)
    canary, _, went = promoting.promote(config, "r-1", actor="ada", force=True, note="tested elsewhere")
    assert went and canary.state == "canary"
    assert promoting.history(Control(tmp_path), "r-1")[-1].why.startswith("tested elsewhere; forced, for 0 of 200 audits")
    seen(config, "r-1", audits=500, broken="disagreement 9 % against 1.5 %")
    with pytest.raises(RouteError, match="must not go on: disagreement 9 %"):
        promoting.promote(config, "r-1", actor="ada", force=True, note="please")
    with pytest.raises(RouteError, match="does not keep its promise"):
        switching.switch(config, "r-1", "on", actor="ada")
    control = Control(tmp_path)
    control.add_certificate(certificate(certificate_id="c-old", expires_at=datetime.now(UTC) - timedelta(days=1)), b"")
    old = dataclasses.replace(control.route("r-2"), certificate_id="c-old")
    control.put_route(old)
    for _ in range(2):
        with pytest.raises(RouteError, match="expired"):
            promoting.promote(config, "r-2", actor="ada", force=True, note="please")


def test_policy_wants_another_pair_of_eyes(tmp_path: Path) -> None:
    config = at(tmp_path, policy=PolicyConfig(approver=True), watch=WatchConfig(shadow_hours=0, shadow_audits=0))
    switching.switch(config, "r-1", "shadow", actor="fitter")
    for actor in ("fitter", "ada"):
        with pytest.raises(RouteError, match="somebody other than fitter"):
            switching.switch(config, "r-1", "on", actor=actor)
    with pytest.raises(RouteError, match="fitter proposed r-1"):
        promoting.approve(config, "r-1", actor="fitter")
    beat.write(tmp_path)
    assert promoting.promote(config, "r-1", actor="ada")[1].lacking == ("somebody other than its proposer has to approve it",)
    with pytest.raises(RouteError, match="has to approve"):
        promoting.promote(config, "r-1", actor="ada", force=True, note="hurry")
    was = Control(tmp_path).route("r-1")
    approved = promoting.approve(config, "r-1", actor="ada", note="looked at 50 of them")
    assert (approved.approved_by, approved.changed_at, approved.changed_by) == ("ada", was.changed_at, was.changed_by)
    assert switching.switch(config, "r-1", "on", actor="fitter").state == "on"
    assert [(one.what, one.actor) for one in promoting.history(Control(tmp_path), "r-1")][2:4] == [
        ("approved", "ada"),
        ("canary", "fitter"),
    ]
    assert promoting.approve(config, "r-1", actor="ada", undo=True).approved_by is None


def test_a_route_is_left_to_the_watcher(config: Config) -> None:
    assert promoting.leave_to_watcher(config, "r-1", actor="ada").automatic
    assert not promoting.leave_to_watcher(config, "r-1", actor="ada", off=True).automatic
    assert steps_of(config, "r-1") == ["proposed", "automatic", "by_hand"]


def test_what_stands_between_a_route_and_its_next_step(tmp_path: Path) -> None:
    config = at(tmp_path, watch=WatchConfig(max_p95_ms=20.0))
    switching.switch(config, "r-1", "shadow", actor="ada")
    seen(config, "r-1", audits=50, calls=400, failed=8, p95_ms=40.0, lost=1.0, level=0.015, tests={"kept": 1})
    control = Control(tmp_path)
    its = control.route("r-1")
    found = promoting.outlook(config, control, its, control.certificate("c-1"), now=its.changed_at + timedelta(minutes=30))
    assert [(one.what, one.seen, one.wanted, round(one.share, 2)) for one in found.conditions] == [
        ("audits", "50", "200", 0.25),
        ("hours in this step", "0.5", "1", 0.5),
        ("requests at which it failed", "2.00%", "at most 1.00%", 0.5),
        ("p95 of its answers", "40.0 ms", "at most 20 ms", 0.5),
        ("lost of what is drawn", "2.00%", "its promise of 1.50% holds", 1.0),
    ]
    assert found.watch is not None and found.watch.tests == {}
    assert found.watched_at is not None and found.next == "canary" and found.firm == ()


def test_history_names_the_attempt(config: Config) -> None:
    switching.switch(config, "r-1", "on", actor="ada")
    switching.switch(config, "r-1", "rolled_back", actor="modicum watch", note="disagreement 9 %")
    switching.switch(config, "r-2", "shadow", actor="ada")
    lines = [(one.route_id, one.attempt, one.what) for one in promoting.history(Control(config.home), workload().name)]
    assert lines[-2:] == [("r-1", 1, "rolled_back"), ("r-2", 2, "shadow")]
    assert {route_id for route_id, _, _ in lines} == {"r-1", "r-2"}


def found_since(config: Config) -> Contract:
    """The workload is found anew, with other answers."""
    contract = Contract(kind="label", labels=("Up", "Down"), form="Answer: {}", read_share=1.0)
    Control(config.home).replace_workloads([workload(contract=contract)])
    return contract


def served_by(config: Config) -> dict[str, Contract | None]:
    there = snapshot.read(config.home)
    assert there is not None
    return {one.route.route_id: one.contract for one in (*there.routes, *there.challengers)}


def test_what_is_found_later_does_not_change_what_a_live_route_reads_and_writes(config: Config) -> None:
    control, newer = Control(config.home), Contract(kind="label", labels=("UP", "DOWN"), form="It goes {}", read_share=1.0)
    control.add_certificate(certificate(certificate_id="c-3", attempt_number=3, expires_at=SOON, contract=newer), b"")
    control.put_route(route(route_id="r-3", certificate_id="c-3", proposed_by="fitter", changed_at=datetime.now(UTC)), note="proposed")
    switching.switch(config, "r-3", "on", actor="ada")
    found_since(config)
    compiled = switching.publish(config)
    assert served_by(config)["r-3"] == newer != compiled.workloads[0].contract


def test_certificates_that_do_not_say_keep_the_contract_that_their_route_had(config: Config) -> None:
    switching.switch(config, "r-1", "on", actor="ada")
    there = snapshot.read(config.home)
    assert there is not None
    before = workload().contract
    routes = tuple(dataclasses.replace(one, contract=None) for one in there.routes)
    snapshot.write(config.home, dataclasses.replace(there, routes=routes, challengers=()))  # as an older version wrote it
    found = found_since(config)
    switching.publish(config)
    assert served_by(config) == {"r-1": before, "r-2": found}
    switching.publish(config)
    assert served_by(config)["r-1"] == before
