"""What people said of calls, as they said it: one line a keypress, added to the end of a file and on the disk before the next one.

Nothing is changed or taken away afterwards but by an erasure: to undo is one more line. The fields' names and codes are shorter than the
words that an erasure takes out of files (`store.echoes`), so that what is left of a line can still be read.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from modicum.errors import StoreError
from modicum.evaluate.labels import Choice, Label
from modicum.store.echoes import ERASED
from modicum.store.home import reading, write

Deed = Literal["a", "b", "ab", "no", "is", "sk", "un", "end", "aud"]
"""a, b: this answer alone is right (of texts: better). ab, no: both, neither. is: the right answer is `to`. sk: passed over. un: the
person's last word on this call is taken back. end: no more labels will come. aud: `to` says how many a judge is measured on."""
VERDICTS: dict[str, Choice] = {"a": "a", "b": "b", "ab": "both", "no": "neither"}
DEEDS: dict[Choice, Deed] = {"a": "a", "b": "b", "both": "ab", "neither": "no"}
LONGEST_NAME = 80
LONGEST_GOLD = 20_000


class Mark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line: who did what to which call, and when."""

    att: str
    """The attempt whose window holds the call; it also fixes which answer is `a`."""
    by: str
    at: datetime
    do: Deed
    id: str = ""
    """Of the call, as the request file names it. Empty where the line speaks of the whole attempt."""
    to: str = ""

    @property
    def label(self) -> Label | None:
        """What it says of the call; None where it says nothing, or an erasure took the words away."""
        if self.do == "is":
            return Label(gold=self.to) if ERASED not in self.to else None
        return Label(verdict=VERDICTS[self.do]) if self.do in VERDICTS else None


class Book:
    """The marks of one workload. Several people, in several processes, may write at once."""

    def __init__(self, home: Path, workload_id: str) -> None:
        self.home, self.path = home, home / "requests" / "labels" / f"{workload_id}.jsonl"
        self._seen: tuple[int, int, int] | None = None
        self._marks: list[Mark] = []

    def add(self, marks: Sequence[Mark]) -> None:
        """Write these down, for good. Raises StoreError."""
        body = b"".join(msgspec.json.encode(mark) + b"\n" for mark in marks)
        try:
            with reading(self.home):  # an erasure rewrites the file
                self.path.parent.mkdir(mode=0o700, exist_ok=True)
                fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
                try:
                    size = os.fstat(fd).st_size
                    torn = size and os.pread(fd, 1, size - 1) != b"\n"  # a writer that was killed within a line
                    write(fd, b"\n" + body if torn else body)
                    os.fsync(fd)
                finally:
                    os.close(fd)
        except OSError as error:
            raise StoreError(f"cannot write {self.path}: {error.strerror}") from None

    def marks(self) -> list[Mark]:
        """All of them, in order. A line that was not written to its end is none."""
        try:
            told = self.path.stat()
        except FileNotFoundError:
            return []
        seen = (told.st_ino, told.st_size, told.st_mtime_ns)
        if seen != self._seen:
            self._marks = []
            for line in self.path.read_bytes().splitlines():
                with suppress(msgspec.DecodeError, UnicodeDecodeError):
                    self._marks.append(msgspec.json.decode(line, type=Mark))
            self._seen = seen
        return self._marks


def mark_of(label: Label, *, attempt_id: str, by: str, name: str) -> Mark:
    """The line that says this of a call."""
    now = datetime.now(UTC)
    if label.gold is not None:
        return Mark(att=attempt_id, by=by, at=now, do="is", id=name, to=label.gold)
    assert label.verdict is not None
    return Mark(att=attempt_id, by=by, at=now, do=DEEDS[label.verdict], id=name)
