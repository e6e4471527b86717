"""Pass one call on to the provider and its reply back, byte for byte; look on, and keep the last bytes until it is recorded."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterable, Sequence

from modicum.backends.hosted import Headers
from modicum.backends.hosted import Reply as Answer
from modicum.errors import UpstreamError
from modicum.gateway import shadow
from modicum.gateway.asgi import Asked, Header, Reply
from modicum.gateway.day import Day
from modicum.gateway.record import Draft
from modicum.wire.stream import Passing

HOLD_BYTES = 1 << 20
"""So much of a plain reply is held until it is complete: if it breaks off, the caller gets an error and not a torn body."""
KEEP_BYTES = 32 << 20
"""Longer bodies pass, but only their figures are recorded."""
AFTER_DONE_S = 1.0
"""How long a provider may take to end its stream after `[DONE]`."""

PASSED = (b"accept", b"user-agent", b"openai-beta", b"idempotency-key", b"traceparent", b"tracestate", b"x-client-request-id")
"""Headers of the caller's that the provider sees, where they are plain ASCII."""
PASSED_WITH_KEY = (b"authorization", b"openai-organization", b"openai-project")
"""These too under `auth = "forward"`: they name whose account pays."""

HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te", b"trailer")
    + (b"transfer-encoding", b"upgrade")
)
NOT_PASSED = HOP_BY_HOP | {b"alt-svc", b"set-cookie", b"strict-transport-security"}
"""Headers of the provider's that speak of its own host or connection."""


def request_headers(day: Day, asked: Asked) -> Headers:
    """What the provider is told: an allow-list of the caller's headers, and the key."""
    names = PASSED + PASSED_WITH_KEY if day.forwards_key else PASSED
    headers = [
        (name.decode(), value.decode("ascii"))
        for name in names
        if (value := asked.headers.get(name)) is not None and value.isascii() and value.decode("ascii").isprintable()
    ]
    if day.key:
        headers.append(("authorization", f"Bearer {day.key}"))
    return [("content-type", "application/json"), ("accept-encoding", "identity"), *headers]


def reply_headers(headers: Sequence[Header], ours: Iterable[Header]) -> list[Header]:
    """The provider's headers less those of its connection, then ours. Its own request id stays beside ours."""
    named = {token.strip() for name, value in headers if name.lower() == b"connection" for token in value.lower().split(b",")}
    passed = []
    for name, value in headers:
        name = name.lower()
        if name == b"x-request-id":
            passed.append((b"x-upstream-request-id", value))
        elif name not in NOT_PASSED and name not in named and not name.startswith(b"x-modicum-"):
            passed.append((name, value))
    return [*passed, *ours]


async def forward(day: Day, asked: Asked, draft: Draft, reply: Reply) -> None:
    """Let the provider answer. Raises UpstreamError where it does not, or breaks off."""
    answer = await _send(day, asked, draft)
    try:
        draft.status = answer.status
        if answer.header("content-type").startswith("text/event-stream") and not answer.header("content-encoding"):
            await _stream(day, draft, answer, reply)
        else:
            await _plain(day, draft, answer, reply)
    finally:
        answer.close()


async def _send(day: Day, asked: Asked, draft: Draft) -> Answer:
    sending = day.upstream.send("POST", "/chat/completions", request_headers(day, asked), draft.body)
    if draft.choice is None or not draft.choice.compare or draft.choice.prediction is not None:
        return await sending
    task = asyncio.ensure_future(sending)
    try:
        await asyncio.sleep(0)  # lets the request leave; the prediction is made while the provider works
        draft.choice = shadow.predict(draft.choice, draft.request, day.alarm)
        return await task
    except asyncio.CancelledError:
        task.cancel()
        raise


async def _plain(day: Day, draft: Draft, answer: Answer, reply: Reply) -> None:
    kept = bytearray()
    held = bytearray()
    async for chunk in answer.chunks():
        if len(held) + len(chunk) > HOLD_BYTES and held:
            if not reply.started:
                await reply.start(answer.status, reply_headers(answer.headers, day.headers(draft)))
            await reply.write(bytes(held))
            held.clear()
        held += chunk
        if len(kept) <= KEEP_BYTES:
            kept += chunk
    if len(kept) <= KEEP_BYTES:
        draft.response_body = _unpacked(bytes(kept), answer.header("content-encoding"))
    await day.recorder.keep(draft)
    if not reply.started:
        await reply.start(answer.status, reply_headers(answer.headers, day.headers(draft)))
    await reply.write(bytes(held), last=True)


async def _stream(day: Day, draft: Draft, answer: Answer, reply: Reply) -> None:
    passing = draft.passing = Passing()
    # Without a length: if the stream breaks off, an error event is added to it.
    headers = [header for header in reply_headers(answer.headers, day.headers(draft)) if header[0] != b"content-length"]
    await reply.start(answer.status, headers)
    chunks = answer.chunks()
    async for chunk in chunks:
        if draft.time_to_first_chunk_ms is None:
            draft.time_to_first_chunk_ms = draft.elapsed_ms()
        if ready := passing.feed(chunk):
            await reply.write(ready)
        if passing.done:
            break
    if not (passing.done or passing.finished or passing.error):
        raise UpstreamError("the provider's stream ended before the answer did")
    await day.recorder.keep(draft)
    await reply.write(passing.rest())
    if passing.done:
        await _after_done(chunks, reply)
    await reply.write(b"", last=True)


async def _after_done(chunks: AsyncIterator[bytes], reply: Reply) -> None:
    """Hand on what may follow `[DONE]`; the answer is whole, so nothing that happens here is an error."""
    try:
        async with asyncio.timeout(AFTER_DONE_S):
            async for chunk in chunks:
                await reply.write(chunk)
    except (TimeoutError, UpstreamError):
        return


def _unpacked(body: bytes, encoding: str) -> bytes | None:
    """The body as it reads. We ask for no compression; a provider that compresses all the same is read within bounds."""
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        return None
    try:
        return zlib.decompressobj(47).decompress(body, KEEP_BYTES)
    except zlib.error:
        return None
