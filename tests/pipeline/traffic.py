"""A small log made on the spot: parcels, people who write about them, and an incumbent that sorts their messages."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

START = datetime(2026, 9, 1, tzinfo=UTC)
SYSTEM = "You sort messages for a parcel service. Answer with one of: lost, late, damaged, praise."
SUBJECTS = {
    "lost": "vanished disappeared missing nowhere misplaced untraceable".split(),
    "late": "delayed overdue tardy postponed slow waiting".split(),
    "damaged": "cracked dented torn crushed soaked shattered".split(),
    "praise": "wonderful thanks excellent delighted brilliant superb".split(),
}
FILLER = (
    "my the a this parcel box letter order gift book lamp from to in at near depot street office courier driver neighbour Tuesday morning "
    "evening again still really quite just honestly yesterday today package shipment delivery van door garden sister brother"
).split()


def message(label: str, rng: random.Random) -> str:
    words = [*rng.choices(FILLER, k=rng.randrange(8, 18)), *rng.sample(SUBJECTS[label], 2)]
    rng.shuffle(words)
    return " ".join(words)


def record(number: int, text: str, answer: str, *, system: str = SYSTEM, model: str = "gpt-4o") -> dict[str, Any]:
    at = START + timedelta(minutes=13 * number)
    return {
        "timestamp": at.isoformat(),
        "client_id": "shop",
        "request": {"model": model, "messages": [{"role": "system", "content": system}, {"role": "user", "content": f"Message: {text}"}]},
        "response": {
            "id": f"chatcmpl-{number:06d}",
            "model": model,
            "choices": [{"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 60 + len(text) // 4, "completion_tokens": 1, "total_tokens": 61 + len(text) // 4},
        },
        "duration_ms": 400.0,
    }


def sorted_messages(count: int, *, seed: int = 1, wrong: float = 0.0, first: int = 0) -> Iterator[tuple[dict[str, Any], str]]:
    """(record, gold) of messages that an incumbent sorted; a share `wrong` of its answers is drawn at random."""
    rng = random.Random(seed)
    for number in range(first, first + count):
        gold = rng.choice(list(SUBJECTS))
        answer = rng.choice(list(SUBJECTS)) if rng.random() < wrong else gold
        yield record(number, message(gold, rng), answer), gold


def poems(count: int, *, first: int = 0) -> Iterator[dict[str, Any]]:
    """Records of a workload whose answers are free text."""
    rng = random.Random(7)
    for number in range(first, first + count):
        text = " ".join(rng.choices(FILLER, k=20))
        answer = " ".join(rng.choices(FILLER, k=25)).capitalize() + "."
        yield record(number, text, answer, system="Write two lines of verse about what the customer says.")


def write(path: Path, records: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> Path:
    path.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in records))
    return path
