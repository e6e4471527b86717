"""uvicorn's HTTP/1.1 protocol with what it lacks towards strangers: time and size limits for heads, a limit for callers
who do not read, refusals as JSON, and cancellation of the work for a caller who left.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from modicum.config import ServeConfig
from modicum.wire import error as wire_error

LONGEST_HEAD = 64 * 1024
MOST_HEADERS = 200
STALL_S = 30.0
"""A caller that takes nothing for so long, while bytes wait for it, is gone."""


REFUSALS = {
    408: ("the head of the request did not arrive in time", "invalid_http"),
    431: ("the head of the request is too long", "invalid_http"),
    503: ("too many connections", "too_many_connections"),
}


class HeadError(Exception):
    """The head of a request is too long."""


class Guarded(HttpToolsProtocol):
    """One connection."""

    header_timeout_s: ClassVar[float] = 10.0
    max_connections: ClassVar[int] = 4096

    def __init__(
        self, config: Config, server_state: ServerState, app_state: dict[str, Any], _loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._stall_timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._running: RequestResponseCycle | None = None
        self._status = 400

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.max_connections > 0:
            self._status = 503
            self.send_400_response("")
            return
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_timer = _stop(self._head_timer)
        self._stall_timer = _stop(self._stall_timer)
        self._unset_keepalive_if_required()
        unfinished = self._running is not None and not self._running.response_complete
        if unfinished and self._running is not None:
            self._running.disconnected = True
        super().connection_lost(exc)
        if unfinished and self._task is not None:
            self._task.cancel()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0
        if self._head_timer is None:
            self._expect_head()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._count(len(name) + len(value) + 4)

    def on_headers_complete(self) -> None:
        self._head_timer = _stop(self._head_timer)
        super().on_headers_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stall_timer is None:
            self._stall_timer = self.loop.call_later(STALL_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stall_timer = _stop(self._stall_timer)

    def send_400_response(self, msg: str) -> None:
        """What cannot be read as HTTP is refused in JSON, and the connection ends."""
        self._head_timer = _stop(self._head_timer)
        if self.transport.is_closing():
            return
        if self._running is not None and not self._running.response_complete:
            self.transport.close()  # another reply is under way; nothing may be mixed into it
            return
        message, code = REFUSALS.get(self._status, (msg, "invalid_http"))
        body = wire_error.envelope(message, status=self._status, code=code)
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n" % len(body)
        head += b"retry-after: 1\r\n\r\n" if self._status == 503 else b"\r\n"
        self.transport.write(STATUS_LINE[self._status] + head + body)
        self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        self._task = task = self.loop.create_task(cycle.run_asgi(app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def _expect_head(self) -> None:
        if self.header_timeout_s > 0:
            self._head_timer = self.loop.call_later(self.header_timeout_s, self._head_too_slow)

    def _head_too_slow(self) -> None:
        self._head_timer = None
        self._status = 408
        self.send_400_response("")

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > LONGEST_HEAD or len(self.headers) > MOST_HEADERS:
            self._status = 431
            raise HeadError


def protocol(limits: ServeConfig) -> type[Guarded]:
    """The protocol class under these limits."""
    return type("Guarded", (Guarded,), {"header_timeout_s": limits.header_timeout_s, "max_connections": limits.max_connections})


def _stop(timer: asyncio.TimerHandle | None) -> asyncio.TimerHandle | None:
    """Cancel a timer, if there is one; what stands in its place then."""
    if timer is not None:
        timer.cancel()
    return None
