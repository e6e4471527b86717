"""Which stored calls a record tells of, by all the names that they and the record have. Works on the index of identities.

Every record has a name of its own; it may have others (a gateway's id, a span, the response's id, a trace and a millisecond). Two records
are of one call where they share a name, unless they are of one log, or over a day apart: steps of an agent begin in one millisecond, a
cache answers with the id of its first answer. A record that has names of two calls shows that they are one: both are in already, so it is
only noted here (`twins`), and the table is put right when the import ends (`supplements`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from modicum.store.codec import Record
from modicum.store.meeting import Known, bit, lacks
from modicum.types import quick

WINDOW_S = 86_400
"""Logs that write local times for UTC are up to fourteen hours apart."""
DAY_S = 86_400
_ASKED = 500
_TABLES = (
    "CREATE TABLE IF NOT EXISTS known (key BLOB PRIMARY KEY, erased INTEGER NOT NULL, knows INTEGER, at INTEGER) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS knowledge (id INTEGER PRIMARY KEY, forms INTEGER NOT NULL, fields BLOB NOT NULL, UNIQUE (forms, fields))",
    "CREATE TABLE IF NOT EXISTS names (key BLOB, call BLOB, form INTEGER, PRIMARY KEY (key, call, form)) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS named ON names (call)",
    "CREATE TABLE IF NOT EXISTS twins (call BLOB PRIMARY KEY, of BLOB NOT NULL) WITHOUT ROWID",
)


@quick
@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A record on its way in."""

    key: bytes
    record: Record
    form: str
    known: Known
    at: int
    """When the call began, in seconds since 1970."""
    also: tuple[bytes, ...] = ()
    near: tuple[bytes, ...] = ()


class Learned(msgspec.Struct):
    """What the index learns of a batch."""

    knowledge: list[tuple[int, bytes]]
    """What is known of calls, each once: (forms, fields)."""
    known: list[tuple[bytes, int, int]]
    """(key of a new call, number of what is known of it, when it began)."""
    names: list[tuple[bytes, bytes, int]]
    """(key of a name, key of its call, bit of the format that named it)."""
    twins: list[tuple[bytes, bytes]]
    """(key of a call, key of the call that it turned out to be)."""


@dataclass(slots=True)
class _State:
    erased: bool = False
    known: Known | None = None
    at: int | None = None
    forms: int = 0


def prepare(index: sqlite3.Connection) -> None:
    """Make the tables, and take over what an older index has."""
    for statement in _TABLES:
        index.execute(statement)
    if index.execute("SELECT 1 FROM sqlite_master WHERE name = 'meets'").fetchone() is not None:
        try:
            for (form,) in index.execute("SELECT DISTINCT form FROM meets").fetchall():
                index.execute("INSERT OR IGNORE INTO names SELECT key, call, ? FROM meets WHERE form = ?", (bit(form), form))
            index.execute("DROP TABLE meets")
        except sqlite3.OperationalError:  # another process was first
            pass
    columns = {row[1] for row in index.execute("PRAGMA table_info(known)")}
    for name in ("knows", "at"):
        if name not in columns:
            try:
                index.execute(f"ALTER TABLE known ADD COLUMN {name} INTEGER")
            except sqlite3.OperationalError:  # another process was first
                continue


