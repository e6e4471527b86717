"""Control records: kept whole, changed in one transaction with their line of the audit log, from several processes."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from modicum.errors import NotFoundError, StoreError
from modicum.store import schema, snapshot
from modicum.store.control import Control
from modicum.store.routes import Step
from modicum.store.snapshot import LiveRoute, Snapshot
from modicum.types import (
    Attempt,
    Certificate,
    Contract,
    Cover,
    Key,
    OperatorDecision,
    Pattern,
    Route,
    Rule,
    Saving,
    Template,
    Verdict,
    Version,
    Workload,
)

NOW = datetime(2026, 11, 1, 12, 30, 0, 123_456, tzinfo=UTC)
VERSION = Version(version_id="v", template=Template(key="", system=Pattern(literals=("a", "b\x00é"))), first_seen=NOW, last_seen=NOW)
RULE = Rule(accept_above=0.25, protected_labels=("x",))
COVER = Cover(incumbents=("gpt-4o",), version_ids=("v",), view_version="1", max_input_chars=100)
ROUTE = Route(
    route_id="r1",
    workload_id="w1",
    scope="default",
    artefact_digest="d",
    certificate_id="c1",
    state="proposed",
    changed_at=NOW,
    changed_by="fit",
)


def workload(workload_id: str, scope: str = "default") -> Workload:
    contract = Contract(kind="label", labels=("a", "b"))
    return Workload(
        workload_id=workload_id,
        scope=scope,
        name=workload_id,
        task="classify",
        contract=contract,
        versions=(VERSION,),
        first_seen=NOW,
        last_seen=NOW,
    )


def attempt(number: int) -> Attempt:
    return Attempt(
        attempt_id=f"t{number}",
        workload_id="w1",
        number=number,
        kinds=("A", "B"),
        margin=0.01,
        max_selective=0.05,
        min_coverage=0.1,
        delta=0.05,
        artefact_digest="d",
        rule=RULE,
        thresholds=(0.5, 0.4),
        window_from=NOW,
        window_to=NOW,
        groups=300,
        fingerprint="f",
        seed=1,
        created_at=NOW,
        created_by="fit",
    )


CERTIFICATE = Certificate(
    certificate_id="c1",
    workload_id="w1",
    workload_name="w1",
    scope="default",
    kind="A",
    margin=0.01,
    max_selective=0.05,
    confidence=0.95,
    delta_spent=0.05,
    attempt_number=1,
    groups=300,
    calls=400,
    accepted=200,
    errors=1,
    labels_used=0,
    coverage=0.66,
    coverage_calls=0.7,
    rate=0.003,
    rate_calls_interval=(0.0, 0.01),
    p_value=0.01,
    rule=RULE,
    cover=COVER,
    artefact_digest="d",
    label_table=(),
    self_disagreement=None,
    left_out_groups=0,
    window_from=NOW,
    window_to=NOW,
    sentence="of 100 ...",
    saving=Saving(usd_month=None, low_usd_month=None, high_usd_month=None, baseline="", method=""),
    evidence_digest="e",
    created_at=NOW,
    expires_at=NOW,
)


def test_workloads_are_replaced_by_scope_and_whole(tmp_path: Path) -> None:
    control = Control(tmp_path)
    control.replace_workloads([workload("a"), workload("b", "team")])
    assert Control(tmp_path).workloads() == [workload("a"), workload("b", "team")]
    assert control.workloads("team") == [workload("b", "team")]
    control.replace_workloads([workload("c")])
    assert control.workloads() == [workload("c")]
    control.replace_workloads([])
    assert control.workloads() == []


def test_decisions_keep_their_order(tmp_path: Path) -> None:
    control = Control(tmp_path)
    made = [
        OperatorDecision(decision_id=f"d{n}", scope="default", kind="name", workload_id="w", payload=f"{n}", at=NOW, actor="ada")
        for n in range(12)
    ]
    for decision in made:
        control.add_decision(decision)
    assert control.decisions() == made
    assert [(entry.actor, entry.action, entry.subject) for entry in control.audit()] == [("ada", "workload.name", "w")] * 12


def test_an_attempt_s_number_is_taken_once(tmp_path: Path) -> None:
    control = Control(tmp_path)
    control.add_attempt(attempt(1), ["0198c0de-0000-7000-8000-000000000001"])
    control.add_attempt(attempt(2), [])
    with pytest.raises(StoreError, match="attempt 2"):
        control.add_attempt(dataclasses.replace(attempt(2), attempt_id="another"), [])
    assert control.attempts("w1") == [attempt(1), attempt(2)]
    assert control.attempts("w2") == []
    opened = control.attempts("w2", ["0198c0de-0000-7000-8000-000000000001", "0198c0de-0000-7000-8000-000000000002"])
    assert opened == [attempt(1)], "under another id a call that was opened stays opened"
    assert len(control.audit()) == 2


def test_an_attempt_is_tested_with_one_set_of_labels(tmp_path: Path) -> None:
    control = Control(tmp_path)
    assert control.looked_with("a1") is None
    assert control.look_with("a1", "these") and control.look_with("a1", "these"), "taken up again after a crash"
    assert not control.look_with("a1", "others")
    assert control.looked_with("a1") == "these"


def test_a_window_is_kept_for_its_labels(tmp_path: Path) -> None:
    control = Control(tmp_path)
    assert control.window("a1") is None
    control.keep_window("a1", b'{"rows":1}')
    control.keep_window("a1", b'{"rows":2}')
    assert control.window("a1") == b'{"rows":2}'


def test_certificates_with_their_evidence(tmp_path: Path) -> None:
    control = Control(tmp_path)
    control.add_certificate(CERTIFICATE, b"\x00evidence")
    assert control.certificate("c1") == CERTIFICATE
    assert control.certificates() == control.certificates("w1") == [CERTIFICATE]
    assert control.evidence("c1") == b"\x00evidence"
    for ask in (control.certificate, control.evidence, control.route):
        with pytest.raises(NotFoundError):
            ask("nobody")


def test_verdicts_answer_a_fit_that_is_asked_again(tmp_path: Path) -> None:
    control = Control(tmp_path)
    refused = Verdict(workload_id="w1", verdict="refused", reason="too few calls", code="too_few_calls", needs_calls=10)
    certified = Verdict(workload_id="w1", verdict="certified", reason="yes", route=ROUTE, certificate=CERTIFICATE)
    assert control.verdict("f1") is None
    control.add_verdict("f1", refused)
    control.add_verdict("f2", certified)
    assert (control.verdict("f1"), control.verdict("f2")) == (refused, certified)
    assert control.verdicts() == [certified]


def test_every_change_of_a_route_is_on_record(tmp_path: Path) -> None:
    control = Control(tmp_path)
    control.put_route(ROUTE)
    control.put_route(dataclasses.replace(ROUTE, state="shadow", changed_by="ada"), note="looks good")
    assert control.route("r1").state == "shadow"
    assert [route.route_id for route in control.routes("w1")] == ["r1"]
    control.log("ada", "note", "r1", "hello")
    assert [(entry.actor, entry.action, entry.detail) for entry in control.audit()] == [
        ("fit", "route.proposed", "new -> proposed"),
        ("ada", "route.shadow", "proposed -> shadow: looks good"),
        ("ada", "note", "hello"),
    ]


def test_steps_are_taken_all_or_none(tmp_path: Path) -> None:
    control = Control(tmp_path)
    control.put_route(ROUTE)
    shadow = dataclasses.replace(ROUTE, state="shadow", changed_by="ada")
    canary = dataclasses.replace(shadow, state="canary", changed_by="ada")
    walked = [Step(was=ROUTE, now=shadow, action="route.shadow", why=""), Step(was=shadow, now=canary, action="route.canary", why="go")]
    stranger = dataclasses.replace(ROUTE, route_id="r9")
    assert not control.take([*walked, Step(was=stranger, now=stranger, action="route.shadow", why="")])
    assert not control.take(walked[1:]), "it is not in shadow"
    assert (control.route("r1"), len(control.audit())) == (ROUTE, 1)
    assert control.take(walked)
    assert not control.take(walked), "somebody took them before"
    approved = dataclasses.replace(canary, approved_by="bob")
    assert control.take([Step(was=canary, now=approved, action="route.approved", why="seen", actor="bob")])
    assert control.route("r1") == approved
    assert [(entry.actor, entry.action, entry.detail) for entry in control.audit()[1:]] == [
        ("ada", "route.shadow", "proposed -> shadow"),
        ("ada", "route.canary", "shadow -> canary: go"),
        ("bob", "route.approved", "seen"),
    ]


WRITER = """
import sys
from pathlib import Path
from modicum.store.control import Control
control = Control(Path(sys.argv[1]))
for number in range(15):
    control.log(sys.argv[2], "test", str(number))
