"""Which segments have entered the table, read from its log alone: light, for whoever reads segments and must not miss one.

A commit of the table's log is a file of JSON lines with a number for a name; each segment that came in with it stands there as an
application transaction (`store.table`). Commits are deleted once a checkpoint has what they say, so a number may be missing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

_TRANSACTION = b'"txn"'


class _Transaction(msgspec.Struct):
    appId: str  # the table's own name


class _Action(msgspec.Struct):
    txn: _Transaction | None = None


_decode = msgspec.json.Decoder(_Action).decode


@dataclass(frozen=True, slots=True)
class Entered:
    """What entered after a commit."""

    commit: int
    """The newest commit; -1 while there is no table."""
    segment_ids: frozenset[str] = frozenset()
    gap: bool = False
    """A commit between is gone: what came in with it is not known."""


def entered(home: Path, after: int) -> Entered:
    """The segments that entered with commits whose number is greater than `after`."""
    numbers = _commits(home)
    newest = max(numbers, default=-1)
    if newest <= after:
        return Entered(max(newest, after))
    found: set[str] = set()
    gap = False
    for number in range(after + 1, newest + 1):
        try:
            lines = _file(home, number).read_bytes().splitlines() if number in numbers else None
        except FileNotFoundError:
            lines = None
        if lines is None:
            gap = True
            continue
        for line in lines:
            if _TRANSACTION in line:
                try:
                    action = _decode(line)
                except (msgspec.MsgspecError, UnicodeDecodeError):
                    gap = True  # whatever it is, it may have brought something in
                    continue
                if action.txn is not None:
                    found.add(action.txn.appId)
    return Entered(newest, frozenset(found), gap)


def last_before(home: Path, moment: datetime) -> int:
    """The newest commit that was made before this moment: what came in until then was recorded before it. -1: none."""
    last = -1
    for number in sorted(_commits(home)):
        try:
            made = _file(home, number).stat().st_mtime
        except FileNotFoundError:
            continue
        if made >= moment.timestamp():
            break
        last = number
    return last


def _commits(home: Path) -> frozenset[int]:
    try:
        names = os.listdir(_file(home, 0).parent)
    except FileNotFoundError:
        return frozenset()
    return frozenset(int(name[:-5]) for name in names if name.endswith(".json") and name[:-5].isdigit())


def _file(home: Path, number: int) -> Path:
    return home / "calls" / "_delta_log" / f"{number:020d}.json"
