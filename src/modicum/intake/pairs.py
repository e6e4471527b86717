"""What was asked, by the name of each request, until the file with the answers comes: the two halves of a batch.

Requests wait in a file without a name, found by a table in memory; a name that two requests have stands for neither.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from modicum.errors import LogFormatError

MOST = 2_000_000
"""Requests of one import: twenty batches of the largest size."""


class Pairs:
    """One import's. A context manager."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._file: BinaryIO | None = None
        self._places: dict[str, tuple[int, int] | None] = {}
        self._asked: set[str] = set()

    def __enter__(self) -> Pairs:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None) -> None:
        if self._file is not None:
            self._file.close()

    def put(self, name: str, body: bytes) -> None:
        """Keep what was asked under this name. Raises LogFormatError where there are too many."""
        if len(self._places) >= MOST:
            raise LogFormatError(f"over {MOST:,} requests wait for their answers", hint="bring the batches in one after another")
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115
        at = self._file.seek(0, os.SEEK_END)
        self._file.write(body)
        self._places[name] = None if name in self._places else (at, len(body))

    def take(self, name: str) -> bytes | None:
        """What was asked under this name; None where that is not known, or two were."""
        place = self._places.get(name)
        if place is None or self._file is None:
            return None
        self._asked.add(name)
        self._file.seek(place[0])
        return self._file.read(place[1])

    @property
    def unanswered(self) -> int:
        """Requests that no answer was found for."""
        return len(self._places) - len(self._asked)
