"""A route under a watcher that is killed, people who switch it and a world that changes: no step is skipped, none taken that may not be."""

from __future__ import annotations

import random
import re
import shutil
import tempfile
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import cast

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from modicum.errors import RouteError
from modicum.pipeline.switching import switch
from modicum.route.steps import AFTER, LIVE
from modicum.store import snapshot
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.store.segments import SegmentWriter
from modicum.types import Reason, RouteState
from modicum.watch.round import Rounds
from tests.watch.watched_home import START, call, made

DRAWN: dict[str, Reason] = {"shadow": "shadow", "canary": "canary", "on": "control"}


class Life(RuleBasedStateMachine):
    @initialize(automatic=st.booleans())
    def begins(self, automatic: bool) -> None:
        self.home = Path(tempfile.mkdtemp())
        self.config = made(self.home, "proposed", automatic=automatic)
        self.automatic = automatic
        self.control = Control(self.home)
        self.now, self.number, self.world_changed = START, 0, False
        self.dice = random.Random(1)
        self.writer = SegmentWriter(self.home)
        self.rounds = Rounds(self.config)

    def teardown(self) -> None:
        if hasattr(self, "home"):
            self.rounds.close()
            shutil.rmtree(self.home)

    @rule(number=st.sampled_from([20, 120]))
    def calls_come(self, number: int) -> None:
        state = self.control.route("r1").state
        if state not in DRAWN:
            return
        for _ in range(number):
            self.number += 1
            self.now += timedelta(seconds=0.1)
            agreed = self.dice.random() >= (0.5 if self.world_changed else 0.002)
            self.writer.append(call(self.now, f"{self.number}", reason=DRAWN[state], agreed=agreed))

    @rule(hours=st.sampled_from([0.02, 1.0, 3.0]))
    def time_passes(self, hours: float) -> None:
        self.now += timedelta(hours=hours)

    @rule(watched=st.booleans())
    def it_looks(self, watched: bool) -> None:
        before = self.control.route("r1")
        self.rounds.look(self.now, watched=watched)
        after = self.control.route("r1")
        if not self.automatic or not watched:
            assert after.state == before.state or after.state not in LIVE
        told, live = snapshot.read(self.home), after.state in LIVE
        assert told is not None
        assert [one.route.state for one in told.routes] == ([after.state] if live else [])
        if after.state == "rolled_back":
            assert self.world_changed or before.state == "rolled_back"

    @rule()
    def it_is_killed(self) -> None:
        self.rounds = Rounds(self.config)

    @rule()
    def calls_enter_the_table(self) -> None:
        Calls(self.home).compact()

    @rule(state=st.sampled_from(["shadow", "on", "paused"]))
    def somebody_switches(self, state: RouteState) -> None:
        try:
            switch(self.config, "r1", state, actor="ann")
        except RouteError:
            return

    @rule()
    def the_world_changes(self) -> None:
        self.world_changed = True

    @rule()
    def a_changed_world_is_seen(self) -> None:
        if not self.world_changed or self.control.route("r1").state not in LIVE:
            return
        self.calls_come(120)
        self.now += timedelta(seconds=40)
        self.rounds.look(self.now)
        assert self.control.route("r1").state == "rolled_back"

    @invariant()
    def no_step_is_skipped(self) -> None:
        if not hasattr(self, "control"):
            return
        lines = [re.match(r"(\w+) -> (\w+)", one.detail) for one in self.control.audit() if one.subject == "r1"]
        steps = [(one[1], one[2]) for one in lines if one]
        assert steps[-1][1] == self.control.route("r1").state
        for (_, before), (found, after) in pairwise(steps):
            assert found == before
            assert after in AFTER[cast(RouteState, before)]


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=6, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck))
