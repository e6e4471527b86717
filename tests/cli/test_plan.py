"""`modicum plan`: every way to ask, under recorded and declared traffic, and what is said where nothing can be."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from modicum.cli import cli
from modicum.errors import InputError
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.store.home import prepare
from modicum.store.segments import SegmentWriter
from modicum.types import Call, Contract, Usage, Workload, new_call_id

NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)
CONFIG = {
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "torch_dtype": "bfloat16",
}


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["plan", *arguments, "--home", str(home)], env={"COLUMNS": "140"})


def ask(home: Path, *arguments: str) -> Any:
    result = run(home, *arguments, "--json")
    assert result.exit_code == 0, result.output + str(result.exception)
    return json.loads(result.stdout)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return prepare(tmp_path / "home")


@pytest.fixture
def busy(home: Path) -> Path:
    """Ten days of office hours, sixty calls each, half of them a workload's."""
    control = Control(home)
    control.replace_workloads(
        [
            Workload(
                workload_id="w_1",
                scope="a",
                name="mail",
                task="classify",
                contract=Contract(kind="label"),
                versions=(),
                incumbents=("gpt-4o-mini",),
                first_seen=NINE,
                last_seen=NINE,
            )
        ]
    )
    writer = SegmentWriter(home)
    assigned = []
    for minute in range(10 * 8 * 60):
        call = Call(
            call_id=new_call_id(),
            scope="a",
            origin="live",
            started_at=NINE + timedelta(days=minute // 480, minutes=minute % 480),
            request_model="gpt-4o",
            usage=Usage(input_tokens=1000, output_tokens=50),
            cost_usd=Decimal("0.003"),
            status=200,
        )
        writer.append(call)
        if minute % 2:
            assigned.append((call.call_id, "w_1", "v1"))
    writer.close()
    Calls(home).assign(assigned)
    return home


def test_one_machine_has_its_memory_drawn(home: Path) -> None:
    result = run(home, "--model", "qwen3-8b", "--machine", "rtx-3090", "--context", "8192", "--concurrency", "8", "--precision", "int4")
    assert result.exit_code == 0
    bar = next(line for line in result.stdout.splitlines() if line.startswith("│"))
    assert set(bar) == set("│█▓▒░·") and len(bar) == 74
    assert "weights 4.1 GB" in result.stdout and "cache 9.7 GB" in result.stdout
    assert "8 callers" in result.stdout and "int4 is bare" in result.stdout
    assert "were not fitted on" in result.stdout and "https://" in result.stdout


def test_without_a_machine_there_is_a_line_for_each(home: Path) -> None:
    found = run(home, "--model", "llama-3.3-70b").stdout
    listed = ask(home, "--machines")
    assert len(listed) >= 12 and all(f" {one['id']} " in found for one in listed)
    assert "does not fit" in next(line for line in found.splitlines() if " rtx-3090 " in line)
    assert "tok/s" in next(line for line in found.splitlines() if " h200 " in line)
    assert sum(1 for one in listed if one["buy_usd"] and one["buy_usd"] + one["host_usd"] < 2000) >= 8
    assert {"l4", "l40s", "a100-80gb", "h100", "h200", "mi300x"} <= {one["id"] for one in listed}
    assert all(source["url"].startswith("http") and source["read"] for one in listed for source in one["sources"])
    assert "Memory in GiB" in run(home, "--machines").stdout


def test_a_model_is_a_file_or_numbers_too(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "llama" / "config.json"
    file.parent.mkdir()
    file.write_text(json.dumps(CONFIG))
    (by_file,) = ask(home, "--model", str(file), "--machine", "a100-80gb", "--context", "32768")["plans"]
    (by_folder,) = ask(home, "--model", str(file.parent), "--machine", "a100-80gb", "--context", "32768")["plans"]
    (by_numbers,) = ask(home, "--model", "8.03b:32x8x128", "--machine", "a100-80gb", "--context", "32768")["plans"]
    (by_name,) = ask(home, "--model", "llama-3.1-8b", "--machine", "a100-80gb", "--context", "32768")["plans"]
    assert by_file["model"] == "llama" and by_folder == by_file
    for one in (by_file, by_numbers, by_name):
        assert one["footprint"]["cache"] == 4_294_967_296, "32K tokens of Llama 3.1 8B in sixteen bits"
        assert one["footprint"]["weights"] == pytest.approx(16.06e9, rel=0.001)
    (four_bits,) = ask(home, "--model", "8.03b:32x8x128", "--machine", "a100-80gb", "--precision", "awq")["plans"]
    assert any("unknown here" in note for note in four_bits["notes"]) and not by_name["notes"]


def test_the_cache_may_be_finer_and_there_may_be_several_cards(home: Path) -> None:
    (wide,) = ask(home, "--model", "llama-3.3-70b", "--machine", "a100-80gb", "--precision", "bf16")["plans"]
    (two,) = ask(home, "--model", "llama-3.3-70b", "--machine", "a100-80gb", "--precision", "bf16", "--cards", "4")["plans"]
    (fine,) = ask(home, "--model", "llama-3.3-70b", "--machine", "a100-80gb", "--precision", "bf16", "--cache", "fp8")["plans"]
    assert not wide["fits"] and wide["alone_tokens_s"] is None
    assert two["fits"] and two["alone_tokens_s"] > 10 and any("several cards" in note for note in two["notes"])
    assert fine["footprint"]["cache"] * 2 == wide["footprint"]["cache"]


def test_this_computer_is_looked_at(home: Path) -> None:
    result = run(home, "--model", "qwen3-0.6b", "--here", "--context", "512")
    assert result.exit_code == 0, result.output
    assert "this computer" in result.stdout or "measured" in result.stdout


def test_without_a_model_what_fits_is_listed(home: Path) -> None:
    text = run(home, "--here").stdout
    assert "for models of" in text and "tok/s" in text and "Speeds are estimates" in text
    found = ask(home, "--machine", "rtx-3090", "--context", "16384")
    assert [one["id"] for one in found["machines"]] == ["rtx-3090"] and found["traffic"] is None
    first = found["models"]["fitting"][0]
    assert first["plan"]["context"] == 16384 and first["plan"]["fits"] and first["plan"]["alone_tokens_s"] > 10
    assert "qwen3-235b-a22b" in found["models"]["too_large"]


def test_without_anything_the_ways_to_ask_are_shown(home: Path) -> None:
    result = run(home)
    assert result.exit_code == 0 and "modicum plan --here" in result.stdout


def test_what_fits_under_recorded_calls(busy: Path) -> None:
    found = ask(busy, "--machine", "rtx-3090", "--all-calls")
    assert found["models"]["fitting"][0]["plan"]["context"] == 1050, "what 95 of 100 calls need"
    assert found["traffic"]["input_tokens_p95"] == 1000
    assert "1 in 20 has 1,000 in and more" in run(busy, "--machine", "rtx-3090", "--all-calls").stdout


def test_recorded_traffic_is_laid_on_machines(busy: Path) -> None:
    found = ask(busy, "--model", "qwen3-8b", "--machine", "rtx-3090", "--all-calls")
    assert found["traffic"]["calls"] == 4800 and found["traffic"]["silent_hours"] == 9 * 16
    (one,) = found["plans"]
    (paid, elsewhere) = one["against"]
    assert paid["name"] == "what was paid" and paid["usd_month"] == pytest.approx(14.4 * 30.44 * 24 / 224, rel=0.001)
    assert " at " in elsewhere["name"], "where the same model is sold"
    running = one["running"]
    assert running["machines"] == 1 and 0 < running["utilisation"] < 0.05
    assert running["usd_mtok"] > 10 * running["usd_mtok_full"], "idle hours are most of what a token costs"
    assert found["notes"] == []
    text = run(busy, "--model", "qwen3-8b", "--all-calls").stdout
    assert "4,800 calls recorded over 224 hours, 144 of them silent" in text and "per M tokens" in text


def test_a_workload_alone(busy: Path) -> None:
    found = ask(busy, "--model", "qwen3-8b", "--machine", "rtx-3090", "--workload", "mail", "--api", "gpt-4o-mini", "--api", "gpt-9-nobody")
    assert found["traffic"]["calls"] == 2400
    (beside,) = found["plans"][0]["against"]
    bill = (2400 * 1000 * 0.15 + 2400 * 50 * 0.60) / 1e6
    assert beside["usd_month"] == pytest.approx(bill * 30.44 * 24 / found["traffic"]["span_hours"], rel=0.01)
    assert found["notes"] == ["no price of gpt-9-nobody is known"]


def test_declared_traffic_a_specialist_and_another_currency(home: Path) -> None:
    asked = ("--model", "8b:32x8x128", "--calls-a-day", "5000", "--tokens", "800/120", "--busy-hours", "10", "--api", "gpt-4o")
    result = run(home, *asked, "--machine", "rtx-4090", "--answered", "0.6", "--labels", "400", "--currency", "EUR", "--rate", "0.5")
    assert result.exit_code == 0, result.output
    assert "5,000 calls declared" in result.stdout and "EUR 1,025" in result.stdout and "$" not in result.stdout
    assert "cheaper from" in result.stdout and "A specialist that answers 60% of these calls has paid for itself after" in result.stdout
    dear = ask(home, *asked, "--machine", "rtx-4090", "--power-price", "0.60", "--years", "1", "--care-hours", "20", "--hour-price", "100")
    plain = ask(home, *asked, "--machine", "rtx-4090")
    assert dear["plans"][0]["running"]["care_usd_month"] == 2000
    assert dear["plans"][0]["running"]["power_usd_month"] > 4 * plain["plans"][0]["running"]["power_usd_month"]
    assert plain["specialist"] is None
    checked = ask(home, *asked, "--machine", "rtx-4090", "--answered", "0.6", "--audits", "50", "--label-price", "0.10")["specialist"]
    assert checked["upkeep_usd_day"] == pytest.approx(5 + checked["saved_usd_day"] * 0.05, abs=0.01)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--calls-a-day", "100", "--tokens", "1/1"], "--model says which model"),
        (["--precision", "awq"], "--model qwen3-8b --here"),
        (["--here", "--api", "gpt-4o", "--calls-a-day", "9", "--tokens", "1/1"], "--model says whose cost"),
        (["--model", "gpt-4o"], "not open"),
        (["--model", "qwen3-8c"], "qwen3-8b"),
        (["--model", "nobody-knows-it"], "its config.json"),
        (["--model", "8b:32x8"], "8b:32x8x128"),
        (["--model", "nowhere/config.json"], "cannot read"),
        (["--model", "qwen3-8b", "--machine", "rtx-390"], "rtx-3090"),
        (["--model", "qwen3-8b", "--precision", "q4_k_n"], "q4_k_m"),
        (["--model", "qwen3-8b", "--cache", "fp9"], "fp8"),
        (["--model", "qwen3-8b", "--calls-a-day", "100"], "--tokens"),
        (["--model", "qwen3-8b", "--calls-a-day", "100", "--tokens", "800"], "800/120"),
        (["--model", "qwen3-8b", "--calls-a-day", "100", "--all-calls", "--tokens", "1/1"], "one of"),
        (["--model", "qwen3-8b", "--calls-a-day", "-1", "--tokens", "1/1"], "no amount"),
        (["--model", "qwen3-8b", "--api", "gpt-4o"], "traffic"),
        (["--model", "qwen3-8b", "--answered", "0.5"], "traffic"),
        (["--model", "qwen3-8b", "--all-calls"], "--calls-a-day"),
        (["--model", "qwen3-8b", "--workload", "mail"], "mail"),
        (["--model", "qwen3-8b", "--rate", "0"], "above 0"),
        (["--model", "qwen3-8b", "--concurrency", "0"], "concurrency"),
    ],
)
def test_what_cannot_be_said_is_said_so(home: Path, arguments: list[str], said: str) -> None:
    result = run(home, *arguments)
    assert result.exit_code in (1, 2)
    assert said in result.output + str(getattr(result.exception, "hint", "")) + str(result.exception)
    assert "Traceback" not in result.output


