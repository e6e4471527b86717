"""Append calls to segments, one a writing process; seal them; list and read them. Light: the gateway imports this.

A segment is `ID.open` while its writer appends, `ID.seg` once it is sealed. **Anybody may seal an open segment**: the eraser
and the compactor must not wait for a gateway to roll. Both sides hold the file's own `flock` for the moment of the
change: the writer around each append, the sealer around its rename. Before it renames, the sealer makes the file a byte longer: a zero, at
which readers stop. A writer that finds its file locked, or longer than it left it, starts another segment and appends there; it never
waits, and no frame ever enters a file that has been sealed.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from modicum.errors import StoreBusyError, StoreError
from modicum.store import codec
from modicum.store.home import prepare, write
from modicum.types import Call, new_call_id

ROLL_BYTES = 64 * 1024 * 1024
ROLL_S = 600.0
SHORT_WAIT_S = 0.01
"""Nobody who appends waits longer to seal what is full."""
STATES = ("open", "seg", "zst")
_TAKE = fcntl.LOCK_EX | fcntl.LOCK_NB
_forks = 0
"""How often this process, and those that it comes from, were forked."""


def _forked() -> None:
    global _forks
    _forks += 1


os.register_at_fork(after_in_child=_forked)


class SegmentWriter:
    """The one writer of its segments. Safe to use from several threads; a forked child starts segments of its own.

    `durability="process"`: a call is in the kernel's hands when `append` returns, so kill -9 cannot lose it; call `sync` once a
    second to bound what a power cut may take. `"strict"`: `append` returns when the disk has it.
    """

    def __init__(
        self, home: Path, *, durability: Literal["process", "strict"] = "process", roll_bytes: int = ROLL_BYTES, roll_s: float = ROLL_S
    ) -> None:
        self._folder = prepare(home) / "segments"
        self._strict = durability == "strict"
        self._roll_bytes, self._roll_s = roll_bytes, roll_s
        self._lock = threading.Lock()
        self._fd = -1
        self._path = ""
        self._inode = self._size = 0
        self._forks = _forks
        self._started = 0.0
        self._dirty = False

    def append(self, call: Call) -> None:
        """Record a call. Raises StoreError where the disk does not take it; what was recorded before stays whole."""
        self.append_frame(codec.encode(call))

    def append_frame(self, frame: bytes) -> None:
        with self._lock:
            try:
                self._append(frame)
            except OSError as error:
                raise StoreError(f"cannot record a call in {self._folder}: {error.strerror}") from None

    def _append(self, frame: bytes) -> None:
        if self._forks != _forks:
            self._forget()
        if self._fd >= 0 and (self._size >= self._roll_bytes or time.monotonic() - self._started >= self._roll_s):
            with suppress(OSError, StoreBusyError):  # it stays open then, and whoever compacts seals it
                self._roll(wait_s=SHORT_WAIT_S)
        while not self._hold():
            pass
        try:
            wrote = os.write(self._fd, frame)
            if wrote < len(frame):
                write(self._fd, frame[wrote:])
            self._size += len(frame)
            self._dirty = True
            if self._strict:
                os.fdatasync(self._fd)
                self._dirty = False
        except OSError:
            # A torn frame would hide what is appended after it: it goes, or nothing is appended after it.
            try:
                os.ftruncate(self._fd, self._size)
            except OSError:
                os.close(self._fd)
                self._fd = -1
            raise
        finally:
            if self._fd >= 0:
                fcntl.flock(self._fd, fcntl.LOCK_UN)

    def _hold(self) -> bool:
        """Lock the current segment for one append; False where it was sealed under us and another must be tried."""
        if self._fd < 0:
            self._path = os.path.join(self._folder, f"{new_call_id()}.open")
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self._inode = os.fstat(self._fd).st_ino
            self._size, self._started, self._forks = 0, time.monotonic(), _forks
        try:
            fcntl.flock(self._fd, _TAKE)
            if os.lseek(self._fd, 0, os.SEEK_END) == self._size:
                return True
        except BlockingIOError:
            pass
        self._leave()
        return False

    def _forget(self) -> None:
        """What is open here is the parent's."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._dirty, self._forks = -1, False, _forks

    def _leave(self) -> None:
        try:
            if self._dirty:
                os.fdatasync(self._fd)
        finally:
            os.close(self._fd)
            self._fd, self._dirty = -1, False

    def _roll(self, *, wait_s: float = 5.0) -> None:
        path = Path(self._path)
        self._leave()
        seal(path, wait_s=wait_s)

    def sync(self) -> None:
        """Bring what was appended to the disk, and seal a segment that is old enough. Call it about once a second."""
        with self._lock:
            if self._fd < 0 or self._forks != _forks:
                return
            # The disk may take its time: it is waited for on a second descriptor, so that nobody waits to append.
            waiting = os.dup(self._fd) if self._dirty else -1
            self._dirty = False
        try:
            if waiting >= 0:
                os.fdatasync(waiting)
        except OSError as error:
            raise StoreError(f"cannot write {self._path}: {error.strerror}") from None
        finally:
            if waiting >= 0:
                os.close(waiting)
        with self._lock:
            if self._fd < 0 or self._forks != _forks:
                return
            try:
                if time.monotonic() - self._started >= self._roll_s:
                    self._roll()
                elif not self._named():
                    self._leave()
            except OSError as error:
                raise StoreError(f"cannot write {self._path}: {error.strerror}") from None

    def _named(self) -> bool:
        """Is the file still found under its name? Whoever takes it away without sealing it (a backup that is put back) is noticed here."""
        try:
            return os.stat(self._path).st_ino == self._inode
        except FileNotFoundError:
            return False

    def close(self) -> None:
        """Seal the current segment. The writer may be used again. Raises StoreError: what was written is there all the same."""
        with self._lock:
            if self._fd >= 0 and self._forks == _forks:
                try:
                    self._roll()
                except OSError as error:
                    raise StoreError(f"cannot seal {self._path}: {error.strerror}") from None


