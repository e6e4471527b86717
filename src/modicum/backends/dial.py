"""Reach an address: names, both address families, proxies, certificates. Gives a connected socket and what TLS needs.

Nothing here waits on the loop's thread: names are looked up and certificate files read elsewhere.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import socket
import ssl
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from modicum.errors import UpstreamError

NAMES_S = 30.0
"""A looked-up name is remembered so long."""
STAGGER_S = 0.25
"""The next address of a name is tried when the last one has not answered for so long (RFC 8305)."""
LONGEST_TUNNEL_HEAD = 16 * 1024

Address = tuple[int, Any]
"""(family, what `connect` takes)"""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy of the environment; `authorization` is the value of a header, or empty."""

    host: str
    port: int
    authorization: str

    @property
    def where(self) -> str:
        return f"http://{bracketed(self.host)}:{self.port}"

    @classmethod
    def read(cls, url: str) -> Proxy:
        """Raises UpstreamError where the environment names what is no HTTP proxy; the message holds no password."""
        scheme, colon, rest = url.partition("://")
        if not colon:
            scheme, rest = "http", url
        user, _, authority = rest.partition("/")[0].rpartition("@")
        try:
            host, port = split_authority(authority, 80)
        except ValueError:
            host = ""
        if scheme.lower() != "http" or not host:
            raise UpstreamError(
                f"the {scheme}:// proxy that the environment names cannot be used",
                hint='only http:// proxies can; NO_PROXY, or proxy = "none" for a provider, goes around it',
            )
        name, _, password = user.partition(":")
        pair = f"{unquote(name)}:{unquote(password)}".encode()
        authorization = "Basic " + base64.b64encode(pair).decode() if user else ""
        return cls(host, port, authorization)


class Names:
    """Looks names up, off the loop, and remembers them for a short while."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], tuple[float, Sequence[Address]]] = {}
        self._asked: dict[tuple[str, int], asyncio.Task[Sequence[Address]]] = {}

    async def addresses(self, host: str, port: int) -> Sequence[Address]:
        """Of both families in turn. Raises OSError."""
        key = (host, port)
        known = self._known.get(key)
        if known is not None and known[0] > asyncio.get_running_loop().time():
            return known[1]
        task = self._asked.get(key)
        if task is None:
            self._asked[key] = task = asyncio.get_running_loop().create_task(self._look_up(key))
        return await asyncio.shield(task)  # others may wait for the same

    def forget(self, host: str, port: int) -> None:
        """None of them answered."""
        self._known.pop((host, port), None)

    async def _look_up(self, key: tuple[str, int]) -> Sequence[Address]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(*key, type=socket.SOCK_STREAM)
        except UnicodeError:
            raise OSError("the name is none") from None
        finally:
            del self._asked[key]
        families: dict[int, list[Address]] = {}
        for family, _, _, _, address in found:
            families.setdefault(family, []).append((family, address))
        turns = itertools.chain.from_iterable(itertools.zip_longest(*families.values()))
        addresses = [address for address in turns if address is not None]
        self._known[key] = (loop.time() + NAMES_S, addresses)
        return addresses


class Trust:
    """TLS settings by file of certificates; None: the system's. A file is read again when it has changed."""

    def __init__(self) -> None:
        self._made: dict[tuple[Path | None, int], ssl.SSLContext] = {}

    async def context(self, ca_file: Path | None) -> ssl.SSLContext:
        """Raises UpstreamError where the file cannot be read."""
        try:
            key = (ca_file, ca_file.stat().st_mtime_ns if ca_file else 0)
            if key not in self._made:
                self._made[key] = await asyncio.to_thread(_context, ca_file)
            return self._made[key]
        except (OSError, ssl.SSLError) as error:
            raise UpstreamError(
                f"cannot read the certificates in {ca_file}: {reason(error)}", hint="ca_file names a file of certificates in PEM"
            ) from None


def _context(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=None if ca_file is None else str(ca_file))
    context.set_alpn_protocols(["http/1.1"])
    return context


async def reach(names: Names, host: str, port: int, proxy: Proxy | None, *, tunnel: bool) -> socket.socket:
    """A connected socket, by way of the proxy where there is one: in a tunnel through it, or just to it. Raises OSError, UpstreamError."""
    if proxy is None:
        return await _connect(names, host, port)
    try:
        found = await _connect(names, proxy.host, proxy.port)
    except OSError as error:
        raise UpstreamError(
            f"cannot reach the proxy {proxy.where}: {reason(error)}", hint="is HTTPS_PROXY right? NO_PROXY names what needs none"
        ) from None
    if not tunnel:
        return found
    try:
        await _tunnel(found, host, port, proxy)
    except BaseException:
        found.close()
        raise
    return found


