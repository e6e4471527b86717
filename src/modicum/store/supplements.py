"""Complete stored calls with what other logs know of them: usage from one, bodies from another, one call in the end.

Records that know more wait in a file without a name until all that is sealed and open is in the table. There, calls turn out to be
others too: the index says so (`store.names`), and what our own gateway recorded is met by the id of its response. Then each partition of
the table that holds such a call is rewritten in one commit, as redaction does. Killed before, nothing is lost: the log that brought the
records, brought in again, brings them again, because what is known of a call is remembered only after the commit.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from modicum.store import assignments, batches, codec, identity, names, rows
from modicum.store.compact import absorb
from modicum.store.engine import connected, fetch
from modicum.store.home import changing, deleting, reading
from modicum.store.key import evidence_key
from modicum.store.marks import NAMES, Marker
from modicum.store.meeting import LIVE, Known, holds, known, known_of, together
from modicum.store.table import Table, day_of, guarded
from modicum.store.waiting import Waiting

Progress = Callable[[float], None]
"""Share done."""
Part = tuple[str, str]
"""Scope and day of a partition."""
Files = dict[Part, list[str]]
_SHORTEST_ID = 16
_ASKED = 500
_ARE_LIVE = "SELECT 1 FROM read_parquet(?, union_by_name=true) WHERE origin = 'live' LIMIT 1"
_MET = (
    "WITH told AS (SELECT call_id, scope, response_id, started_us, origin, source FROM read_parquet(?, hive_partitioning=true,"
    f" hive_types_autocast=false, union_by_name=true) WHERE length(response_id) >= {_SHORTEST_ID}),"
    " met AS (SELECT l.call_id AS live, i.call_id AS told, i.source, abs(l.started_us - i.started_us) AS apart"
    " FROM told l JOIN told i ON l.response_id = i.response_id AND l.scope = i.scope AND l.origin = 'live' AND i.origin = 'import'"
    f" WHERE abs(l.started_us - i.started_us) <= {names.WINDOW_S} * 1000000::BIGINT)"
    " SELECT live, told FROM met"
    " QUALIFY row_number() OVER (PARTITION BY told ORDER BY apart, live) = 1"
    " AND row_number() OVER (PARTITION BY live, source ORDER BY apart, told) = 1 ORDER BY live, told"
)
"""Calls that our gateway recorded, and what other logs tell of them: the nearest one of each log."""


@dataclass(frozen=True, slots=True)
class _Joined:
    """What a call of the table came to be."""

    was: bytes
    key: bytes
    parts: frozenset[bytes]
    known: Known
    at: int
    count: int
    """Records that were joined to it."""


@dataclass(slots=True)
class _Twins:
    """Calls of the table that are one with others of it."""

    parts: dict[bytes, set[bytes]] = field(default_factory=dict)
    """Key of a call -> keys of all that turned out to be it."""
    moved: dict[Part, dict[str, bytes]] = field(default_factory=dict)
    """Where these stand: id -> key of the call that each is part of."""
    home: dict[bytes, Part] = field(default_factory=dict)
    """Where the call itself stands."""
    far: set[bytes] = field(default_factory=set)
    """Calls with parts in another partition."""


class Supplements:
    """Records that wait for their calls. A context manager; give it to `batches.add` as `supplement`."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._waiting = Waiting(home)
        self.met = 0
        """Calls that turned out, in `join`, to be ones that our gateway recorded."""

    def __enter__(self) -> Supplements:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        self._waiting.close()

    @property
    def count(self) -> int:
        """Records that came to wait."""
        return self._waiting.count

    def __call__(self, key: bytes, record: codec.Record) -> None:
        """One record, and the key of the call that it is of."""
        self._waiting.put(key, record)

    def join(self, progress: Progress = lambda share: None) -> int:
        """Complete the calls; how many records were joined. Raises StoreBusyError where another process keeps the store."""
        with changing(self._home):
            absorb(self._home)
            table = Table(self._home)
            files = _by_part(table)
            twins = self._twins(files)
            if not self._waiting.left():
                return 0
            joined = sum(map(len, twins.moved.values())) - self.met
            late: list[_Joined] = []
            order = self._order(files)
            for number, part in enumerate(order):
                if self._waiting.left() and (due := self._due(files[part])):
                    done: list[_Joined] = []
                    with guarded(self._home):
                        table.replace(*part, self._rows(part, files[part], due, twins, done))
                    self._waiting.forget(one.was for one in done)
                    # What is far is not gone from where it was.
                    late += [one for one in done if one.was in twins.far]
                    self._settle([one for one in done if one.was not in twins.far])
                    joined += sum(one.count for one in done)
                progress((number + 1) / len(order))
            files = _by_part(table)
            for part, moved in twins.moved.items():
                gone = {call_id for call_id, root in moved.items() if root in twins.far and twins.home[root] != part}
                if gone:
                    with guarded(self._home):
                        table.replace(*part, self._without(files[part], gone))
            self._settle(late)
            with deleting(self._home), guarded(self._home):
                table.sweep()
        return joined

    def _twins(self, files: Files) -> _Twins:
        """Which calls of the table are one; the lesser parts of each wait for it from now on."""
        found = _Twins()
        with batches.opened(self._home) as index:
            of = names.twins(index)
        for live, told in self._met(files):
            of.setdefault(identity.key(told), identity.key(live))
            self.met += 1
        groups = _groups(of)
        if not groups:
            return found
        places = self._places(files, set().union(*groups))
        kept = self._assigned([call_id for call_id, _, _ in places.values()])
        for group in groups:
            there = sorted(
                ((not live, call_id not in kept, call_id, key) for key in group if key in places for call_id, live, _ in (places[key],))
            )
            if not there:
                continue
            root = there[0][-1]
            found.parts[root], found.home[root] = group, places[root][2]
            if len(there) == 1:  # a kill came before this was noted
                with batches.opened(self._home) as index, index:
                    names.fold(index, root, group)
            for *_, call_id, key in there[1:]:
                part = places[key][2]
                found.moved.setdefault(part, {})[call_id] = root
                if part != found.home[root]:
                    found.far.add(root)
            for key in group - {root}:
                self._waiting.rename(key, root)
        for part, moved in found.moved.items():
            self._keep(files[part], moved)
        return found

    def _met(self, files: Files) -> list[tuple[str, str]]:
        """(a call of our gateway's, what a log tells of the same call) of all that stand apart."""
        listed = [path for paths in files.values() for path in paths]
        if not listed:
            return []
        with reading(self._home), connected(self._home) as connection:
            if connection.execute(_ARE_LIVE, [listed]).fetchone() is None:
                return []
            return connection.execute(_MET, [listed]).fetchall()

    def _places(self, files: Files, keys: set[bytes]) -> dict[bytes, tuple[str, bool, Part]]:
        """Where these calls stand: key -> (id, is it our gateway's, partition)."""
        found = {}
        with reading(self._home), connected(self._home) as connection:
            for part, paths in files.items():
                connection.execute(f"SELECT call_id, origin FROM ({rows.SOURCE})", [paths])
                for call_id, origin in fetch(connection):
                    if (key := identity.key(call_id)) in keys:
                        found[key] = (call_id, origin == LIVE, part)
        return found

    def _assigned(self, call_ids: list[str]) -> set[str]:
        """Of these calls, the ones that belong to a workload: what was proven names them by their ids."""
        if not call_ids or not assignments.path(self._home).exists():
            return set()
        query = "SELECT call_id FROM read_parquet(?) WHERE call_id IN (SELECT unnest(?))"
        with connected(self._home) as connection:
            found = connection.execute(query, [str(assignments.path(self._home).resolve()), call_ids]).fetchall()
        return {call_id for (call_id,) in found}

    def _keep(self, paths: list[str], moved: dict[str, bytes]) -> None:
        """Let calls of the table wait for those that they are part of."""
        with batches.opened(self._home) as index:
            noted = names.known_of(index, map(identity.key, moved))
        columns = ", ".join(rows.SELECTED)
        with reading(self._home), connected(self._home) as connection:
            query = f"SELECT {columns}, seen, stored_us FROM ({rows.SOURCE}) WHERE call_id IN (SELECT unnest(?))"
            connection.execute(query, [paths, list(moved)])
            for *values, seen, stored_us in fetch(connection):
                call = rows.call(tuple(values))
                told = noted.get(identity.key(call.call_id)) or known_of(call)
                self._waiting.put(moved[call.call_id], codec.record(call), known=told, seen=bool(seen), stored_us=stored_us)

    def _order(self, files: Files) -> list[Part]:
        """The partitions that may hold a call that is waited for, the likely ones first: two logs seldom differ by more than a day."""
        wanted = set(self._waiting.days())
        near = {(scope, _moved(day, by)) for scope, day in wanted for by in (-1, 0, 1)}
        scopes = {scope for scope, _ in wanted}
        return sorted((part for part in files if part[0] in scopes), key=lambda part: (part not in near, part))

    def _due(self, paths: list[str]) -> list[str]:
        """The calls of a partition that a record waits for."""
        due: list[str] = []
        with reading(self._home), connected(self._home) as connection:
            connection.execute(f"SELECT call_id FROM ({rows.SOURCE})", [paths])
            while some := connection.fetchmany(_ASKED):
                keys = {identity.key(call_id): call_id for (call_id,) in some}
                due += [keys[key] for key in self._waiting.wanted(list(keys))]
        return due

    def _rows(self, part: Part, paths: list[str], due: list[str], twins: _Twins, done: list[_Joined]) -> Iterator[tuple[Any, ...]]:
        """A partition's calls, completed, without those that are part of others of it; `done` gets what each came to be."""
        kept, wanted = self._assigned(due), set(due)
        gone = {call_id for call_id, root in twins.moved.get(part, {}).items() if twins.home[root] == part}
        with batches.opened(self._home) as index:
            noted = names.known_of(index, map(identity.key, due))
        columns, width = ", ".join((*rows.SELECTED, *NAMES)), len(rows.SELECTED)
        marker = Marker(evidence_key(self._home))
        with reading(self._home), connected(self._home) as connection:
            connection.execute(f"SELECT {columns}, seen, stored_us FROM ({rows.SOURCE}) ORDER BY started_us, call_id", [paths])
            for values in fetch(connection):
                call, seen, stored_us = rows.call(values[:width]), values[-2], values[-1]
                if call.call_id in gone:
                    continue
                if call.call_id in wanted:
                    was = identity.key(call.call_id)
                    told = noted.get(was) or (known(LIVE, holds(call)) if call.origin == LIVE else known_of(call))
                    waits = self._waiting.take(was)
                    for one in waits:
                        if call.request is None and one.call.request is not None:
                            # Bodies are kept for so many days from when they came.
                            stored_us = max(stored_us, time.time_ns() // 1000 if one.stored_us is None else one.stored_us)
                        seen = seen or one.call.request is not None or bool(one.seen)
                        stays = call.call_id in kept or call.origin == LIVE or day_of(one.call.started_at) != part[1]
                        call = together(call, one.call, told, one.known, kept=stays)
                        told += one.known
                    key = identity.key(call.call_id)
                    parts = frozenset({was, key, *(one.part for one in waits), *twins.parts.get(was, ())})
                    count = sum(one.stored_us is None for one in waits)
                    done.append(_Joined(was, key, parts, told, codec.to_us(call.started_at) // 1_000_000, count))
                marks = marker.of(call) if call.request is not None else values[width:-2]
                yield rows.row(call, stored_us, seen, marks=marks)

    def _without(self, paths: list[str], gone: set[str]) -> Iterator[tuple[Any, ...]]:
        """A partition's rows but those of some calls."""
        columns, width = ", ".join((*rows.SELECTED, *NAMES)), len(rows.SELECTED)
        with reading(self._home), connected(self._home) as connection:
            connection.execute(f"SELECT {columns}, seen, stored_us FROM ({rows.SOURCE}) ORDER BY started_us, call_id", [paths])
            for values in fetch(connection):
                call = rows.call(values[:width])
                if call.call_id not in gone:
                    yield rows.row(call, values[-1], values[-2], marks=values[width:-2])

    def _settle(self, joined: list[_Joined]) -> None:
        with batches.opened(self._home) as index, index:
            index.execute("BEGIN IMMEDIATE")
            names.settle(index, ((one.key, one.parts, one.known, one.at) for one in joined))


def _groups(of: dict[bytes, bytes]) -> list[set[bytes]]:
    """Calls that are one."""
    groups: dict[bytes, set[bytes]] = {}
    for call, other in of.items():
        one, two = groups.get(call, {call}), groups.get(other, {other})
        if one is not two:
            one = one | two
            for key in one:
                groups[key] = one
    return list({id(group): group for group in groups.values()}.values())


def _by_part(table: Table) -> Files:
    found: Files = {}
    for file in table.files():
        found.setdefault((file.scope, file.day), []).append(file.path)
    return found


def _moved(day: str, by: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=by)).isoformat()
