"""A scorer in a trial: taught on what people said of an earlier window, certified on newer calls, applied as it was certified."""

from __future__ import annotations

import dataclasses
import json
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from modicum.artefact import Artefacts, about_of
from modicum.backends.model import model_of
from modicum.config import Config, FitConfig, StoreConfig
from modicum.evaluate.evidence import certificate_file
from modicum.evaluate.labels import Label, specialist_is_a
from modicum.evaluate.rows import rows_of
from modicum.evaluate.verify import verify
from modicum.pipeline.label_wants import asked
from modicum.pipeline.labelling import Desk
from modicum.pipeline.outcomes import gather_outcomes
from modicum.pipeline.provenance import to_refit
from modicum.pipeline.trial import Tried
from modicum.pipeline.wish import Wish
from modicum.store import feedback
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.types import Feedback, Sample
from tests.pipeline import traffic
from tests.pipeline.model_server import ModelServer, sorts
from tests.pipeline.test_trying import WISH, extracts, filled, planned, settings, tried

HARD = "Tuesday"
"""Where the request has this word the small model's text is the worse one."""
TEXTS = dataclasses.replace(WISH, fit=FitConfig(margin=0.15))


def verse(request: dict[str, Any]) -> str:
    return f"A verse on {request['messages'][1]['content'][9:40]}"


def said_of(found: Tried) -> dict[str, Label]:
    """What people say of the pairs that are asked about: they like both, but for the hard ones."""
    assert found.request_file is not None, found
    labels = {}
    for line in Path(found.request_file).read_bytes().splitlines():
        row = msgspec.json.decode(line)
        hard = HARD in " ".join(row["slots"].values())
        labels[row["id"]] = Label(verdict=("b" if row["a"].startswith("A verse on") else "a") if hard else "both")
    return labels


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    with ModelServer() as running:
        running.answers["poet"] = verse
        yield running


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory, server: ModelServer) -> tuple[Config, list[Tried], dict[str, Label]]:
    """A home where the model alone was tried, judged and found worse, and what was said of it."""
    folder = tmp_path_factory.mktemp("heard")
    (folder / "log").mkdir()
    config = settings(filled(folder / "log", list(traffic.poems(520))), folder, server)
    first = tried(config, "own/poet", TEXTS)
    again = tried(config, "own/poet", TEXTS)
    assert (again.reason, again.request_file, again.needs_labels) == (first.reason.partition("; no scorer")[0], first.request_file, 190)
    assert len(Control(config.home).attempts(first.workload_id)) == 1, "while labels are waited for nothing newer is opened"
    labels = said_of(first)
    return config, [first, tried(config, "own/poet", dataclasses.replace(TEXTS, labels=labels))], labels


@pytest.fixture(scope="module")
def scored(heard: tuple[Config, list[Tried], dict[str, Label]], tmp_path_factory: pytest.TempPathFactory) -> tuple[Config, list[Tried]]:
    """The same home after the next trial, with a scorer, and its labels."""
    before, _, labels = heard
    folder = tmp_path_factory.mktemp("scored")
    shutil.copytree(before.home, folder / "home")
    config = dataclasses.replace(before, store=StoreConfig(home=folder / "home"))
    third = tried(config, "own/poet", dataclasses.replace(TEXTS, labels=labels))
    labels = labels | said_of(third)
    return config, [third, tried(config, "own/poet", dataclasses.replace(TEXTS, labels=labels))]


def test_without_outcomes_it_does_as_before_and_says_what_is_missing(heard: tuple[Config, list[Tried], dict[str, Label]]) -> None:
    _, (first, second), labels = heard
    assert first.verdict == "unproven" and first.limit == "labels" and first.needs_labels == len(labels) == 190, first
    assert "0 old answers" in first.reason and "at least 50 are needed (50 more)" in first.reason and first.alone is None
    assert second.verdict == "worse" and "the margin: of the requests" in second.reason, second
    assert "can teach a scorer" in second.reason