async def reach_file(path: str) -> socket.socket:
    """A connected Unix socket."""
    return await _try(socket.AF_UNIX, path)


async def _connect(names: Names, host: str, port: int) -> socket.socket:
    """The first of a name's addresses that answers; each next one starts when the last has failed or takes long."""
    addresses = await names.addresses(host, port)
    try:
        if len(addresses) == 1:
            return await _try(*addresses[0])
        return await _race([_try(*address) for address in addresses])
    except OSError:
        names.forget(host, port)
        raise


async def _race(attempts: Sequence[Coroutine[Any, Any, socket.socket]]) -> socket.socket:
    running: set[asyncio.Task[socket.socket]] = set()
    waiting = list(reversed(attempts))
    failed: OSError = OSError("the name has no address")
    try:
        while running or waiting:
            if waiting:
                running.add(asyncio.get_running_loop().create_task(waiting.pop()))
            done, _ = await asyncio.wait(running, timeout=STAGGER_S if waiting else None, return_when=asyncio.FIRST_COMPLETED)
            running -= done
            for task in done:
                error = task.exception()
                if error is None:
                    running |= done - {task}
                    return task.result()
                if not isinstance(error, OSError):
                    raise error
                failed = error
        raise failed
    finally:
        for attempt in waiting:
            attempt.close()
        for task in running:
            task.cancel()
            task.add_done_callback(_close_late)


def _close_late(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


async def _try(family: int, address: Any) -> socket.socket:
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setblocking(False)
        if family != socket.AF_UNIX:
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _keep_alive(found)
        await asyncio.get_running_loop().sock_connect(found, address)
    except BaseException:
        found.close()
        raise
    return found


def _keep_alive(found: socket.socket) -> None:
    """A provider may think for minutes; without probes a router on the way forgets the connection, and nobody hears of it."""
    found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, seconds in (("TCP_KEEPIDLE", 60), ("TCP_KEEPALIVE", 60), ("TCP_KEEPINTVL", 30), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, option):
            found.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)


async def _tunnel(found: socket.socket, host: str, port: int, proxy: Proxy) -> None:
    """Ask the proxy for a way through. The provider never speaks first, so whatever follows the proxy's head is wrong."""
    loop = asyncio.get_running_loop()
    target = f"{bracketed(host)}:{port}"
    authorization = f"proxy-authorization: {proxy.authorization}\r\n" if proxy.authorization else ""
    try:
        await loop.sock_sendall(found, f"CONNECT {target} HTTP/1.1\r\nhost: {target}\r\n{authorization}\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head and len(head) < LONGEST_TUNNEL_HEAD:
            if not (piece := await loop.sock_recv(found, 4096)):
                break
            head += piece
    except OSError as error:
        raise UpstreamError(f"the proxy {proxy.where} broke off: {reason(error)}") from None
    line, _, _ = head.partition(b"\r\n")
    version, _, rest = line.partition(b" ")
    status = rest[:3]
    if not version.startswith(b"HTTP/1.") or not status.isdigit() or b"\r\n\r\n" not in head:
        raise UpstreamError(f"the proxy {proxy.where} did not answer as a proxy does")
    if not status.startswith(b"2"):
        raise UpstreamError(
            f"the proxy {proxy.where} answered {status.decode()} when asked for {target}",
            hint="407: HTTPS_PROXY needs a user and a password" if status == b"407" else "",
        )
    if not head.endswith(b"\r\n\r\n"):
        raise UpstreamError(f"the proxy {proxy.where} spoke on after its head")


def split_authority(authority: str, default_port: int) -> tuple[str, int]:
    """(host without brackets, port). Raises ValueError."""
    if authority.startswith("["):
        host, _, rest = authority[1:].partition("]")
        if rest and not rest.startswith(":"):
            raise ValueError(authority)
        port = rest[1:]
    else:
        host, colon, port = authority.partition(":")
        if colon and not port:
            raise ValueError(authority)
    if not host or (port and not (port.isdecimal() and port.isascii() and 0 < int(port) < 65536)):
        raise ValueError(authority)
    return host, int(port) if port else default_port


def bracketed(host: str) -> str:
    """As it stands in an address."""
    return f"[{host}]" if ":" in host else host


def reason(error: BaseException) -> str:
    """Why, without what was sent."""
    return getattr(error, "verify_message", "") or getattr(error, "strerror", "") or type(error).__name__
