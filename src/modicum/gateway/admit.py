"""Who may ask, and what a request must look like before anything is done with it.

Until there are keys the gateway answers this machine alone: it listens on loopback, the Host that was asked for must be
loopback (a name of a foreign site that was made to point here is not), and so must the Origin of a page that asks. With keys a
caller is who its key says, from wherever it calls, by one of the names of `serve.hosts` where there are any.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Iterable

from modicum.config import ServeConfig
from modicum.errors import (
    ConfigError,
    ForbiddenError,
    ModicumError,
    RequestError,
    RequestTimeoutError,
    RequestTooLargeError,
    UnauthorisedError,
    UnsupportedMediaError,
)
from modicum.gateway.exchange import Asked, Header, Reply
from modicum.types import Endpoint

LONGEST_HOST = 255
DRAIN_S = 2.0
DRAIN_BYTES = 64 * 1024 * 1024
"""What is read and thrown away of a body that is refused, so that its sender can read why."""


def loopback(host: str) -> bool:
    """`localhost`, 127.x.x.x or ::1, with or without a port."""
    return len(host) <= LONGEST_HOST and _loopback(host)


@functools.lru_cache(256)
def _loopback(host: str) -> bool:
    if host.startswith("["):
        name, bracket, port = host[1:].partition("]")
        return bool(bracket) and name == "::1" and _is_port(port)
    name, colon, port = host.lower().partition(":")
    if not _is_port(colon + port):
        return False
    numbers = name.split(".")
    return name == "localhost" or (
        len(numbers) == 4 and numbers[0] == "127" and all(n.isascii() and n.isdigit() and len(n) <= 3 and int(n) < 256 for n in numbers)
    )


def _is_port(text: str) -> bool:
    return text == "" or (text[0] == ":" and text[1:].isascii() and text[1:].isdigit() and int(text[1:]) < 65536)


def listener(listen: str, *, keyed: bool = False) -> tuple[str, int]:
    """The address to listen on. Raises ConfigError where it is none, or one that others can reach while there are no keys."""
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not _is_port(f":{port}") or not port:
        raise ConfigError(f"serve.listen = {listen!r} is not HOST:PORT", hint="for example 127.0.0.1:8321")
    bare = host.removeprefix("[").removesuffix("]")
    if not keyed and not loopback(f"[{bare}]" if ":" in bare else bare):
        raise ConfigError(
            f"serve.listen = {listen!r} could be reached from other machines, and there are no keys yet to tell callers apart",
            hint="`modicum keys create NAME` makes one; or listen on 127.0.0.1 behind a proxy that checks who is calling",
        )
    return bare, int(port)


def reachable(listen: str) -> bool:
    """Others than this machine can reach the address."""
    host = listen.rpartition(":")[0]
    return not loopback(host)


def check_caller(asked: Asked, *, keyed: bool = False, hosts: tuple[str, ...] = (), exposed: bool = False) -> None:
    """Raise RequestError where the head says two things, ForbiddenError where it comes from where nobody may ask from.

    `keyed`: there are keys, and the caller's is looked at besides. Without any, this machine asks for this machine.
    """
    if asked.odd:
        raise RequestError(asked.odd)
    if b"upgrade" in asked.headers:
        raise RequestError("this server changes to no other protocol")
    if not keyed and exposed:
        raise UnauthorisedError("there is no key any more that would tell callers apart", hint="`modicum keys create NAME` makes one")
    named = asked.headers.get(b"host", b"")
    if not (_meant(named, keyed, hosts) if len(named) <= LONGEST_HOST else keyed and not hosts):
        host = asked.header(b"host")
        if not host or not keyed:
            raise ForbiddenError(f"Host {host[:80]!r} is not this machine", hint="call it as localhost, 127.0.0.1 or [::1]")
        raise ForbiddenError(f"Host {host[:80]!r} is none of this gateway's names", hint="serve.hosts lists them")
    if not keyed and b"origin" in asked.headers:
        scheme, colon, origin = asked.header(b"origin").partition("://")
        if not colon or scheme not in ("http", "https") or not loopback(origin):
            raise ForbiddenError("a page from elsewhere may not call this gateway")


@functools.lru_cache(256)
def _meant(named: bytes, keyed: bool, hosts: tuple[str, ...]) -> bool:
    """Is a caller who asks for this Host one who means this gateway?"""
    host = named.decode("latin-1").strip()
    return loopback(host) or (_bare(host) in hosts if hosts else keyed)


def _bare(host: str) -> str:
    """A Host without its port, in lower case."""
    name, bracket, _ = host.lower().partition("]")
    return name + bracket if bracket else name.partition(":")[0]


def check_form(asked: Asked, limits: ServeConfig) -> None:
    """Raise where the head already says that the body will not do."""
    kind = asked.headers.get(b"content-type", b"")
    if kind != b"application/json":
        _check_kind(kind.decode("latin-1"))
    if b"content-encoding" in asked.headers and asked.header(b"content-encoding").lower() not in ("", "identity"):
        raise UnsupportedMediaError("a compressed body is not read", hint="send it without content-encoding")
    length = asked.headers.get(b"content-length", b"").strip()
    if length.isdigit() and int(length) > limits.max_body_bytes:
        raise _too_large(limits)


def _check_kind(given: str) -> None:
    kind, _, parameters = given.lower().partition(";")
    if kind.strip() != "application/json":
        raise UnsupportedMediaError(f"content type {kind.strip()[:80]!r} is not read", hint="send application/json")
    charset = parameters.strip().removeprefix("charset=").strip('"')
    if charset and parameters.strip().startswith("charset=") and charset not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaError(f"charset {charset[:40]!r} is not read", hint="send UTF-8")


def read_body(asked: Asked, limits: ServeConfig) -> Awaitable[bytes]:
    """The body, whole. Raises RequestTooLargeError past `max_body_bytes`, RequestTimeoutError past `body_timeout_s`."""
    return asked.body(limits.max_body_bytes, limits.body_timeout_s)


async def refuse(
    asked: Asked,
    reply: Reply,
    error: ModicumError,
    headers: Iterable[Header] = (),
    *,
    endpoint: Endpoint = "chat_completions",
    request_id: str = "",
) -> None:
    """Tell the caller no, where nothing was told yet."""
    if reply.started:
        return
    if not isinstance(error, RequestTimeoutError) and not asked.header(b"expect"):
        await asked.drain(DRAIN_BYTES, DRAIN_S)
    await reply.refuse(error, headers, endpoint=endpoint, request_id=request_id)


def _too_large(limits: ServeConfig) -> RequestTooLargeError:
    return RequestTooLargeError(f"the body is longer than {limits.max_body_bytes:,} bytes", hint="serve.max_body_bytes sets the limit")
