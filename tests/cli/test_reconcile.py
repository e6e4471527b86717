"""`modicum reconcile` from exports on the disk."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from modicum.cli import cli
from modicum.errors import NotEnoughDataError

DAY = 1_790_812_800


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, [*words, "--home", str(home)], catch_exceptions=False)


def page(*results: dict[str, Any]) -> str:
    bucket = {"object": "bucket", "start_time": DAY, "end_time": DAY + 86_400, "results": results}
    return json.dumps({"object": "page", "data": [bucket], "has_more": False, "next_page": None})


@pytest.fixture
def home(tmp_path: Path) -> Path:
    log = tmp_path / "calls.jsonl"
    rows = [
        {
            "request_id": f"chatcmpl-{number:024d}", "call_type": "acompletion", "spend": 0.01,
            "prompt_tokens": 1000, "completion_tokens": 100,
            "startTime": f"2026-10-01T08:{number:02d}:00Z", "endTime": f"2026-10-01T08:{number:02d}:01Z", "model": "gpt-4o-2024-08-06",
            "custom_llm_provider": "openai", "metadata": {},
        }
        for number in range(50)
    ]  # fmt: skip
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = run(tmp_path / "home", "import", str(log))
    assert found.exit_code == 0 and "50 calls added" in found.output and "store_prompts_in_spend_logs" in found.output
    return tmp_path / "home"


def test_an_invoice_is_explained(home: Path, tmp_path: Path) -> None:
    usage, costs = tmp_path / "usage.json", tmp_path / "costs.json"
    told = {"object": "organization.usage.completions.result", "num_model_requests": 60, "input_tokens": 60_000, "output_tokens": 6_000}
    usage.write_text(page(told | {"model": "gpt-4o-2024-08-06"}))
    amount = {"object": "organization.costs.result", "amount": {"value": 0.21, "currency": "usd"}, "line_item": "gpt-4o-2024-08-06, input"}
    costs.write_text(page(amount))
    found = run(home, "reconcile", str(usage), str(costs))
    assert found.exit_code == 0
    assert found.output.startswith(
        "100 % explained, 83.3 % recorded: the invoice says $0.21, the record $0.50, 2026-10-01 to 2026-10-01; mostly recorded otherwise"
    )
    assert "10 more on the invoice" in found.output
    table = list(csv.DictReader(io.StringIO(run(home, "reconcile", str(usage), str(costs), "--format", "csv").output)))
    assert [(row["model"], row["invoice_usd"], row["recorded_calls"]) for row in table] == [("gpt-4o-2024-08-06", "0.21", "50")]
    shown = json.loads(run(home, "reconcile", str(usage), str(costs), "--format", "json").output)
    assert shown["explained"] == 1.0 and {cause["kind"] for cause in shown["causes"]} == {"missing calls", "recorded otherwise"}


def test_what_was_imported_needs_no_file(home: Path, tmp_path: Path) -> None:
    with pytest.raises(NotEnoughDataError, match="no usage or cost export was imported"):
        run(home, "reconcile")
    usage = tmp_path / "usage.json"
    told = {"object": "organization.usage.completions.result", "num_model_requests": 60, "input_tokens": 60_000, "output_tokens": 6_000}
    usage.write_text(page(told | {"model": "gpt-4o-2024-08-06"}))
    given = run(home, "reconcile", str(usage), str(usage))
    assert run(home, "import", str(usage)).exit_code == 0
    kept = run(home, "reconcile")
    assert kept.output == given.output and "60" in kept.output and "120" not in kept.output
    by_project = tmp_path / "by-project.json"
    by_project.write_text(page(told | {"project_id": "p"}))
    assert "1 totals are left out" in run(home, "reconcile", str(usage), str(by_project)).output


def test_what_is_not_explained_exits_with_1(home: Path, tmp_path: Path) -> None:
    costs = tmp_path / "costs.csv"
    head = "start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,line_item,project_id,organization_id\n"
    costs.write_text(head + f'{DAY},{DAY + 86_400},x,x,9.5,usd,"gpt-4o-2024-08-06, input",,o\n')
    found = run(home, "reconcile", str(costs))
    assert found.exit_code == 1 and "unexplained" in found.output and "usage export" in found.output
    assert run(home, "reconcile", str(costs), "--at-least", "5").exit_code == 0
    costs.write_text(head + f"{DAY},{DAY + 86_400},x,x,1,eur,,,o\n{DAY},{DAY + 86_400},x,x,1,usd,,,o\n")
    found = run(home, "reconcile", str(costs), "--at-least", "0")
    assert found.exit_code == 1 and "not in US dollars" in found.output


def test_what_is_no_invoice_is_said(home: Path, tmp_path: Path) -> None:
    from modicum.errors import NotEnoughDataError

    log = tmp_path / "calls.jsonl"
    with pytest.raises(NotEnoughDataError, match="records are calls, not totals"):
        run(home, "reconcile", str(log))


def test_a_formula_in_a_model_name_is_text(home: Path, tmp_path: Path) -> None:
    usage = tmp_path / "usage.csv"
    usage.write_text(
        "start_time,end_time,project_id,num_model_requests,model,batch,input_tokens,output_tokens\n"
        f'{DAY},{DAY + 86_400},p,1,"=cmd()",false,5,5\n'
    )
    assert ",'=cmd()," in run(home, "reconcile", str(usage), "--format", "csv").output
