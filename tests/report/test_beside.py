"""A provider's totals in a home: counted beside the calls, once, where no call covers them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from modicum.cli import cli
from modicum.config import load
from modicum.pipeline.bring_in import bring_in
from modicum.report.covering import Beside, beside, days_told, left_over, said
from modicum.report.gather import gather
from modicum.report.money import spend_by
from tests.report.records import row

DAY = 1_790_812_800


def bucket(day: int, **result: Any) -> dict[str, Any]:
    start = DAY + day * 86_400
    return {"object": "bucket", "start_time": start, "end_time": start + 86_400, "results": [result]}


def test_totals_of_days_with_and_without_calls(tmp_path: Path) -> None:
    config = load(None, flags={"store.home": tmp_path / "home"})
    usage = {"object": "organization.usage.completions.result", "num_model_requests": 5, "input_tokens": 5000, "output_tokens": 50}
    page = {"object": "page", "data": [bucket(day, **usage, model="gpt-4o-2024-08-06") for day in range(3)], "has_more": False}
    (tmp_path / "usage.json").write_text(json.dumps(page))
    bring_in(config, [tmp_path / "usage.json"])
    (alone,) = beside(left_over(config)[1])
    assert (alone.provider, alone.days, alone.requests) == ("openai", 3, 15)
    assert "that no recorded call covers: gpt-4o-2024-08-06 at openai" in said([alone])[0]
    assert alone.usd is not None
    (line,) = spend_by(config, ["model"])
    assert (line.calls, line.calls_told, line.cost_usd, line.told_usd) == (15, 15, alone.usd, alone.usd)
    shown = CliRunner().invoke(cli, ["spend", "--home", str(config.home)], catch_exceptions=False)
    assert "(100.0%) is told by usage and cost exports alone: no recorded call covers it." in shown.output
    blind = CliRunner().invoke(cli, ["report", "--home", str(config.home)], catch_exceptions=False)
    assert "15 calls cost $" in blind.output.replace("\u00a0", " ") and blind.exit_code == 0
    at = datetime.fromtimestamp(DAY, UTC)
    rows = [
        {
            "request_id": f"chatcmpl-{day:024d}-{number}", "call_type": "acompletion", "spend": 0.0025, "prompt_tokens": 1000,
            "completion_tokens": 10, "startTime": (at + timedelta(days=day, minutes=number)).isoformat(), "model": "gpt-4o-2024-08-06",
            "custom_llm_provider": "openai", "metadata": {},
        }
        for day, calls in ((0, 5), (1, 2))
        for number in range(calls)
    ]  # fmt: skip
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    bring_in(config, [tmp_path / "rows.jsonl"])
    (rest,) = beside(left_over(config)[1])
    assert (rest.days, rest.requests) == (2, 8)  # three of the second day, all of the third
    assert alone.usd is not None and rest.usd is not None and rest.usd < alone.usd
    assert rest.usd + 7 * Decimal("0.0026") >= alone.usd > rest.usd
    assert left_over(config, until=at + timedelta(days=1))[1] == ()
    (line,) = spend_by(config, ["scope"])
    assert (line.calls, line.calls_told, line.cost_usd) == (15, 8, rest.usd + 7 * Decimal("0.0025")), "no dollar twice"
    totals = gather(config).totals
    assert (totals.calls, totals.told_calls, totals.spend_usd, totals.told_usd) == (15, 8, line.cost_usd, rest.usd)
    # Of a day that is asked for in part, a total of the whole day tells nothing.
    assert {one.day for one in left_over(config, since=at + timedelta(days=1, hours=1))[1]} == {"2026-10-03"}
    report = CliRunner().invoke(cli, ["report", "--full", "--home", str(config.home)], catch_exceptions=False)
    text = " ".join(report.output.split())
    assert "Beside the recorded calls, usage and cost exports tell of" in text and "It counts towards the spend" in text
    assert "told by usage and cost exports alone" in gather(config).figures[0].note
    assert "0 % of the calls were seen (0 of 7" in text


def test_what_came_from_a_cache_is_told_where_totals_stand_alone(tmp_path: Path) -> None:
    config = load(None, flags={"store.home": tmp_path / "home"})
    usage = {"object": "organization.usage.completions.result", "num_model_requests": 5, "input_tokens": 5000, "output_tokens": 50}
    page = {"object": "page", "data": [bucket(0, **usage, input_cached_tokens=3000, model="gpt-4o")], "has_more": False}
    (tmp_path / "usage.json").write_text(json.dumps(page))
    bring_in(config, [tmp_path / "usage.json"])
    (line,) = spend_by(config, ["model"])
    assert (line.input_tokens, line.cache_read_tokens) == (5000, 3000)
    at = datetime.fromtimestamp(DAY, UTC)
    rows = [
        {
            "request_id": f"chatcmpl-{number:024d}", "call_type": "acompletion", "spend": 0.0025, "prompt_tokens": 1000,
            "completion_tokens": 10, "startTime": (at + timedelta(minutes=number)).isoformat(), "model": "gpt-4o",
            "custom_llm_provider": "openai", "metadata": {"usage_object": {"prompt_tokens_details": {"cached_tokens": 800}}},
        }
        for number in range(2)
    ]  # fmt: skip
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    bring_in(config, [tmp_path / "rows.jsonl"])
    lines = spend_by(config, ["model"])
    assert (sum(line.input_tokens for line in lines), sum(line.cache_read_tokens for line in lines)) == (5000, 3000), "no token twice"


def test_days_of_totals_without_calls_are_said(tmp_path: Path) -> None:
    usage = row(0), row(0, told=True, seen=False, sound=False), row(1, told=True, seen=False, sound=False), row(2, told=True, sound=False)
    (said_of,) = days_told(usage)
    assert said_of.startswith("Usage and cost exports tell of 2 days of which there are no calls, beside 1 of which there are.")
    assert "comes out low" in said_of
    assert days_told([row(0), row(0, told=True)]) == () == days_told([row(0, told=True), row(1, told=True)]) == days_told([row(0)])


def costs(day: int, usd: str, item: str | None = "gpt-4o-2024-08-06, input") -> dict[str, Any]:
    return bucket(day, object="organization.costs.result", amount={"value": usd, "currency": "usd"}, line_item=item, project_id=None)


def test_dollars_alone_make_a_report_and_hold_a_budget(tmp_path: Path) -> None:
    config = load(None, flags={"store.home": tmp_path / "home"})
    page = [costs(day, "12.5") for day in range(10)] + [costs(3, "5", "web search tool calls")]
    (tmp_path / "costs.json").write_text(json.dumps({"object": "page", "data": page, "has_more": False}))
    bring_in(config, [tmp_path / "costs.json"])
    assert sum(line.cost_usd or 0 for line in spend_by(config, ["model", "day"])) == 130
    totals = gather(config).totals
    assert totals.calls == 0 and totals.spend_usd == 130 and totals.told_usd == 130
    assert totals.spend_usd_month is not None and float(totals.spend_usd_month) == pytest.approx(130 * 30.44 / 10)
    command = ["report", "--home", str(config.home), "--fail-over-budget", "--threshold"]
    over = CliRunner().invoke(cli, [*command, "USD 300"], catch_exceptions=False)
    assert over.exit_code == 3 and "Over budget" in over.output
    assert "Calls that nobody recorded cost" in over.output
    assert CliRunner().invoke(cli, [*command, "USD 500"], catch_exceptions=False).exit_code == 0
    pages = tmp_path / "page.html"
    made = CliRunner().invoke(
        cli, ["report", "--home", str(config.home), "--html", str(pages), "--csv", str(tmp_path / "out")], catch_exceptions=False
    )
    assert made.exit_code == 0 and "told by usage and cost exports alone" in pages.read_text()


def test_what_nobody_can_price_leaves_a_budget_open(tmp_path: Path) -> None:
    config = load(None, flags={"store.home": tmp_path / "home"})
    used = {"object": "organization.usage.completions.result", "num_model_requests": 5, "input_tokens": 5000, "output_tokens": 50}
    page = {"object": "page", "data": [bucket(0, **used, model="nobody-knows-it")], "has_more": False}
    (tmp_path / "usage.json").write_text(json.dumps(page))
    bring_in(config, [tmp_path / "usage.json"])
    totals = gather(config).totals
    assert (totals.calls, totals.unpriced_calls, totals.spend_usd) == (5, 5, None)
    assert spend_by(config, ["model"])[0].calls_of_unknown_cost == 5


def test_an_unknown_amount_is_said_and_never_nothing() -> None:
    known = Beside(provider="openai", model="a", days=2, usd=Decimal(4), requests=3, unknown_days=1)
    unknown = Beside(provider="openai", model="b", days=1, usd=None, requests=3, unknown_days=1)
    (sentence,) = said([known, unknown])
    assert "tell of $4.00 and an unknown amount that no recorded call" in sentence
    assert "a at openai $4.00 and an unknown amount, b at openai an unknown amount" in sentence
    assert "tell of an unknown amount that" in said([unknown])[0]
    assert said([Beside(provider="openai", model="a", days=2, usd=Decimal(0), requests=3)]) == ()
