"""Which processes live: each holds the lock of a file of its own, so that it vanishes with it, however it ends.

A process id would not do: they are reused, and in containers they are always the same. In its file a process notes what others must
know of it when it can no longer tell them: a note outlives it, costs one `pwrite` and takes no lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable
from pathlib import Path

NOTES_BYTES = 4096


class Alive:
    """This process's number among those that use a folder. Raises OSError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            self.number = int.from_bytes(os.urandom(4))
            with contextlib.suppress(FileExistsError):
                self._fd = os.open(folder / str(self.number), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                break
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        os.pwrite(self._fd, bytes(NOTES_BYTES), 0)  # so that a full disk refuses no note later

    def note(self, body: bytes, at: int) -> bool:
        """Write a note; False where that cannot be, or there is no room left."""
        try:
            return at + len(body) <= NOTES_BYTES and os.pwrite(self._fd, body, at) == len(body)
        except OSError:
            return False

    def is_dead(self, number: int) -> bool:
        """Does the process with this number live no more?"""
        try:
            fd = os.open(self._folder / str(number), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            return False
        finally:
            os.close(fd)

    def forget(self, number: int) -> None:
        """Remove what a dead process left."""
        (self._folder / str(number)).unlink(missing_ok=True)

    def close(self) -> None:
        try:
            self.forget(self.number)
        finally:
            os.close(self._fd)


def notes(folder: Path, number: int) -> bytes:
    """What a process noted last, whether it lives or not; a note may be old, or half written. Empty where there is none."""
    try:
        fd = os.open(folder / str(number), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return b""
    try:
        return os.pread(fd, NOTES_BYTES, 0)
    finally:
        os.close(fd)


def members(folder: Path) -> Iterable[int]:
    """The numbers of all that have a file."""
    return [int(name) for name in os.listdir(folder) if name.isdigit()] if folder.is_dir() else []
