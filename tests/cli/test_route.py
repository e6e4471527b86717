"""`modicum route`: every decision on a route as a command, told in words, in JSON and by its exit code."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from modicum.cli import cli
from modicum.errors import RouteError
from modicum.store.control import Control
from modicum.store.routes import Step
from modicum.store.watches import Look
from tests.pipeline.test_switching import at, seen, states


@pytest.fixture
def home(tmp_path: Path) -> Path:
    at(tmp_path)
    return tmp_path


def run(home: Path, *words: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["route", *words, "--home", str(home)], env={"MODICUM_WATCH__SHADOW_HOURS": "0"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_a_route_goes_forward_by_its_conditions(home: Path) -> None:
    assert run(home, "promote", "r-1") == (0, "r-1 is in shadow.\n")
    code, said = run(home, "promote", "r-1")
    assert code == 1 and said.startswith("r-1 stays in shadow. Missing: 0 of 200 audits")
    code, said = run(home, "promote", "r-1", "--format", "json")
    found = json.loads(said)
    assert code == 1 and not found["moved"] and found["lacking"][0] == "0 of 200 audits"
    seen(at(home), "r-1", audits=150, calls=700, lost=1.0, level=0.015, suspicion=0.25, warnings=["scores drift"])
    code, said = run(home, "show", "r-1")
    assert code == 0
    for words in ("before canary", "150", "░ 75%", "Missing for canary: 150 of 200 audits", "scores drift"):
        assert words in said
    _, listed = run(home, "list")
    assert "150" in listed and "0.7\u00a0% / 1.50%" in listed and "25%" in listed and "1 early sign" in listed
    seen(at(home), "r-1", audits=200, calls=900, lost=1.0, level=0.015)
    assert "Next: `modicum route promote r-1`" in run(home, "show", "r-1")[1]
    code, said = run(home, "promote", "r-1")
    assert code == 0 and "is in canary" in said and "10% of the conversations" in said


def test_approval_automation_and_history(home: Path) -> None:
    assert "is approved by" in run(home, "approve", "r-1", "--note", "read 50 of them")[1]
    assert "by itself" in run(home, "auto", "r-1")[1]
    assert "5% of its conversations" in run(home, "on", "r-1")[1]
    assert "automatic" in run(home, "list")[1]
    assert "by your hand" in run(home, "auto", "r-1", "--off")[1]
    assert "is not approved" in run(home, "approve", "r-1", "--undo")[1]
    _, said = run(home, "history", "r-1", "--format", "json")
    events = json.loads(said)
    whats = ["proposed", "approved", "automatic", "shadow", "canary", "on", "by_hand", "unapproved"]
    assert [one["what"] for one in events] == whats and {one["attempt"] for one in events} == {1}
    _, said = run(home, "history", "r-1")
    assert "in shadow -> in canary" in said and "read 50 of them" in said


def test_a_share_of_control_is_no_step_in_a_history(home: Path) -> None:
    run(home, "on", "r-1")
    control, why = Control(home), "5.0% -> 3.5% of its conversations stay with the incumbent, after 500 audits in this step"
    before = control.route("r-1")
    after = replace(before, control_share=0.035)
    assert control.put_look("watch", Look(steps=(Step(was=before, now=after, action="route.control", why=why, actor="watch"),)))
    event = json.loads(run(home, "history", "r-1", "--format", "json")[1])[-1]
    assert (event["what"], event["was"], event["why"]) == ("control", "", why)
    said = " ".join(run(home, "history", "r-1")[1].split())
    assert "share of control" in said and "-> control" not in said and "5.0% -> 3.5% of its conversations" in said


def test_back_at_once_and_for_good(home: Path) -> None:
    run(home, "on", "r-1")
    assert run(home, "pause", "r-1", "--note", "sale week") == (0, "r-1 is paused.\n")
    run(home, "on", "r-1")
    code, said = run(home, "rollback", "r-1", "--note", "wrong refunds")
    assert code == 0 and "is rolled back" in said and "newer calls" in said
    assert run(home, "retire", "r-2") == (0, "r-2 is retired.\n")
    assert states(at(home)) == {"r-1": "rolled_back", "r-2": "retired"}
    _, shown = run(home, "show", "r-1")
    assert "Missing" not in shown and "promote" not in shown and "by the watcher" not in shown
    assert "wrong refunds" in shown and "Next: `modicum fit" in shown
    for step in ("auto", "promote"):
        refused = CliRunner().invoke(cli, ["route", step, "r-1", "--home", str(home)])
        assert isinstance(refused.exception, RouteError) and "rolled back for good: wrong refunds" in str(refused.exception)
        assert "`modicum fit`" in refused.exception.hint
    assert "by your hand" in run(home, "auto", "r-1", "--off")[1]


def test_examples_are_in_the_help(home: Path) -> None:
    for name in ("promote", "approve", "auto", "history", "pause", "rollback"):
        result = CliRunner().invoke(cli, ["route", name, "--help"])
        assert result.exit_code == 0 and f"modicum route {name}" in result.output
