"""The inventory: what is known of each specialist stands there, what is not is said to be unknown."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from modicum.artefact import About, Artefacts, Base, Teacher, Training, digest_of
from modicum.backends.model import ModelStage
from modicum.cli import cli
from modicum.config import load
from modicum.pipeline import owning
from modicum.report import inventory, inventory_forms, spreadsheet
from modicum.report.inventory import LastAudit, Specialist
from modicum.report.inventory_forms import Made
from modicum.store.control import Control
from modicum.store.watches import Look
from modicum.types import Route, RouteState, Tier, Verdict, Watch, new_call_id
from tests.store.test_control import CERTIFICATE, NOW, ROUTE, workload

LATER = NOW + timedelta(days=1)
ABOUT = About(
    workload="w1",
    trainer="encoder",
    code_version="1",
    bases=(Base(name="all-MiniLM-L6-v2", revision="abc", licence="Apache-2.0"),),
    teachers=(Teacher(model="gpt-4o", provider="openai", scope="default", calls=900), Teacher(model="gpt-4", scope="default", calls=100)),
    training=Training(calls=1000, digest=digest_of(["a"]), first_at=NOW - timedelta(days=60), last_at=NOW - timedelta(days=30)),
)
TIER = Tier(name="encoder", size_bytes=1, cpu_ms=1.0, agreement=0.9, coverage=0.6, chosen=True)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    control = Control(tmp_path)
    artefacts = Artefacts(tmp_path / "artefacts")
    whole = artefacts.write({"specialist.json": b'{"kind": "encoder"}'}, ABOUT.said(), learnt_from=[new_call_id()])
    control.replace_workloads([workload("w1"), workload("w2", "team")])
    certificate = dataclasses.replace(CERTIFICATE, artefact_digest=whole, created_at=NOW, expires_at=NOW + timedelta(days=90))
    control.add_certificate(certificate, b"")
    control.add_certificate(dataclasses.replace(CERTIFICATE, certificate_id="c2", workload_id="w2", scope="team"), b"")
    first = dataclasses.replace(ROUTE, artefact_digest=whole, changed_by="fit", proposed_by="ada")
    control.put_route(first)
    control.add_verdict("f", Verdict(workload_id="w1", verdict="certified", reason="", route=first, certificate=certificate, tiers=(TIER,)))
    steps: tuple[tuple[RouteState, str], ...] = (
        *(("shadow", "bob"), ("canary", "bob"), ("on", "watch")),
        *(("paused", "eve"), ("shadow", "eve"), ("canary", "carl")),
    )
    for state, actor in steps:
        control.put_route(dataclasses.replace(first, state=state, changed_by=actor, approved_by="dora", share=0.1))
    control.put_route(dataclasses.replace(ROUTE, route_id="r2", workload_id="w2", scope="team", certificate_id="c2", state="paused"))
    control.put_route(dataclasses.replace(ROUTE, route_id="r0", certificate_id="c1", state="retired"))
    return tmp_path


def found(home: Path, routes: list[Route] | None = None, **audited: LastAudit) -> tuple[Specialist, ...]:
    return inventory.specialists(home, routes or inventory.listed(Control(home)), audited=audited, now=LATER)


def test_everything_in_service_or_on_its_way_is_listed(home: Path) -> None:
    control = Control(home)
    assert [one.route_id for one in inventory.listed(control)] == ["r1", "r2"]
    assert [one.route_id for one in inventory.listed(control, everything=True)] == ["r1", "r0", "r2"]
    assert [one.route_id for one in inventory.listed(control, scope="team")] == ["r2"]


def test_what_a_specialist_is_and_who_let_it(home: Path) -> None:
    owning.own(load(flags={"store.home": home}, environ={}), "w1", owner="Payments", purpose="routes parcels", actor="ada")
    one = found(home, r1=LastAudit(at=LATER, audits=412))[0]
    assert (one.workload, one.owner, one.purpose, one.state, one.state_by, one.share) == (
        "w1",
        "Payments",
        "routes parcels",
        "canary",
        "carl",
        0.1,
    )
    assert (one.made.kind, one.made.tier, one.made.fault, one.made.bases, one.made.teachers) == (
        "encoder",
        "encoder",
        "",
        ABOUT.bases,
        ABOUT.teachers,
    )
    assert ABOUT.training is not None
    assert (one.made.trained_on, one.made.trained_from, one.made.trained_to) == (1000, ABOUT.training.first_at, ABOUT.training.last_at)
    assert (one.promised.sentence, one.promised.kind, one.promised.is_expired) == (CERTIFICATE.sentence, "A", False)
    assert one.proposed is not None and one.proposed.by == "ada" and one.approved_by == "dora"
    assert one.switched_on is not None and one.switched_on.by == "carl", "of canary and on only the step into them, and the last one"
    assert one.last_audit == LastAudit(at=LATER, audits=412)


def test_what_is_not_known_is_said_to_be_unknown(home: Path) -> None:
    one = found(home)[1]
    assert (one.owner, one.purpose, one.last_audit, one.switched_on, one.approved_by, one.proposed) == ("", "", None, None, None, None)
    assert "not in" in one.made.fault or "no digest" in one.made.fault
    assert one.promised.is_expired and one.made.trained_on is None and one.made.size_bytes is None
    words = dict(inventory_forms.facts(one))
    assert words["Owner"] == words["Purpose"] == words["Learnt from"] == words["Proposed by"] == "unknown"
    assert words["Last audit"] == "not yet" and "CANNOT BE USED" in words["Artefact"] and words["Expires"].endswith("(expired)")
    row = inventory_forms.row(one)
    assert len(row) == len(inventory_forms.HEAD) and "DAMAGED OR MISSING" in row and "nobody" in row


def test_another_model_has_no_weights_and_no_training_here(home: Path) -> None:
    stage = ModelStage(provider="openai", provider_kind="openai", url="https://api.openai.com/v1", model="gpt-5-nano")
    digest = Artefacts(home / "artefacts").write(stage.files(), About(workload="w1").said())
    (one,) = found(home, [dataclasses.replace(ROUTE, artefact_digest=digest)])
    assert (one.made.kind, one.made.model, one.made.size_bytes) == ("model", "openai/gpt-5-nano", None)
    words = dict(inventory_forms.facts(one))
    assert words["Kind"] == "another model: openai/gpt-5-nano" and words["Learnt from"] == "nothing here"


def test_a_damaged_artefact_hides_no_other(home: Path) -> None:
    for blob in (home / "artefacts" / "blobs").iterdir():
        blob.write_bytes(b"damaged")
    one = found(home)[0]
    assert "damaged" in one.made.fault and one.promised.sentence == CERTIFICATE.sentence and one.made.trained_on is None


def test_a_route_of_an_older_record_is_told_by_the_audit_log(home: Path) -> None:
    control = Control(home)
    control.put_route(dataclasses.replace(ROUTE, route_id="r3", changed_by="fit by zoe", proposed_by=""))
    (one,) = found(home, [control.route("r3")])
    assert one.proposed is not None and one.proposed.by == "fit by zoe"


def test_the_tables_have_a_cell_for_each_heading(home: Path) -> None:
    sheet = inventory_forms.sheet(found(home))
    assert [len(row) for row in sheet.rows] == [len(sheet.head)] * 2 and len(set(sheet.head)) == len(sheet.head)
    first, second = csv.DictReader(io.StringIO(spreadsheet.text(sheet)))
    assert first["base_licences"] == "Apache-2.0" and first["answers_of"] == "gpt-4o; gpt-4" and first["approved_by"] == "dora"
    assert first["answers_of_providers"] == "openai; unknown" and second["owner"] == "" and second["last_audit_at"] == ""


def test_a_spreadsheet_runs_nothing_of_it(home: Path) -> None:
    owning.own(load(flags={"store.home": home}, environ={}), "w1", owner="=HYPERLINK(1)", purpose="x; =1+1", actor="ada")
    first = next(csv.DictReader(io.StringIO(spreadsheet.text(inventory_forms.sheet(found(home))))))
    assert first["owner"].startswith("'=") and "'=1+1" in first["purpose"]


BASE: dict[str, Any] = {
    "route_id": "r1",
    "workload_id": "w1",
    "workload": "w1",
    "scope": "default",
    "task": "classify",
    "owner": "x",
    "purpose": "x",
    "state": "on",
    "state_since": NOW,
    "state_by": "ada",
    "share": None,
    "artefact_digest": "sha256:0",
    "made": inventory.Made(
        kind="linear", tier=None, size_bytes=1, model=None, bases=(), teachers=(), trained_on=None, trained_from=None, trained_to=None,
        erased_since=0, fault="",
    ),
    "promised": inventory.promised(CERTIFICATE, NOW),
    "last_audit": None,
    "proposed": None,
    "approved_by": None,
    "switched_on": None,
}  # fmt: skip
MADE = Made(at=LATER, version="1", record_lines=12, record_head="a" * 64)


def test_the_document_says_all_of_each(home: Path) -> None:
    text = inventory_forms.markdown(found(home), MADE)
    assert text.startswith(
        "# Inventory of specialists\n\nMade 2026-11-02 12:30 UTC by Modicum 1. The record of changes had 12 lines; its head"
    )
    for said in (
        "## w1 (default, r1)",
        "Apache-2.0",
        "gpt-4o (openai), scope default: 900 answers",
        "1,000 recorded calls, 2026-09-02",
        "dora",
    ):
        assert said in text
    assert inventory_forms.markdown((), MADE).endswith("There is none.\n")


@given(st.text(max_size=60))
def test_no_name_gets_out_of_its_cell(name: str) -> None:
    odd = Specialist(**{**BASE, "owner": name, "workload": name, "purpose": name})
    lines = inventory_forms.markdown((odd,), MADE).splitlines()
    plain = inventory_forms.markdown((Specialist(**BASE),), MADE).splitlines()
    assert len(lines) == len(plain)
    for line in lines:
        assert not line.startswith("|") or line.replace("\\\\", "").replace("\\|", "").count("|") in (3, 8)


def test_the_command_prints_every_form(home: Path, tmp_path: Path) -> None:
    def run(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(cli, ["inventory", "--home", str(home), *words])
        return result.exit_code, result.stdout

    Control(home)
    code, text = run()
    assert code == 0 and "all-MiniLM-L6-v2" in text and "not yet" in text and "r0" not in text
    told = json.loads(run("--all", "--format", "json")[1])
    assert [one["route_id"] for one in told["specialists"]] == ["r1", "r0", "r2"] and told["record"]["lines"] == len(Control(home).audit())
    assert told["record"]["head"] == Control(home).audit_lines()[-1].link
    assert run("--markdown")[1].startswith("# Inventory")
    file = tmp_path / "inventory.csv"
    assert run("--csv", str(file))[0] == 0 and file.read_text().startswith("scope,workload,")
    assert run("--markdown", "--format", "json")[0] == 2
    assert "No specialist" in run("--scope", "nowhere")[1]


def test_what_the_watcher_knows_is_shown(home: Path) -> None:
    watch = Watch(
        route_id="r1", at=LATER, since=NOW, audits=37, last_audit_at=datetime(2026, 11, 20, 9, 30, tzinfo=UTC), broken="too many differ"
    )
    assert Control(home).put_look("x", Look(watches=(watch,)))
    text = CliRunner().invoke(cli, ["inventory", "--home", str(home), "--markdown"]).stdout
    assert "2026-11-20 09:30 UTC, 37 audits in this state; THE PROMISE IS BROKEN: too many differ" in text
