"""Numbers that several workers count and any of them can add up: each worker has a file of its own, mapped into its memory.

    home/metrics/RUN/PID-N.names      a line for each series: where its numbers begin, how many, its name; `flock`ed while its worker lives
    home/metrics/RUN/PID-N.numbers    the numbers, 64-bit floats

Counting is an addition in memory. A worker that dies leaves its file, so what it counted stays counted; the files of earlier runs are
removed when the next one begins. No lock is taken to count or to add up: an aligned 64-bit number is written whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import mmap
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from modicum.store.home import write

Row: TypeAlias = tuple[str, tuple[float, ...], int, bool]
"""(name, numbers, process, whether that lives) of one series of one worker."""
MOST_NUMBERS = 16_384
"""A worker's: 128 KiB."""
FOLDER = "metrics"
RUN = os.urandom(8).hex()
"""Made where this is imported first, before workers are forked: what tells the files of one run from those of another."""
_opened = itertools.count()


class Counts:
    """The numbers of one worker. `numbers[i] += 1` counts. Where no file can be made it counts for itself: that stops no gateway."""

    def __init__(self, home: Path) -> None:
        self._folder = home / FOLDER / RUN
        self._stem = self._folder / f"{os.getpid()}-{next(_opened)}"
        self._names = -1
        self._series: list[tuple[str, int, int]] = []
        self._used = 0
        try:
            self._map = self._shared()
        except OSError:
            self._map = mmap.mmap(-1, MOST_NUMBERS * 8)
        self.numbers = memoryview(self._map).cast("d")

    def _shared(self) -> mmap.mmap:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sweep(self._folder.parent)
        file = os.open(self._stem.with_suffix(".numbers"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # Written, not stretched: on a full disk a page that has no place yet would end the process.
            write(file, bytes(MOST_NUMBERS * 8))
            found = mmap.mmap(file, MOST_NUMBERS * 8)
        finally:
            os.close(file)
        self._names = os.open(self._stem.with_suffix(".names"), os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._names, fcntl.LOCK_SH)
        return found

    def add(self, name: str, width: int = 1) -> int | None:
        """Begin a series of `width` numbers; where they begin, None where there is no room left."""
        start = self._used
        if start + width > MOST_NUMBERS:
            return None
        self._used += width
        self._series.append((name, start, width))
        if self._names >= 0:
            with contextlib.suppress(OSError):
                os.write(self._names, f"{start}\t{width}\t{name}\n".encode())
        return start

    def read(self) -> Iterator[Row]:
        """Every series of every worker of this run."""
        for name, start, width in self._series:
            yield name, tuple(self.numbers[start : start + width]), os.getpid(), True
        yield from _of_run(self._folder, besides=self._stem.name)

    def close(self) -> None:
        """Count no more. The last worker to end takes the files with it."""
        self.numbers.release()
        self._map.close()
        if self._names >= 0:
            os.close(self._names)
            if not any(map(_held, self._folder.glob("*.names"))):
                shutil.rmtree(self._folder, ignore_errors=True)


def running(home: Path) -> Iterator[Row]:
    """Every series of every worker of the gateway that runs over a home now, for whoever is none of them; nothing where none runs."""
    for run in sorted((home / FOLDER).glob("*")):
        if any(map(_held, run.glob("*.names"))):
            yield from _of_run(run)


def _of_run(folder: Path, besides: str = "") -> Iterator[Row]:
    for path in sorted(folder.glob("*.names")):
        if path.stem == besides:
            continue
        with contextlib.suppress(OSError, ValueError):
            alive, pid = _held(path), int(path.stem.partition("-")[0])
            numbers = memoryview(path.with_suffix(".numbers").read_bytes()).cast("d")
            for line in path.read_text("utf-8").splitlines():
                first, size, name = line.split("\t", 2)
                yield name, tuple(numbers[int(first) : int(first) + int(size)]), pid, alive


def _sweep(folder: Path) -> None:
    """Remove what runs that have ended left."""
    for run in folder.iterdir():
        with contextlib.suppress(OSError):  # another worker is sweeping too
            if run.name != RUN and not any(map(_held, run.glob("*.names"))):
                shutil.rmtree(run, ignore_errors=True)


def _held(path: Path) -> bool:
    """A worker that lives holds this file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False
