"""Hand a provider's reply in one piece on in the dialect that it came in, byte for byte; keep it until it is recorded."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from modicum.backends.client import Reply as Answer
from modicum.gateway.draft import Draft
from modicum.gateway.exchange import Header, Reply

if TYPE_CHECKING:
    from modicum.gateway.day import Day

HOLD_BYTES = 1 << 20
"""So much of a plain reply is held until it is complete: if it breaks off, the caller gets an error and not a torn body."""
KEEP_BYTES = 32 << 20
"""Longer bodies pass, but only their figures are recorded."""
MOST_UNPACKED = 100
"""A compressed reply that unpacks to more than so many times its size is passed on, and not unpacked."""

HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te", b"trailer")
    + (b"transfer-encoding", b"upgrade")
)
NOT_PASSED = HOP_BY_HOP | {b"alt-svc", b"content-length", b"set-cookie", b"strict-transport-security"}
REQUEST_IDS = frozenset((b"x-request-id", b"request-id"))
"""Headers of the provider's that speak of its own host or connection, or that are written anew."""


def reply_headers(headers: Sequence[Header], ours: Iterable[Header]) -> list[Header]:
    """The provider's headers less those of its connection, then ours. Its own request id stays beside ours."""
    ours = list(ours)
    passed = [header for header in headers if header[0] not in NOT_PASSED]
    names = dict(headers)
    if b"request-id" in names or b"x-" in b" ".join(names):
        limited = any(name.startswith(b"x-ratelimit-") for name, _ in ours)
        dropped = (b"x-modicum-", b"x-ratelimit-") if limited else b"x-modicum-"
        passed = [_renamed(header) for header in passed if not header[0].startswith(dropped)]
    if b"connection" in names:
        named = {token.strip() for name, value in headers if name == b"connection" for token in value.lower().split(b",")}
        passed = [header for header in passed if header[0] not in named]
    return passed + ours


def _renamed(header: Header) -> Header:
    return (b"x-upstream-request-id", header[1]) if header[0] in REQUEST_IDS else header


async def plain(day: Day, draft: Draft, answer: Answer, reply: Reply) -> None:
    """A reply in one piece. Raises UpstreamError where it breaks off."""
    came = answer.take_whole()
    if came is None:
        await _in_pieces(day, draft, answer, reply)
        return
    draft.response_body = unpacked(came, answer.header("content-encoding")) if len(came) <= KEEP_BYTES else None
    await day.recorder.keep_or_refuse(draft)
    await reply.whole(answer.status, came, reply_headers(answer.headers, day.headers(draft)))


async def _in_pieces(day: Day, draft: Draft, answer: Answer, reply: Reply) -> None:
    """A reply that is not all there yet. Much of it is not held, but handed on."""
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
