"""One caller's connection: HTTP/1.1 as a server. Reads requests within bounds, has each answered in turn, writes the replies.

Knows no paths and no errors but those of HTTP itself. One task answers what has come; a connection at rest has none, and bytes
of a reply go from the walk to the transport in the same turn of the loop. What two readers could read differently is refused, here
by the parser (llhttp, with none of its leniencies), or by the walk (`Asked.odd`).
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol, cast
from urllib.parse import unquote

import httptools

from modicum.errors import RequestError
from modicum.gateway.exchange import App, Asked, Header
from modicum.gateway.replying import CONTINUE, Replying, refusal

LONGEST_HEAD = 64 * 1024
"""Bytes of a request's head; also of what may lie between two pieces of a body, and of its trailers."""
MOST_HEADERS = 200
MOST_AHEAD = 64
"""Requests that may come before the first of them is answered. Those behind them get no answer, and the connection ends."""
LONGEST_AHEAD = 64 * 1024
"""Bytes behind a request under way; beyond them nothing more is read until it is answered."""
STALL_S = 30.0
"""A caller that leaves bytes lying for so long is gone."""
KEEP_ALIVE_S = 75.0
LINGER_S = 2.0
"""How long a caller who is still sending may go on doing so once the last reply is written, that it may read it."""
NEVER = float("inf")

NOTHING, HEAD, NEXT, END = range(4)
"""What a connection waits for."""


class Owner(Protocol):
    """What all connections of one worker share."""

    loop: asyncio.AbstractEventLoop
    app: App
    header_timeout_s: float
    stopping: bool

    def joined(self, connection: Connection) -> bool:
        """It is there; False where there are too many."""

    def left(self, connection: Connection) -> None:
        """It is gone."""

    def run(self, connection: Connection) -> asyncio.Task[None]:
        """Start its `work`."""


class RefusedError(Exception):
    """Raised through the parser."""


