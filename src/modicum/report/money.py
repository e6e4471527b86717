"""Spend by key, scope, model, day, tag, prompt size and more; and whether the ledger of the keys says the same as the calls."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

import msgspec

from modicum.backends.priced import priced
from modicum.catalog import Catalogue
from modicum.config import Config
from modicum.report.costing import believed, cost_of
from modicum.report.covering import left_over
from modicum.report.exported import as_spend
from modicum.store.calls import Calls, SpendRow
from modicum.store.control import Control
from modicum.store.ledger_rows import Entry, entries
from modicum.store.spending import SIZES, Also
from modicum.store.tally import PICO

By = Literal["key", "scope", "model", "provider", "workload", "day", "client", "tag", "hour", "size"]
BYS: tuple[By, ...] = ("key", "scope", "model", "provider", "workload", "day", "client", "tag", "hour", "size")
_ALSO: Mapping[By, Also] = {"key": "client_id", "client": "client_id", "tag": "tags", "hour": "hour", "size": "size"}
CLOSE_USD = Decimal("0.000001")
"""Costs that differ by less are the same."""
SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendLine:
    """Calls that share what was asked for."""

    names: Mapping[str, str | None]
    calls: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cost_usd: Decimal | None
    """Of the calls whose cost is known; None where none is. Those that were refused cost nothing."""
    calls_of_unknown_cost: int
    calls_refused: int
    """Nobody answered them, and they cost nothing: over a limit, not allowed, a provider's error."""
    calls_estimated: int
    """Their tokens are estimates: a stream that broke, an answer of our own."""
    calls_told: int = 0
    """Of the calls: those that a provider's usage or cost export tells of, and no record."""
    told_usd: Decimal = Decimal(0)
    """Of the cost: theirs, as far as it is known."""


def spend_by(config: Config, by: Sequence[By], *, since: datetime | None = None, until: datetime | None = None) -> list[SpendLine]:
    """One line for each combination of `by`, in the order of days, else dearest first. Calls that were recorded with their cost
    cost that; others are priced from the list by model and day where it is known.

    What usage and cost exports tell of beyond the recorded calls is among them, of whole days.

    A call of another gateway's log has that gateway's name for its key. `tag`: all tags of a call together, so that sums add up;
    `size`: how long what was sent is.
    """
    control = Control(config.home)
    keys = {key.key_id: key.name for key in control.all_keys()}
    workloads = {workload.workload_id: workload.name for workload in control.workloads()}
    catalogue = Catalogue(*priced(config))
    groups: dict[tuple[str | None, ...], list[SpendRow]] = defaultdict(list)
    also = {_ALSO[name] for name in by if name in _ALSO}
    rows = believed(Calls(config.home).spending(since=since, until=until, also=also), catalogue)
    for row in (*rows, *as_spend(*left_over(config, since=since, until=until))):
        names = {
            "key": keys.get(row.key_id, row.key_id) if row.key_id else row.client_id,
            "scope": row.scope,
            "model": row.response_model or row.request_model,
            "provider": row.provider,
            "workload": workloads.get(row.workload_id, row.workload_id) if row.workload_id else None,
            "day": row.day,
            "client": row.client_id,
            "tag": ", ".join(msgspec.json.decode(row.tags)) if row.tags else None,
            "hour": None if row.hour is None else f"{row.hour:02d}:00",
            "size": row.size,
        }
        groups[tuple(names[name] for name in by)].append(row)
    lines = [_line(dict(zip(by, names, strict=True)), rows, catalogue) for names, rows in groups.items()]
    if tuple(by) in (("hour",), ("size",)):
        order = {name: number for number, name in enumerate(SIZES)}
        return sorted(lines, key=lambda line: (order.get(line.names[by[0]] or "", len(order)), line.names[by[0]] or "~"))
    if "day" in by:
        return sorted(lines, key=lambda line: (line.names["day"] or "", -(line.cost_usd or 0)))
    return sorted(lines, key=lambda line: (-(line.cost_usd or 0), -line.calls))


