"""`modicum spend`: sums by what was asked for, unknown costs counted, the ledger compared call by call."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from modicum.cli import cli
from modicum.config import Config, StoreConfig
from modicum.pipeline import keys
from modicum.store.home import prepare
from modicum.store.ledger import Ledger
from modicum.store.ledger_rows import COMPARING
from modicum.store.segments import SegmentWriter
from modicum.types import UNKNOWN_USAGE, Call, Decision, Key, Reason, Usage, new_call_id

NOW = datetime.now(UTC)


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["spend", *arguments, "--home", str(home)])


def call(key: Key | None = None, *, usd: str | None = "0.001", model: str = "gpt-4o", tokens: int = 1000, **more: Any) -> Call:
    about: dict[str, Any] = {
        "call_id": new_call_id(),
        "origin": "live",
        "started_at": NOW,
        "key_id": key.key_id if key else None,
        "provider": "upstream",
        "request_model": model,
        "usage": Usage(input_tokens=tokens, output_tokens=100, cache_read_tokens=50),
        "cost_usd": None if usd is None else Decimal(usd),
    }
    return Call(**about | more)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return prepare(tmp_path)


def record(home: Path, *calls: Call) -> None:
    writer = SegmentWriter(home)
    for one in calls:
        writer.append(one)
    writer.close()


def make_key(home: Path, name: str) -> Key:
    return keys.create(Config(store=StoreConfig(home=home)), name, actor="me", budget_day_usd=Decimal(5))[0]


def test_what_nobody_answered_costs_nothing(home: Path) -> None:
    refused: dict[str, Any] = {"usd": None, "usage": UNKNOWN_USAGE}
    record(
        home,
        call(),
        call(**refused, status=429, error="rate_limited"),
        call(**refused, status=503, error="upstream_unavailable", deployments=("one/gpt-4o",)),
        call(**refused, status=499, error="client_left"),
        call(**refused, model="never-answered", status=403),
    )
    lines = {line["model"]: line for line in json.loads(run(home, "--by", "model", "--format", "json").stdout)}
    assert [lines["gpt-4o"][name] for name in ("calls", "calls_refused", "calls_of_unknown_cost", "cost_usd")] == [4, 2, 1, 0.001]
    assert [lines["never-answered"][name] for name in ("calls", "calls_refused", "calls_of_unknown_cost", "cost_usd")] == [1, 1, 0, 0]
    assert "1 calls of unknown cost" in run(home).stdout


def test_spend_by_key_and_model(home: Path) -> None:
    app, other = make_key(home, "app"), make_key(home, "other")
    record(
        home,
        call(app),
        call(app, usd="0.0000005", model="gpt-4o-mini"),
        call(other, usd="0.2"),
        call(usd=None, model="nobody-knows"),
        call(usd=None, model="gpt-4o", tokens=200_000),
    )
    found = json.loads(run(home, "--by", "key", "--format", "json").stdout)
    assert [(line["key"], line["calls"], line["calls_of_unknown_cost"]) for line in found] == [(None, 2, 1), ("other", 1, 0), ("app", 2, 0)]
    assert found[2]["cost_usd"] == 0.0010005 and found[2]["cache_read_tokens"] == 100
    assert found[0]["cost_usd"] == pytest.approx(0.5 + 0.001 - 50 * 1.25e-6)
    rows = list(csv.DictReader(io.StringIO(run(home, "--by", "model,key", "--format", "csv").stdout)))
    assert {(row["key"], row["model"]): row["cost_usd"] for row in rows}[("app", "gpt-4o-mini")].startswith("0.0000005")
    text = run(home, "--by", "day,provider").stdout
    assert "upstream" in text and f"{NOW:%Y-%m-%d}" in text and "1 calls of unknown cost" in text
    assert json.loads(run(home, "--since", f"{NOW + timedelta(days=1):%Y-%m-%d}", "--format", "json").stdout) == []
    assert run(home, "--by", "colour").exit_code == 2
    assert run(home, "--since", "yesterday").exit_code == 2


def test_an_answer_of_ours_costs_nothing_and_a_name_is_no_formula(home: Path) -> None:
    record(home, call(usd="0", model="=1+1", decision=Decision(answered_by="modicum/x@1", reason="answered")))
    [line] = json.loads(run(home, "--format", "json").stdout)
    assert line["cost_usd"] == 0 and line["calls_of_unknown_cost"] == 0
    assert "\n'=1+1," in run(home, "--format", "csv").stdout


def test_the_ledger_is_compared_call_by_call(home: Path) -> None:
    key = make_key(home, "app")
    same, unknown, cheap, missing = call(key), call(key, usd=None), call(key), call(key)
    ledger = Ledger(home)
    for one, pico in ((same, 10**9), (unknown, None), (cheap, 2 * 10**9), (missing, 10**9)):
        ledger.reserve(key, one.call_id, 3 * 10**9, 10)
        ledger.settle(one.call_id, pico, 10)
    record(home, same, unknown)
    ledger.close()
    agreed = run(home, "--check", "--until", "2099-01-01", "--format", "json")
    assert agreed.exit_code == 1  # two of the ledger's are not recorded
    assert json.loads(agreed.stdout)["unrecorded"] == [cheap.call_id, missing.call_id]
    record(home, cheap, missing, call(key))
    found = json.loads(run(home, "--check", "--format", "json").stdout)
    assert found["calls"] == 4 and found["differing"] == [cheap.call_id] and len(found["uncounted"]) == 1
    assert (found["ledger_usd"], found["calls_usd"], found["held_usd"]) == (0.007, 0.003, 0.003)
    assert "do not agree" in run(home, "--check").stdout


def test_where_nothing_was_counted_there_is_nothing_to_differ(home: Path) -> None:
    record(home, call())
    found = run(home, "--check")
    assert found.exit_code == 0 and "They agree." in found.stdout


def test_names_of_one_model_are_said_to_be(home: Path) -> None:
    """The report adds them up; whoever holds the two side by side must see why they differ."""
    both = [call(model="gpt-4o", usd="4.57"), call(model="gpt-4o-2024-08-06", usd="1.97"), call(model="gpt-4o-mini", usd="1")]
    record(home, *both)
    shown = run(home)
    assert "gpt-4o and gpt-4o-2024-08-06 are names of one model, $6.540000 together; `modicum report`" in shown.output
    assert "names of one model" not in run(home, "--by", "day").output
    full = CliRunner().invoke(cli, ["report", "--full", "--home", str(home)], catch_exceptions=False)
    text = " ".join(full.output.replace("\u00a0", " ").split())
    assert "gpt-4o is gpt-4o $4.57 + gpt-4o-2024-08-06 $1.97" in text or "gpt-4o-2024-08-06 $1.97 + gpt-4o $4.57" in text
    assert "`modicum spend --by model` has each name." in text


def asked_first(key: Key | None, took: str | None, *, reason: Reason = "below_threshold", **more: Any) -> Call:
    usage, stage_usd = Usage(input_tokens=40, output_tokens=2), None if took is None else Decimal(took)
    about = Decision(answered_by="gpt-4o", reason=reason, stage_model="small/tiny", stage_usage=usage, stage_cost_usd=stage_usd)
    return call(key, decision=about, **more)


def test_what_another_model_took_is_spend_of_that_model(home: Path) -> None:
    key = make_key(home, "app")
    record(
        home,
        asked_first(key, "0.0005"),
        asked_first(None, "0.0001", reason="shadow"),
        asked_first(key, "0.0002", usd=None, usage=UNKNOWN_USAGE, status=429),
        asked_first(key, None),
    )
    by_model = {line["model"]: line for line in json.loads(run(home, "--format", "json").stdout)}
    assert by_model["gpt-4o"]["cost_usd"] == 0.003 and by_model["gpt-4o"]["calls"] == 4 and by_model["gpt-4o"]["calls_refused"] == 1
    tiny = by_model["tiny"]
    assert [tiny[name] for name in ("cost_usd", "calls", "input_tokens", "calls_of_unknown_cost")] == [0.0008, 0, 160, 0]
    by_key = json.loads(run(home, "--by", "key,provider", "--format", "json").stdout)
    assert {(line["key"], line["provider"]): line["cost_usd"] for line in by_key} == {
        ("app", "upstream"): 0.002,
        (None, "upstream"): 0.001,
        ("app", "small"): 0.0007,
        (None, "small"): 0.0001,
    }


def test_the_ledger_has_both_and_what_was_only_compared_apart(home: Path) -> None:
    key = make_key(home, "app")
    comparing = replace(key, key_id=COMPARING)
    both, beside, unknown, wrong = (
        asked_first(key, "0.0005"),
        asked_first(key, "0.0001", reason="control"),
        asked_first(key, None),
        asked_first(key, "0.002"),
    )
    ledger = Ledger(home)
    paid = ((key, both.call_id, 1_500), (key, beside.call_id, 1_000), (key, unknown.call_id, None), (key, wrong.call_id, 1_000))
    for whose, call_id, micro in (*paid, (comparing, new_call_id(), 100)):
        ledger.reserve(whose, call_id, 3 * 10**9, 10)
        ledger.settle(call_id, None if micro is None else micro * 10**6, 10)
    ledger.close()
    record(home, both, beside, unknown, wrong)
    found = json.loads(run(home, "--check", "--format", "json").stdout)
    assert found["differing"] == [wrong.call_id] and not found["unrecorded"] and not found["uncounted"]
    assert (found["comparing_usd"], found["compared_usd"], found["held_usd"], found["calls"]) == (0.0001, 0.0001, 0.003, 4)
    assert "only compared: ledger $0.000100, calls $0.000100" in run(home, "--check").stdout
