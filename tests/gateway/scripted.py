"""A provider that sends exact bytes: each path has its script, and what was asked is kept."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Step = bytes | float | None
"""Bytes to send, seconds to wait, or None: the connection is reset."""


@dataclass(frozen=True, kw_only=True)
class Got:
    """One request that arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def plain(body: Any, status: str = "200 OK", **headers: str) -> list[Step]:
    """A whole reply. A dict becomes JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{lines}content-length: {len(data)}\r\n\r\n"
    return [head.encode() + data]


def streamed(*pieces: bytes | float | None, kind: str = "text/event-stream", whole: bool = True) -> list[Step]:
    """A chunked reply: each piece a chunk. Not `whole`: it ends without the last chunk."""
    steps: list[Step] = [f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode()]
    steps += [b"%x\r\n%s\r\n" % (len(piece), piece) if isinstance(piece, bytes) else piece for piece in pieces]
    return [*steps, b"0\r\n\r\n"] if whole else steps


def sse(*events: Any, names: bool = False) -> list[bytes]:
    """Server-sent events of JSON objects; with `names`, each under its own type, as Anthropic's are."""
    told = []
    for event in events:
        name = f"event: {event['type']}\n" if names else ""
        told.append(f"{name}data: {event if isinstance(event, str) else json.dumps(event)}\n\n".encode())
    return told


@dataclass
class Scripted:
    """Listens while it is entered. `scripts` maps a path to what is sent, in turn; the last script of a path stays."""

    scripts: dict[str, list[Sequence[Step]]] = field(default_factory=dict)
    got: list[Got] = field(default_factory=list)
    left: list[float] = field(default_factory=list)
    port: int = 0
    connections: int = 0

    def on(self, path: str, *replies: Sequence[Step]) -> None:
        """What is sent at a path, for the first request, the second, ..."""
        self.scripts[path] = list(replies)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return self.origin + "/v1"

    def __enter__(self) -> Scripted:
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        tasks: set[asyncio.Task[None]] = set()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.get_running_loop().create_task(self._connection(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=1 << 24)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.05)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
        if headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
                body += await reader.readexactly(size)
                await reader.readexactly(2)
            await reader.readexactly(2)
        else:
            body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.got.append(Got(method=method, path=target, headers=headers, body=body))
        scripts = (
            self.scripts.get(target)
            or self.scripts.get(target.partition("?")[0])
            or [plain({"error": {"message": "no script"}}, "404 Not Found")]
        )
        script = scripts.pop(0) if len(scripts) > 1 else scripts[0]
        for step in script:
            if step is None:
                writer.transport.abort()
                return False
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
                continue
            watch = asyncio.ensure_future(reader.read(1))
            done, _ = await asyncio.wait([watch], timeout=step)
            if done:
                self.left.append(asyncio.get_running_loop().time())
                return False
            watch.cancel()
            await asyncio.sleep(0)
        return True
