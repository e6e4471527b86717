"""Server-sent events (WHATWG HTML, section 9.2): bytes in any pieces -> events, within bounds.

A byte order mark, CR, LF and CRLF line ends, comments, fields without a colon and several data lines are as the standard has
them. Only at the end of a stream is an event without its blank line still given out: some servers leave that out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from modicum.errors import UpstreamError

LONGEST_LINE = 1 << 20
"""Bytes of one line."""
LONGEST_EVENT = 4 << 20
"""Bytes of the data lines of one event."""

_decode = msgspec.json.Decoder().decode

COMMENT = ("", None)
"""What is given for a comment: the connection lives."""

Found = tuple[str, bytes | None]
"""(event type, "" where none was told; its data)."""


class Events:
    """One stream. Raises UpstreamError where a line or an event is longer than anybody's."""

    def __init__(self) -> None:
        self._held = b""
        self._started = False
        self._skip_lf = False
        self._type = ""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[Found]:
        """The events that end in this chunk. Must be read to its end before the next chunk comes."""
        data = self._held + chunk if self._held else chunk
        if not self._started:
            if len(data) < 3 and b"\xef\xbb\xbf".startswith(data):
                self._held = data
                return
            self._started = True
            data = data.removeprefix(b"\xef\xbb\xbf")
        if self._skip_lf and data:
            data = data.removeprefix(b"\n")
            self._skip_lf = False
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        self._held = data[end:]
        if len(self._held) > LONGEST_LINE:
            raise UpstreamError(f"the provider's stream has a line of over {LONGEST_LINE} bytes")
        if not end:
            return
        self._skip_lf = data[end - 1] == 13  # a CR; the LF of the same line end may come with the next chunk
        yield from self._lines(data[:end])

    def end(self) -> Iterator[Found]:
        """What was not ended by a blank line."""
        held, self._held = self._held, b""
        yield from self._lines(held + b"\n\n")

    def _lines(self, data: bytes) -> Iterator[Found]:
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        lines = data.split(b"\n")
        lines.pop()
        for line in lines:
            if not line:
                if self._data:
                    yield self._type, b"\n".join(self._data)
                self._type, self._data, self._size = "", [], 0
                continue
            if len(line) > LONGEST_LINE:
                raise UpstreamError(f"the provider's stream has a line of over {LONGEST_LINE} bytes")
            name, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if name == b"data":
                self._size += len(value) + 1
                if self._size > LONGEST_EVENT:
                    raise UpstreamError(f"the provider's stream has an event of over {LONGEST_EVENT} bytes")
                self._data.append(value)
            elif name == b"event":
                self._type = value.decode("utf-8", "replace")
            elif not name:
                yield COMMENT


def json_of(data: bytes) -> dict[str, Any]:
    """The JSON object in an event's data. Raises UpstreamError."""
    try:
        value = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamError("an event of the provider's stream is not JSON") from None
    if not isinstance(value, dict):
        raise UpstreamError("an event of the provider's stream is no JSON object")
    return value


def event(data: bytes, name: str = "") -> bytes:
    """One event with its blank line; `data` without line ends, as JSON is."""
    return (b"event: " + name.encode() + b"\n" if name else b"") + b"data: " + data + b"\n\n"
