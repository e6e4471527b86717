"""A provider's totals in a home: counted beside the calls, once, where no call covers them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from modicum.cli import cli
from modicum.config import load
from modicum.pipeline.bring_in import bring_in
from modicum.report.covering import Beside, beside, said

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
    (alone,) = beside(config)
    assert (alone.provider, alone.days, alone.requests) == ("openai", 3, 15)
    assert "that no recorded call covers: gpt-4o-2024-08-06 at openai" in said([alone])[0]
    shown = CliRunner().invoke(cli, ["spend", "--home", str(config.home)], catch_exceptions=False)
    assert shown.output.startswith("No calls.") and "covered by no recorded call" in shown.output
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
    (rest,) = beside(config)
    assert (rest.days, rest.requests) == (2, 8)  # three of the second day, all of the third
    assert alone.usd is not None and rest.usd is not None and rest.usd < alone.usd
    assert rest.usd + 7 * Decimal("0.0026") >= alone.usd > rest.usd
    assert beside(config, until=at + timedelta(days=1)) == ()
    report = CliRunner().invoke(cli, ["report", "--full", "--home", str(config.home)], catch_exceptions=False)
    text = " ".join(report.output.split())
    assert "Beside these calls, usage and cost exports tell of" in text
    assert "0 % of the calls were seen (0 of 7" in text


def test_an_unknown_amount_is_said_and_never_nothing() -> None:
    known = Beside(provider="openai", model="a", days=2, usd=Decimal(4), requests=3, unknown_days=1)
    unknown = Beside(provider="openai", model="b", days=1, usd=None, requests=3, unknown_days=1)
    (sentence,) = said([known, unknown])
    assert "tell of $4.00 and an unknown amount that no recorded call" in sentence
    assert "a at openai $4.00 and an unknown amount, b at openai an unknown amount" in sentence
    assert "tell of an unknown amount that" in said([unknown])[0]
    assert said([Beside(provider="openai", model="a", days=2, usd=Decimal(0), requests=3)]) == ()
