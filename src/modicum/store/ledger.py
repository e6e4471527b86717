"""What virtual keys spend: an append-only log that every worker on this machine shares exactly.

    home/ledger/
      0000000001.log ...   rows of 88 bytes; the last file is written to, those before are the record
      lock                 held (flock) for the some ten microseconds that a decision takes
      writers/ID           held by the process ID for as long as it lives

To decide, a process takes the lock, reads the rows that others appended since it last looked, adds them to its tallies (`store.tally`),
appends its own row with one write and lets go. Nothing is asked of a server and no figure is ever overwritten. A file is sealed at
16 MB or with the day, and the next one begins with what still counts, so that only the last has to be read at a start. A row that a
dying process left half written is cut off; what it held for calls in flight is taken as spent (`lost`), for nobody knows better.

Rows outlive a kill at any moment; a power cut may take the last second. Open it after a fork, not before.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from modicum.errors import StoreError
from modicum.store.alive import Alive
from modicum.store.home import sync_folder
from modicum.store.home import write as write_all
from modicum.store.ledger_rows import (
    CANCEL,
    CARRIED,
    CARRY,
    ESTIMATED,
    HEAD,
    LONGEST_KEY,
    LOST,
    RESERVE,
    ROW,
    SEAL,
    SETTLE,
    UNKNOWN,
    WINDOW,
    begun,
    call_bytes,
    file,
    numbers,
    row,
    sound,
)  # fmt: skip
from modicum.store.tally import DAY_US, SECOND_US, WINDOW_S, Account, Open, Tally
from modicum.types import Key

ROTATE_BYTES = 16 << 20
LITTLE_BYTES, MUCH_BYTES = ROW.size * 46, ROW.size * 8192
"""Read at once: mostly there is nothing, and room for much is dear."""
KEPT_DAYS = 70
"""So many days with spend are carried into the next file: two months, and what a clock that jumped made of them."""
WAIT_S = 0.05
"""How long the lock is waited for; the event loop stands still meanwhile."""
SHORT_WAIT_S = 0.002
PATIENCE_S = 10.0
"""How long it is waited for where nobody else waits: at the start."""
_NOW = fcntl.LOCK_EX | fcntl.LOCK_NB
_ENDS = frozenset((SETTLE, CANCEL, LOST))


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Microseconds of the wall clock, and of one that all processes of the machine share and nobody sets."""

    wall_us: Callable[[], int] = lambda: time.time_ns() // 1000
    steady_us: Callable[[], int] = lambda: time.monotonic_ns() // 1000


