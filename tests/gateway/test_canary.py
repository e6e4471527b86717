"""Canaries, conversations under way, another version of the prompt: which arm a request is on, and what is recorded of it."""

from __future__ import annotations

import dataclasses
import io
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.config import Config, RouteConfig, StoreConfig
from modicum.gateway.alarm import Alarm
from modicum.gateway.decide import Choice, decide
from modicum.gateway.live import Live
from modicum.gateway.shadow import predict
from modicum.gateway.speak import Question
from modicum.types import Before, Decision, Reason, RouteState
from modicum.view import Redactor
from tests.gateway.rig import Gateway, Upstream, gateway
from tests.gateway.routed import OPEN, SYSTEM, UP, headline, publish

CONTROL = 0.1


class Door:
    """One worker's view of a home: what it decides, without a network."""

    def __init__(self, home: Path) -> None:
        self.alarms = io.StringIO()
        self.alarm = Alarm(self.alarms, pause_s=0)
        self.live = Live(home, self.alarm)
        self.redactor = Redactor.open(Config(store=StoreConfig(home=home)).redact.table)

    def ask(self, request: dict[str, Any], *, observe: bool = False, settle_minutes: float = 60.0, kept: float = 1.0) -> Choice:
        self.live.now = self.live.load() if not self.live.now.version or self.live.due() else self.live.now
        seen = self.redactor.see(b"{}", request)
        question = Question(
            call_id="c",
            endpoint="chat_completions",
            request=request,
            chat=seen.request,
            names=seen.names,
            view_version=self.redactor.version,
        )
        serving = self.live.now.of("default")
        choice = decide(
            serving,
            question,
            bypass=False,
            observe=observe,
            control_share=CONTROL,
            settle_minutes=settle_minutes,
            kept=kept,
            alarm=self.alarm,
        )
        return predict(choice, question, self.alarm)


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


def named(number: int, text: str = UP, **more: Any) -> dict[str, Any]:
    return headline(text, metadata={"conversation_id": f"talk-{number}"}, **more)


def later(number: int) -> dict[str, Any]:
    """The second turn of a conversation."""
    request = named(number)
    request["messages"] += [{"role": "assistant", "content": "up"}, {"role": "user", "content": f"Headline: {UP}"}]
    return request


def arms(door: Door, many: int = 400, *, ask: Any = named, **more: Any) -> dict[int, str]:
    return {number: door.ask(ask(number), **more).reason for number in range(many)}


def test_a_canary_answers_its_share_and_compares_the_rest(door: Door, tmp_path: Path) -> None:
    publish(tmp_path, "canary", share=0.5)
    found = [door.ask(headline(UP)) for _ in range(2000)]
    chances: dict[Reason, float] = {"control": 0.1, "canary": 0.45, "answered": 0.45}
    counted = Counter(choice.reason for choice in found)
    assert counted.keys() == chances.keys()
    assert sum((counted[reason] - 2000 * chance) ** 2 / (2000 * chance) for reason, chance in chances.items()) < 18.5, counted
    for choice in found:
        assert choice.propensity == pytest.approx(0.45 if choice.reason == "answered" else 0.55), "of its side"
        assert choice.prediction is not None and choice.prediction.value == "up" and choice.would_answer and choice.stage_ms is not None
        assert (choice.written is not None) == (choice.reason == "answered") and choice.compare == (choice.reason != "answered")
    unsure = {(choice := door.ask(headline(OPEN))).reason: choice for _ in range(100)}
    assert {reason: choice.would_answer for reason, choice in unsure.items()} == dict.fromkeys(
        ("control", "canary", "below_threshold"), False
    )


def test_steps_forward_move_as_few_conversations_as_they_must(door: Door, tmp_path: Path) -> None:
    publish(tmp_path, "canary", share=0.2)
    small = arms(door)
    publish(tmp_path, "canary", share=0.6)
    large = arms(door)
    publish(tmp_path, "on")
    on = arms(door)
    publish(tmp_path, "on", control_share=0.3)
    kept = arms(door)
    changed = {(small[number], large[number]) for number in small if small[number] != large[number]}
    assert changed == {("canary", "answered")}
    assert {(large[number], on[number]) for number in on if large[number] != on[number]} == {("canary", "answered")}
    assert {(on[number], kept[number]) for number in on if on[number] != kept[number]} == {("answered", "control")}


def test_a_conversation_under_way_stays_where_it_was(door: Door, tmp_path: Path) -> None:
    publish(tmp_path, "canary", share=0.3, max_turns=3)
    was = arms(door, ask=later)
    now = datetime.now(UTC)
    publish(tmp_path, "on", before=Before(state="canary", share=0.3), changed_at=now, max_turns=3)
    kept = {"canary": "under_way"}
    assert arms(door, ask=later) == {number: kept.get(reason, reason) for number, reason in was.items()}, "for now"
    left_out = [choice for number in was if (choice := door.ask(later(number))).reason == "under_way"]
    assert left_out and not any(choice.compare or choice.written for choice in left_out)
    fresh = set(arms(door).values())
    assert fresh == {"answered", "control"}, "what begins now has the new arm"
    assert set(arms(door, ask=later, settle_minutes=0).values()) == fresh
    publish(tmp_path, "on", before=Before(state="canary", share=0.3), changed_at=now - timedelta(minutes=61), max_turns=3)
    assert set(arms(door, ask=later).values()) == fresh, "an hour is over"
    publish(tmp_path, "canary", share=0.3, before=Before(state="shadow", share=0.3), changed_at=now, max_turns=3)
    found, then = arms(door, ask=later), arms(door)
    assert set(found.values()) == {"under_way", "canary", "control"}
    assert {(found[number], then[number]) for number in found} == {("under_way", "answered"), ("canary", "canary"), ("control", "control")}


