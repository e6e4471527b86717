"""A reply as HTTP/1.1 writes it: the head with how the body ends, then the pieces; whole replies leave in one write."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Sequence
from http import HTTPStatus
from typing import Protocol

from modicum.gateway.exchange import JSON, Asked, Header, Reply
from modicum.wire import error as wire_error

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
BODILESS = frozenset((204, 304))
CHUNKED = (b"transfer-encoding", b"chunked")
CLOSE = (b"connection", b"close")
UNREADABLE = "the request is not HTTP as it should be"
REFUSALS = {
    400: (UNREADABLE, "invalid_http"),
    408: ("the head of the request did not arrive in time", "invalid_http"),
    431: ("the head of the request is too long", "invalid_http"),
    503: ("too many connections, or requests at once on one", "too_many_connections"),
}
_RESET = struct.pack("ii", 1, 0)

_colon = b": ".join


class Line(Protocol):
    """The connection that a reply goes to."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    closed: bool
    writable: asyncio.Future[None] | None

    @property
    def stopping(self) -> bool:
        """The reply that is written now is the last one."""


class Replying(Reply):
    """One reply on one connection."""

    __slots__ = ("_asked", "_bodiless", "_chunked", "_framed", "_held", "_left", "_line", "keep")

    def __init__(self, line: Line, asked: Asked, *, keep: bool, framed: bool) -> None:
        """`keep`: the caller would ask more on this connection. `framed`: it reads chunks (HTTP/1.1)."""
        super().__init__()
        self.keep = keep
        """The connection can be used again after it."""
        self._line = line
        self._asked = asked
        self._framed = framed
        self._bodiless = asked.method == "HEAD"
        self._chunked = False
        self._left: int | None = None
        """Bytes that the head promised and that were not written yet; None: it promised none."""
        self._held = b""
        """A head that leaves with the first piece, or at the end of this turn of the loop."""

    async def start(self, status: int, headers: Sequence[Header], *, length: int | None = None) -> None:
        line = self._line
        if line.writable is not None:
            await line.writable
        self._bodiless = self._bodiless or status in BODILESS
        if length is not None:
            headers = (*headers, (b"content-length", b"%d" % length))
        elif status in BODILESS:
            pass
        elif self._framed:
            headers = (*headers, CHUNKED)
            self._chunked = not self._bodiless
        else:
            self.keep = False  # the end of the connection is the end of the body
        self._left = length
        self._held = self._head(status, headers)
        line.loop.call_soon(self._flush)

    async def write(self, body: bytes, *, last: bool = False) -> None:
        line = self._line
        if line.writable is not None:
            await line.writable
        self._piece(body, last=last)

    def push(self, body: bytes) -> bool:
        line = self._line
        if self._chunked and not (self._held or self.ended or line.closed) and body:  # as most pieces are
            line.transport.write(b"%x\r\n%b\r\n" % (len(body), body))
        else:
            self._piece(body)
        return line.writable is None

    async def room(self) -> None:
        if self._line.writable is not None:
            await self._line.writable

    def _piece(self, body: bytes, *, last: bool = False) -> None:
        if self.ended or not self.started:
            raise RuntimeError("a reply is written out of turn")
        self.ended = last
        if self._bodiless:
            body = b""
        elif self._left is not None:
            self._left -= len(body)
            if self._left < 0 or (last and self._left):
                self.ended = self.keep = False
                raise RuntimeError("a reply has another length than its head says")
        elif self._chunked:
            if last:
                body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
            elif body:
                body = b"%x\r\n%b\r\n" % (len(body), body)
        if self._held:
            body, self._held = self._held + body, b""
        if body:
            self._write(body)

    async def whole(self, status: int, body: bytes, headers: Sequence[Header] = (JSON,)) -> None:
        line = self._line
        if line.writable is not None:
            await line.writable
        if self.started:
            raise RuntimeError("a reply is written out of turn")
        if status not in BODILESS:
            headers = (*headers, (b"content-length", b"%d" % len(body)))
        head = self._head(status, headers)
        self.ended = True
        self._write(head if self._bodiless or status in BODILESS else head + body)

    def break_off(self) -> None:
        """It will not come to its end: whoever takes the end of the connection for the end of the body must see a fault."""
        self._flush()
        if self.started and not self._framed and self._left is None:
            found = self._line.transport.get_extra_info("socket")
            if found is not None and found.family != socket.AF_UNIX:
                found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)

    def _head(self, status: int, headers: Sequence[Header]) -> bytes:
        # A request that was not read to its end leaves bytes that nobody could tell from the next one.
        self.keep = keep = self.keep and self._asked.arrived and not self._line.stopping
        if not keep:
            headers = (*headers, CLOSE)
        head = b"%b%b\r\n\r\n" % (LINES[status], b"\r\n".join(map(_colon, headers)))
        if head.count(b"\n") != len(headers) + 2 or head.count(b"\r") != len(headers) + 2 or b"\0" in head:
            raise RuntimeError("a header holds a line break")
        self.started = True
        return head

    def _flush(self) -> None:
        if self._held:
            held, self._held = self._held, b""
            self._write(held)

    def _write(self, data: bytes) -> None:
        if not self._line.closed:
            self._line.transport.write(data)


def refusal(status: int) -> bytes:
    """All of a reply to what cannot be read as a request."""
    message, code = REFUSALS[status]
    body = wire_error.envelope(message, status=status, code=code)
    headers = [JSON, (b"content-length", b"%d" % len(body)), CLOSE]
    if status == 503:
        headers.append((b"retry-after", b"1"))
    return b"%b%b\r\n\r\n%b" % (LINES[status], b"\r\n".join(map(_colon, headers)), body)


_PHRASES = {status.value: status.phrase for status in HTTPStatus}
LINES = [f"HTTP/1.1 {status} {_PHRASES.get(status, '')}\r\n".encode() for status in range(1000)]
