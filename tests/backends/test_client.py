"""The client against servers that behave: what is sent, what is kept, what flows."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from modicum.backends.client import Client, Timeouts
from modicum.backends.reply import BUFFER_BYTES
from modicum.errors import UpstreamError
from tests.backends.places import Seen, plain, says, server

WAIT = Timeouts(2.0, 2.0, 2.0)


async def post(client: Client, url: str, body: bytes = b"{}", **headers: str) -> bytes:
    reply = await client.send("POST", url, [("content-type", "application/json"), *headers.items()], body, timeouts=WAIT)
    try:
        return b"".join([chunk async for chunk in reply.chunks()])
    finally:
        reply.close()


async def test_what_is_sent() -> None:
    client = Client()
    async with server(says(plain(b"ok", b"X-Two: a", b"x-two: b"))) as seen:
        reply = await client.send("POST", f"{seen.url}/chat?a=b", [("authorization", "Bearer k")], b"body", timeouts=WAIT)
        assert (reply.status, reply.framed, reply.header("content-length"), reply.header("x-two"), reply.header("nope")) == (
            200,
            True,
            "2",
            "a",
            "",
        )
        assert [header for header in reply.headers if header[0] == b"x-two"] == [(b"x-two", b"a"), (b"x-two", b"b")]
        assert b"".join([chunk async for chunk in reply.chunks()]) == b"ok"
        await post(client, seen.url, b"")
        async for _ in (await client.send("GET", f"http://127.0.0.1:{seen.port}", [], timeouts=WAIT)).chunks():
            pass
        await client.close()
    host = f"host: 127.0.0.1:{seen.port}".encode()
    assert seen.heads == [
        b"POST /v1/chat?a=b HTTP/1.1\r\n" + host + b"\r\nauthorization: Bearer k\r\ncontent-length: 4\r\n\r\n",
        b"POST /v1 HTTP/1.1\r\n" + host + b"\r\ncontent-type: application/json\r\ncontent-length: 0\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + host + b"\r\n\r\n",
    ]
    assert seen.bodies == [b"body", b"", b""]
    assert seen.connections == 1


async def test_headers_of_the_connection_are_the_clients_own() -> None:
    client = Client()
    async with server(says(plain(b""))) as seen:
        headers = [("Host", "evil.example"), ("content-length", "1"), ("Transfer-Encoding", "chunked"), ("connection", "x-a"), ("x-a", "1")]
        (await client.send("POST", seen.url, headers, b"four", timeouts=WAIT)).close()
        await client.close()
    assert seen.heads[0].count(b"\r\n") == 5 and b"evil" not in seen.heads[0] and b"chunked" not in seen.heads[0]
    assert b"content-length: 4\r\n" in seen.heads[0] and b"x-a: 1\r\n" in seen.heads[0]


async def test_a_large_body_goes_whole_and_comes_whole() -> None:
    body = bytes(range(256)) * 20_000

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> bool:
        writer.write(plain(seen.bodies[-1]))
        await writer.drain()
        return True

    client = Client()
    async with server(echo) as seen:
        for _ in range(3):
            assert await post(client, seen.url, body) == body
        await client.close()
    assert seen.connections == 1


async def test_the_newest_idle_connection_serves_first_and_all_are_closed_in_the_end() -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> bool:
        await asyncio.sleep(0.05 if seen.connections < 3 else 0.0)
        writer.write(plain(b"ok"))
        return True

    client = Client()
    async with server(slow) as seen:
        await asyncio.gather(*(post(client, seen.url) for _ in range(3)))
        for _ in range(5):
            await post(client, seen.url)
        assert seen.connections == 3
        await client.close()
        await asyncio.sleep(0.05)
        assert seen.closed == 3
        assert await post(client, seen.url) == b"ok"
        await client.close()


async def test_a_connection_that_got_bytes_or_an_end_while_idle_is_not_used() -> None:
    async def then(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> bool:
        writer.write(plain(b"%d" % len(seen.heads)))
        await writer.drain()
        await asyncio.sleep(0.02)
        if len(seen.heads) == 1:
            writer.write(plain(b"smuggled"))
            await writer.drain()
        return len(seen.heads) != 2

    client = Client()
    async with server(then) as seen:
        for number in (b"1", b"2", b"3"):
            assert await post(client, seen.url) == number
            await asyncio.sleep(0.08)
        await client.close()
    assert seen.connections == 3


async def test_connection_close_is_obeyed() -> None:
    client = Client()
    async with server(says(plain(b"ok", b"Connection: close"))) as seen:
        assert await post(client, seen.url) == await post(client, seen.url) == b"ok"
        await client.close()
    assert seen.connections == 2


async def test_a_request_into_a_connection_that_was_just_closing_is_sent_again_once() -> None:
    async def drops(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> bool:
        if seen.bodies[-1] == b"never" or (seen.bodies[-1] == b"second" and seen.bodies.count(b"second") == 1):
            writer.transport.abort()
            return False
        writer.write(plain(b"ok"))
        return True

    client = Client()
    async with server(drops) as seen:
        assert await post(client, seen.url, b"first") == b"ok"
        assert await post(client, seen.url, b"second") == b"ok"
        with pytest.raises(UpstreamError, match="broke off"):
            await post(client, seen.url, b"never")
        assert seen.bodies == [b"first", b"second", b"second", b"never", b"never"]
        with pytest.raises(UpstreamError, match="broke off"):
            await post(client, seen.url, b"never")  # a new connection: no reason to try again
        assert len(seen.bodies) == 6
        await client.close()


async def test_nothing_is_sent_again_once_a_byte_of_the_reply_came() -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> bool:
        writer.write(plain(b"ok") if len(seen.heads) == 1 else b"HTTP/1.1 2")
        await writer.drain()
        return len(seen.heads) == 1

    client = Client()
    async with server(half) as seen:
        await post(client, seen.url)
        with pytest.raises(UpstreamError):
            await post(client, seen.url)
        await client.close()
    assert len(seen.heads) == 2


CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("pieces", "body", "framed"),
    [
        ([plain(b"whole")], b"whole", True),
        ([plain(b"cut")[:-2], b"u", b"t"], b"cut", True),
        ([CHUNKED + b"5\r\nhello\r\n", b"6;a=b\r\n world\r\n0\r\nx-trailer: 1\r\n\r\n"], b"hello world", True),
        ([b"HTTP/1.1 200 OK\r\n\r\nto the", b" end"], b"to the end", False),
        ([b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok"], b"ok", True),
        ([b"HTTP/1.1 204 No Content\r\n\r\n"], b"", True),
        ([b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + plain(b"ok")], b"ok", True),
        ([b"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:9/\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n"], b"", True),
    ],
)
async def test_bodies_end_as_their_heads_say(pieces: list[bytes], body: bytes, framed: bool) -> None:
    client = Client()
    async with server(says(*pieces, keep=framed, pause_s=0.01)) as seen:
        for _ in range(2):
            reply = await client.send("POST", seen.url, [], b"{}", timeouts=WAIT)
            assert reply.framed is framed
            assert b"".join([chunk async for chunk in reply.chunks()]) == body
            assert not any(name in (b"link", b"x-trailer") for name, _ in reply.headers)
        await client.close()
    assert b"cookie" not in seen.heads[-1].lower()
    assert seen.connections == (1 if framed and not pieces[0].startswith(b"HTTP/1.0") else 2)


async def test_a_head_has_no_body() -> None:
    client = Client()
    async with server(says(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n")) as seen:
        reply = await client.send("HEAD", seen.url, [], timeouts=WAIT)
        assert [chunk async for chunk in reply.chunks()] == []
        await client.close()


async def test_compressed_bytes_stay_as_they_are() -> None:
    client = Client()
    async with server(says(plain(b"\x1f\x8b\x08garbage", b"Content-Encoding: gzip"))) as seen:
        assert await post(client, seen.url) == b"\x1f\x8b\x08garbage"
        await client.close()


async def test_pieces_come_as_they_arrive() -> None:
    client = Client()
    events = [b"data: %d\n\n" % number for number in range(5)]
    chunks = [b"%x\r\n%s\r\n" % (len(event), event) for event in events]
    async with server(says(CHUNKED, *chunks, b"0\r\n\r\n", pause_s=0.02)) as seen:
        reply = await client.send("POST", seen.url, [], b"{}", timeouts=WAIT)
        arrived = [(chunk, time.monotonic()) async for chunk in reply.chunks()]
        await client.close()
    assert [chunk for chunk, _ in arrived] == events
    assert arrived[-1][1] - arrived[0][1] > 0.05


async def test_what_waits_already_needs_no_turn_of_the_loop() -> None:
    client = Client()
    async with server(says(plain(b"ok"))) as seen:
        reply = await client.send("POST", seen.url, [], b"{}", timeouts=WAIT)
        step = reply.chunks().__anext__()
        with pytest.raises(StopIteration, match="ok"):  # it returns without having waited
            step.send(None)
        await client.close()


async def test_pouring_needs_no_turn_of_the_loop_and_stops_where_the_reader_says_so() -> None:
    client = Client()
    events = [b"data: %d\n\n" % number for number in range(6)]
    chunks = [b"%x\r\n%s\r\n" % (len(event), event) for event in events]
    async with server(says(CHUNKED + chunks[0] + chunks[1], *chunks[2:], b"0\r\n\r\n", pause_s=0.02)) as seen:
        reply = await client.send("POST", seen.url, [], b"{}", timeouts=WAIT)
        taken: list[bytes] = []

        def take(piece: bytes) -> bool:
            taken.append(piece)
            return len(taken) != 2

        assert await reply.pour(take)
        assert taken == [events[0] + events[1], events[2]], "what came together is given together"
        await asyncio.sleep(0.06)
        assert len(taken) == 2, "nothing is given to who wants no more"
        assert not await reply.pour(take)
        assert b"".join(taken) == b"".join(events) and len(taken) < 6
        assert not await reply.pour(take)
        await client.close()


@pytest.mark.parametrize("first", [True, False])
async def test_a_fault_of_who_takes_is_its_own(first: bool) -> None:
    client = Client()

    def take(piece: bytes) -> bool:
        if first or b"two" in piece:
            raise ZeroDivisionError
        return True

    async with server(says(CHUNKED, b"3\r\none\r\n", b"3\r\ntwo\r\n", b"5\r\nthree\r\n0\r\n\r\n", pause_s=0.02)) as seen:
        reply = await client.send("POST", seen.url, [], b"{}", timeouts=WAIT)
        with pytest.raises(ZeroDivisionError):
            await reply.pour(take)
        assert b"".join([piece async for piece in reply.chunks()]) == (b"twothree" if first else b"three")
        await client.close()


async def test_a_reply_that_comes_to_no_end_is_poured_first_and_told_then() -> None:
    client = Client()
    async with server(says(CHUNKED + b"3\r\none\r\n3\r\ntw")) as seen:
        reply = await client.send("POST", seen.url, [], b"{}", timeouts=Timeouts(2.0, 2.0, 0.2))
        taken: list[bytes] = []
        with pytest.raises(UpstreamError, match="in time"):
            while await reply.pour(lambda piece: bool(taken.append(piece))):  # type: ignore[func-returns-value]
                pass
        assert b"".join(taken) == b"onetw"
        await client.close()


async def test_a_slow_reader_stops_the_provider() -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> bool:
        nonlocal sent
        size = 1 << 26
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        while sent < size:
            writer.write(bytes(1 << 16))
            sent += 1 << 16
            await writer.drain()
        return True

    client = Client()
    async with server(flood) as seen:
        reply = await client.send("POST", seen.url, [], b"{}", timeouts=Timeouts(2.0, 2.0, 0.3))
        await asyncio.sleep(0.5)  # longer than the provider may be silent: it is not the one who waits
        assert sent < 1 << 25  # what the kernel holds, and our buffer
        first = await anext(reply.chunks())
        assert len(first) <= 2 * BUFFER_BYTES + 64 * 1024
        got = len(first)
        async for chunk in reply.chunks():
            got += len(chunk)
        assert got == 1 << 26
        await client.close()
    assert seen.connections == 1


async def test_leaving_a_reply_closes_its_connection() -> None:
    client = Client()
    async with server(says(plain(b"x" * 1000)[:-1])) as seen:
        reply = await client.send("POST", seen.url, [], b"{}", timeouts=WAIT)
        reply.close()
        reply.close()
        await asyncio.sleep(0.05)
        assert seen.closed == 1
        with pytest.raises(UpstreamError):
            await anext(reply.chunks())
        await client.close()


@pytest.mark.parametrize("pieces", [[], [CHUNKED]], ids=["before the head", "within the body"])
async def test_cancelling_closes_at_once(pieces: list[bytes]) -> None:
    client = Client()
    async with server(says(*pieces)) as seen:
        task = asyncio.create_task(post(client, seen.url))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.05)
        assert seen.closed == 1
        await client.close()


async def test_a_unix_socket(tmp_path: Path) -> None:
    client = Client()
    path = str(tmp_path / "s")
    async with server(says(plain(b"ok")), unix=path) as seen:
        assert await post(client, f"unix:{path}:/v1/chat") == await post(client, f"unix:{path}:/v1/chat") == b"ok"
        await client.close()
    assert seen.heads[0].startswith(b"POST /v1/chat HTTP/1.1\r\nhost: localhost\r\n")
    assert seen.connections == 1
    with pytest.raises(UpstreamError, match="cannot reach"):
        await post(client, f"unix:{path}-not-there:/v1")


async def test_many_at_once() -> None:
    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> bool:
        await asyncio.sleep(0.01)
        writer.write(plain(b"ok"))
        return True

    client = Client()
    async with server(late) as seen:
        for _ in range(3):
            assert await asyncio.gather(*(post(client, seen.url) for _ in range(50))) == [b"ok"] * 50
        await client.close()
    assert seen.connections <= 60
