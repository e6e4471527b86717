"""The report on a declared list, on its own and as a command."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from modicum.catalog import Catalogue
from modicum.cli import cli
from modicum.cli.declare import ask
from modicum.errors import NotEnoughDataError
from modicum.intake.declared import parse
from modicum.report.declared import declared_report
from tests.intake.test_declared import HEAD, sample
from tests.report.records import PRICES

TODAY = date(2026, 11, 1)
LIST = HEAD + "a,classify,1000,1000,100,big\nb,extract,100000,10.5,0.25,middle\nc,generate,5,1,1,nobody knows\n"


def test_every_figure_is_declared() -> None:
    found = declared_report(parse(LIST.encode()), Catalogue(PRICES), today=TODAY)
    assert found.ground == "declared" and all(line.ground == "declared" for line in found.workloads)
    assert [(line.name, line.usd_month) for line in found.workloads] == [("a", Decimal(12)), ("b", Decimal("1.1")), ("c", None)]
    assert found.workloads[1].usd_call == Decimal("0.000011")
    assert (found.usd_month, found.unpriced, found.calls_month) == (Decimal("13.1"), 1, 101_005)
    assert "declared, not measured" in found.headline and "Of 1 the price is unknown." in found.headline
    assert "nobody knows" in found.notes[1]
    nothing = declared_report(parse((HEAD + "c,,5,1,1,x9\n").encode()), Catalogue(PRICES), today=TODAY)
    assert nothing.usd_month is None and "no price is known" in nothing.headline


def test_as_a_command(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(sample())
    shown = CliRunner().invoke(cli, ["report", "--declare", str(path), "--home", str(tmp_path / "none")], catch_exceptions=False)
    assert shown.exit_code == 0 and "workload (declared)" in shown.output and "合同摘要" in shown.output
    assert not (tmp_path / "none").exists()
    told = CliRunner().invoke(cli, ["report", "--declare", "-", "--format", "json"], input=sample(), catch_exceptions=False)
    assert json.loads(told.output)["ground"] == "declared" and len(json.loads(told.output)["workloads"]) == 3
    both = CliRunner().invoke(cli, ["report", "--declare", str(path), "x.jsonl"], catch_exceptions=False)
    assert both.exit_code == 2 and "in the place of logs" in both.output


def test_asked_row_by_row() -> None:
    answers = ["a", "clasify", "classify", "many", "10", "5", "1", "gpt-4o", "", "a", "b", "", "7", "5", "1", "gpt-4o", "q", ""]
    with CliRunner().isolation(input="\n".join(answers) + "\n") as streams:
        first, second = ask()
        said = streams[1].getvalue().decode()
    assert (first.name, first.task, first.calls_month) == ("a", "classify", 10)
    assert (second.name, second.task, second.sample) == ("b", "unsure", "q")
    assert "did you mean 'classify'?" in said and "is not a whole number" in said and "there is one of that name already" in said
    with CliRunner().isolation(input="\n"), pytest.raises(NotEnoughDataError):
        ask()
