"""The loop: look, beat, wait. One process leads, others wait to take over; what fails is tried again; a signal ends it between two looks.

Promotions are held back where nobody watched for longer than `AWAY_S`, where a clock was set, and while older records are still being read,
until a look has seen everything. Steps back are never held back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from modicum.config import Config
from modicum.errors import ModicumError
from modicum.store import beat
from modicum.store.home import prepare
from modicum.types import Notice, new_call_id
from modicum.watch.leader import Leader
from modicum.watch.learner import Learner
from modicum.watch.notify import Notifier
from modicum.watch.round import Round, Rounds

AWAY_S = 30.0
SET_S = 5.0
"""A clock that moves so much further than time was set."""
BEAT_S = 0.5
LONGEST_PAUSE_S = 15.0
"""Between two tries where the home cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Something that whoever runs a watcher is told."""

    at: datetime
    what: str
    """leads, waits, moved, alarm, warning, failed, well, unread, untold, learns, learnt"""
    text: str = ""
    notice: Notice | None = None


@dataclass(slots=True)
class Clock:
    """Time as the machine tells it; another one in tests."""

    wall: Callable[[], datetime] = lambda: datetime.now(UTC)
    steady: Callable[[], float] = time.monotonic


class Watcher:
    """Looks again and again, as the one leader of a home."""

    def __init__(self, config: Config, tell: Callable[[Heard], None], *, clock: Clock | None = None) -> None:
        self._config = config
        self._tell_whom = tell
        self._clock = clock or Clock()
        self._leader = Leader(prepare(config.home))
        self._rounds: Rounds | None = None
        self._notifier: Notifier | None = None
        self._learner: Learner | None = None
        self._last: tuple[datetime, float] | None = None
        """The wall's and the steady time of the last look that succeeded."""
        self._caught_up = False
        """Everything was looked at since somebody was away."""
        self._beaten = float("-inf")
        self._run_id = new_call_id()
        self._said = ""
        self._unread = ""

    def take(self) -> bool:
        """Become the leader; False while another process is."""
        if not self._leader.take():
            return False
        if self._rounds is None:
            self._rounds = Rounds(self._config)
            self._notifier = Notifier.open(self._config, self._rounds.control, tell=lambda text: self._say("untold", text))
            self._notifier.deliver(self._clock.wall())
            self._learner = Learner(self._config, self._rounds.control, self._say)
            away = beat.age(self._config.home, self._clock.wall())
            self._caught_up = away is not None and away <= timedelta(seconds=AWAY_S)
            self._say("leads", "watching")
        return True

    def look(self) -> Round:
        """One look, as the leader. Raises ModicumError where the home cannot be used."""
        assert self._rounds is not None
        now, steady = self._clock.wall(), self._clock.steady()
        jumped_s = 0.0
        if self._last is not None:
            passed = steady - self._last[1]
            off = (now - self._last[0]).total_seconds() - passed
            jumped_s = off if abs(off) >= SET_S else 0.0
            if passed > AWAY_S or jumped_s:
                self._caught_up = False
        found = self._rounds.look(now, watched=self._caught_up, jumped_s=jumped_s)
        if not found.written:
            return found
        self._last = (now, steady)
        self._caught_up = found.whole
        for notice in found.notices:
            self._tell_whom(Heard(at=now, what=notice.kind, text=notice.text, notice=notice))
        if self._notifier is not None:
            self._notifier.deliver(now)
        if found.unread != self._unread:
            self._unread = found.unread
            if found.unread:
                self._tell_whom(Heard(at=now, what="unread", text=found.unread))
        if self._clock.steady() - self._beaten >= BEAT_S or jumped_s:
            beat.write(self._config.home, run_id=self._run_id, at=now)
            self._beaten = self._clock.steady()
        return found

    def until(self, stopped: threading.Event) -> None:
        """Look until stopped. Never raises for what may pass."""
        pause = self._config.watch.look_every_s
        failing = 0
        while not stopped.is_set():
            try:
                if not self.take():
                    self._say("waits", "another process watches; waiting to take over")
                    stopped.wait(min(max(pause, 0.2), 1.0))
                    continue
                found = self.look()
                if failing:
                    self._say("well", "the home can be used again")
                failing = 0
                if self._learner is not None:
                    self._learner.tick(self._clock.wall(), found.notices)
                if not found.whole or not found.written:
                    continue
                stopped.wait(pause)
            except (ModicumError, OSError, MemoryError) as error:
                failing += 1
                self._say("failed", f"{error.message if isinstance(error, ModicumError) else error}; tried again")
                stopped.wait(min(max(pause, 0.1) * 2**failing, LONGEST_PAUSE_S))
        self.close()

    def once(self) -> list[Round]:
        """Look until everything is seen, and once more, so that steps forward are taken too. Raises StoreBusyError where another leads."""
        rounds = []
        while True:
            seen_all = self._caught_up
            rounds.append(self.look())
            if seen_all and rounds[-1].whole and rounds[-1].written:
                return rounds

    def close(self) -> None:
        if self._learner is not None:
            self._learner.close()
            self._learner = None
        if self._notifier is not None:
            self._notifier.close()
            self._notifier = None
        if self._rounds is not None:
            self._rounds.close()
            self._rounds = None
        self._leader.close()

    def _say(self, what: str, text: str) -> None:
        """Once, until something else is said."""
        if (said := f"{what}{text}") != self._said:
            self._said = said
            self._tell_whom(Heard(at=self._clock.wall(), what=what, text=text))
