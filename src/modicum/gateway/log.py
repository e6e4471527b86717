"""Lines on standard error, as text or as JSON. They carry what happened and to what of ours, never a body, a header or a secret."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Literal, TextIO

import msgspec

Form = Literal["text", "json"]


class Log:
    """One line an event."""

    def __init__(self, form: Form = "text", stream: TextIO | None = None, *, heard: Callable[[str], None] | None = None) -> None:
        self._form = form
        self._stream = stream
        self._heard = heard
        """Told of the kind of every alarm."""

    def alarm(self, kind: str, what: str, *, missed: int = 0) -> None:
        """Something of ours failed. `missed`: how many more like this went untold since the last line."""
        if self._heard is not None:
            self._heard(kind)
        again = f" ({missed} more like this before)" if missed else ""
        about: dict[str, object] = {"kind": kind, "message": what} | ({"missed": missed} if missed else {})
        self._line("alarm", f"modicum alarm: {kind}: {what}{again}", "error", about)

    def started(self, *, url: str, upstream: str, workers: int, observe: bool) -> None:
        """The gateway accepts connections."""
        about: dict[str, object] = {
            "message": f"listening on {url}",
            "url": url,
            "upstream": upstream,
            "workers": workers,
            "observe": observe,
        }
        self._line("started", f"modicum: listening on {url} before {upstream}", "info", about)

    def _line(self, event: str, text: str, level: str, about: dict[str, object]) -> None:
        if self._form == "json":
            head = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "level": level, "event": event, "pid": os.getpid()}
            text = msgspec.json.encode(head | about).decode()
        else:
            text = "".join(c if c.isprintable() else " " for c in text)
        with suppress(OSError, ValueError):  # a full disk, a closed pipe: what is under way goes on without the line
            print(text, file=self._stream or sys.stderr, flush=True)
