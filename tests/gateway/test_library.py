"""The library front: the same walk in this process, synchronous and asynchronous, recorded and routed as over HTTP."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from modicum import Modicum
from modicum.config import Config, RouteConfig, StoreConfig, UpstreamConfig
from modicum.errors import ConfigError, ModicumError, RequestError, UpstreamError
from tests.gateway.rig import Upstream, recorded
from tests.gateway.routed import UP, headline, publish


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as found:
        yield found


@pytest.fixture
def config(upstream: Upstream, tmp_path: Path) -> Config:
    return Config(
        store=StoreConfig(home=tmp_path / "home"),
        upstream=UpstreamConfig(url=upstream.url, auth="none"),
        route=RouteConfig(control_share=0),
    )


def test_asking_is_recorded(config: Config) -> None:
    with Modicum(config) as modicum:
        answer = modicum.answer("hi", model="gpt-4", temperature=0)
        assert answer.text == "echo hi" and answer.response["choices"] and answer.usage.input_tokens == 10
        assert answer.decision is not None and answer.decision.reason == "not_recognised"
        again = modicum.answer([{"role": "user", "content": "ho"}], model="gpt-4")
        assert again.text == "echo ho"
    calls = recorded(config.home)
    assert calls.keys() == {answer.call_id, again.call_id}
    call = calls[answer.call_id]
    assert call.source == "library" and call.request is not None and json.loads(call.request)["temperature"] == 0


def test_a_route_that_is_on_answers(config: Config, upstream: Upstream) -> None:
    publish(config.home)
    before = len(upstream.bodies)
    with Modicum(config) as modicum:
        answer = modicum.answer(headline(UP)["messages"], model="gpt-4")
        assert answer.text == "up" and answer.cost_usd == 0 and answer.decision is not None and answer.decision.reason == "answered"
        assert "".join(modicum.stream(headline(UP)["messages"], model="gpt-4")) == "up"
    assert len(upstream.bodies) == before


def test_streams(config: Config, upstream: Upstream) -> None:
    with Modicum(config) as modicum:
        assert "".join(modicum.stream("hi", model="gpt-4")) == "Hello wörld"
        pieces = modicum.stream("hi", model="endless")
        assert next(pieces) == "more "
        pieces.close()  # type: ignore[attr-defined]
    until = time.monotonic() + 1.0
    while not upstream.left and time.monotonic() < until:
        time.sleep(0.01)
    left = [call for call in recorded(config.home).values() if call.request_model == "endless"]
    assert [call.error for call in left] == ["client_left"] and upstream.left


async def test_from_any_loop(config: Config) -> None:
    with Modicum(config) as modicum:
        answers = await asyncio.gather(*(modicum.answer_async(f"hi {n}", model="gpt-4") for n in range(20)))
        assert [answer.text for answer in answers] == [f"echo hi {n}" for n in range(20)]
        assert "".join([piece async for piece in modicum.stream_async("hi", model="gpt-4")]) == "Hello wörld"
    assert len(recorded(config.home)) == 21


def test_errors_are_ours(config: Config) -> None:
    with Modicum(config) as modicum:
        with pytest.raises(UpstreamError, match="broke off|closed|ended"):
            modicum.answer("hi", model="reset")
        with pytest.raises(RequestError) as told:
            modicum.answer("hi", model="error")
        assert told.value.code == "invalid_api_key" and told.value.status == 401
        with pytest.raises(RequestError, match="at least one"):
            modicum.answer([], model="gpt-4")
        with pytest.raises(RequestError, match="JSON"):
            modicum.answer("hi", model="gpt-4", tools=object())
        with pytest.raises(ModicumError):
            list(modicum.stream("hi", model="break-quiet"))
        assert modicum.answer("hi", model="gpt-4").text == "echo hi", "it goes on after errors"


def test_settings_are_checked_when_it_is_first_asked(tmp_path: Path) -> None:
    config = Config(store=StoreConfig(home=tmp_path), upstream=UpstreamConfig(url="ftp://x", auth="none"))
    with Modicum(config) as modicum, pytest.raises(ConfigError):
        modicum.answer("hi", model="gpt-4")


def test_a_file_is_a_configuration(upstream: Upstream, tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(f'[store]\nhome = "{tmp_path / "home"}"\n[upstream]\nurl = "{upstream.url}"\nauth = "none"\n')
    with Modicum(tmp_path / "m.toml") as modicum:
        assert modicum.answer("hi", model="gpt-4").text == "echo hi"


def test_importing_the_package_loads_nothing() -> None:
    code = "import sys, modicum; heavy = {'msgspec', 'numpy', 'uvicorn', 'asyncio', 'click'} & sys.modules.keys(); assert not heavy, heavy"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        __import__("modicum").nothing  # noqa: B018
