"""A specialist that fails: its calls go to the incumbent, and nobody gets an empty answer (F18)."""

from __future__ import annotations

import dataclasses
import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from safetensors.numpy import load, save

from modicum.artefact import Artefacts
from modicum.backends.linear import WEIGHTS_FILE
from modicum.config import Config, RouteConfig, StoreConfig, UpstreamConfig
from modicum.gateway.alarm import Alarm
from modicum.gateway.app import application
from modicum.gateway.day import Day
from modicum.gateway.exchange import Asked
from modicum.gateway.library import Kept
from modicum.gateway.live import World as Served
from modicum.gateway.pace import IN_A_ROW, REST_S, Pace
from modicum.store import snapshot
from modicum.store.segments import SegmentWriter
from modicum.types import Prediction
from tests.faults.conftest import Report
from tests.faults.provider import Provider
from tests.gateway.rig import recorded
from tests.gateway.routed import DOWN, UP, headline, publish


async def post(day: Day, request: dict[str, Any]) -> tuple[int, dict[bytes, bytes], bytes]:
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    reply = Kept()
    await application(day)(Asked("POST", "/v1/chat/completions", headers, body=json.dumps(request).encode()), reply)
    return reply.status, dict(reply.headers), b"".join(reply.pieces)


def opened(home: Path, provider: Provider, heard: io.StringIO) -> Day:
    config = Config(
        store=StoreConfig(home=home), upstream=UpstreamConfig(url=provider.url, auth="none"), route=RouteConfig(control_share=0)
    )
    return Day.open(config, SegmentWriter(home), alarm=Alarm(heard, pause_s=0))


class Odd:
    """A specialist that does what it is told instead."""

    used_slots = ("user.0",)
    labels = ("down", "up")

    def __init__(self, does: Callable[[], Prediction]) -> None:
        self.predict = lambda slots: does()


def crash() -> Prediction:
    raise ZeroDivisionError


def exhausted() -> Prediction:
    raise MemoryError


def deep() -> Prediction:
    raise RecursionError


def nan() -> Prediction:
    return Prediction(value="up", confidence=float("nan"))


def empty() -> Prediction:
    return Prediction(value="", confidence=1.0)


def stranger() -> Prediction:
    return Prediction(value="sideways", confidence=1.0)


def nothing() -> Prediction:
    return None  # type: ignore[return-value]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("does", [crash, exhausted, deep, nan, nothing])
async def test_what_it_cannot_say_the_incumbent_says(tmp_path: Path, does: Callable[[], Prediction], stream: bool) -> None:
    publish(tmp_path)
    heard = io.StringIO()
    with Provider() as provider:
        day = opened(tmp_path, provider, heard)
        try:
            serving = day.live.now.of("default")
            ((name, stage),) = serving.stages.items()
            spoilt = dataclasses.replace(serving, stages={name: dataclasses.replace(stage, specialist=Odd(does))})  # type: ignore[arg-type]
            day.live.now = Served(version=serving.version, scopes={"default": spoilt})
            for _ in range(3):
                status, headers, body = await post(day, headline(UP, stream=stream))
                assert status == 200 and b"echo Headline" in body and b"x-modicum-model" not in headers
                assert headers[b"x-modicum-reason"] in (b"failed", b"below_threshold")
        finally:
            await day.close()
    assert len(provider.seen) == 3 and all(call.status == 200 and call.response for call in recorded(tmp_path).values())


@pytest.mark.parametrize("does", [empty, stranger])
async def test_what_is_no_label_is_never_an_empty_answer(tmp_path: Path, does: Callable[[], Prediction]) -> None:
    publish(tmp_path)
    with Provider() as provider:
        day = opened(tmp_path, provider, io.StringIO())
        try:
            serving = day.live.now.of("default")
            ((name, stage),) = serving.stages.items()
            spoilt = dataclasses.replace(serving, stages={name: dataclasses.replace(stage, specialist=Odd(does))})  # type: ignore[arg-type]
            day.live.now = Served(version=serving.version, scopes={"default": spoilt})
            status, _, body = await post(day, headline(UP))
            assert status == 200 and json.loads(body)["choices"][0]["message"]["content"]
        finally:
            await day.close()


async def test_one_that_is_ten_times_as_slow_still_answers(tmp_path: Path, report: Report) -> None:
    publish(tmp_path)
    with Provider() as provider:
        day = opened(tmp_path, provider, io.StringIO())
        try:
            serving = day.live.now.of("default")
            ((name, stage),) = serving.stages.items()

            def slowly() -> Prediction:
                time.sleep(0.005)
                return Prediction(value="up", confidence=1.0)

            spoilt = dataclasses.replace(serving, stages={name: dataclasses.replace(stage, specialist=Odd(slowly))})  # type: ignore[arg-type]
            day.live.now = Served(version=serving.version, scopes={"default": spoilt})
            status, headers, body = await post(day, headline(UP))
            assert status == 200 and b"x-modicum-model" in headers and json.loads(body)["choices"][0]["message"]["content"] == "up"
            assert not provider.seen
        finally:
            await day.close()
    report("F18", "a specialist that fails in 5 ways, 30 calls: the incumbent answered each; one that takes 5 ms answers")


