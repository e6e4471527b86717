"""The day: what happens to one chat completion, from the door to the record.

admit -> recognise -> coin -> the route's stage, or the provider -> record. The record is written before the caller has
its last byte, and in `finally`: a refusal, a provider's failure, a broken stream and a caller who left are Calls too.
"""

from __future__ import annotations

import asyncio

from modicum.errors import ModicumError
from modicum.gateway import admit
from modicum.gateway.asgi import JSON, Asked, Reply
from modicum.gateway.day import Day
from modicum.gateway.decide import decide
from modicum.gateway.forward import forward
from modicum.gateway.record import Draft
from modicum.gateway.speak import Written
from modicum.wire import error as wire_error
from modicum.wire import stream

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
            call_id=draft.call_id,
            bypass=asked.header(b"x-modicum-bypass").lower() in ("true", "1"),
            observe=settings.observe,
            control_share=day.config.route.control_share,
            alarm=day.alarm,
        )
        if draft.choice.written is not None:
            await speak(day, draft, reply, draft.choice.written)
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


async def speak(day: Day, draft: Draft, reply: Reply, written: Written) -> None:
    """Send the stage's answer. It was made in full before; nothing is left here but to record and to write it."""
    draft.own_usage, draft.status, draft.response_body = written.usage, 200, written.body
    await day.recorder.keep(draft)
    if written.events is not None:
        await reply.start(200, (*SSE, *day.headers(draft)))
        await reply.write(written.events, last=True)
    else:
        await reply.whole(200, written.body, (JSON, *day.headers(draft)))
