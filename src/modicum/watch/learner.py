"""When learning is due, and the process that learns: started by the watcher that leads, at the lowest priority, ended with it.

The watcher never waits for it: a tick looks at a clock, counts what new records say, and asks whether the process has ended. What it has
to do goes through its standard input, and where that closes it ends itself, so a watcher that is killed leaves nothing behind.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

import msgspec

from modicum.config import Config
from modicum.config.carried import pack
from modicum.store import feedback
from modicum.store.control import Control
from modicum.types import Notice
from modicum.watch import learn
from modicum.watch.due import SUSPICIOUS
from modicum.watch.leader import Leader
from modicum.watch.signs import Signs

LOOK_S = 5.0
"""Between two looks at signs."""
PAUSE_S = 900.0
"""Between two runs that signs led to."""
CAME_S = 600.0
"""Between two fits of a workload that the coming of missing calls led to."""
LABELS_S = 3_600.0
"""Between two runs because labels came."""
BACK_OFF_S, LONGEST_S = 60.0, 6 * 3_600.0
"""The pause after a run that failed, which doubles up to the second."""
END_S = 5.0
BUSY = 3
"""What the process ends with where another one learns."""
COMMAND = (sys.executable, "-m", "modicum.cli.learns")


class Order(msgspec.Struct):
    """What the process is told."""

    why: list[str]
    find: bool
    config_bytes: int
    """The settings follow, in so many bytes."""


class Learner:
    """The watcher's side of it. `tick` once a look."""

    def __init__(
        self,
        config: Config,
        control: Control,
        tell: Callable[[str, str], None],
        *,
        command: Sequence[str] = COMMAND,
        pause_s: float = PAUSE_S,
        came_s: float = CAME_S,
    ) -> None:
        """`tell`: what (learns, learnt, failed) and a line about it."""
        self._came_s = came_s
        self._lock = Leader(config.home, learn.LOCK)
        self._config, self._control, self._tell, self._command, self._pause_s = config, control, tell, tuple(command), pause_s
        self._signs = Signs(config.home)
        self._process: subprocess.Popen[bytes] | None = None
        self._looked: datetime | None = None
        self._began: datetime | None = None
        """When a run was last started."""
        self._not_before: datetime | None = None
        self._failed = 0
        self._rolled_back: dict[str, None] = {}
        self._suspected: set[str] = set()
        self._labels = feedback.version(config.home)
        self._labels_at: datetime | None = None

    def tick(self, now: datetime, notices: Sequence[Notice] = ()) -> None:
        """See whether it is time, or the process has ended. Waits for nobody. Raises ModicumError where the home cannot be used."""
        every = self._config.watch.learn_every_h
        if every <= 0:
            return
        self._rolled_back |= dict.fromkeys(
            one.route_id or one.workload_id for one in notices if one.kind == "moved" and one.now == "rolled_back"
        )
        if self._looked is not None and abs((now - self._looked).total_seconds()) < LOOK_S and not self._rolled_back:
            return
        self._looked = now
        self._signs.look()
        if self._process is not None:
            if (code := self._process.poll()) is not None:
                self._ended(code, now)
            return
        if self._not_before is not None and now < self._not_before:
            return
        if due := self._due(now, timedelta(hours=every)):
            self._start(now, *due)

    def close(self) -> None:
        """End the process; what it was about is taken up again."""
        if self._process is None:
            return
        process, self._process = self._process, None
        self._shut(process)
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def _due(self, now: datetime, every: timedelta) -> tuple[list[str], bool] | None:
        """Why to learn now, and whether to look for workloads; None where there is no reason."""
        state, mark = learn.read(self._control)
        if state.run is not None:
            return None if self._is_learning() else (["the last run was interrupted"], state.run.find)
        if state.ended is None:  # the schedule begins when somebody first watches
            state.ended = now
            self._control.mark(learn.BOOKMARK, msgspec.json.encode(state).decode())
            return None
        if now - state.ended >= every:
            return [f"the last time was {state.ended:%Y-%m-%d %H:%M}"], True
        came = self._awaited(state, now)
        if self._began is not None and (now - self._began).total_seconds() < self._pause_s:
            return (came, False) if came else None
        why = [*came, *(found := self._signs.found())]
        look = bool(found)
        why += self._signs.renamed() if self._config.watch.sentinel_usd > 0 else ()
        why += [f"{route} was rolled back" for route in self._rolled_back]
        suspected = {one.route_id for one in self._control.watches() if one.suspicion >= SUSPICIOUS and not one.broken}
        why += [f"{route} is under suspicion" for route in sorted(suspected - self._suspected)]
        self._suspected = suspected
        if feedback.version(self._config.home) != self._labels and (
            self._labels_at is None or (now - self._labels_at).total_seconds() >= LABELS_S
        ):
            self._labels, self._labels_at = feedback.version(self._config.home), now
            why.append("labels came")
        return (why, look) if why else None

    def _awaited(self, state: learn.State, now: datetime) -> list[str]:
        """Workloads of which the calls came that their last fits lacked, as sentences."""
        fits = {one: state.workloads.get(one) for one in self._signs.await_calls(state.missing, state.counted)}
        ripe = {one: fit for one, fit in fits.items() if fit is not None and (now - fit.at).total_seconds() >= self._came_s}
        names = {one.workload_id: one.name for one in self._control.workloads()} if ripe else {}
        return [f"{names.get(one, one)}: the {fit.needs or 0:,} calls came that were missing" for one, fit in ripe.items()]

    def _is_learning(self) -> bool:
        """Another process is at it: somebody's `modicum watch --learn`."""
        free = self._lock.take()
        self._lock.close()
        return not free

    def _start(self, now: datetime, why: list[str], look: bool) -> None:
        if look:
            self._signs.looked()
        self._rolled_back.clear()
        self._began = now
        settings = pack(self._config)
        try:
            process = subprocess.Popen(self._command, stdin=subprocess.PIPE, start_new_session=True)
        except OSError as error:
            self._pause(now, f"the process that learns cannot be started: {error.strerror}")
            return
        self._process = process
        assert process.stdin is not None
        with suppress(BrokenPipeError):
            process.stdin.write(msgspec.json.encode(Order(why, look, len(settings))) + b"\n" + settings)
            process.stdin.flush()
        self._tell("learns", "; ".join(why))

    def _ended(self, code: int, now: datetime) -> None:
        assert self._process is not None
        self._shut(self._process)
        self._process = None
        if code == 0:
            self._failed, self._not_before = 0, None
            self._tell("learnt", "nothing is left to learn for now")
        elif code == BUSY:
            self._not_before = now + timedelta(seconds=BACK_OFF_S)
        else:
            self._pause(now, f"learning ended with {code}")

    def _pause(self, now: datetime, text: str) -> None:
        self._failed += 1
        pause_s = min(BACK_OFF_S * 2 ** min(self._failed - 1, 20), LONGEST_S)
        self._not_before = now + timedelta(seconds=pause_s)
        self._tell("failed", f"{text}; taken up again in {pause_s:.0f} s")

    @staticmethod
    def _shut(process: subprocess.Popen[bytes]) -> None:
        if process.stdin is not None:
            with suppress(OSError):
                process.stdin.close()
