"""Sentinels: an incumbent that answers otherwise than it did is noticed, one that does not is left alone. The server is on loopback."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from modicum.config import Config, UpstreamConfig, WatchConfig
from modicum.pipeline.night import Night
from modicum.pipeline.switching import switch
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.store.segments import SegmentWriter
from modicum.watch import sentinels
from modicum.watch.sentinels import NEWEST, Asked, due, named
from tests.pipeline import traffic
from tests.pipeline.model_server import ModelServer, sorts
from tests.pipeline.test_night import only
from tests.pipeline.test_trying import PRICE, WISH, filled, settings
from tests.watch.watched_home import call

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def parcels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("sentinels"), [row for row, _ in traffic.sorted_messages(700)])


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


def reached(home: Path, tmp_path: Path, server: ModelServer, *, usd: float = 1.0) -> Config:
    config = settings(home, tmp_path, server, prices={"gpt-4o": PRICE})
    upstream = UpstreamConfig(kind="openai_compatible", url=server.url, auth="none")
    return dataclasses.replace(config, upstream=upstream, watch=WatchConfig(sentinels=40, sentinel_usd=usd))


def differing(server: ModelServer, every: int) -> None:
    """From now on one answer in so many is another than before."""
    asked = iter(range(10**6))
    server.answers["gpt-4o"] = lambda request: "nothing" if next(asked) % every == 0 else sorts(request)


def test_an_incumbent_that_changed_is_told_of_and_one_that_did_not_is_not(parcels: Path, tmp_path: Path, server: ModelServer) -> None:
    config = reached(parcels, tmp_path, server)
    verdict = Night(config, WISH).fit(only(config))
    assert verdict.route is not None
    switch(config, verdict.route.route_id, "on", actor="ann")
    control, workload = Control(config.home), only(config)
    differing(server, 20)
    first, warning = sentinels.look(config, control, workload, verdict.route, Asked(), NOW)
    assert (warning, first.rounds, first.calls, len(server.requests)) == ("", 1, 40, 40) and first.differing == 2
    held = {one.call_id for one in Calls(config.home).scan()}
    assert len(held) == 700
    assert sentinels.look(config, control, workload, verdict.route, first, NOW + timedelta(days=6))[1] == ""
    assert len(server.requests) == 40, "once a week"
    same, warning = sentinels.look(config, control, workload, verdict.route, first, NOW + timedelta(days=7))
    assert (warning, same.rounds, len(server.requests)) == ("", 2, 80), "others than the first time"
    differing(server, 3)
    _, warning = sentinels.look(config, control, workload, verdict.route, same, NOW + timedelta(days=14))
    assert "once a week, and it answers 14 of 40 recorded requests otherwise than it did; of itself it differed at 2 of 40" in warning
    assert control.route(verdict.route.route_id).state == "on", "a warning is no step"


def test_by_default_nothing_is_asked_and_no_dollar_is_spent(parcels: Path, tmp_path: Path, server: ModelServer) -> None:
    assert WatchConfig().sentinel_usd == 0
    shutil.copytree(parcels, tmp_path / "copied")
    config = reached(tmp_path / "copied", tmp_path, server, usd=0.0)
    route = next(iter(Control(config.home).routes()), None)
    if route is None:
        verdict = Night(config, WISH).fit(only(config))
        assert verdict.route is not None
        route = verdict.route
    known, warning = sentinels.look(config, Control(config.home), only(config), route, Asked(), NOW)
    assert (warning, known.rounds, server.requests) == ("", 0, [])


def test_what_it_calls_itself_is_read_from_calls_it_answered_whatever_they_said(tmp_path: Path) -> None:
    from tests.watch.watched_home import made, workload

    made(tmp_path, "on")
    writer = SegmentWriter(tmp_path)
    for number in range(2 * NEWEST):
        newer = number >= NEWEST
        found = call(NOW - timedelta(minutes=90 - number), f"request {number}", reason="control")
        body = msgspec.json.decode(found.response or b"")
        body["system_fingerprint"] = "fp_2" if newer else "fp_1"
        writer.append(dataclasses.replace(found, response_model="gpt-4-0613", response=msgspec.json.encode(body)))
        writer.append(call(NOW, f"answered {number}", reason="answered", response_model="modicum/direction"))
    writer.close()
    assert named(Calls(tmp_path), workload(), NOW) == "gpt-4-0613 (fp_2)"
    assert named(Calls(tmp_path), workload(), NOW + timedelta(days=30)) is None


@pytest.mark.parametrize(
    ("known", "name", "why"),
    [
        (Asked(), "a", "once a week"),
        (Asked(names=["a"], at=NOW), "a", ""),
        (Asked(names=["a"], at=NOW), None, ""),
        (Asked(names=["a"], at=NOW), "b", "the incumbent calls itself b now"),
        (Asked(names=["a"], at=NOW - timedelta(days=7)), "a", "once a week"),
    ],
)
def test_when_it_is_asked(known: Asked, name: str | None, why: str) -> None:
    assert due(known, name, NOW) == why
