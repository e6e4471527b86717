"""Control records: workloads, decisions, attempts, certificates, verdicts, routes, keys and the audit log, in one SQLite file.

Several processes may use it at once (write-ahead log). Every change is one transaction that writes its line of the audit
log too. Attempts, certificates, decisions and the audit log are only ever added to.
"""

from __future__ import annotations

import re
import sqlite3
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Engine, create_engine, delete, event, func, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from modicum.errors import NotFoundError, StoreBusyError, StoreError
from modicum.store import audit, schema
from modicum.store.audit import AuditEntry, Sought
from modicum.store.chain import Line
from modicum.store.home import prepare, replace
from modicum.store.routes import Routes
from modicum.store.watches import Watching
from modicum.types import Attempt, Certificate, Key, OperatorDecision, Verdict, Workload

Noun = TypeVar("Noun")
BUSY_S = 30


class Control(Routes, Watching):
    """Everything but the calls. Opening it makes the file and brings it up to date."""

    def __init__(self, home: Path) -> None:
        self.home = prepare(home)
        self._file = self.home / "control.db"
        try:
            self._file.touch(mode=0o600)
        except OSError as error:
            raise StoreError(f"cannot use {self._file}: {error.strerror}") from None
        self._engine = _engine(self._file)
        with self._change() as connection:
            schema.migrate(connection)

    # ------------------------------------------------------------------------------------------------ workloads

    def workloads(self, scope: str | None = None) -> list[Workload]:
        table = schema.workloads
        rows = select(table.c.record).order_by(table.c.scope, table.c.workload_id)
        return self._records(rows if scope is None else rows.where(table.c.scope == scope), Workload)

    def replace_workloads(self, workloads: Sequence[Workload], *, actor: str = "modicum") -> None:
        """Put these in the place of all workloads there are."""
        with self._change() as connection:
            connection.execute(delete(schema.workloads))
            rows = [{"workload_id": w.workload_id, "scope": w.scope, "record": _json(w)} for w in workloads]
            if rows:
                connection.execute(insert(schema.workloads), rows)
            _log(connection, actor, "workloads.replace", "", f"{len(rows)} workloads")

    def decisions(self) -> list[OperatorDecision]:
        """In the order in which they were made."""
        return self._records(select(schema.decisions.c.record).order_by(schema.decisions.c.number), OperatorDecision)

    def add_decision(self, decision: OperatorDecision) -> None:
        with self._change() as connection:
            row = {
                "decision_id": decision.decision_id,
                "scope": decision.scope,
                "workload_id": decision.workload_id,
                "record": _json(decision),
            }
            connection.execute(insert(schema.decisions), row)
            _log(connection, decision.actor, f"workload.{decision.kind}", decision.workload_id, decision.payload)

    # ---------------------------------------------------------------------------------- attempts and certificates

    def attempts(self, workload_id: str, call_ids: Iterable[str] = ()) -> list[Attempt]:
        """The attempts of a workload and all that opened any of these calls, first to last.

        A workload that was merged, split or found anew has another id, but a call that was opened once stays opened.
        """
        wanted = {uuid.UUID(call_id).bytes for call_id in call_ids}
        table = schema.attempts
        with self._look() as connection:
            rows = connection.execute(select(table.c.workload_id, table.c.record, table.c.opened)).all()
        found = [row.record for row in rows if row.workload_id == workload_id or _shares(row.opened, wanted)]
        attempts = [msgspec.json.decode(record, type=Attempt) for record in found]
        return sorted(attempts, key=lambda attempt: (attempt.created_at, attempt.number))

    def add_attempt(self, attempt: Attempt, opened: Iterable[str]) -> None:
        """Write down what is going to be tested and which calls that opens. Raises StoreError where another process took its number."""
        with self._change() as connection:
            row = {
                "attempt_id": attempt.attempt_id,
                "workload_id": attempt.workload_id,
                "number": attempt.number,
                "record": _json(attempt),
                "opened": b"".join(uuid.UUID(call_id).bytes for call_id in opened),
            }
            try:
                connection.execute(insert(schema.attempts), row)
            except IntegrityError:
                taken = f"attempt {attempt.number} of workload {attempt.workload_id} has been made already"
                raise StoreError(taken, hint="another `fit` is running; try again") from None
            window = f"{attempt.window_from:%Y-%m-%d %H:%M} to {attempt.window_to:%Y-%m-%d %H:%M}"
            detail = f"attempt {attempt.number}, {'+'.join(attempt.kinds)}, margin {attempt.margin}, window {window}"
            _log(connection, attempt.created_by, "attempt.add", attempt.workload_id, detail)

    def keep_window(self, attempt_id: str, record: bytes) -> None:
        """Keep what an attempt opened, as the night wants it back when labels come. JSON; holds no text of a request."""
        with self._change() as connection:
            connection.execute(delete(schema.windows).where(schema.windows.c.attempt_id == attempt_id))
            connection.execute(insert(schema.windows), {"attempt_id": attempt_id, "record": record.decode()})

    def window(self, attempt_id: str) -> bytes | None:
        """What `keep_window` kept."""
        with self._look() as connection:
            rows = select(schema.windows.c.record).where(schema.windows.c.attempt_id == attempt_id)
            record = connection.execute(rows).scalar_one_or_none()
        return None if record is None else record.encode()

    def look_with(self, attempt_id: str, labels: str) -> bool:
        """Say, before they are consulted, that an attempt is tested with these labels (a digest): once and for all.

        False where it was tested with others already; True also where the same test is only taken up again.
        """
        with self._change() as connection:
            rows = select(schema.looks.c.labels).where(schema.looks.c.attempt_id == attempt_id)
            before = connection.execute(rows).scalar_one_or_none()
            if before is None:
                connection.execute(insert(schema.looks), {"attempt_id": attempt_id, "labels": labels})
        return before in (None, labels)

    def looked_with(self, attempt_id: str) -> str | None:
        """The digest of the labels that an attempt was tested with, if it was."""
        with self._look() as connection:
            return connection.execute(select(schema.looks.c.labels).where(schema.looks.c.attempt_id == attempt_id)).scalar_one_or_none()

    def certificates(self, workload_id: str | None = None) -> list[Certificate]:
        """Oldest first."""
        table = schema.certificates
        rows = select(table.c.record).order_by(table.c.number)
        return self._records(rows if workload_id is None else rows.where(table.c.workload_id == workload_id), Certificate)

    def certificate(self, certificate_id: str) -> Certificate:
        """Raises NotFoundError."""
        rows = select(schema.certificates.c.record).where(schema.certificates.c.certificate_id == certificate_id)
        return self._one(rows, Certificate, f"certificate '{certificate_id}'", "`modicum certificate list` shows which there are")

    def add_certificate(self, certificate: Certificate, evidence: bytes, *, actor: str = "modicum") -> None:
        with self._change() as connection:
            row = {
                "certificate_id": certificate.certificate_id,
                "workload_id": certificate.workload_id,
                "record": _json(certificate),
                "evidence": evidence,
            }
            connection.execute(insert(schema.certificates), row)
            _log(connection, actor, "certificate.add", certificate.certificate_id, certificate.sentence)

    def evidence(self, certificate_id: str) -> bytes:
        """The evidence file of a certificate. Raises NotFoundError."""
        rows = select(schema.certificates.c.evidence).where(schema.certificates.c.certificate_id == certificate_id)
        with self._look() as connection:
            body = connection.execute(rows).scalar_one_or_none()
        if body is None:
            raise NotFoundError(f"no certificate '{certificate_id}'", hint="`modicum certificate list` shows which there are")
        return bytes(body)

    def verdict(self, fingerprint: str) -> Verdict | None:
        """What a fit of exactly this found, if there was one."""
        table = schema.verdicts
        found = self._records(
            select(table.c.record).where(table.c.fingerprint == fingerprint).order_by(table.c.number.desc()).limit(1), Verdict
        )
        return found[0] if found else None

    def add_verdict(self, fingerprint: str, verdict: Verdict, *, actor: str = "modicum") -> None:
        with self._change() as connection:
            row = {"fingerprint": fingerprint, "workload_id": verdict.workload_id, "record": _json(verdict)}
            connection.execute(insert(schema.verdicts), row)
            _log(connection, actor, f"verdict.{verdict.verdict}", verdict.workload_id, verdict.reason)

    def verdicts(self) -> list[Verdict]:
        """The latest of each workload that `fit` found. A trial of another model says nothing of what could be built."""
        table = schema.verdicts
        latest = select(func.max(table.c.number)).where(table.c.fingerprint.not_like("try-%")).group_by(table.c.workload_id)
        return self._records(select(table.c.record).where(table.c.number.in_(latest)).order_by(table.c.number), Verdict)

    # ------------------------------------------------------------------------------------------------------- keys

    def all_keys(self) -> list[Key]:
        """In the order in which they were made, revoked ones too."""
        return self._records(select(schema.keys.c.record).order_by(schema.keys.c.number), Key)

    def put_key(self, key: Key, *, actor: str, action: str) -> None:
        """Add a key or change it. The secret is in neither the record nor the audit line."""
        with self._change() as connection:
            changed = connection.execute(update(schema.keys).where(schema.keys.c.key_id == key.key_id).values(record=_json(key)))
            if not changed.rowcount:
                connection.execute(insert(schema.keys), {"key_id": key.key_id, "record": _json(key)})
            _log(connection, actor, f"key.{action}", key.key_id, f"{key.name}, {key.shown}…, scope {key.scope}")

    # -------------------------------------------------------------------------------------------------- audit log

    def log(self, actor: str, action: str, subject: str, detail: str = "") -> None:
        with self._change() as connection:
            _log(connection, actor, action, subject, detail)

    def audit(self) -> list[AuditEntry]:
        """Every line, oldest first."""
        return self.audited(Sought())[::-1]

    def audited(self, sought: Sought, limit: int | None = None) -> list[AuditEntry]:
        """The lines that are asked for, newest first."""
        with self._look() as connection:
            return audit.entries(connection, sought, limit)

    def audit_lines(self) -> list[Line]:
        """Every line as it is kept, with what binds it, oldest first."""
        with self._look() as connection:
            return list(audit.lines(connection))

    def audit_head(self) -> tuple[int, str]:
        """The number and the link of the last line."""
        with self._look() as connection:
            return audit.head(connection)

    # ---------------------------------------------------------------------------------------------------- erasure

    def purge(self, call_ids: Iterable[str]) -> int:
        """Take every line that names one of these calls (by our id or the response's) out of the files in `requests/`; how many went.

        What other models answered to them goes too. Evidence keeps its rows: they hold keyed hashes, no text and no id.
        """
        named = sorted(call_ids)
        with self._change() as connection:
            for start in range(0, len(named), 500):
                connection.execute(delete(schema.answers).where(schema.answers.c.call_id.in_(named[start : start + 500])))
        wanted = {call_id.encode() for call_id in named}
        return sum(_purge_lines(file, wanted) for file in sorted((self.home / "requests").rglob("*")) if file.is_file()) if wanted else 0

    def texts(self) -> Iterator[str]:
        """Every record and every line of the audit log, as text."""
        with self._look() as connection:
            for table in _WITH_RECORDS:
                yield from connection.execute(select(table.c.record)).scalars()
            yield from audit.texts(connection)

    def rewrite(self, record: Callable[[Any], Any], text: Callable[[str], str], *, actor: str = "modicum") -> None:
        """Put every record (as JSON values) and every free text through these functions; evidence is text here."""
        with self._change() as connection:
            for table in _WITH_RECORDS:
                (key,) = table.primary_key.columns
                for row, before in connection.execute(select(key, table.c.record)).all():
                    after = _json(record(msgspec.json.decode(before)))
                    if after != before:
                        connection.execute(update(table).where(key == row).values(record=after))
            audit.rewrite(connection, text, actor)
            table = schema.certificates
            for number, evidence in connection.execute(select(table.c.number, table.c.evidence)).all():
                before = evidence.decode("utf-8", "surrogateescape")
                if (after := text(before)) != before:
                    rewritten = after.encode("utf-8", "surrogateescape")
                    connection.execute(update(table).where(table.c.number == number).values(evidence=rewritten))

    def overwrite_deleted(self) -> None:
        """Leave no byte in the file of what was deleted or changed."""
        with _translated(self._file):
            raw = self._engine.raw_connection()
            try:
                for statement in ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
                    raw.cursor().execute(statement)
            finally:
                raw.close()

    # ------------------------------------------------------------------------------------------------- connections

    @contextmanager
    def _change(self) -> Iterator[Connection]:
        with _translated(self._file), self._engine.connect().execution_options(write=True) as connection, connection.begin():
            yield connection

    @contextmanager
    def _look(self) -> Iterator[Connection]:
        with _translated(self._file), self._engine.connect() as connection, connection.begin():
            yield connection

    def _records(self, rows: Any, noun: type[Noun]) -> list[Noun]:
        with self._look() as connection:
            return [msgspec.json.decode(record, type=noun) for record in connection.execute(rows).scalars()]

    def _one(self, rows: Any, noun: type[Noun], what: str, hint: str) -> Noun:
        found = self._records(rows, noun)
        if not found:
            raise NotFoundError(f"no {what}", hint=hint)
        return found[0]


