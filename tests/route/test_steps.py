"""The steps of a route: none is skipped forward, every one can be taken back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from modicum.config import WatchConfig
from modicum.errors import RouteError
from modicum.route.steps import (
    AFTER,
    ANSWERING,
    FORWARD,
    LIVE,
    Conditions,
    Rights,
    Seen,
    back,
    conditions,
    forward,
    lacking,
    may_follow,
    moved,
    passed,
    shared,
    way,
)
from modicum.types import Before, Route
from modicum.types import RouteState as Step

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
GOOD = Seen(now=NOW, since=NOW - timedelta(hours=5), expires_at=NOW + timedelta(days=30), audits=500, asked=500, proposed_by="fit")
AUTOMATIC = Rights(automatic=True)
ROUTE = Route(
    route_id="r",
    workload_id="w",
    scope="default",
    artefact_digest="sha256:ab",
    certificate_id="c",
    state="proposed",
    changed_at=NOW,
    changed_by="fit",
)


@pytest.mark.parametrize(("state", "wanted"), FORWARD.items())
def test_a_step_at_a_time(state: Step, wanted: Step) -> None:
    move = forward(state, GOOD, Conditions(), AUTOMATIC)
    assert move is not None and move.to == wanted
    assert forward(state, GOOD, Conditions(), Rights()) is None, "until somebody turns it on"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"audits": 199}, "199 of 200 audits"),
        ({"since": NOW - timedelta(minutes=30)}, "0.5 of 1 hour"),
        ({"failed": 6}, "it failed at 6 of 500 requests"),
        ({"p95_ms": 31.0}, "its p95 is 31.0 ms, at most 30 are wanted"),
        ({"holds": False}, "a test is not settled"),
        ({"damaged": "its artefact is damaged"}, "its artefact is damaged"),
        ({"expires_at": NOW}, "its certificate expired on 2026-11-20"),
    ],
)
def test_what_is_missing_is_told(change: dict[str, object], told: str) -> None:
    seen = replace(GOOD, **change)  # type: ignore[arg-type]
    assert lacking("shadow", seen, Conditions(max_p95_ms=30), AUTOMATIC) == (told,)
    assert forward("shadow", seen, Conditions(max_p95_ms=30), AUTOMATIC) is None


@pytest.mark.parametrize(
    ("hours", "wanted", "said"),
    [
        (0.0, 0.02, "0 of 72 seconds"),
        (0.01, 0.02, "36 of 72 seconds"),
        (0.1, 0.5, "6 of 30 minutes"),
        (0.01, 1.0, "0 of 1 hour"),
        (1.0, 24.0, "1 of 24 hours"),
        (23.999, 24.0, "23.9 of 24 hours"),
        (2.4, 720.0, "2.4 of 720 hours"),
        (-1.0, 1.0, "0 of 1 hour"),
    ],
)
def test_times_are_told_in_units_that_read_well(hours: float, wanted: float, said: str) -> None:
    assert "{} of {} {}".format(*passed(hours, wanted)) == said


def test_the_proposer_cannot_approve() -> None:
    rights = Rights(automatic=True, approver=True)
    for nobody in (None, "fit"):
        assert lacking("shadow", replace(GOOD, approved_by=nobody), Conditions(), rights)
    assert forward("shadow", replace(GOOD, approved_by="mia"), Conditions(), rights) is not None
    assert forward("proposed", GOOD, Conditions(), rights) is not None, "in shadow no caller gets anything of it"


def test_back_needs_no_permission() -> None:
    for state in LIVE:
        move = back(state, replace(GOOD, broken="disagreement 9 % against 5 %"))
        assert move is not None and move.to == "rolled_back"
        late = back(state, replace(GOOD, expires_at=NOW))
        assert late is not None and late.to == "paused"
    for state in set(AFTER) - LIVE:
        assert back(state, replace(GOOD, broken="x")) is None


def test_what_was_rolled_back_does_not_come_again() -> None:
    assert AFTER["rolled_back"] == ("retired",)
    assert not any(may_follow("retired", state) for state in AFTER)


@pytest.mark.parametrize(
    ("state", "wanted", "steps"),
    [
        ("proposed", "on", ("shadow", "canary", "on")),
        ("paused", "canary", ("shadow", "canary")),
        ("paused", "shadow", ("shadow",)),
        ("on", "shadow", ("shadow",)),
        ("canary", "on", ("on",)),
        ("on", "on", ()),
        ("proposed", "paused", ()),
        ("rolled_back", "on", ()),
        ("retired", "shadow", ()),
    ],
)
def test_the_way_is_walked_whole(state: Step, wanted: Step, steps: tuple[Step, ...]) -> None:
    assert way(state, wanted) == steps


@given(state=st.sampled_from(sorted(AFTER)), wanted=st.sampled_from(sorted(AFTER)))
def test_every_way_is_made_of_steps(state: Step, wanted: Step) -> None:
    at, steps = state, way(state, wanted)
    for step in steps:
        assert may_follow(at, step)
        at = step
    assert not steps or at == wanted
    assert steps or wanted not in AFTER[state]


def test_what_held_before_is_kept_for_who_was_under_way() -> None:
    shadow = moved(ROUTE, "shadow", at=NOW, actor="mia")
    assert shadow.before is None, "callers see nothing of it"
    canary = moved(shadow, "canary", at=NOW + timedelta(hours=1), actor="mia", share=0.3)
    assert (canary.share, canary.before, canary.changed_by) == (0.3, Before(state="shadow", share=0.1), "mia")
    on = moved(canary, "on", at=NOW + timedelta(hours=2), actor="mia")
    assert (on.before, shared(on)) == (Before(state="canary", share=0.3), 1.0)
    at_once = moved(canary, "on", at=canary.changed_at, actor="mia")
    assert at_once.before == Before(state="shadow", share=0.1), "of steps at one time, what held before the first"
    back = moved(on, "canary", at=NOW + timedelta(hours=3), actor="mia", share=0.05)
    assert (back.before, shared(back)) == (None, 0.05), "back is at once"
    assert shared(moved(back, "rolled_back", at=NOW, actor="mia")) == 0.0
    with pytest.raises(RouteError, match="r is proposed, and on does not follow that"):
        moved(ROUTE, "on", at=NOW, actor="mia")


def test_each_state_has_its_conditions() -> None:
    settings = WatchConfig(shadow_audits=10, shadow_hours=2.0, canary_audits=20, canary_hours=3.0, max_p95_ms=9.0)
    assert conditions(settings, "shadow") == Conditions(audits=10, hours=2.0, max_p95_ms=9.0)
    assert conditions(settings, "canary") == Conditions(audits=20, hours=3.0, max_p95_ms=9.0)


class Life(RuleBasedStateMachine):
    """People and a watcher, in any order."""

    state: Step = "proposed"

    @initialize()
    def begin(self) -> None:
        self.state, self.was = "proposed", ["proposed"]

    def go(self, to: Step) -> None:
        assert may_follow(self.state, to)
        self.state = to
        self.was.append(to)

    @rule(
        audits=st.integers(0, 400),
        broken=st.sampled_from(["", "", "worse"]),
        damaged=st.sampled_from(["", "", "damaged"]),
        hours=st.floats(0, 3),
        expired=st.booleans(),
        automatic=st.booleans(),
        heartbeat=st.booleans(),
    )
    def watch(self, audits: int, broken: str, damaged: str, hours: float, expired: bool, automatic: bool, heartbeat: bool) -> None:
        end = NOW if expired else NOW + timedelta(days=1)
        since = NOW - timedelta(hours=hours)
        seen = Seen(now=NOW, since=since, expires_at=end, audits=audits, asked=audits, broken=broken, damaged=damaged)
        rights = Rights(automatic=automatic, heartbeat=heartbeat)
        before = self.state
        move = back(before, seen) or forward(before, seen, Conditions(), rights)
        if before in LIVE and broken:
            assert move is not None and move.to == "rolled_back"
        if move is not None:
            if move.to in ANSWERING:
                assert automatic and heartbeat and not broken and not damaged and audits >= 200 and hours >= 1 and not expired
            self.go(move.to)

    @rule(wanted=st.sampled_from(sorted(AFTER)))
    def command(self, wanted: Step) -> None:
        if may_follow(self.state, wanted):
            self.go(wanted)

    @invariant()
    def nothing_is_skipped(self) -> None:
        for before, after in zip(self.was, self.was[1:], strict=False):
            if after == "on":
                assert before == "canary"
            if after == "canary":
                assert before in ("shadow", "on")


TestLife = Life.TestCase
