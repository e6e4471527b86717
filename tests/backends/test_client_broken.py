"""The client against servers that break off, stall, lie and flood, and against requests that must not be sent."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time

import pytest

from modicum.backends.client import Client, Timeouts
from modicum.backends.dial import Names
from modicum.errors import UpstreamError, UpstreamTimeoutError
from tests.backends.places import Answer, Seen, plain, says, server

WAIT = Timeouts(2.0, 2.0, 2.0)
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


async def fetch(client: Client, url: str, timeouts: Timeouts = WAIT) -> bytes:
    reply = await client.send("POST", url, [], b"{}", timeouts=timeouts)
    try:
        return b"".join([chunk async for chunk in reply.chunks()])
    finally:
        reply.close()


NOT_HTTP = {
    "smtp": b"220 smtp ready\r\n\r\n",
    "http/2": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80",
    "tls alert": b"\x15\x03\x01\x00\x02\x02\x50",
    "bare status": b"HTTP/1.1\r\n\r\n",
    "switching": b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    "nul in a value": b"HTTP/1.1 200 OK\r\nx: a\0b\r\ncontent-length: 0\r\n\r\n",
    "cr in a value": b"HTTP/1.1 200 OK\r\nx: a\rb\r\ncontent-length: 0\r\n\r\n",
    "space in a name": b"HTTP/1.1 200 OK\r\nx y: a\r\ncontent-length: 0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nabc",
    "length and chunks": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "negative length": b"HTTP/1.1 200 OK\r\ncontent-length: -2\r\n\r\nab",
    "length of words": b"HTTP/1.1 200 OK\r\ncontent-length: two\r\n\r\nab",
    "endless length": b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\nab",
    "absurd length": b"HTTP/1.1 200 OK\r\ncontent-length: 9999999999999999\r\n\r\nab",
    "long head": b"HTTP/1.1 200 OK\r\nx: " + b"a" * 70_000 + b"\r\ncontent-length: 0\r\n\r\n",
    "head without end": b"HTTP/1.1 200 OK\r\nx: " + b"a" * 200_000,
    "many headers": b"HTTP/1.1 200 OK\r\n" + b"x: 1\r\n" * 300 + b"content-length: 0\r\n\r\n",
    "endless continue": b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
    "chunk size of words": CHUNKED + b"xyz\r\n",
    "endless chunk size": CHUNKED + b"f" * 40 + b"\r\n",
    "chunk longer than told": CHUNKED + b"2\r\nabcd\r\n",
    "endless extension": CHUNKED + b"2;" + b"a" * 200_000,
    "endless trailer": CHUNKED + b"0\r\nx: " + b"a" * 200_000,
    "many trailers": CHUNKED + b"0\r\n" + b"x: 1\r\n" * 300 + b"\r\n",
}


@pytest.mark.parametrize("said", NOT_HTTP.values(), ids=NOT_HTTP.keys())
async def test_what_is_no_http_is_an_error(said: bytes) -> None:
    client = Client()
    async with server(says(said)) as seen:
        with pytest.raises(UpstreamError, match="did not answer as an HTTP server does"):
            await fetch(client, seen.url)
        await asyncio.sleep(0.02)
        assert seen.connections == 1 and seen.closed == 1
        await client.close()


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> bool:
    writer.write(CHUNKED + b"5\r\nhello\r\n")
    await writer.drain()
    await asyncio.sleep(0.02)
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False


async def half_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> bool:
    writer.write(CHUNKED + b"5\r\nhello\r\n")
    writer.write_eof()
    await reader.read(1)
    return False


TORN: dict[str, Answer] = {
    "nothing": says(keep=False),
    "half a head": says(b"HTTP/1.1 200 OK\r\nx:", keep=False),
    "half a body": says(plain(b"x" * 100)[:-1], keep=False),
    "half a chunk": says(CHUNKED + b"5\r\nhel", keep=False),
    "no last chunk": says(CHUNKED + b"5\r\nhello\r\n", keep=False),
    "reset": reset,
    "half closed": half_closed,
}


@pytest.mark.parametrize("answer", TORN.values(), ids=TORN.keys())
async def test_what_breaks_off_is_an_error(answer: Answer) -> None:
    client = Client()
    async with server(answer) as seen:
        with pytest.raises(UpstreamError, match="broke off"):
            await fetch(client, seen.url)
        assert seen.connections == 1
        await client.close()


async def test_what_came_before_the_break_is_there_first() -> None:
    client = Client()
    async with server(TORN["no last chunk"]) as seen:
        chunks = (await client.send("POST", seen.url, [], b"{}", timeouts=WAIT)).chunks()
        assert await anext(chunks) == b"hello"
        with pytest.raises(UpstreamError):
            await anext(chunks)
        with pytest.raises(UpstreamError):
            await anext(chunks)  # and it stays broken
        await client.close()


@pytest.mark.parametrize("more", [b"more", plain(b"smuggled"), b"\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nsmuggled"])
async def test_what_follows_a_body_is_nobodys(more: bytes) -> None:
    client = Client()
    async with server(says(plain(b"ok") + more)) as seen:
        for _ in range(3):
            assert await fetch(client, seen.url) == b"ok"
        await client.close()
    assert seen.connections == 3


@pytest.mark.parametrize("pieces", [[], [CHUNKED], [CHUNKED + b"2\r\nok\r\n"]], ids=["head", "body", "rest"])
async def test_waiting_ends(pieces: list[bytes]) -> None:
    client = Client()
    async with server(says(*pieces)) as seen:
        began = time.monotonic()
        with pytest.raises(UpstreamTimeoutError, match="in time"):
            await fetch(client, seen.url, Timeouts(1.0, 0.1, 0.1))
        assert 0.09 < time.monotonic() - began < 0.4
        await asyncio.sleep(0.02)
        assert seen.closed == 1
        await client.close()


async def test_the_first_byte_and_silence_are_two_limits() -> None:
    client = Client()
    async with server(says(CHUNKED + b"1\r\na\r\n", b"1\r\nb\r\n", b"0\r\n\r\n", pause_s=0.15)) as seen:
        assert await fetch(client, seen.url, Timeouts(1.0, 0.1, 1.0)) == b"ab"
        with pytest.raises(UpstreamTimeoutError):
            await fetch(client, seen.url, Timeouts(1.0, 1.0, 0.1))
        assert await fetch(client, seen.url, Timeouts(0, 0, 0)) == b"ab"
        await client.close()


async def test_bytes_that_say_nothing_do_not_pass_for_an_answer() -> None:
    """A head that trickles does not move its limit."""
    client = Client()
    drip = [b"HTTP/1.1 200 OK\r\n", *(b"x: 1\r\n" for _ in range(20))]
    async with server(says(*drip, pause_s=0.05)) as seen:
        with pytest.raises(UpstreamTimeoutError):
            await fetch(client, seen.url, Timeouts(1.0, 0.2, 5.0))
        await client.close()


async def test_a_connection_that_does_not_come_about() -> None:
    client = Client()
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with socket.socket() as first, socket.socket() as second:
            for waiting in (first, second):
                waiting.setblocking(False)
                waiting.connect_ex(full.getsockname())
            began = time.monotonic()
            with pytest.raises(UpstreamTimeoutError, match="could not be reached"):
                await fetch(client, f"http://127.0.0.1:{full.getsockname()[1]}/", Timeouts(0.2, 5.0, 5.0))
            assert time.monotonic() - began < 0.5
    for url in ("http://127.0.0.1:1/v1", "http://no-such-host.invalid/v1", "http://[::1]:1/v1"):
        with pytest.raises(UpstreamError, match="cannot reach"):
            await fetch(client, url)
    await client.close()


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a/v1",
        "a/v1",
        "http://",
        "http:///v1",
        "http://a:b@c/v1",
        "http://a b/v1",
        "http://a:0/v1",
        "http://a:99999/v1",
        "http://[::1/v1",
    ]
    + ["http://a/v 1", "http://a/v1\r\nx: y", "http://a/é", "http://a\r\nb/v1", "http://é/v1", "file:///etc/passwd", "http://a\\@b/"],
)
async def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(UpstreamError):
        await fetch(Client(), url)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x", "a\r\nevil: b"),
        ("x", "a\nb"),
        ("x", "a\rb"),
        ("x", "a\0b"),
        ("x: y\r\nz", "a"),
        ("", "a"),
        ("x y", "a"),
        ("x", "\ud800"),
        ("é", "a"),
    ],
)
async def test_headers_that_would_be_read_as_something_else_are_not_sent(name: str, value: str) -> None:
    client = Client()
    async with server(says(plain(b"ok"))) as seen:
        with pytest.raises(UpstreamError, match="was not sent") as raised:
            await client.send("POST", seen.url, [("authorization", "sk-secret"), (name, value)], b"{}", timeouts=WAIT)
        assert "evil" not in str(raised.value) and "secret" not in repr(raised.value)
        await client.close()
    assert seen.connections == 0


@pytest.mark.parametrize("method", ["", "get", "GET /evil HTTP/1.1\r\nx:"])
async def test_methods_that_are_none(method: str) -> None:
    with pytest.raises(UpstreamError):
        await Client().send(method, "http://127.0.0.1:1/", [], timeouts=WAIT)


async def test_an_idle_connection_closes_itself() -> None:
    import modicum.backends.connection as connection

    class Owner:
        def give(self, given: connection.Connection) -> None:
            given.rest()

        def lost(self, lost: connection.Connection) -> None:
            pass

    async with server(says(plain(b"ok"))) as seen:
        loop = asyncio.get_running_loop()
        made = connection.Connection(Owner(), loop, "here", 0.1)
        await loop.create_connection(lambda: made, "127.0.0.1", seen.port)
        for _ in range(3):
            reply = made.ask([b"GET / HTTP/1.1\r\n\r\n"], first_byte_s=5.0, silence_s=5.0, bodiless=False)
            await reply.head()
            await asyncio.sleep(0.06)
            assert made.alive
        await asyncio.sleep(0.1)
        assert not made.alive
        await asyncio.sleep(0.05)
        assert seen.closed == 1


async def test_an_early_refusal_of_a_long_body_is_heard() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.transport.abort()

    client = Client()
    listening = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1024)
    url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
    reply = await client.send("POST", url, [], bytes(1 << 26), timeouts=WAIT)
    assert reply.status == 413
    await client.close()
    listening.close()
    await asyncio.sleep(0.15)


async def test_names_are_looked_up_once() -> None:
    names = Names()
    first, second = await asyncio.gather(names.addresses("localhost", 80), names.addresses("localhost", 80))
    assert first is second is await names.addresses("localhost", 80)
    names.forget("localhost", 80)
    again = await names.addresses("localhost", 80)
    assert again is not first and again == first


async def test_the_second_address_of_a_name_is_tried() -> None:
    class Both(Names):
        async def addresses(self, host: str, port: int) -> list[tuple[int, object]]:
            return [(socket.AF_INET6, ("::1", port, 0, 0)), (socket.AF_INET, ("127.0.0.2", 1)), (socket.AF_INET, ("127.0.0.1", port))]

    from modicum.backends import dial

    async with server(says(plain(b"ok"))) as seen:
        found = await dial.reach(Both(), "two.example", seen.port, None, tunnel=False)
        assert found.getpeername() == ("127.0.0.1", seen.port)
        assert found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        found.close()
        await asyncio.sleep(0.02)


async def test_a_loop_that_stood_still_blames_no_provider() -> None:
    """What came for one reply while another's took all the time is read before the time-out counts."""
    whole = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab"

    def answer(listening: socket.socket) -> None:
        slow, _ = listening.accept()
        quick, _ = listening.accept()
        with slow, quick:
            quick.recv(4096)
            slow.recv(4096)
            slow.sendall(whole[:-1])
            time.sleep(0.05)
            slow.sendall(whole[-1:])
            time.sleep(0.05)
            quick.sendall(whole)
            quick.recv(4096)

    def take(piece: bytes) -> bool:
        time.sleep(0.5 * piece.count(b"b"))
        return True

    client = Client()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer, args=(listening,))
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        limits = Timeouts(2.0, 0.3, 5.0)
        slow = asyncio.ensure_future(client.send("POST", url, [], b"{}", timeouts=Timeouts(2.0, 2.0, 5.0)))
        quick = asyncio.ensure_future(client.send("POST", url, [], b"{}", timeouts=limits))
        reply = await slow
        while await reply.pour(take):
            pass
        assert b"".join([chunk async for chunk in (await quick).chunks()]) == b"ab"
        await client.close()
        thread.join()
