"""Hand a provider's reply on in the dialect that it came in, byte for byte; look on, and keep the last bytes until it is recorded."""

from __future__ import annotations

import asyncio
import re
import time
import zlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from modicum.backends.client import Reply as Answer
from modicum.errors import UpstreamError
from modicum.gateway.draft import Draft
from modicum.gateway.exchange import Header, Reply
from modicum.wire.passing import passing

if TYPE_CHECKING:
    from modicum.gateway.ask import Answering
    from modicum.gateway.day import Day

HOLD_BYTES = 1 << 20
"""So much of a plain reply is held until it is complete: if it breaks off, the caller gets an error and not a torn body."""
KEEP_BYTES = 32 << 20
"""Longer bodies pass, but only their figures are recorded."""
MOST_UNPACKED = 100
"""A compressed reply that unpacks to more than so many times its size is passed on, and not unpacked."""
AFTER_DONE_S = 1.0
"""How long a provider may take to end its stream after the last event."""

HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te", b"trailer")
    + (b"transfer-encoding", b"upgrade")
)
NOT_PASSED = HOP_BY_HOP | {b"alt-svc", b"content-length", b"set-cookie", b"strict-transport-security"}
"""Headers of the provider's that speak of its own host or connection, or that are written anew."""

_COUNT = re.compile(rb'"usage"\s*:\s*\{')
_decode = msgspec.json.Decoder().decode


def reply_headers(headers: Sequence[Header], ours: Iterable[Header]) -> list[Header]:
    """The provider's headers less those of its connection, then ours. Its own request id stays beside ours."""
    ours = list(ours)
    passed = []
    named: set[bytes] = set()
    limited: bool | None = None
    for header in headers:
        name = header[0]
        if name in NOT_PASSED:
            if name == b"connection":
                named |= {token.strip() for token in header[1].lower().split(b",")}
            continue
        if name == b"x-request-id" or name == b"request-id":
            header = (b"x-upstream-request-id", header[1])
        elif name[:2] == b"x-":
            if name.startswith(b"x-modicum-"):
                continue
            if name.startswith(b"x-ratelimit-"):
                limited = any(one.startswith(b"x-ratelimit-") for one, _ in ours) if limited is None else limited
                if limited:
                    continue
        passed.append(header)
    if named:
        passed = [header for header in passed if header[0] not in named]
    return passed + ours


async def plain(day: Day, draft: Draft, answer: Answer, reply: Reply) -> None:
    """A reply in one piece. Raises UpstreamError where it breaks off."""
    kept: list[bytes] = []
    held: list[bytes] = []
    size = waiting = 0
    began = time.perf_counter()
    async for chunk in answer.chunks():
        if waiting + len(chunk) > HOLD_BYTES and held:
            if not reply.started:
                draft.waited += time.perf_counter() - began
                draft.begins()
                await reply.start(answer.status, reply_headers(answer.headers, day.headers(draft)), length=length(answer))
            await reply.write(b"".join(held))
            held, waiting = [], 0
        held.append(chunk)
        waiting += len(chunk)
        size += len(chunk)
        if size <= KEEP_BYTES:
            kept.append(chunk)
    if not reply.started:
        draft.waited += time.perf_counter() - began
    if size <= KEEP_BYTES:
        draft.response_body = unpacked(b"".join(kept), answer.header("content-encoding"))
    await day.recorder.keep_or_refuse(draft)
    body = held[0] if len(held) == 1 else b"".join(held)
    if reply.started:
        await reply.write(body, last=True)
    elif body or not length(answer):
        await reply.whole(answer.status, body, reply_headers(answer.headers, day.headers(draft)))
    else:  # of what a HEAD asked about
        await reply.start(answer.status, reply_headers(answer.headers, day.headers(draft)), length=length(answer))
        await reply.write(b"", last=True)


def length(answer: Answer) -> int | None:
    """Of a provider's reply, as its head tells."""
    told = answer.header("content-length")
    return int(told) if told.isdigit() else None


async def stream(day: Day, draft: Draft, found: Answering, reply: Reply) -> None:
    """A stream of events. Raises UpstreamError where it ends before the answer does."""
    answer = found.answer
    on_its_way = draft.passing = passing(draft.endpoint)
    counts = WithoutUsage() if found.counted else None
    draft.begins()
    # Without a length: if the stream breaks off, an error event is added to it.
    await reply.start(answer.status, reply_headers(answer.headers, day.headers(draft)))

    def take(chunk: bytes) -> bool:
        if draft.time_to_first_chunk_ms is None:
            draft.time_to_first_chunk_ms = draft.elapsed_ms()
        ready = on_its_way.feed(chunk)
        if counts is not None:
            ready = counts.feed(ready)
        return not (ready and not reply.push(ready)) and not on_its_way.done

    # Events that came together leave together, in the turn of the loop in which they came.
    while await answer.pour(take) and not on_its_way.done:
        await reply.room()
    if not (on_its_way.done or on_its_way.finished or on_its_way.error):
        draft.broken = True
        raise UpstreamError("the provider's stream ended before the answer did")
    await day.recorder.keep_or_refuse(draft)
    rest = on_its_way.rest()
    if counts is not None:
        rest = counts.feed(rest)
    if on_its_way.done and not answer.read:
        await reply.write(rest)
        rest = b""
        await _after_done(answer, reply)
    await reply.write(rest, last=True)


class WithoutUsage:
    """Takes the event out that tells nothing but the usage, which only we asked for."""

    __slots__ = ("_blank",)

    def __init__(self) -> None:
        self._blank = False

    def feed(self, data: bytes) -> bytes:
        """What may be handed on of whole lines."""
        if not self._blank and _COUNT.search(data) is None:
            return data
        kept = []
        for line in data.splitlines(keepends=True):
            if self._blank and not line.strip():
                self._blank = False  # the blank line that ended the event which was taken out
                continue
            self._blank = line.startswith(b"data:") and _COUNT.search(line) is not None and _tells_only_usage(line[5:])
            if not self._blank:
                kept.append(line)
        return b"".join(kept)


def _tells_only_usage(data: bytes) -> bool:
    try:
        event = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(event, dict) and isinstance(event.get("usage"), dict) and event.get("choices") == []


async def _after_done(answer: Answer, reply: Reply) -> None:
    """Hand on what may follow the last event; the answer is whole, so nothing that happens here is an error."""
    try:
        async with asyncio.timeout(AFTER_DONE_S):
            async for chunk in answer.chunks():
                await reply.write(chunk)
    except (TimeoutError, UpstreamError):
        return


def unpacked(body: bytes, encoding: str) -> bytes | None:
    """The body as it reads. We ask for no compression; a provider that compresses all the same is read within bounds."""
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        return None
    try:
        reader = zlib.decompressobj(47)
        found = reader.decompress(body, min(KEEP_BYTES, MOST_UNPACKED * max(len(body), 1)))
    except zlib.error:
        return None
    return found if reader.eof else None
