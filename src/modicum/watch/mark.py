"""How far the watcher has read: the bookmark that stands in control.db, and the first one."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from modicum.store.codec import to_us
from modicum.store.entered import last_before
from modicum.store.segments import segments


class Place(msgspec.Struct, array_like=True):
    """How far a segment was looked at."""

    start: int = 0
    """All that lies before it was handed out."""
    read: int = 0
    """What lies between was handed out where it began before the bookmark's moment."""


class Mark(msgspec.Struct):
    """The bookmark."""

    since_us: int
    """Nothing of the table that began before it is wanted."""
    until_us: int
    """What began up to here was handed out as far as it was there."""
    commit: int = -1
    """Of the table's log, looked at up to here."""
    places: dict[str, Place] = {}
    """By segment."""
    long: list[str] = []
    """Ids of calls that took long and were handed out, oldest first."""


def begin(home: Path, since: datetime) -> Mark:
    """The bookmark of whoever wants what began from this moment on, and whatever is written from now on, whichever time a clock gives it.

    Segments and commits that are older are never read.
    """
    places = {}
    for segment in segments(home):
        with suppress(FileNotFoundError):
            older = segment.path.stat().st_mtime < since.timestamp()
            places[segment.segment_id] = Place(segment.size_bytes if older else 0, segment.size_bytes)
    return Mark(since_us=to_us(since), until_us=to_us(since) - 1, commit=last_before(home, since), places=places)


def written(mark: Mark) -> str:
    """The bookmark as text."""
    return msgspec.json.encode(mark).decode()


def read(mark: str | None) -> Mark | None:
    """A bookmark, None where there is none or another version wrote it."""
    try:
        return None if mark is None else msgspec.json.decode(mark, type=Mark)
    except msgspec.MsgspecError:
        return None
