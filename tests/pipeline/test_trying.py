"""Trying another model: what it proves, what it keeps, what it may not do. Servers are scripted and on loopback."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modicum.artefact import Artefacts
from modicum.backends.model import model_of
from modicum.cli.try_ import _declared as say_declared
from modicum.config import Config, FitConfig, PolicyConfig, ProviderConfig, StoreConfig, UpstreamConfig
from modicum.config.sections import DeploymentConfig, ModelConfig
from modicum.errors import ConfigError, RouteError
from modicum.evaluate.evidence import certificate_file
from modicum.evaluate.labels import Label
from modicum.evaluate.verify import verify
from modicum.intake import Options
from modicum.pipeline.bring_in import bring_in
from modicum.pipeline.candidate import find_candidate
from modicum.pipeline.errand import Errand, plan_of
from modicum.pipeline.find import find
from modicum.pipeline.inquiry import Purse
from modicum.pipeline.planner import Planner
from modicum.pipeline.switching import publish, switch
from modicum.pipeline.trial import Tried
from modicum.pipeline.trying import Trial
from modicum.pipeline.wish import Wish
from modicum.report.gather import gather
from modicum.store.answers import Answers
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.types import Workload
from tests.pipeline import traffic
from tests.pipeline.model_server import ModelServer, sorts

WISH = Wish(fit=FitConfig(margin=0.04, max_selective=0.08), actor="tester")
PRICE = {"input_usd_mtok": "100", "output_usd_mtok": "400"}
A_CALL = Decimal("0.0064")
"""What one answer of the server costs at this price: 60 tokens in, 1 out."""


def filled(folder: Path, records: list[dict[str, Any]]) -> Path:
    home = folder / "home"
    config = Config(store=StoreConfig(home=home))
    bring_in(config, [traffic.write(folder / "log.jsonl", records)], Options())
    find(config)
    return home


@pytest.fixture(scope="module")
def parcels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose incumbent makes no mistake."""
    return filled(tmp_path_factory.mktemp("parcels"), [row for row, _ in traffic.sorted_messages(240)])


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        yield running


def settings(home: Path, tmp_path: Path, server: ModelServer, **more: Any) -> Config:
    """A copy of the home, with the server as a provider of one's own."""
    shutil.copytree(home, tmp_path / "home")
    provider = ProviderConfig(kind="openai_compatible", url=server.url, auth="none")
    config = Config(store=StoreConfig(home=tmp_path / "home"), providers={"own": provider})
    return dataclasses.replace(config, **more)


def trial(config: Config, model: str = "own/good", wish: Wish = WISH, *, budget: str = "100", **more: Any) -> tuple[Planner, Trial]:
    planner = Planner(config, find_candidate(config, model), wish, Purse(budget_usd=Decimal(budget)), **more)
    return planner, Trial(planner)


def only(config: Config) -> Workload:
    (workload,) = Control(config.home).workloads()
    return workload


def tried(config: Config, model: str = "own/good", wish: Wish = WISH, **more: Any) -> Tried:
    planner, running = trial(config, model, wish, **more)
    return running.run(planner.plan(only(config)))


def planned(config: Config, model: str = "own/good", **more: Any) -> Errand:
    return trial(config, model, **more)[0].plan(only(config))


@pytest.fixture(scope="module")
def done(parcels: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Config, Tried, ModelServer]]:
    """A trial that ended well, with its server."""
    with ModelServer() as server:
        config = settings(parcels, tmp_path_factory.mktemp("done"), server, prices={"own/good": PRICE})
        yield config, tried(config), server


# ----------------------------------------------------------------------------------------------------------- verdicts