def test_a_step_back_is_taken_by_all_at_once(door: Door, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    publish(tmp_path, "canary", share=0.1, before=Before(state="on", share=0.1), changed_at=now, max_turns=3)
    found = arms(door, ask=later)
    publish(tmp_path, "canary", share=0.1, max_turns=3)
    assert found == arms(door, ask=later)
    publish(tmp_path, "shadow", before=Before(state="on", share=0.1), changed_at=now, max_turns=3)
    assert set(arms(door, ask=later).values()) == {"shadow"}
    publish(tmp_path, "paused", before=Before(state="on", share=0.1), changed_at=now, max_turns=3)
    assert set(arms(door, ask=later).values()) == {"no_route"}


def reworded(text: str = UP, **more: Any) -> dict[str, Any]:
    """The same prompt in words that the certificate has not seen."""
    request = headline(text, **more)
    request["messages"][0]["content"] = f"{SYSTEM} Be quick."
    return request


def test_another_version_of_the_prompt_is_compared_at_once_and_never_sent(door: Door, tmp_path: Path) -> None:
    publish(tmp_path, "on", versions=("v1", "v2"), control_share=0.0)
    choice = door.ask(reworded())
    assert choice.reason == "not_covered" and choice.detail == "this version of the prompt was not certified"
    assert choice.written is None and choice.compare and choice.would_answer and choice.propensity == 1.0
    assert choice.prediction is not None and choice.prediction.value == "up"
    more = door.ask(reworded(stop=["x"]))
    assert (more.reason, more.detail, more.compare, more.prediction) == ("not_covered", "'stop' is set", False, None)
    publish(tmp_path, "shadow", versions=("v1", "v2"))
    choice = door.ask(reworded())
    assert choice.reason == "shadow" and choice.compare and choice.prediction is not None
    assert choice.would_answer is False, "the route would defer, whatever its stage says"
    publish(tmp_path, "on", versions=("v1", "v2"), control_share=1.0)
    assert (choice := door.ask(reworded())).reason == "control" and choice.compare and choice.would_answer is False


class Broken:
    """A specialist that cannot answer."""

    heavy = False

    def predict(self, slots: object) -> object:
        raise OSError("gone")


@pytest.mark.parametrize(("state", "reasons"), [("shadow", {"shadow"}), ("canary", {"control", "canary", "failed"})])
def test_a_stage_that_fails_is_recorded_whatever_the_reason(door: Door, tmp_path: Path, state: RouteState, reasons: set[str]) -> None:
    publish(tmp_path, state, share=0.5)
    door.live.now = door.live.load()
    serving = door.live.now.of("default")
    stage = dataclasses.replace(serving.stages["w1"], specialist=Broken())  # type: ignore[arg-type]
    world = dataclasses.replace(serving, stages={"w1": stage})
    door.live.now = dataclasses.replace(door.live.now, scopes={"default": world})
    found = [door.ask(headline(UP)) for _ in range(100)]
    assert {choice.reason for choice in found} == reasons
    assert all(choice.stage_failed and choice.would_answer is None and choice.stage_ms is None for choice in found)
    assert not any(choice.compare or choice.written for choice in found)
    assert all(choice.propensity for choice in found) and "route r1" in door.alarms.getvalue()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Door:
    home = tmp_path_factory.mktemp("shared")
    publish(home, max_turns=2)
    found = Door(home)
    found.live.now = found.live.load()
    return found


STATES: list[RouteState] = ["proposed", "shadow", "canary", "on", "paused", "rolled_back", "retired"]
CHANCES = st.sampled_from([0.0, 0.1, 0.5, 1.0]) | st.floats(0, 1)


@settings(max_examples=300)
@given(
    state=st.sampled_from(STATES[1:4]),
    share=CHANCES,
    before=st.none() | st.builds(Before, state=st.sampled_from(STATES), share=CHANCES),
    control=CHANCES,
    kept=CHANCES,
    ago_s=st.integers(-100_000, 100_000),
    days_left=st.integers(-2, 2),
    talk=st.integers(0, 50),
    request=st.sampled_from([named, later]),
)
def test_callers_get_nothing_that_no_arm_allows(
    shared: Door,
    state: RouteState,
    share: float,
    before: Before | None,
    control: float,
    kept: float,
    ago_s: int,
    days_left: int,
    talk: int,
    request: Callable[[int], dict[str, Any]],
) -> None:
    """Whatever the snapshot says: an answer is given only by the route's own arm, and what is compared is never sent."""
    now, world = datetime.now(UTC), shared.live.now
    serving = world.of("default")
    stage = serving.stages["w1"]
    route = dataclasses.replace(
        stage.live.route, state=state, share=share, before=before, control_share=control, changed_at=now - timedelta(seconds=ago_s)
    )
    live = dataclasses.replace(stage.live, route=route, expires_at=now + timedelta(days=days_left, seconds=5))
    changed = dataclasses.replace(serving, stages={"w1": dataclasses.replace(stage, live=live)})
    shared.live.now = dataclasses.replace(world, scopes={"default": changed})
    try:
        choice = shared.ask(request(talk), kept=kept)
    finally:
        shared.live.now = world
    assert (choice.written is not None) == (choice.reason == "answered") and not (choice.written and choice.compare)
    assert choice.propensity is not None and 0 <= choice.propensity <= 1 and not choice.stage_failed
    if choice.reason == "answered":
        assert state in ("canary", "on") and days_left >= 0 and kept > 0 and (share > 0 or state == "on") and control < 1
        assert choice.propensity == pytest.approx((1 - control) * (share if state == "canary" else 1) * kept)
    if choice.reason == "under_way":
        assert request is later and before is not None and abs(ago_s) <= 3600
    if choice.reason == "unwatched":
        assert kept < 1 and not choice.compare
    if state == "shadow":
        assert choice.reason == ("shadow" if days_left >= 0 else "expired")


def test_an_expired_canary_answers_and_compares_nothing(door: Door, tmp_path: Path) -> None:
    publish(tmp_path, "canary", share=0.5, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    found = {(choice := door.ask(headline(UP))).reason: choice for _ in range(200)}
    assert found.keys() == {"expired", "control", "canary"}
    assert not any(choice.compare or choice.written for choice in found.values())


def test_observing_tosses_nothing(door: Door, tmp_path: Path) -> None:
    publish(tmp_path, "canary", share=0.5)
    assert {(choice := door.ask(headline(UP), observe=True)).reason for _ in range(50)} == {"observe"} and choice.propensity is None


def test_what_is_recorded_of_a_canary(tmp_path: Path) -> None:
    home = tmp_path / "home"
    publish(home, "canary", share=0.5, form="echo Headline: {} rises", control_share=0.2)
    with Upstream() as upstream, gateway(home, upstream.url) as served:
        assert "direction (canary)" in served.line
        for number in range(30):
            served.post(named(number, "down rises" if number % 2 else "up rises"))
        metrics = served.get("/metrics")[1].decode()
        calls = list(served.calls().values())
    decisions = [call.decision for call in calls if call.decision is not None]
    assert {one.reason for one in decisions} == {"answered", "canary", "control"} and all(one.stage_ms for one in decisions)
    assert {(one.reason, one.propensity) for one in decisions} == {("answered", 0.4), ("canary", 0.6), ("control", 0.6)}
    rest = [one for one in decisions if one.reason == "canary"]
    assert all(one.answered_by == "gpt-4" and one.would_answer and one.route_id == "r1" for one in rest)
    assert {(one.value, one.agreed) for one in rest} == {("up", True), ("up", False)}
    assert 'reason="canary"' in metrics


def test_a_canary_that_is_moved_on_is_so_on_every_worker(tmp_path: Path) -> None:
    home = tmp_path / "home"
    publish(home, "canary", share=1.0, control_share=0.0)
    with Upstream() as upstream, gateway(home, upstream.url, "--workers", "3") as served:
        for state, reason in (("rolled_back", "no_route"), ("on", "answered"), ("canary", "answered"), ("shadow", "shadow")):
            publish(home, state, share=1.0, control_share=0.0)  # type: ignore[arg-type]
            assert served.wait_for_snapshot(3) < 2.0
            assert {served.post(headline(UP))[0].headers["x-modicum-reason"] for _ in range(9)} == {reason}


def test_a_rollback_reaches_every_worker_while_they_are_busy(tmp_path: Path) -> None:
    home = tmp_path / "home"
    publish(home, "on", control_share=0.0)
    answered: list[float] = []
    stopped = threading.Event()

    def ask_on(served: Gateway) -> None:
        while not stopped.is_set():
            if served.post(headline(UP))[0].headers["x-modicum-reason"] == "answered":
                answered.append(time.monotonic())

    with Upstream() as upstream, gateway(home, upstream.url, "--workers", "2") as served:
        callers = [threading.Thread(target=ask_on, args=(served,)) for _ in range(4)]
        for caller in callers:
            caller.start()
        try:
            until = time.monotonic() + 20
            while len(answered) < 50:
                assert time.monotonic() < until, served.errors()
                time.sleep(0.02)
            rolled_back = time.monotonic()
            publish(home, "rolled_back")
            time.sleep(3.0)
        finally:
            stopped.set()
            for caller in callers:
                caller.join()
    assert max(answered) - rolled_back < 2.0


def test_a_decision_of_before_has_no_propensity() -> None:
    assert Decision(answered_by="gpt-4", reason="control").propensity is None
    assert RouteConfig().settle_minutes == 60
