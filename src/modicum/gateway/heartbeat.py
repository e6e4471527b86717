"""Does somebody watch the live routes? Where nobody does for long, they are given back to the incumbent: little by little, and by the coin.

Time is counted here, from one changed beat to the next: no clock that jumps makes a beat young or old. A worker that begins knows of
none, and waits as long as after one. Each worker gives back by itself; where a conversation lies between the shares of two of them
it may change sides for those minutes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

from modicum.config import Config
from modicum.gateway.alarm import Alarm, name
from modicum.gateway.live import Serving
from modicum.store import beat

POLL_S = 1.0
HOLD_S = 10.0
"""After a provider said that it has too much to do, nothing more is given back for so long."""
BUSY = frozenset((429, 529))
"""Statuses of a provider that has too much to do."""


class Heartbeat:
    """What one worker knows of the watcher. `kept`: the share of what live routes answer that they go on answering."""

    def __init__(self, home: Path, alarm: Alarm, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.kept = 1.0
        self._home = home
        self._alarm = alarm
        self._clock = clock
        self._at: datetime | None = None
        """Of the last beat, by its writer's clock."""
        self._heard = self._looked = clock()
        self._holds_until = 0.0
        self._told = False

    async def watch(self, config: Callable[[], Config], serving: Callable[[], Iterable[Serving]]) -> None:
        """Look once a second until cancelled."""
        while True:
            await asyncio.sleep(POLL_S)
            try:
                self.look(config(), serving())
            except Exception as error:  # whatever it is, this task must go on looking
                self._alarm.ring("unwatched", name(error))

    def look(self, config: Config, serving: Iterable[Serving]) -> None:
        """Is there a new beat; if there was none for long, give a little back."""
        now, watch = self._clock(), config.watch
        passed, self._looked = min(now - self._looked, 2 * POLL_S), now
        at = beat.read(self._home)
        if at is not None and at != self._at:
            self._at, self._heard = at, now
        if watch.run == "off" or now - self._heard < watch.return_after_minutes * 60:
            self.kept, self._told = 1.0, False
            return
        if config.serve.observe or not any(stage.answers for one in serving for stage in one.stages.values()):
            return
        if not self._told:
            self._told = True
            self._alarm.ring(
                "unwatched",
                f"nobody watched the live routes for {watch.return_after_minutes:g} minutes; they are given back to the incumbent over "
                f"{watch.return_over_minutes:g} (`modicum watch` watches them)",
            )
        if now >= self._holds_until:
            over_s = watch.return_over_minutes * 60
            self.kept = max(self.kept - passed / over_s, 0.0) if over_s > 0 else 0.0

    def busy(self) -> None:
        """A provider that answers in a route's place has too much to do: it gets no more for now."""
        self._holds_until = self._clock() + HOLD_S
