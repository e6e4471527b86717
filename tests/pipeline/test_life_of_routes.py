"""People, a watcher and somebody who is killed, in any order: no step is skipped, and the day is told what the record says."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from modicum.config import WatchConfig
from modicum.errors import RouteError
from modicum.pipeline import promoting, switching
from modicum.route.steps import AFTER, LIVE, moved
from modicum.store.control import Control
from modicum.store.routes import Step
from modicum.types import RouteState
from tests.pipeline.test_switching import at, seen, told

ROUTES = st.sampled_from(["r-1", "r-2"])
SETTINGS = WatchConfig(shadow_hours=0.0, canary_hours=0.0, shadow_audits=10, canary_audits=10)


class Life(RuleBasedStateMachine):
    """Two proposals for one workload."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.config = at(Path(self.folder.name), watch=SETTINGS)
        self.control = Control(self.config.home)
        self.lost = False
        """Somebody was killed before the day was told."""

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()

    def tried(self, what: Callable[..., Any], *said: Any, **more: Any) -> None:
        before = self.states()
        try:
            what(self.config, *said, actor="ada", **more)
        except RouteError:
            assert self.states() == before, "what is refused changes nothing"
        else:
            self.lost = self.lost and self.states() == before

    def states(self) -> dict[str, RouteState]:
        return {one.route_id: one.state for one in self.control.routes()}

    @rule(ref=ROUTES, to=st.sampled_from(["shadow", "on", "paused", "rolled_back", "retired"]))
    def a_person_switches(self, ref: str, to: str) -> None:
        self.tried(switching.switch, ref, to)

    @rule(ref=ROUTES, audits=st.sampled_from([0, 10]), broken=st.sampled_from(["", "worse"]), force=st.booleans())
    def a_person_promotes(self, ref: str, audits: int, broken: str, force: bool) -> None:
        seen(self.config, ref, audits=audits, broken=broken)
        before = self.states()[ref]
        self.tried(promoting.promote, ref, force=force, note="x" if force else "")
        now = self.states()[ref]
        if now != before and before != "proposed":
            assert not broken and (audits == 10 or force)

    @rule(ref=ROUTES, to=st.sampled_from(["shadow", "canary", "on", "rolled_back"]))
    def a_watcher_moves(self, ref: str, to: str) -> None:
        route = self.control.route(ref)
        with contextlib.suppress(RouteError):
            switching.move(self.config, route, to, actor="watch", why="seen")  # type: ignore[arg-type]
            self.lost = False

    @rule(ref=ROUTES)
    def somebody_is_killed_after_the_change(self, ref: str) -> None:
        route = self.control.route(ref)
        for to in AFTER[route.state][-1:]:
            changed = moved(route, to, at=datetime.now(UTC), actor="ada")
            assert self.control.take([Step(was=route, now=changed, action=f"route.{to}", why="")])
            self.lost = True

    @rule()
    def a_gateway_starts(self) -> None:
        switching.publish(self.config)
        self.lost = False

    @invariant()
    def one_is_live_and_the_day_knows_it(self) -> None:
        if not hasattr(self, "config"):
            return
        live = {ref: state for ref, state in self.states().items() if state in LIVE}
        assert len(live) <= 1
        assert self.lost or told(self.config) == live

    @invariant()
    def nothing_is_skipped(self) -> None:
        if not hasattr(self, "config"):
            return
        for ref, state in self.states().items():
            steps = [one for one in promoting.history(self.control, ref) if one.what in AFTER]
            for before, after in zip(steps, steps[1:], strict=False):
                assert after.was == before.what and after.what in AFTER[before.what]  # type: ignore[index]
            assert steps[-1].what == state


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=8, stateful_step_count=8, deadline=None)
