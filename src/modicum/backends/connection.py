"""One connection to a provider.

Speaks HTTP/1.1 as a client: writes one request, reads one reply, goes back to its pool. Bytes are handed on in the turn of the
loop in which they arrive: one future is woken, no task and no queue stands between. Knows nothing of addresses or TLS.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol, cast

import httptools

from modicum.backends.reply import BUFFER_BYTES, Reply
from modicum.errors import UpstreamError, UpstreamTimeoutError

LONGEST_HEAD = 64 * 1024
"""Bytes of a reply's head; also of what may lie between two pieces of a body (chunk extensions, trailers)."""
MOST_HEADERS = 256
LONGEST_BODY = 1 << 40
"""A content-length beyond this is taken for nonsense."""
NEVER = float("inf")
LATE_S = 0.05
"""A timer that comes so much too late says that our own loop stood still: what came meanwhile is read before a provider is blamed."""


class Owner(Protocol):
    """Who is told what becomes of a connection."""

    def give(self, connection: Connection) -> None:
        """Its reply is whole: it may serve again."""

    def lost(self, connection: Connection) -> None:
        """It is closed."""


class Connection(asyncio.Protocol):
    """One connection; `ask` when it is idle, then it belongs to the reply until that is whole."""

    def __init__(self, owner: Owner, loop: asyncio.AbstractEventLoop, where: str, idle_s: float) -> None:
        self.loop = loop
        self.used = False
        """It has brought a whole reply before."""
        self._owner = owner
        self._where = where
        self._idle_s = idle_s
        self._now = loop.time
        self._transport: asyncio.Transport | None = None
        self._came: list[bytes] = []
        self.on_body = self._came.append
        """For the parser: the pieces of the body in what came just now."""
        self._parser = httptools.HttpResponseParser(self)
        self._feed: Callable[[bytes], None] = self._parser.feed_data
        self._reply: Reply | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._between = self._trailers = 0
        self._begun = False
        self._body_due = False
        self._interim = False
        self._complete = False
        self._bodiless = False
        self._keep = False
        self._paused = False
        self._fault = ""
        self._silence_s = NEVER
        self._deadline = NEVER
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = NEVER

    # ------------------------------------------------------------------------------------------------------- its owner

    @property
    def alive(self) -> bool:
        """Open, idle, and nothing came on it that nobody asked for."""
        return self._transport is not None and self._reply is None and not self._transport.is_closing()

    def ask(self, request: Sequence[bytes], *, first_byte_s: float, silence_s: float, bodiless: bool) -> Reply:
        """Send one request. Seconds until the reply must begin, and of silence within it; 0: no limit."""
        assert self._transport is not None
        self._reply = reply = Reply(self, self._where)
        self._headers = []
        self._came.clear()
        self._between = self._trailers = 0
        self._begun = self._body_due = self._interim = self._complete = self._keep = False
        self._bodiless = bodiless
        self._silence_s = silence_s or NEVER
        self._expect(first_byte_s or NEVER)
        if len(request) == 1:
            self._transport.write(request[0])
        else:
            self._transport.writelines(request)
        return reply

    def drop(self, reply: Reply) -> None:
        """The reader of this reply has left."""
        if self._reply is reply:
            self.abort()

    def rest(self) -> None:
        """Idle from now on; closes itself after a while."""
        self._expect(self._idle_s)

    def resume(self) -> None:
        """The reader has taken what waited."""
        if self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = False
            self._transport.resume_reading()
            self._expect(self._silence_s)

    def abort(self) -> None:
        """Close it now, whatever is under way."""
        reply, self._reply = self._reply, None
        if reply is not None:
            reply.end(UpstreamError(f"the connection to {self._where} was closed"))
        if self._transport is not None:
            self._transport.abort()

    # ---------------------------------------------------------------------------------------------------- its transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        reply = self._reply
        if reply is None:
            self.abort()  # nobody asked: what comes now must not be taken for the next reply
            return
        self._begun = True
        self._between += len(data)
        fault = ""
        try:
            self._feed(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            fault = self._fault or type(error).__name__
        came = self._came
        if came and not self._bodiless:
            self._between = 0
            waiting = reply.add(came[0] if len(came) == 1 else b"".join(came))
            came.clear()
            if waiting > BUFFER_BYTES:
                self._pause()
        elif self._body_due:
            reply.wake()
        if self._complete:
            if fault:
                self._keep = False  # the reply is whole; what came after it is nobody's
            self._done()
        elif fault or self._between > LONGEST_HEAD:
            fault = fault or "too much between two pieces of its reply"
            self._fail(UpstreamError(f"{self._where} did not answer as an HTTP server does ({fault})"))
        elif self._body_due and not self._paused:
            self._deadline = due = self._now() + self._silence_s
            if due < self._timer_at:
                self._expect(self._silence_s)

    def eof_received(self) -> None:
        self._ended(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended(exc)
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._owner.lost(self)

    # ------------------------------------------------------------------------------------------------------- its parser

    def on_message_begin(self) -> None:
        if self._complete:
            self._refuse("bytes after the end of a reply")

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._body_due:
            self._headers.append((name.lower(), value))
            if len(self._headers) > MOST_HEADERS:
                self._refuse("its head is too long")
        else:  # trailers are not kept
            self._trailers += 1
            if self._trailers > MOST_HEADERS:
                self._refuse("its head is too long")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            if status == 101:
                self._refuse("it switched protocols")
            self._interim = True
            self._headers = []
            return
        reply, headers = self._reply, self._headers
        assert reply is not None
        values = b"".join([value for _, value in headers])
        if len(values) > LONGEST_HEAD:
            self._refuse("its head is too long")
        if b"\n" in values or b"\r" in values or b"\0" in values:
            self._refuse("a header holds a line break")
        last = dict(headers)
        length = last.get(b"content-length")  # the parser takes no second one
        if length is not None and (len(length) > 15 or int(length) > LONGEST_BODY):
            self._refuse("its length is absurd")
        coding = last.get(b"transfer-encoding")
        reply.framed = (
            (length is not None if coding is None else coding.lower().strip().endswith(b"chunked"))
            or self._bodiless
            or status in (204, 304)
        )
        reply.headers = headers
        reply.status = status
        self._body_due = True
        self._between = 0
        self._keep = self._parser.should_keep_alive()
        if self._bodiless:
            self._complete, self._keep = True, False  # the parser would wait for the body that the head speaks of

    def on_message_complete(self) -> None:
        if self._interim:
            self._interim = False
        else:
            self._complete = True

    # ---------------------------------------------------------------------------------------------------------- within

    def _pause(self) -> None:
        """Read no more until the reader has taken what waits."""
        if not self._paused and self._transport is not None:
            self._paused = True
            self._deadline = NEVER
            self._transport.pause_reading()

    def _refuse(self, fault: str) -> None:
        self._fault = fault
        raise ValueError(fault)

    def _done(self) -> None:
        """The reply is whole. A request that was not sent to its end leaves a connection that nobody can use."""
        reply, self._reply = self._reply, None
        transport = self._transport
        assert reply is not None
        reply.end()
        if transport is None:
            return
        if self._keep and not transport.is_closing() and not transport.get_write_buffer_size():
            if self._paused:
                self._paused = False
                transport.resume_reading()
            self.used = True
            self._owner.give(self)
        else:
            transport.abort()

    def _ended(self, exc: Exception | None) -> None:
        """The provider has closed its side: the end of a body without a length, a fault for any other."""
        reply = self._reply
        if reply is not None:
            if exc is None and self._body_due and not reply.framed:
                self._keep = False
                self._done()
            else:
                reply.stale = not self._begun
                self._fail(UpstreamError(f"{self._where} broke off its reply"))
        elif self._transport is not None:
            self._transport.abort()

    def _fail(self, error: UpstreamError) -> None:
        reply, self._reply = self._reply, None
        if reply is not None:
            reply.end(error)
        if self._transport is not None:
            self._transport.abort()

    def _expect(self, within_s: float) -> None:
        """Something must happen within so many seconds. The timer is only set again where it would be too late."""
        self._deadline = due = self.loop.time() + within_s
        if due < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self.loop.call_at(due, self._tick)
            self._timer_at = due

    def _tick(self) -> None:
        self._timer, self._timer_at = None, NEVER
        left = self._deadline - self.loop.time()
        if left == NEVER:
            return
        if left > 0.001:
            self._timer_at = self._deadline
            self._timer = self.loop.call_at(self._deadline, self._tick)
        elif left < -LATE_S:
            self._expect(LATE_S)
        elif self._reply is None:
            self.abort()
        else:
            hint = "connect_timeout_s, first_byte_timeout_s and read_timeout_s of the provider say how long to wait"
            self._fail(UpstreamTimeoutError(f"{self._where} did not answer in time", hint=hint))
