"""Which processes live: each holds the lock of a file of its own, so that it vanishes with it, however it ends.

A process id would not do: they are reused, and in containers they are always the same.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path


class Alive:
    """This process's number among those that use a folder. Raises OSError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            self.number = int.from_bytes(os.urandom(4))
            with contextlib.suppress(FileExistsError):
                self._fd = os.open(folder / str(self.number), os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                fcntl.flock(self._fd, fcntl.LOCK_EX)
                return

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
