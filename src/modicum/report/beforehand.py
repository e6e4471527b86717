"""What a home held before a log was brought in for a report: a report is on all of it, and says so.

Reads the store. Says nothing where the log is all that there is, whether it was brought in now or earlier.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from modicum.report import words
from modicum.store.calls import Calls


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Calls that a home holds."""

    calls: int
    since: date
    """Of the first of them, UTC."""


def held(home: Path) -> Held | None:
    """What is there; None where nothing is, or no home. Makes none."""
    cells = Calls(home).hours() if (home / "calls").is_dir() else []
    if not cells:
        return None
    return Held(calls=sum(calls for *_, calls in cells), since=date.fromisoformat(min(day for _, day, *_ in cells)))


def mixed(before: Held | None, home: Path, met: int) -> str:
    """That calls are reported on which were there before the logs; empty where there are none. Names no folder: the page is passed on.

    `met`: how many calls of the logs were there before, each record counted, so that a log that tells of one twice may hide as many.
    """
    if before is None or before.calls <= met:
        return ""
    after = held(home)
    calls = words.count(after.calls if after is not None else before.calls, "call")
    return (
        f"This report is on all {calls} that are kept here: {before.calls:,} of them were there before this"
        f" (the first of {words.span(before.since, before.since)})."
    )


def alone(logs: Sequence[str]) -> str:
    """How to see these logs by themselves."""
    named = " ".join(shlex.quote(words.visible(log, 200)) for log in logs[:3]) + (" ..." if len(logs) > 3 else "")
    return f"On {'it' if len(logs) == 1 else 'them'} alone: modicum report {named} --home FOLDER, with a folder that is not there yet."
