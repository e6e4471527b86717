"""A proposed route beside the one that answers: asked on control calls alone, recorded, never sent."""

from __future__ import annotations

import dataclasses
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from modicum.gateway.alarm import Alarm
from modicum.gateway.shadow import agreed, challenged, challenger_agreed
from modicum.store import snapshot
from modicum.store.snapshot import LiveRoute
from tests.gateway.rig import Upstream, gateway
from tests.gateway.routed import OPEN, UP, headline, publish
from tests.gateway.test_canary import Door, named

QUIET = Alarm(io.StringIO(), pause_s=0)


def challenge(home: Path, *, accept_above: float = 0.9, **changes: object) -> None:
    """Put a proposed route beside the live one of the snapshot."""
    found = snapshot.read(home)
    assert found is not None
    (live,) = found.routes
    proposed = dataclasses.replace(live.route, route_id="r2", state="proposed", **changes)  # type: ignore[arg-type]
    rule = dataclasses.replace(live.rule, accept_above=accept_above)
    beside = LiveRoute(route=proposed, rule=rule, cover=live.cover, expires_at=datetime.now(UTC) + timedelta(days=9))
    snapshot.write(home, dataclasses.replace(found, version="2", challengers=(beside,)))


def test_it_is_asked_on_control_calls_alone(tmp_path: Path) -> None:
    publish(tmp_path, "on", control_share=0.3)
    challenge(tmp_path)
    door = Door(tmp_path)
    choices = [door.ask(named(number)) for number in range(200)]
    assert {choice.reason for choice in choices} == {"control", "answered"}
    for choice in choices:
        assert (choice.challenger_would is not None) == (choice.reason == "control")
        if choice.challenger is not None and choice.prediction is not None:
            assert choice.challenger == choice.prediction and choice.challenger_would == choice.would_answer


def test_its_own_rule_and_cover_say_what_it_would_answer(tmp_path: Path) -> None:
    publish(tmp_path, "on", control_share=1.0)
    challenge(tmp_path, accept_above=-1.0)
    unsure = Door(tmp_path).ask(named(1, OPEN))
    assert (unsure.would_answer, unsure.challenger_would) == (False, True)
    found = snapshot.read(tmp_path)
    assert found is not None
    narrow = dataclasses.replace(found.challengers[0], cover=dataclasses.replace(found.challengers[0].cover, max_input_chars=3))
    snapshot.write(tmp_path, dataclasses.replace(found, challengers=(narrow,)))
    outside = Door(tmp_path).ask(named(1, UP))
    assert (outside.would_answer, outside.challenger, outside.challenger_would) == (True, None, False)


def test_what_only_it_covers_is_asked_too(tmp_path: Path) -> None:
    publish(tmp_path, "on", control_share=1.0, max_input_chars=3)
    found = snapshot.read(tmp_path)
    assert found is not None
    challenge(tmp_path)
    wide = snapshot.read(tmp_path)
    assert wide is not None
    wider = dataclasses.replace(wide.challengers[0], cover=dataclasses.replace(wide.challengers[0].cover, max_input_chars=500))
    snapshot.write(tmp_path, dataclasses.replace(wide, challengers=(wider,)))
    choice = Door(tmp_path).ask(named(1, UP))
    assert (choice.compare, choice.prediction) == (False, None)
    assert choice.challenger is not None and choice.challenger_would is True
    assert challenger_agreed(choice, {"choices": [{"message": {"role": "assistant", "content": "up"}}]}, QUIET) is True


@pytest.mark.parametrize("state", ["shadow", "on"])
def test_without_a_live_route_that_answers_or_an_artefact_nothing_is_asked(tmp_path: Path, state: str) -> None:
    publish(tmp_path, state, control_share=1.0)  # type: ignore[arg-type]
    challenge(tmp_path, artefact_digest="sha256:" + "1" * 64) if state == "on" else challenge(tmp_path)
    choice = Door(tmp_path).ask(named(1))
    assert choice.challenger_would is None and not challenged(choice)
    assert choice.would_answer is True, "the live one is as ever"


def test_what_it_said_stands_in_the_record_and_nobody_gets_it(tmp_path: Path) -> None:
    publish(tmp_path, "on", control_share=1.0, form="echo Headline: {} rises")
    challenge(tmp_path)
    with Upstream() as upstream, gateway(tmp_path, upstream.url) as served:
        replies, said = [], []
        for text in ("up rises", "down rises"):
            replies.append(served.post(headline(text)))
            said.append(served.call(None).decision)
    for (_, body), one, told in zip(replies, said, ("up", "down"), strict=True):
        assert msgspec.json.decode(body)["choices"][0]["message"]["content"] == f"echo Headline: {told} rises"
        assert one is not None and one.reason == "control"
        assert (one.challenger_route_id, one.challenger_value, one.challenger_would_answer) == ("r2", "up", True)
    assert [one.challenger_agreed for one in said if one is not None] == [True, False]
    assert [one.agreed for one in said if one is not None] == [True, False]


def test_each_route_reads_and_writes_by_the_contract_that_was_certified(tmp_path: Path) -> None:
    publish(tmp_path, "on", control_share=0.5, form="It is {}")  # what was found since
    challenge(tmp_path)
    found = snapshot.read(tmp_path)
    assert found is not None
    (live,), (beside,), (workload,) = found.routes, found.challengers, found.workloads
    mine, its = (dataclasses.replace(workload.contract, form=form) for form in ("{}", "echo Headline: {} rises"))
    routes, beside = (dataclasses.replace(live, contract=mine),), dataclasses.replace(beside, contract=its)
    snapshot.write(tmp_path, dataclasses.replace(found, routes=routes, challengers=(beside,)))
    door = Door(tmp_path)
    choices = [door.ask(named(number)) for number in range(50)]
    bodies = [msgspec.json.decode(one.written.body) for one in choices if one.written is not None]
    assert bodies and {body["choices"][0]["message"]["content"] for body in bodies} == {"up"}
    kept = next(choice for choice in choices if choice.reason == "control")
    told: dict[str, object] = {"choices": [{"message": {"role": "assistant", "content": "echo Headline: up rises"}}]}
    assert challenger_agreed(kept, told, QUIET) is True
    assert agreed(dataclasses.replace(kept, compare=True), told, QUIET) is None
