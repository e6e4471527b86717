"""Versions of a prompt that a live route's certificate does not know: what is told of them."""

from __future__ import annotations

import dataclasses
import random
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from modicum.config import Config
from modicum.pipeline.newcomers import COMPARED, newcomers, said
from modicum.store.control import Control
from modicum.store.segments import SegmentWriter
from modicum.types import Call, Reason, RouteState, but
from tests.watch.watched_home import START, call, made, workload

NOW = START + timedelta(days=2)


def home(path: Path, state: RouteState = "on") -> Config:
    config = made(path, state)
    known = workload()
    edited = dataclasses.replace(known.versions[0], version_id="v2", first_seen=START, last_seen=START, calls=5)
    Control(path).replace_workloads([dataclasses.replace(known, versions=(*known.versions, edited))])
    return config


def asked(
    at: datetime, number: int, *, reason: Reason = "not_covered", version: str = "v2", agreed: bool = True, sure: bool = True
) -> Call:
    found = call(at, f"request {number}", reason="shadow", agreed=agreed)
    assert found.decision is not None
    decision = but(
        found.decision,
        reason=reason,
        version_id=version,
        would_answer=sure and reason == "not_covered",
        confidence=0.95 if sure else 0.5,
        threshold=0.9,
    )
    return dataclasses.replace(found, decision=decision, cost_usd=Decimal("0.01"))


def recorded(config: Config, number: int, *, wrong: float, sure: float = 0.8, control: float = 0.1) -> None:
    drawn, writer = random.Random(4), SegmentWriter(config.home)
    for one in range(number):
        at = START + timedelta(days=2) * one / number
        reason: Reason = "control" if drawn.random() < control else "not_covered"
        is_sure = drawn.random() < sure
        writer.append(asked(at, one, reason=reason, sure=is_sure, agreed=drawn.random() >= wrong))
        writer.append(asked(at, one, reason="control", version="v1"))
    writer.close()


def test_what_an_edit_costs_and_when_it_can_be_certified(tmp_path: Path) -> None:
    config = home(tmp_path)
    recorded(config, 1000, wrong=0.005)
    (found,) = newcomers(config, Control(tmp_path), now=NOW)
    assert (found.version_id, found.route_id, found.calls, found.compared) == ("v2", "r1", 1000, 1000)
    assert found.agreement_interval is not None and found.agreement_interval[0] < found.agreed / 1000 < found.agreement_interval[1]
    assert found.would_answer == pytest.approx(800, abs=40), "the control's too, by how sure the stage was"
    assert found.fair == pytest.approx(100, abs=30), "only those that the coin kept certify"
    assert found.needed is not None and 100 < found.needed < 2000
    assert found.certified_by is not None
    waits = (found.certified_by - NOW) / timedelta(days=1)
    assert waits == pytest.approx(max(found.needed - found.fair, 0) / (found.fair / 2), rel=0.05)
    assert found.lost_calls_month == pytest.approx(500 * 30.44 * found.would_answer / 1000, rel=0.01)
    assert found.lost_usd_month is not None and float(found.lost_usd_month) == pytest.approx(found.lost_calls_month / 100)
    text = said(found)
    assert "1,000 calls since" in text and "a certificate will need about" in text and "answers a month, $" in text


def test_an_old_stage_that_no_longer_agrees_has_to_learn(tmp_path: Path) -> None:
    config = home(tmp_path)
    recorded(config, 400, wrong=0.4)
    (found,) = newcomers(config, Control(tmp_path), now=NOW)
    assert found.needed is None and found.certified_by is None
    assert "it has to learn them" in said(found)


def test_with_few_comparisons_nothing_is_foretold(tmp_path: Path) -> None:
    config = home(tmp_path, "shadow")
    recorded(config, COMPARED - 1, wrong=0.0)
    (found,) = newcomers(config, Control(tmp_path), now=NOW)
    assert found.needed is None and found.lost_calls_month == 0, "in shadow nobody gets its answers"
    assert f"told from {COMPARED} compared calls on" in said(found)


def test_what_is_certified_or_not_live_is_none(tmp_path: Path) -> None:
    config = home(tmp_path, "paused")
    recorded(config, 100, wrong=0.0)
    assert newcomers(config, Control(tmp_path), now=NOW) == []


def test_an_hour_of_a_new_version_is_not_taken_for_a_twenty_fourth_of_a_day(tmp_path: Path) -> None:
    config = home(tmp_path)
    writer = SegmentWriter(config.home)
    for one in range(200):
        writer.append(asked(START + timedelta(seconds=18 * one), one))
    writer.close()
    (found,) = newcomers(config, Control(tmp_path), now=START + timedelta(hours=1))
    assert found.calls_day == 200 and found.days == pytest.approx(1 / 24)
    assert found.lost_calls_month == pytest.approx(200 * 30.44, rel=0.01), "and not twenty-four times that"
    assert "200 calls since 2026" in said(found) and "less than a day ago: taken as a day's" in said(found)
    (later,) = newcomers(config, Control(tmp_path), now=START + timedelta(days=4))
    assert later.calls_day == 50 and "50 a day, from 4 days" in said(later), "a burst fades"
