"""A conversation in the incumbent's prompt cache is not moved to another model that saves less than the cache is worth."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modicum.artefact import Artefacts
from modicum.backends.model import ACCEPT_ABOVE, ModelStage
from modicum.store import home as store_home
from modicum.types import Contract, RouteState, Rule
from tests.gateway.rig import Gateway, gateway
from tests.gateway.routed import UP, headline, publish
from tests.gateway.scripted import Scripted, plain

PATH = "/v1/chat/completions"
CONFIG = """
[providers.small]
kind = "openai_compatible"
url = "{url}"
auth = "none"
[policy]
may_receive = []
[route]
control_share = 0
settle_minutes = 0
compare_usd_day = 0
[prices."small/tiny"]
input_usd_mtok = {small}
output_usd_mtok = 2
[prices."gpt-4"]
input_usd_mtok = 30
output_usd_mtok = 60
{cached}
"""
TEXT = Contract(kind="text", read_share=1.0)


def said(content: str, model: str, *, cached: int = 0) -> list[Any]:
    message = {"role": "assistant", "content": content}
    usage: dict[str, Any] = {"prompt_tokens": 10_000, "completion_tokens": 2, "total_tokens": 10_002}
    usage["prompt_tokens_details"] = {"cached_tokens": cached}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return plain({"id": "c-1", "object": "chat.completion", "created": 1, "model": model, "choices": [choice], "usage": usage})


class World:
    """A gateway before two models: the incumbent, and the one that a route moves to."""

    def __init__(self, served: Gateway, small: Scripted) -> None:
        self.served, self.small = served, small

    def put(self, state: RouteState, share: float = 0.1) -> None:
        one = ModelStage(provider="small", provider_kind="openai_compatible", url=self.small.url, model="tiny", revision="tiny-1")

        def made(home: Path) -> str:
            return Artefacts(store_home.prepare(home) / "artefacts").write(one.files(), {"made_by": "a test"})

        rule = Rule(accept_above=ACCEPT_ABOVE)
        publish(self.served.home, state, made=made, contract=TEXT, rule=rule, share=share, max_turns=5)
        self.served.wait_for_snapshot(1)

    def asks(self, talk: str, *, turns: int = 2) -> str | None:
        request = headline(UP, metadata={"conversation_id": talk})
        for _ in range(turns - 1):
            request["messages"] += [{"role": "assistant", "content": "up"}, {"role": "user", "content": f"Headline: {UP}"}]
        response, _ = self.served.post(request)
        assert response.status == 200
        return response.headers["x-modicum-reason"]


@pytest.fixture(scope="module")
def providers() -> Iterator[tuple[Scripted, Scripted]]:
    with Scripted() as large, Scripted() as small:
        large.on(PATH, said("up", "gpt-4", cached=9_000))
        small.on(PATH, said("up", "tiny-1"))
        yield large, small


@pytest.fixture
def world(request: pytest.FixtureRequest, providers: tuple[Scripted, Scripted], tmp_path: Path) -> Iterator[World]:
    small_usd, cached_usd = request.param
    large, small = providers
    cached = f"cache_read_usd_mtok = {cached_usd}" if cached_usd is not None else ""
    config = tmp_path / "modicum.toml"
    config.write_text(CONFIG.format(url=small.url, small=small_usd, cached=cached))
    with gateway(tmp_path / "home", large.url, "--config", str(config)) as served:
        yield World(served, small)


# 9,000 of 10,000 tokens cached: the incumbent takes $0.03 for the rest and cached_usd * 0.009 for these, the other model 0.01 * small_usd.
@pytest.mark.parametrize("world", [(5, 0.3)], indirect=True)
def test_it_stays_as_long_as_it_is_cheaper_there(world: World) -> None:
    world.put("canary", share=0.0)
    assert world.asks("a") == "canary"
    world.put("on")
    assert world.asks("a") == "under_way" and world.asks("a", turns=3) == "under_way"
    assert world.asks("b") == "answered", "nobody saw it in a cache"
    assert world.asks("a", turns=1) == "answered", "a beginning has no history"
    call = max(world.served.calls().values(), key=lambda call: call.call_id)
    kept = [call.decision for call in world.served.calls().values() if call.decision and call.decision.reason == "under_way"]
    assert {one.stage_model for one in kept} == {None} and {one.answered_by for one in kept} == {"gpt-4"}
    assert "prompt cache" in kept[0].detail and call.provider == "small"


@pytest.mark.parametrize("world", [(1, 0.3), (5, None), (5, 3)], indirect=True)
def test_it_is_moved_where_that_saves_more_or_nobody_knows(world: World) -> None:
    world.put("canary", share=0.0)
    assert world.asks("a") == "canary"
    world.put("on")
    assert world.asks("a") == "answered"
