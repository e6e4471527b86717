"""Ask again until a prediction is done: for providers that may answer before they are (Replicate).

Between the asking, a caller that leaves has the prediction cancelled, so that nobody pays for what nobody reads.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

import msgspec

from modicum.backends.client import Reply
from modicum.errors import UpstreamError, UpstreamTimeoutError

LONGEST_BODY = 32 << 20
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 2.0
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)

Ask = Callable[[str, str], Awaitable[Reply]]
"""Method and path suffix -> reply, from the same provider."""


class _Prediction(msgspec.Struct):
    id: str = ""
    status: str = ""


_READ = msgspec.json.Decoder(_Prediction)
_leaving: set[asyncio.Task[None]] = set()


async def until_done(first: Awaitable[Reply], ask: Ask, limit_s: float) -> Reply:
    """What `first` brings, or what is asked after it: the reply whose prediction is no longer starting or processing, its body
    still to be read; other replies as they are.

    Raises UpstreamError for a prediction without a name or too long a body, UpstreamTimeoutError after `limit_s` (0: none).
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limit_s if limit_s else None
    pause, name = FIRST_PAUSE_S, ""
    reply = await first
    try:
        while reply.status in (200, 201, 202):
            body = await _whole(reply)
            prediction = _read(body)
            if prediction is None or prediction.status not in ("starting", "processing"):
                reply.status = 200
                reply.add(body)
                return reply
            reply.close()
            name = prediction.id
            if not NAME.fullmatch(name):
                raise UpstreamError("the provider began a prediction without a name")
            if deadline is not None and loop.time() + pause > deadline:
                _leave(ask, name)
                raise UpstreamTimeoutError("the prediction was not done in time", hint="first_byte_timeout_s says how long to wait")
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE_S, pause * 1.5)
            reply = await ask("GET", f"/{name}")
    except asyncio.CancelledError:
        reply.close()
        if name:
            _leave(ask, name)
        raise
    return reply


async def _whole(reply: Reply) -> bytes:
    body = bytearray()
    async for chunk in reply.chunks():
        body += chunk
        if len(body) > LONGEST_BODY:
            reply.close()
            raise UpstreamError("the provider's answer is too long")
    return bytes(body)


def _read(body: bytes) -> _Prediction | None:
    try:
        return _READ.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _leave(ask: Ask, name: str) -> None:
    """Cancel the prediction beside what the caller waits for; whether that works changes nothing here."""

    async def cancel() -> None:
        try:
            async with asyncio.timeout(5):
                (await ask("POST", f"/{name}/cancel")).close()
        except (TimeoutError, UpstreamError):
            return

    task = asyncio.get_running_loop().create_task(cancel())
    _leaving.add(task)
    task.add_done_callback(_leaving.discard)
