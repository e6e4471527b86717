"""HTTP/1.1 as the gateway speaks it, before a small application of its own: in any pieces, in order, within bounds, to the end."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.config import ServeConfig
from modicum.errors import ModicumError
from modicum.gateway import protocol
from modicum.gateway.exchange import JSON, Asked, Reply
from modicum.gateway.front import Front, serve
from modicum.gateway.protocol import Connection

LIMITS = ServeConfig(header_timeout_s=5.0, body_timeout_s=1.0, max_body_bytes=1 << 20, drain_s=1.0)
BIG = b"x" * (8 << 20)


class Seen:
    """An application that does what the path says, and what it saw."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.left: list[tuple[str, tuple[object, ...]]] = []
        self.written = 0
        self.under_way = 0

    async def __call__(self, asked: Asked, reply: Reply) -> None:
        self.paths.append(asked.path)
        self.under_way += 1
        try:
            await self._do(asked, reply)
        except asyncio.CancelledError as left:
            self.left.append((asked.path, left.args))
        except ModicumError as error:
            if not reply.started:
                await asked.drain(1 << 22, 1.0)
                await reply.refuse(error)
        finally:
            self.under_way -= 1

    async def _do(self, asked: Asked, reply: Reply) -> None:
        match asked.path:
            case "/echo":
                body = await asked.body(LIMITS.max_body_bytes, LIMITS.body_timeout_s)
                await reply.whole(200, asked.method.encode() + b" " + asked.query + b" " + body)
            case "/slow":
                await asyncio.sleep(0.1)
                await reply.whole(200, b"slow")
            case "/hang":
                await asyncio.sleep(60)
            case "/stream" | "/torn":
                await reply.start(200, (JSON,))
                for number in range(5):
                    await reply.write(b"piece %d;" % number)
                    await asyncio.sleep(0.01)
                if asked.path == "/stream":
                    await reply.write(b"end", last=True)
            case "/flood":
                await reply.start(200, (JSON,))
                while True:
                    await reply.write(BIG[:65536])
                    self.written += 65536
            case "/short":
                await reply.start(200, (JSON,), length=10)
                await reply.write(b"short", last=True)
            case "/fails":
                raise RuntimeError("of the application")
            case "/header":
                await reply.whole(200, b"", ((b"x-bad", b"a\r\nx-more: b"),))
            case "/gone":
                await reply.whole(204, b"")
            case _:
                await reply.whole(200, asked.path.encode())


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.shut = False
        self.paused = False

    def write(self, data: Any) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.shut

    def close(self) -> None:
        self.shut = True

    abort = close

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.shut = True

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


async def spoken(pieces: list[bytes], app: Callable[[Asked, Reply], Awaitable[None]]) -> Transport:
    """What one connection answers to these pieces."""
    front, transport = Front(app, LIMITS), Transport()
    connection = Connection(front)
    connection.connection_made(transport)
    for piece in pieces:
        connection.data_received(piece)
        await asyncio.sleep(0)
    for _ in range(50):
        await asyncio.sleep(0)
    connection.connection_lost(None)
    await asyncio.sleep(0)
    return transport


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted({place % len(data) for place in places}), len(data)]
    return [data[a:b] for a, b in zip(edges, edges[1:], strict=False) if a < b]


def post(path: bytes, body: bytes, *, chunks: int = 0, more: bytes = b"") -> bytes:
    head = b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\n" + more
    if not chunks:
        return head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    parts = [body[at : at + chunks] for at in range(0, len(body), chunks)]
    coded = b"".join(b"%x;ext=1\r\n%b\r\n" % (len(part), part) for part in parts)
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + coded + b"0\r\nX-Trailer: t\r\n\r\n"


requests = st.lists(
    st.one_of(
        st.builds(post, st.sampled_from([b"/echo", b"/echo?a=%20b"]), st.binary(max_size=40), chunks=st.integers(0, 9)),
        st.sampled_from(
            [b"GET /a%2Fb HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\nGET /gone HTTP/1.1\r\nHost: x\r\n\r\n", b"HEAD /h HTTP/1.1\r\n\r\n"]
        ),
    ),
    min_size=1,
    max_size=6,
)


@given(requests, st.lists(st.integers(0, 10_000), max_size=12))
@settings(deadline=None, max_examples=150)
def test_requests_in_any_pieces_are_answered_alike_and_in_order(asked: list[bytes], places: list[int]) -> None:
    data = b"".join(asked)
    one_by_one = b"".join(asyncio.run(spoken([one], Seen())).written for one in asked)
    assert one_by_one.count(b"HTTP/1.1 20") == len(asked)
    assert asyncio.run(spoken(cut(data, places), Seen())).written == one_by_one


