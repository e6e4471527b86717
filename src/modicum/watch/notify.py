"""What the watcher tells others: notices to the receivers that the operator named, and figures to the file that day reads.

At least once and in order: a bookmark for each receiver moves on only when it took a notice, and nothing later is posted before. A
receiver that is away is tried again after longer and longer pauses, in a thread of its own: the watcher never waits for it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from modicum.backends.client import Client
from modicum.config import Config
from modicum.errors import ConfigError, StoreError
from modicum.store.control import Control
from modicum.types import Notice
from modicum.watch.receiver import Posted, Receiver, receivers
from modicum.watch.shown import SHOW_EVERY_S, show

BATCH = 50
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 300.0
MOST_REFUSALS = 8
"""After so many a notice that its receiver does not like is passed over, and said: those behind it matter more."""
Tell = Callable[[str], None]


def bookmark(receiver: Receiver) -> str:
    """The name of the bookmark that says how far a receiver is."""
    return f"notices {receiver.name}"


@dataclass(slots=True)
class _Line:
    """The way to one receiver."""

    receiver: Receiver
    mark: int = 0
    """The last notice that it took, as its bookmark says: who leads is the only one that moves it."""
    failures: int = 0
    refusals: int = 0
    due: datetime | None = None
    """Not before; None: now."""
    thread: threading.Thread | None = None
    said: str = ""
    problems: list[str] = field(default_factory=list)
    """What is to be told, gathered by the thread and told by whoever calls."""

    @property
    def busy(self) -> bool:
        return self.thread is not None and self.thread.is_alive()


class Notifier:
    """Of one watcher, while it leads."""

    def __init__(
        self, config: Config, control: Control, found: Sequence[Receiver], *, tell: Tell, first_pause_s: float = FIRST_PAUSE_S
    ) -> None:
        self._config = config
        self._control = control
        self._lines = [_Line(receiver) for receiver in found]
        self._tell = tell
        self._first_pause_s = first_pause_s
        self._stopped = threading.Event()
        self._shown_at: datetime | None = None
        self._seen: tuple[int, dict[str, int]] | None = None
        self._begun = False

    @classmethod
    def open(cls, config: Config, control: Control, *, tell: Tell = lambda _: None) -> Notifier:
        """For the receivers that the environment names. One whose address is none is told of and left out: it stops no watcher."""
        try:
            found = receivers(config)
        except ConfigError as error:
            tell(error.message)
            found = []
        return cls(config, control, found, tell=tell)

    def deliver(self, now: datetime) -> None:
        """See that what is new gets on its way. Waits for nobody; never raises for what may pass. Call it after every look."""
        try:
            if not self._begun:
                self._begin()
            last = self._control.last_notice()
            for line in self._lines:
                self._set_off(line, last, now)
            seen = (last, self._undelivered(last))
            if seen != self._seen or self._shown_at is None or abs((now - self._shown_at).total_seconds()) >= SHOW_EVERY_S:
                show(self._config.home, self._control, now, seen[1])
                self._seen, self._shown_at = seen, now
        except StoreError:
            pass  # the look itself says so; the next call tries again
        for line in self._lines:
            while line.problems:
                self._tell(line.problems.pop(0))

    def undelivered(self) -> dict[str, int]:
        """Notices that a receiver has not taken yet, by its name. Raises StoreError."""
        return self._undelivered(self._control.last_notice())

    def _undelivered(self, last: int) -> dict[str, int]:
        return {line.receiver.name: max(last - line.mark, 0) for line in self._lines}

    def close(self, wait_s: float = 3.0) -> None:
        """Let what is on its way arrive, for so long at most. What was not taken is posted by the next watcher."""
        until = time.monotonic() + wait_s
        for line in self._lines:
            if line.thread is not None:
                line.thread.join(max(until - time.monotonic(), 0.0))
        self._stopped.set()

    def _begin(self) -> None:
        """A receiver that is new here begins with what comes next: it is not told of years."""
        last = self._control.last_notice()
        for line in self._lines:
            name = bookmark(line.receiver)
            mark = self._control.bookmark(name)
            if mark is None or not (mark.isascii() and mark.isdigit()) or int(mark) > last:  # or the store is another one now
                self._control.mark(name, mark := str(last))
            line.mark = int(mark)
        self._begun = True

    def _set_off(self, line: _Line, last: int, now: datetime) -> None:
        if line.busy or line.mark >= last:
            return
        if line.due is not None and timedelta(0) < line.due - now <= timedelta(hours=2):
            return  # a clock that was set back far must not silence it
        line.thread = threading.Thread(target=self._run, args=(line, now), name=f"notices {line.receiver.name}", daemon=True)
        line.thread.start()

    def _run(self, line: _Line, now: datetime) -> None:
        try:
            asyncio.run(self._send(line, now))
        except Exception as error:  # a post must never end the process, nor stay untold
            self._failed(line, now, Posted(taken=False, problem=f"could not be told: {type(error).__name__}"))

    async def _send(self, line: _Line, now: datetime) -> None:
        client = Client()
        try:
            while notices := self._control.notices(after=line.mark, limit=BATCH):
                for notice in notices:
                    if self._stopped.is_set():
                        return
                    posted = await line.receiver.post(client, notice)
                    if not posted.taken and not self._passed_over(line, notice, posted):
                        self._failed(line, now, posted)
                        return
                    self._control.mark(bookmark(line.receiver), str(notice.number))
                    line.mark = notice.number
                    if posted.taken:
                        self._well(line)
        finally:
            await client.close()

    def _well(self, line: _Line) -> None:
        if line.failures:
            line.problems.append(f"the {line.receiver.name} takes notices again")
        line.failures, line.refusals, line.due, line.said = 0, 0, None, ""

    def _passed_over(self, line: _Line, notice: Notice, posted: Posted) -> bool:
        line.refusals = line.refusals + 1 if posted.refused else 0
        if line.refusals < MOST_REFUSALS:
            return False
        line.refusals = 0
        line.problems.append(
            f"the {line.receiver.name} {posted.problem} {MOST_REFUSALS} times to notice {notice.number}: it is passed over"
        )
        return True

    def _failed(self, line: _Line, now: datetime, posted: Posted) -> None:
        line.failures += 1
        pause_s = min(self._first_pause_s * 2 ** min(line.failures - 1, 20), LONGEST_PAUSE_S)
        line.due = now + timedelta(seconds=max(pause_s, posted.after_s or 0.0))
        if posted.problem != line.said:
            line.said = posted.problem
            line.problems.append(f"the {line.receiver.name} {posted.problem}; notices wait for it")
