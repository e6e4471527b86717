"""The steps of a route: none is skipped forward, every one can be taken back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from modicum.route.steps import AFTER, ANSWERING, FORWARD, LIVE, Conditions, Rights, Seen, Step, back, forward, lacking, may_follow

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
GOOD = Seen(now=NOW, since=NOW - timedelta(hours=5), expires_at=NOW + timedelta(days=30), audits=500, asked=500, proposed_by="fit")
AUTOMATIC = Rights(automatic=True)


@pytest.mark.parametrize(("state", "wanted"), FORWARD.items())
def test_a_step_at_a_time(state: Step, wanted: Step) -> None:
    move = forward(state, GOOD, Conditions(), AUTOMATIC)
    assert move is not None and move.to == wanted
    assert forward(state, GOOD, Conditions(), Rights()) is None, "until somebody turns it on"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"audits": 199}, "199 of 200 audits"),
        ({"since": NOW - timedelta(minutes=30)}, "0.5 of 1 hours"),
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
