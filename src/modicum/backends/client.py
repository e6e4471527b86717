"""The one HTTP client: HTTP/1.1 on httptools over the loop's own transports.

Bytes go and come unchanged: nothing is decompressed, no redirect is followed, no cookie kept. Cancelling the task that waits
here closes the connection, so the provider stops working. Where a request goes is what the operator configured; who builds
the URL answers for that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from modicum.backends.connection import Connection
from modicum.backends.dial import Names, Proxy, Trust, split_authority
from modicum.backends.pool import Place, Pool
from modicum.backends.reply import Reply
from modicum.config.proxy import proxy_for
from modicum.errors import UpstreamError

__all__ = ["Client", "Headers", "Reply", "Timeouts"]

Headers = Sequence[tuple[str, str]]

_PORTS = {"http": 80, "https": 443}
_MADE_HERE = frozenset(("connection", "content-length", "host", "transfer-encoding"))
"""Written by the client from what it is given, whatever the caller says."""
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_TARGET = re.compile(r"/[!-~]*")
_METHOD = re.compile(r"[A-Z]+")
_BODY_EXPECTED = frozenset(("POST", "PUT", "PATCH"))
_MOST_NAMES = 1000
_MOST_ADDRESSES = 256
_MOST_HEADS = 64
_JOINED_BYTES = 16 * 1024
"""A longer body is not copied behind its head."""


class Timeouts(NamedTuple):
    """How long to wait, in seconds; 0: as long as it takes. A reply as a whole may take any time."""

    connect_s: float
    """Until the connection stands, name, proxy and TLS included."""
    first_byte_s: float
    """From the sending of the request to the head of the reply."""
    read_s: float
    """Of silence within the reply."""


class Client:
    """Connections to every place that was asked so far, kept for the next request. Belongs to one loop."""

    def __init__(self) -> None:
        self._names = Names()
        self._trust = Trust()
        self._ways: dict[tuple[str, Path | None, bool], _Way] = {}
        self._known: dict[tuple[str, Path | None, bool], tuple[_Way, str]] = {}
        """Way and target of addresses that were asked before."""

    async def send(
        self,
        method: str,
        url: str,
        headers: Headers,
        body: bytes | None = None,
        *,
        timeouts: Timeouts,
        ca_file: Path | None = None,
        proxied: bool = True,
    ) -> Reply:
        """Send one request and wait for the head of the reply.

        `url` is http://, https://, or unix:/path/of.sock:/target where the caller made it itself. `ca_file` holds the
        certificates to trust in place of the system's; `proxied` lets the environment's proxies hold. Host, length and
        connection headers are the client's own. A request that went into a kept connection which the provider was just
        closing is sent once more, on a new one. Raises UpstreamError where the provider cannot be reached, does not speak
        HTTP, or the request cannot be written as one; UpstreamTimeoutError where it is too slow.
        """
        way, target = self._known.get((url, ca_file, proxied)) or self._find(url, ca_file, proxied)
        request = way.request(method, target, headers, body)
        connection = way.pool.take()
        if connection is not None:
            reply = _ask(connection, request, method, timeouts)
            try:
                await reply.head()
                return reply
            except UpstreamError:
                if not reply.stale:
                    raise
        connection = await way.pool.connect(timeouts.connect_s)
        reply = _ask(connection, request, method, timeouts)
        await reply.head()
        return reply

    async def close(self) -> None:
        """Close all connections, those with a reply under way too."""
        ways, self._ways = self._ways, {}
        self._known.clear()
        for way in ways.values():
            await way.pool.close()

    def _find(self, url: str, ca_file: Path | None, proxied: bool) -> tuple[_Way, str]:
        """The way to an address, and what is asked for there. Raises UpstreamError."""
        cut = url.find("/", 8) if not url.startswith("unix:") else url.find(":/", 6) + 1
        origin, target = (url[:cut], url[cut:]) if cut > 0 else (url, "/")
        way = self._ways.get((origin, ca_file, proxied))
        if way is None:
            way = self._ways[origin, ca_file, proxied] = self._way(origin, ca_file, proxied)
        if len(self._known) >= _MOST_ADDRESSES:
            self._known.clear()
        self._known[url, ca_file, proxied] = way, target
        return way, target

    def _way(self, origin: str, ca_file: Path | None, proxied: bool) -> _Way:
        if origin.startswith("unix:"):
            path = origin[5:].removesuffix(":")
            place = Place(scheme="unix", host=path, port=0, ca_file=None, proxy=None, where=f"unix:{path}")
            return _Way(Pool(place, self._names, self._trust), "localhost", "", "")
        scheme, _, authority = origin.partition("://")
        try:
            if not authority.isascii() or not authority.isprintable() or set(authority) & set(' @?#\\%"<>^`{|}'):
                raise ValueError(authority)
            host, port = split_authority(authority, _PORTS[scheme])
        except (ValueError, KeyError):
            raise UpstreamError("the provider's address is not a web address", hint="is its url right?") from None
        named = proxy_for(origin) if proxied else None
        proxy = Proxy.read(named) if named else None
        place = Place(scheme=scheme, host=host, port=port, ca_file=ca_file, proxy=proxy, where=origin)
        plain = proxy if proxy is not None and scheme == "http" else None
        authorization = f"proxy-authorization: {plain.authorization}\r\n" if plain is not None and plain.authorization else ""
        return _Way(Pool(place, self._names, self._trust), authority, origin if plain is not None else "", authorization)


@dataclass(slots=True)
class _Way:
    """A pool, and what the head of a request needs to be understood there."""

    pool: Pool
    authority: str
    before_target: str
    """The origin, where a proxy is told the whole address."""
    proxy_header: str
    heads: dict[tuple[object, ...], bytes] = field(default_factory=dict, repr=False)
    """Some that were written before. Few: what callers say stands in them."""

    def request(self, method: str, target: str, headers: Headers, body: bytes | None) -> list[bytes]:
        """The bytes of a request. Raises UpstreamError where they would be read as something else."""
        # Calls of one application differ in their bodies alone.
        key = (method, target, *headers)
        head = self.heads.get(key)
        if head is None:
            head = self._head(method, target, headers)
            if len(self.heads) >= _MOST_HEADS:
                self.heads.clear()
            self.heads[key] = head
        if body is None and method not in _BODY_EXPECTED:
            return [head + b"\r\n"]
        if not body:
            return [head + b"content-length: 0\r\n\r\n"]
        sent = b"%bcontent-length: %d\r\n\r\n" % (head, len(body))
        return [sent + body] if len(body) <= _JOINED_BYTES else [sent, body]

    def _head(self, method: str, target: str, headers: Headers) -> bytes:
        """All but the length. Raises UpstreamError."""
        if not _METHOD.fullmatch(method) or not _TARGET.fullmatch(target):
            raise self._unsendable("its target")
        lines = [f"{method} {self.before_target}{target} HTTP/1.1\r\nhost: {self.authority}\r\n{self.proxy_header}"]
        count = lines[0].count("\r")
        for name, value in headers:
            known = _names.get(name)
            if known is None:
                known = _known(name)
            if known:
                lines.append(f"{known}{value}\r\n")
                count += 1
            elif known is None:
                raise self._unsendable("a header's name")
        head = "".join(lines)
        if head.count("\n") != count or head.count("\r") != count or "\0" in head:
            raise self._unsendable("a header's value")
        try:
            return head.encode()
        except UnicodeEncodeError:
            raise self._unsendable("a header's value") from None

    def _unsendable(self, what: str) -> UpstreamError:
        return UpstreamError(f"the request to {self.pool.place.where} was not sent: {what} holds characters that it cannot have")


_names: dict[str, str] = {}
"""Header names that were looked at before, as they are written; empty for those that the client makes itself."""


def _known(name: str) -> str | None:
    if not _NAME.fullmatch(name):
        return None
    written = "" if name.lower() in _MADE_HERE else f"{name}: "
    if len(_names) < _MOST_NAMES:
        _names[name] = written
    return written


def _ask(connection: Connection, request: list[bytes], method: str, timeouts: Timeouts) -> Reply:
    return connection.ask(request, first_byte_s=timeouts.first_byte_s, silence_s=timeouts.read_s, bodiless=method == "HEAD")
