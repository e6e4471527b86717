"""Server-sent events out of bytes, however they are cut, and bytes out of events.

Lines may end in LF, CR or CRLF, a byte order mark may stand first, comments and `id:`/`retry:` are passed over, data lines
of one event are joined by a line feed (WHATWG HTML, section 9.2, read 2026-11-22). What the data says is not looked at.
An event that the sender did not end with an empty line counts only where its last line is whole and the body has ended.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from modicum.errors import UpstreamError

LONGEST_LINE = 1 << 20
LONGEST_EVENT = 4 << 20

_LINE_END = re.compile(rb"\r\n|\n|\r")


class Sent(NamedTuple):
    name: str
    """What stood after `event:`, empty where nothing did."""
    data: bytes


class Splitter:
    """One stream, taken apart into events. Memory is bounded by both limits."""

    def __init__(self, *, longest_line: int = LONGEST_LINE, longest_event: int = LONGEST_EVENT) -> None:
        self._longest_line = longest_line
        self._longest_event = longest_event
        self._pieces: list[bytes] = []
        self._size = 0
        self._after_cr = False
        self._first = True
        self._name = ""
        self._data: list[bytes] = []
        self._data_size = 0

    @property
    def partial(self) -> bool:
        """Bytes of an unfinished line are held."""
        return self._size > 0

    def feed(self, chunk: bytes) -> list[Sent]:
        """The events that are whole now. Raises UpstreamError where a line or an event is longer than allowed."""
        if not chunk:
            return []
        if self._after_cr and chunk[:1] == b"\n":
            chunk = chunk[1:]
        self._after_cr = chunk[-1:] == b"\r" if chunk else False
        if b"\n" not in chunk and b"\r" not in chunk:
            self._hold(chunk)
            return []
        self._pieces.append(chunk)
        data = b"".join(self._pieces)
        *lines, rest = _LINE_END.split(data) if b"\r" in data else data.split(b"\n")
        self._pieces, self._size = [], 0
        self._hold(rest)
        found: list[Sent] = []
        for line in lines:
            self._take(line, found)
        return found

    def end(self) -> list[Sent]:
        """The body has ended: the last event, where all its lines are whole."""
        found: list[Sent] = []
        if not self.partial and self._data:
            self._take(b"", found)
        return found

    def _hold(self, piece: bytes) -> None:
        if piece:
            self._pieces.append(piece)
            self._size += len(piece)
            if self._size > self._longest_line:
                raise UpstreamError(f"the provider's stream has a line of more than {self._longest_line} bytes")

    def _take(self, line: bytes, found: list[Sent]) -> None:
        if len(line) > self._longest_line:
            raise UpstreamError(f"the provider's stream has a line of more than {self._longest_line} bytes")
        if self._first:
            self._first = False
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            if self._data:
                found.append(Sent(self._name, b"\n".join(self._data)))
            self._name, self._data, self._data_size = "", [], 0
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data_size += len(value) + 1
            if self._data_size > self._longest_event:
                raise UpstreamError(f"the provider's stream has an event of more than {self._longest_event} bytes")
            self._data.append(value)
        elif name == b"event":
            self._name = value.decode("utf-8", "replace")


def event(data: bytes, name: str = "") -> bytes:
    """One event. `data` of several lines becomes several data lines."""
    head = b"event: " + name.encode() + b"\n" if name else b""
    lines = _LINE_END.split(data) if b"\n" in data or b"\r" in data else [data]
    return head + b"".join(b"data: " + line + b"\n" for line in lines) + b"\n"
