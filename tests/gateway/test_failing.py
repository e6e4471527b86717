"""If anything of ours fails the call goes upstream, and what failed for a moment comes back by itself."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import json
import os
import resource
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from modicum.config import Config, RouteConfig, StoreConfig, UpstreamConfig
from modicum.gateway import live as live_room
from modicum.gateway.alarm import Alarm
from modicum.gateway.app import application
from modicum.gateway.day import Day
from modicum.gateway.decide import Choice, decide
from modicum.gateway.exchange import Asked
from modicum.gateway.library import Kept
from modicum.gateway.live import Live, Serving, Stage, World
from modicum.gateway.speak import Question
from modicum.store import snapshot
from modicum.store.segments import SegmentWriter
from modicum.types import Call
from modicum.view import VIEW_VERSION, Redactor
from tests.gateway.rig import Upstream, recorded
from tests.gateway.routed import UP, headline, publish

UNENCODABLE = "\udc80"
"""Half of a character: it renders, and cannot be encoded."""


@pytest.fixture
def heard() -> io.StringIO:
    return io.StringIO()


def opened(home: Path, heard: io.StringIO) -> Live:
    live = Live(home, Alarm(heard, pause_s=0))
    live.now = live.load()
    return live


def decided(serving: Serving, heard: io.StringIO, request: dict[str, Any]) -> Choice:
    seen = Redactor.open().see(json.dumps(request).encode(), request)
    question = Question(
        call_id="c", endpoint="chat_completions", request=request, chat=seen.request, names=seen.names, view_version=VIEW_VERSION
    )
    return decide(serving, question, bypass=False, observe=False, control_share=0, alarm=Alarm(heard, pause_s=0))


def here(live: Live) -> Serving:
    return live.now.of("default")


def broken(serving: Serving, **changes: Any) -> Serving:
    """The same state, but what its stage writes fails."""
    ((key, stage),) = serving.stages.items()
    changed: Stage = dataclasses.replace(stage, workload=dataclasses.replace(stage.workload, **changes))
    return dataclasses.replace(serving, stages={key: changed})


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("what", ["name", "form", "kind"])
def test_a_reply_that_cannot_be_made_is_a_failed_choice(tmp_path: Path, heard: io.StringIO, what: str, stream: bool) -> None:
    publish(tmp_path)
    serving = here(opened(tmp_path, heard))
    (stage,) = serving.stages.values()
    contract = stage.workload.contract
    changes: dict[str, dict[str, Any]] = {
        "name": {"name": UNENCODABLE},
        "form": {"contract": dataclasses.replace(contract, form=UNENCODABLE + "{}")},
        "kind": {"contract": dataclasses.replace(contract, kind="object")},
    }
    choice = decided(serving, heard, headline(UP, stream=stream))
    assert choice.reason == "answered" and choice.written is not None and (choice.written.events is not None) is stream
    choice = decided(broken(serving, **changes[what]), heard, headline(UP, stream=stream))
    assert choice.reason == "failed" and choice.written is None and choice.stage is not None and choice.detail
    assert "modicum alarm: route r1" in heard.getvalue() and "the call went upstream" in heard.getvalue()


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as found:
        yield found


async def post(day: Day, request: dict[str, Any]) -> tuple[int, dict[bytes, bytes], bytes]:
    """Ask the application itself: (status, headers, body)."""
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    reply = Kept()
    await application(day)(Asked("POST", "/v1/chat/completions", headers, body=json.dumps(request).encode()), reply)
    return reply.status, dict(reply.headers), b"".join(reply.pieces)


@pytest.mark.parametrize("stream", [False, True])
async def test_its_call_is_answered_by_the_provider(tmp_path: Path, heard: io.StringIO, upstream: Upstream, stream: bool) -> None:
    publish(tmp_path)
    config = Config(
        store=StoreConfig(home=tmp_path), upstream=UpstreamConfig(url=upstream.url, auth="none"), route=RouteConfig(control_share=0)
    )
    day = Day.open(config, SegmentWriter(tmp_path), alarm=Alarm(heard, pause_s=0))
    try:
        serving = here(day.live)
        (stage,) = serving.stages.values()
        spoilt = broken(serving, contract=dataclasses.replace(stage.workload.contract, form=UNENCODABLE + "{}"))
        day.live.now = World(version=serving.version, scopes={"default": spoilt})
        status, headers, body = await post(day, headline(UP, stream=stream))
        assert status == 200 and headers[b"x-modicum-reason"] == b"failed" and b"x-modicum-model" not in headers
        assert (b"event-stream" in headers[b"content-type"]) is stream and (b"[DONE]" in body) is stream and b"chatcmpl-up" in body
    finally:
        await day.close()
    (call,) = recorded(tmp_path).values()
    check_failed(call)
    assert "UnicodeEncodeError; the call went upstream" in heard.getvalue()


def check_failed(call: Call) -> None:
    assert call.decision is not None and call.error is None and call.status == 200
    assert (call.decision.reason, call.decision.detail) == ("failed", "UnicodeEncodeError")
    assert call.decision.answered_by == call.response_model


# ---------------------------------------------------------------------------------------------------------- coming back


@contextmanager
def no_more_files() -> Iterator[None]:
    """Nothing can be opened: EMFILE. Looking at a file still works."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def no_artefacts(home: Path) -> Iterator[None]:
    os.rename(home / "artefacts", home / "elsewhere")
    try:
        yield
    finally:
        os.rename(home / "elsewhere", home / "artefacts")


