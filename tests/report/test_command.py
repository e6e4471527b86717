"""`modicum report LOG`: one command from a log to text, JSON and a page."""

import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from modicum.cli import cli
from modicum.errors import NotEnoughDataError, NotFoundError

WORDS = (
    "gold",
    "silver",
    "rises",
    "falls",
    "steady",
    "dollar",
    "ounce",
    "futures",
    "close",
    "open",
    "week",
    "record",
    "demand",
    "supply",
    "asia",
)


def write_log(path: Path, calls: int = 240, *, broken: int = 0) -> Path:
    rng = random.Random(1)
    lines = []
    for number in range(calls):
        headline = " ".join(rng.choices(WORDS, k=9)) + f" {number}"
        messages = [
            {"role": "system", "content": "You judge headlines about gold for a trading desk. Answer with one word: up, down or none."},
            {"role": "user", "content": f"Headline: {headline}"},
        ]
        response = {
            "id": f"chatcmpl-{number}",
            "object": "chat.completion",
            "model": "gpt-4o",
            "choices": [
                {"index": 0, "message": {"role": "assistant", "content": rng.choice(["up", "down", "none"])}, "finish_reason": "stop"}
            ],
            "usage": {"prompt_tokens": 60, "completion_tokens": 1, "total_tokens": 61},
        }
        line = {
            "timestamp": f"2026-10-{1 + number % 12:02d}T10:00:00Z",
            "request": {"model": "gpt-4o", "messages": messages},
            "response": response,
        }
        lines.append(json.dumps(line))
    path.write_text("\n".join(lines + ["{broken"] * broken) + "\n")
    return path


def run(tmp_path: Path, *args: str) -> Result:
    result = CliRunner().invoke(cli, ["report", "--home", str(tmp_path / "home"), *args])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_from_a_log_to_text_json_and_page(tmp_path: Path) -> None:
    log = write_log(tmp_path / "log.jsonl")
    page = tmp_path / "report.html"
    result = run(tmp_path, str(log), "--html", str(page))
    assert result.exit_code == 0
    assert "Nothing here is worth changing" in result.stdout and "is all of the spend" in " ".join(result.stdout.split())
    assert "\x1b" not in result.stdout
    assert page.read_text().startswith("<!doctype html>")
    assert "You judge headlines about gold" in page.read_text() and "futures" not in page.read_text()

    again = run(tmp_path, str(log), "--format", "json")
    report = json.loads(again.stdout)
    assert report["totals"]["calls"] == 240
    (workload,) = report["workloads"]
    assert (workload["calls"], workload["state"], workload["contract_kind"]) == (240, "not_tried", "label")
    assert float(workload["spend_usd"]) == pytest.approx(240 * (60 * 2.5 + 10) / 1e6)
    assert workload["incumbents"][0]["price"]["source"].startswith("genai-prices ")


def test_refused_lines_are_named_and_the_rest_is_reported(tmp_path: Path) -> None:
    result = run(tmp_path, str(write_log(tmp_path / "log.jsonl", broken=30)), "--format", "json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["totals"]["calls"] == 240
    assert "refused" in result.stderr and "10 more lines" in result.stderr


def test_the_operators_price_is_used(tmp_path: Path) -> None:
    settings = tmp_path / "modicum.toml"
    settings.write_text('[prices."gpt-4o"]\ninput_usd_mtok = 100\noutput_usd_mtok = 0\nsource = "ours"\n')
    result = run(tmp_path, str(write_log(tmp_path / "log.jsonl")), "--config", str(settings), "--format", "json")
    assert float(json.loads(result.stdout)["totals"]["spend_usd"]) == pytest.approx(240 * 60 * 100 / 1e6)


def test_nothing_to_report_on(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no home at"):
        run(tmp_path)
    assert not (tmp_path / "home").exists()
    bad = tmp_path / "bad.jsonl"
    bad.write_text("{broken\n" * 2)
    with pytest.raises(NotEnoughDataError, match=r"no line of .* is a call \(2 lines refused\)"):
        run(tmp_path, str(bad))


def test_a_log_of_refused_lines_beside_other_calls_exits_as_an_import_does(tmp_path: Path) -> None:
    run(tmp_path, str(write_log(tmp_path / "log.jsonl")))
    bad = tmp_path / "bad.jsonl"
    bad.write_text("{broken\n")
    result = run(tmp_path, str(bad), "--format", "json")
    assert result.exit_code == 1 and "refused" in result.stderr
    assert json.loads(result.stdout)["totals"]["calls"] == 240


def test_a_log_too_small_for_workloads_says_how_many_calls_one_needs(tmp_path: Path) -> None:
    result = run(tmp_path, str(write_log(tmp_path / "log.jsonl", calls=3)))
    assert result.stdout.startswith("No workload was found in these 3 calls: one needs at least 15 calls")


def test_what_the_home_held_before_is_said_with_the_way_to_the_log_alone(tmp_path: Path) -> None:
    first, second = write_log(tmp_path / "first.jsonl"), tmp_path / "second log.jsonl"
    second.write_text("\n".join(first.read_text().replace("chatcmpl-", "other-").replace("2026-10", "2026-11").splitlines()[:100]) + "\n")
    assert "were there before" not in run(tmp_path, str(first)).stderr, "it is all there is"
    assert "were there before" not in run(tmp_path, str(first)).stderr, "and brought in again it still is"
    both = run(tmp_path, str(second), "--format", "json")
    assert "on all 340 calls that are kept here: 240 of them were there before this (the first of 1 Oct 2026)" in both.stderr
    assert str(tmp_path / "home") in both.stderr and f"modicum report '{second}' --home FOLDER" in both.stderr
    notes = json.loads(both.stdout)["notes"]
    assert any("240 of them were there before" in note for note in notes), "on the page too"
    assert str(tmp_path) not in " ".join(notes), "which is passed on"
    alone = CliRunner().invoke(cli, ["report", str(second), "--home", str(tmp_path / "new"), "--format", "json"])
    assert json.loads(alone.stdout)["totals"]["calls"] == 100 and "were there before" not in alone.stderr
    assert "were there before" not in run(tmp_path).stderr, "without a log it is what was asked for"