class Names:
    """What the index knows of a batch's records, and what becomes known."""

    def __init__(self, index: sqlite3.Connection, entries: Sequence[Entry]) -> None:
        self._twins = dict(index.execute("SELECT call, of FROM twins").fetchall())
        self._calls: dict[bytes, list[tuple[bytes, int]]] = {}
        """name -> the calls that have it, with the bit of the format that said so"""
        self._states: dict[bytes, _State] = {}
        self._load(index, {entry.key for entry in entries})
        more: set[bytes] = set()
        for entry in entries:
            if (entry.also or entry.near) and not self._is_told(entry):
                more.update(entry.also, entry.near)
        self._load(index, more)
        self._names: list[tuple[bytes, bytes, int]] = []
        self._new_twins: list[tuple[bytes, bytes]] = []
        self.earlier = 0
        """Records that go in as calls of their own, though they are of calls that are in: those began a day later."""

    def _load(self, index: sqlite3.Connection, keys: set[bytes]) -> None:
        for key, call, form in ask(index, "SELECT key, call, form FROM names WHERE key IN", keys - self._calls.keys()):
            self._calls.setdefault(key, []).append((call, form))
        calls = keys.union(*({call for call, _ in self._calls[key]} for key in keys & self._calls.keys()))
        calls |= {self.root(call) for call in calls & self._twins.keys()}
        calls -= self._states.keys()
        query = "SELECT key, erased, at, forms, fields FROM known LEFT JOIN knowledge ON id = knows WHERE key IN"
        there = []
        for key, erased, at, forms, fields in ask(index, query, calls):
            self._states[key] = _State(bool(erased), None if forms is None else Known(forms, fields), at, forms or 0)
            there.append(key)
        for call, form in ask(index, "SELECT call, form FROM names WHERE call IN", there):
            self._states[call].forms |= form

    def root(self, call: bytes) -> bytes:
        """The call that a twin turned out to be."""
        while (of := self._twins.get(call)) is not None:
            call = of
        return call

    def place(self, entry: Entry) -> bytes | None:
        """The stored call that a record tells of, None where it goes in as one of its own; its names are noted either way."""
        form = bit(entry.form)
        place = self._own(entry, form)
        forms = form if place is None else form | self._states[place].forms
        told = place is not None and self._states[place].forms & form
        found = () if told or not (entry.also or entry.near or entry.key in self._calls) else self._found(entry)
        for call in found:
            state = self._states[call]
            if call == place or state.forms & forms:
                continue
            if place is None:
                place = call
            elif not state.erased and not self._states[place].erased:
                self._join(call, place)
            forms = form | self._states[place].forms
        if place is not None and not self._states[place].erased and self._is_earlier(entry, place):
            # It goes into another day of the table: as a call at first, and the other joins it.
            self._add(entry)
            self._join(entry.key, place)
            self._note(entry, entry.key, form)
            self.earlier += 1
            return None
        if place is None:
            self._add(entry)
        self._note(entry, entry.key if place is None else place, form)
        return place

    def _is_told(self, entry: Entry) -> bool:
        """Is the record in, by the format that tells of it now? Then all its names were looked at."""
        form = bit(entry.form)
        place = self._own(entry, form)
        return place is not None and bool(self._states[place].forms & form)

    def _own(self, entry: Entry, form: int) -> bytes | None:
        """Where the record is already, or one of another log by the same identity."""
        if entry.key in self._states:
            return self.root(entry.key)
        placed = (self.root(call) for call, by in self._calls.get(entry.key, ()) if by == form)
        return next((call for call in placed if call in self._states), None)

    def _found(self, entry: Entry) -> list[bytes]:
        """The calls that share a name with a record, the nearest first."""
        found: dict[bytes, tuple[int, bytes]] = {}
        for name in (entry.key, *entry.also, *entry.near):
            for call in (name, *(call for call, _ in self._calls.get(name, ()))):
                root = self.root(call)
                state = self._states.get(root)
                if state is not None:
                    apart = 0 if state.at is None else abs(state.at - entry.at)
                    if apart <= WINDOW_S:
                        found[root] = (apart, root)
        return sorted(found, key=lambda call: found[call])

    def _is_earlier(self, entry: Entry, place: bytes) -> bool:
        at = self._states[place].at
        return at is not None and entry.at // DAY_S < at // DAY_S and entry.key not in self._states

    def _add(self, entry: Entry) -> None:
        self._states[entry.key] = _State(False, entry.known, entry.at, entry.known.forms)

    def _join(self, call: bytes, of: bytes) -> None:
        """Note that a stored call is another one."""
        self._twins[call] = of
        self._new_twins.append((call, of))
        self._states[of].forms |= self._states[call].forms

    def _note(self, entry: Entry, call: bytes, form: int) -> None:
        # One row says that this format told of the call; a name of it that is there already is not written again.
        told = self._states[call].forms & form or (call == entry.key and form == self._states[call].forms)
        for name in (entry.key, *entry.also):
            noted = self._calls.setdefault(name, [])
            if (name == call or any(one == call for one, _ in noted)) and (name != entry.key or told):
                continue
            noted.append((call, form))
            self._names.append((name, call, form))
        self._states[call].forms |= form

    def erased(self, call: bytes) -> bool:
        return self._states[call].erased

    def lacks(self, call: bytes, told: Known) -> bool:
        """Is there anything in a record that is not known of the call?"""
        known = self._states[call].known
        return known is None or lacks(known, told)

    def learned(self, fresh: Iterable[bytes]) -> Learned:
        """What is to be written down: the calls that are new, and what names there are."""
        numbers: dict[Known, int] = {}
        known = []
        for call in fresh:
            state = self._states[call]
            if state.known is not None and state.at is not None:
                known.append((call, numbers.setdefault(state.known, len(numbers)), state.at))
        return Learned([(one.forms, one.fields) for one in numbers], known, self._names, self._new_twins)


