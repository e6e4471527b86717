"""What stands at one port, or at one socket: connections come in, an application answers, and at the end they drain."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Coroutine
from typing import Any

from modicum.config import ServeConfig
from modicum.gateway.exchange import App
from modicum.gateway.protocol import Connection

BACKLOG = 2048
LAST_S = 3.0
"""How long what is cancelled when the time to drain is over may take to write its records."""


class Front:
    """The connections of one worker."""

    def __init__(self, app: App, limits: ServeConfig) -> None:
        """To be made where the loop runs."""
        self.loop = asyncio.get_running_loop()
        self.app = app
        self.header_timeout_s = limits.header_timeout_s
        self.stopping = False
        self._most = limits.max_connections
        self._connections: set[Connection] = set()
        self._empty = asyncio.Event()

    def connection(self) -> Connection:
        """For the loop: one for each that was accepted."""
        return Connection(self)

    def joined(self, connection: Connection) -> bool:
        self._connections.add(connection)
        return not 0 < self._most < len(self._connections)

    def left(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    def run(self, connection: Connection) -> asyncio.Task[None]:
        return _start(self.loop, connection.work())

    async def drain(self, within_s: float) -> None:
        """Close what rests, let what is under way finish, and end what is not finished then."""
        self.stopping = True
        for connection in tuple(self._connections):
            connection.finish()
        await self._emptied(within_s)
        tasks = [connection.stop("the time to drain is over") for connection in tuple(self._connections)]
        if waiting := [task for task in tasks if task is not None]:
            await asyncio.wait(waiting, timeout=LAST_S)
        await self._emptied(LAST_S)

    async def _emptied(self, within_s: float) -> None:
        self._empty.clear()
        if self._connections:
            try:
                await asyncio.wait_for(self._empty.wait(), within_s)
            except TimeoutError:
                return


async def serve(app: App, bound: socket.socket, limits: ServeConfig, stopped: asyncio.Event) -> None:
    """Answer on a bound socket, of a port or of a path, until `stopped` is set; then drain within `limits.drain_s`."""
    front = Front(app, limits)
    if bound.family == socket.AF_UNIX:
        server = await front.loop.create_unix_server(front.connection, sock=bound, backlog=BACKLOG)
    else:
        server = await front.loop.create_server(front.connection, sock=bound, backlog=BACKLOG)
    try:
        await stopped.wait()
    finally:
        server.close()
        await front.drain(limits.drain_s)


def _start(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """A task that begins at once where Python has such."""
    if sys.version_info >= (3, 12):
        return asyncio.Task(work, loop=loop, name="caller", eager_start=True)
    return asyncio.Task(work, loop=loop, name="caller")  # a name of its own would be written for each