def test_a_model_that_does_the_job_is_certified_and_proposed(done: tuple[Config, Tried, ModelServer]) -> None:
    config, found, _ = done
    assert (found.verdict, found.kind) == ("certified", "A"), found.reason
    assert found.measured is not None and found.measured.agreement == 1.0 and found.measured.answered == 1.0
    assert found.measured.cost_usd == A_CALL and found.saving_interval is not None
    control = Control(config.home)
    (certificate,), (route,) = control.certificates(), control.routes()
    assert route.state == "proposed" and route.certificate_id == certificate.certificate_id
    assert certificate.accepted == certificate.groups and certificate.cover.incumbents == ("gpt-4o",)
    assert certificate.saving.usd_month is not None and certificate.saving.usd_month < 0, "it is dearer than what it would replace"
    (attempt,) = control.attempts(found.workload_id)
    assert attempt.created_at < certificate.created_at
    assert verify(certificate_file(certificate, control.evidence(certificate.certificate_id))).holds
    model = model_of(Artefacts(config.home / "artefacts").read(certificate.artefact_digest))
    assert model is not None and (model.name, model.revision) == ("own/good", "good-2026-01")


def test_only_the_model_is_swapped(done: tuple[Config, Tried, ModelServer]) -> None:
    config, _, server = done
    recorded = {msgspec.json.decode(call.request or b"")["messages"][1]["content"] for call in Calls(config.home).scan()}
    for request in server.requests:
        assert request.keys() == {"model", "messages"} and request["model"] == "good"
        assert request["messages"][0] == {"role": "system", "content": traffic.SYSTEM}
        assert request["messages"][1]["content"] in recorded


def test_a_route_to_another_model_is_switched_on_where_it_may_be_asked(done: tuple[Config, Tried, ModelServer]) -> None:
    config, found, _ = done
    elsewhere = ProviderConfig(kind="openai_compatible", url="http://127.0.0.1:9/v1", auth="none")
    moved, gone = dataclasses.replace(config, providers={"own": elsewhere}), dataclasses.replace(config, providers={"b": elsewhere})
    with pytest.raises(RouteError, match="was tried at"):
        switch(moved, found.workload, "on", actor="ann")
    with pytest.raises(RouteError, match="no provider 'own'"):
        switch(gone, found.workload, "shadow", actor="ann")
    for state in ("shadow", "on"):
        assert switch(config, found.workload, state, actor="ann").state == state
    (live,) = publish(config).routes
    assert (live.route.state, live.rule.accept_above) == ("on", 0.0) and live.cover.incumbents == ("gpt-4o",)


def test_the_report_names_what_was_tried(done: tuple[Config, Tried, ModelServer]) -> None:
    config, found, _ = done
    (ladder,) = gather(config).ladders
    (one,) = ladder.tried
    (certificate,) = Control(config.home).certificates()
    assert (one.name, one.verdict, one.groups, one.certificate_id) == ("own/good", "certified", certificate.groups, found.certificate_id)
    assert one.route_id == found.route_id and "own/good" in {rung.name for rung in ladder.rungs}


def test_several_proposals_must_be_told_apart(done: tuple[Config, Tried, ModelServer]) -> None:
    config, found, _ = done
    control = Control(config.home)
    (route,) = control.routes()
    others = [dataclasses.replace(route, route_id=f"r_{word}", state="proposed") for word in ("one", "two")]
    for one in others:
        control.put_route(one, note="a test")
    with pytest.raises(RouteError, match="2 routes are proposed.*r_one.*r_two"):
        switch(config, found.workload, "shadow", actor="ann")
    assert switch(config, "r_one", "shadow", actor="ann").route_id == "r_one"
    assert switch(config, found.workload, "on", actor="ann").route_id == "r_two", "the only one that is left"
    assert {one.route_id: one.state for one in control.routes()} == {route.route_id: "retired", "r_one": "retired", "r_two": "on"}


def test_a_bad_model_costs_a_pilot_and_opens_nothing(parcels: Path, tmp_path: Path, server: ModelServer) -> None:
    config = settings(parcels, tmp_path, server)
    found = tried(config, "own/bad")
    assert found.verdict == "differs" and found.measured is not None and found.measured.agreement_interval is not None
    assert found.measured.agreement_interval[1] < 0.6 and len(server.requests) == 40
    assert Control(config.home).attempts(found.workload_id) == [] and Control(config.home).routes() == []


