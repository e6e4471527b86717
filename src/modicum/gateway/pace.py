"""How long a stage takes. One that is slow holds up every caller of its worker, so it rests for a while, and is then tried again."""

from __future__ import annotations

import time
from collections.abc import Callable

IN_A_ROW = 3
"""Slow answers, one after the other, before a stage rests: one alone may be the machine's fault."""
REST_S = 10.0
LONGEST_REST_S = 300.0
"""A stage that is still slow when it is tried again rests twice as long."""


class Pace:
    """Of one live route in one worker. `limit_s` 0: none is too slow."""

    __slots__ = ("_clock", "_in_a_row", "_rest_s", "_until", "_usual_s", "_why", "limit_s")

    def __init__(self, limit_s: float = 0.0, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit_s = limit_s
        self._clock = clock
        self._in_a_row = 0
        self._usual_s = 0.0
        self._why = ""
        self._rest_s = REST_S
        self._until = 0.0

    def took(self, seconds: float) -> None:
        """It was asked, and answered or failed after so long."""
        self._usual_s = seconds if not self._usual_s else 0.8 * self._usual_s + 0.2 * seconds
        if not self.limit_s or seconds <= self.limit_s:
            self.well()
            return
        self._in_a_row += 1
        if self._in_a_row >= IN_A_ROW:
            self.rest("")

    def rest(self, why: str) -> None:
        """It is left alone for a while; `why`, where it is not that it is slow."""
        if self._until:  # it has rested before
            self._rest_s = min(2 * self._rest_s, LONGEST_REST_S)
        self._until, self._why = self._clock() + self._rest_s, why

    def well(self) -> None:
        """It answered as it should."""
        self._in_a_row, self._rest_s, self._until, self._why = 0, REST_S, 0.0, ""

    def rests(self) -> str:
        """Why it is not to be asked now; empty where it may be."""
        if not self._until or not (self.limit_s or self._why):
            return ""
        left = self._until - self._clock()
        if left <= 0:
            return ""  # whoever asks next finds out
        if self._why:
            return f"{self._why}; tried again in {left:.0f} s"
        usual_ms, limit_ms = self._usual_s * 1000, self.limit_s * 1000
        return f"slow: {usual_ms:.0f} ms of late, {limit_ms:.0f} are allowed (route.slow_ms); tried again in {left:.0f} s"
