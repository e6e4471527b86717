"""Remove calls for good: afterwards no byte of what they said is left in any file under the home.

Everything sealed and open is brought into the table first (a live gateway's segment is sealed under it; the gateway goes on in a new one),
so there is one place to delete from. Then, in an order that a second run can finish after a kill: their identities are remembered as
erased, files that ask for labels and the feedback lose their lines, what was learned loses the words that only they said (`echoes`),
assignments lose their rows, the table's files that held them are rewritten, and every file and log entry that the newest version does not
need is deleted.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modicum.errors import InputError
from modicum.store import assignments, batches, echoes, feedback
from modicum.store.codec import to_us
from modicum.store.compact import absorb
from modicum.store.engine import connected, fetch
from modicum.store.home import changing, deleting, reading
from modicum.store.scan import Wanted, scan
from modicum.store.table import Table, guarded, quoted

if TYPE_CHECKING:
    from modicum.store.control import Control

_AT_ONCE = 2_000
"""Ids in one predicate."""


def matching(home: Path, *, call_id: str | None = None, user_id: str | None = None, before: datetime | None = None) -> int:
    """How many calls `erase` would remove."""
    _wanted(call_id, user_id, before)
    return sum(
        1
        for call in scan(home, Wanted(until=before, bodies=False))
        if (call_id is None or call_id in (call.call_id, call.response_id)) and (user_id is None or call.user_id == user_id)
    )


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure removed."""

    calls: int
    models: int = 0
    """Deleted because they knew a word that no remaining call says."""
    routes: tuple[str, ...] = ()
    """Switched off with them."""


def erase(
    home: Path, *, call_id: str | None = None, user_id: str | None = None, before: datetime | None = None, actor: str = "modicum"
) -> Erased:
    """Remove the calls that exactly one condition names: an id (ours or the response's), an end user, or a time they started before."""
    from modicum.store.control import Control  # slow to load, and all that reads calls loads this module

    condition, value = _wanted(call_id, user_id, before)
    control = Control(home)
    with changing(home):
        absorb(home, all_of_it=True)
        table = Table(home)
        partitions, named, talks = _find(home, table, condition, value)
        ids = {found for some in partitions.values() for found in some}
        where = Wanted(until=before) if before is not None else Wanted(call_ids=frozenset(ids))
        echo = echoes.echoes(home, control.texts(), where, lambda call: call.call_id in ids) if ids else set()
        with deleting(home):
            batches.remember_erased(home, ids)
            control.purge(named)
            feedback.forget(home, named, talks)
            models, routes = silence(home, control, echo, actor)
            assignments.remove(home, ids)
            with guarded(home):
                for (scope, day), some in partitions.items():
                    for named_by in [f"started_us < {to_us(before)}"] if before is not None else _parts(some):
                        table.delete(scope, day, named_by)
                table.sweep()
            clean(home)
            control.log(actor, "calls.erase", "", f"{len(ids)} calls, {len(models)} models")
            control.overwrite_deleted()
    return Erased(len(ids), len(models), tuple(routes))


def _find(home: Path, table: Table, condition: str, value: list[Any]) -> tuple[dict[tuple[str, str], list[str]], set[str], set[str]]:
    """Ids of the calls to erase, by scope and day; all the names that other files may know them by; their conversations."""
    partitions: dict[tuple[str, str], list[str]] = {}
    named: set[str] = set()
    talks: set[str] = set()
    if files := [file.path for file in table.files()]:
        with reading(home), connected(home) as connection:
            source = "read_parquet(?, hive_partitioning=true, hive_types_autocast=false)"
            connection.execute(f"SELECT call_id, response_id, conversation_id, scope, day FROM {source} WHERE {condition}", [files, *value])
            for found, response_id, conversation_id, scope, day in fetch(connection):
                talks |= set() if conversation_id is None else {conversation_id}
                partitions.setdefault((scope, day), []).append(found)
                named |= {found} if response_id is None else {found, response_id}
    return partitions, named, talks


def silence(home: Path, control: Control, echo: set[str], actor: str) -> tuple[set[str], list[str]]:
    """Remove the echoes from all that was learned: the models that went, and the routes that were retired with them."""
    if not echo:
        return set(), []
    models = echoes.remove_from_files(home, echo)
    control.rewrite(lambda record: echoes.redacted_record(record, echo), lambda text: echoes.redacted(text, echo), actor=actor)
    routes = control.retire(models, actor=actor, note="its model knew words of erased calls and was deleted")
    lacking = {one.artefact_digest for one in control.certificates() if not echoes.whole(msgspec.to_builtins(one.contract))}
    routes += control.retire(lacking - models, actor=actor, note="the form of its answers held words of erased calls")
    return models, [route.route_id for route in routes]


def _wanted(call_id: str | None, user_id: str | None, before: datetime | None) -> tuple[str, list[Any]]:
    if sum(condition is not None for condition in (call_id, user_id, before)) != 1:
        raise InputError("say which calls to erase: one of a call, a user, or a date")
    if call_id is not None:
        return "call_id = ? OR response_id = ?", [call_id, call_id]
    if user_id is not None:
        return "user_id = ?", [user_id]
    assert before is not None
    return "started_us < ?", [to_us(before)]


def _parts(ids: list[str]) -> Iterator[str]:
    """Conditions that name these calls."""
    for start in range(0, len(ids), _AT_ONCE):
        yield f"call_id IN ({', '.join(map(quoted, ids[start : start + _AT_ONCE]))})"


def clean(home: Path) -> None:
    """Empty `tmp` (nobody reads now) and remove what killed writers left half written."""
    for path in (home / "tmp").iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    for path in home.rglob(".*.part"):
        if time.time() - path.stat().st_mtime > 60:
            path.unlink(missing_ok=True)