def test_answers_that_cannot_be_read_are_none(parcels: Path, tmp_path: Path, server: ModelServer) -> None:
    found = tried(settings(parcels, tmp_path, server), "own/mute")
    assert found.verdict == "cannot" and found.measured is not None and found.measured.answered == 0


def test_a_few_unreadable_answers_go_to_the_incumbent(parcels: Path, tmp_path: Path, server: ModelServer) -> None:
    server.answers["coy"] = lambda request: "I cannot say." if "Tuesday" in request["messages"][1]["content"] else sorts(request)
    config = settings(parcels, tmp_path, server)
    found = tried(config, "own/coy")
    assert found.verdict == "certified" and found.coverage is not None and 0.4 < found.coverage < 0.95
    (certificate,) = Control(config.home).certificates()
    assert certificate.errors == 0 and certificate.accepted < certificate.groups


def test_a_flaky_server_is_asked_again(parcels: Path, tmp_path: Path, server: ModelServer) -> None:
    found = tried(settings(parcels, tmp_path, server), "own/flaky", calls=60)
    assert server.by_status[429] and server.by_status[500]
    assert found.measured is not None and found.measured.agreement == 1.0 and not found.measured.errors
    assert server.most_at_once <= 8


def test_too_few_calls_say_how_many_more(tmp_path: Path, server: ModelServer) -> None:
    (tmp_path / "few").mkdir()
    home = filled(tmp_path / "few", [row for row, _ in traffic.sorted_messages(60)])
    found = tried(settings(home, tmp_path, server))
    assert found.verdict == "unproven" and found.needs_calls is not None and found.needs_calls > 20


# --------------------------------------------------------------------------------------------------- kept and resumed


def test_nothing_is_asked_twice(done: tuple[Config, Tried, ModelServer]) -> None:
    config, first, server = done
    asked = len(server.requests)
    again = tried(config)
    assert len(server.requests) == asked
    assert (again.verdict, again.certificate_id) == (first.verdict, first.certificate_id)
    assert planned(config).bill.calls == planned(config).bill.known


def test_the_budget_stops_it_and_it_goes_on_later(parcels: Path, tmp_path: Path, server: ModelServer) -> None:
    config = settings(parcels, tmp_path, server, prices={"own/good": PRICE})
    planner, running = trial(config, budget="1")
    found = running.run(planner.plan(only(config)))
    assert found.verdict == "unproven" and "budget" in found.reason
    assert 0 < planner.inquiry.purse.spent_usd <= 1 and planner.inquiry.purse.spent_usd == A_CALL * len(server.requests)
    (attempt,) = Control(config.home).attempts(found.workload_id)
    asked = len(server.requests)
    later = tried(config)
    assert later.verdict == "certified" and [a.attempt_id for a in Control(config.home).attempts(found.workload_id)] == [attempt.attempt_id]
    assert len(server.requests) - asked == attempt.groups + 40 - asked, "only what was missing"


def test_ctrl_c_loses_nothing(parcels: Path, tmp_path: Path, server: ModelServer) -> None:
    config = settings(parcels, tmp_path, server)

    def interrupt(number: int) -> None:
        if number == 100:
            os.kill(os.getpid(), signal.SIGINT)

    server.on_request = interrupt
    server.delay_s = 0.005
    with pytest.raises(KeyboardInterrupt):
        tried(config)
    server.on_request = lambda number: None
    before = len(server.requests)
    assert 100 <= before < 150
    assert planned(config).bill.known == before - 40, "all that was asked of the window is kept; the pilot is done"
    assert tried(config).verdict == "certified"
    assert len({msgspec.json.encode(request) for request in server.requests}) == len(server.requests), "no call twice"
    assert threading.active_count() < 50


