"""Hand a provider's reply on in another dialect than it came in: whole answers, streams event by event, errors."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from modicum.backends.client import Reply as Answer
from modicum.errors import InputError, UpstreamError
from modicum.gateway import through
from modicum.gateway.draft import Draft
from modicum.gateway.exchange import JSON, Header, Reply
from modicum.gateway.plain import unpacked
from modicum.wire import chat, gather, talk
from modicum.wire.dialects import dialect
from modicum.wire.gather import Gathered

if TYPE_CHECKING:
    from modicum.gateway.ask import Answering
    from modicum.gateway.day import Day

LONGEST_ANSWER = 32 << 20
TOLD = (b"x-ratelimit-", b"anthropic-ratelimit-", b"x-should-retry", b"retry-after", b"openai-processing-ms")
"""Headers of the provider's that say something in any dialect, by how they begin."""
STREAM = (b"cache-control", b"no-cache")

_encode = msgspec.json.Encoder().encode


def reply_headers(headers: Sequence[Header], ours: Iterable[Header], kind: Header = JSON) -> list[Header]:
    """What of the provider's headers holds for an answer in other words, then ours."""
    ours = list(ours)
    limited = any(name.startswith(b"x-ratelimit-") for name, _ in ours)
    passed = [header for header in headers if header[0].startswith(TOLD) and not (limited and header[0].startswith(b"x-ratelimit-"))]
    theirs = next((value for name, value in headers if name in (b"x-request-id", b"request-id", b"x-amzn-requestid")), None)
    if theirs is not None:
        passed.append((b"x-upstream-request-id", theirs))
    return [kind, *passed, *ours]


async def plain(day: Day, draft: Draft, found: Answering, reply: Reply) -> None:
    """A whole answer or an error; told as a stream where the caller wanted one. Raises UpstreamError for what cannot be read."""
    answer, request = found.answer, found.request
    assert request is not None
    began = time.perf_counter()
    body = await whole(answer)
    draft.waited += time.perf_counter() - began
    if answer.status >= 400:
        draft.response_body = error(draft, found, body)
        await day.recorder.keep_or_refuse(draft)
        await reply.whole(answer.status, draft.response_body, reply_headers(answer.headers, day.headers(draft)))
        return
    ours = dialect(draft.endpoint)
    try:
        told = dialect(found.spoken).read_response(chat.loads(body))
        told = replace(told, model=told.model or found.deployment.model)  # Bedrock names none
        draft.usage, draft.service_tier = told.usage, told.service_tier
        draft.response_body = _encode(ours.write_response(told))
        events = _events(draft, request, told) if draft.request.get("stream") is True else None
    except InputError as failure:
        raise UpstreamError(f"the provider's answer cannot be told in this dialect: {failure.message}") from None
    await day.recorder.keep_or_refuse(draft)
    if events is None:
        await reply.whole(answer.status, draft.response_body, reply_headers(answer.headers, day.headers(draft)))
        return
    kind = (b"content-type", ours.content_type.encode())
    await reply.start(answer.status, reply_headers(answer.headers, (STREAM, *day.headers(draft)), kind))
    await reply.write(events, last=True)


def _events(draft: Draft, request: talk.Request, told: talk.Response) -> bytes:
    writer = dialect(draft.endpoint).writer(request)
    return b"".join(map(writer.write, gather.events(told)))


async def stream(day: Day, draft: Draft, found: Answering, reply: Reply) -> None:
    """A stream of events, each handed on as it comes. Raises UpstreamError where it ends before the answer does."""
    answer, request = found.answer, found.request
    assert request is not None
    ours = dialect(draft.endpoint)
    reader, writer, gathered = dialect(found.spoken).reader(), ours.writer(replace(request, model=found.deployment.model)), Gathered()
    draft.gathered = gathered
    kind = (b"content-type", ours.content_type.encode())
    draft.begins()
    await reply.start(answer.status, reply_headers(answer.headers, (STREAM, *day.headers(draft)), kind))
    rest = b""

    def over() -> bool:
        return gathered.ended or gathered.failed is not None

    def tell(events: Sequence[talk.Event]) -> bool:
        nonlocal rest
        gathered.take(events)
        # Several events that came together leave together.
        ready = b"".join([writer.write(event) for event in events])
        if over():
            rest = ready
            return False
        return not ready or reply.push(ready)

    def take(chunk: bytes) -> bool:
        if draft.time_to_first_chunk_ms is None:
            draft.time_to_first_chunk_ms = draft.elapsed_ms()
        events = reader.feed(chunk)
        return not events or tell(events)

    # Events are told in the turn of the loop in which they came.
    while await answer.pour(take) and not over():
        await reply.room()
    if not over():
        tell(reader.end())
    if not over():
        draft.broken = True
        raise UpstreamError("the provider's stream ended before the answer did")
    draft.broken = not gathered.ended
    await day.recorder.keep_or_refuse(draft)
    if rest:
        await reply.write(rest)
    if gathered.ended:
        await through.after_done(answer)
        await reply.write(b"", last=True)


def error(draft: Draft, found: Answering, body: bytes) -> bytes:
    """A provider's error in the caller's dialect: its own message, and its word for the kind."""
    try:
        read = chat.loads(body)
    except InputError:
        read = None
    status = found.answer.status
    message, kind = dialect(found.spoken).read_error(read, status)
    return dialect(draft.endpoint).write_error(message, status=status, code=kind, request_id=draft.call_id)


async def whole(answer: Answer) -> bytes:
    """A body that must be read to be understood. Raises UpstreamError where it breaks off or is too long."""
    body = bytearray()
    async for chunk in answer.chunks():
        body += chunk
        if len(body) > LONGEST_ANSWER:
            raise UpstreamError(f"the provider's answer is longer than {LONGEST_ANSWER:,} bytes")
    return unpacked(bytes(body), answer.header("content-encoding")) or b""
