"""A log of usage alone still tells what was spent by key, tag, model, hour and prompt size."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from modicum.config import load
from modicum.pipeline.bring_in import bring_in
from modicum.report.money import spend_by

START = datetime(2026, 10, 1, 8, tzinfo=UTC)


def test_by_whatever_a_row_of_usage_holds(tmp_path: Path) -> None:
    config = load(None, flags={"store.home": tmp_path / "home"})
    rows = [
        {
            "request_id": f"chatcmpl-{number:024d}",
            "call_type": "acompletion",
            "spend": 0.5 if number % 2 else 0.25,
            "prompt_tokens": 500 if number % 2 else 70_000,
            "completion_tokens": 5,
            "startTime": (START + timedelta(hours=number % 3)).isoformat(),
            "model": "gpt-4o",
            "request_tags": ["prod", "தமிழ்"] if number % 2 else [],
            "metadata": {"user_api_key_alias": "sokongan" if number % 2 else "كشف"},
        }
        for number in range(12)
    ]
    log = tmp_path / "rows.jsonl"
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    bring_in(config, [log])
    by_size = spend_by(config, ["size"])
    assert [(line.names["size"], line.calls, line.cost_usd) for line in by_size] == [
        ("< 1k", 6, Decimal(3)),
        ("64k to 256k", 6, Decimal("1.5")),
    ]
    assert {line.names["tag"]: line.cost_usd for line in spend_by(config, ["tag"])} == {"prod, தமிழ்": Decimal(3), None: Decimal("1.5")}
    assert {line.names["key"]: line.calls for line in spend_by(config, ["key"])} == {"sokongan": 6, "كشف": 6}
    hours = spend_by(config, ["hour"])
    assert [(line.names["hour"], line.calls) for line in hours] == [("08:00", 4), ("09:00", 4), ("10:00", 4)]
    both = spend_by(config, ["client", "hour"])
    assert len(both) == 6 and sum(line.calls for line in both) == 12
