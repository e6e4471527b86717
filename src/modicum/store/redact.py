"""Redact the bodies of calls that were stored whole, in every file under the home; ids, times and figures stay.

Everything sealed and open is brought into the table first, as for an erasure. Then what was learned loses the words that stood only in
what is taken out (`echoes`), and each partition of the table is rewritten in one commit. Killed at any moment it can be run again:
partitions that are done are recognised by their calls' view version, and no call is there twice or not at all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modicum.store import echoes, feedback, rows
from modicum.store.compact import absorb
from modicum.store.engine import connected, fetch
from modicum.store.erase import clean, silence
from modicum.store.home import changing, deleting, prepare, reading
from modicum.store.key import evidence_key
from modicum.store.marks import Marker
from modicum.store.scan import Wanted, scan
from modicum.store.table import Table, guarded
from modicum.view import Redactor
from modicum.view.keeping import Keep, kept, kept_feedback

Progress = Callable[[int], None]
"""Calls looked at so far."""
_EACH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Redacted:
    """What was, or would be, taken out. Values are told nowhere."""

    calls: int
    """Calls that were not stored under this view."""
    values: dict[str, int] = field(default_factory=dict)
    """Different values of each type, counted call by call."""
    models: int = 0
    """Deleted because they knew a word that stood only in what was taken out."""
    routes: tuple[str, ...] = ()
    """Switched off with them."""


def preview(home: Path, redactor: Redactor, progress: Progress = lambda calls: None) -> Redacted:
    """What `redact` would do. Changes nothing."""
    calls = 0
    values: Counter[str] = Counter()
    for number, call in enumerate(scan(prepare(home), Wanted())):
        if number % _EACH == 0:
            progress(number)
        if call.request is not None or call.response is not None:
            seen, names = redactor.see_call(call)
            calls += seen is not call
            values.update(names.counts())
    return Redacted(calls=calls, values=dict(values))


def redact(
    home: Path, redactor: Redactor, *, how: Keep = "redacted", actor: str = "modicum", progress: Progress = lambda calls: None
) -> Redacted:
    """Redact every call that is not stored under this view, or drop its bodies where `how` is "none".

    Raises StoreBusyError where another process keeps the store.
    """
    from modicum.store.control import Control  # slow to load

    home = prepare(home)
    control, key = Control(home), evidence_key(home)
    with changing(home):
        absorb(home, all_of_it=True)
        found, echo = _look(home, control.texts(), redactor, how, key, progress)
        with deleting(home):
            models, routes = silence(home, control, echo, actor)
        table = Table(home)
        for scope, day in sorted({(file.scope, file.day) for file in table.files()}):
            paths = [file.path for file in table.files() if (file.scope, file.day) == (scope, day)]
            if _is_due(home, paths, redactor.version, how):
                with guarded(home):
                    table.replace(scope, day, _rows(home, paths, redactor, how, key))
        with deleting(home):
            with guarded(home):
                table.sweep()
            clean(home)
            feedback.rewrite(home, lambda row: kept_feedback(row, how, redactor, lambda name: redactor.alias(name, key)))
            if found.calls:
                control.log(actor, "store.redact", redactor.version, f"{found.calls} calls, {len(models)} models")
            control.overwrite_deleted()
    return Redacted(calls=found.calls, values=found.values, models=len(models), routes=tuple(routes))


def _look(home: Path, records: Iterator[str], redactor: Redactor, how: Keep, key: bytes, progress: Progress) -> tuple[Redacted, set[str]]:
    """What there is to take out, and the words of it that something learned holds and that nothing says which stays."""
    held = echoes.held(home, records)
    suspects: set[str] = set()
    calls = 0
    values: Counter[str] = Counter()
    for number, call in enumerate(scan(home, Wanted())):
        if number % _EACH == 0:
            progress(number)
        seen, names = redactor.see_call(call)
        if seen is not call and (call.request is not None or call.response is not None):
            calls += 1
            values.update(names.counts())
            for value in names.values():
                suspects |= echoes.words(value.casefold()) & held.keys()
    if suspects:
        for call in scan(home, Wanted()):
            suspects -= echoes.said(kept(call, how, redactor, key))
            if not suspects:
                break
    return Redacted(calls=calls, values=dict(values)), {spelled for suspect in suspects for spelled in held[suspect]}


def _is_due(home: Path, paths: list[str], version: str, how: Keep) -> bool:
    """Does a partition hold bodies that were not stored in this way?"""
    bodies = "(request IS NOT NULL OR response IS NOT NULL)"
    where = bodies if how == "none" else f"{bodies} AND view_version IS DISTINCT FROM ?"
    with reading(home), connected(home) as connection:
        query = f"SELECT 1 FROM ({rows.SOURCE}) WHERE {where} LIMIT 1"
        return connection.execute(query, [paths] if how == "none" else [paths, version]).fetchone() is not None


def _rows(home: Path, paths: list[str], redactor: Redactor, how: Keep, key: bytes) -> Iterator[tuple[Any, ...]]:
    """A partition's calls as they are to be stored."""
    columns, marker = ", ".join(rows.SELECTED), Marker(key)
    with reading(home), connected(home) as connection:
        connection.execute(f"SELECT {columns}, seen, stored_us FROM ({rows.SOURCE}) ORDER BY started_us, call_id", [paths])
        for values in fetch(connection):
            call = kept(rows.call(values[:-2]), how, redactor, key)
            yield rows.row(call, values[-1], values[-2], marks=marker.of(call))