class Connection(asyncio.Protocol):
    """One connection."""

    def __init__(self, owner: Owner) -> None:
        self.loop = owner.loop
        self.transport: asyncio.Transport
        self.closed = False
        self.deaf = False
        """Nothing more is read from it."""
        self.writable: asyncio.Future[None] | None = None
        """Set while the caller reads too slowly."""
        self.asked: Asked | None = None
        """The request that is answered now, or was last."""
        self._owner = owner
        self._parser = httptools.HttpRequestParser(self)
        self._reply: Replying | None = None
        self._task: asyncio.Task[None] | None = None
        self._ahead: deque[tuple[Asked, Replying]] = deque()
        self._latest: Asked | None = None
        self._later: list[bytes] = []
        self._later_bytes = 0
        self._url = b""
        self._headers: list[Header] = []
        self._in_head = False
        self._between = 0
        self._status = 0
        self._expects: Asked | None = None
        self._held = False
        self._awaits = NOTHING
        self._due = NEVER
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = NEVER
        self._stall: asyncio.TimerHandle | None = None

    # ---------------------------------------------------------------------------------------------------- its transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        if self._owner.joined(self):
            self._expect(HEAD)
        else:
            self._refuse(503)

    def data_received(self, data: bytes) -> None:
        if self.deaf:
            return
        if self._task is None or self._latest is None or not self._latest.arrived:
            self._feed(data)
            return
        # It belongs to a request behind the one under way.
        self._later.append(data)
        self._later_bytes += len(data)
        if self._later_bytes > LONGEST_AHEAD:
            self.hold()

    def eof_received(self) -> None:
        """A caller who has closed its side has left."""
        self._must_read()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = self.deaf = True
        self._ahead.clear()
        self._later.clear()
        for timer in (self._timer, self._stall):
            if timer is not None:
                timer.cancel()
        self._timer = self._stall = None
        self._wake()
        if self._task is not None and self._reply is not None and not self._reply.ended:
            self._task.cancel()
        self._owner.left(self)

    def pause_writing(self) -> None:
        if self.writable is None:
            self.writable = self.loop.create_future()
        self._must_read()

    def resume_writing(self) -> None:
        self._wake()
        if self._stall is not None and not self.transport.is_closing():
            self._stall.cancel()
            self._stall = None

    # ------------------------------------------------------------------------------------------------------- its parser

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers = []
        self._in_head = True

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        headers = self._headers  # trailers come here too, and are read by nobody
        headers.append((name.lower(), value))
        if len(headers) > MOST_HEADERS:
            self._give_up(431)

    def on_headers_complete(self) -> None:
        self._in_head = False
        headers = self._headers
        if self._between > LONGEST_HEAD and sum([len(n) + len(v) + 4 for n, v in headers]) + len(self._url) > LONGEST_HEAD:
            self._give_up(431)
        if len(self._ahead) >= MOST_AHEAD:
            self._give_up(503)
        method = self._parser.get_method().decode("ascii")
        raw, _, query = self._url.partition(b"?")
        if not raw.startswith(b"/") and raw.startswith((b"http://", b"https://")):
            raw, headers = self._absolute()
        path = raw.decode("ascii")
        self._latest = asked = Asked(
            method, unquote(path) if "%" in path else path, headers, raw_path=raw, query=query, source=self
        )  # fmt: skip
        keep = self._parser.should_keep_alive()
        framed = True
        if not keep or b"connection" in asked.headers:
            version = self._parser.get_http_version()
            if version not in ("1.0", "1.1"):
                self._give_up(400)
            framed = version == "1.1"
            keep = keep and framed
        self._ahead.append((asked, Replying(self, asked, keep=keep, framed=framed)))
        if b"expect" in asked.headers and asked.headers[b"expect"].lower() == b"100-continue":
            self._expects = asked

    def on_body(self, body: bytes) -> None:
        self._between = 0
        if self._latest is not None:
            self._latest.take(body)

    def on_message_complete(self) -> None:
        self._between = 0
        if self._latest is not None:
            self._latest.end()

    # -------------------------------------------------------------------------------------------------- for the request

    def hold(self) -> None:
        """Read no more for now."""
        if not self._held and not self.closed:
            self._held = True
            self.transport.pause_reading()

    def go_on(self) -> None:
        """Read on; a caller who waits for a word before it sends the body gets it."""
        self._read_on()
        if self._expects is not None and self._expects is self.asked and not self.closed:
            self._expects = None
            self.transport.write(CONTINUE)

    # --------------------------------------------------------------------------------------------------- for its owner

    @property
    def stopping(self) -> bool:
        """The reply that is written now is the last one."""
        return self._owner.stopping or (self.deaf and not self._ahead and not self._status)

    def finish(self) -> None:
        """Close as soon as nothing is under way."""
        if self._task is None and not self.deaf:
            self._close()

    def stop(self, why: str) -> asyncio.Task[None] | None:
        """Cancel what is under way."""
        if self._task is not None:
            self._task.cancel(why)
        else:
            self.transport.abort()
        return self._task

    async def work(self) -> None:
        """Answer what has come, one request after the other."""
        ahead, app = self._ahead, self._owner.app
        while ahead:
            self.asked, self._reply = asked, reply = ahead.popleft()
            try:
                await app(asked, reply)
            except asyncio.CancelledError:
                pass  # whoever cancelled it has closed the connection, or is about to
            except Exception as error:
                self.loop.call_exception_handler({"message": "a request failed", "exception": error, "protocol": self})
            if not (reply.ended and reply.keep) or self._owner.stopping:
                self._task = None
                if not reply.ended:
                    reply.break_off()
                self._close()
                return
            if self._later and not ahead:
                later, self._later, self._later_bytes = b"".join(self._later), [], 0
                self._feed(later, running=True)
        self._task = None
        if self._status:
            self._refuse(self._status)
        else:
            self._read_on()
            self._expect(HEAD if self._in_head else NEXT)

    # ---------------------------------------------------------------------------------------------------------- within

    def _feed(self, data: bytes, *, running: bool = False) -> None:
        self._between += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.deaf = True  # what follows speaks another protocol; the walk says no
        except httptools.HttpParserError:
            self._fault(self._status or 400)
        else:
            if self._between > LONGEST_HEAD:
                self._fault(431)
        if running or self._task is not None:
            return
        if self._ahead:
            self._due, self._awaits = NEVER, NOTHING
            task = self._owner.run(self)
            if not task.done():
                self._task = task
        elif self._status:
            self._refuse(self._status)
        elif self._in_head and self._awaits != HEAD:
            self._expect(HEAD)

    def _fault(self, status: int) -> None:
        """What came cannot be read on from here. Requests before it are still answered."""
        self.deaf = True
        latest = self._latest
        if latest is not None and not latest.arrived and not self._in_head:
            latest.end(RequestError("the body does not end as HTTP says that it should"))
        else:
            self._status = status

    def _give_up(self, status: int) -> None:
        self._status = status
        raise RefusedError

    def _absolute(self) -> tuple[bytes, list[Header]]:
        """Path and headers of a request to a whole URL; the host that it names is the one that was asked."""
        url = httptools.parse_url(self._url)
        if url.host is None:
            raise RefusedError
        host = url.host if url.port is None else b"%s:%d" % (url.host, url.port)
        return url.path or b"/", [*(header for header in self._headers if header[0] != b"host"), (b"host", host)]

    def _refuse(self, status: int) -> None:
        """Say what was wrong with what came, and end the connection."""
        self.deaf = True
        if not self.transport.is_closing():
            self.transport.write(refusal(status))
            self._close()

    def _close(self) -> None:
        """Close it once all is written, but not under the hands of a caller who is still sending."""
        if self.closed or self.transport.is_closing():
            return
        sending = self.deaf or bool(self._later or self._ahead) or (self.asked is not None and not self.asked.arrived)
        self.deaf = True
        self._later.clear()
        self._must_read()
        if sending and self._awaits != END and self.transport.can_write_eof():
            self.transport.write_eof()
            self._read_on()
            self._expect(END)
        else:
            self.transport.close()

    def _read_on(self) -> None:
        if self._held and not self.closed:
            self._held = False
            self.transport.resume_reading()

    def _must_read(self) -> None:
        """Wait for so long only until the caller takes what lies ready."""
        if self._stall is None:
            self._stall = self.loop.call_later(STALL_S, self.transport.abort)

    def _wake(self) -> None:
        waiter, self.writable = self.writable, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _expect(self, what: int) -> None:
        """Something must happen within its time. The timer is only set anew where it would be too late."""
        seconds = (NEVER, self._owner.header_timeout_s or NEVER, KEEP_ALIVE_S, LINGER_S)[what]
        self._awaits = what
        self._due = due = self.loop.time() + seconds
        if due < self._timer_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = due
            self._timer = self.loop.call_at(due, self._tick)

    def _tick(self) -> None:
        self._timer, self._timer_at = None, NEVER
        left = self._due - self.loop.time()
        if left == NEVER:
            return
        if left > 0.001:
            self._timer_at = self._due
            self._timer = self.loop.call_at(self._due, self._tick)
        elif self._awaits == HEAD:
            self._refuse(408)
        else:
            self._close()