def test_a_server_that_goes_away_ends_the_run_and_not_the_trial(parcels: Path, tmp_path: Path) -> None:
    with ModelServer() as server:
        config = settings(parcels, tmp_path, server)
        found = tried(config, "own/absent")
        assert found.verdict == "unproven" and "404" in found.reason and len(server.requests) <= 8
        assert planned(config, "own/absent").bill.known == 0, "that is no answer to any call"


def test_erasing_a_call_erases_what_was_answered_to_it(parcels: Path, tmp_path: Path, server: ModelServer) -> None:
    config = settings(parcels, tmp_path, server)
    tried(config, calls=40)
    errand = planned(config, calls=40)
    before = errand.bill.known
    Calls(config.home).erase(call_id=errand.asked[0])
    assert before and planned(config, calls=40).bill.known in (before - 1, before)
    assert Answers(config.home).of(trial(config)[0].inquiry.key(errand.stage), [errand.asked[0]]) == {}


# ------------------------------------------------------------------------------------------------------------- labels


def test_labels_complete_what_differs(tmp_path: Path, server: ModelServer) -> None:
    (tmp_path / "log").mkdir()
    rows = list(traffic.sorted_messages(700, wrong=0.2))
    home = filled(tmp_path / "log", [row for row, _ in rows])
    config = settings(home, tmp_path, server)
    first = tried(config)
    assert first.verdict in ("differs", "unproven") and first.request_file is not None, first
    lines = [msgspec.json.decode(line) for line in Path(first.request_file).read_bytes().splitlines()]
    assert set(lines[0]) == {"id", "slots", "a", "b", "verdict"}
    gold = {row["response"]["id"]: Label(gold=label) for row, label in rows}
    asked = len(server.requests)
    second = tried(config, wish=dataclasses.replace(WISH, labels=gold))
    assert (second.verdict, second.kind) == ("certified", "B") and second.judged is not None and second.judged < 0
    assert len(server.requests) == asked


def extracts(request: dict[str, Any]) -> dict[str, str]:
    """A record of a message: a label and a word that it holds."""
    return {"topic": sorts(request), "last_word": request["messages"][-1]["content"].split()[-1]}


def test_records_are_compared_whole_and_held_to_their_schema(tmp_path: Path, server: ModelServer) -> None:
    (tmp_path / "log").mkdir()
    rows = [row for row, _ in traffic.sorted_messages(240)]
    for row in rows:
        row["response"]["choices"][0]["message"]["content"] = json.dumps(extracts(row["request"]))
    config = settings(filled(tmp_path / "log", rows), tmp_path, server)
    config = dataclasses.replace(config, providers={"own": ProviderConfig(kind="vllm", url=server.url, auth="none")})
    server.answers["json"] = lambda request: json.dumps(extracts(request), indent=2)
    found = tried(config, "own/json")
    assert found.verdict == "certified" and found.measured is not None and found.measured.agreement == 1.0, found
    schema = server.requests[0]["response_format"]["json_schema"]["schema"]
    assert schema["required"] == ["topic", "last_word"]
    (certificate,) = Control(config.home).certificates()
    evidence = certificate_file(certificate, Control(config.home).evidence(certificate.certificate_id))
    said = {extracts(row["request"])["last_word"] for row in rows}
    assert verify(evidence).holds
    assert not [word for word in said if f'"{word}"'.encode() in evidence], "fields are named, what they held is not"
    plain = planned(config, "own/json", constrain=False)
    assert plain.bill.known == 0 and plain.attempt is None, "asked in other words it is another candidate"
    held = planned(config, "own/json", constrain=False, wish=dataclasses.replace(WISH, protect=("lost",)))
    assert held.rule.protected_labels == ('{"topic":"lost"}', "lost"), "a label within a record is protected like any other"


