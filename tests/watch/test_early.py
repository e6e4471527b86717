"""Early signs: told where a route's calls are others than at first, and not where chance alone makes the difference."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import pytest

from modicum.store.control import Control
from modicum.store.segments import SegmentWriter
from modicum.types import Cover
from modicum.watch.draws import Toss
from modicum.watch.early import BLOCK, FIRST, Early, see
from modicum.watch.round import Rounds
from tests.watch.watched_home import START, call, made

COVER = Cover(incumbents=("gpt-4",), version_ids=("v1",), view_version="1", max_input_chars=500)


def toss(dice: random.Random, **changes: object) -> Toss:
    sure = dice.random() ** 0.3
    found = {
        "started_us": 0,
        "call_id": "c",
        "route_id": "r1",
        "workload_id": "w1",
        "reason": "shadow",
        "outcome": "agreed" if sure > 0.6 else "deferred",
        "compared": True,
        "stage_ms": dice.uniform(0.5, 1.5),
        "version_id": "v1",
        "confidence": sure,
        "label": f"label {int(dice.random() ** 2 * 77)}",
    }
    return Toss(**{**found, **changes})


def warned(blocks: int, seed: int, **changes: object) -> set[str]:
    """Kinds of signs in so many blocks behind the first ones."""
    dice, early = random.Random(seed), Early()
    for _ in range(FIRST * BLOCK):
        see(early, toss(dice), COVER)
    kinds: set[str] = set()
    for _ in range(blocks):
        for _ in range(BLOCK):
            see(early, toss(dice, **changes), COVER)
        kinds |= early.warnings.keys()
    return kinds


def test_chance_alone_is_no_sign() -> None:
    assert [warned(20, seed) for seed in range(3)] == [set()] * 3


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"confidence": 0.65}, {"confidence"}),
        ({"label": "label 5"}, {"labels"}),
        ({"outcome": "deferred"}, {"coverage"}),
        ({"outcome": "deferred", "outside": True}, {"coverage", "outside"}),
        ({"version_id": "v2"}, {"versions"}),
        ({"failed": "it broke"}, {"failures"}),
        ({"stage_ms": 8.0}, {"latency"}),
    ],
)
def test_what_is_otherwise_is_named(changes: dict[str, object], expected: set[str]) -> None:
    assert warned(1, 1, **changes) == expected


def test_what_was_given_back_or_held_is_no_sign() -> None:
    assert warned(1, 1, reason="unwatched", outside=True, outcome=None) == set()


def test_a_sign_is_told_as_a_warning_once_and_sends_nothing_back(tmp_path: Path) -> None:
    config, writer = made(tmp_path, "shadow"), SegmentWriter(tmp_path)
    at = START
    for number in range((FIRST + 2) * BLOCK):
        at += timedelta(seconds=0.5)
        other = number >= FIRST * BLOCK
        writer.append(call(at, f"{number}", said="up" if other or number % 2 else "down"))
    rounds = Rounds(config)
    found = rounds.look(at + timedelta(seconds=60))
    assert [one.kind for one in found.notices] == ["warning"]
    assert "what it says is distributed otherwise" in found.notices[0].text
    (watch,) = Control(tmp_path).watches()
    assert len(watch.warnings) == 1
    assert watch.lacking == ("0.2 of 1 hour",)
    writer.append(call(at, "one more"))
    assert rounds.look(at + timedelta(seconds=90)).notices == ()
    assert Control(tmp_path).route("r1").state == "shadow"
