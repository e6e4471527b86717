"""The lock that a decision about money takes, and how long an event loop may stand still for it."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from modicum.errors import StoreError

WAIT_S = 0.05
"""How long the lock is waited for; the event loop stands still meanwhile."""
SHORT_WAIT_S = 0.002
PATIENCE_S = 10.0
"""How long it is waited for where nobody else waits: at the start."""
_NOW = fcntl.LOCK_EX | fcntl.LOCK_NB


class LedgerLock:
    """A file's lock (flock), which whoever dies lets go. Raises OSError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._impatient_until = 0.0

    def take(self, wait_s: float) -> None:
        """Raises StoreError where another process keeps it for longer."""
        try:
            fcntl.flock(self._fd, _NOW)
        except BlockingIOError:
            self._wait(wait_s)

    def leave(self) -> None:
        fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self._fd)

    def _wait(self, wait_s: float) -> None:
        now = time.monotonic()
        # After one that waited in vain the next ones wait for less: a stopped process must not stop the loop.
        until = now + (SHORT_WAIT_S if wait_s == WAIT_S and now < self._impatient_until else wait_s)
        while now < until:
            time.sleep(0.0001)
            try:
                fcntl.flock(self._fd, _NOW)
                return
            except BlockingIOError:
                now = time.monotonic()
        if wait_s == WAIT_S:
            self._impatient_until = now + 1.0
        raise StoreError(f"another process keeps {self._path}")
