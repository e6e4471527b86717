"""The night by its commands, as a person would type them: import, workloads, fit, certificate, route, calls, why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from modicum.cli import cli
from tests.pipeline import traffic


class Shell:
    """Runs commands against one home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"

    def run(self, *words: str, code: int = 0) -> Result:
        result = CliRunner().invoke(cli, [*words, "--home", str(self.home)])
        assert result.exit_code == code, result.output + repr(result.exception)
        return result

    def json(self, *words: str, code: int = 0) -> Any:
        """What stands on standard output, which must be JSON and nothing else."""
        return json.loads(self.run(*words, "--format", "json", code=code).stdout)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    shell = Shell(tmp_path_factory.mktemp("walk"))
    rows = [row for row, _ in traffic.sorted_messages(700)] + list(traffic.poems(60, first=700))
    traffic.write(shell.folder / "log.jsonl", rows)
    (shell.folder / "modicum.toml").write_text("[fit]\nmax_selective = 0.08\n", encoding="utf-8")
    shell.run("import", str(shell.folder / "log.jsonl"))
    return shell


@pytest.fixture(scope="module")
def verdicts(shell: Shell) -> dict[str, dict[str, Any]]:
    found = shell.json("fit", "--margin", "0.04", "--config", str(shell.folder / "modicum.toml"))
    return {one["verdict"]: one for one in found}


def test_workloads_are_listed_under_the_nouns_names(shell: Shell) -> None:
    listed = shell.json("workloads", "list", "--assign", str(shell.folder / "assigned.jsonl"))
    assert [one["calls"] for one in listed] == [700, 60]
    assert {"id", "name", "scope", "task", "calls", "incumbents", "spend_usd", "contract"} <= set(listed[0])
    assert listed[0]["contract"]["kind"] == "label" and listed[1]["contract"]["kind"] == "text"
    assert float(listed[0]["spend_usd"]) > 0
    assigned = [json.loads(line) for line in (shell.folder / "assigned.jsonl").read_text().splitlines()]
    assert len(assigned) == 760
    assert assigned[0] == {"id": "chatcmpl-000000", "workload_id": listed[0]["id"]}


def test_show_names_the_slots_and_shows_five_real_calls(shell: Shell) -> None:
    listed = shell.json("workloads", "list")
    assert [one["can_be_switched_on"] for one in listed] == [True, True] and listed[0]["contract"]["can_be_served"] is True
    shown = shell.run("workloads", "show", listed[0]["name"]).output
    assert "Message: {user.0}" in shown and "parcel service" in shown
    assert all(label in shown for label in traffic.SUBJECTS)
    assert shown.count("    user.0: ") == 5 and shown.count("    answer: ") == 5
    assert max(len(line) for line in shown.splitlines() if "user.0: " in line) <= 120
    told = shell.json("workloads", "show", listed[0]["name"])
    assert len(told["examples"]) == 5 and "  Message: {user.0}" in told["template"] and told["slots"] == ["user.0"]
    newest = told["examples"][0]
    assert newest["request"]["messages"][1]["content"] == f"Message: {newest['slots']['user.0']}"
    assert newest["call_id"] in shown and newest["response"]["choices"][0]["message"]["content"] in shown


def test_fit_says_certified_or_refused_of_each(shell: Shell, verdicts: dict[str, dict[str, Any]]) -> None:
    certified, refused = verdicts["certified"], verdicts["refused"]
    assert certified["route"]["state"] == "proposed" and certified["certificate"]["kind"] == "A"
    assert refused["code"] == "free_text" and "free text" in refused["reason"]
    assert refused["route"] is None and refused["certificate"] is None
    again = {one["verdict"]: one for one in shell.json("fit", "--margin", "0.04", "--config", str(shell.folder / "modicum.toml"))}
    assert again == verdicts, "nothing changed, so the record answers"


def test_a_certificate_travels_and_is_verified_without_a_store(shell: Shell, verdicts: dict[str, dict[str, Any]]) -> None:
    file = shell.folder / "parcels.cert"
    (listed,) = shell.json("certificate", "list")
    assert listed == verdicts["certified"]["certificate"]
    shown = shell.run("certificate", "show", listed["certificate_id"], "--out", str(file)).output
    assert "of 100 distinct requests at most 4" in shown
    assert shell.json("certificate", "verify", str(file), "--deep")["holds"] is True
    assert "depot" not in file.read_text(), "evidence holds no text"

    elsewhere = Shell(shell.folder / "elsewhere")
    assert elsewhere.json("certificate", "verify", str(file))["holds"] is True
    assert not elsewhere.home.exists()
    file.write_bytes(file.read_bytes().replace(b'"accepted":true', b'"accepted":false', 1))
    assert elsewhere.json("certificate", "verify", str(file), code=1)["holds"] is False


def test_a_person_switches_and_the_record_says_who(shell: Shell, verdicts: dict[str, dict[str, Any]]) -> None:
    name = shell.json("workloads", "list")[0]["name"]
    assert shell.json("route", "shadow", name)["state"] == "shadow"
    assert shell.json("route", "on", name, "--note", "agreed for a week")["state"] == "on"
    (listed,) = shell.json("route", "list")
    assert listed["state"] == "on" and listed["workload"] == name and listed["changed_by"]
    assert "confidence >=" in shell.run("route", "show", name).output
    assert shell.json("route", "off", name)["state"] == "paused"
    assert [one["what"] for one in shell.json("route", "history", name)][-4:] == ["shadow", "canary", "on", "paused"]


def test_a_call_is_shown_with_its_bodies_and_explained(shell: Shell) -> None:
    call = shell.json("calls", "show", "chatcmpl-000003")
    assert call["request"]["messages"][0]["content"] == traffic.SYSTEM
    assert shell.json("calls", "show", call["call_id"]) == call
    assert "imported" in shell.run("why", "chatcmpl-000003").output


def test_decisions_of_the_operator(shell: Shell) -> None:
    first, second = shell.json("workloads", "list")
    assert shell.json("workloads", "name", first["id"], "parcels")["name"] == "parcels"
    assert shell.json("workloads", "ignore", second["id"])["ignored"] is True
    assert shell.json("workloads", "ignore", "--undo", second["id"])["ignored"] is False
    assert [one["name"] for one in shell.json("workloads", "list")][0] == "parcels"
    shell.run("workloads", "name", "parcels", first["name"])


def test_a_dry_run_opens_nothing(shell: Shell, verdicts: dict[str, dict[str, Any]]) -> None:
    plans = shell.json("fit", "--margin", "0.05", "--dry-run")
    assert [plan["attempt_number"] for plan in plans if plan["attempt_number"]] == [], "no call is left that a second attempt could open"
    assert shell.run("fit", "--margin", "0.05", "--dry-run").output.count("newest opened window") == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("workloads", "show", "nothing-like-it"), "no workload 'nothing-like-it'"),
        (("calls", "show", "nope"), "no call 'nope'"),
        (("certificate", "show", "nope"), "no certificate 'nope'"),
        (("fit", "--protect", "nope"), "no workload has the label 'nope'"),
        (("certificate", "verify", "/no/such/file"), "/no/such/file"),
    ],
)
def test_what_is_not_there_is_said(shell: Shell, words: tuple[str, ...], said: str) -> None:
    result = CliRunner().invoke(cli, [*words, "--home", str(shell.home)])
    assert result.exit_code != 0 and said in str(result.exception)
