"""What every stream on its way through has in common: which bytes may be handed on, and what is kept back until it is recorded.

The bytes themselves never change, whatever they are. What a stream says is read by a dialect's own class: many events at a time, or when
somebody asks, for nobody waits for it before the stream ends.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

_decode = msgspec.json.Decoder().decode

LONGEST_LINE = 1 << 20
"""An unfinished line is kept back until it ends, but no more than this of it."""
LONGEST_END = 16 << 20
"""Bytes of the event that ends a stream; a longer one is not read."""
MOST_TEXT = 32 << 20
"""Characters that are added up; of a longer stream only the figures are kept."""
MOST_UNREAD = 32 << 10
"""Bytes of events that wait to be read."""

LINE_END = re.compile(rb"\r\n|\n|\r")


def cut(lines: bytes) -> list[bytes]:
    """At every end of a line, whichever of the three it is."""
    return LINE_END.split(lines) if b"\r" in lines else lines.split(b"\n")


class Passing:
    """One stream on its way through, at an endpoint whose streams are not read."""

    def __init__(self) -> None:
        self.done = False
        """The stream said that it is whole; that, and what follows, is in `rest()`."""
        self._held = b""
        self._text = 0
        self._later: list[bytes] = []
        self._later_bytes = 0
        self._error: dict[str, Any] | None = None
        self._strange = 0

    @property
    def error(self) -> dict[str, Any] | None:
        """The error that the sender reported inside the stream."""
        self._catch_up()
        return self._error

    @property
    def unread(self) -> int:
        """Events that are not JSON objects; they pass all the same."""
        self._catch_up()
        return self._strange

    def feed(self, chunk: bytes) -> bytes:
        """What may be handed on now."""
        return chunk

    def rest(self) -> bytes:
        """What was kept back; empty afterwards. The end with all that came after it, or an unfinished line."""
        held, self._held = self._held, b""
        return held

    @property
    def finished(self) -> bool:
        """Every answer in it has said why it ended."""
        return False

    def response(self) -> dict[str, Any] | None:
        """The plain response that the stream so far adds up to, in its own dialect; None where there is none."""
        return None

    def _keep(self, lines: bytes) -> None:
        """Read these lines, now or later."""
        self._later.append(lines)
        self._later_bytes += len(lines)
        if self._later_bytes > MOST_UNREAD:
            self._catch_up()

    def _catch_up(self) -> None:
        """Read all that was kept for later."""
        if self._later:
            lines = self._later[0] if len(self._later) == 1 else b"".join(self._later)
            self._later.clear()
            self._later_bytes = 0
            self._read(lines)

    def _read(self, lines: bytes) -> None:
        for line in cut(lines):
            if not line.startswith(b"data:"):
                continue
            try:
                event = _decode(line[5:])
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                self._strange += 1
                continue
            if isinstance(event, dict):
                self._take(event)
            else:
                self._strange += 1

    def _take(self, event: dict[str, Any]) -> None:
        """Take one event in."""


class ByEvent(Passing):
    """A stream whose last event has a type of its own. It is kept back from that event's first line on, and read with it."""

    ends: tuple[bytes, ...] = ()
    """Types of the events that end it."""

    def __init__(self) -> None:
        super().__init__()
        self._ending = False

    def feed(self, chunk: bytes) -> bytes:
        if not self._held and chunk.endswith(b"\n") and not (self._ending or self.done):
            for name in self.ends:
                if name in chunk:
                    break
            else:  # whole lines, and no end among them
                self._keep(chunk)
                return chunk
        data = self._held + chunk if self._held else chunk
        if self.done:
            self._held = data
            return b""
        if self._ending:
            self._held = data
            if b"\n" in chunk or b"\r" in chunk or len(data) > LONGEST_END:
                self._last()
            return b""
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if len(data) - end > LONGEST_LINE:
            end = len(data)
        ready = data[:end]
        if (at := self._end_at(ready)) >= 0:
            self._ending = True
            ready, end = data[:at], at
        self._held = data[end:]
        if ready:
            self._keep(ready)
        if self._ending:
            self._last()
        return ready

    def _end_at(self, lines: bytes) -> int:
        """Where the first line of the last event begins, -1 where it is not there. Text inside an event may hold the same word."""
        found = -1
        for name in self.ends:
            at = lines.find(name)
            while at >= 0:
                start = max(lines.rfind(b"\n", 0, at), lines.rfind(b"\r", 0, at)) + 1
                line = LINE_END.split(lines[start:], 1)[0]
                if _is_of(line, name):
                    found = start if found < 0 else min(found, start)
                    break
                at = lines.find(name, at + 1)
        return found

    def _last(self) -> None:
        """Read the last event once its data is whole."""
        lines = LINE_END.split(self._held)
        data = next((line for line in lines[:-1] if line.startswith(b"data:")), None)
        if data is None and len(self._held) <= LONGEST_END:
            return
        self.done = True
        if data is not None:
            self._keep(data)


def _is_of(line: bytes, name: bytes) -> bool:
    """The line begins an event of this type: it names it, or is the data of one that nothing named."""
    if line.startswith(b"event:"):
        return line[6:].strip() == name
    if not line.startswith(b"data:"):
        return False
    try:
        event = _decode(line[5:])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(event, dict) and event.get("type") == name.decode()
