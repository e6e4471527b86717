"""Servers and proxies on loopback that do exactly what a test says."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trustme


@dataclass
class Seen:
    """What came on all connections of one server."""

    port: int = 0
    path: str = ""
    connections: int = 0
    heads: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    closed: int = 0
    """Connections that the other side has closed."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter, Seen], Awaitable[bool]]
"""Called after each request; false: close the connection."""


@asynccontextmanager
async def server(answer: Answer, *, tls: ssl.SSLContext | None = None, unix: str = "") -> AsyncIterator[Seen]:
    """A server that reads whole requests and answers them with `answer`."""
    seen = Seen(path=unix)
    tasks: set[asyncio.Task[None]] = set()

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
                body = await reader.readexactly(length)
                seen.heads.append(head)
                seen.bodies.append(body)
                if not await answer(reader, writer, seen):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            seen.closed += 1
        finally:
            writer.transport.abort() if writer.transport.is_closing() else writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(connection(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    if unix:
        listening: asyncio.Server = await asyncio.start_unix_server(accept, unix)
    else:
        listening = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
        seen.port = listening.sockets[0].getsockname()[1]
    try:
        yield seen
    finally:
        listening.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.02)


def says(*pieces: bytes, keep: bool = True, pause_s: float = 0.0) -> Answer:
    """Always these bytes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> bool:
        for number, piece in enumerate(pieces):
            if number and pause_s:
                await asyncio.sleep(pause_s)
            writer.write(piece)
            await writer.drain()
        return keep

    return answer


def plain(body: bytes, *headers: bytes) -> bytes:
    """A whole response."""
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n%s\r\n%s" % (len(body), b"".join(header + b"\r\n" for header in headers), body)


class Interceptor:
    """A proxy as companies have them: a CONNECT is answered with a certificate of its own authority, what comes is read and
    passed on; an absolute address is passed on too. Names are resolved by `hosts`.
    """

    def __init__(self, hosts: dict[str, int], *, user: str = "", status: bytes = b"200 Connection established") -> None:
        self.authority = trustme.CA()
        self.hosts = hosts
        self.wanted = user
        self.status = status
        self.heads: list[bytes] = []
        """Of what was sent to the proxy itself."""
        self.inside: list[bytes] = []
        """Heads of the requests that were read within a tunnel."""
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Interceptor:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0.02)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._connection(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head)
            if self.wanted and f"proxy-authorization: {self.wanted}".encode() not in head:
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\n\r\n")
                return
            method, target, _ = head.split(b" ", 2)
            if method != b"CONNECT":
                host = target.partition(b"://")[2].partition(b"/")[0].decode()
                await self._pass(host.partition(":")[0], head, reader, writer)
                return
            host = target.decode().partition(":")[0]
            writer.write(b"HTTP/1.1 %s\r\n\r\n" % self.status)
            if not self.status.startswith(b"200"):
                return
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.authority.issue_cert(host).configure_cert(tls)
            await writer.start_tls(tls)
            head = await reader.readuntil(b"\r\n\r\n")
            self.inside.append(head)
            await self._pass(host, head, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def _pass(self, host: str, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection("127.0.0.1", self.hosts[host])
        ours.write(head)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()

        both = [asyncio.ensure_future(pump(reader, ours)), asyncio.ensure_future(pump(theirs, writer))]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
            ours.close()