@given(st.binary(max_size=300), st.lists(st.integers(0, 10_000), max_size=6), st.booleans())
@settings(deadline=None, max_examples=200)
def test_no_bytes_break_it(junk: bytes, places: list[int], behind: bool) -> None:
    data = (b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n" if behind else b"") + junk
    if not data:
        return
    written = asyncio.run(spoken(cut(data, places), Seen())).written
    assert written == b"" or written.startswith(b"HTTP/1.1 ")
    assert not behind or b"\r\n\r\n/a" in written


@asynccontextmanager
async def served(app: Seen, limits: ServeConfig = LIMITS) -> Any:
    bound = socket.create_server(("127.0.0.1", 0), backlog=64)
    bound.setblocking(False)
    stopped = asyncio.Event()
    task = asyncio.create_task(serve(app, bound, limits, stopped))
    await asyncio.sleep(0)
    try:
        yield bound.getsockname()[1], stopped, task
    finally:
        stopped.set()
        await task
        bound.close()


async def talk(port: int, data: bytes, *, until: bytes = b"", within_s: float = 5.0) -> bytes:
    """Send, and read to the end, or until these bytes came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = b""
    try:
        writer.write(data)
        async with asyncio.timeout(within_s):
            while not (until and until in received) and (more := await reader.read(65536)):
                received += more
    except ConnectionError:
        received += b"(reset)"
    finally:
        writer.close()
    return received


LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
SLOW = b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_what_comes_during_a_reply_is_answered_after_it() -> None:
    seen = Seen()
    async with served(seen) as (port, _, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(SLOW)
        await asyncio.sleep(0.02)
        writer.write(SLOW + post(b"/echo", b"first"))
        await asyncio.sleep(0.02)
        half = post(b"/echo", b"second " * 20_000, chunks=5000)
        writer.write(half[:70_000])
        await asyncio.sleep(0.02)
        writer.write(half[70_000:] + LAST)
        received = await reader.read()
        writer.close()
    assert received.count(b"HTTP/1.1 200") == 5 and seen.paths == ["/slow", "/slow", "/echo", "/echo", "/last"]
    assert received.index(b"first") < received.index(b"second") and received.endswith(b"/last")


async def test_no_more_than_so_many_requests_wait_on_one_connection() -> None:
    seen = Seen()
    async with served(seen) as (port, _, _):
        received = await talk(port, SLOW + b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n" * 500)
    assert len(seen.paths) == protocol.MOST_AHEAD
    assert received.count(b"HTTP/1.1 200") == protocol.MOST_AHEAD and b"HTTP/1.1 503" in received


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /a HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", 431),
        (b"GET /a HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 1_000_000, 431),
        (b"GET /a HTTP/1.1\r\n" + b"X: a\r\n" * 201 + b"\r\n", 431),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"\r\n" * 200_000, 431),
        (b"GET /a\xff HTTP/1.1\r\n\r\n", 400),
        (b"GET /a HTTP/1.1\nHost: x\n\n", 400),
        (b"GET /a HTTP/3.7\r\n\r\n", 400),
        (b"GET /a\r\n\r\n", 400),
        (post(b"/echo", b"x" * 100, chunks=10).replace(b"a;ext", b"zz"), 400),
        (post(b"/echo", b"", chunks=10)[:-2] + b"X: " + b"a" * 1_000_000, 400),
        (post(b"/echo", b"", chunks=10)[:-2] + b"X: a\r\n" * 300, 400),
        (post(b"/echo", b"x" * 50, chunks=50).replace(b";ext=1", b";" + b"e" * 400_000), 400),
        (post(b"/echo", b"x" * (1 << 20) + b"x"), 413),
        (post(b"/echo", b"x" * (3 << 20), chunks=9999), 413),
        (b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nx", 408),
        (b"GET /a HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\nGET /b HTTP/1.1\r\n\r\n", 200),
        (b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n", 200),
        (b"GET http://localhost/a?b=c HTTP/1.1\r\nHost: other\r\n\r\n" + LAST, 200),
    ],
)
async def test_bounds(sent: bytes, status: int) -> None:
    seen = Seen()
    async with served(seen) as (port, _, _):
        received = await talk(port, sent, until=b"request_too_large")
    assert received.startswith(b"HTTP/1.1 %d" % status), received[:200]
    assert "/b" not in seen.paths and (status == 200 or received.count(b"HTTP/1.1 ") == 1)


async def test_the_host_of_a_whole_url_is_the_one_that_was_asked() -> None:
    hosts = []

    async def app(asked: Asked, reply: Reply) -> None:
        hosts.append((asked.path, asked.query, asked.headers.get(b"host")))
        await reply.whole(200, b"")

    await spoken([b"GET http://evil.example:81/a?b HTTP/1.1\r\nHost: localhost\r\n\r\nGET /c HTTP/1.1\r\nHost: d\r\n\r\n"], app)
    assert hosts == [("/a", b"b", b"evil.example:81"), ("/c", b"", b"d")]


async def test_a_refused_body_does_not_cost_the_caller_the_reply() -> None:
    """Not read by the application at all: the reply says that the connection ends, and waits for a caller who is still sending."""
    async with served(Seen()) as (port, _, _):
        received = await talk(port, post(b"/a", b"x" * 5_000_000) + LAST)
    assert received.startswith(b"HTTP/1.1 200") and received.endswith(b"/a") and b"connection: close" in received
    assert received.count(b"HTTP/1.1") == 1


async def test_older_callers_get_no_chunks_and_see_a_torn_reply() -> None:
    async with served(Seen()) as (port, _, _):
        received = await talk(port, b"GET /stream HTTP/1.0\r\n\r\n")
        assert received.endswith(b"piece 4;end") and b"chunked" not in received and b"connection: close" in received
        received = await talk(port, b"GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert received.endswith(b"piece 4;end")
        received = await talk(port, b"GET /torn HTTP/1.0\r\n\r\n")
        assert received.endswith(b"(reset)")
        received = await talk(port, b"GET /torn HTTP/1.1\r\nHost: x\r\n\r\n")
        assert received.endswith(b"piece 4;\r\n") and b"\r\n0\r\n" not in received


@pytest.mark.parametrize("path", [b"/short", b"/fails", b"/header"])
async def test_an_application_that_fails_ends_the_connection(path: bytes) -> None:
    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, about: told.append(about))
    async with served(Seen()) as (port, _, _):
        received = await talk(port, b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n" + LAST)
    assert received.count(b"HTTP/1.1") == (path == b"/short") and b"x-more" not in received and len(told) == 1


async def test_a_caller_who_does_not_read_is_waited_for_and_then_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "STALL_S", 0.5)
    seen = Seen()
    async with served(seen) as (port, _, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readexactly(10)
        await asyncio.sleep(0.3)
        held, began = seen.written, time.monotonic()
        assert seen.under_way == 1
        await asyncio.sleep(0.1)
        assert seen.written == held, "nothing more is made while nobody takes it"
        while seen.under_way:
            assert time.monotonic() - began < 3
            await asyncio.sleep(0.02)
        assert seen.left == [("/flood", ())]
        writer.close()


async def test_a_caller_who_leaves_stops_the_work() -> None:
    seen = Seen()
    async with served(seen) as (port, _, _):
        for half in (False, True):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /hang HTTP/1.1\r\nHost: x\r\n\r\n")
            await asyncio.sleep(0.05)
            assert seen.under_way == 1
            if half:
                writer.write_eof()
            else:
                writer.close()
            await asyncio.sleep(0.05)
            assert seen.under_way == 0 and seen.left[-1] == ("/hang", ())
            writer.close()


async def test_draining() -> None:
    seen = Seen()
    async with served(seen) as (port, stopped, task):
        idle = asyncio.create_task(talk(port, b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"))
        half = asyncio.create_task(talk(port, b"GET /a HT"))
        streams = [asyncio.create_task(talk(port, b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n" + LAST)) for _ in range(3)]
        slow = asyncio.create_task(talk(port, SLOW + LAST))
        hang = asyncio.create_task(talk(port, b"GET /hang HTTP/1.1\r\nHost: x\r\n\r\n"))
        await asyncio.sleep(0.03)
        began = time.monotonic()
        stopped.set()
        assert (await half, (await idle).count(b"HTTP/1.1 200")) == (b"", 1)
        assert time.monotonic() - began < 0.5
        for stream in streams:
            assert (await stream).endswith(b"end\r\n0\r\n\r\n")
        assert (await slow).endswith(b"slow") and "/last" not in seen.paths
        assert await hang == b"" and 0.9 < time.monotonic() - began < 3
        await task
        assert seen.left == [("/hang", ("the time to drain is over",))]
        with pytest.raises(ConnectionError):
            await talk(port, LAST)


async def test_a_socket_with_a_path(tmp_path: Any) -> None:
    bound = socket.socket(socket.AF_UNIX)
    bound.bind(str(tmp_path / "s"))
    bound.listen()
    stopped = asyncio.Event()
    task = asyncio.create_task(serve(Seen(), bound, LIMITS, stopped))
    await asyncio.sleep(0)
    reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"))
    writer.write(LAST)
    assert (await reader.read()).endswith(b"/last")
    writer.close()
    stopped.set()
    await task