def test_a_scorer_certifies_what_the_model_alone_does_not(scored: tuple[Config, list[Tried]]) -> None:
    config, (third, fourth) = scored
    assert third.verdict == "unproven" and third.limit == "labels" and third.alone is not None
    assert third.needs_labels is not None and third.needs_labels < 0.9 * 170, "only what it would answer is asked for"
    assert (fourth.verdict, fourth.kind) == ("certified", "B"), fourth.reason
    assert fourth.coverage is not None and 0.4 < fourth.coverage < 0.8
    assert fourth.alone is not None and fourth.alone.coverage == 1.0 and fourth.alone.verdict != "certified"
    control = Control(config.home)
    (certificate,) = control.certificates()
    assert certificate.attempt_number == 2 and certificate.rule.accept_above > 0
    evidence = control.evidence(certificate.certificate_id)
    assert verify(certificate_file(certificate, evidence)).holds and b"A verse on" not in evidence and HARD.encode() not in evidence
    (route,) = control.routes()
    assert route.state == "proposed" and route.artefact_digest == certificate.artefact_digest


def test_what_it_learnt_from_is_older_than_what_certifies(scored: tuple[Config, list[Tried]]) -> None:
    config, _ = scored
    control, artefacts = Control(config.home), Artefacts(config.home / "artefacts")
    (certificate,) = control.certificates()
    learnt = artefacts.learnt_from(certificate.artefact_digest)
    about = about_of(artefacts.read(certificate.artefact_digest).about)
    assert about.training is not None and about.training.calls == len(learnt) >= 150
    assert about.training.last_at is not None and about.training.last_at < certificate.window_from
    one, two = control.attempts(certificate.workload_id)
    assert one.window_to < two.window_from and two.created_at < certificate.created_at
    assert two.thresholds == tuple(sorted(two.thresholds, reverse=True)) and two.rule.accept_above == two.thresholds[0]


def test_by_day_it_is_as_sure_as_it_was_by_night(scored: tuple[Config, list[Tried]]) -> None:
    config, (_, fourth) = scored
    control = Control(config.home)
    (certificate,) = control.certificates()
    stage = model_of(Artefacts(config.home / "artefacts").read(certificate.artefact_digest))
    assert stage is not None and stage.scorer is not None and stage.revision == "poet-2026-01"
    rows = rows_of(certificate_file(certificate, control.evidence(certificate.certificate_id)))
    (workload,) = control.workloads()
    by_hand = []
    for call in Calls(config.home).scan():
        request = msgspec.json.decode(call.request or b"")
        text = request["messages"][1]["content"].removeprefix("Message: ")
        by_hand.append(stage.confidence((("user.0", text),), verse(request)))
    assert {row.score for row in rows} <= set(by_hand), "the same confidence, to the last digit"
    hard = [sure for sure, call in zip(by_hand, Calls(config.home).scan(), strict=True) if HARD.encode() in (call.request or b"")]
    assert sum(sure >= certificate.rule.accept_above for sure in hard) < 0.2 * len(hard)
    assert workload.contract.kind == "text" and fourth.route_id


def test_erasing_what_it_learnt_from_lists_it(scored: tuple[Config, list[Tried]], tmp_path: Path) -> None:
    shutil.copytree(scored[0].home, tmp_path / "home")
    config = dataclasses.replace(scored[0], store=StoreConfig(home=tmp_path / "home"))
    (certificate,) = Control(config.home).certificates()
    learnt = sorted(Artefacts(config.home / "artefacts").learnt_from(certificate.artefact_digest))
    assert to_refit(config.home) == ()
    Calls(config.home).erase(call_id=learnt[0])
    (stale,) = to_refit(config.home)
    assert stale.digest == certificate.artefact_digest and stale.erased == 1


def test_with_nothing_newer_the_last_word_stands(tmp_path: Path, server: ModelServer) -> None:
    (tmp_path / "log").mkdir()
    config = settings(filled(tmp_path / "log", list(traffic.poems(220))), tmp_path, server)
    wish = dataclasses.replace(WISH, fit=FitConfig(margin=0.2))
    judged = dataclasses.replace(wish, labels=said_of(tried(config, "own/poet", wish)))
    words = [tried(config, "own/poet", judged) for _ in range(2)]
    assert {(one.verdict, one.reason) for one in words} == {("worse", words[0].reason)}
    assert len(Control(config.home).attempts(words[0].workload_id)) == 1