def _line(names: Mapping[str, str | None], rows: Iterable[SpendRow], catalogue: Catalogue) -> SpendLine:
    calls = unknown = refused = estimated = inputs = outputs = cached = told = 0
    total = told_usd = Decimal(0)
    for row in rows:
        calls += row.calls
        estimated += row.estimated
        told += row.calls if row.told else 0
        inputs += row.input_tokens
        outputs += row.output_tokens
        cached += row.cache_read_tokens
        if row.refused:
            refused += row.calls
            continue
        usd = cost_of(row, catalogue)
        if usd is None:
            unknown += row.calls
        else:
            total += usd
            told_usd += usd if row.told else 0
    return SpendLine(
        names=names,
        calls=calls,
        input_tokens=inputs,
        output_tokens=outputs,
        cache_read_tokens=cached,
        cost_usd=total if unknown + refused < calls or total or not unknown else None,
        calls_of_unknown_cost=unknown,
        calls_refused=refused,
        calls_estimated=estimated,
        calls_told=told,
        told_usd=told_usd,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The ledger beside the calls, for the keys that are in the ledger."""

    calls: int
    """That stand in both."""
    ledger_usd: Decimal
    calls_usd: Decimal
    """Of the calls in both whose cost is known."""
    held_usd: Decimal
    """Counted in the ledger for calls whose cost is not known: what was held for them, lost ones and calls without a record too."""
    differing: tuple[str, ...]
    """Calls that the two give different costs."""
    lost: tuple[str, ...]
    """Calls whose worker died."""
    unrecorded: tuple[str, ...]
    """In the ledger, and not among the calls."""
    uncounted: tuple[str, ...]
    """Calls with a cost, by a key that is in the ledger, that are not."""

    @property
    def agrees(self) -> bool:
        return not (self.differing or self.unrecorded or self.uncounted)


def check(config: Config, *, since: datetime | None = None, until: datetime | None = None) -> Check:
    """Compare every row of the ledger with its call."""
    ledger = {entry.call_id: entry for entry in entries(config.home) if _within(entry, since, until)}
    keys = {entry.key_id for entry in ledger.values()}
    differing, uncounted, seen = [], [], set()
    ledger_usd = calls_usd = held_usd = Decimal(0)
    for call in Calls(config.home).scan(since=since, until=until, bodies=False):
        entry = ledger.get(call.call_id)
        if entry is None:
            if call.key_id in keys and call.cost_usd:
                uncounted.append(call.call_id)
            continue
        seen.add(call.call_id)
        counted = Decimal(entry.pico_usd) / PICO
        ledger_usd += counted
        if call.cost_usd is None or entry.kind == "lost":
            held_usd += counted
            calls_usd += call.cost_usd or 0
        else:
            calls_usd += call.cost_usd
            if abs(call.cost_usd - counted) >= CLOSE_USD:
                differing.append(call.call_id)
    for entry in ledger.values():
        if entry.call_id not in seen:
            ledger_usd += Decimal(entry.pico_usd) / PICO
            held_usd += Decimal(entry.pico_usd) / PICO
    lost = tuple(entry.call_id for entry in ledger.values() if entry.kind == "lost")
    return Check(
        calls=len(seen),
        ledger_usd=ledger_usd,
        calls_usd=calls_usd,
        held_usd=held_usd,
        differing=tuple(differing),
        lost=lost,
        unrecorded=tuple(entry.call_id for entry in ledger.values() if entry.call_id not in seen and entry.kind != "lost"),
        uncounted=tuple(uncounted),
    )


def _within(entry: Entry, since: datetime | None, until: datetime | None) -> bool:
    # Rows carry the day of the call; its id carries the millisecond.
    at = datetime.fromtimestamp(int(entry.call_id.replace("-", "")[:12], 16) / 1000, UTC)
    return (since is None or at >= since) and (until is None or at < until)
