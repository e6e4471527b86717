"""The tables of the control records, and the ordered list of steps that brings an older file up to them.

Each record is kept whole, as the JSON of its noun; beside it stand only the columns that are searched. A new step is appended to
`MIGRATIONS`; a step that has been released is never edited.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Column, Connection, Integer, LargeBinary, MetaData, String, Table, Text, UniqueConstraint, insert, inspect, text

from modicum.store import chain

metadata = MetaData()

workloads = Table(
    "workloads",
    metadata,
    Column("workload_id", String, primary_key=True),
    Column("scope", String, nullable=False, index=True),
    Column("record", Text, nullable=False),
)
decisions = Table(
    "decisions",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("decision_id", String, nullable=False, unique=True),
    Column("scope", String, nullable=False),
    Column("workload_id", String, nullable=False, index=True),
    Column("record", Text, nullable=False),
)
attempts = Table(
    "attempts",
    metadata,
    Column("attempt_id", String, primary_key=True),
    Column("workload_id", String, nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("record", Text, nullable=False),
    Column("opened", LargeBinary, nullable=False),
    UniqueConstraint("workload_id", "number"),
)
windows = Table(
    "windows",
    metadata,
    Column("attempt_id", String, primary_key=True),
    Column("record", Text, nullable=False),
)
looks = Table(
    "looks",
    metadata,
    Column("attempt_id", String, primary_key=True),
    Column("labels", String, nullable=False),
)
certificates = Table(
    "certificates",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("certificate_id", String, nullable=False, unique=True),
    Column("workload_id", String, nullable=False, index=True),
    Column("record", Text, nullable=False),
    Column("evidence", LargeBinary, nullable=False),
)
verdicts = Table(
    "verdicts",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("fingerprint", String, nullable=False, index=True),
    Column("workload_id", String, nullable=False, index=True),
    Column("record", Text, nullable=False),
)
routes = Table(
    "routes",
    metadata,
    Column("route_id", String, primary_key=True),
    Column("workload_id", String, nullable=False, index=True),
    Column("state", String, nullable=False),
    Column("record", Text, nullable=False),
)
keys = Table(
    "keys",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("key_id", String, nullable=False, unique=True),
    Column("record", Text, nullable=False),
)
audit = Table(
    "audit",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("at", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("action", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("detail", Text, nullable=False),
    Column("nonce", String, nullable=False),
    Column("commitment", String, nullable=False),
    Column("link", String, nullable=False),
)

totals = Table(
    "totals",
    metadata,
    Column("identity", String, primary_key=True),
    Column("scope", String, nullable=False),
    Column("source", String, nullable=False),
    Column("provider", String, nullable=False),
    Column("day", String, nullable=False, index=True),
    Column("shape", String, nullable=False),
    Column("figures", Text, nullable=False),
)

answers = Table(
    "answers",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("candidate", String, nullable=False),
    Column("call_id", String, nullable=False, index=True),
    Column("at", String, nullable=False),
    Column("record", Text, nullable=False),
    UniqueConstraint("candidate", "call_id"),
)


watches = Table(
    "watches",
    metadata,
    Column("route_id", String, primary_key=True),
    Column("record", Text, nullable=False),
)
notices = Table(
    "notices",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("at", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("record", Text, nullable=False),
)
bookmarks = Table(
    "bookmarks",
    metadata,
    Column("name", String, primary_key=True),
    Column("mark", Text, nullable=False),
)


def _first_tables(connection: Connection) -> None:
    metadata.create_all(connection)


def _keys(connection: Connection) -> None:
    keys.create(connection, checkfirst=True)


def _totals(connection: Connection) -> None:
    totals.create(connection, checkfirst=True)


def _answers(connection: Connection) -> None:
    answers.create(connection, checkfirst=True)


def _watching(connection: Connection) -> None:
    for table in (watches, notices, bookmarks):
        table.create(connection, checkfirst=True)
    # What a person had switched off may be switched on again: paused is what that is called now.
    connection.execute(text("UPDATE routes SET state = 'paused', record = json_set(record, '$.state', 'paused') WHERE state = 'off'"))


def _chain(connection: Connection) -> None:
    if "link" in {column["name"] for column in inspect(connection).get_columns("audit")}:
        return  # made with it
    # A new table, and no new columns of the old one: a program that knows of no chain must not write a line that breaks it.
    connection.execute(text("ALTER TABLE audit RENAME TO audit_unchained"))
    audit.create(connection)
    number, link = 0, chain.GENESIS
    for older in connection.execute(text("SELECT number, at, actor, action, subject, detail FROM audit_unchained ORDER BY number")).all():
        line = chain.line(link, **older._mapping)
        number, link = line.number, line.link
        connection.execute(insert(audit), {name: getattr(line, name) for name in line.__dataclass_fields__})
    connection.execute(text("DROP TABLE audit_unchained"))
    if number:
        said = f"chained from here: the lines before this one were written without a chain, and are bound as they stood now ({number})"
        line = chain.line(
            link, number=number + 1, at=datetime.now(UTC).isoformat(), actor="modicum", action=chain.CHAINED, subject="", detail=said
        )
        connection.execute(insert(audit), {name: getattr(line, name) for name in line.__dataclass_fields__})


MIGRATIONS: list[Callable[[Connection], None]] = [_first_tables, _keys, _totals, _answers, _watching, _chain]


def migrate(connection: Connection) -> None:
    """Run the steps that this file has not seen, in one transaction of the caller's."""
    if not inspect(connection).has_table("migrations"):
        connection.execute(text("CREATE TABLE migrations (number INTEGER PRIMARY KEY, name VARCHAR NOT NULL)"))
    done = connection.execute(text("SELECT count(*) FROM migrations")).scalar_one()
    for number, step in enumerate(MIGRATIONS[done:], start=done + 1):
        step(connection)
        connection.execute(
            text("INSERT INTO migrations (number, name) VALUES (:number, :name)"), {"number": number, "name": step.__name__.strip("_")}
        )
