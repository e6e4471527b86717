"""A caller that alone is served badly: its losses send nothing back, and are told of."""

from __future__ import annotations

import dataclasses
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from modicum.cli import cli
from modicum.config import Config
from modicum.store.control import Control
from modicum.store.segments import SegmentWriter
from modicum.types import Call, Key, Notice, PromiseKind, Watch
from modicum.watch import callers
from modicum.watch.callers import LATEST, MOST_SUSPECTS, Alone, Callers, Suspect, hear, standing, takes, weigh
from modicum.watch.draws import Toss
from modicum.watch.round import Rounds
from tests.watch.watched_home import START, call, made

DAY = 24 * 3600


def with_keys(home: Path, kind: PromiseKind = "A") -> Config:
    config = made(home, "on", kind)
    for number in range(6):
        key = Key(key_id=f"key_{number}", name=f"shop {number}", digest="", shown="mk-1", created_at=datetime.now(UTC), created_by="ann")
        Control(home).put_key(key, actor="ann", action="create")
    return config


def asked(second: float, key: str, text: str, *, agreed: bool = True, user: str | None = None) -> Call:
    found = call(START + timedelta(seconds=second), text, agreed=agreed, reason="control")
    return dataclasses.replace(found, key_id=key, user_id=user)


def rightly(number: int, start: float = 0) -> list[Call]:
    return [asked(start + one, f"key_{one % 6}", f"good {start} {one}") for one in range(number)]


def badly(number: int, start: float, key: str = "key_2") -> list[Call]:
    return [asked(start + one, key, f"bad {start} {one}", agreed=False) for one in range(number)]


def looked(config: Config, calls: list[Call], seconds: float) -> tuple[list[Notice], Watch]:
    writer = SegmentWriter(config.home)
    for one in calls:
        writer.append(one)
    writer.close()
    found = Rounds(config).look(START + timedelta(seconds=seconds))
    (watch,) = Control(config.home).watches()
    return [one for one in found.notices if one.kind == "warning"], watch


def test_a_key_that_alone_is_served_badly_is_told_of_by_its_name_and_nothing_is_sent_back(tmp_path: Path) -> None:
    config = with_keys(tmp_path)
    (notice,), watch = looked(config, rightly(300) + badly(9, 300), 400)
    assert Control(tmp_path).route("r1").state == "on"
    (warning,) = watch.warnings
    assert notice.text == f"direction: {warning}"
    assert warning.startswith("9 of the latest 9 audits of key 'shop 2' (key_2) were lost, and 8 of these do not count")
    for next_step in ("`modicum calls export`", "`x-modicum-bypass: true`", "--scope SCOPE", "`modicum route rollback r1`"):
        assert next_step in warning
    assert (watch.audits, watch.lost) == (309, 1)


def test_it_is_told_of_once_a_day_as_long_as_it_goes_on(tmp_path: Path) -> None:
    config = with_keys(tmp_path)
    assert len(looked(config, rightly(300) + badly(9, 300), 400)[0]) == 1
    assert looked(config, badly(9, 1000), 1100)[0] == []
    (notice,), _ = looked(config, badly(9, DAY + 1000), DAY + 1100)
    assert "key 'shop 2'" in notice.text
    notices, watch = looked(config, rightly(100, 2 * DAY + 2000), 2 * DAY + 2200)
    assert (notices, watch.warnings) == ([], ())


def test_it_is_shown_where_early_signs_are(tmp_path: Path) -> None:
    config = with_keys(tmp_path)
    looked(config, rightly(300) + badly(9, 300), 400)
    shown = CliRunner().invoke(cli, ["route", "show", "r1", "--home", str(tmp_path)], catch_exceptions=False).output
    assert "Early sign, without a guarantee: 9 of the latest 9 audits of key 'shop 2' (key_2) were lost" in " ".join(shown.split())
    listed = CliRunner().invoke(cli, ["route", "list", "--home", str(tmp_path), "--format", "json"], catch_exceptions=False).output
    assert "key_2" in listed


def test_a_user_is_not_named_and_no_id_is_kept(tmp_path: Path) -> None:
    config = made(tmp_path, "on")
    good = [asked(one, "", f"good {one}", user=f"person {one % 30}") for one in range(300)]
    bad = [asked(300 + 40 * one, "", f"bad {one}", agreed=False, user="jane.doe") for one in range(9)]
    (notice,), watch = looked(config, good + bad, 1000)
    assert "audits of one end user were lost" in notice.text
    assert "--scope" not in notice.text
    assert b"jane" not in msgspec.json.encode(watch) and b"person" not in msgspec.json.encode(watch)


