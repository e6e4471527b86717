"""Another model as the stage of a live route: asked first, judged as a specialist is, and whatever it may not answer goes upstream."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modicum.artefact import Artefacts
from modicum.backends.model import ACCEPT_ABOVE, ModelStage
from modicum.config import Config, StoreConfig
from modicum.gateway.alarm import Alarm
from modicum.gateway.till import Till
from modicum.report.money import check, spend_by
from modicum.store import home as store_home
from modicum.types import Call, Contract, Decision, RouteState, Rule
from tests.gateway.rig import Gateway, Upstream, gateway
from tests.gateway.routed import UP, headline, publish
from tests.gateway.scripted import Scripted, plain
from tests.gateway.test_keys import make

PATH = "/v1/chat/completions"
CONFIG = """
[providers.small]
kind = "openai_compatible"
url = "{url}"
auth = "none"
[policy]
may_receive = []
[route]
control_share = {control}
model_timeout_s = 0.4
compare_usd_day = {compare}
[retry]
breaker_failures = 3
cool_down_s = 600
[prices."small/tiny"]
input_usd_mtok = 1
output_usd_mtok = 2
[prices."gpt-4"]
input_usd_mtok = 30
output_usd_mtok = 60
"""
SMALL_USD = Decimal("0.000054")
"""50 tokens in, 2 out."""
NUMBERS = itertools.count(2)
TEXT = Contract(kind="text", read_share=1.0)


def said(content: str, *, model: str = "tiny-1", finish: str = "stop", **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, **more}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    usage = {"prompt_tokens": 50, "completion_tokens": 2, "total_tokens": 52}
    return {"id": "c-1", "object": "chat.completion", "created": 1, "model": model, "choices": [choice], "usage": usage}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream() as found:
        yield found


@pytest.fixture(scope="module")
def small() -> Iterator[Scripted]:
    with Scripted() as found:
        yield found


@pytest.fixture(scope="module")
def served(upstream: Upstream, small: Scripted, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("models")
    home = folder / "home"
    publish(home, made=stage(small))
    with before(folder, upstream, small) as found:
        yield found


def before(folder: Path, upstream: Upstream, small: Scripted, *, control: float = 0.0, compare: float = 5.0, url: str = "") -> Any:
    (folder / "modicum.toml").write_text(CONFIG.format(url=url or small.url, control=control, compare=compare))
    return gateway(folder / "home", upstream.url, "--config", str(folder / "modicum.toml"), "--explain")


def stage(small: Scripted, **more: Any) -> Callable[[Path], str]:
    """Writes the artefact of the model that was tried."""
    asked: dict[str, Any] = {"provider": "small", "provider_kind": "openai_compatible", "url": small.url, "model": "tiny"}
    one = ModelStage(**(asked | {"revision": "tiny-1"} | more))
    return lambda home: Artefacts(store_home.prepare(home) / "artefacts").write(one.files(), {"made_by": "a test"})


def put(served: Gateway, small: Scripted, state: RouteState = "on", *, contract: Contract | None = None, **more: Any) -> None:
    rule, route_id = Rule(accept_above=ACCEPT_ABOVE), f"r{next(NUMBERS)}"  # what is known of a route stays with its id
    publish(served.home, state, made=stage(small, **more), contract=contract, rule=rule, route_id=route_id)
    served.wait_for_snapshot(1)


def decided(served: Gateway, body: Any, **more: Any) -> tuple[Any, bytes, Call, Decision]:
    response, told = served.post(body, **more)
    call = served.call(response.headers["x-request-id"])
    assert call.decision is not None
    return response, told, call, call.decision


def test_it_answers_in_the_contract_s_form_and_its_cost_is_the_call_s(served: Gateway, small: Scripted, upstream: Upstream) -> None:
    put(served, small)
    small.on(PATH, plain(said("Up.")))
    before_it = len(upstream.bodies)
    response, body, call, decision = decided(served, headline(UP, temperature=0, user="u-1"))
    told = json.loads(body)
    assert told["choices"][0]["message"]["content"] == "up" and told["model"].startswith("modicum/direction@")
    assert told["usage"] == {"prompt_tokens": 50, "completion_tokens": 2, "total_tokens": 52} and not told["modicum"]["usage_estimated"]
    assert response.headers["x-modicum-reason"] == "answered" and response.headers["x-modicum-provider"] == "small"
    assert len(upstream.bodies) == before_it, "nobody else was asked"
    asked = small.got[-1].json()
    assert asked["model"] == "tiny" and asked["temperature"] == 0 and "user" not in asked and "stream" not in asked
    assert (call.cost_usd, call.provider, call.deployments) == (SMALL_USD, "small", ("small/tiny",))
    assert (decision.reason, decision.value, decision.stage_model) == ("answered", "up", "small/tiny")
    assert decision.stage_cost_usd == SMALL_USD and decision.answered_by == told["model"]


def test_streams_and_other_dialects_are_answered_in_their_own_words(served: Gateway, small: Scripted) -> None:
    put(served, small)
    small.on(PATH, plain(said("up")))
    _, body, _, decision = decided(served, headline(UP, stream=True, stream_options={"include_usage": True}))
    events = [json.loads(line[6:]) for line in body.split(b"\n\n") if line.startswith(b"data: {")]
    assert "".join(e["choices"][0]["delta"].get("content") or "" for e in events if e["choices"]) == "up"
    assert events[-1]["usage"]["prompt_tokens"] == 50 and decision.reason == "answered"
    plainly = headline(UP)
    asked = {"model": "gpt-4", "max_tokens": 20, "system": plainly["messages"][0]["content"], "messages": plainly["messages"][1:]}
    for streams in (False, True):
        _, body, call, decision = decided(served, {**asked, "stream": streams}, path="/v1/messages")
        assert decision.reason == "answered" and call.cost_usd == SMALL_USD and small.got[-1].json()["messages"] == plainly["messages"]
        assert b"message_stop" in body if streams else json.loads(body)["content"] == [{"type": "text", "text": "up"}]


@pytest.mark.parametrize(
    ("reply", "reason", "detail"),
    [
        (plain(said("I cannot say which of the two it is.")), "below_threshold", "cannot be read"),
        (plain(said("", refusal="no")), "below_threshold", "cannot be read"),
        (plain(said("up", finish="length")), "below_threshold", "cannot be read"),
        (plain(said("up", model="tiny-2")), "failed", "'tiny-1' was tried"),
        (plain({"error": {"message": "no such thing"}}, "400 Bad Request"), "failed", "status 400"),
        (plain({"error": {"message": "busy"}}, "503 Service Unavailable"), "failed", "status 503"),
        (plain(b"<html>"), "failed", "no answer that can be read"),
        ([None], "failed", ""),
    ],
)
def test_what_it_may_not_answer_goes_upstream(served: Gateway, small: Scripted, reply: Any, reason: str, detail: str) -> None:
    put(served, small, model=f"tiny-{abs(hash(str(reply)))}", revision="tiny-1")
    small.on(PATH, reply)
    _, body, call, decision = decided(served, headline(UP))
    assert json.loads(body)["choices"][0]["message"]["content"] == f"echo Headline: {UP}"
    assert (decision.reason, decision.answered_by) == (reason, "gpt-4") and detail in decision.detail, decision
    assert call.provider != "small" and call.cost_usd == Decimal("0.00048"), "the incumbent's own"
    assert decision.stage_model is not None


def test_a_wasted_answer_is_counted_beside_the_incumbent_s(served: Gateway, small: Scripted) -> None:
    put(served, small)
    small.on(PATH, plain(said("who knows")))
    _, _, call, decision = decided(served, headline(UP))
    assert (decision.stage_cost_usd, decision.confidence, decision.would_answer) == (SMALL_USD, -1.0, False)
    assert call.cost_usd == Decimal("0.00048") and decision.stage_usage is not None and decision.stage_usage.output_tokens == 2
    told = served.get("/metrics")[1].decode()
    assert 'modicum_cost_usd_total{provider="small",model="tiny"}' in told
    assert 'modicum_upstream_attempts_total{provider="small",outcome="answered"}' in told
    assert 'modicum_tokens_total{type="input",provider="small",model="tiny"}' in told


def test_one_that_takes_too_long_is_given_up_and_then_left_alone(served: Gateway, small: Scripted) -> None:
    put(served, small, model="sleepy", revision="")
    small.on(PATH, [2.0, *plain(said("up"))])
    details = [decided(served, headline(f"{UP} {number}"))[3] for number in range(4)]
    assert all(one.reason == "failed" for one in details)
    assert "within 0.4 s" in details[0].detail and details[0].stage_cost_usd is None
    assert details[3].stage_model is None, "after three it was not asked again"
    small.on(PATH, plain(said("up")))


def test_another_revision_rests_the_route(served: Gateway, small: Scripted) -> None:
    put(served, small, revision="tiny-0")
    small.on(PATH, plain(said("up")))
    before_it = len(small.got)
    found = [decided(served, headline(f"{UP} {number}"))[3].detail for number in range(3)]
    assert len(small.got) == before_it + 1 and all("'tiny-0' was tried" in one for one in found)
    publish(served.home, "paused")
    served.wait_for_snapshot(1)


def test_placeholders_in_its_answer_turn_back(served: Gateway, small: Scripted) -> None:
    put(served, small, contract=TEXT)
    small.on(PATH, plain(said("Written to <EMAIL_1>, copy to eve@example.org.")))
    _, body, call, decision = decided(served, headline("Gold rises, says ann@example.com"))
    assert json.loads(body)["choices"][0]["message"]["content"] == "Written to ann@example.com, copy to eve@example.org."
    assert "ann@example.com" not in small.got[-1].body.decode() and "<EMAIL_1>" in small.got[-1].body.decode()
    assert decision.reason == "answered" and b"example" not in (call.response or b"") and "example" not in (decision.value or "")
    small.on(PATH, plain(said("Ask <EMAIL_7>.")))
    assert decided(served, headline("Gold rises, says ann@example.com"))[3].reason == "not_covered"
    put(served, small, contract=TEXT, whole_bodies=True)
    small.on(PATH, plain(said("Written to ann@example.com.")))
    _, body, call, _ = decided(served, headline("Gold rises, says ann@example.com"))
    assert "ann@example.com" in small.got[-1].body.decode() and b"<EMAIL_1>" in (call.response or b"")
    assert json.loads(body)["choices"][0]["message"]["content"] == "Written to ann@example.com."


def test_a_schema_is_asked_for_as_it_was_tried(upstream: Upstream, small: Scripted, tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    home = tmp_path / "home"
    made = stage(small, answer_schema=schema)
    publish(home, made=made, contract=Contract(kind="object", reader="json", read_share=1.0), rule=Rule(accept_above=ACCEPT_ABOVE))
    small.on(PATH, plain(said('{"a": "x"}')))
    with before(tmp_path, upstream, small) as served:
        _, body, _, decision = decided(served, headline(UP))
    assert decision.reason == "answered" and json.loads(json.loads(body)["choices"][0]["message"]["content"]) == {"a": "x"}
    assert small.got[-1].json()["response_format"]["json_schema"]["schema"] == schema


def test_another_address_or_a_host_that_is_not_allowed_is_never_asked(upstream: Upstream, small: Scripted, tmp_path: Path) -> None:
    publish(tmp_path / "home", made=stage(small, url="http://127.0.0.1:9/v1"), rule=Rule(accept_above=ACCEPT_ABOVE))
    before_it = len(small.got)
    with before(tmp_path, upstream, small) as served:
        assert "another address" in decided(served, headline(UP))[3].detail
    elsewhere = "http://models.example.com/v1"
    publish(tmp_path / "home", made=stage(small, url=elsewhere), rule=Rule(accept_above=ACCEPT_ABOVE))
    with before(tmp_path, upstream, small, url=elsewhere) as served:
        assert "may_receive" in decided(served, headline(UP))[3].detail
    assert len(small.got) == before_it


def test_in_shadow_it_is_compared_and_the_day_s_money_holds(upstream: Upstream, small: Scripted, tmp_path: Path) -> None:
    form = "echo Headline: {} rises"
    home = tmp_path / "home"
    publish(home, "shadow", made=stage(small), form=form, rule=Rule(accept_above=ACCEPT_ABOVE))
    small.on(PATH, plain(said(form.format("up"))))
    with before(tmp_path, upstream, small, compare=0.0025) as served:
        _, body, call, decision = decided(served, headline("up rises"))
        assert json.loads(body)["choices"][0]["message"]["content"] == "echo Headline: up rises"
        assert decision.reason == "shadow" and decision.answered_by == "gpt-4"
        found = [decided(served, headline("up rises", max_tokens=1000))[3] for _ in range(12)]
        compared = [one for one in found if one.agreed is not None]
        assert all(one.agreed and one.stage_cost_usd == SMALL_USD and one.would_answer for one in compared)
        assert any("$0.0025 a day" in one.detail for one in found), [one.detail for one in found]
    assert call.cost_usd == Decimal("0.00048")
    kept = check(Config(store=StoreConfig(home=home)))
    assert kept.agrees and kept.comparing_usd >= kept.compared_usd >= SMALL_USD * len(compared)


def test_a_key_s_budget_holds_both_and_pays_both(upstream: Upstream, small: Scripted, tmp_path: Path) -> None:
    home = tmp_path / "home"
    publish(home, made=stage(small), rule=Rule(accept_above=ACCEPT_ABOVE))
    secret = make(home, app={"budget_day_usd": Decimal("1")})["app"]
    small.on(PATH, plain(said("up")), plain(said("no idea")), plain(said("up")))
    spent = []
    with before(tmp_path, upstream, small) as served:
        for _ in range(2):
            served.post(headline(UP, max_tokens=10), headers={"x-modicum-key": secret})
        spent = [call.cost_usd for call in sorted(served.calls().values(), key=lambda call: call.call_id)]
    assert spent == [SMALL_USD, Decimal("0.00048")]
    till = Till.open(home, Config(store=StoreConfig(home=home)), Alarm())
    assert till._counted().account("k-app").days.popitem()[1] == (2 * SMALL_USD + Decimal("0.00048")) * 10**12
    found = check(Config(store=StoreConfig(home=home)))
    assert found.agrees and found.calls == 2 and found.ledger_usd == found.calls_usd == 2 * SMALL_USD + Decimal("0.00048")
    spent_by = spend_by(Config(store=StoreConfig(home=home)), ["provider"])
    assert {line.names["provider"]: line.cost_usd for line in spent_by} == {"small": 2 * SMALL_USD, "openai": Decimal("0.00048")}
    till.close()


def test_decisions_without_another_model_are_stored_as_before() -> None:
    plainly = Decision(answered_by="gpt-4", reason="no_route")
    assert msgspec.json.decode(b'{"answered_by": "gpt-4", "reason": "no_route"}', type=Decision) == plainly
