"""Orders as people write them, and the records that an incumbent makes of them."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from modicum.types import Contract, Field, Sample
from modicum.workload import record

FIRST = "Ann Bob Carla Deepak Elena Farid Grace Hiro Ines Jonas Kemal Lena Marta Nuno Olga Priya Quentin Rosa Sven Tariq".split()
LAST = "Adams Berg Costa Dubois Evans Fischer Garcia Haddad Ito Jansen Khan Lopez Moreau Novak Okafor Petrov".split()
CITIES = "Berlin Lagos Lima Osaka Porto Quito Riga Seoul Tunis Utrecht Vienna Warsaw Zagreb Bergen Cairo Dakar".split()
THINGS = "lamps chairs desks shelves carpets mirrors kettles blankets".split()
CONTRACT = Contract(
    kind="object",
    reader="json",
    fields=(
        Field(path=("kind",), kind="label", labels=("order", "return")),
        Field(path=("customer",), kind="label"),
        Field(path=("customer", "name"), kind="span", presence=0.7),
        Field(path=("customer", "city"), kind="span", presence=0.7),
        Field(path=("quantity",), kind="number"),
        Field(path=("express",), kind="boolean"),
        Field(path=("things", "[]"), kind="span"),
    ),
)


def order(rng: random.Random) -> tuple[str, dict[str, Any]]:
    """(what a person wrote, the record of it)."""
    sends_back, express, count = rng.random() < 0.4, rng.random() < 0.3, rng.randrange(2, 2000)
    things = rng.sample(THINGS, rng.choice((1, 1, 2)))
    text = f"{'I want to send back' if sends_back else 'Please send me'} {count:,} {' and '.join(things)}"
    customer = None
    if rng.random() < 0.7:
        customer = {"name": f"{rng.choice(FIRST)} {rng.choice(LAST)}", "city": rng.choice(CITIES)}
        text += f", {rng.choice(('my name is', 'this is'))} {customer['name']} {rng.choice(('from', 'in'))} {customer['city']}"
    text += " as fast as you can" if express else rng.choice(("", " thanks"))
    return text, {
        "kind": "return" if sends_back else "order",
        "customer": customer,
        "quantity": count,
        "express": express,
        "things": things,
    }


def orders(count: int, seed: int = 1) -> list[tuple[str, dict[str, Any]]]:
    rng = random.Random(seed)
    return [order(rng) for _ in range(count)]


def as_samples(rows: Sequence[tuple[str, dict[str, Any]]]) -> list[Sample]:
    began = datetime(2026, 9, 1, tzinfo=UTC)
    return [
        Sample(
            call_id=str(number),
            response_id=None,
            at=began + timedelta(minutes=number),
            slots=(("system.0", "shop"), ("user.0", text)),
            value=record.canonical(json.loads(json.dumps(told))),
            version_id="v",
            incumbent="gpt-4o",
        )
        for number, (text, told) in enumerate(rows)
    ]
