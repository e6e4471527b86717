"""Feedback on recorded calls: one file of lines, only ever added to, and on the disk before whoever sent it is told so. Light.

Any number of processes may append: each holds the file's own `flock` for the moment. What a killed process left of a line is no line, and
the next one begins on its own. Erasing writes the file anew under the same lock; an appender that finds another file under the name goes to
that one. Feedback of a scope speaks only of calls of that scope, whatever ids it names.
"""

from __future__ import annotations

import dataclasses
import fcntl
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import msgspec

from modicum.errors import StoreError
from modicum.store.home import prepare, replace, sync_folder, write
from modicum.types import Feedback

FILE = "feedback.jsonl"
_decode = msgspec.json.Decoder(Feedback).decode


def add(home: Path, rows: Iterable[Feedback]) -> int:
    """Append feedback; how many. All of it is on the disk when this returns. Raises StoreError, and nothing of it stands there then."""
    lines = [msgspec.json.encode(row) + b"\n" for row in rows]
    if not lines:
        return 0
    path = prepare(home) / FILE
    try:
        with _held(path) as fd:
            before = os.fstat(fd).st_size
            torn = bool(before) and os.pread(fd, 1, before - 1) != b"\n"
            try:
                write(fd, (b"\n" if torn else b"") + b"".join(lines))
                os.fdatasync(fd)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(fd, before)
                raise
            if not before:
                sync_folder(path.parent)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}") from None
    return len(lines)


def read(home: Path, scope: str | None = None) -> list[Feedback]:
    """All feedback, or that of one scope, in the order in which it was last said. Lines that cannot be read are passed over."""
    found: dict[str, Feedback] = {}
    for row in _rows(home / FILE):
        if row is not None and (scope is None or row.scope == scope):
            found.pop(row.feedback_id, None)  # said again: it counts once, as the later word
            found[row.feedback_id] = row
    return list(found.values())


def version(home: Path) -> str:
    """Changes with every line."""
    try:
        found = os.stat(home / FILE)
    except FileNotFoundError:
        return ""
    return f"{found.st_ino}-{found.st_size}"


def forget(home: Path, calls: Collection[str], conversations: Collection[str] = ()) -> int:
    """Take out what speaks of these calls (by our id or the response's) or conversations; how many lines went."""
    named, talks = set(calls), set(conversations)
    return rewrite(home, lambda row: None if row.call in named or (row.conversation and row.conversation in talks) else row)


def expire(home: Path, before: datetime) -> int:
    """Take the texts out of feedback that came before this time, as the bodies of calls go; of how many lines."""
    return rewrite(
        home,
        lambda row: dataclasses.replace(row, correction=None, comment=None) if row.at < before and (row.correction or row.comment) else row,
    )


def rewrite(home: Path, change: Callable[[Feedback], Feedback | None]) -> int:
    """Put each row through `change`; rows that become None go, and so do lines that are none. How many changed."""
    path = home / FILE
    if not path.exists():
        return 0
    with _held(path):
        before = list(_rows(path))
        after = [None if row is None else change(row) for row in before]
        changed = sum(one != other for one, other in zip(before, after, strict=True))
        if changed or None in before:
            replace(path, b"".join(msgspec.json.encode(row) + b"\n" for row in after if row is not None))
    return changed


@contextmanager
def _held(path: Path) -> Iterator[int]:
    """The file, open to be appended to and locked; another one where it was replaced while we waited."""
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            if _is(fd, path):
                yield fd
                return
        finally:
            os.close(fd)


def _is(fd: int, path: Path) -> bool:
    try:
        return os.fstat(fd).st_ino == os.stat(path).st_ino
    except FileNotFoundError:
        return False


def _rows(path: Path) -> Iterator[Feedback | None]:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        for line in file:
            try:
                yield _decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError):
                yield None
