"""A declared list as page, tables and document."""

import csv
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from modicum.cli import cli
from tests.report.test_page import check

LIST = """name,task,calls a month,input tokens,output tokens,model
Aduan pelanggan,classify,"120,000",350,5,gpt-4o
合同摘要,summarise,4000,9000,400,gpt-4o
<b>بحث</b>,rag,52000,2100.5,180,gpt-4o-mini
ours,generate,100,50,50,nobodys-model
"""


def run(tmp_path: Path, *args: str) -> tuple[int, str, str]:
    (tmp_path / "list.csv").write_text(LIST, encoding="utf-8")
    found = CliRunner().invoke(cli, ["report", "--home", str(tmp_path / "home"), "--declare", str(tmp_path / "list.csv"), *args])
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found.exit_code, found.stdout, found.stderr


def test_the_same_page_every_figure_declared(tmp_path: Path) -> None:
    html = tmp_path / "r.html"
    code, shown, _ = run(tmp_path, "--html", str(html), "--currency", "MYR", "--rate", "4.7")
    text = html.read_text(encoding="utf-8")
    check(text)
    assert code == 0 and f"The page is {html}." in shown
    assert "AI cost estimate · declared, not measured" in text and "Spend a month, declared" in text
    assert text.count('<span class="state declared">declared</span>') >= 4
    assert "RM\u00a01,123" in text and "RM\u00a01,123" in shown
    assert "&lt;b&gt;بحث" in text and "合同摘要" in text
    assert re.search(
        r'<p class="lead">Aduan pelanggan is the dearest work: RM.522 of RM.1,123 a month\. .+ would save .*RM.\d+.* a month if it',
        text,
    )
    assert "The three dearest kinds of call" in text and "Whether it does the work nobody has tried yet. It would be asked" in text
    assert "What could take it over" in text and "How good the data is" not in text and "Spend by day" not in text


def test_tables_document_and_budget(tmp_path: Path) -> None:
    code, _, errors = run(
        tmp_path, "--csv", str(tmp_path / "all"), "--json", str(tmp_path / "r.json"), "--threshold", "$100", "--fail-over-budget"
    )
    assert code == 3 and "Over budget: $239 a month of $100 allowed" in errors
    found = json.loads((tmp_path / "r.json").read_text())
    assert found["declared"] is True and found["totals"]["unpriced_calls"] == 100 and found["gaps"] == []
    with (tmp_path / "all" / "workloads.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["state"] for row in rows] == ["declared"] * 4 + [""]
    assert float(rows[-1]["spend_usd_month"]) == pytest.approx(sum(float(row["spend_usd_month"] or 0) for row in rows[:-1]))
    assert (tmp_path / "all" / "ladders.csv").is_file() and not (tmp_path / "all" / "trend.csv").exists()


def test_a_list_has_no_days(tmp_path: Path) -> None:
    code, _, errors = run(tmp_path, "--compare", "2026-10")
    assert code == 2 and "knows no days" in errors
