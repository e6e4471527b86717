"""A reply reads the same however its bytes are cut, and no bytes at all do more than fail it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modicum.backends.connection import Connection
from modicum.backends.reply import Reply
from modicum.errors import UpstreamError


class Wire(asyncio.Transport):
    """A transport that takes everything and sends nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.open = True
        self.reading = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        pass

    def is_closing(self) -> bool:
        return not self.open

    def abort(self) -> None:
        self.open = False

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Owner:
    """Counts what comes back whole."""

    def __init__(self) -> None:
        self.given = 0

    def give(self, connection: Connection) -> None:
        self.given += 1
        connection.rest()

    def lost(self, connection: Connection) -> None:
        pass


@contextmanager
def connected() -> Iterator[tuple[Connection, Wire, Owner, asyncio.AbstractEventLoop]]:
    loop = asyncio.new_event_loop()
    owner, wire = Owner(), Wire()
    connection = Connection(owner, loop, "http://a", 30.0)
    connection.connection_made(wire)
    try:
        yield connection, wire, owner, loop
    finally:
        connection.connection_lost(None)
        loop.close()


def ask(connection: Connection) -> Reply:
    return connection.ask([b"GET / HTTP/1.1\r\n\r\n"], first_byte_s=10.0, silence_s=10.0, bodiless=False)


async def read(reply: Reply) -> bytes:
    await reply.head()
    return b"".join([chunk async for chunk in reply.chunks()])


token = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_0123456789", min_size=1, max_size=20)
value = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30)
own = ("content-length", "transfer-encoding", "connection", "upgrade", "proxy-connection")
headers = st.lists(st.tuples(token.filter(lambda name: name.lower() not in own), value), max_size=10)


@st.composite
def responses(draw: st.DrawFn) -> tuple[bytes, int, list[tuple[bytes, bytes]], bytes, bool]:
    """(bytes, status, headers less those of its framing, body, it says where it ends)"""
    status = draw(st.sampled_from([200, 201, 400, 401, 404, 429, 500, 503, 529]))
    named = [(name.encode(), text.encode()) for name, text in draw(headers)]
    body = draw(st.binary(max_size=2000))
    how = draw(st.sampled_from(["length", "chunks", "end"]))
    head = b"HTTP/1.1 %d Said So\r\n" % status + b"".join(b"%s: %s\r\n" % header for header in named)
    before = b"HTTP/1.1 100 Continue\r\n\r\n" * draw(st.integers(0, 2))
    if how == "length":
        rest = b"content-length: %d\r\n\r\n" % len(body) + body
    elif how == "end":
        rest = b"\r\n" + body
    else:
        cuts = sorted({0, len(body), *draw(st.lists(st.integers(0, len(body)), max_size=5))})
        extension = draw(st.sampled_from([b"", b";a", b";a=b", b';a="b c"']))
        chunks = [body[start:end] for start, end in zip(cuts, cuts[1:], strict=False)]
        rest = b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(b"%X%s\r\n%s\r\n" % (len(c), extension, c) for c in chunks)
        rest += b"0\r\n" + draw(st.sampled_from([b"", b"x-trailer: 1\r\n"])) + b"\r\n"
    return before + head + rest, status, [(name.lower(), text) for name, text in named], body, how != "end"


def cut(data: bytes, at: Sequence[int]) -> list[bytes]:
    places = sorted({0, len(data), *(place % (len(data) + 1) for place in at)})
    return [data[start:end] for start, end in zip(places, places[1:], strict=False)]


@settings(max_examples=150, deadline=None)
@given(st.lists(responses(), min_size=1, max_size=3), st.lists(st.integers(0, 10_000), max_size=12))
def test_replies_read_the_same_however_they_are_cut(
    made: list[tuple[bytes, int, list[tuple[bytes, bytes]], bytes, bool]], at: list[int]
) -> None:
    with connected() as (connection, wire, owner, loop):
        for number, (data, status, named, body, framed) in enumerate(made):
            reply = ask(connection)
            for piece in cut(data, at):
                connection.data_received(piece)
            if not framed:
                connection.eof_received()
            assert loop.run_until_complete(read(reply)) == body
            assert (reply.status, reply.framed) == (status, framed)
            assert [h for h in reply.headers if h[0] not in (b"content-length", b"transfer-encoding")] == named
            assert wire.open is framed and wire.reading
            if not framed:
                return
            assert owner.given == number + 1 and connection.alive


@settings(max_examples=150, deadline=None)
@given(responses(), st.integers(0, 10_000), st.lists(st.integers(0, 10_000), max_size=5))
def test_a_reply_that_is_cut_short_is_an_error_and_its_beginning_is_right(
    made: tuple[bytes, int, list[tuple[bytes, bytes]], bytes, bool], end: int, at: list[int]
) -> None:
    data, _, _, body, framed = made
    short = data[: end % len(data)]
    got = b""

    async def gather() -> None:
        nonlocal got
        await reply.head()
        async for chunk in reply.chunks():
            got += chunk

    with connected() as (connection, wire, owner, loop):
        reply = ask(connection)
        for piece in cut(short, at):
            connection.data_received(piece)
        connection.eof_received()
        head_whole = b"\r\n\r\n" in short.rpartition(b"100 Continue\r\n\r\n")[2]
        if framed or not head_whole:
            with pytest.raises(UpstreamError, match="broke off"):
                loop.run_until_complete(gather())
            assert reply.stale is (not short)
        else:
            loop.run_until_complete(gather())
        assert body.startswith(got)
        assert not wire.open and owner.given == 0


pieces = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [b"HTTP/1.1 200 OK\r\n", b"\r\n", b"\r\n\r\n", b"content-length: 5\r\n", b"transfer-encoding: chunked\r\n", b"5\r\n", b"0\r\n\r\n"]
        + [
            b"HTTP/1.1 ",
            b"200",
            b"x: ",
            b"\0",
            b"HTTP/1.1 101 S\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
            b"a" * 70_000,
            b"connection: close\r\n",
        ]
    ),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(pieces, max_size=12))
def test_any_bytes_only_fail_the_reply(said: list[bytes]) -> None:
    with connected() as (connection, wire, owner, loop):
        reply = ask(connection)
        for piece in said:
            if wire.open:
                connection.data_received(piece)
        connection.eof_received()
        try:
            loop.run_until_complete(asyncio.wait_for(read(reply), 1))
        except UpstreamError:
            assert owner.given == 0 or not connection.alive
        assert not wire.open


def test_a_reply_is_taken_in_one_piece_only_once_it_is_whole() -> None:
    with connected() as (connection, _, _, _):
        reply = ask(connection)
        connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab")
        assert reply.take_whole() is None
        connection.data_received(b"cd")
        assert reply.take_whole() == b"abcd" and reply.read and reply.take_whole() is None
        broken = ask(connection)
        connection.data_received(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab")
        connection.eof_received()
        assert broken.take_whole() is None
