"""Asking an incumbent again: which calls, whom, under which cap; and where the figure stands afterwards. The server is on loopback."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from modicum.cli.again import _early, ask_again, consent
from modicum.config import Config, PolicyConfig, UpstreamConfig
from modicum.errors import ConfigError, UpstreamError
from modicum.pipeline.again import Again, Asker, SelfAgreement, known_agreement
from modicum.pipeline.inquiry import Bill, Purse
from modicum.pipeline.night import Night
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.types import Sample
from tests.pipeline import traffic
from tests.pipeline.model_server import ModelServer, sorts
from tests.pipeline.test_night import only
from tests.pipeline.test_trying import PRICE, WISH, filled, settings
from tests.report.records import workload


@pytest.fixture(scope="module")
def parcels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled(tmp_path_factory.mktemp("again"), [row for row, _ in traffic.sorted_messages(500)])


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


def reached(home: Path, tmp_path: Path, server: ModelServer, **more: Any) -> Config:
    """The incumbent, gpt-4o, answers at the server; a tenth of its answers are others than before."""
    asked = iter(range(10**6))
    server.answers["gpt-4o"] = lambda request: "praise" if next(asked) % 10 == 0 else sorts(request)
    config = settings(home, tmp_path, server, **more)
    return dataclasses.replace(config, upstream=UpstreamConfig(kind="openai_compatible", url=server.url, auth="none"))


def samples_of(config: Config) -> tuple[Sample, ...]:
    return Night(config, WISH)._situation(only(config)).samples


def test_old_requests_are_asked_again_once_and_the_share_stands_behind_the_verdict(
    parcels: Path, tmp_path: Path, server: ModelServer
) -> None:
    config = reached(parcels, tmp_path, server)
    asker = Asker(config, 100, Purse(budget_usd=Decimal(1)))
    plan = asker.plan(only(config))
    assert (plan.why, plan.bill.calls, plan.bill.known, len(server.requests)) == ("", 100, 0, 0)
    newest = sorted(call.started_at for call in Calls(config.home).scan())[-int(500 * 0.35) :]
    assert max(s.at for s in plan.samples) < newest[0], "none of those that can certify"
    found = asker.run(plan)
    assert found is not None and found.calls == 100 and 0 < found.differing <= 10
    low, high = found.interval
    assert low < found.disagreement < high
    again = Asker(config, 120, Purse(budget_usd=Decimal(1)))
    assert again.plan(only(config)).bill.known == 100, "more are the same and others"
    assert again.run(plan) == found and len(server.requests) == 100, "what was answered is not asked again"
    night = Night(config, WISH)
    assert known_agreement(config, only(config), samples_of(config), night.catalogue) == found
    verdict = night.fit(only(config))
    assert f"the incumbent differs from itself in {found.disagreement:.1%}" in verdict.reason
    if verdict.certificate is not None:
        assert verdict.certificate.self_disagreement == found.disagreement


def test_the_budget_holds(parcels: Path, tmp_path: Path, server: ModelServer) -> None:
    config = reached(parcels, tmp_path, server, prices={"gpt-4o": PRICE})
    asker = Asker(config, 100, Purse(budget_usd=Decimal("0.3")))
    found = asker.run(asker.plan(only(config)))
    assert "budget" in asker.stopped and asker.purse.spent_usd <= Decimal("0.3")
    assert found is not None and found.calls == len(server.requests) < 100


def test_nothing_is_sent_elsewhere_unless_it_is_named(parcels: Path, tmp_path: Path, server: ModelServer) -> None:
    config = reached(parcels, tmp_path, server)
    away = dataclasses.replace(config, upstream=UpstreamConfig(kind="openai_compatible", url="https://model.example/v1", auth="none"))
    asker = Asker(away, 50, Purse(budget_usd=Decimal(1)))
    plan = asker.plan(only(away))
    assert plan.candidate is None and "may_receive" in plan.why and asker.run(plan) is None
    named = dataclasses.replace(away, policy=PolicyConfig(may_receive=("model.example",)))
    asked = Asker(named, 50, Purse(budget_usd=Decimal(1))).plan(only(named))
    assert asked.bill.calls == 50
    unpriced = dataclasses.replace(asked, bill=dataclasses.replace(asked.bill, estimate_usd=None))
    with pytest.raises(ConfigError, match="no budget can hold it"):
        consent([asked, unpriced], yes=True, shown=False)
    consent([dataclasses.replace(asked, bill=dataclasses.replace(asked.bill, estimate_usd=Decimal(1)))], yes=True, shown=False)


def test_where_nothing_was_asked_the_share_is_unknown(parcels: Path, tmp_path: Path, server: ModelServer) -> None:
    config = reached(parcels, tmp_path, server)
    assert known_agreement(config, only(config), samples_of(config), Night(config, WISH).catalogue) is None


def test_what_ended_early_says_how_far_it_came() -> None:
    one = Again(workload=workload(), candidate=None, samples=(None,) * 20, bill=Bill(calls=20))  # type: ignore[arg-type]
    told = SelfAgreement(calls=11, differing=1)
    assert _early(one, told, "the budget of $1 is reached") == "11 of 20 asked, then: the budget of $1 is reached"
    assert _early(one, None, "it was stopped") == "0 of 20 asked, then: it was stopped"
    assert _early(one, told, "") == ""


class Shut(ModelServer):
    """Lets nobody in without a key."""

    def _said(self, request: dict[str, Any], number: int) -> tuple[int, dict[str, Any]]:
        return 401, {"error": {"message": "no key", "type": "invalid_request_error", "code": None}}


def test_what_was_to_be_asked_first_and_cannot_be_stops_before_anything_is_fitted(
    parcels: Path, tmp_path: Path, server: ModelServer
) -> None:
    config = reached(parcels, tmp_path, server, prices={"gpt-4o": PRICE})
    name = only(config).name

    def ask(here: Config, budget: float = 1.0) -> None:
        ask_again(here, [name], 50, budget=budget, yes=True, shown=False)

    upstream = config.upstream
    away = dataclasses.replace(config, upstream=dataclasses.replace(upstream, url="https://model.example/v1"))
    with pytest.raises(ConfigError, match=f"nothing is fitted.*{name}: .*may_receive"):
        ask(away)
    with pytest.raises(UpstreamError, match=f"nothing is fitted.*{name}: 0 of 50 asked, then: the budget") as refused:
        ask(config, budget=0.000001)
    assert "--self-agreement" in refused.value.hint and not server.requests
    with Shut() as shut:
        keyless = dataclasses.replace(config, upstream=dataclasses.replace(upstream, url=shut.url))
        with pytest.raises(UpstreamError, match="0 of 50 asked, then: .* answers with status 401: no key"):
            ask(keyless)
    assert not Control(config.home).attempts(only(config).workload_id)


def test_a_part_of_the_answers_is_enough_to_go_on_and_is_said(
    parcels: Path, tmp_path: Path, server: ModelServer, capsys: pytest.CaptureFixture[str]
) -> None:
    config = reached(parcels, tmp_path, server, prices={"gpt-4o": PRICE})
    (row,) = ask_again(config, [only(config).name], 100, budget=0.3, yes=True, shown=True)
    assert 20 <= row["asked"] < 100 and "the budget" in row["why"]
    assert "of 100 asked, then: the budget" in " ".join(capsys.readouterr().out.split())
