"""Promises about quality: what differs waits for somebody who knows, and what is behind it waits too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modicum.config import Config
from modicum.store import feedback
from modicum.store.control import Control
from modicum.store.segments import SegmentWriter
from modicum.types import Call, Feedback, FeedbackSource, PromiseKind, Watch
from modicum.watch import waiting
from modicum.watch.round import Rounds
from modicum.watch.waiting import loss
from tests.watch.watched_home import START, call, made


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def looked(config: Config, calls: list[Call], seconds: float) -> Watch:
    writer = SegmentWriter(config.home)
    for one in calls:
        writer.append(one)
    writer.close()
    Rounds(config).look(at(seconds))
    (watch,) = Control(config.home).watches()
    return watch


def label(home: Path, one: Call, value: str, source: FeedbackSource = "person") -> None:
    said = Feedback(
        feedback_id=f"{one.call_id}{value}", scope="default", at=datetime.now(UTC), call=one.call_id, label=value, source=source
    )
    feedback.add(home, [said])


def test_what_differs_waits_and_what_is_behind_it_too(tmp_path: Path) -> None:
    config = made(tmp_path, kind="B")
    first, differs, behind = (call(at(number), f"{number}", agreed=number != 2) for number in (1, 2, 3))
    watch = looked(config, [first, differs, behind], 60)
    assert (watch.audits, watch.waiting, watch.lost) == (1, 1, 0)
    label(tmp_path, differs, "down")
    watch = looked(config, [], 70)
    assert (watch.audits, watch.waiting, watch.lost) == (3, 0, 1)


def test_a_label_that_says_the_stage_is_right_makes_up_for_a_loss(tmp_path: Path) -> None:
    config = made(tmp_path, kind="B")
    differs = call(at(1), "one", agreed=False, said="up")
    label(tmp_path, differs, "up")
    assert looked(config, [differs], 60).lost == -1


def test_what_no_certificate_would_take_clears_nothing(tmp_path: Path) -> None:
    config = made(tmp_path, kind="B")
    differs = call(at(1), "one", agreed=False)
    label(tmp_path, differs, "down", "model")
    watch = looked(config, [differs], 60)
    assert (watch.audits, watch.waiting) == (0, 1)


@pytest.mark.parametrize("kind", ["B", "C"])
def test_what_none_of_the_contracts_values_answers_is_lost_at_once(tmp_path: Path, kind: PromiseKind) -> None:
    """A new intent: whatever the stage says is wrong, and nobody knows whether what the incumbent said was right."""
    config = made(tmp_path, kind=kind)
    differs = call(at(1), "one", agreed=False)
    label(tmp_path, differs, "sideways")
    watch = looked(config, [differs], 60)
    assert (watch.audits, watch.waiting, watch.lost) == (1, 0, 1)


def test_without_a_label_in_a_day_it_counts_as_lost(tmp_path: Path) -> None:
    config = made(tmp_path, kind="B")
    watch = looked(config, [call(at(1), "one", agreed=False)], 3600)
    assert (watch.audits, watch.waiting) == (0, 1)
    watch = looked(config, [call(at(3600), "two")], 24 * 3600 + 60)
    assert (watch.audits, watch.waiting, watch.lost) == (2, 0, 1)


def test_of_answers_alone_a_label_that_calls_both_wrong_counts(tmp_path: Path) -> None:
    config = made(tmp_path, kind="C")
    same = call(at(1), "one", said="up")
    label(tmp_path, same, "down")
    watch = looked(config, [same, call(at(2), "two"), call(at(3), "three", would_answer=False)], 60)
    assert (watch.audits, watch.answered, watch.lost, watch.waiting) == (1, 1, 1, 1)
    watch = looked(config, [], 24 * 3600 + 60)
    assert (watch.audits, watch.answered, watch.lost) == (3, 2, 1)


@pytest.mark.parametrize(
    ("kind", "said", "told", "right", "expected"),
    [
        ("B", "a", "b", "a", -1.0),
        ("B", "a", "b", "b", 1.0),
        ("B", "a", "b", "c", 0.0),
        ("B", "a", "", "a", -1.0),
        ("B", "a", "", "c", 0.0),
        ("B", "a", None, "a", -1.0),
        ("B", "a", None, "c", 1.0),
        ("C", "a", "b", "a", 0.0),
        ("C", "a", "a", "b", 1.0),
    ],
)
def test_what_a_label_makes_of_a_draw(kind: PromiseKind, said: str, told: str | None, right: str, expected: float) -> None:
    assert loss(kind, {"id": right}, ("id",), said, told) == expected
    assert loss(kind, {}, ("id",), said, told) is None


def test_of_answers_alone_labels_that_come_later_find_what_both_have_wrong(tmp_path: Path) -> None:
    config = made(tmp_path, "on", kind="C")
    before = call(at(0), "before")
    label(tmp_path, before, "up")  # somebody labels here
    same = [call(at(number), f"one {number}", said="up", reason="control") for number in range(1, 40)]
    watch = looked(config, same, 100)
    assert (watch.audits, watch.waiting) == (0, 39)
    for one in same:
        label(tmp_path, one, "down")
    watch = looked(config, [], 300)
    assert (watch.audits, watch.waiting, watch.lost) == (39, 0, 39)
    assert watch.broken


def test_of_answers_alone_what_both_say_is_right_after_a_day_without_a_label(tmp_path: Path) -> None:
    config = made(tmp_path, kind="C")
    label(tmp_path, call(at(0), "before"), "up")
    watch = looked(config, [call(at(1), "one")], 100)
    assert (watch.audits, watch.waiting) == (0, 1)
    watch = looked(config, [], 24 * 3600 + 60)
    assert (watch.audits, watch.answered, watch.lost) == (1, 1, 0)


def test_what_both_say_does_not_wait_where_nobody_labels_or_too_many_wait(tmp_path: Path) -> None:
    config = made(tmp_path, kind="C")
    assert looked(config, [call(at(1), "one")], 100).audits == 1
    agreed = waiting.Open(0, ("n",), "said", "said")
    assert waiting.room([agreed] * (waiting.MOST_AGREED - 1) + [waiting.Run(0)])
    assert not waiting.room([agreed] * waiting.MOST_AGREED)