@asynccontextmanager
async def watched(live: Live) -> AsyncIterator[None]:
    task = asyncio.create_task(live.watch())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(reached: Callable[[], bool], within_s: float = 8.0) -> None:
    began = time.monotonic()
    while not reached():
        assert time.monotonic() - began < within_s
        await asyncio.sleep(0.02)


async def test_a_lack_of_descriptors_passes(tmp_path: Path, heard: io.StringIO) -> None:
    live = opened(tmp_path, heard)
    async with watched(live):
        publish(tmp_path)
        await until(lambda: bool(here(live).stages))
        snapshot_again(tmp_path)
        with no_more_files():
            await until(lambda: not here(live).stages)
            assert decided(here(live), heard, headline(UP)).reason == "not_recognised"
        await until(lambda: bool(here(live).stages))
    assert decided(here(live), heard, headline(UP)).reason == "answered"
    assert "modicum alarm: snapshot: StoreError: cannot read" in heard.getvalue()


async def test_an_artefact_that_was_missing_for_a_moment_comes_back(tmp_path: Path, heard: io.StringIO) -> None:
    publish(tmp_path)
    with no_artefacts(tmp_path):
        live = opened(tmp_path, heard)
        assert here(live).stages["w1"].broken
        choice = decided(here(live), heard, headline(UP))
        assert (choice.reason, choice.detail, choice.stage_failed) == ("failed", here(live).stages["w1"].broken, True)
    async with watched(live):
        await until(lambda: not here(live).stages["w1"].broken)
    assert decided(here(live), heard, headline(UP)).reason == "answered"


async def test_a_look_that_fails_does_not_end_what_was_served(tmp_path: Path, heard: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is the same afterwards; it must be read again all the same."""
    publish(tmp_path)
    live = opened(tmp_path, heard)
    look = live._stamp
    async with watched(live):
        monkeypatch.setattr(live, "_stamp", Failing())
        await until(lambda: not here(live).stages)
        monkeypatch.setattr(live, "_stamp", look)
        await until(lambda: bool(here(live).stages))


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


class Failing:
    def __call__(self) -> None:
        raise MemoryError


def test_a_failing_state_is_read_again_after_pauses_that_grow(tmp_path: Path, heard: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tmp_path)
    clock = Clock()
    monkeypatch.setattr(live_room, "time", clock)
    with no_artefacts(tmp_path):
        live = opened(tmp_path, heard)
        pauses = []
        for _ in range(7):
            began = clock.now
            assert not live.due()
            while not live.due():
                clock.now += 0.5
            pauses.append(clock.now - began)
            live.now = live.load()
        assert pauses == [1, 2, 4, 8, 16, 16, 16]
        snapshot_again(tmp_path)
        assert live.due(), "another file is read at once"
        live.now = live.load()
        clock.now += 1.0
        assert live.due(), "and has its own pauses"
    live.now = live.load()
    assert not here(live).stages["w1"].broken
    clock.now += 1000
    assert not live.due()


def snapshot_again(home: Path) -> None:
    """Write the same snapshot anew, as any change of a route does."""
    found = snapshot.read(home)
    assert found is not None
    snapshot.write(home, dataclasses.replace(found, version=found.version + "+"))


class Blind:
    """A redactor that fails."""

    version = "2"

    def see(self, body: bytes, request: dict[str, Any]) -> None:
        raise NameError("canary")

    names = see


async def test_what_cannot_be_redacted_goes_upstream_and_its_bodies_are_not_stored(
    tmp_path: Path, heard: io.StringIO, upstream: Upstream
) -> None:
    publish(tmp_path)
    config = Config(store=StoreConfig(home=tmp_path), upstream=UpstreamConfig(url=upstream.url, auth="none"))
    day = Day.open(config, SegmentWriter(tmp_path), alarm=Alarm(heard, pause_s=0))
    try:
        day.setting = dataclasses.replace(day.setting, redactor=Blind())  # type: ignore[arg-type]
        status, headers, _ = await post(day, headline(UP))
        assert status == 200 and headers[b"x-modicum-reason"] == b"failed"
    finally:
        await day.close()
    (call,) = recorded(tmp_path).values()
    assert (call.request, call.response, call.status, call.usage.input_tokens) == (None, None, 200, 10)
    assert "redaction: NameError" in heard.getvalue() and "canary" not in heard.getvalue()


async def test_what_is_refused_before_it_was_seen_is_stored_redacted(tmp_path: Path, heard: io.StringIO, upstream: Upstream) -> None:
    config = Config(store=StoreConfig(home=tmp_path), upstream=UpstreamConfig(url=upstream.url, auth="none"))
    day = Day.open(config, SegmentWriter(tmp_path), alarm=Alarm(heard, pause_s=0))
    try:
        status, _, _ = await post(day, {"messages": [{"role": "user", "content": "write to jane@example.com"}]})
        assert status == 400
    finally:
        await day.close()
    (call,) = recorded(tmp_path).values()
    assert call.request is not None and b"jane@" not in call.request and b"<EMAIL_1>" in call.request
