"""A stage that says nothing is told of with its reason, and sends nothing back where that passes by itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from modicum.config import Config
from modicum.store.control import Control
from modicum.store.segments import SegmentWriter
from modicum.types import Call, Notice, Reason, Watch
from modicum.watch import mute
from modicum.watch.draws import Toss
from modicum.watch.mute import IN_A_ROW, MOST_CAUSES, Mute, hear
from modicum.watch.round import Rounds
from tests.backends.test_attempts import begin, ledger, one, target, walk
from tests.watch.watched_home import QUICK, START, call, made

OTHER = "its answers come from 'small-2', and 'small-1' was tried"
DAY = 24 * 3600


def refused(second: float, detail: str = f"{OTHER}; tried again in 9 s", reason: Reason = "failed") -> Call:
    found = call(START + timedelta(seconds=second), f"r{second}", reason=reason, would_answer=None)
    assert found.decision is not None
    decision = dataclasses.replace(found.decision, detail=detail, stage_failed=True, confidence=None)
    return dataclasses.replace(found, decision=decision)


def unread(second: float) -> Call:
    found = call(START + timedelta(seconds=second), f"u{second}", reason="below_threshold", would_answer=False, agreed=None)
    assert found.decision is not None
    return dataclasses.replace(found, decision=dataclasses.replace(found.decision, confidence=-1.0, value=""))


def looked(config: Config, calls: Sequence[Call], seconds: float) -> tuple[list[Notice], Watch]:
    writer = SegmentWriter(config.home)
    for each in calls:
        writer.append(each)
    writer.close()
    found = Rounds(config).look(START + timedelta(seconds=seconds))
    (watch,) = Control(config.home).watches()
    return list(found.notices), watch


def test_a_server_that_holds_another_revision_is_told_of_after_twenty_calls(tmp_path: Path) -> None:
    config = made(tmp_path, "on")
    calls = [refused(0, OTHER), *(refused(second, reason="control" if second % 7 == 0 else "failed") for second in range(1, IN_A_ROW))]
    (notice,), watch = looked(config, calls, 100)
    assert notice.kind == "warning"
    assert notice.text.startswith(f"direction: its stage said nothing at its last 20 calls, since {START:%Y-%m-%d %H:%M:%S} UTC: {OTHER}; ")
    assert "tried again in" not in notice.text and "`modicum route pause r1`" in notice.text
    assert watch.warnings == (notice.text.removeprefix("direction: "),)
    assert Control(tmp_path).route("r1").state == "on", "nobody is harmed"


@pytest.mark.parametrize("calls", [IN_A_ROW - 1, 60])
def test_few_calls_and_a_moment_are_nothing(tmp_path: Path, calls: int) -> None:
    between = 1.0 if calls < IN_A_ROW else 0.2
    notices, watch = looked(made(tmp_path, "on"), [refused(number * between) for number in range(calls)], 100)
    assert (notices, watch.warnings) == ([], ())


def test_it_is_told_of_once_a_day_and_over_with_the_first_answer(tmp_path: Path) -> None:
    config = made(tmp_path, "on")
    assert len(looked(config, [refused(second) for second in range(30)], 100)[0]) == 1
    assert looked(config, [refused(200)], 300)[0] == []
    (notice,), _ = looked(config, [refused(DAY + 200)], DAY + 300)
    assert "its last 32 calls" in notice.text
    notices, watch = looked(config, [call(START + timedelta(seconds=DAY + 400), "well", reason="answered")], DAY + 500)
    assert (notices, watch.warnings) == ([], ())


def test_answers_that_cannot_be_read_say_nothing_either(tmp_path: Path) -> None:
    (notice,), _ = looked(made(tmp_path, "on"), [unread(second) for second in range(30)], 100)
    assert "its last 30 calls" in notice.text and f"UTC: {mute.UNREAD}; " in notice.text


def test_what_is_damage_is_told_of_as_damage_alone(tmp_path: Path) -> None:
    notices, watch = looked(made(tmp_path, "on"), [refused(second, "its artefact cannot be loaded") for second in range(30)], 100)
    assert [told.kind for told in notices] == ["alarm", "moved"] and watch.warnings == ()
    assert "failed 30 times in a row" in notices[0].text


@pytest.mark.parametrize(
    ("tried", "rests"),
    [
        (OTHER, f"{OTHER}; tried again in 300 s"),
        ("cannot connect to 127.0.0.1", "every deployment of 'llamacpp/small' failed and is left alone for now"),
    ],
)
def test_tries_whether_a_rest_is_over_are_no_damage_however_many(tmp_path: Path, tried: str, rests: str) -> None:
    calls = [refused(second, tried if second % 5 < 2 else rests) for second in range(300)]  # as several workers do
    (notice,), watch = looked(made(tmp_path, "on"), calls, 400)
    assert notice.kind == "warning" and f"its last 300 calls, since {START:%Y-%m-%d %H:%M:%S} UTC: " in notice.text
    assert Control(tmp_path).route("r1").state == "on" and watch.failed == 300


async def test_what_is_said_of_a_deployment_that_is_left_alone_is_known_as_a_rest() -> None:
    where, alone = ledger(tries=1, breaker_failures=1), target(one("llamacpp"))
    assert await walk(begin(where, alone)) == ["llamacpp"]
    assert mute.rests(begin(where, alone).unavailable().message)


def test_an_unsure_stage_is_not_mute(tmp_path: Path) -> None:
    unsure = [
        dataclasses.replace(said, decision=dataclasses.replace(said.decision, confidence=0.2))
        for said in (
            call(START + timedelta(seconds=second), f"{second}", reason="below_threshold", would_answer=False) for second in range(60)
        )
        if said.decision is not None
    ]
    assert looked(made(tmp_path, "on"), unsure, 100)[0] == []


def test_the_alarm_about_silence_names_the_cause_of_most_calls(tmp_path: Path) -> None:
    config = made(tmp_path, "shadow", watch=dataclasses.replace(QUICK, silent_calls=50))
    notices, _ = looked(config, [refused(number / 10, reason="shadow") for number in range(60)], 100)
    (alarm,) = [told for told in notices if told.kind == "alarm"]
    assert f"nobody knows whether its promise holds: at 60 of them its stage said nothing, for this reason: {OTHER}; " in alarm.text


def test_what_is_not_covered_is_named_as_the_cause_of_silence_and_is_no_mute_stage(tmp_path: Path) -> None:
    config = made(tmp_path, "shadow", watch=dataclasses.replace(QUICK, silent_calls=50))
    calls = []
    for number in range(60):
        outside = call(START + timedelta(seconds=number), f"{number}", would_answer=None)
        assert outside.decision is not None
        decision = dataclasses.replace(outside.decision, confidence=None, detail=f"{900 + number} characters, certified up to 800")
        calls.append(dataclasses.replace(outside, decision=decision))
    (alarm,), watch = looked(config, calls, 100)
    assert "at 60 of them its stage said nothing, for this reason: 959 characters, certified up to 800; " in alarm.text
    assert watch.warnings == ()


def test_what_is_kept_is_bounded_and_comes_back_as_it_was() -> None:
    kept = Mute()
    for number in range(100):
        hear(
            kept, Toss(started_us=number, call_id="", route_id="r1", workload_id="w1", reason="failed", failed=chr(97 + number) + 999 * "x")
        )
    assert len(kept.causes) == MOST_CAUSES and kept.calls == 100
    assert len(msgspec.json.encode(kept)) < 6_000
    assert msgspec.convert(msgspec.to_builtins(kept, str_keys=True), Mute, str_keys=True, strict=False) == kept
    assert mute.cause(kept, 100) is None, "no reason is that of half of the calls"
