"""A small log made of words, for what needs calls: every workload here is a few sentences around made-up text."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from modicum.types import Call

_WORDS = """
river stone paper winter garden letter market silver bridge candle forest window travel yellow butter sailor pocket mirror summer needle
carpet hammer circle thunder orange pencil basket copper meadow ladder velvet cotton island kettle button turtle harbor pepper saddle
"""
WORDS = _WORDS.split()
START = datetime(2026, 10, 1, tzinfo=UTC)
Make = Callable[..., Call]


class Maker:
    """Makes calls whose ids and times follow their number."""

    def __init__(self, seed: int = 1) -> None:
        self.rng = random.Random(seed)
        self.number = 0

    def prose(self, low: int = 4, high: int = 14) -> str:
        return " ".join(self.rng.choice(WORDS) for _ in range(self.rng.randrange(low, high)))

    def call(self, system: str | None, user: str, answer: Any, *, scope: str = "default", model: str = "gpt", **more: Any) -> Call:
        self.number += 1
        messages = ([{"role": "system", "content": system}] if system is not None else []) + [{"role": "user", "content": user}]
        message = answer if isinstance(answer, dict) else {"role": "assistant", "content": answer}
        response = {"id": f"r{self.number}", "model": model, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        return Call(
            call_id=f"c{self.number:06d}",
            scope=scope,
            started_at=START + timedelta(minutes=self.number),
            request_model=model,
            response_model=model,
            request=json.dumps({"model": model, "messages": messages, **more}).encode(),
            response=json.dumps(response).encode(),
        )

    def labelled(self, count: int, system: str | None, labels: list[str], frame: str = "{}", **more: Any) -> list[Call]:
        return [self.call(system, frame.format(self.prose()), self.rng.choice(labels), **more) for _ in range(count)]

    def prosaic(self, count: int, system: str | None, frame: str = "{}", **more: Any) -> list[Call]:
        return [self.call(system, frame.format(self.prose()), self.prose(20, 40), **more) for _ in range(count)]


@pytest.fixture
def maker() -> Maker:
    return Maker()
