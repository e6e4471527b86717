"""Spend by key, scope, model, day, tag, prompt size and more; and whether the ledger of the keys says the same as the calls."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec

from modicum.backends.priced import priced
from modicum.catalog import Catalogue
from modicum.config import Config
from modicum.report.costing import believed, cost_of
from modicum.report.covering import left_over
from modicum.report.exported import as_spend
from modicum.store.calls import Calls, SpendRow
from modicum.store.control import Control
from modicum.store.ledger_rows import COMPARING, Entry, entries
from modicum.store.rows import is_specialist
from modicum.store.spending import SIZES, Also
from modicum.store.tally import PICO
from modicum.store.usage import TOKENS
from modicum.types import Decision

By = Literal["key", "scope", "model", "provider", "workload", "day", "client", "tag", "hour", "size"]
BYS: tuple[By, ...] = ("key", "scope", "model", "provider", "workload", "day", "client", "tag", "hour", "size")
_ALSO: Mapping[By, Also] = {"key": "client_id", "client": "client_id", "tag": "tags", "hour": "hour", "size": "size"}
CLOSE_USD = Decimal("0.000001")
"""Costs that differ by less are the same."""
SHOWN = 20
_COMPARED = frozenset(("shadow", "control", "canary"))
"""Why whoever answers has nothing to do with what the other model says."""


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

    What usage and cost exports tell of beyond the recorded calls is among them, of whole days. What the other model of a route took is
    that model's and that provider's, whoever answered; where it did not, the call itself is counted once, with whoever did.

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
    for row in (*itertools.chain.from_iterable(map(_taken, rows)), *as_spend(*left_over(config, since=since, until=until))):
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


def _taken(row: SpendRow) -> Iterator[SpendRow]:
    """The calls with whoever answered them, and what the other model of a route took on top, as of no calls."""
    stage = row.stage
    if stage is None:
        yield row
        return
    named = replace(row, request_model=stage.model, response_model=stage.model, provider=stage.provider, stage=None)
    if row.specialist:
        yield named
        return
    yield row
    if stage.usd:
        tokens: dict[str, Any] = dict.fromkeys(TOKENS, 0) | {"input_tokens": stage.input_tokens, "output_tokens": stage.output_tokens}
        yield replace(named, calls=0, estimated=0, costed=True, refused=False, cost_usd=stage.usd, **tokens)


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
    comparing_usd: Decimal
    """In the ledger for answers that were only compared (`[route] compare_usd_day`); in none of the above."""
    compared_usd: Decimal
    """What those answers took, by the calls that say."""
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
    """Compare every row of the ledger with its call. What another model took that a route asked first is paid by the call's key; what one
    took that was only compared is counted under a name of its own, and compared in sum.
    """
    ledger: dict[str, Entry] = {}
    comparing = Decimal(0)
    for one in entries(config.home):
        if not _within(one, since, until):
            continue
        if one.key_id == COMPARING:
            comparing += Decimal(one.pico_usd) / PICO
        else:
            ledger[one.call_id] = one
    keys = {one.key_id for one in ledger.values()}
    differing: list[str] = []
    uncounted: list[str] = []
    seen: set[str] = set()
    ledger_usd = calls_usd = held_usd = compared_usd = Decimal(0)
    for call in Calls(config.home).scan(since=since, until=until, bodies=False):
        compared_usd += compared(call.decision) or 0
        entry = ledger.get(call.call_id)
        if entry is None:
            if call.key_id in keys and (call.cost_usd or on_top(call.decision)):
                uncounted.append(call.call_id)
            continue
        seen.add(call.call_id)
        counted = Decimal(entry.pico_usd) / PICO
        ledger_usd += counted
        first = on_top(call.decision)
        if call.cost_usd is None or entry.kind == "lost" or (first is None and entry.unknown):
            held_usd += counted
            calls_usd += (call.cost_usd or 0) + (first or 0)
        else:
            paid = call.cost_usd + (first or 0)
            calls_usd += paid
            if abs(paid - counted) >= CLOSE_USD:
                differing.append(call.call_id)
    for one in ledger.values():
        if one.call_id not in seen:
            ledger_usd += Decimal(one.pico_usd) / PICO
            held_usd += Decimal(one.pico_usd) / PICO
    lost = tuple(one.call_id for one in ledger.values() if one.kind == "lost")
    return Check(
        calls=len(seen),
        ledger_usd=ledger_usd,
        calls_usd=calls_usd,
        held_usd=held_usd,
        comparing_usd=comparing,
        compared_usd=compared_usd,
        differing=tuple(differing),
        lost=lost,
        unrecorded=tuple(one.call_id for one in ledger.values() if one.call_id not in seen and one.kind != "lost"),
        uncounted=tuple(uncounted),
    )


def on_top(decision: Decision | None) -> Decimal | None:
    """What a call's key pays beside the call itself: the other model of a route that was asked first, and whose answer the caller did not
    get. None where nobody knows what that took."""
    if decision is None or decision.stage_model is None or decision.reason in _COMPARED or is_specialist(decision):
        return Decimal(0)
    return decision.stage_cost_usd


def compared(decision: Decision | None) -> Decimal | None:
    """What it took to ask the other model of a route beside whoever answered; None where nobody knows."""
    return decision.stage_cost_usd if decision is not None and decision.reason in _COMPARED else Decimal(0)


def _within(entry: Entry, since: datetime | None, until: datetime | None) -> bool:
    # Rows carry the day of the call; its id carries the millisecond.
    at = datetime.fromtimestamp(int(entry.call_id.replace("-", "")[:12], 16) / 1000, UTC)
    return (since is None or at >= since) and (until is None or at < until)
