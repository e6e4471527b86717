"""A process that is kept running beside the workers: started where there is something to do, again where it ends, ended with the server.

`tick` is called some times a second and costs a few microseconds; it never waits. The process hears of the end by its standard input, which
closes even where the server is killed. What it says goes to the server's standard error.
"""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress

from modicum.gateway.log import Log

FIRST_S = 1.0
"""After the server began: whoever starts it for a moment needs no more than it."""
LOOK_S = 0.2
PAUSE_S = 0.2
LONGEST_PAUSE_S = 60.0
"""The pause before it is started again doubles up to this, and is forgotten once it has run so long."""
WELL_S = 1.0
"""Whoever was killed after so long did nothing wrong; who ends by itself will do so again."""
END_S = 5.0


class Beside:
    """The process, or none yet. `wanted` is asked where `changed` gives another value than before."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        wanted: Callable[[], bool],
        changed: Callable[[], Hashable],
        log: Log,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._command, self._wanted, self._changed, self._log, self._clock = tuple(command), wanted, changed, log, clock
        self._process: subprocess.Popen[bytes] | None = None
        self._seen: Hashable = None
        self._needed = False
        self._next = clock() + FIRST_S
        self._started = 0.0
        self._pause = PAUSE_S

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def tick(self) -> None:
        """Start it, or notice that it ended. Never raises."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + LOOK_S
        try:
            if self._process is not None:
                if (code := self._process.poll()) is None:
                    return
                self._ended(code, now)
                return
            if (seen := self._changed()) != self._seen:
                self._seen, self._needed = seen, self._wanted()
            if self._needed:
                self._start(now)
        except OSError as error:
            self._log.alarm("watcher", f"it cannot be started: {error.strerror}")
            self._next = now + self._pause
            self._pause = min(2 * self._pause, LONGEST_PAUSE_S)

    def reload(self) -> None:
        """Let it read its settings anew."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGHUP)

    def close(self) -> None:
        """End it."""
        if self._process is None:
            return
        process, self._process = self._process, None
        if process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start(self, now: float) -> None:
        # A session of its own: what a terminal sends to the server is the server's to pass on.
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=2, stderr=2, start_new_session=True)
        self._started = now

    def _ended(self, code: int, now: float) -> None:
        if self._process is not None and self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        self._process = None
        lived = now - self._started
        well = lived >= (WELL_S if code < 0 else LONGEST_PAUSE_S)
        self._pause = PAUSE_S if well else min(2 * self._pause, LONGEST_PAUSE_S)
        self._next = now + self._pause
        self._log.alarm("watcher", f"it ended with {code} and is started again in {self._pause:.1f} s")
