"""What providers said of whole days, kept beside the calls and never among them.

A total is known by all that it is broken down by; told again, it takes the place of what it said before. An export of the same day that is
broken down otherwise (by project now, by model before) takes the place of the older one whole: both tell of the same money.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import delete, insert, select

from modicum.store import schema
from modicum.store.control import Control
from modicum.types import ProviderTotal, Usage

_DIMENSIONS = ("model", "line_item", "project", "key", "service_tier")
_COUNTS = tuple(field.name for field in dataclasses.fields(Usage) if field.name != "estimated")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What became of some totals."""

    added: int = 0
    changed: int = 0
    """Told before, with other figures."""
    known: int = 0
    replaced: int = 0
    """Older ones of the same days, broken down otherwise, that went."""


class Totals:
    """The totals of a home."""

    def __init__(self, home: Path) -> None:
        self._control = Control(home)

    def put(self, told: Iterable[ProviderTotal]) -> Kept:
        """Keep these. Those of one import that are alike in all but their figures are added up first."""
        merged: dict[str, ProviderTotal] = {}
        for one in told:
            name = identity(one)
            merged[name] = one if name not in merged else _sum(merged[name], one)
        days: dict[tuple[str, str, str, str], dict[str, ProviderTotal]] = defaultdict(dict)
        for name, one in merged.items():
            days[_day(one)][name] = one
        added = changed = known = replaced = 0
        with self._control._change() as connection:  # one file, one room
            table = schema.totals
            for (scope, source, provider, day), its in days.items():
                shape = "+".join(name for name in _DIMENSIONS if any(getattr(one, name) is not None for one in its.values()))
                rows = (table.c.scope == scope) & (table.c.source == source) & (table.c.provider == provider) & (table.c.day == day)
                replaced += connection.execute(delete(table).where(rows & (table.c.shape != shape))).rowcount
                found = connection.execute(select(table.c.identity, table.c.figures).where(rows)).all()
                before = {row.identity: row.figures for row in found}
                fresh = []
                for name, one in its.items():
                    figures = msgspec.json.encode(one).decode()
                    if before.get(name) == figures:
                        known += 1
                        continue
                    if name in before:
                        changed += 1
                        connection.execute(delete(table).where(table.c.identity == name))
                    else:
                        added += 1
                    fresh.append(
                        {
                            "identity": name,
                            "scope": scope,
                            "source": source,
                            "provider": provider,
                            "day": day,
                            "shape": shape,
                            "figures": figures,
                        }
                    )
                if fresh:
                    connection.execute(insert(table), fresh)
        return Kept(added=added, changed=changed, known=known, replaced=replaced)

    def all(self, *, scope: str | None = None, since: str | None = None, until: str | None = None) -> list[ProviderTotal]:
        """The totals of the days with `since <= day < until` (YYYY-MM-DD), by day, provider and source."""
        table = schema.totals
        rows = select(table.c.figures).order_by(table.c.day, table.c.provider, table.c.source, table.c.identity)
        if scope is not None:
            rows = rows.where(table.c.scope == scope)
        if since is not None:
            rows = rows.where(table.c.day >= since)
        if until is not None:
            rows = rows.where(table.c.day < until)
        return self._control._records(rows, ProviderTotal)


def identity(one: ProviderTotal) -> str:
    """The digest of all that a total is broken down by."""
    parts: Sequence[str | None] = (
        *_day(one), one.model, one.line_item, one.project, one.key, one.service_tier, one.part
    )  # fmt: skip
    return hashlib.blake2b(msgspec.json.encode(parts), digest_size=16).hexdigest()


def _day(one: ProviderTotal) -> tuple[str, str, str, str]:
    return one.scope, one.source, one.provider, one.day


def _sum(left: ProviderTotal, right: ProviderTotal) -> ProviderTotal:
    counts: dict[str, Any] = {name: _plus(getattr(left.usage, name), getattr(right.usage, name)) for name in _COUNTS}
    usage = dataclasses.replace(left.usage, **counts)
    cost: Decimal | None = left.cost_usd
    if right.cost_usd is not None:
        cost = right.cost_usd if cost is None else cost + right.cost_usd
    return dataclasses.replace(left, requests=_plus(left.requests, right.requests), usage=usage, cost_usd=cost)


def _plus(left: int | None, right: int | None) -> int | None:
    return right if left is None else left if right is None else left + right
