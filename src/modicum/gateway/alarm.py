"""Say on standard error that something of ours failed: one line, not more often than every ten seconds for one kind."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

from modicum.gateway.log import Form, Log

PAUSE_S = 10.0


class Alarm:
    """Lines carry what failed and how, never a body, a header or a slot."""

    def __init__(
        self, stream: TextIO | None = None, *, pause_s: float = PAUSE_S, form: Form = "text", heard: Callable[[str], None] | None = None
    ) -> None:
        self._log = Log(form, stream)
        self.heard = heard
        """Told of the kind of every alarm, printed or not."""
        self._pause_s = pause_s
        self._last: dict[str, tuple[float, int]] = {}

    def ring(self, kind: str, what: str) -> None:
        """Print `what` unless the same kind rang a moment ago; then it is counted and the next line says how often."""
        if self.heard is not None:
            self.heard(kind)
        now = time.monotonic()
        last, missed = self._last.get(kind, (-self._pause_s, 0))
        if now - last < self._pause_s:
            self._last[kind] = (last, missed + 1)
            return
        self._last[kind] = (now, 0)
        self._log.alarm(kind, what, missed=missed)


def name(error: BaseException) -> str:
    """An exception as an alarm may tell it: its class, and its own text only where it is one of ours."""
    own = getattr(error, "message", "")
    return f"{type(error).__name__}: {own}" if own else type(error).__name__
