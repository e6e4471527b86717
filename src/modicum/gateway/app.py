"""The gateway's door: which path leads where."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable

import msgspec

from modicum.errors import ModicumError, UnknownEndpointError
from modicum.gateway import admit
from modicum.gateway.admin import admin
from modicum.gateway.alarm import name
from modicum.gateway.answer import answer, who
from modicum.gateway.day import Day
from modicum.gateway.endpoints import Place, place
from modicum.gateway.exchange import JSON, App, Asked, Reply
from modicum.gateway.live import Serving
from modicum.gateway.models import models
from modicum.gateway.telemetry import CONTENT_TYPE
from modicum.types import Endpoint, new_call_id
from modicum.wire import error as wire_error


def application(day: Day) -> App:
    """Answers the requests of one worker."""

    async def app(asked: Asked, reply: Reply) -> None:
        speech: Endpoint = "messages" if b"anthropic-version" in asked.headers else "chat_completions"
        try:
            found = place(asked.method, asked.path)
            if found.endpoint is not None:
                await answer(day, asked, reply, found.endpoint, found.rest)
            else:
                await rest(day, asked, reply, found)
        except asyncio.CancelledError:
            return  # the caller left, or the time to drain is over; the record is written
        except ModicumError as error:
            request_id = new_call_id()
            headers = ((b"x-request-id", request_id.encode()),)
            await admit.refuse(asked, reply, error, headers, endpoint=speech, request_id=request_id)
        except Exception as error:
            day.alarm.ring("gateway", f"{name(error)}; a request failed")
            if not reply.started:
                body = wire_error.envelope("something of the gateway's failed", status=500, code="internal_error")
                await reply.whole(500, body, (JSON, (b"x-request-id", new_call_id().encode())))

    return app


async def rest(day: Day, asked: Asked, reply: Reply, found: Place) -> None:
    """Everything that is not a call to a model."""
    if found.name == "healthz" or found.name == "readyz":
        admit.check_caller(asked, keyed=day.till.keyed)  # probes carry no key; what is served is told to those that do
        await health(day, asked, reply, ready=found.name == "readyz")
        return
    key = who(day, asked)
    match found.name:
        case "models":
            await models(day, asked, reply, model=found.rest, key=key)
        case "metrics":
            if not day.config.telemetry.metrics:
                raise UnknownEndpointError("metrics are switched off", hint="[telemetry] metrics = true")
            text = await day.telemetry.render(None if key is None or key.admin else key.scope)
            await reply.whole(200, text, ((b"content-type", CONTENT_TYPE),))
        case "traces":
            from modicum.gateway.tap import traces  # most gateways are told of no calls that others answered

            await traces(day, asked, reply, key=key)
        case "tap":
            from modicum.gateway.tap import callback

            await callback(day, asked, reply, key=key)
        case "feedback":
            from modicum.gateway.feedback import feedback

            await feedback(day, asked, reply, key=key)
        case _:
            await admin(day, asked, reply, key=key)


async def health(day: Day, asked: Asked, reply: Reply, *, ready: bool) -> None:
    """Alive; or ready, and with what: 503 where calls could not be recorded and must be."""
    if not ready:
        await reply.whole(200, msgspec.json.encode({"status": "ok"}))
        return
    failing = day.recorder.failed and day.setting.fail_closed
    about: dict[str, object] = {"status": "failing" if failing else "ready", "worker": os.getpid(), "recording": not day.recorder.failed}
    scopes = scopes_for(day, asked)
    if scopes is not None:
        about["snapshot"] = day.live.now.version or None
        stages = [stage for serving in scopes for stage in serving.stages.values() if not stage.broken]
        about["routes"] = {stage.workload.name: stage.live.route.state for stage in stages}
    await reply.whole(503 if failing else 200, msgspec.json.encode(about))


def scopes_for(day: Day, asked: Asked) -> Iterable[Serving] | None:
    """What is served, as far as the caller may know of it: its key's scope, all for an admin or where there are no keys, else None."""
    try:
        key = who(day, asked)
    except ModicumError:
        return None
    world = day.live.now
    return world.scopes.values() if key is None or key.admin else (world.of(key.scope),)
