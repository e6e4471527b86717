"""The little of ASGI that the gateway uses: a request's head, and a reply that can be sent once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from modicum.errors import ModicumError
from modicum.wire import error as wire_error

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]

JSON = (b"content-type", b"application/json")

SINGLE = frozenset((b"host", b"origin", b"content-type", b"content-length", b"authorization", b"transfer-encoding", b"x-modicum-bypass"))
"""Headers that must not stand twice: two readers could believe different ones."""


class Asked:
    """The head of one request."""

    __slots__ = ("_receive", "headers", "method", "path", "repeated", "unread")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self._receive = receive
        self.headers: dict[bytes, bytes] = {}
        self.repeated = ""
        """A header that stands twice and must not."""
        for name, value in scope["headers"]:
            if name in self.headers and name in SINGLE:
                self.repeated = name.decode("latin-1")
            self.headers[name] = value
        self.unread = b"content-length" in self.headers or b"transfer-encoding" in self.headers
        """Some of the body is still to come."""

    def header(self, name: bytes) -> str:
        """A header's value without surrounding space, empty where there is none."""
        return self.headers.get(name, b"").decode("latin-1").strip()

    async def body_part(self) -> tuple[bytes, bool]:
        """The next piece of the body, and whether more follows."""
        message = await self._receive()
        self.unread = message["type"] == "http.request" and message.get("more_body", False)
        return message.get("body", b""), self.unread


class Reply:
    """What is sent back, piece by piece; `started` and `ended` say how far it got."""

    __slots__ = ("_send", "ended", "started")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False
        self.ended = False

    async def start(self, status: int, headers: Iterable[Header]) -> None:
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": list(headers)})

    async def write(self, body: bytes, *, last: bool = False) -> None:
        self.ended = self.ended or last
        await self._send({"type": "http.response.body", "body": body, "more_body": not last})

    async def whole(self, status: int, body: bytes, headers: Iterable[Header] = (JSON,)) -> None:
        """A reply in one piece."""
        await self.start(status, (*headers, (b"content-length", b"%d" % len(body))))
        await self.write(body, last=True)

    async def refuse(self, error: ModicumError, headers: Iterable[Header] = ()) -> None:
        """One of our errors as OpenAI's clients read them."""
        await self.whole(error.status or 500, wire_error.body(error), (JSON, *headers))


def text(value: str) -> bytes:
    """A header's value: what is not plain ASCII stands as %XX of its UTF-8."""
    if value.isascii() and value.isprintable():
        return value.encode()
    return b"".join(bytes((b,)) if 32 <= b < 127 else b"%%%02X" % b for b in value.encode("utf-8", "surrogatepass"))
