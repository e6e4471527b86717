"""What virtual keys spend: an append-only log that every worker on this machine shares exactly.

    home/ledger/
      0000000001.log ...   rows of 88 bytes; the last file is written to, those before are the record
      lock                 held (flock) for the some ten microseconds that a decision takes
      writers/ID           held by the process ID for as long as it lives; in it the calls that it ended and has not appended yet

To decide, a process takes the lock, reads the rows that others appended since it last looked, adds them to its tallies (`store.tally`),
appends its own row and lets go. A call that ends takes no lock: its row is noted in the writer's own file, where it outlives the
process, and is appended with the next decision's; at once where it cost more than was held. So what the others count meanwhile is never
too little, and who is about to refuse a call, or finds a writer dead, appends first what it noted. Nothing is asked of a server and no
figure is ever overwritten.
A file is sealed at 16 MB or with the day, and the next one begins with what still counts, so that only the last has to be read at a
start. A row that a dying process left half written is cut off; what it held for calls in flight is taken as spent (`lost`), for
nobody knows better.

Rows outlive a kill at any moment; a power cut may take the last second. Open it after a fork, not before.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modicum.errors import LimitError, StoreError
from modicum.store.alive import Alive
from modicum.store.ledger_lock import PATIENCE_S, WAIT_S, LedgerLock
from modicum.store.ledger_log import LITTLE_BYTES, MUCH_BYTES, Log
from modicum.store.ledger_rows import (
    CALL,
    CANCEL,
    CARRIED,
    CARRY,
    ENDS,
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
    WRITERS,
    call_bytes,
    noted,
    row,
    sound,
)  # fmt: skip
from modicum.store.tally import DAY_US, SECOND_US, WINDOW_S, Account, Open, Tally
from modicum.types import Key

ROTATE_BYTES = 16 << 20
KEPT_DAYS = 70
"""So many days with spend are carried into the next file: two months, and what a clock that jumped made of them."""
MOST_OWED = 10_000
"""So many calls are counted in memory while the ledger cannot be written; those that come then are not counted at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Microseconds of the wall clock, and of one that all processes of the machine share and nobody sets."""

    wall_us: Callable[[], int] = lambda: time.time_ns() // 1000
    steady_us: Callable[[], int] = lambda: time.monotonic_ns() // 1000


class Ledger:
    """One process's hold of the ledger. Not for several threads at once."""

    def __init__(self, home: Path, *, keep_days: int = 90, rotate_bytes: int = ROTATE_BYTES, clock: Clock | None = None) -> None:
        """Read the last file, settle what dead writers left, append what the others noted. Raises StoreError."""
        self._folder = home / "ledger"
        self._keep_days, self._rotate_bytes = keep_days, rotate_bytes
        clock = clock or Clock()
        self._wall_us, self._steady_us = clock.wall_us, clock.steady_us
        self._tally = Tally()
        self._day = self._first_day = 0
        self._mine: dict[bytes, Open] = {}
        """Calls of this process that are in flight."""
        self._ended: dict[bytes, bytes] = {}
        """Rows of those that ended, until they are appended."""
        self._owed: dict[bytes, bytes] = {}
        """Rows of those that began while nothing could be appended, until they are."""
        self._note_at = 0
        self._others: set[int] = set()
        """Writers whose rows were read."""
        self.damaged = 0
        """Rows that could not be read."""
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._log = Log(self._folder)
            self._alive = Alive(self._folder / WRITERS)
            self._lock = LedgerLock(self._folder / "lock")
            with self._locked(PATIENCE_S):
                self._reap()
                self._hear()
        except OSError as error:
            raise StoreError(f"cannot use {self._folder}: {error.strerror}") from None

    # ----------------------------------------------------------------------------------------------- what is asked

    def reserve(self, key: Key, call_id: str, pico: int, tokens: int) -> None:
        """Hold so much for a call that begins; an id is for one call. Raises LimitError, BudgetError, StoreError where that cannot be."""
        call, named = call_bytes(call_id), key.key_id.encode()
        if len(named) > LONGEST_KEY:
            raise StoreError(f"the id of key '{key.name}' is longer than {LONGEST_KEY} bytes")
        self._begin(WAIT_S)
        try:
            wall_us, steady_us = self._wall_us(), self._steady_us()
            day, second = wall_us // DAY_US, steady_us // SECOND_US
            if day != self._day:
                day = self._today(wall_us)
            try:
                self._tally.check(key, pico, tokens, day=day, now=second)
            except LimitError:
                if not self._hear():
                    raise
                self._tally.check(key, pico, tokens, day=day, now=second)
            if self._log.at >= self._rotate_bytes or day > self._first_day:
                self._append()
                self._seal(day)
            self._append(row(RESERVE, 0, self._alive.number, day, wall_us, steady_us, named, call, pico, tokens))
            one = self._mine[call] = Open(key.key_id, self._alive.number, day, second, pico, tokens)
            self._tally.reserve(call, one, counts=True)
        except OSError as error:
            raise self._failed(error) from None
        finally:
            self._end()

    def owe(self, key: Key, call_id: str, pico: int, tokens: int) -> bool:
        """Hold so much where `reserve` could not, by what was last seen here, and append it as soon as that can be.

        A kill before that loses it. False where too many wait already. Raises LimitError, BudgetError.
        """
        call, named, wall_us, steady_us = call_bytes(call_id), key.key_id.encode(), self._wall_us(), self._steady_us()
        if len(named) > LONGEST_KEY or len(self._owed) >= MOST_OWED:
            return False
        day, second = self._today(wall_us), steady_us // SECOND_US
        self._tally.check(key, pico, tokens, day=day, now=second)
        self._owed[call] = row(RESERVE, 0, self._alive.number, day, wall_us, steady_us, named, call, pico, tokens)
        one = self._mine[call] = Open(key.key_id, self._alive.number, day, second, pico, tokens)
        self._tally.reserve(call, one, counts=True)
        return True

    def settle(self, call_id: str, pico: int | None, tokens: int | None, *, estimated: bool = False) -> None:
        """A call ended. None: not known; what was held is taken. Never raises: what cannot be written now is written with the next row."""
        self._note(SETTLE, (ESTIMATED if estimated else 0) | (UNKNOWN if pico is None else 0), call_id, pico, tokens)

    def cancel(self, call_id: str) -> None:
        """A call cost nothing. The request stays counted in its minute. Never raises."""
        self._note(CANCEL, 0, call_id, 0, 0)

    def account(self, key_id: str) -> Account:
        """A key's sums as this process last saw them."""
        return self.minute(key_id)[0]

    def minute(self, key_id: str) -> tuple[Account, int]:
        """The same, and the seconds until the key's minute holds nothing any more."""
        account, now = self._tally.account(key_id), self._steady_us() // SECOND_US
        account.advance(now)
        seconds = account.seconds
        return account, max(seconds[-1][0] + WINDOW_S + 1 - now, 0) if seconds else 0

    def flush(self) -> bool:
        """Append what waits to be; False where that cannot be now."""
        if self._ended or self._owed:
            try:
                with self._locked(WAIT_S):
                    self._append()
            except StoreError:
                return False
        return True

    def reap(self) -> None:
        """Settle what writers that died held. Raises StoreError."""
        if self._others:
            with self._locked(WAIT_S):
                self._reap()

    def sync(self) -> None:
        """Bring what was appended to the disk. Any thread may."""
        self._log.sync()

    def close(self) -> None:
        """Let go; calls still in flight are lost."""
        with contextlib.suppress(StoreError), self._locked(PATIENCE_S):
            self._append()
            self._lose(self._alive.number)
        with contextlib.suppress(OSError):  # what stays there is nobody's, and is taken for dead
            self._alive.close()
        self._lock.close()
        self._log.close()

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
        """Take the lock and read all that others wrote. Raises StoreError, and the lock is not held then."""
        self._lock.take(wait_s)
        try:
            if not self._log.is_open or self._log.has_grown():
                self._catch_up()
        except BaseException as error:
            self._end()
            if isinstance(error, OSError):
                raise self._failed(error) from None
            raise

    def _end(self) -> None:
        self._lock.leave()

    def _failed(self, error: OSError) -> StoreError:
        return StoreError(f"cannot use {self._folder}: {error.strerror}")

    def _today(self, wall_us: int | None = None) -> int:
        """The day. A clock that is set back over midnight does not bring yesterday back, with what was left of its budget."""
        day = (self._wall_us() if wall_us is None else wall_us) // DAY_US
        if self._day - day != 1:
            self._day = day
        return self._day

    # --------------------------------------------------------------------------------------------------- reading

    def _catch_up(self) -> None:
        """Read what was appended since."""
        if not self._log.is_open and not self._log.open_last():
            self._create(1)
        length = LITTLE_BYTES
        while body := self._log.unread(length):
            length = MUCH_BYTES
            steady_us = self._steady_us()
            for offset in range(0, len(body), ROW.size):
                if self._take_in(body[offset : offset + ROW.size], steady_us):
                    self._follow()  # where that fails this row is read again: nothing may be written behind it
                    break
                self._log.at += ROW.size

    def _take_in(self, one: bytes, steady_us: int) -> bool:
        """Add one row to the tallies; True where it ends the file."""
        if not sound(one):
            self.damaged += 1
            return False
        fields = ROW.unpack(one)
        _, kind, _, _, writer, day, _, at_us, named, call, pico, tokens = fields
        if day > self._day:
            self._day = day
        if kind == RESERVE:
            self._add_reserved(fields, steady_us)
        elif kind in ENDS:
            self._tally.settle(call, pico, tokens)
            self._mine.pop(call, None)
            self._ended.pop(call, None)  # another one appended it for us
        elif kind == CARRY:
            self._tally.account(_id(named)).spend(day, pico)
        elif kind == WINDOW and steady_us >= at_us:
            self._tally.account(_id(named)).count(at_us // SECOND_US, pico, tokens)
        elif kind == HEAD:
            self._first_day = day
        return bool(kind == SEAL)

    def _add_reserved(self, fields: tuple[Any, ...], steady_us: int) -> None:
        _, _, flags, _, writer, day, _, at_us, named, call, pico, tokens = fields
        # A steady clock that stands before a row's is another boot's: its minutes are over.
        counts = not flags & CARRIED and 0 <= steady_us - at_us < 2 * WINDOW_S * SECOND_US
        self._tally.reserve(call, Open(_id(named), writer, day, at_us // SECOND_US, pico, tokens), counts=counts)
        if writer != self._alive.number:
            self._others.add(writer)
        elif (ended := self._ended.get(call)) is not None:  # a new file, begun before it was told
            self._tally.settle(call, *ROW.unpack(ended)[-2:])

    def _follow(self) -> None:
        """Go on with the next file, making it where whoever sealed this one died before it could."""
        if self._log.follow():
            self._tally = Tally()
            steady_us = self._steady_us()
            for one in self._owed.values():  # nobody else knows of these
                self._add_reserved(ROW.unpack(one), steady_us)
        else:
            self._create(self._log.number + 1)

    # --------------------------------------------------------------------------------------------------- writing

    def _append(self, body: bytes = b"") -> None:
        """Write the rows of calls that began and ended before, and this one, at once."""
        if self._ended or self._owed:
            body = b"".join((*self._owed.values(), *self._ended.values(), body))
        if body:
            self._log.append(body)
            self._owed.clear()
            self._ended.clear()
            self._note_at = 0

    def _note(self, kind: int, flags: int, call_id: str, pico: int | None, tokens: int | None) -> None:
        """Count the end of a call, and write its row where it outlives this process."""
        call = call_bytes(call_id)
        one = self._mine.pop(call, None)
        if one is None:
            return
        pico, tokens = one.pico if pico is None else pico, one.tokens if tokens is None else tokens
        self._tally.settle(call, pico, tokens)
        named, wall_us, steady_us = one.key_id.encode(), self._wall_us(), self._steady_us()
        body = self._ended[call] = row(kind, flags, one.writer, one.day, wall_us, steady_us, named, call, pico, tokens)
        is_noted = self._alive.note(body, self._note_at)
        if is_noted:
            self._note_at += len(body)
        if not is_noted or pico > one.pico or tokens > one.tokens:
            self.flush()

    def _hear(self) -> bool:
        """Append what the other writers noted; False where that frees nothing."""
        try:
            return sum(self._append_noted(writer) for writer in self._others) > 0
        except (OSError, StoreError):
            return False

    def _append_noted(self, writer: int) -> bool:
        held = self._tally.open
        rows = [one for one in noted(self._folder, writer) if (call := held.get(one[CALL])) is not None and call.writer == writer]
        if rows:
            self._log.append(b"".join(rows))
            steady_us = self._steady_us()
            for one in rows:
                self._take_in(one, steady_us)
        return bool(rows)

    def _seal(self, day: int) -> None:
        self._log.seal(row(SEAL, 0, self._alive.number, day, self._wall_us(), self._steady_us(), b"", b"", 0, 0))
        self._create(self._log.number + 1)
        self._log.forget(self._wall_us() / 1e6 - self._keep_days * 86_400)

    def _create(self, number: int) -> None:
        """A file that begins with all that still counts."""
        rows, day = list(self._carried()), self._today()
        head = row(HEAD, 0, self._alive.number, day, self._wall_us(), self._steady_us(), b"", b"", len(rows), 0)
        self._log.create(number, (head, *rows))
        self._first_day = day

    def _carried(self) -> Iterator[bytes]:
        wall_us, steady_us = self._wall_us(), self._steady_us()
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

    # ------------------------------------------------------------------------------------------------ the dead

    def _reap(self) -> None:
        for writer in [one for one in self._others if self._alive.is_dead(one)]:
            self._append_noted(writer)
            self._lose(writer)
            self._alive.forget(writer)
            self._others.discard(writer)

    def _lose(self, writer: int) -> None:
        """What a writer holds is spent."""
        wall_us, steady_us = self._wall_us(), self._steady_us()
        lost = [
            row(LOST, 0, writer, one.day, wall_us, steady_us, one.key_id.encode(), call, one.pico, one.tokens)
            for call, one in self._tally.open.items()
            if one.writer == writer
        ]
        if lost:
            self._log.append(b"".join(lost))
            for one in lost:
                self._take_in(one, steady_us)


def _id(named: bytes) -> str:
    return named.rstrip(b"\0").decode()
