"""Routes in control.db, and how one changes: a step found it as it was, and is written together with its line of the audit log.

What belongs together is one transaction: a route that comes on and the sibling that it replaces, all the steps that lie between. Whoever is
killed in the middle has changed nothing; whoever looked before somebody else changed the same route is told so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, delete, insert, select, update

from modicum.store import audit, schema
from modicum.types import Route

Noun = TypeVar("Noun")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A route before and after a change."""

    was: Route
    now: Route
    action: str
    """Of the audit line: `route.rolled_back`, `route.control`."""
    why: str
    actor: str = ""
    """Who does it; empty: whoever the route says changed it last."""


class Routes:
    """The part of `Control` that is about routes."""

    def _change(self) -> AbstractContextManager[Connection]:
        raise NotImplementedError

    def _records(self, rows: Any, noun: type[Noun]) -> list[Noun]:
        raise NotImplementedError

    def _one(self, rows: Any, noun: type[Noun], what: str, hint: str) -> Noun:
        raise NotImplementedError

    def routes(self, workload_id: str | None = None) -> list[Route]:
        """By their ids."""
        table = schema.routes
        rows = select(table.c.record).order_by(table.c.route_id)
        return self._records(rows if workload_id is None else rows.where(table.c.workload_id == workload_id), Route)

    def route(self, route_id: str) -> Route:
        """Raises NotFoundError."""
        rows = select(schema.routes.c.record).where(schema.routes.c.route_id == route_id)
        return self._one(rows, Route, f"route '{route_id}'", "`modicum route list` shows which there are")

    def put_route(self, route: Route, *, note: str = "") -> None:
        """Add a route, or put it as it is in the place of what it was; `changed_by` is the actor of the audit line."""
        with self._change() as connection:
            table = schema.routes
            before = connection.execute(select(table.c.state).where(table.c.route_id == route.route_id)).scalar_one_or_none()
            connection.execute(delete(table).where(table.c.route_id == route.route_id))
            row = {"route_id": route.route_id, "workload_id": route.workload_id, "state": route.state, "record": _json(route)}
            connection.execute(insert(table), row)
            audit.append(connection, route.changed_by, f"route.{route.state}", route.route_id, _detail(before or "new", route.state, note))

    def take(self, steps: Sequence[Step]) -> bool:
        """Take these steps, all or none. False, and nothing is written, where a route is not as its step found it."""
        with self._change() as connection:
            return take(connection, steps)

    def retire(self, artefact_digests: Collection[str], *, actor: str, note: str) -> list[Route]:
        """Take every route to one of these artefacts out for good."""
        with self._change() as connection:
            rows = connection.execute(select(schema.routes.c.record).order_by(schema.routes.c.route_id)).scalars().all()
            routes = [msgspec.json.decode(record, type=Route) for record in rows]
            at = datetime.now(UTC)
            steps = [
                Step(
                    was=route,
                    now=dataclasses.replace(route, state="retired", before=None, changed_at=at, changed_by=actor),
                    action="route.retired",
                    why=note,
                )
                for route in routes
                if route.artefact_digest in artefact_digests and route.state != "retired"
            ]
            take(connection, steps)
        return [step.now for step in steps]


def take(connection: Connection, steps: Sequence[Step]) -> bool:
    """The same within a transaction that writes more. Steps of one route follow each other."""
    table, now = schema.routes, dict[str, Route]()
    for step in steps:
        kept = now.get(step.was.route_id)
        if kept is None:
            record = connection.execute(select(table.c.record).where(table.c.route_id == step.was.route_id)).scalar_one_or_none()
            kept = None if record is None else msgspec.json.decode(record, type=Route)
        if kept != step.was:
            return False
        now[step.now.route_id] = step.now
    for step in steps:
        row = {"state": step.now.state, "record": _json(step.now)}
        connection.execute(update(table).where(table.c.route_id == step.now.route_id).values(row))
        detail = _detail(step.was.state, step.now.state, step.why) if step.was.state != step.now.state else step.why
        audit.append(connection, step.actor or step.now.changed_by, step.action, step.now.route_id, detail)
    return True


def _detail(was: str, now: str, why: str) -> str:
    return f"{was} -> {now}" + (f": {why}" if why else "")


def _json(record: Any) -> str:
    return msgspec.json.encode(record).decode()