@pytest.mark.parametrize("fails", [False, True])
async def test_one_that_holds_everybody_up_rests_and_is_tried_again(tmp_path: Path, fails: bool, report: Report) -> None:
    publish(tmp_path)
    heard = io.StringIO()
    now, takes_s, asked = 1000.0, 0.06, 0
    with Provider() as provider:
        day = opened(tmp_path, provider, heard)
        try:
            serving = day.live.now.of("default")
            ((name, stage),) = serving.stages.items()

            def slowly() -> Prediction:
                nonlocal asked
                asked += 1
                time.sleep(takes_s)
                return crash() if fails and takes_s else Prediction(value="up", confidence=1.0)

            assert stage.pace.limit_s == 0.05
            slow = dataclasses.replace(stage, specialist=Odd(slowly), pace=Pace(0.05, clock=lambda: now))  # type: ignore[arg-type]
            day.live.now = Served(version="slow", scopes={"default": dataclasses.replace(serving, stages={name: slow})})

            async def ask(times: int) -> list[str]:
                found = [dict((await post(day, headline(UP)))[1]) for _ in range(times)]
                return ["stage" if b"x-modicum-model" in headers else headers[b"x-modicum-reason"].decode() for headers in found]

            assert await ask(6) == ["failed" if fails else "stage"] * IN_A_ROW + ["failed"] * 3 and asked == IN_A_ROW
            assert "alarm: slow r1: slow: " in heard.getvalue() and "50 are allowed" in heard.getvalue()
            now += REST_S
            assert (await ask(3))[1:] == ["failed"] * 2 and asked == IN_A_ROW + 1  # still slow: it rests twice as long
            now += REST_S
            assert await ask(1) == ["failed"] and asked == IN_A_ROW + 1
            now += REST_S
            takes_s = 0.0
            assert await ask(3) == ["stage"] * 3
        finally:
            await day.close()
    calls = recorded(tmp_path).values()
    assert len(calls) == 13 and all(call.status == 200 for call in calls)
    assert sum("route.slow_ms" in call.decision.detail for call in calls if call.decision) == 6
    report(
        "F18", f"a specialist that takes 60 ms{' and fails' if fails else ''} is asked 3 times, rests, is tried again, rests twice as long"
    )


def damaged(home: Path, digest: str, how: str) -> None:
    """Spoil what the route names."""
    artefacts = home / "artefacts"
    if how == "wrong digest":
        found = snapshot.read(home)
        assert found is not None
        (live,) = found.routes
        route = dataclasses.replace(live.route, artefact_digest="sha256:" + "0" * 64)
        snapshot.write(home, dataclasses.replace(found, version="damaged", routes=(dataclasses.replace(live, route=route),)))
    elif how == "NaN":
        artefact = Artefacts(artefacts).read(digest)
        files = dict(artefact.files)
        tensors = load(files[WEIGHTS_FILE])
        tensors["scale"] = np.full(2, np.nan, dtype=np.float32)
        files[WEIGHTS_FILE] = save(tensors)
        other = Artefacts(artefacts).write(files, {"made_by": "a test"})
        found = snapshot.read(home)
        assert found is not None
        (live,) = found.routes
        snapshot.write(
            home,
            dataclasses.replace(
                found, version="damaged", routes=(dataclasses.replace(live, route=dataclasses.replace(live.route, artefact_digest=other)),)
            ),
        )
    else:
        for path in (artefacts / "blobs").iterdir():
            data = bytearray(path.read_bytes())
            if how == "flipped":
                data[len(data) // 2] ^= 1
            path.unlink()
            if how != "gone":
                path.write_bytes(bytes(data) if how == "flipped" else b"")


@pytest.mark.parametrize("how", ["wrong digest", "NaN", "flipped", "gone", "empty"])
async def test_an_artefact_that_is_not_what_it_says_answers_nothing(tmp_path: Path, how: str, report: Report) -> None:
    digest = publish(tmp_path)
    damaged(tmp_path, digest, how)
    heard = io.StringIO()
    with Provider() as provider:
        day = opened(tmp_path, provider, heard)
        try:
            for text in (UP, DOWN):
                status, headers, body = await post(day, headline(text))
                assert status == 200 and b"echo Headline" in body and headers[b"x-modicum-reason"] == b"failed"
        finally:
            await day.close()
    assert "alarm: route r1" in heard.getvalue() and msgspec.json.encode(heard.getvalue())
    report("F18", f"artefact {how}: its calls went to the incumbent, with an alarm")
