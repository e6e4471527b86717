"""What was learned of erased calls goes with them, and only that."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from modicum.artefact import Artefacts
from modicum.errors import ArtefactError
from modicum.store import echoes, identity, snapshot
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.store.erase import Erased, erase
from modicum.store.snapshot import LiveRoute, Snapshot
from modicum.types import Call, Contract, Cover, Pattern, Route, Rule, Template, Verdict, Version, Workload
from tests.report.records import certificate

NOW = datetime(2026, 11, 1, tzinfo=UTC)
CANARY = "Zqxjkcanary42"


def call(number: int, text: str, user: str) -> Call:
    at = NOW + timedelta(minutes=number)
    body = json.dumps({"messages": [{"role": "user", "content": f"classify:\n{text}"}]}).encode()
    return Call(
        call_id=identity.call_id(at, identity.of_response("default", f"r{number}")),
        response_id=f"r{number}",
        user_id=user,
        started_at=at,
        request=body,
        response=b'{"choices": []}',
    )


def workload(name: str, label: str) -> Workload:
    template = Template(key="", user=Pattern(literals=("classify:\n", f"please {label} now")))
    return Workload(
        workload_id=f"w-{name.lower()}",
        scope="default",
        name=name,
        task="classify",
        contract=Contract(kind="label", labels=("shared", label)),
        versions=(Version(version_id="v1", template=template, first_seen=NOW, last_seen=NOW),),
        first_seen=NOW,
        last_seen=NOW,
    )


def route(name: str, digest: str) -> Route:
    return Route(
        route_id=f"r-{name}",
        workload_id=f"w-{name}",
        scope="default",
        artefact_digest=digest,
        certificate_id="c",
        state="on",
        changed_at=NOW,
        changed_by="ada",
    )


def test_words_that_only_erased_calls_said_go_from_all_that_was_learned(tmp_path: Path) -> None:
    calls, control = Calls(tmp_path), Control(tmp_path)
    calls.add([call(n, f"shared {CANARY}\nword", "gone") for n in range(5)] + [call(n, "shared kept word", "kept") for n in range(5, 9)])
    artefacts = Artefacts(tmp_path / "artefacts")
    knows = artefacts.write({"vocabulary.json": json.dumps(["shared", CANARY.lower()]).encode()}, {})
    knows_not = artefacts.write({"vocabulary.json": json.dumps(["shared", "kept", "canary"]).encode()}, {})
    control.replace_workloads([workload("one", CANARY), workload("two", "kept")])
    control.put_route(route("one", knows))
    control.put_route(route("two", knows_not))
    control.add_verdict("f", Verdict(workload_id="w-one", verdict="refused", reason=f"label {CANARY} is rare"))
    control.log("ada", "note", "", f"about {CANARY}")
    control.keep_window("a", json.dumps({"samples": [{"value": CANARY}], "predictions": [{"value": "kept", "runner_up": CANARY}]}).encode())
    cover = Cover(incumbents=(), version_ids=(), view_version="1", max_input_chars=1)
    live = tuple(LiveRoute(route=r, rule=Rule(accept_above=0.5), cover=cover, expires_at=NOW) for r in control.routes())
    snapshot.write(tmp_path, Snapshot(version="1", workloads=tuple(control.workloads()), routes=live))
    (tmp_path / "requests" / "w.jsonl").write_text(json.dumps({"id": "other", "near": CANARY}))

    assert erase(tmp_path, user_id="gone", actor="ada") == Erased(5, 1, ("r-one",))

    for file in tmp_path.rglob("*"):
        assert not file.is_file() or CANARY.lower().encode() not in file.read_bytes().lower(), file
    assert artefacts.read(knows_not).files
    with pytest.raises(ArtefactError):
        artefacts.read(knows)
    assert {r.route_id: (r.state, r.changed_by) for r in control.routes()} == {"r-one": ("retired", "ada"), "r-two": ("on", "ada")}
    first, second = control.workloads()
    assert first.contract.labels == ("shared", echoes.ERASED) and second == workload("two", "kept")
    assert first.versions[0].template.user is not None
    assert first.versions[0].template.user.literals == ("classify:\n", "please [erased] now")
    day = snapshot.read(tmp_path)
    assert day is not None and [r.route.route_id for r in day.routes] == ["r-two"] and day.version != "1"
    assert control.audit()[-1].action == "calls.erase" and control.audit()[-1].actor == "ada"


def test_words_that_remaining_calls_say_stay(tmp_path: Path) -> None:
    calls, control = Calls(tmp_path), Control(tmp_path)
    calls.add([call(1, f"shared {CANARY}", "gone"), call(2, f"shared {CANARY.upper()}", "kept")])
    control.replace_workloads([workload("one", CANARY)])
    assert erase(tmp_path, user_id="gone") == Erased(1)
    assert control.workloads() == [workload("one", CANARY)]


def test_a_record_s_own_words_are_never_touched(tmp_path: Path) -> None:
    calls, control = Calls(tmp_path), Control(tmp_path)
    calls.add([call(1, "classify default label w-one refused workload_id created_at", "gone")])
    control.replace_workloads([workload("one", "label")])
    before = control.workloads()[0]
    erase(tmp_path, user_id="gone")
    (after,) = control.workloads()
    assert dataclasses.replace(after, contract=before.contract, versions=before.versions) == before
    assert (after.contract.kind, after.task, after.workload_id) == ("label", "classify", "w-one")


def test_a_route_whose_answers_would_be_written_with_words_that_are_gone_is_retired(tmp_path: Path) -> None:
    calls, control = Calls(tmp_path), Control(tmp_path)
    calls.add([call(1, f"shared {CANARY}", "gone"), call(2, "shared kept", "kept")])
    control.replace_workloads([workload("one", "kept")])
    live = []
    for name, form in (("one", f"Dear {CANARY}: {{}}"), ("two", "Dear you: {}")):
        contract = Contract(kind="label", labels=("shared",), form=form, cues=(CANARY.casefold(),) if name == "one" else ())
        digest = Artefacts(tmp_path / "artefacts").write({"vocabulary.json": json.dumps(["shared", name]).encode()}, {})
        its = certificate(certificate_id=f"c-{name}", artefact_digest=digest, contract=contract)
        control.add_certificate(its, b"")
        control.put_route(dataclasses.replace(route(name, digest), certificate_id=its.certificate_id))
        live.append(
            LiveRoute(route=control.route(f"r-{name}"), rule=its.rule, cover=its.cover, expires_at=its.expires_at, contract=contract)
        )
    snapshot.write(tmp_path, Snapshot(version="1", workloads=tuple(control.workloads()), routes=tuple(live)))

    assert erase(tmp_path, user_id="gone", actor="ada") == Erased(1, 0, ("r-one",))

    day = snapshot.read(tmp_path)
    assert day is not None and [one.route.route_id for one in day.routes] == ["r-two"]
    assert {one.route_id: one.state for one in control.routes()} == {"r-one": "retired", "r-two": "on"}
    taken = control.certificate("c-one").contract
    assert taken is not None and (taken.form, taken.cues) == (f"Dear {echoes.ERASED}: {{}}", (echoes.ERASED,))
