"""The files of the ledger: which one is written to, how it is read on, replaced and thrown away. What its rows mean is no matter here.

Whoever changes anything holds the ledger's lock.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from modicum.errors import StoreError
from modicum.store.home import sync_folder
from modicum.store.home import write as write_all
from modicum.store.ledger_rows import ROW, begun, file, numbers

LITTLE_BYTES, MUCH_BYTES = ROW.size * 46, ROW.size * 8192
"""Read at once: mostly there is little, and room for much is dear."""
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC


class Log:
    """The file that is written to, and how far it was read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fd = self.number = self.at = 0
        self.dirty = False

    @property
    def is_open(self) -> bool:
        return bool(self._fd)

    def open_last(self) -> bool:
        """Open the last file that began whole; False where there is none."""
        for number in reversed(numbers(self._folder)):
            fd = os.open(file(self._folder, number), _FLAGS)
            if begun(fd):
                self._fd, self.number, self.at = fd, number, 0
                return True
            # A power cut took what it began with; the file before still has that.
            os.close(fd)
            os.unlink(file(self._folder, number))
        return False

    def follow(self) -> bool:
        """Go on with the next file; False where there is none."""
        number = self.number + 1
        if not file(self._folder, number).exists():
            return False
        fd = os.open(file(self._folder, number), _FLAGS)
        os.close(self._fd)
        self._fd, self.number, self.at = fd, number, 0
        return True

    def create(self, number: int, rows: Iterable[bytes]) -> None:
        """Go on with a new file that begins with these rows; it is there whole or not at all."""
        body = b"".join(rows)
        part = self._folder / f"{number:010d}.part"
        fd = os.open(part, _FLAGS | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            write_all(fd, body)
            os.replace(part, file(self._folder, number))
            sync_folder(self._folder)
        except OSError:
            os.close(fd)
            raise
        if self._fd:
            os.close(self._fd)
        self._fd, self.number, self.at, self.dirty = fd, number, len(body), True

    def has_grown(self) -> bool:
        """Others appended since. A question to the kernel, which a counter in shared memory could only repeat."""
        return os.lseek(self._fd, 0, os.SEEK_END) != self.at

    def unread(self, length: int) -> bytes:
        """The next rows. The lock is held, so what is not a whole row at the end never will be one, and is cut off."""
        body = os.pread(self._fd, length, self.at)
        whole = len(body) // ROW.size * ROW.size
        if body and not whole:
            os.ftruncate(self._fd, self.at)
        return body[:whole]

    def append(self, body: bytes) -> None:
        """Write whole rows behind all that was read. Raises OSError, StoreError; nothing of them stands there then."""
        if (wrote := os.write(self._fd, body)) != len(body):
            os.ftruncate(self._fd, self.at)
            raise StoreError(f"cannot write {self._folder}: {wrote} of {len(body)} bytes of rows")
        self.at += len(body)
        self.dirty = True

    def seal(self, body: bytes) -> None:
        """Write the row that ends the file. It is not passed, so that whoever cannot make the next file reads it again."""
        write_all(self._fd, body)

    def forget(self, before: float) -> None:
        """Throw away files that were last written before this time, but for the last two."""
        for number in numbers(self._folder)[:-2]:
            with contextlib.suppress(FileNotFoundError):
                if os.stat(file(self._folder, number)).st_mtime < before:
                    os.unlink(file(self._folder, number))

    def sync(self) -> None:
        """Bring what was appended to the disk. Any thread may."""
        if self.dirty:
            self.dirty = False
            with contextlib.suppress(OSError):
                fd = os.dup(self._fd)
                try:
                    os.fsync(fd)
                finally:
                    os.close(fd)

    def close(self) -> None:
        os.close(self._fd)
