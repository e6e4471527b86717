"""The day: what happens to one chat completion, from the door to the record.

admit -> recognise -> coin -> the route's stage, or the provider -> record. The record is written before the caller has
its last byte, and in `finally`: a refusal, a provider's failure, a broken stream and a caller who left are Calls too.
"""

from __future__ import annotations

import asyncio
import time

import msgspec

from modicum.errors import ModicumError
from modicum.gateway import admit
from modicum.gateway.asgi import JSON, Asked, Reply
from modicum.gateway.day import Day
from modicum.gateway.decide import decide
from modicum.gateway.forward import forward
from modicum.gateway.record import Draft
from modicum.wire import completion, stream
from modicum.wire import error as wire_error

SSE = ((b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache"))


async def answer(day: Day, asked: Asked, reply: Reply) -> None:
    """Answer one `POST /v1/chat/completions`."""
    settings = day.config.serve
    draft = Draft(scope=settings.scope, source=settings.listen, serving=day.live.now)
    try:
        admit.check_caller(asked)
        admit.check_form(asked, settings)
        body = await admit.read_body(asked, settings)
        draft.request = admit.read_request(body, settings)
        draft.body = body
        draft.secrets = tuple(filter(None, (day.key, asked.header(b"authorization").rpartition(" ")[2])))
        draft.choice = decide(
            draft.serving,
            draft.request,
            bypass=asked.header(b"x-modicum-bypass").lower() in ("true", "1"),
            observe=settings.observe,
            control_share=day.config.route.control_share,
            alarm=day.alarm,
        )
        if draft.choice.reason == "answered":
            await speak(day, draft, reply)
        else:
            await forward(day, asked, draft, reply)
    except asyncio.CancelledError as left:
        draft.leave(stopped=bool(left.args))  # uvicorn says why it cancels when the time to drain is over
        raise
    except ModicumError as error:
        draft.fail(error)
        await day.recorder.keep(draft)
        if not reply.started:
            await admit.refuse(asked, reply, error, day.headers(draft))
        elif draft.passing is not None:
            # The connection is closed without an end, so that nobody takes this for a whole answer.
            await reply.write(stream.error_event(wire_error.body(error)))
    except Exception:
        draft.error = "internal_error"
        raise
    finally:
        await day.recorder.keep(draft)


async def speak(day: Day, draft: Draft, reply: Reply) -> None:
    """Send the stage's answer, as a stream where one was asked for."""
    choice, request = draft.choice, draft.request
    assert choice is not None and choice.stage is not None and choice.prediction is not None
    draft.own_usage = completion.estimate(request, choice.content)
    whole = completion.build(
        response_id=f"chatcmpl-{draft.call_id}",
        model=choice.stage.model,
        content=choice.content,
        created=int(time.time()),
        usage=draft.own_usage,
        about={"workload": choice.stage.workload.name, "certificate": choice.stage.live.route.certificate_id},
    )
    draft.status = 200
    draft.response_body = msgspec.json.encode(whole)
    await day.recorder.keep(draft)
    if request.get("stream") is True:
        await reply.start(200, (*SSE, *day.headers(draft)))
        await reply.write(b"".join(stream.split(whole, include_usage=completion.wants_usage(request))), last=True)
    else:
        await reply.whole(200, draft.response_body, (JSON, *day.headers(draft)))