@pytest.fixture(scope="module")
def poems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Config, Wish, Tried]]:
    """A trial of texts that waits for people."""
    folder = tmp_path_factory.mktemp("poems")
    with ModelServer() as server:
        server.answers["poet"] = lambda request: f"A verse on {request['messages'][1]['content'][9:40]}"
        (folder / "log").mkdir()
        config = settings(filled(folder / "log", list(traffic.poems(220))), folder, server)
        narrow = tried(config, "own/poet")
        assert narrow.needs_calls is not None and "--margin" in narrow.reason and narrow.request_file is None
        wish = dataclasses.replace(WISH, fit=FitConfig(margin=0.2))
        yield config, wish, tried(config, "own/poet", wish)


def judged(first: Tried, *, better: bool) -> dict[str, Label]:
    """Every pair told apart, for the candidate or against it."""
    assert first.request_file is not None
    requests = [msgspec.json.decode(line) for line in Path(first.request_file).read_bytes().splitlines()]
    return {r["id"]: Label(verdict="a" if r["a"].startswith("A verse on") is better else "b") for r in requests}


def test_texts_are_judged_blind(poems: tuple[Config, Wish, Tried], tmp_path: Path) -> None:
    shutil.copytree(poems[0].home, tmp_path / "home")
    config, first = dataclasses.replace(poems[0], store=StoreConfig(home=tmp_path / "home")), poems[2]
    assert first.verdict == "unproven" and first.measured is not None and first.measured.agreement is None, first
    labels = judged(first, better=True)
    assert 0.3 < sum(label.verdict == "a" for label in labels.values()) / len(labels) < 0.7, "which side is whose is drawn"
    (attempt,) = Control(config.home).attempts(first.workload_id)
    answers = [msgspec.json.decode(call.response or b"")["choices"][0]["message"]["content"].encode() for call in Calls(config.home).scan()]
    for name in (attempt.attempt_id, plan_of(attempt)):
        window = Control(config.home).window(name) or b""
        assert window and b"A verse on" not in window, "what is tested holds no text of the candidate's"
        assert not any(answer in window for answer in answers), "nor of the incumbent's"
    second = tried(config, "own/poet", dataclasses.replace(WISH, labels=labels))  # the margin is the one that was declared
    assert (second.verdict, second.kind) == ("certified", "B"), second.reason
    (certificate,) = Control(config.home).certificates()
    assert certificate.margin == 0.2 and "blind judgement" in certificate.sentence
    evidence = certificate_file(certificate, Control(config.home).evidence(certificate.certificate_id))
    assert verify(evidence).holds and b"A verse on" not in evidence


def test_a_text_that_loses_every_comparison_is_worse(poems: tuple[Config, Wish, Tried], tmp_path: Path) -> None:
    shutil.copytree(poems[0].home, tmp_path / "home")
    config = dataclasses.replace(poems[0], store=StoreConfig(home=tmp_path / "home"))
    wish = dataclasses.replace(poems[1], labels=judged(poems[2], better=False))
    assert tried(config, "own/poet", wish).verdict == "worse"


# ------------------------------------------------------------------------------------------------------------ privacy


def test_nothing_leaves_unless_the_destination_is_named(parcels: Path, tmp_path: Path, server: ModelServer) -> None:
    config = settings(parcels, tmp_path, server)
    away = ProviderConfig(kind="openai_compatible", url="http://models.example.test/v1", auth="none")
    config = dataclasses.replace(config, providers={"away": away})
    errand = planned(config, "away/good")
    assert errand.done is not None and errand.done.verdict == "refused" and "may_receive" in errand.done.reason
    for named in ("away", "models.example.test", "away@default"):
        allowed = dataclasses.replace(config, policy=PolicyConfig(may_receive=(named,)))
        assert planned(allowed, "away/good").done is None
    for other in ("example.test", "away@acme", "own"):
        allowed = dataclasses.replace(config, policy=PolicyConfig(may_receive=(other,)))
        assert planned(allowed, "away/good").done is not None


def test_what_ollama_passes_on_to_its_maker_is_not_this_machine(parcels: Path, tmp_path: Path, server: ModelServer) -> None:
    config = settings(parcels, tmp_path, server)
    config = dataclasses.replace(config, providers={"ollama": ProviderConfig(kind="ollama", url=server.url)})
    assert find_candidate(config, "ollama/llama3.2").here
    assert find_candidate(config, "ollama/gpt-oss:120b-cloud").host == "ollama.com"


