"""A decision in five lines, whatever the reason."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

from modicum.pipeline.why import MEANING, explain
from modicum.store.control import Control
from modicum.types import Call, Decision, Reason


def told(home: Path, **more: Any) -> list[str]:
    decision = Decision(**({"answered_by": "gpt-4", "reason": "control", "workload_id": "w1", "route_id": "r1"} | more))
    return explain(Call(call_id="c", started_at=datetime(2026, 1, 1, tzinfo=UTC), decision=decision), Control(home))


def test_every_reason_has_a_meaning() -> None:
    assert set(get_args(Reason)) == MEANING.keys()


def test_it_says_what_the_coin_did_and_what_was_compared(tmp_path: Path) -> None:
    lines = told(tmp_path, reason="canary", propensity=0.55, value="up", confidence=0.97, threshold=0.9, agreed=False, stage_ms=0.31)
    assert len(lines) == 5 and "the coin left this one out" in lines[1]
    assert lines[2] == "Workload: w1, route r1; the coin put it where it is with a chance of 0.55."
    assert "'up' in 0.3 ms with confidence 0.970" in lines[3] and lines[3].endswith("; the incumbent said something else.")


def test_a_stage_that_failed_is_said_to_have(tmp_path: Path) -> None:
    assert told(tmp_path, reason="shadow", stage_failed=True, detail="not compared: OSError")[3] == "The specialist could not answer."
    assert told(tmp_path, reason="unwatched")[3] == "The specialist was not asked." and "chance" not in told(tmp_path, propensity=1.0)[2]
