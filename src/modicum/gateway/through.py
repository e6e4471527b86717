"""Hand a provider's stream on in the dialect that it came in, byte for byte; look on, and keep the last bytes until it is recorded."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import msgspec

from modicum.backends.client import Reply as Answer
from modicum.errors import UpstreamError
from modicum.gateway.draft import Draft
from modicum.gateway.exchange import Reply
from modicum.gateway.plain import reply_headers
from modicum.wire.passing import passing

if TYPE_CHECKING:
    from modicum.gateway.ask import Answering
    from modicum.gateway.day import Day

AFTER_DONE_S = 1.0
"""How long a provider may take to end its stream after the last event."""

_COUNT = re.compile(rb'"usage"\s*:\s*\{')
_decode = msgspec.json.Decoder().decode


async def stream(day: Day, draft: Draft, found: Answering, reply: Reply) -> None:
    """A stream of events. Raises UpstreamError where it ends before the answer does."""
    answer = found.answer
    on_its_way = draft.passing = passing(draft.endpoint)
    counts = WithoutUsage() if found.counted else None
    draft.begins()
    # Without a length: if the stream breaks off, an error event is added to it.
    await reply.start(answer.status, reply_headers(answer.headers, day.headers(draft)))

    feed, push = on_its_way.feed, reply.push

    def take(chunk: bytes) -> bool:
        if draft.time_to_first_chunk_ms is None:
            draft.time_to_first_chunk_ms = draft.elapsed_ms()
        ready = feed(chunk)
        if counts is not None:
            ready = counts.feed(ready)
        return (not ready or push(ready)) and not on_its_way.done

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
        await after_done(answer, reply)
    await reply.write(rest, last=True)


class WithoutUsage:
    """Takes the event out that tells nothing but the usage, which only we asked for."""

    __slots__ = ("_blank",)

    def __init__(self) -> None:
        self._blank = False

    def feed(self, data: bytes) -> bytes:
        """What may be handed on of whole lines."""
        if not self._blank and (b'"usage"' not in data or _COUNT.search(data) is None):
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


async def after_done(answer: Answer, reply: Reply | None = None) -> None:
    """Hand on what may follow the last event, or leave it; the answer is whole, so nothing that happens here is an error.

    A stream that is read to its end leaves a connection that can be used again.
    """
    if answer.read:
        return
    try:
        async with asyncio.timeout(AFTER_DONE_S):
            async for chunk in answer.chunks():
                if reply is not None:
                    await reply.write(chunk)
    except (TimeoutError, UpstreamError):
        return