class Ledger:
    """One process's hold of the ledger. Not for several threads at once."""

    def __init__(self, home: Path, *, keep_days: int = 90, rotate_bytes: int = ROTATE_BYTES, clock: Clock | None = None) -> None:
        """Read the last file and settle what dead writers left. Raises StoreError."""
        self._folder = home / "ledger"
        self._keep_days, self._rotate_bytes, self._clock = keep_days, rotate_bytes, clock or Clock()
        self._tally = Tally()
        self._fd = self._number = self._at = self._day = self._first_day = 0
        self._late: list[tuple[int, int, bytes, int | None, int | None]] = []
        self._impatient_until = 0.0
        self._dirty = False
        self.damaged = 0
        """Rows that could not be read."""
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._alive = Alive(self._folder / "writers")
            self._lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with self._locked(PATIENCE_S):
                self._reap()
        except OSError as error:
            raise StoreError(f"cannot use {self._folder}: {error.strerror}") from None

    # ----------------------------------------------------------------------------------------------- what is asked

    def reserve(self, key: Key, call_id: str, pico: int, tokens: int) -> None:
        """Hold so much for a call that begins. Raises LimitError, BudgetError, or StoreError where it cannot be counted."""
        call = call_bytes(call_id)
        if len(key.key_id.encode()) > LONGEST_KEY:
            raise StoreError(f"the id of key '{key.name}' is longer than {LONGEST_KEY} bytes")
        self._begin(WAIT_S)
        try:
            wall_us, steady_us = self._clock.wall_us(), self._clock.steady_us()
            day = self._today(wall_us)
            self._tally.check(key, pico, tokens, day=day, now=steady_us // SECOND_US)
            if self._at >= self._rotate_bytes or day > self._first_day:
                self._seal(day)
            self._append(RESERVE, key.key_id, call, day, pico, tokens, wall_us=wall_us, steady_us=steady_us)
        except OSError as error:
            raise self._failed(error) from None
        finally:
            self._end()

    def settle(self, call_id: str, pico: int | None, tokens: int | None, *, estimated: bool = False) -> None:
        """A call ended. None: not known; what was held is taken. Never raises: what cannot be written now is written with the next row."""
        flags = (ESTIMATED if estimated else 0) | (UNKNOWN if pico is None else 0)
        self._late.append((SETTLE, flags, call_bytes(call_id), pico, tokens))
        self.flush()

    def cancel(self, call_id: str) -> None:
        """A call cost nothing. The request stays counted in its minute. Never raises."""
        self._late.append((CANCEL, 0, call_bytes(call_id), 0, 0))
        self.flush()

    def account(self, key_id: str) -> Account:
        """A key's sums as this process last saw them."""
        return self.minute(key_id)[0]

    def minute(self, key_id: str) -> tuple[Account, int]:
        """The same, and the seconds until the key's minute holds nothing any more."""
        account, now = self._tally.account(key_id), self._clock.steady_us() // SECOND_US
        account.advance(now)
        seconds = account.seconds
        return account, max(seconds[-1][0] + WINDOW_S + 1 - now, 0) if seconds else 0

    def flush(self) -> bool:
        """Write what waits to be written; False where that cannot be now."""
        if not self._late:
            return True
        try:
            self._begin(WAIT_S)
        except StoreError:
            return False
        self._end()
        return True

    def reap(self) -> None:
        """Settle what writers that died held. Raises StoreError."""
        if any(one.writer != self._alive.number for one in self._tally.open.values()):
            with self._locked(WAIT_S):
                self._reap()

    def sync(self) -> None:
        """Bring what was appended to the disk. Any thread may."""
        if self._dirty:
            self._dirty = False
            with contextlib.suppress(OSError):
                fd = os.dup(self._fd)
                try:
                    os.fsync(fd)
                finally:
                    os.close(fd)

    def close(self) -> None:
        """Let go; calls still in flight are lost."""
        with contextlib.suppress(StoreError), self._locked(PATIENCE_S):
            self._lose({self._alive.number})
        with contextlib.suppress(OSError):  # what stays there is nobody's, and is taken for dead
            self._alive.close()
        for fd in (self._lock, self._fd):
            os.close(fd)

    # ------------------------------------------------------------------------------------------------- the lock

    @contextmanager
    def _locked(self, wait_s: float) -> Iterator[None]:
        self._begin(wait_s)
        try:
            yield
        except OSError as error:
            raise self._failed(error) from None
        finally:
            self._end()

    def _begin(self, wait_s: float) -> None:
        """Take the lock, read all that others wrote and write what waited. Raises StoreError, and the lock is not held then."""
        try:
            fcntl.flock(self._lock, _NOW)
        except BlockingIOError:
            self._take(wait_s)
        try:
            self._catch_up()
            if self._late:
                self._write_late()
        except BaseException as error:
            self._end()
            if isinstance(error, OSError):
                raise self._failed(error) from None
            raise

    def _end(self) -> None:
        fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _failed(self, error: OSError) -> StoreError:
        return StoreError(f"cannot use {self._folder}: {error.strerror}")

    def _take(self, wait_s: float) -> None:
        until = 0.0
        while True:
            try:
                fcntl.flock(self._lock, _NOW)
                return
            except BlockingIOError:
                now = time.monotonic()
                if not until:
                    # After one that waited in vain the next ones wait for less: a stopped process must not stop the loop.
                    until = now + (SHORT_WAIT_S if wait_s == WAIT_S and now < self._impatient_until else wait_s)
                elif now >= until:
                    if wait_s == WAIT_S:
                        self._impatient_until = now + 1.0
                    raise StoreError(f"another process keeps {self._folder / 'lock'}") from None
            time.sleep(0.0001)

    def _today(self, wall_us: int | None = None) -> int:
        """The day. A clock that is set back over midnight does not bring yesterday back, with what was left of its budget."""
        day = (self._clock.wall_us() if wall_us is None else wall_us) // DAY_US
        if self._day - day != 1:
            self._day = day
        return self._day

    # --------------------------------------------------------------------------------------------------- reading

    def _catch_up(self) -> None:
        """Read what was appended since. The lock is held, so what is not a whole row at the end never will be one."""
        if not self._fd:
            self._open_last()
        length = LITTLE_BYTES
        while body := os.pread(self._fd, length, self._at):
            length = MUCH_BYTES
            whole = len(body) // ROW.size * ROW.size
            if not whole:
                os.ftruncate(self._fd, self._at)
                return
            steady_us = self._clock.steady_us()
            for offset in range(0, whole, ROW.size):
                if self._take_in(body[offset : offset + ROW.size], steady_us):
                    self._follow()  # where that fails this row is read again: nothing may be written behind it
                    break
                self._at += ROW.size

    def _take_in(self, one: bytes, steady_us: int) -> bool:
        """Add one row to the tallies; True where it ends the file."""
        _, kind, flags, _, writer, day, _, at_us, key, call, pico, tokens = ROW.unpack(one)
        if not sound(one):
            self.damaged += 1
            return False
        self._add(kind, flags, writer, day, at_us, key.rstrip(b"\0").decode(), call, pico, tokens, steady_us)
        return bool(kind == SEAL)

    def _add(
        self, kind: int, flags: int, writer: int, day: int, at_us: int, key: str, call: bytes, pico: int, tokens: int, steady_us: int
    ) -> None:
        if day > self._day:
            self._day = day
        if kind == RESERVE:
            # A steady clock that stands before a row's is another boot's: its minutes are over.
            counts = not flags & CARRIED and 0 <= steady_us - at_us < 2 * WINDOW_S * SECOND_US
            self._tally.reserve(call, Open(key, writer, day, at_us // SECOND_US, pico, tokens), counts=counts)
        elif kind in _ENDS:
            self._tally.settle(call, pico, tokens)
        elif kind == CARRY:
            self._tally.account(key).spend(day, pico)
        elif kind == WINDOW and steady_us >= at_us:
            self._tally.account(key).count(at_us // SECOND_US, pico, tokens)
        elif kind == HEAD:
            self._first_day = day

    def _open_last(self) -> None:
        for number in reversed(numbers(self._folder)):
            fd = os.open(file(self._folder, number), os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
            if begun(fd):
                self._fd, self._number, self._at = fd, number, 0
                return
            # A power cut took what it began with; the file before still has that.
            os.close(fd)
            os.unlink(file(self._folder, number))
        self._create(1)

    def _follow(self) -> None:
        """Go on with the next file, making it where whoever sealed this one died before it could."""
        number = self._number + 1
        if not file(self._folder, number).exists():
            self._create(number)
            return
        os.close(self._fd)
        self._fd = os.open(file(self._folder, number), os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        self._number, self._at, self._tally = number, 0, Tally()

    # --------------------------------------------------------------------------------------------------- writing

    def _append(
        self, kind: int, key: str, call: bytes, day: int, pico: int, tokens: int, *, flags: int = 0, wall_us: int, steady_us: int
    ) -> None:
        body = row(kind, flags, self._alive.number, day, wall_us, steady_us, key.encode(), call, pico, tokens)
        if (wrote := os.write(self._fd, body)) != len(body):
            os.ftruncate(self._fd, self._at)
            raise StoreError(f"cannot write {self._folder}: {wrote} bytes of a row of {len(body)}")
        self._at += ROW.size
        self._dirty = True
        self._add(kind, flags, self._alive.number, day, steady_us, key, call, pico, tokens, steady_us)

    def _write_late(self) -> None:
        wall_us, steady_us = self._clock.wall_us(), self._clock.steady_us()
        while self._late:
            kind, flags, call, pico, tokens = self._late[0]
            if (one := self._tally.open.get(call)) is not None:
                self._append(
                    kind,
                    one.key_id,
                    call,
                    one.day,
                    one.pico if pico is None else pico,
                    one.tokens if tokens is None else tokens,
                    flags=flags,
                    wall_us=wall_us,
                    steady_us=steady_us,
                )
            self._late.pop(0)

    def _seal(self, day: int) -> None:
        write_all(self._fd, row(SEAL, 0, self._alive.number, day, self._clock.wall_us(), self._clock.steady_us(), b"", b"", 0, 0))
        self._create(self._number + 1)
        self._forget()

    def _create(self, number: int) -> None:
        """A file that begins with all that still counts; it is there whole or not at all."""
        rows = list(self._carried())
        day = self._today()
        head = row(HEAD, 0, self._alive.number, day, self._clock.wall_us(), self._clock.steady_us(), b"", b"", len(rows), 0)
        part = self._folder / f"{number:010d}.part"
        fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            write_all(fd, b"".join((head, *rows)))
            os.replace(part, file(self._folder, number))
            sync_folder(self._folder)
        except OSError:
            os.close(fd)
            raise
        if self._fd:
            os.close(self._fd)
        self._fd, self._number, self._at, self._first_day, self._dirty = fd, number, (1 + len(rows)) * ROW.size, day, True

    def _carried(self) -> Iterator[bytes]:
        wall_us, steady_us = self._clock.wall_us(), self._clock.steady_us()
        for key_id, account in self._tally.accounts.items():
            account.advance(steady_us // SECOND_US)
            key = key_id.encode()
            held: dict[int, int] = {}
            for one in self._tally.open.values():
                if one.key_id == key_id:
                    held[one.day] = held.get(one.day, 0) + one.pico
            for day in sorted(account.days)[-KEPT_DAYS:]:
                if spent := account.days[day] - held.get(day, 0):
                    yield row(CARRY, CARRIED, self._alive.number, day, wall_us, steady_us, key, b"", spent, 0)
            for second, requests, tokens in account.seconds:
                yield row(WINDOW, CARRIED, self._alive.number, 0, wall_us, second * SECOND_US, key, b"", requests, tokens)
        for call, one in self._tally.open.items():
            at_us = one.second * SECOND_US
            yield row(RESERVE, CARRIED, one.writer, one.day, wall_us, at_us, one.key_id.encode(), call, one.pico, one.tokens)

    def _forget(self) -> None:
        before = self._clock.wall_us() / 1e6 - self._keep_days * 86_400
        for number in numbers(self._folder)[:-2]:
            with contextlib.suppress(FileNotFoundError):
                if os.stat(file(self._folder, number)).st_mtime < before:
                    os.unlink(file(self._folder, number))

    # ------------------------------------------------------------------------------------------------ the dead

    def _reap(self) -> None:
        dead = {one.writer for one in self._tally.open.values()} - {self._alive.number}
        dead = {writer for writer in dead if self._alive.is_dead(writer)}
        self._lose(dead)
        for writer in dead:
            self._alive.forget(writer)

    def _lose(self, writers: set[int]) -> None:
        wall_us, steady_us = self._clock.wall_us(), self._clock.steady_us()
        for call, one in list(self._tally.open.items()):
            if one.writer in writers:
                self._append(LOST, one.key_id, call, one.day, one.pico, one.tokens, wall_us=wall_us, steady_us=steady_us)