def learn(index: sqlite3.Connection, learned: Learned) -> None:
    """Write down what a batch taught. Within a transaction; a second time changes nothing."""
    numbers = [_number(index, forms, fields) for forms, fields in learned.knowledge]
    rows = [(call, numbers[number], at) for call, number, at in learned.known]
    index.executemany("INSERT OR IGNORE INTO known (key, erased, knows, at) VALUES (?, 0, ?, ?)", rows)
    index.executemany("INSERT OR IGNORE INTO names (key, call, form) VALUES (?, ?, ?)", learned.names)
    index.executemany("INSERT OR REPLACE INTO twins (call, of) VALUES (?, ?)", learned.twins)


def twins(index: sqlite3.Connection) -> dict[bytes, bytes]:
    """Stored calls that turned out to be others and are still to be joined -> what they are."""
    return dict(index.execute("SELECT call, of FROM twins").fetchall())


def known_of(index: sqlite3.Connection, calls: Iterable[bytes]) -> dict[bytes, Known]:
    """What is known of calls, where it is noted."""
    query = "SELECT key, forms, fields FROM known JOIN knowledge ON id = knows WHERE key IN"
    return {key: Known(forms, fields) for key, forms, fields in ask(index, query, calls)}


def settle(index: sqlite3.Connection, joined: Iterable[tuple[bytes, frozenset[bytes], Known, int]]) -> None:
    """Note what calls came to be: (key, the keys that its parts had, what is known, when it began). Within a transaction."""
    numbers: dict[Known, int] = {}
    rows = []
    for call, parts, found, at in joined:
        if found not in numbers:
            numbers[found] = _number(index, found.forms, found.fields)
        if len(parts) > 1:
            fold(index, call, parts, found.forms)
        rows.append((call, numbers[found], at))
    query = "INSERT INTO known (key, erased, knows, at) VALUES (?, 0, ?, ?)"
    index.executemany(f"{query} ON CONFLICT DO UPDATE SET knows = excluded.knows, at = excluded.at", rows)


def fold(index: sqlite3.Connection, call: bytes, parts: Iterable[bytes], forms: int = 0) -> None:
    """Note that a call has the names of its parts, and is all that is left of them. Within a transaction."""
    for part in parts:
        if part != call:
            index.execute("INSERT OR IGNORE INTO names SELECT key, ?, form FROM names WHERE call = ?", (call, part))
            index.execute("DELETE FROM names WHERE call = ?", (part,))
            index.execute("DELETE FROM known WHERE key = ? AND erased = 0", (part,))
            index.execute("DELETE FROM twins WHERE call = ?", (part,))
            index.execute("UPDATE twins SET of = ? WHERE of = ?", (call, part))
            index.executemany("INSERT OR IGNORE INTO names VALUES (?, ?, ?)", ((part, call, form) for form in _bits(forms or 1)))
    index.execute("DELETE FROM twins WHERE call = ? OR of = call", (call,))


def _bits(forms: int) -> Iterator[int]:
    return (1 << number for number in range(forms.bit_length()) if forms >> number & 1)


def _number(index: sqlite3.Connection, forms: int, fields: bytes) -> int:
    """What is known of calls is written down once: few calls differ in it."""
    index.execute("INSERT OR IGNORE INTO knowledge (forms, fields) VALUES (?, ?)", (forms, fields))
    number: int = index.execute("SELECT id FROM knowledge WHERE forms = ? AND fields = ?", (forms, fields)).fetchone()[0]
    return number


def ask(index: sqlite3.Connection, query: str, keys: Iterable[bytes]) -> Iterator[tuple[Any, ...]]:
    """The rows of a query that ends in `IN`, for all keys."""
    listed = sorted(keys)
    for start in range(0, len(listed), _ASKED):
        some = listed[start : start + _ASKED]
        yield from index.execute(f"{query} ({','.join('?' * len(some))})", some)
