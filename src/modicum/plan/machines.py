"""Machines that a model could run on: memory, bandwidth, arithmetic, power and price, each with where and when it was read.

They stand in `machines/*.toml`. Arithmetic is the dense figure: data sheets like to print the one with structured sparsity, which is
twice as large and which no language model reaches. A price is what somebody paid or asked on the day that stands beside it.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from importlib import resources
from typing import Any, Literal

import msgspec

from modicum.errors import InputError, NotFoundError

Kind = Literal["desktop", "unified", "cpu", "datacentre"]
Stack = Literal["cuda", "rocm", "metal", "vulkan", "cpu"]
GIB = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a fact was read."""

    url: str
    read: date
    says: str
    """Which facts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One accelerator with what it needs around it, or a whole computer."""

    id: str
    name: str
    kind: Kind
    stack: Stack
    architecture: str
    """The generation of chip: what share of its arithmetic engines reach goes with it."""
    memory_gib: float
    """Memory that weights and cache may share."""
    usable: float
    """The part of it that an engine can have: the rest belongs to the driver, the screen or the system."""
    bandwidth_gbs: float
    """Peak, 10^9 bytes a second."""
    fp16_tflops: float
    """Dense."""
    fp8_tflops: float | None = None
    """Dense. None: it has no such arithmetic, and runs such weights in fp16."""
    int8_tops: float | None = None
    power_w: float
    """The most that it draws."""
    idle_w: float | None = None
    """None: unknown, and taken as a share of `power_w`."""
    host_w: float = 0
    """What the computer around a card draws."""
    buy_usd: Decimal | None = None
    host_usd: Decimal = Decimal(0)
    """A computer around the card."""
    rent_usd_hour: Decimal | None = None
    note: str = ""
    sources: tuple[Source, ...]

    @property
    def memory_bytes(self) -> int:
        return int(self.memory_gib * GIB)

    @property
    def usable_bytes(self) -> int:
        return int(self.memory_gib * GIB * self.usable)

    @property
    def price_usd(self) -> Decimal | None:
        """Card and computer. None: not sold to a person, or unknown."""
        return None if self.buy_usd is None else self.buy_usd + self.host_usd

    def peak_flops(self, arithmetic: str) -> float:
        """Dense operations a second in this arithmetic, or in fp16 where it has none of it."""
        tera = {"fp8": self.fp8_tflops, "int8": self.int8_tops}.get(arithmetic)
        return (tera or self.fp16_tflops) * 1e12


@lru_cache(maxsize=1)
def machines() -> Mapping[str, Machine]:
    """All of them by id, those to buy first, the cheapest before the dearer."""
    found: list[Machine] = []
    for file in sorted((resources.files("modicum.plan") / "machines").iterdir(), key=lambda one: one.name):
        if file.name.endswith(".toml"):
            found += [read(row) for row in tomllib.loads(file.read_text(encoding="utf-8"))["machine"]]
    found.sort(key=lambda one: (one.price_usd is None, one.price_usd or 0, one.rent_usd_hour or 0))
    return {one.id: one for one in found}


def read(row: Mapping[str, Any]) -> Machine:
    """One machine of a file. Raises InputError."""
    try:
        return msgspec.convert({**row, "sources": row.get("sources", [])}, Machine)
    except msgspec.ValidationError as error:
        raise InputError(f"machine '{str(row.get('id'))[:40]}': {error}") from None


def machine(name: str) -> Machine:
    """By id, or by a part of id or name that only one has. Raises NotFoundError."""
    known = machines()
    asked = name.lower().strip().replace(" ", "-").replace("_", "-")
    if asked in known:
        return known[asked]
    partly = [one for one in known.values() if asked and (asked in one.id or name.lower().strip() in one.name.lower())]
    if len(partly) == 1:
        return partly[0]
    if partly:
        raise NotFoundError(f"'{name[:40]}' could be any of {', '.join(one.id for one in partly)}")
    near = difflib.get_close_matches(asked, known, 1)
    raise NotFoundError(
        f"no machine '{name[:40]}'", hint=(f"did you mean '{near[0]}'? " if near else "") + "`modicum plan --machines` lists them all"
    )