def test_where_there_is_nobody_else_the_losses_count_and_no_warning_is_needed(tmp_path: Path) -> None:
    config = with_keys(tmp_path)
    few = [dataclasses.replace(one, key_id="key_2") for one in rightly(100)]
    notices, watch = looked(config, few + badly(9, 300), 400)
    assert watch.broken
    assert notices == []


def test_a_key_that_was_deleted_from_what_is_known_has_no_name(tmp_path: Path) -> None:
    config = with_keys(tmp_path)
    (notice,), _ = looked(config, rightly(300) + badly(9, 300, "key_gone"), 400)
    assert "audits of key that is not known here were lost" in notice.text


@pytest.mark.parametrize("kind", ["B", "C"])
def test_of_what_waits_for_labels_good_audits_of_a_key_weigh_too(tmp_path: Path, kind: PromiseKind) -> None:
    config = with_keys(tmp_path, kind)
    notices, watch = looked(config, rightly(300) + badly(25, 300) + rightly(60, 400), 500)
    assert (notices, watch.waiting) == ([], 25)
    (notice,), watch = looked(config, [], DAY + 600)
    assert "25 of the latest 35 audits of key 'shop 2' (key_2) were lost, and 24 of these do not count" in notice.text
    assert watch.waiting == 0
    # the same number of losses among many more good audits is what was certified
    config = with_keys(tmp_path / "other", kind)
    first = asked(1, "key_2", "first bad", agreed=False)
    mixed = [one for step in range(4) for one in [*rightly(900, 1000 * step + 10), *badly(1, 1000 * step + 950)]]
    assert looked(config, [first, *mixed], 2 * DAY)[0] == []


def run(seed: int, audits: int, rates: list[float], *, level: float, users: int = 0) -> list[int]:
    """The audits at which a warning came."""
    dice, known, found = random.Random(seed), Callers(), []
    for number in range(1, audits + 1):
        which = dice.randrange(len(rates))
        key, user = f"key {which}", f"user {dice.randrange(users)}" if users else ""
        toss = Toss(started_us=number * 60_000_000, call_id="", route_id=None, workload_id=None, reason="control", key=key, user=user)
        hear(known, toss)
        lost = float(dice.random() < rates[which])
        counted = not lost or takes(known, number, key, user)
        who = {f"key {key}": 1} | ({f"user {user}": 1} if user else {})
        weigh(known, who, lost, number * 60, counted=counted, level=level, low=0.0, run_length=10_000)
        found += [number] * len(known.rang)
        known.rang = {}
    return found


def test_while_nobody_loses_more_than_the_level_warnings_are_as_rare_as_false_alarms() -> None:
    runs = [run(seed, 3_000, [0.05] * 6, level=0.05, users=30) for seed in range(8)]
    assert sum(map(len, runs)) / (8 * 3_000) <= 1 / 10_000 + 3 / (8 * 3_000)


def test_a_key_that_loses_far_more_is_found_among_twenty() -> None:
    found = sorted((run(seed, 3_000, [0.5] + [0.005] * 19, level=0.015) or [3_000])[0] for seed in range(11))
    assert found[5] < 250
    assert found[-1] < 1_000


def test_memory_is_bounded_and_the_least_suspicious_goes() -> None:
    known = Callers()
    for number in range(MOST_SUSPECTS):
        for _ in range(2):
            weigh(known, {f"key {number}": 1}, 1.0, 10, counted=False, level=0.05, low=0.0, run_length=10_000)
    weigh(known, {"key weak": 1}, 1.0, 10, counted=False, level=0.05, low=0.0, run_length=10_000)
    weigh(known, {"key last": 1}, 1.0, 10, counted=False, level=0.05, low=0.0, run_length=10_000)
    assert len(known.suspects) == MOST_SUSPECTS
    assert "key last" in known.suspects and "key weak" not in known.suspects
    weigh(known, {"key last": LATEST}, 0.0, 10, counted=True, level=0.05, low=0.0, run_length=10_000)
    assert "key last" not in known.suspects
    weigh(known, {"key new": 1}, 1.0, 10 + callers.KNOWN_S, counted=False, level=0.05, low=0.0, run_length=10_000)
    assert set(known.suspects) == {"key new"}
    assert all(len(one.latest) <= LATEST for one in known.suspects.values())


def test_a_warning_stands_for_a_day_and_the_worst_is_first() -> None:
    known = Callers(suspects={"key a": Suspect("lxx."), "key b": Suspect("xxxxx")}, rang={"key a": 100, "key b": 200, "key gone": 200})
    assert list(standing(known, 300).items()) == [("key b", Alone(5, 5, 5)), ("key a", Alone(4, 3, 2))]
    assert list(standing(known, 150 + callers.STANDS_S)) == ["key b"]
    assert standing(known, 200 + callers.STANDS_S) == {}
