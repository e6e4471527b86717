"""The watcher's heartbeat: a small file that its leader writes anew every few seconds, so that others know that somebody watches.

Gateways and `modicum route` read it; nothing else is told by it. Whatever else stands there is no beat.
"""

from __future__ import annotations

import contextlib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from modicum.errors import StoreError

LONGEST = 1024
"""Bytes; a beat has about a hundred."""
AHEAD = timedelta(minutes=1)
"""Clocks of two machines may differ by so much; a beat from further ahead is none."""


class _Beat(msgspec.Struct, frozen=True):
    at: datetime
    pid: int = 0
    run_id: str = ""


def path(home: Path) -> Path:
    """The file."""
    return home / "watch.json"


def write(home: Path, *, run_id: str = "", at: datetime | None = None) -> None:
    """Say that somebody watches now. A reader sees the beat before or this one; a power cut may lose it. Raises StoreError."""
    body = msgspec.json.encode(_Beat(at=at or datetime.now(UTC), pid=os.getpid(), run_id=run_id))
    target = path(home)
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            os.write(fd, body)
        finally:
            os.close(fd)
        os.replace(part, target)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise StoreError(f"cannot write {target}: {error.strerror}") from None


def read(home: Path) -> datetime | None:
    """When the last beat was; None where there is none, or what lies there is not one."""
    try:
        fd = os.open(path(home), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        body = os.read(fd, LONGEST + 1)
    except OSError:
        return None
    finally:
        os.close(fd)
    if len(body) > LONGEST:
        return None
    try:
        at = _decode(body).at
        return None if at.tzinfo is None else at.astimezone(UTC)
    except (msgspec.MsgspecError, ValueError, OverflowError):
        return None


def age(home: Path, now: datetime | None = None) -> timedelta | None:
    """How long ago the last beat was, by the clock; None where there is none. One from the future has no age, unless clocks explain it."""
    at, now = read(home), now or datetime.now(UTC)
    if at is None or at - now > AHEAD:
        return None
    return max(now - at, timedelta(0))


_decode = msgspec.json.Decoder(_Beat).decode