def seal(path: Path, *, wait_s: float = 5.0) -> None:
    """Close a segment for good, whoever writes it; an empty one goes. Nothing happens where somebody else sealed it first."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        until = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(fd, _TAKE)
                break
            except BlockingIOError:
                if time.monotonic() >= until:
                    raise StoreBusyError(f"another process keeps {path}", hint="is its writer stopped?") from None
                time.sleep(0.001)
        found = os.fstat(fd)
        try:
            if os.stat(path).st_ino != found.st_ino:
                return
        except FileNotFoundError:
            return
        os.ftruncate(fd, found.st_size + 1)
        if found.st_size:
            os.rename(path, path.with_suffix(".seg"))
        else:
            os.unlink(path)
    finally:
        os.close(fd)


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment as it was found."""

    segment_id: str
    path: Path
    state: str
    size_bytes: int


def segments(home: Path) -> list[Segment]:
    """Every open and sealed segment, oldest first."""
    found = []
    try:
        names = os.listdir(home / "segments")
    except FileNotFoundError:
        return []
    for name in sorted(names):
        segment_id, _, state = name.partition(".")
        if state in STATES:
            path = home / "segments" / name
            try:
                found.append(Segment(segment_id, path, state, path.stat().st_size))
            except FileNotFoundError:
                continue
    return found


@dataclass(frozen=True, slots=True)
class Opened:
    """A segment that stays readable, up to the size it had, whatever becomes of its name."""

    segment_id: str
    file: BinaryIO
    size: int | None
    """Bytes to read; None for a compressed one, which is never appended to."""

    def calls(self, *, bodies: bool = True) -> Iterator[tuple[int, Call]]:
        """Each call with the offset of its frame in the uncompressed segment."""
        for offset, stored in self.records(bodies=bodies):
            yield offset, stored.call()

    def records(self, *, bodies: bool = True) -> Iterator[tuple[int, codec.Record]]:
        """The same, as they are stored."""
        self.file.seek(0)
        if self.size is not None:
            yield from codec.records(self.file, self.size, bodies=bodies)
            return
        import zstandard

        reader = zstandard.ZstdDecompressor().stream_reader(self.file, read_across_frames=True, closefd=False)
        try:
            yield from codec.records(reader, bodies=bodies)
        except zstandard.ZstdError:
            return


def open_all(home: Path, only: Collection[str] | None = None) -> list[Opened]:
    """Open every segment there is (or those of these ids), each once, oldest first.

    Names change under us: a segment that was sealed between listing and opening is found under its new name, one that is
    gone has entered the table.
    """
    opened = []
    for segment in segments(home):
        if only is not None and segment.segment_id not in only:
            continue
        for state in (segment.state, *STATES):
            try:
                file = (home / "segments" / f"{segment.segment_id}.{state}").open("rb")
            except FileNotFoundError:
                continue
            opened.append(Opened(segment.segment_id, file, None if state == "zst" else os.fstat(file.fileno()).st_size))
            break
    return opened
