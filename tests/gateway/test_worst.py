"""The most that a call may cost: whoever asks is not believed where that would be cheaper for him."""

from __future__ import annotations

import dataclasses
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from modicum.config import Config, StoreConfig
from modicum.errors import BudgetError
from modicum.gateway.alarm import Alarm
from modicum.gateway.till import Till
from modicum.gateway.worst import Worst, worst
from modicum.store import home as store_home
from modicum.types import Endpoint, Key, new_call_id

KEY = Key(
    key_id="key_1",
    name="k",
    digest="0",
    shown="mk-",
    budget_day_usd=Decimal(1),
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    created_by="t",
)


@pytest.mark.parametrize(
    ("endpoint", "request_", "output", "answers"),
    [
        ("chat_completions", {}, None, 1),
        ("chat_completions", {"max_tokens": 10}, 10, 1),
        ("chat_completions", {"max_tokens": 10, "max_completion_tokens": 900}, 900, 1),
        ("chat_completions", {"max_tokens": 900, "max_output_tokens": 1}, 900, 1),
        ("chat_completions", {"max_output_tokens": 1}, None, 1),
        ("responses", {"max_tokens": 1}, None, 1),
        ("messages", {"max_tokens": 7, "max_completion_tokens": 1}, 7, 1),
        ("chat_completions", {"max_tokens": -1}, None, 1),
        ("chat_completions", {"max_tokens": 0}, None, 1),
        ("chat_completions", {"max_tokens": -1, "max_completion_tokens": 5}, None, 1),
        ("chat_completions", {"max_tokens": True}, None, 1),
        ("chat_completions", {"max_tokens": None}, None, 1),
        ("chat_completions", {"max_tokens": 1e3}, 1000, 1),
        ("chat_completions", {"max_tokens": "1000"}, 1000, 1),
        ("chat_completions", {"max_tokens": "many"}, None, 1),
        ("chat_completions", {"max_tokens": 10, "n": 3}, 10, 3),
        ("chat_completions", {"n": 3.0}, None, 3),
        ("chat_completions", {"max_tokens": 10, "n": -3}, 10, 1),
        ("completions", {"max_tokens": 10, "n": 2, "best_of": 5}, 10, 5),
        ("completions", {"max_tokens": 10, "prompt": ["a", "b", "c"], "n": 2}, 10, 6),
        ("completions", {"max_tokens": 10, "prompt": [1, 2, 3]}, 10, 1),
        ("completions", {"max_tokens": 10, "prompt": [[1, 2], [3]]}, 10, 2),
        ("embeddings", {"max_tokens": 10}, 0, 1),
    ],
)
def test_the_longest_answer(endpoint: Endpoint, request_: dict[str, Any], output: int | None, answers: int) -> None:
    found = worst(request_, json.dumps(request_).encode(), endpoint)
    assert (found.output, found.answers) == (output, answers)


def test_what_makes_it_dearer() -> None:
    marked = b'{"system": [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]}'
    assert (worst({}, marked, "messages").writes_cache, worst({}, marked, "messages").for_an_hour) == (True, True)
    assert worst({}, b"{}", "messages", marks_cache=True).writes_cache and not worst({}, b"{}", "messages").writes_cache
    assert worst({"service_tier": "priority"}, b"{}", "chat_completions").tier == "priority"
    assert worst({}, b"{}", "count_tokens").free


def till(tmp_path: Path, prices: dict[str, dict[str, str]]) -> Till:
    store_home.prepare(tmp_path)
    return Till(tmp_path, Config(store=StoreConfig(home=tmp_path, on_failure="fail_closed"), prices=prices), Alarm(io.StringIO()))


PLAIN = {"input_usd_mtok": "1", "output_usd_mtok": "10"}


@pytest.mark.parametrize(
    ("more", "also", "held"),
    [
        (Worst(output=100), [], "0.002"),
        (Worst(output=100, answers=4), [], "0.005"),
        (Worst(output=100, writes_cache=True), [], "0.0035"),
        (Worst(output=100, writes_cache=True, for_an_hour=True), [], "0.005"),
        (Worst(output=100, speaks=True), [], "0.009"),
        (Worst(output=100, tier="priority"), [], "0.004"),
        (Worst(output=100), [("p", "dear"), ("p", "cheap")], "0.03"),
        (Worst(output=100, free=True), [("p", "unpriced")], "0"),
    ],
)
def test_the_dearest_that_may_come_is_held(tmp_path: Path, more: Worst, also: list[tuple[str, str]], held: str) -> None:
    rates = {**PLAIN, "cache_write_usd_mtok": "2.5", "cache_write_1h_usd_mtok": "4", "audio_output_usd_mtok": "80"}
    twice, dear = {"input_usd_mtok": "2", "output_usd_mtok": "20"}, {"input_usd_mtok": "10", "output_usd_mtok": "200"}
    one = till(tmp_path, {"m": rates, "m@priority": twice, "dear": dear, "cheap": {"input_usd_mtok": "0", "output_usd_mtok": "0"}})
    for budget, fits in ((Decimal(held), True), (Decimal(held) - Decimal("0.000001"), held == "0")):
        key = dataclasses.replace(KEY, key_id=f"key_{budget}", budget_day_usd=max(budget, Decimal("0.000001")))
        args = {"input_tokens": 1000, "max_output": more.output, "model": "m", "provider": "p", "also": also, "worst": more}
        if fits:
            one.reserve(key, new_call_id(), **args)  # type: ignore[arg-type]
        else:
            with pytest.raises(BudgetError):
                one.reserve(key, new_call_id(), **args)  # type: ignore[arg-type]
    one.close()


@pytest.mark.parametrize(("more", "also"), [(Worst(output=1, tier="turbo"), []), (Worst(output=1), [("p", "unpriced")])])
def test_what_may_answer_and_has_no_price_is_refused(tmp_path: Path, more: Worst, also: list[tuple[str, str]]) -> None:
    one = till(tmp_path, {"m": PLAIN})
    with pytest.raises(BudgetError, match="no price is known"):
        one.reserve(KEY, new_call_id(), input_tokens=1, max_output=1, model="m", provider="p", also=also, worst=more)
    free = dataclasses.replace(KEY, budget_day_usd=None, requests_minute=5)
    one.reserve(free, new_call_id(), input_tokens=1, max_output=1, model="m", provider="p", also=also, worst=more).cancel()
    one.close()
