"""The connections to one place: the newest idle one first, none that anything came on since, none that idled too long."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from pathlib import Path

from modicum.backends.connection import Connection
from modicum.backends.dial import Names, Proxy, Trust, reach, reach_file, reason
from modicum.errors import UpstreamError, UpstreamTimeoutError

IDLE_S = 30.0
"""An unused connection is kept so long; providers close theirs after a minute or more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where connections go."""

    scheme: str
    """http, https or unix"""
    host: str
    """A name, a number, or the path of a Unix socket."""
    port: int
    ca_file: Path | None
    proxy: Proxy | None
    where: str
    """`scheme://host`, for messages."""


class Pool:
    """Connections to one place, in one loop."""

    def __init__(self, place: Place, names: Names, trust: Trust) -> None:
        self.place = place
        self._names = names
        self._trust = trust
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._empty: asyncio.Future[None] | None = None

    def take(self) -> Connection | None:
        """An idle connection that is still open."""
        while self._idle:
            connection = self._idle.pop()
            if connection.alive:
                return connection
        return None

    async def connect(self, within_s: float) -> Connection:
        """A new one; 0: any time. Raises UpstreamError, UpstreamTimeoutError."""
        place = self.place
        try:
            async with asyncio.timeout(within_s or None):
                return await self._connect(within_s)
        except TimeoutError:
            raise UpstreamTimeoutError(
                f"{place.where} could not be reached in {within_s:g} s", hint="connect_timeout_s of the provider says how long to try"
            ) from None
        except ssl.SSLCertVerificationError as error:
            raise UpstreamError(
                f"cannot reach {place.where}: {error.verify_message or reason(error)}",
                hint="ca_file of the provider, or SSL_CERT_FILE, names certificates to trust",
            ) from None
        except (OSError, ssl.SSLError) as error:
            raise UpstreamError(f"cannot reach {place.where}: {reason(error)}", hint="is its url right, and is it running?") from None

    async def close(self) -> None:
        """Close every connection, and wait until the loop has done so."""
        for connection in list(self._open):
            connection.abort()
        if self._open:
            self._empty = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._empty], timeout=1.0)

    def give(self, connection: Connection) -> None:
        connection.rest()
        self._idle.append(connection)

    def lost(self, connection: Connection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if not self._open and self._empty is not None and not self._empty.done():
            self._empty.set_result(None)

    async def _connect(self, within_s: float) -> Connection:
        place, loop = self.place, asyncio.get_running_loop()
        secure = place.scheme == "https"
        context = await self._trust.context(place.ca_file) if secure else None
        if place.scheme == "unix":
            found = await reach_file(place.host)
        else:
            found = await reach(self._names, place.host, place.port, place.proxy, tunnel=secure)
        connection = Connection(self, loop, place.where, IDLE_S)
        try:
            if context is None:
                await loop.create_connection(lambda: connection, sock=found)
            else:
                await loop.create_connection(
                    lambda: connection,
                    sock=found,
                    ssl=context,
                    server_hostname=place.host,
                    ssl_handshake_timeout=within_s + 1 if within_s else None,
                )
        except BaseException:
            connection.abort()
            found.close()
            raise
        self._open.add(connection)
        return connection
