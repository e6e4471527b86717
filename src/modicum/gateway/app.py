"""The gateway's door: which path leads where. Bare ASGI, so that nothing stands between a request and its answer."""

from __future__ import annotations

import asyncio
import os

import msgspec

from modicum.errors import MethodNotAllowedError, ModicumError, UnknownEndpointError, UpstreamError
from modicum.gateway import admit
from modicum.gateway.alarm import name
from modicum.gateway.answer import answer
from modicum.gateway.asgi import JSON, App, Asked, Receive, Reply, Scope, Send
from modicum.gateway.day import Day
from modicum.gateway.forward import reply_headers, request_headers
from modicum.types import new_call_id
from modicum.wire import error as wire_error

LONGEST_LIST = 8 << 20
METHODS = {"/chat/completions": "POST", "/models": "GET", "/healthz": "GET", "/readyz": "GET"}


def application(day: Day) -> App:
    """The ASGI application of one worker."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        reply, asked = Reply(send), Asked(scope, receive)
        try:
            path = endpoint(asked)
            if path == "/chat/completions":
                await answer(day, asked, reply)
                return
            admit.check_caller(asked)
            if path == "/models":
                await models(day, asked, reply)
            else:
                await health(day, reply, ready=path == "/readyz")
        except asyncio.CancelledError:
            return  # the caller left, or the time to drain is over; the record is written
        except ModicumError as error:
            await admit.refuse(asked, reply, error, ((b"x-request-id", new_call_id().encode()),))
        except Exception as error:
            day.alarm.ring("gateway", f"{name(error)}; a request failed")
            if not reply.started:
                body = wire_error.envelope("something of the gateway's failed", status=500, code="internal_error")
                await reply.whole(500, body, (JSON, (b"x-request-id", new_call_id().encode())))

    return app


def endpoint(asked: Asked) -> str:
    """The path without its /v1. Raises UnknownEndpointError, or MethodNotAllowedError."""
    path = asked.path.removeprefix("/v1") if asked.path.startswith("/v1/") else asked.path
    method = METHODS.get(path)
    if method is None:
        raise UnknownEndpointError(
            f"nothing answers at {asked.path[:80]!r}", hint="POST /v1/chat/completions, GET /v1/models, /healthz, /readyz"
        )
    if asked.method != method:
        raise MethodNotAllowedError(f"{asked.path} takes {method}, not {asked.method[:16]}")
    return path


async def models(day: Day, asked: Asked, reply: Reply) -> None:
    """The provider's list of models, as it gives it."""
    found = await day.upstream.send("GET", "/models", request_headers(day, asked))
    try:
        body = bytearray()
        async for chunk in found.chunks():
            body += chunk
            if len(body) > LONGEST_LIST:
                raise UpstreamError(f"the provider's list of models is longer than {LONGEST_LIST:,} bytes")
        headers = reply_headers(found.headers, ((b"x-request-id", new_call_id().encode()),))
        await reply.whole(found.status, bytes(body), [header for header in headers if header[0] != b"content-length"])
    finally:
        found.close()


async def health(day: Day, reply: Reply, *, ready: bool) -> None:
    """Alive; or ready, and with what."""
    serving = day.live.now
    routes = {stage.workload.name: stage.live.route.state for stage in serving.stages.values()}
    about = {
        "status": "ready",
        "worker": os.getpid(),
        "snapshot": serving.version or None,
        "routes": routes,
        "recording": not day.recorder.failed,
    }
    await reply.whole(200, msgspec.json.encode(about if ready else {"status": "ok"}))
