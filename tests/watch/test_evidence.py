"""What an alarm says it saw: the stretch that rang, and which calls were lost."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from modicum.cli import cli
from modicum.config import Config, StoreConfig
from modicum.store.codec import to_us
from modicum.store.control import Control
from modicum.store.segments import SegmentWriter
from modicum.types import Call, PromiseKind
from modicum.watch.evidence import MOST, NAMED, Evidence, Lost, Stretch, calls, hear, stretch
from modicum.watch.round import Rounds
from modicum.watch.waiting import Settled
from tests.watch.watched_home import QUICK, START, call, made


def fed(outcomes: list[tuple[float, bool]]) -> Evidence:
    found = Evidence()
    for number, (lost, answered) in enumerate(outcomes):
        hear(found, Settled(to_us(START) + number * 1_000_000, lost, answered, call_id=f"c{number}"), lost)
    return found


def test_the_stretch_begins_where_the_losses_do() -> None:
    drawn = [(0.0, True)] * 400
    for number in (20, 180, 390, 392, 395, 399):
        drawn[number] = (1.0, True)
    found = fed(drawn)
    assert stretch(found, 0.015, 0.0, answers=False) == Stretch(10, 4.0, START + timedelta(seconds=390))
    assert calls(found) == ("c20", "c180", "c390", "c392", "c395", "c399")


def test_of_answers_only_these_are_counted() -> None:
    drawn = [(0.0, number % 2 == 0) for number in range(400)]
    for number in (390, 392, 396):
        drawn[number] = (1.0, True)
    assert stretch(fed(drawn), 0.05, 0.0, answers=True) == Stretch(5, 3.0, START + timedelta(seconds=390))
    assert stretch(fed(drawn), 0.05, 0.0, answers=False) == Stretch(10, 3.0, START + timedelta(seconds=390))


def test_where_nothing_was_lost_nothing_is_said() -> None:
    assert stretch(fed([(0.0, True), (-1.0, True)]), 0.05, -1.0, answers=False) is None
    assert stretch(Evidence(), 0.05, 0.0, answers=False) is None


def test_what_is_kept_is_bounded_and_comes_back_as_it_was() -> None:
    kept = fed([(1.0, True)] * 1_000)
    assert len(kept.latest) == MOST and len(calls(kept)) == NAMED and calls(kept)[-1] == "c999"
    assert msgspec.convert(msgspec.to_builtins(kept, str_keys=True), Evidence, str_keys=True, strict=False) == kept
    assert isinstance(kept.latest[0], Lost)


def went_bad(home: Path, kind: PromiseKind = "A") -> tuple[list[Call], list[Call]]:
    """Calls that were answered well, and then badly."""
    rng = random.Random(3)
    good = [call(START + timedelta(seconds=second), f"good {rng.random()}", reason="control") for second in range(400)]
    bad = [
        call(START + timedelta(seconds=400 + second), f"bad {rng.random()}", reason="control", agreed=second % 2 == 0)
        for second in range(40)
    ]
    config = made(home, "on", kind)
    writer = SegmentWriter(home)
    for one in good + bad:
        writer.append(one)
    writer.close()
    Rounds(config).look(START + timedelta(seconds=900))
    return good, bad


def test_an_alarm_says_which_stretch_rang_and_names_its_calls(tmp_path: Path) -> None:
    _, bad = went_bad(tmp_path)
    control = Control(tmp_path)
    alarm = next(one.text for one in control.notices() if one.kind == "alarm")
    begun = START + timedelta(seconds=401)
    first, what, since = alarm.partition(" differ from the incumbent's, since ")
    lost, number = (int(word) for word in first.removeprefix("direction: ").removesuffix(" audits").split(" of the last "))
    assert what and since.startswith(
        f"{begun:%Y-%m-%d %H:%M:%S} UTC, and {lost} of {400 + 1 + number} in this step; 2.00% were certified, "
    )
    assert number == 2 * lost - 1 and lost >= 3, "from the first that differed to the one that rang"
    moved = next(one.text for one in control.notices() if one.kind == "moved")
    assert moved.endswith(" in this step"), "the short form says both"
    (watch,) = control.watches()
    differing = [one.call_id for one in bad[1::2]]
    assert watch.lost_calls == tuple(differing[: len(watch.lost_calls)]) and len(watch.lost_calls) >= lost


def test_calls_that_were_lost_are_shown_and_can_be_listed(tmp_path: Path) -> None:
    _, bad = went_bad(tmp_path)
    (watch,) = Control(tmp_path).watches()

    def told(*arguments: str) -> str:
        found = CliRunner().invoke(cli, [*arguments, "--home", str(tmp_path)])
        assert found.exit_code == 0, found.output
        return found.output

    shown = told("route", "show", "r1")
    assert f"Lost of late: {watch.lost_calls[-1]} " in shown
    assert "`modicum why CALL`" in shown and "`modicum workloads calls direction --differed`" in " ".join(shown.split())
    assert "the incumbent said something else" in told("why", watch.lost_calls[-1])
    listed = msgspec.json.decode(told("workloads", "calls", "direction", "--differed", "--format", "json"))
    assert [one["call_id"] for one in listed] == [one.call_id for one in reversed(bad[1::2])]
    assert len(msgspec.json.decode(told("workloads", "calls", "direction", "--limit", "1000", "--format", "json"))) == 440


@pytest.mark.parametrize("kind", ["B", "C"])
def test_what_waits_for_a_label_is_named_once_it_is_lost(tmp_path: Path, kind: PromiseKind) -> None:
    _, bad = went_bad(tmp_path, kind)
    control = Control(tmp_path)
    assert control.watches()[0].lost_calls == ()
    Rounds(Config(store=StoreConfig(home=tmp_path), watch=QUICK)).look(START + timedelta(hours=30))
    (watch,) = control.watches()
    assert watch.lost_calls == tuple(one.call_id for one in bad[1::2][-NAMED:])
