"""One watcher to a home: whoever holds the lock looks, the others wait until it ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from modicum.errors import StoreError

FILE = "watch.lock"


class Leader:
    """The right to look, held until `close` or the end of the process."""

    def __init__(self, home: Path, file: str = FILE) -> None:
        self._path = home / file
        self._fd = -1

    def take(self) -> bool:
        """Take the lock; False where another process holds it. Raises StoreError."""
        if self._fd >= 0:
            return True
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"cannot use {self._path}: {error.strerror}") from None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            return False
        self._fd = fd
        return True

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