def test_nothing_of_the_catalogue_is_kept_from_planning(home: Path) -> None:
    found = ask(home, "--model", "deepseek-r1-0528", "--machine", "h200", "--cards", "8", "--context", "32768")
    (one,) = found["plans"]
    assert one["precision"] == "fp8" and one["footprint"]["cache_token"] == 61 * 576 * 2, "latent attention keeps 576 numbers a layer"


def test_lengths_may_be_written_short(home: Path) -> None:
    for written, meant in (("16k", 16_000), ("16000", 16_000), ("1.5k", 1_500)):
        assert ask(home, "--model", "qwen3-8b", "--machine", "h100", "--context", written)["plans"][0]["context"] == meant
    for wrong in ("0", "16q", "-5", "9" * 30):
        assert run(home, "--model", "qwen3-8b", "--context", wrong).exit_code == 2


@pytest.mark.parametrize(("model", "said"), [("gpt-4o", "not open"), ("bge-m3", "is an embedder"), ("bge-reranker-v2-m3", "is a reranker")])
def test_a_model_that_cannot_be_planned_says_why_and_what_to_do(home: Path, model: str, said: str) -> None:
    error = run(home, "--model", model, "--here").exception
    assert isinstance(error, InputError) and said in error.message and error.hint


def test_help_has_examples() -> None:
    shown = CliRunner().invoke(cli, ["plan", "--help"]).output
    assert "Examples:" in shown and "--machine rtx-3090 --concurrency 8" in shown
