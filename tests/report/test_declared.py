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
    assert shown.exit_code == 0 and "declared, not measured" in shown.output and "合同摘要" in shown.output
    assert not (tmp_path / "none").exists()
    told = CliRunner().invoke(cli, ["report", "--declare", "-", "--format", "json"], input=sample(), catch_exceptions=False)
    assert json.loads(told.output)["ground"] == "declared" and len(json.loads(told.output)["workloads"]) == 3
    both = CliRunner().invoke(cli, ["report", "--declare", str(path), "x.jsonl"], catch_exceptions=False)
    assert both.exit_code == 2 and "in the place of logs" in both.output


def test_the_terminal_shows_the_page_of_a_log(tmp_path: Path) -> None:
    """The three figures, the dearest, the budget on whichever side of it, in one currency."""
    path = tmp_path / "list.csv"
    path.write_text(HEAD + "a,classify,100000,1000,100,gpt-4o\nb,extract,1000,10.5,0.25,gpt-4o\nc,generate,5,1,1,nobody-knows\n")

    def run(*args: str) -> tuple[int, str]:
        money = ("--currency", "MYR", "--rate", "4.7", "--home", str(tmp_path / "none"))
        found = CliRunner().invoke(cli, ["report", "--declare", str(path), *money, *args], catch_exceptions=False)
        return found.exit_code, " ".join(found.stdout.split())

    code, text = run()
    assert code == 0 and "$" not in text and "Budget" not in text
    assert "could be saved, by price" in text and "up to RM" in text
    assert "the dearest spend a month could go to saving a month, net once how well known" in text
    assert "Every figure here is declared" in text and "No price is known for nobody-knows" in text
    assert "in this period" not in text and "a month, declared" in text
    code, text = run("--threshold", "MYR 9000", "--fail-over-budget")
    assert code == 0 and "Budget: RM 1,645 a month of RM 9,000 allowed: 18 %, without 5 calls of unknown cost." in text
    code, text = run("--threshold", "MYR 1000", "--fail-over-budget")
    assert code == 3 and "Budget: Over budget: RM 1,645 a month of RM 1,000 allowed, RM 645 too much." in text
    code, text = run("--full")
    assert code == 0 and text.count("Every figure here is declared") == 1 and "could go to" in text


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