def _engine(file: Path) -> Engine:
    engine = create_engine(f"sqlite:///{file}", poolclass=NullPool, connect_args={"timeout": BUSY_S})

    @event.listens_for(engine, "connect")
    def _connected(dbapi: Any, _: Any) -> None:
        # The driver's own transactions begin late and at the wrong statement: ours begin below.
        dbapi.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
            dbapi.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        # A transaction that reads first and writes later could find the file changed in between.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("write") else "BEGIN")

    return engine


@contextmanager
def _translated(file: Path) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        reason = str(getattr(error, "orig", None) or error)
        if "locked" in reason:
            raise StoreBusyError(f"another process keeps {file}", hint="wait for it to end, then try again") from None
        raise StoreError(f"cannot use {file}: {reason}") from None
    except msgspec.MsgspecError as error:
        raise StoreError(f"{file} holds a record that this version cannot read: {error}") from None


def _shares(opened: bytes, wanted: set[bytes]) -> bool:
    return any(opened[at : at + 16] in wanted for at in range(0, len(opened), 16)) if wanted else False


def _json(record: Any) -> str:
    return msgspec.json.encode(record).decode()


_log = audit.append
_WITH_RECORDS = [table for table in schema.metadata.sorted_tables if "record" in table.columns and table is not schema.keys]
"""What may hold words of calls, beside the audit log. Keys do not: what they say was said by an operator, and what they allow must not
change."""
_WORD = re.compile(rb'"((?:[^"\\]|\\.)*)"|([\w.:-]+)')
"""A JSON string, or what stands between spaces and punctuation."""


def _purge_lines(file: Path, wanted: set[bytes]) -> int:
    lines = file.read_bytes().splitlines(keepends=True)
    kept = [line for line in lines if not any((found[1] or found[2]) in wanted for found in _WORD.finditer(line))]
    if len(kept) < len(lines):
        replace(file, b"".join(kept))
    return len(lines) - len(kept)
