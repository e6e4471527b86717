"""What the watcher keeps in control.db: what it knows of each route, how far it has read, and what it told.

All that one look changes is one transaction: the watches, the routes that took a step, their lines of the audit log, the notices and the
bookmark. A look that was killed is therefore one that never was, and one that was written is not written again: the bookmark must still be
the one that it began at, and every route as it was then.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, delete, func, insert, select

from modicum.store import schema
from modicum.store.routes import Step, take
from modicum.types import Notice, Watch

Noun = TypeVar("Noun")
MOST_NOTICES = 10_000
"""Older ones go: the audit log keeps what happened to routes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """All that one look changes."""

    watches: tuple[Watch, ...] = ()
    steps: tuple[Step, ...] = ()
    notices: tuple[Notice, ...] = ()
    """Their numbers are given by the store."""
    began: str | None = None
    """The bookmark that the look began at; None where there was none."""
    ended: str | None = None
    """The bookmark to put in its place; None takes it away."""


class Watching:
    """The part of `Control` that the watcher writes."""

    def _change(self) -> AbstractContextManager[Connection]:
        raise NotImplementedError

    def _look(self) -> AbstractContextManager[Connection]:
        raise NotImplementedError

    def _records(self, rows: Any, noun: type[Noun]) -> list[Noun]:
        raise NotImplementedError

    def watches(self) -> list[Watch]:
        """What is known of each route that was ever watched."""
        return self._records(select(schema.watches.c.record).order_by(schema.watches.c.route_id), Watch)

    def notices(self, after: int = 0, limit: int | None = None) -> list[Notice]:
        """Those with a greater number, oldest first."""
        table = schema.notices
        return self._records(select(table.c.record).where(table.c.number > after).order_by(table.c.number).limit(limit), Notice)

    def last_notice(self) -> int:
        """The number of the newest notice; 0 where there is none."""
        with self._look() as connection:
            return int(connection.execute(select(func.max(schema.notices.c.number))).scalar_one_or_none() or 0)

    def bookmark(self, name: str) -> str | None:
        """Where somebody who reads piece by piece goes on."""
        with self._look() as connection:
            return _mark(connection, name)

    def mark(self, name: str, mark: str | None) -> None:
        """Put a bookmark; None takes it away."""
        with self._change() as connection:
            _put_mark(connection, name, mark)

    def tell(self, notices: Sequence[Notice]) -> None:
        """Add notices by themselves; their numbers are given here."""
        with self._change() as connection:
            _tell(connection, notices)

    def put_look(self, name: str, look: Look) -> bool:
        """Write a look as a whole. False, and nothing is written, where the bookmark `name` or a route is not as the look found it."""
        with self._change() as connection:
            if _mark(connection, name) != look.began:
                return False
            if not take(connection, look.steps):
                return False
            for watch in look.watches:
                connection.execute(delete(schema.watches).where(schema.watches.c.route_id == watch.route_id))
                connection.execute(insert(schema.watches), {"route_id": watch.route_id, "record": _json(watch)})
            _tell(connection, look.notices)
            if look.began != look.ended:
                _put_mark(connection, name, look.ended)
        return True


def _tell(connection: Connection, notices: Sequence[Notice]) -> None:
    table = schema.notices
    last = connection.execute(select(func.max(table.c.number))).scalar_one_or_none() or 0
    for number, notice in enumerate(notices, last + 1):
        record = _json(dataclasses.replace(notice, number=number))
        row = {"number": number, "at": notice.at.isoformat(), "kind": notice.kind, "record": record}
        connection.execute(insert(table), row)
    if notices:
        connection.execute(delete(table).where(table.c.number <= last + len(notices) - MOST_NOTICES))


def _mark(connection: Connection, name: str) -> str | None:
    table = schema.bookmarks
    return connection.execute(select(table.c.mark).where(table.c.name == name)).scalar_one_or_none()


def _put_mark(connection: Connection, name: str, mark: str | None) -> None:
    table = schema.bookmarks
    connection.execute(delete(table).where(table.c.name == name))
    if mark is not None:
        connection.execute(insert(table), {"name": name, "mark": mark})


def _json(record: Any) -> str:
    return msgspec.json.encode(record).decode()
