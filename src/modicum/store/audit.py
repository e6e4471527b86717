"""The audit log in control.db: the one place that writes its table, and every reading of it.

A line is written in the transaction of the change that it tells of. What a line is bound to, and why, says `chain`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, or_, select, update

from modicum.store import chain
from modicum.store.chain import Line
from modicum.store.schema import audit

_LAST = select(audit.c.number, audit.c.link).order_by(audit.c.number.desc()).limit(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One line of the audit log, as it is shown."""

    number: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: str
    erased: bool = False
    """Words of its subject or detail were erased."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """Which lines are asked for; the default: all."""

    since: datetime | None = None
    until: datetime | None = None
    actor: str | None = None
    action: str | None = None
    """`route` means `route.on` and its siblings too."""
    subjects: frozenset[str] | None = None
    below: int | None = None
    """Only lines with a smaller number."""


def append(connection: Connection, actor: str, action: str, subject: str, detail: str) -> None:
    """Write the next line, in a transaction that holds the file for writing since before it read from it."""
    number, before = head(connection)
    at = datetime.now(UTC).isoformat()
    line = chain.line(before, number=number + 1, at=at, actor=actor, action=action, subject=subject, detail=detail)
    connection.execute(insert(audit), row(line))


def head(connection: Connection) -> tuple[int, str]:
    """The number and the link of the last line; 0 and the genesis where there is none."""
    last = connection.execute(_LAST).one_or_none()
    return (last.number, last.link) if last is not None else (0, chain.GENESIS)


def row(line: Line) -> dict[str, Any]:
    """A line as the table has it."""
    return {name: getattr(line, name) for name in Line.__dataclass_fields__}


def lines(connection: Connection) -> Iterator[Line]:
    """Every line as it is kept, in the order of their numbers."""
    for found in connection.execute(select(audit).order_by(audit.c.number)):
        yield Line(**found._mapping)


def entries(connection: Connection, sought: Sought, limit: int | None = None) -> list[AuditEntry]:
    """The lines that are asked for, newest first."""
    query = select(audit).order_by(audit.c.number.desc()).limit(limit)
    if sought.since is not None:
        query = query.where(audit.c.at >= _stored(sought.since))
    if sought.until is not None:
        query = query.where(audit.c.at < _stored(sought.until))
    if sought.actor is not None:
        query = query.where(audit.c.actor == sought.actor)
    if sought.action is not None:
        query = query.where(or_(audit.c.action == sought.action, audit.c.action.startswith(f"{sought.action}.", autoescape=True)))
    if sought.subjects is not None:
        query = query.where(audit.c.subject.in_(sorted(sought.subjects)))
    if sought.below is not None:
        query = query.where(audit.c.number < sought.below)
    return [_entry(Line(**found._mapping)) for found in connection.execute(query)]


def texts(connection: Connection) -> Iterator[str]:
    """Subject and detail of every line that may hold words of calls."""
    for column in (audit.c.detail, audit.c.subject):
        yield from connection.execute(select(column).where(audit.c.action != chain.ERASED)).scalars()


def rewrite(connection: Connection, text: Callable[[str], str], actor: str) -> None:
    """Put subject and detail of every line through `text`, and say which ones that changed.

    The lines that say so hold numbers and digests alone, and stay: nobody's words are in them.
    """
    erased = []
    for line in list(lines(connection)):
        subject, detail = text(line.subject), text(line.detail)
        if line.action != chain.ERASED and (subject, detail) != (line.subject, line.detail):
            nonce = chain.new_nonce()
            anew = {"subject": subject, "detail": detail, "nonce": nonce}
            connection.execute(update(audit).where(audit.c.number == line.number).values(anew))
            erased.append((line.number, chain.commit(nonce, subject, detail)))
    for said in chain.names(erased):
        append(connection, actor, chain.ERASED, "", said)


def _entry(line: Line) -> AuditEntry:
    return AuditEntry(
        number=line.number,
        at=datetime.fromisoformat(line.at),
        actor=line.actor,
        action=line.action,
        subject=line.subject,
        detail=line.detail,
        erased=line.is_erased,
    )


def _stored(at: datetime) -> str:
    """As times stand in the table: in UTC, where their order as text is that of time, to the second.

    A time without parts of a second is written shorter, and `+` sorts before `.`: so is the bound.
    """
    return at.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat()