"""


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), str(n)]) for n in range(2)]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    entries = Control(tmp_path).audit()
    assert len(entries) == 30
    assert all([e.subject for e in entries if e.actor == str(n)] == [str(i) for i in range(15)] for n in range(2))


def test_a_file_that_is_no_database_is_an_error_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "control.db").write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match=r"control\.db"):
        Control(tmp_path)


def test_purging_drops_the_lines_of_requests(tmp_path: Path) -> None:
    control = Control(tmp_path)
    file = tmp_path / "requests" / "w1.jsonl"
    file.write_text('{"id": "r1", "x": 1}\n{"id": "r10"}\n{"other": ["r1"]}\nr1, plain\n')
    assert control.purge(["r1", "nobody"]) == 3
    assert file.read_text() == '{"id": "r10"}\n'
    assert control.purge([]) == 0


def test_the_tables_are_as_the_migrations_make_them(tmp_path: Path) -> None:
    assert [step.__name__ for step in schema.MIGRATIONS] == ["_first_tables", "_keys", "_totals", "_answers", "_watching", "_chain"]
    assert {table.name: [column.name for column in table.columns] for table in schema.metadata.sorted_tables} == {
        "attempts": ["attempt_id", "workload_id", "number", "record", "opened"],
        "audit": ["number", "at", "actor", "action", "subject", "detail", "nonce", "commitment", "link"],
        "certificates": ["number", "certificate_id", "workload_id", "record", "evidence"],
        "decisions": ["number", "decision_id", "scope", "workload_id", "record"],
        "keys": ["number", "key_id", "record"],
        "looks": ["attempt_id", "labels"],
        "routes": ["route_id", "workload_id", "state", "record"],
        "answers": ["number", "candidate", "call_id", "at", "record"],
        "bookmarks": ["name", "mark"],
        "notices": ["number", "at", "kind", "record"],
        "watches": ["route_id", "record"],
        "totals": ["identity", "scope", "source", "provider", "day", "shape", "figures"],
        "verdicts": ["number", "fingerprint", "workload_id", "record"],
        "windows": ["attempt_id", "record"],
        "workloads": ["workload_id", "scope", "record"],
    }


def test_the_snapshot_is_replaced_whole(tmp_path: Path) -> None:
    assert snapshot.read(tmp_path) is None
    for version in ("1", "2"):
        written = Snapshot(
            version=version,
            workloads=(workload("a"),),
            routes=(LiveRoute(route=ROUTE, rule=RULE, cover=COVER, expires_at=NOW),),
        )
        snapshot.write(tmp_path, written)
        assert snapshot.read(tmp_path) == written
    assert snapshot.path(tmp_path).stat().st_mode & 0o777 == 0o600
    assert not list(tmp_path.glob(".*"))
    snapshot.path(tmp_path).write_text("{")
    with pytest.raises(StoreError):
        snapshot.read(tmp_path)


def test_what_the_day_imports_of_the_store_loads_no_database() -> None:
    heavy = ("sqlalchemy", "duckdb", "deltalake", "arro3", "numpy", "sqlite3", "zstandard")
    code = f"import sys, modicum.store.segments, modicum.store.snapshot; print([m for m in {heavy!r} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_a_key_is_not_rewritten_with_what_calls_said(tmp_path: Path) -> None:
    control = Control(tmp_path)
    key = Key(key_id="key_1", name="gold", digest="d", shown="mk-abc", models=("gold-*",), created_at=NOW, created_by="me")
    control.put_key(key, actor="me", action="create")
    control.rewrite(lambda record: [], lambda text: text.replace("gold", "…"))
    assert control.all_keys() == [key]
    assert all("gold" not in entry.detail for entry in control.audit())