def doubtful(request: dict[str, Any]) -> str:
    """Sorts messages, but does not know what to make of those that name a Tuesday."""
    return "praise" if "Tuesday" in request["messages"][-1]["content"] else sorts(request)


def test_labels_get_a_scorer_where_the_model_alone_differs_too_often(tmp_path: Path, server: ModelServer) -> None:
    (tmp_path / "log").mkdir()
    server.answers["doubtful"] = doubtful
    config = settings(filled(tmp_path / "log", [row for row, _ in traffic.sorted_messages(600)]), tmp_path, server)
    wish: Wish = dataclasses.replace(WISH, fit=FitConfig(margin=0.05, max_selective=0.1))
    before = len(server.requests)
    found = tried(config, "own/doubtful", wish)
    assert found.verdict == "certified" and found.kind == "A", found.reason
    assert found.coverage is not None and 0.3 < found.coverage < 0.9 and found.alone is not None and found.alone.verdict == "differs"
    assert len(server.requests) - before <= planned(config, "own/doubtful", wish=wish).bill.calls + 400
    (certificate,) = Control(config.home).certificates()
    assert verify(certificate_file(certificate, Control(config.home).evidence(certificate.certificate_id))).holds


def test_gold_answers_of_old_texts_teach_at_once(tmp_path: Path, server: ModelServer) -> None:
    """Where the right answer of old calls is known nobody has to judge first."""
    (tmp_path / "log").mkdir()
    rows, gold = list(traffic.poems(420)), {}
    for row in rows:
        text = row["request"]["messages"][1]["content"]
        row["response"]["choices"][0]["message"]["content"] = gold[row["response"]["id"]] = f"Of {text[9:50]} the answer is given here."
    server.answers["reader"] = lambda request: (
        "I should think that nobody knows."
        if HARD in (text := request["messages"][1]["content"])
        else f"Of {text[9:50]} the answer is given here."
    )
    config = settings(filled(tmp_path / "log", rows), tmp_path, server)
    wish = dataclasses.replace(TEXTS, labels={name: Label(gold=text) for name, text in gold.items()})
    found = tried(config, "own/reader", wish)
    assert (found.verdict, found.kind) == ("certified", "B"), found.reason
    assert found.alone is not None and found.alone.verdict == "worse" and found.alone.excess is not None and found.alone.excess > 0.2
    (attempt,) = Control(config.home).attempts(found.workload_id)
    assert attempt.number == 1 and attempt.thresholds[-1] > 0


def test_calls_limits_what_is_asked_to_learn_from(tmp_path: Path, server: ModelServer) -> None:
    (tmp_path / "log").mkdir()
    server.answers["doubtful"] = doubtful
    config = settings(filled(tmp_path / "log", [row for row, _ in traffic.sorted_messages(300)]), tmp_path, server)
    assert planned(config, "own/doubtful", calls=60).bill.calls <= 60
    before = len(server.requests)
    found = tried(config, "own/doubtful", dataclasses.replace(WISH, fit=FitConfig(margin=0.05)), calls=60)
    assert len(server.requests) - before <= 60
    assert found.limit == "margin" or found.verdict == "differs", found
    assert "no scorer" in found.reason


def test_a_judge_s_words_teach_and_people_s_count_before_them(heard: tuple[Config, list[Tried], dict[str, Label]], tmp_path: Path) -> None:
    before, (first, _), labels = heard
    shutil.copytree(before.home, tmp_path / "home")
    control = Control(tmp_path / "home")
    (workload,) = control.workloads()
    (attempt,) = control.attempts(workload.workload_id)
    (one,) = asked(tmp_path / "home", control, workload)
    desk = Desk(tmp_path / "home", workload, one, "ann")
    desk.audit("own/judge", 60)
    names = [question.id for question in desk.questions]
    desk.keep_judgements("own/judge", {name: labels[name] for name in names})
    other = next(name for name in names if labels[name].verdict == "both")
    desk.label(other, verdict="neither")
    known = gather_outcomes(tmp_path / "home", control, workload, [attempt], (), {})
    by_name = gather_outcomes(tmp_path / "home", control, workload, [attempt], (), labels)
    assert len(known.pairs) == len(by_name.pairs) == first.needs_labels
    assert set(known.pairs.values()) == {(0.0, 1.0), (1.0, 1.0), (0.0, 0.0)} and sum(p == (0.0, 0.0) for p in known.pairs.values()) == 1
    differing = [call_id for call_id in known.pairs if known.pairs[call_id] != by_name.pairs[call_id]]
    assert len(differing) <= 1 and not known.labels[attempt.attempt_id].keys() - {other}


