"""The one HTTP client: talk to the provider that the operator configured, and to nobody else.

Bytes go and come unchanged: nothing is decompressed, no redirect is followed, no cookie kept, no proxy taken from the
environment. Cancelling the task that waits here closes the connection, so the provider stops working.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from types import SimpleNamespace
from typing import Any

import aiohttp

from modicum.errors import ConfigError, UpstreamError, UpstreamTimeoutError

Headers = Sequence[tuple[str, str]]

IDLE_S = 30.0
"""An unused connection is kept so long; providers close theirs after a minute or more."""
LONGEST_HEADER = 64 * 1024

_MADE_BY_CLIENT = ("Accept", "Accept-Encoding", "User-Agent")


class Reply:
    """A response whose head has arrived. Read `chunks` to the end or `close` it."""

    def __init__(self, response: aiohttp.ClientResponse, where: str) -> None:
        self._response = response
        self._where = where
        self.status = response.status
        self.headers: Sequence[tuple[bytes, bytes]] = response.raw_headers
        """As received, in order, repeated names included."""

    def header(self, name: str) -> str:
        """The first value of a header, empty where there is none."""
        return self._response.headers.get(name, "")

    @property
    def framed(self) -> bool:
        """The end of the body is told apart from a broken connection."""
        return "content-length" in self._response.headers or "transfer-encoding" in self._response.headers

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it arrives. Raises UpstreamError where it breaks off, UpstreamTimeoutError where it stalls."""
        content = self._response.content
        try:
            while chunk := await content.readany():
                yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _told(error, self._where) from None

    def close(self) -> None:
        """Give the connection back; where the body was not read to its end, close it. May be called twice."""
        self._response.release()


class Hosted:
    """The provider behind one base URL."""

    def __init__(self, url: str, *, connect_timeout_s: float = 10.0, read_timeout_s: float = 600.0) -> None:
        self.url = url.rstrip("/")
        self._where = check(url)
        # sock_read bounds the wait for the head and for each piece of the body; a reply as a whole may take any time.
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout_s or None, sock_read=read_timeout_s or None)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, method: str, path: str, headers: Headers, body: bytes | None = None) -> Reply:
        """Send one request to `path` below the base URL and wait for the head of the reply.

        A request that went into a kept connection which the provider was just closing is sent once more. Raises
        UpstreamError where the provider cannot be reached or does not speak HTTP, UpstreamTimeoutError where it is too slow.
        """
        for last in (False, True):
            trace = SimpleNamespace(reused=False)
            try:
                response = await self._open().request(
                    method,
                    self.url + path,
                    headers=headers,
                    data=body,
                    allow_redirects=False,
                    timeout=self._timeout,
                    skip_auto_headers=_MADE_BY_CLIENT,
                    trace_request_ctx=trace,
                )
                return Reply(response, self._where)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionError) as error:
                if last or not trace.reused or isinstance(error, aiohttp.ClientConnectorError):
                    raise _told(error, self._where) from None
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                raise _told(error, self._where) from None
        raise AssertionError("unreachable")

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            traces = aiohttp.TraceConfig()
            traces.on_connection_reuseconn.append(_mark_reused)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_S, ttl_dns_cache=60),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                max_line_size=LONGEST_HEADER,
                max_field_size=LONGEST_HEADER,
                trace_configs=[traces],
            )
        return self._session


def check(url: str) -> str:
    """`scheme://host` of a base URL. Raises ConfigError where it is not one that may be used."""
    scheme, colon, rest = url.partition("://")
    authority, _, path = rest.partition("/")
    if not colon or scheme not in ("http", "https") or not authority:
        raise ConfigError(f"upstream.url = {url!r} is not a web address", hint="for example https://api.openai.com/v1")
    if "@" in authority:
        raise ConfigError("upstream.url holds a user or a password", hint="name the key's environment variable in upstream.api_key_env")
    if "?" in url or "#" in url or any(not 32 < ord(c) < 127 for c in url):
        raise ConfigError(f"upstream.url = {url!r} holds a query, a fragment, or characters that an address cannot have")
    return f"{scheme}://{authority}"


def is_loopback(url: str) -> bool:
    """The address is this machine's own, by name or number."""
    host = url.partition("://")[2].partition("/")[0]
    name = host.partition("]")[0].removeprefix("[") if host.startswith("[") else host.partition(":")[0]
    return name in ("localhost", "::1") or name.startswith("127.")


async def _mark_reused(_session: Any, context: SimpleNamespace, _params: Any) -> None:
    context.trace_request_ctx.reused = True


def _told(error: Exception, where: str) -> UpstreamError:
    """Our error for one of the client's: what happened, where, and never what was sent."""
    if isinstance(error, TimeoutError | asyncio.TimeoutError):
        return UpstreamTimeoutError(
            f"{where} did not answer in time", hint="upstream.connect_timeout_s and read_timeout_s say how long to wait"
        )
    if isinstance(error, aiohttp.ClientConnectorError):
        cause = getattr(error, "certificate_error", None) or error.os_error
        reason = getattr(cause, "verify_message", "") or getattr(cause, "strerror", "") or type(cause).__name__
        return UpstreamError(f"cannot reach {where}: {reason}", hint="is upstream.url right, and is it running?")
    if isinstance(error, aiohttp.ClientPayloadError | aiohttp.ServerDisconnectedError | aiohttp.ClientOSError | ConnectionError):
        return UpstreamError(f"{where} broke off its reply")
    return UpstreamError(f"{where} did not answer as an HTTP server does ({type(error).__name__})")