def test_what_is_sent_is_redacted_and_counted(tmp_path: Path, server: ModelServer) -> None:
    (tmp_path / "log").mkdir()
    rows = [row for row, _ in traffic.sorted_messages(120)]
    for number, row in enumerate(rows):
        row["request"]["user"] = f"user-{number % 7}"
        row["request"]["messages"][1]["content"] += f" write to ann{number}@example.com"
    home = filled(tmp_path / "log", rows)
    config = settings(home, tmp_path, server)
    errand = planned(config, calls=40)
    assert errand.bill.findings == {"EMAIL": errand.bill.calls} and errand.bill.redacted == errand.bill.calls
    tried(config, calls=40)
    sent = msgspec.json.encode(server.requests)
    assert server.requests and b"@example.com" not in sent and b"<EMAIL_1>" in sent and b"user-" not in sent


def test_a_provider_that_is_not_configured_is_named(parcels: Path, tmp_path: Path, server: ModelServer) -> None:
    with pytest.raises(ConfigError, match="no provider 'vllm'"):
        find_candidate(settings(parcels, tmp_path, server), "vllm/some-model")


def test_a_name_that_only_the_upstream_could_know_is_refused_unless_a_recorded_call_has_it(
    parcels: Path, tmp_path: Path, server: ModelServer
) -> None:
    upstream = UpstreamConfig(kind="openai_compatible", url=server.url, auth="none")
    alias = {"lab/named": ModelConfig(deployments=(DeploymentConfig(model="own/good"),))}
    config = settings(parcels, tmp_path, server, upstream=upstream, models=alias)
    with pytest.raises(ConfigError, match="no provider 'lab' is configured") as refused:
        find_candidate(config, "lab/good")
    assert "own" in refused.value.hint and '[models."lab/good"]' in refused.value.hint
    assert find_candidate(config, "lab/named").deployment.name == "own/good"
    assert find_candidate(config, "good").deployment.name == "openai_compatible/good", "without a slash it names no provider"
    row = traffic.record(900, "a message", "lost", model="lab/good")
    bring_in(config, [traffic.write(tmp_path / "more.jsonl", [row])], Options())
    assert find_candidate(config, "lab/good").deployment.name == "openai_compatible/lab/good"


def test_some_labels_of_those_that_are_wanted(tmp_path: Path, server: ModelServer, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "log").mkdir()
    config = settings(filled(tmp_path / "log", [row for row, _ in traffic.sorted_messages(500, wrong=0.2)]), tmp_path, server)
    first = tried(config)
    (attempt,) = Control(config.home).attempts(first.workload_id)
    assert first.request_file is not None and first.needs_labels is not None and first.measured is not None
    assert first.measured.calls == attempt.groups, "what agrees is counted of what was tested, not of the pilot"
    names = [msgspec.json.decode(line)["id"] for line in Path(first.request_file).read_bytes().splitlines()]
    some = dataclasses.replace(WISH, labels={name: Label(gold="lost") for name in names[:3]})
    again = tried(config, wish=some)
    assert again.needs_labels == len(names) - 3
    assert f"3 of these {len(names)} labels are there, {len(names) - 3} are missing" in again.reason
    wider = dataclasses.replace(WISH, fit=dataclasses.replace(WISH.fit, margin=0.3, max_selective=0.3))
    asked = len(server.requests)
    later = tried(config, wish=wider)
    assert later.measured is not None and later.measured.calls == attempt.groups and len(server.requests) == asked
    say_declared(trial(config, wish=wider)[0].plan(only(config)), 0.3)
    said = capsys.readouterr().err
    assert "--margin 0.3 is not used: attempt 1 declared 0.04" in said and "when newer calls are there" in said
    say_declared(trial(config, wish=WISH)[0].plan(only(config)), 0.04)
    assert capsys.readouterr().err == ""
