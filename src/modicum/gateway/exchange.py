"""One request and its reply, as the walk sees them. Where they come from and go to is another's matter: a connection, or a library."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from modicum.errors import ModicumError, RequestError, RequestTimeoutError, RequestTooLargeError
from modicum.types import Endpoint
from modicum.wire import error as wire_error

Header = tuple[bytes, bytes]
JSON = (b"content-type", b"application/json")
PLACES = (b"authorization", b"x-api-key", b"api-key")
"""Headers in which callers show who they are."""
NO_HEADERS: Mapping[bytes, bytes] = MappingProxyType({})
HELD_BYTES = 256 * 1024
"""So much of a body waits for a walk that does not ask for it; beyond it nothing more is read from the caller."""

SINGLE = frozenset(
    (b"host", b"origin", b"content-type", b"content-length", b"content-encoding", b"transfer-encoding", b"authorization")
    + (b"x-api-key", b"api-key", b"x-modicum-key", b"x-modicum-bypass", b"anthropic-version")
)
"""Headers that must not stand twice: two readers could believe different ones."""
NOT_HOP_BY_HOP = SINGLE - {b"transfer-encoding"} | {b"cookie", b"x-request-id"}
"""Headers that `connection` must not name: a proxy that believes it would take them away."""


class Source(Protocol):
    """Where the body comes from."""

    loop: asyncio.AbstractEventLoop

    def hold(self) -> None:
        """Read no more for now."""

    def go_on(self) -> None:
        """Read on; tell a caller who waits for that to send it."""


class Asked:
    """One request: its head, and its body as it arrives."""

    __slots__ = (
        "_error",
        "_keeps",
        "_most",
        "_pieces",
        "_size",
        "_source",
        "_waiter",
        "arrived",
        "headers",
        "method",
        "odd",
        "path",
        "query",
        "raw_path",
        "trusted",
        "unread",
    )

    def __init__(
        self,
        method: str,
        path: str,
        headers: Sequence[Header],
        *,
        raw_path: bytes = b"",
        query: bytes = b"",
        body: bytes | None = None,
        source: Source | None = None,
        trusted: bool = False,
    ) -> None:
        """`headers`: names in lower case. `body`: all of it, where no source is going to bring it."""
        self.method = method
        self.path = path
        """Without the query, its %XX resolved."""
        self.raw_path = raw_path
        """As it was sent."""
        self.query = query
        self.headers = table = dict(headers)
        self.trusted = trusted
        """It comes from this very process: nobody needs to be kept out."""
        self.odd = ""
        """What about the headers two readers could read differently; empty where nothing is."""
        if len(table) != len(headers) or b"connection" in table or b"_" in b"".join(table):
            self.odd = _odd(headers)
        self.unread = body is not None or b"content-length" in table or b"transfer-encoding" in table
        """The body was not taken yet."""
        self.arrived = source is None
        """All of the body is here, so that reading it waits for nobody."""
        self._source = source
        self._pieces = [body] if body else []
        self._keeps = True
        self._size = 0
        self._most = HELD_BYTES
        self._error: RequestError | None = None
        self._waiter: asyncio.Future[None] | None = None

    def header(self, name: bytes) -> str:
        """A header's value without surrounding space, empty where there is none."""
        found = self.headers.get(name)
        return "" if found is None else found.decode("latin-1").strip()

    async def body(self, most: int, within_s: float) -> bytes:
        """The body, whole. Raises RequestTooLargeError past `most` bytes, RequestTimeoutError, RequestError where it is no HTTP.

        `within_s`: seconds that it may still take, 0 for any time. Where it has `arrived`, `whole` does the same without waiting.
        """
        if not self.arrived and self._error is None and self._size <= most:
            self._most = most
            if not await self._arrive(within_s):
                raise RequestTimeoutError("the body did not arrive in time", hint="serve.body_timeout_s says how long to wait")
        return self.whole(most)

    def whole(self, most: int) -> bytes:
        """The body that has arrived. Raises RequestTooLargeError, RequestError."""
        if self._error is not None:
            raise self._error
        pieces = self._pieces
        whole = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if self._size > most or len(whole) > most:
            raise RequestTooLargeError(f"the body is longer than {most:,} bytes", hint="serve.max_body_bytes sets the limit")
        self._pieces = []
        self.unread = False
        return whole

    async def drain(self, most: int, within_s: float) -> None:
        """Wait for the rest of the body and throw it away, within bounds: a sender that is still writing would not see the reply."""
        self._pieces, self._keeps = [], False
        if not self.arrived and self._error is None and self._size <= most:
            self._most = most
            await self._arrive(within_s)
        self.unread = not self.arrived

    # ------------------------------------------------------------------------------------------------- for its source

    def take(self, piece: bytes) -> None:
        """A piece of the body."""
        self._size += len(piece)
        if self._keeps:
            self._pieces.append(piece)
        if self._size > self._most:
            self._wake()
            if self._source is not None:
                self._source.hold()

    def end(self, error: RequestError | None = None) -> None:
        """The body is whole, or cannot be read to its end."""
        self._error = error
        self.arrived = error is None
        self._wake()

    # ---------------------------------------------------------------------------------------------------------- within

    async def _arrive(self, within_s: float) -> bool:
        """Wait until the body is whole, or too long, or broken; False where the time was over before."""
        source = self._source
        assert source is not None
        self._waiter = waiter = source.loop.create_future()
        timer = source.loop.call_later(within_s, self._wake) if within_s > 0 else None
        source.go_on()
        try:
            await waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()
        return self.arrived or self._error is not None or self._size > self._most

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Reply:
    """What is sent back, piece by piece; `started` and `ended` say how far it got."""

    __slots__ = ("ended", "started")

    def __init__(self) -> None:
        self.started = False
        self.ended = False

    async def start(self, status: int, headers: Sequence[Header], *, length: int | None = None) -> None:
        """The head; `headers` without a length, which is `length` where it is known."""
        raise NotImplementedError

    async def write(self, body: bytes, *, last: bool = False) -> None:
        """A piece of the body. Waits while the caller reads too slowly."""
        raise NotImplementedError

    def push(self, body: bytes) -> bool:
        """The same without waiting; False where no more may be pushed before `room` was awaited."""
        raise NotImplementedError

    async def room(self) -> None:
        """Wait until the caller has read what was pushed, as far as it must."""
        raise NotImplementedError

    async def whole(self, status: int, body: bytes, headers: Sequence[Header] = (JSON,)) -> None:
        """A reply in one piece."""
        await self.start(status, headers, length=len(body))
        await self.write(body, last=True)

    async def refuse(
        self, error: ModicumError, headers: Iterable[Header] = (), *, endpoint: Endpoint = "chat_completions", request_id: str = ""
    ) -> None:
        """One of our errors as clients of the endpoint's API read them."""
        body = wire_error.body(error, endpoint, request_id)
        await self.whole(error.status or 500, body, (JSON, *wire_error.headers(error), *headers))


App = Callable[[Asked, Reply], Awaitable[None]]
"""Answers one request. It may be cancelled: without arguments where the caller has left, with a word where the time to drain is over."""


def _odd(headers: Sequence[Header]) -> str:
    seen: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in seen and name in SINGLE:
            return f"the header '{name.decode('latin-1')}' stands twice"
        if b"_" in name and name.replace(b"_", b"-") in SINGLE:
            return f"the header '{name.decode('latin-1')[:40]}' is written with an underscore"
        if name == b"connection" and {hop.strip() for hop in value.lower().split(b",")} & NOT_HOP_BY_HOP:
            return "'connection' names a header that is not its own"
        seen[name] = value
    return ""


def text(value: str) -> bytes:
    """A header's value: what is not plain ASCII stands as %XX of its UTF-8."""
    if value.isascii() and value.isprintable():
        return value.encode()
    return b"".join(bytes((b,)) if 32 <= b < 127 else b"%%%02X" % b for b in value.encode("utf-8", "surrogatepass"))
