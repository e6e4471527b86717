"""Small made-up traffic with a known answer: a request names a thing and a wish, the wish is the label."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from modicum.types import Sample

WISHES = {
    "refund": ["give me my money back", "I want a refund", "please return what I paid", "refund this order now"],
    "delivery": ["where is my parcel", "the delivery is late", "it has not arrived yet", "when will it be shipped"],
    "cancel": ["cancel my order", "I do not want it any more", "stop the subscription", "please call it off"],
    "invoice": ["send me the invoice", "I need a bill for tax", "the receipt is missing", "print an invoice please"],
}
THINGS = [
    "shoes",
    "lamp",
    "kettle",
    "bicycle",
    "camera",
    "tent",
    "sofa",
    "printer",
    "jacket",
    "guitar",
    "blender",
    "mirror",
    "drill",
    "carpet",
]
FILLERS = ["hello", "hi there", "good morning", "well", "listen", "excuse me", "sorry", "quick question"]


def request(wish: str, rng: random.Random) -> str:
    return f"{rng.choice(FILLERS)}, about the {rng.choice(THINGS)} {rng.randrange(1000)}: {rng.choice(WISHES[wish])}, {rng.choice(FILLERS)}"


def sample(number: int, slots: Sequence[tuple[str, str]], value: str | None) -> Sample:
    return Sample(
        call_id=f"call-{number}",
        response_id=None,
        at=datetime(2026, 10, 1, tzinfo=UTC) + timedelta(minutes=number),
        slots=tuple(slots),
        value=value,
        version_id="v1",
        incumbent="gpt-4o",
    )


def samples(size: int, *, seed: int = 0, noise: float = 0.0, slot: str = "user.0") -> list[Sample]:
    rng = random.Random(seed)
    out = []
    for number in range(size):
        wish = rng.choice(sorted(WISHES))
        value = rng.choice(sorted(WISHES)) if rng.random() < noise else wish
        out.append(sample(number, [(slot, request(wish, rng))], value))
    return out
