"""A provider's reply, while it is being read. Where its bytes come from is another's matter."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from modicum.errors import UpstreamError

BUFFER_BYTES = 256 * 1024
"""So much of a reply waits for its reader; beyond it nothing more is read from the provider."""


class Source(Protocol):
    """The connection that a reply comes from."""

    loop: asyncio.AbstractEventLoop

    def drop(self, reply: Reply) -> None:
        """The reader of this reply has left."""

    def resume(self) -> None:
        """The reader has taken what waited."""


class Reply:
    """A response whose head has arrived. Read `chunks` to the end or `close` it."""

    __slots__ = (
        "_connection",
        "_error",
        "_fault",
        "_named",
        "_pieces",
        "_sink",
        "_size",
        "_waiter",
        "_whole",
        "framed",
        "headers",
        "stale",
        "status",
        "where",
    )

    def __init__(self, connection: Source, where: str) -> None:
        self.where = where
        """`scheme://host`, for messages."""
        self.status = 0
        self.headers: Sequence[tuple[bytes, bytes]] = ()
        """As received, in order, repeated names included; names in lower case."""
        self.framed = False
        """The end of the body is told apart from a broken connection."""
        self.stale = False
        """The provider closed the connection before a byte of the reply came."""
        self._connection: Source | None = connection
        self._named: dict[bytes, bytes] | None = None
        self._pieces: list[bytes] = []
        self._size = 0
        self._whole = False
        self._error: UpstreamError | None = None
        self._fault: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._sink: Callable[[bytes], bool] | None = None

    @property
    def read(self) -> bool:
        """All of the body has come, and was taken."""
        return self._whole and not self._pieces

    def take_whole(self) -> bytes | None:
        """The body, where all of it has come and nobody waits for more; None: read `chunks`."""
        return self._take() if self._whole and self._pieces else None

    def header(self, name: str) -> str:
        """The first value of a header (name in lower case), empty where there is none."""
        if self._named is None:
            self._named = dict(reversed(self.headers))
        found = self._named.get(name.encode())
        return "" if found is None else found.decode("latin-1")

    def chunks(self) -> Reply:
        """The body as it arrives. Raises UpstreamError where it breaks off, UpstreamTimeoutError where it stalls."""
        return self

    def __aiter__(self) -> Reply:
        return self

    async def __anext__(self) -> bytes:
        while True:
            if self._pieces:
                return self._take()
            if self._error is not None:
                raise self._error
            if self._whole:
                raise StopAsyncIteration
            await self._wait()

    async def pour(self, sink: Callable[[bytes], bool]) -> bool:
        """Give what arrives to `sink` in the same turn of the loop, until it says no more for now; False where the body is whole.

        What arrives after it said so waits here, and then at the provider. Raises what `sink` does; otherwise as `chunks`.
        """
        if self._pieces and not sink(self._take()):
            return True
        self._sink = sink
        try:
            while self._sink is not None and not self._whole and self._error is None:
                await self._wait()
        finally:
            stopped, self._sink = self._sink is None, None
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise fault
        if self._pieces or (stopped and not self._whole):
            return True
        if self._error is not None:
            raise self._error
        return False

    def close(self) -> None:
        """Done with it; where the body was not read to its end, its connection is closed. May be called twice."""
        if self._connection is not None:
            self._connection.drop(self)
        self._pieces.clear()
        self._size = 0

    async def head(self) -> None:
        """Wait for the head. Raises UpstreamError where it does not come, UpstreamTimeoutError where it takes too long."""
        while not self.status:
            if self._error is not None:
                raise self._error
            await self._wait()

    def add(self, piece: bytes) -> int:
        """A piece of the body came: give it to whoever pours, or keep it; bytes that wait now."""
        if self._sink is None:
            self._pieces.append(piece)
            self._size += len(piece)
        else:
            try:
                if self._sink(piece):
                    return 0
            except Exception as fault:  # the connection has nothing to do with it: it belongs to who pours
                self._fault = fault
            self._sink = None
        self.wake()
        return self._size

    def end(self, error: UpstreamError | None = None) -> None:
        """The body is whole, or broke off: the connection is no longer the reply's."""
        self._connection = None
        if error is None:
            self._whole = True
        else:
            self._error = error
        self.wake()

    def wake(self) -> None:
        """Something came for whoever waits."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _take(self) -> bytes:
        pieces = self._pieces
        found = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        full = self._size > BUFFER_BYTES
        self._size = 0
        if full and self._connection is not None:
            self._connection.resume()
        return found

    async def _wait(self) -> None:
        if self._connection is None:
            raise UpstreamError(f"the reply of {self.where} was closed")
        self._waiter = self._connection.loop.create_future()
        try:
            await self._waiter
        except asyncio.CancelledError:
            self.close()
            raise
        finally:
            self._waiter = None