def test_feedback_on_old_calls_is_gold(heard: tuple[Config, list[Tried], dict[str, Label]], tmp_path: Path) -> None:
    shutil.copytree(heard[0].home, tmp_path / "home")
    control = Control(tmp_path / "home")
    (workload,) = control.workloads()
    call = next(iter(Calls(tmp_path / "home").scan()))
    told = Feedback(
        feedback_id="f1", scope=workload.scope, at=call.started_at, call=call.call_id, correction="A better verse.", source="person"
    )
    feedback.add(tmp_path / "home", [told])
    one = Sample(
        call_id=call.call_id,
        response_id=call.response_id,
        at=call.started_at,
        slots=(),
        value="Roses.",
        version_id="v1",
        incumbent="gpt-4o",
    )
    known = gather_outcomes(tmp_path / "home", control, workload, [], (one,), {})
    assert known.gold == {call.call_id: "A better verse."} and known.speaks_of(call.call_id)
    assert known.pair(workload.contract, one, "a better verse. ") == (1.0, 0.0)
    assert known.pair(workload.contract, one, "Violets.") is None


def test_a_record_that_holds_a_protected_value_is_never_answered(tmp_path: Path, server: ModelServer) -> None:
    """Also one of an open field, and one in a record that nobody gave before."""
    (tmp_path / "log").mkdir()
    rows = [row for row, _ in traffic.sorted_messages(260)]
    for row in rows:
        row["response"]["choices"][0]["message"]["content"] = json.dumps(extracts(row["request"]))
    server.answers["json"] = lambda request: json.dumps(extracts(request))
    config = settings(filled(tmp_path / "log", rows), tmp_path, server)
    last = max(Counter(extracts(row["request"])["last_word"] for row in rows).items(), key=lambda pair: pair[1])[0]
    wish = dataclasses.replace(WISH, protect=("lost", f"last_word={last}"))
    found = tried(config, "own/json", wish)
    assert found.verdict == "certified", found.reason
    control = Control(config.home)
    (certificate,) = control.certificates()
    assert certificate.rule.protected_labels == ('{"topic":"lost"}', "lost", f"last_word={last}")
    rows_there = rows_of(certificate_file(certificate, control.evidence(certificate.certificate_id)))
    kept = [row for row in rows_there if '"lost"' in row.said or row.runner_up]
    assert kept and not any(row.accepted for row in kept) and all(row.accepted for row in rows_there if row not in kept)
    assert any('"lost"' not in row.said for row in kept), "a value of an open field, of which the evidence knows nothing else"
    assert verify(certificate_file(certificate, control.evidence(certificate.certificate_id))).holds
    assert tried(config, "own/json", wish).certificate_id == certificate.certificate_id


def test_what_old_answers_speak_against_opens_no_window(heard: tuple[Config, list[Tried], dict[str, Label]], tmp_path: Path) -> None:
    """The model was found worse, and nothing tells where: nobody is asked to judge it once more."""
    before, (first, _), labels = heard
    shutil.copytree(before.home, tmp_path / "home")
    config = dataclasses.replace(before, store=StoreConfig(home=tmp_path / "home"))
    (attempt,) = Control(config.home).attempts(first.workload_id)
    worse = random.Random(3).sample(sorted(labels), 80)
    shuffled = {name: Label(verdict="both") for name in labels} | {
        name: Label(verdict="b" if specialist_is_a(attempt.attempt_id, name) else "a") for name in worse
    }
    found = tried(config, "own/poet", dataclasses.replace(TEXTS, labels=shuffled))
    assert found.verdict == "unproven" and found.limit == "margin" and found.alone is None, found
    assert "old answers are worse" in found.reason and "no scorer" in found.reason
    assert len(Control(config.home).attempts(first.workload_id)) == 1
