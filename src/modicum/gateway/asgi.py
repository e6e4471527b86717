"""The little of ASGI that the gateway uses: a request's head, and a reply that can be sent once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from modicum.errors import ModicumError
from modicum.types import Endpoint
from modicum.wire import error as wire_error

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]

JSON = (b"content-type", b"application/json")

SINGLE = frozenset(
    (b"host", b"origin", b"content-type", b"content-length", b"content-encoding", b"transfer-encoding", b"authorization")
    + (b"x-api-key", b"api-key", b"x-modicum-key", b"x-modicum-bypass", b"anthropic-version")
)
"""Headers that must not stand twice: two readers could believe different ones."""
NOT_HOP_BY_HOP = SINGLE - {b"transfer-encoding"} | {b"cookie", b"x-request-id"}
"""Headers that `connection` must not name: a proxy that believes it would take them away."""


class Asked:
    """The head of one request."""

    __slots__ = ("_receive", "headers", "method", "odd", "path", "query", "raw_path", "trusted", "unread")

    def __init__(self, scope: Scope, receive: Receive, *, trusted: bool = False) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope.get("query_string", b"")
        self.raw_path: bytes = scope.get("raw_path") or b""
        """As it was sent, percent signs and all."""
        self.trusted = trusted
        """It comes from this very process: nobody needs to be kept out."""
        self._receive = receive
        self.headers: dict[bytes, bytes] = {}
        self.odd = ""
        """What about the headers two readers could read differently; empty where nothing is."""
        for name, value in scope["headers"]:
            if name in self.headers and name in SINGLE:
                self.odd = f"the header '{name.decode('latin-1')}' stands twice"
            elif b"_" in name and name.replace(b"_", b"-") in SINGLE:
                self.odd = f"the header '{name.decode('latin-1')[:40]}' is written with an underscore"
            self.headers[name] = value
        hops = self.headers.get(b"connection")
        if (
            hops is not None
            and hops not in (b"keep-alive", b"close")
            and {hop.strip() for hop in hops.lower().split(b",")} & NOT_HOP_BY_HOP
        ):
            self.odd = "'connection' names a header that is not its own"
        self.unread = b"content-length" in self.headers or b"transfer-encoding" in self.headers
        """Some of the body is still to come."""

    def header(self, name: bytes) -> str:
        """A header's value without surrounding space, empty where there is none."""
        return self.headers.get(name, b"").decode("latin-1").strip()

    @property
    def arrived(self) -> bool:
        """All of the body is here, so that reading it waits for nobody. uvicorn's own flag; False where there is none."""
        return not getattr(getattr(self._receive, "__self__", None), "more_body", True)

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

    async def refuse(
        self, error: ModicumError, headers: Iterable[Header] = (), *, endpoint: Endpoint = "chat_completions", request_id: str = ""
    ) -> None:
        """One of our errors as clients of the endpoint's API read them."""
        body = wire_error.body(error, endpoint, request_id)
        await self.whole(error.status or 500, body, (JSON, *wire_error.headers(error), *headers))


def text(value: str) -> bytes:
    """A header's value: what is not plain ASCII stands as %XX of its UTF-8."""
    if value.isascii() and value.isprintable():
        return value.encode()
    return b"".join(bytes((b,)) if 32 <= b < 127 else b"%%%02X" % b for b in value.encode("utf-8", "surrogatepass"))
