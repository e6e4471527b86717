"""Both ends of the gateway in one loop: a provider that answers as a world says, and callers who keep their connections.

The provider knows a request by the text of its messages, so nothing of the simulation stands in a call.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import httptools

HEAD = "POST /v1/{} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n"
T = TypeVar("T")


def digest(messages: Sequence[Mapping[str, Any]]) -> str:
    """What a request is known by."""
    return json.dumps(messages, sort_keys=True)


class Provider:
    """Answers a request with what was put under its messages; 500 where nothing was."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        self.late_s = 0.0
        self.asked = 0
        self.unknown = self._put = 0
        self.url = ""

    async def open(self) -> asyncio.Server:
        server = await asyncio.get_running_loop().create_server(lambda: _Connection(self), "127.0.0.1", 0, backlog=1024)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        return server

    def put(self, messages: Sequence[Mapping[str, Any]], response: Mapping[str, Any]) -> None:
        self._put += 1
        self.answers[digest(messages)] = json.dumps({**response, "id": f"chatcmpl-{self._put:024d}"}).encode()

    def reply(self, body: bytes) -> bytes:
        self.asked += 1
        try:
            found = self.answers[digest(json.loads(body)["messages"])]
        except (ValueError, LookupError, TypeError):
            self.unknown += 1
            return _reply(500, b'{"error": {"message": "not in this world", "type": "server_error"}}')
        return _reply(200, found)


def _reply(status: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} Told\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


class _Connection(asyncio.Protocol):
    """One connection of the gateway's. Reads whole requests, answers each in turn."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.parser = httptools.HttpRequestParser(self)
        self.body: list[bytes] = []

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self.body.append(body)

    def on_message_complete(self) -> None:
        found = self.provider.reply(b"".join(self.body))
        self.body.clear()
        if self.provider.late_s:
            asyncio.get_running_loop().call_later(self.provider.late_s, self.transport.write, found)
        else:
            self.transport.write(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a caller saw."""

    status: int
    """0: the connection broke."""
    reason: str
    route_id: str
    call_id: str
    says: str
    began_us: int
    """Since 1970, when it was asked."""
    took_s: float


class Callers:
    """A few callers who share the work, each with a connection that stays."""

    def __init__(self, port: int, many: int = 16) -> None:
        self._port, self._many = port, many
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def ask(self, requests: Sequence[Mapping[str, Any]], seen: Callable[[int, Reply], None]) -> None:
        """Ask all of these; `seen` is told the number of each and what came."""

        async def one(number: int, request: Mapping[str, Any]) -> None:
            began, began_us = time.monotonic(), time.time_ns() // 1000
            status, headers, body = await self._post("chat/completions", request)
            seen(
                number,
                Reply(
                    status=status,
                    reason=headers.get("x-modicum-reason", ""),
                    route_id=headers.get("x-modicum-route", ""),
                    call_id=headers.get("x-request-id", ""),
                    says=str(json.loads(body)["choices"][0]["message"]["content"] or "") if status == 200 else "",
                    began_us=began_us,
                    took_s=time.monotonic() - began,
                ),
            )

        await self._share(requests, one)

    async def tell(self, labels: Sequence[tuple[str, str]]) -> int:
        """Say of calls what is right; how many were not taken."""
        refused = 0

        async def one(number: int, label: tuple[str, str]) -> None:
            nonlocal refused
            refused += (await self._post("feedback", {"call_id": label[0], "label": label[1]}))[0] != 200

        await self._share(labels, one)
        return refused

    async def _share(self, work: Sequence[T], one: Callable[[int, T], Awaitable[None]]) -> None:
        left = iter(enumerate(work))

        async def caller() -> None:
            for number, what in left:
                await one(number, what)

        await asyncio.gather(*(caller() for _ in range(min(self._many, len(work)))))

    async def _post(self, path: str, row: Mapping[str, Any]) -> tuple[int, dict[str, str], bytes]:
        """(status, headers, body); status 0 where the connection broke."""
        body = json.dumps(row).encode()
        try:
            reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
            writer.write(HEAD.format(path, len(body)).encode() + body)
            said = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in said[1:])}
            told = await reader.readexactly(int(headers["content-length"]))
        except (OSError, asyncio.IncompleteReadError, LookupError):
            return 0, {}, b""
        if headers.get("connection") == "close":
            writer.close()
        else:
            self._idle.append((reader, writer))
        return int(said[0].split(" ")[1]), headers, told

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()
