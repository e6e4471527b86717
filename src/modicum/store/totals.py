"""What providers said of whole days, kept beside the calls and never among them.

A total is known by all that it is broken down by; told again, it takes the place of what it said before. What an export is broken down by
is read from all its rows, and each kind of export (completions, embeddings, costs, ...) stands for itself. An export of days that a later
import tells of again, broken down otherwise (by project now, by model before), gives way whole: both tell of the same money. Exports of
one import never take each other's place: where two tell of the same day otherwise, the first counts, and the rest is said to be left out.
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
from sqlalchemy import Connection, delete, insert, select

from modicum.store import schema
from modicum.store.control import Control
from modicum.types import ProviderTotal, Usage

_DIMENSIONS = ("model", "line_item", "project", "key", "service_tier")
"""What an export can be broken down by."""
_COUNTS = tuple(field.name for field in dataclasses.fields(Usage) if field.name != "estimated")


Day = tuple[str, str, str, str]
"""Scope, kind of export, provider, day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What became of some totals."""

    added: int = 0
    changed: int = 0
    """Told before, with other figures."""
    known: int = 0
    replaced: int = 0
    """Older ones of the same days, broken down otherwise, that went."""
    left_out: int = 0
    """Of days that another export of this import tells of, broken down otherwise."""


class Totals:
    """The totals of a home."""

    def __init__(self, home: Path) -> None:
        self._control = Control(home)

    def put(self, told: Iterable[ProviderTotal], days: dict[Day, str] | None = None) -> Kept:
        """Keep the totals of one export. `days`: what the exports of this import told of so far; this one is noted there."""
        before_it = {} if days is None else days
        merged, left_out = _of_import(told, before_it)
        by_day: dict[Day, dict[str, ProviderTotal]] = defaultdict(dict)
        for name, one in merged.items():
            by_day[_day(one)][name] = one
        counts = {"added": 0, "changed": 0, "known": 0, "replaced": 0}
        with self._control._change() as connection:  # one file, one room
            table = schema.totals
            for (scope, source, provider, day), its in by_day.items():
                shape = before_it[scope, source, provider, day]
                rows = (table.c.scope == scope) & (table.c.source == source) & (table.c.provider == provider) & (table.c.day == day)
                counts["replaced"] += _forget_older(connection, (scope, source, provider, day))
                counts["replaced"] += connection.execute(delete(table).where(rows & (table.c.shape != shape))).rowcount
                found = connection.execute(select(table.c.identity, table.c.figures).where(rows)).all()
                before = {row.identity: row.figures for row in found}
                fresh = {name: msgspec.json.encode(one).decode() for name, one in its.items()}
                known = {name for name, figures in fresh.items() if before.get(name) == figures}
                changed = (fresh.keys() & before.keys()) - known
                if changed:
                    connection.execute(delete(table).where(table.c.identity.in_(changed)))
                about = {"scope": scope, "source": source, "provider": provider, "day": day, "shape": shape}
                values = [{"identity": name, **about, "figures": figures} for name, figures in fresh.items() if name not in known]
                if values:
                    connection.execute(insert(table), values)
                counts["known"] += len(known)
                counts["changed"] += len(changed)
                counts["added"] += len(values) - len(changed)
        return Kept(left_out=left_out, **counts)

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


def _forget_older(connection: Connection, told: Day) -> int:
    """Take away what was kept of this kind of export while all kinds stood in one (`openai-usage` with line items): how many went."""
    (scope, source, provider, day), table = told, schema.totals
    first, _, kind = source.rpartition("-")
    if not first.endswith("-usage"):
        return 0
    rows = (table.c.scope == scope) & (table.c.source == first) & (table.c.provider == provider) & (table.c.day == day)
    found = connection.execute(select(table.c.identity, table.c.figures).where(rows)).all()
    older = [row.identity for row in found if msgspec.json.decode(row.figures, type=ProviderTotal).line_item == kind]
    if older:
        connection.execute(delete(table).where(table.c.identity.in_(older)))
    return len(older)


def together(exports: Iterable[Iterable[ProviderTotal]]) -> tuple[list[ProviderTotal], int]:
    """(the totals of these exports as one import would keep them: each once, however often it is told; how many were left out)."""
    days: dict[Day, str] = {}
    found: dict[str, ProviderTotal] = {}
    left_out = 0
    for told in exports:
        merged, others = _of_import(told, days)
        found |= merged
        left_out += others
    return list(found.values()), left_out


def _of_import(told: Iterable[ProviderTotal], days: dict[Day, str]) -> tuple[dict[str, ProviderTotal], int]:
    """An export's totals by identity, those that are alike in all but their figures added up, and how many are left out for what `days`
    tells of already. What it tells of is added to `days`."""
    found: dict[str, ProviderTotal] = {}
    named: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for one in told:
        name = identity(one)
        found[name] = one if name not in found else _sum(found[name], one)
        named[_day(one)[:3]].update(name for name in _DIMENSIONS if getattr(one, name) is not None)
    shapes = {kind: "+".join(name for name in _DIMENSIONS if name in its) for kind, its in named.items()}
    kept = {name: one for name, one in found.items() if days.get(_day(one)) in (None, shapes[_day(one)[:3]])}
    for one in kept.values():
        days[_day(one)] = shapes[_day(one)[:3]]
    return kept, len(found) - len(kept)


def identity(one: ProviderTotal) -> str:
    """The digest of all that a total is broken down by."""
    parts: Sequence[str | None] = (
        *_day(one), one.model, one.line_item, one.project, one.key, one.service_tier, one.part
    )  # fmt: skip
    return hashlib.blake2b(msgspec.json.encode(parts), digest_size=16).hexdigest()


def _day(one: ProviderTotal) -> Day:
    return one.scope, one.source, one.provider, one.day


def _sum(left: ProviderTotal, right: ProviderTotal) -> ProviderTotal:
    cost: Decimal | None = left.cost_usd
    if right.cost_usd is not None:
        cost = right.cost_usd if cost is None else cost + right.cost_usd
    return dataclasses.replace(left, requests=_plus(left.requests, right.requests), usage=plus(left.usage, right.usage), cost_usd=cost)


def plus(left: Usage, right: Usage) -> Usage:
    """Both together; what neither tells of stays unknown."""
    counts: dict[str, Any] = {name: _plus(getattr(left, name), getattr(right, name)) for name in _COUNTS}
    return dataclasses.replace(left, **counts)


def _plus(left: int | None, right: int | None) -> int | None:
    return right if left is None else left if right is None else left + right
