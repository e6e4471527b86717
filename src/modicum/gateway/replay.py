"""A server that answers from recorded calls, for demos and tests. It asks no provider and records nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from modicum.backends.replay import Recording, Recordings
from modicum.config import ServeConfig
from modicum.errors import ModicumError, NotFoundError, UnknownEndpointError
from modicum.gateway import admit
from modicum.gateway.endpoints import place
from modicum.gateway.exchange import JSON, App, Asked, Header, Reply
from modicum.gateway.limits import read
from modicum.gateway.server import Opening
from modicum.types import new_call_id
from modicum.wire import chat, completion, stream


class NotRecordedError(NotFoundError):
    """A request that is in no log. Does not say what the request held."""

    code = "not_recorded"


def replay(recordings: Recordings, limits: ServeConfig, *, pace: bool) -> Opening:
    """Opens the application of one worker. `pace` waits as long as the recorded call took."""

    async def app(asked: Asked, reply: Reply) -> None:
        ours: list[Header] = [(b"x-request-id", new_call_id().encode()), (b"x-modicum-replay", b"true")]
        try:
            admit.check_caller(asked)
            found = place(asked.method, asked.path)
            if found.endpoint == "chat_completions":
                admit.check_form(asked, limits)
                request = read(await admit.read_body(asked, limits), limits)
                await play(recordings, request, reply, ours, pace=pace)
            elif found.name == "models" and not found.rest:
                data = [{"id": model, "object": "model", "created": 0, "owned_by": "recorded"} for model in recordings.models]
                await reply.whole(200, msgspec.json.encode({"object": "list", "data": data}), (JSON, *ours))
            elif found.name not in ("healthz", "readyz"):
                raise UnknownEndpointError(f"no recorded answer at {asked.path[:80]!r}", hint="POST /v1/chat/completions, GET /v1/models")
            else:
                await reply.whole(200, msgspec.json.encode({"status": "ok", "calls": recordings.calls, "requests": len(recordings)}))
        except asyncio.CancelledError:
            return  # the caller left
        except ModicumError as error:
            await admit.refuse(asked, reply, error, ours)

    @asynccontextmanager
    async def opening() -> AsyncIterator[App]:
        yield app

    return opening


async def play(recordings: Recordings, request: dict[str, Any], reply: Reply, ours: list[Header], *, pace: bool) -> None:
    """Give the recorded answer, as a stream where one is asked for. Raises NotRecordedError."""
    recording = recordings.answer(request)
    if recording is None:
        raise NotRecordedError(
            f"no recorded call asked {str(request.get('model'))[:60]!r} exactly this",
            hint="`modicum replay` answers only requests that are in its logs, without regard to stream and stream_options",
        )
    if request.get("stream") is not True or recording.status >= 400:
        if pace and recording.duration_ms:
            await asyncio.sleep(recording.duration_ms / 1000)
        await reply.whole(recording.status, recording.body, (JSON, *ours))
        return
    include_usage = completion.wants_usage(request)
    events = list(stream.split(chat.loads(recording.body), include_usage=include_usage))
    first, between = _pauses(recording, len(events)) if pace else (0.0, 0.0)
    await asyncio.sleep(first)
    await reply.start(200, ((b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache"), *ours))
    if not pace:
        await reply.write(b"".join(events), last=True)
        return
    for event in events:
        await reply.write(event)
        await asyncio.sleep(between)
    await reply.write(b"", last=True)


def _pauses(recording: Recording, events: int) -> tuple[float, float]:
    """Seconds before the first event and between any two, so that the whole takes as long as it took."""
    whole = (recording.duration_ms or 0.0) / 1000
    first = min(whole, (recording.time_to_first_chunk_ms or recording.duration_ms or 0.0) / 1000)
    return first, (whole - first) / max(1, events)
