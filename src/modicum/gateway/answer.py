"""The day: what happens to one request, from the door to the record, whatever dialect it is in.

authenticate -> admit -> see -> recognise -> coin -> the route's stage, or the providers -> record -> settle. A stage may be another
model, which is asked first. The record is written before the caller has its last byte, and in `finally`: a refusal, a provider's
failure, a broken stream and a caller who left are Calls too.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from modicum.errors import ModicumError, RequestError, StoreUnavailableError, UpstreamError
from modicum.gateway import admit, limits
from modicum.gateway.alarm import name
from modicum.gateway.apart import LONG_BYTES, apart
from modicum.gateway.ask import ask
from modicum.gateway.decide import NO_WORKLOADS, NOT_RECOGNISED, Choice, decide, degrade
from modicum.gateway.draft import Draft
from modicum.gateway.endpoints import CHATS, KEPT
from modicum.gateway.exchange import JSON, Asked, Reply
from modicum.gateway.forward import hand_on
from modicum.gateway.keep import pass_on
from modicum.gateway.speak import Question
from modicum.gateway.warm import left
from modicum.gateway.worst import worst
from modicum.types import Endpoint, Key
from modicum.wire import canon
from modicum.wire import error as wire_error
from modicum.wire.tokens import most_tokens

if TYPE_CHECKING:
    from modicum.backends.upstreams import Target
    from modicum.gateway.day import Day

SSE = ((b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache"))


async def answer(day: Day, asked: Asked, reply: Reply, endpoint: Endpoint, rest: str = "") -> Draft:
    """Answer one request and record it; what is known of it then. `rest`: the path below files and batches."""
    setting = day.setting
    draft = Draft(setting=setting, endpoint=endpoint, scope=setting.config.serve.scope, headers=asked.headers)
    day.telemetry.in_flight(1)
    try:
        authenticate(day, asked, draft)
        if endpoint in KEPT:
            await pass_on(day, asked, draft, reply, rest)
        else:
            target = await admitted(day, asked, draft)
            if len(draft.body or b"") > LONG_BYTES:
                await apart(lambda: see(day, draft))
            else:
                see(day, draft)
            if draft.choice is None:
                draft.choice = await apart(lambda: choose(day, asked, draft)) if draft.serving.heavy else choose(day, asked, draft)
            if draft.choice.asks:
                await consulted(day, draft)
            if draft.choice.written is not None:
                await speak(day, draft, reply)
            else:
                await forward(day, asked, draft, target, reply)
    except asyncio.CancelledError as left:
        draft.broken = draft.streaming
        draft.leave(stopped=bool(left.args))  # there is a word where the time to drain is over
        raise
    except ModicumError as error:
        draft.broken = draft.streaming
        draft.fail(error, started=reply.started)
        await day.recorder.keep(draft)
        if not reply.started:
            await admit.refuse(asked, reply, error, day.headers(draft), endpoint=endpoint, request_id=draft.call_id)
        elif draft.streaming:
            # The connection is closed without an end, so that nobody takes this for a whole answer.
            await reply.write(wire_error.event(wire_error.body(error, endpoint, draft.call_id), endpoint))
    except Exception:
        draft.error = "internal_error"
        raise
    finally:
        day.telemetry.in_flight(-1)
        if not draft.kept:
            await day.recorder.keep(draft)
    return draft


def authenticate(day: Day, asked: Asked, draft: Draft) -> None:
    """Who asks. The call's scope is its key's. Raises RequestError, ForbiddenError, UnauthorisedError."""
    if not asked.trusted:
        draft.key = who(day, asked)
        if draft.key is not None:
            draft.scope = draft.key.scope
    draft.serving = day.live.now.of(draft.scope)


def who(day: Day, asked: Asked) -> Key | None:
    """The key that a request comes with, None where none were ever made. Raises RequestError, ForbiddenError, UnauthorisedError."""
    till = day.till
    admit.check_caller(asked, keyed=till.keyed, hosts=day.setting.config.serve.hosts, exposed=day.exposed)
    return till.authenticate(asked.headers)


async def admitted(day: Day, asked: Asked, draft: Draft) -> Target:
    """Read the request, and take it in: form, limits, what the key may, what it may cost. Raises ModicumError."""
    setting, serve = draft.setting, draft.setting.config.serve
    admit.check_form(asked, serve)
    body = asked.whole(serve.max_body_bytes) if asked.arrived else await admit.read_body(asked, serve)
    draft.request = request = limits.read(body, serve, draft.endpoint)
    draft.body = body
    if setting.fail_closed and day.recorder.failed:
        await day.recorder.keep(draft)  # the refusal is a call too: if it can be recorded, the next one is served
        raise StoreUnavailableError("calls cannot be recorded now, and none is answered unrecorded", hint="try again")
    model = request.get("model")
    if not isinstance(model, str) or not model:
        raise RequestError("'model' must name a model")
    day.till.permit(draft.key, model)
    target = setting.upstreams.target(model)
    if draft.key is not None:
        first = target.deployments[0]
        most = worst(request, body, draft.endpoint, marks_cache=setting.marks_cache)
        draft.hold = day.till.reserve(
            draft.key,
            draft.call_id,
            input_tokens=0 if most.free else most_tokens(body),
            max_output=most.output,
            model=first.model,
            provider=first.provider,
            also=setting.upstreams.places(target, draft.endpoint),
            worst=most,
            besides=draft.serving.models,
        )
    return target


def see(day: Day, draft: Draft) -> None:
    """What is stored of the request, and what a stage sees of it. Where that fails the call goes upstream, and no body is stored."""
    setting, endpoint = draft.setting, draft.endpoint
    assert draft.body is not None
    try:
        draft.seen = seen = setting.redactor.see(draft.body, draft.request)
        chat = canon.chat_request(endpoint, seen.request) if endpoint in CHATS else None
    except Exception as error:
        day.alarm.ring("redaction", f"{name(error)}; the call went upstream")
        draft.choice = Choice(reason="failed", detail=f"redaction: {name(error)}")
        return
    if chat is not None:
        draft.question = Question(
            call_id=draft.call_id,
            endpoint=endpoint,
            request=draft.request,
            chat=chat,
            names=seen.names,
            view_version=setting.redactor.version,
        )


def choose(day: Day, asked: Asked, draft: Draft) -> Choice:
    """Recognise the request, toss the coin, ask the stage."""
    if draft.question is None:
        return NOT_RECOGNISED if draft.endpoint in CHATS else NO_WORKLOADS
    config = draft.setting.config
    return decide(
        draft.serving,
        draft.question,
        bypass=asked.headers.get(b"x-modicum-bypass", b"").lower() in (b"true", b"1"),
        observe=config.serve.observe,
        control_share=config.route.control_share,
        settle_minutes=config.route.settle_minutes,
        kept=day.heartbeat.kept,
        alarm=day.alarm,
    )


async def consulted(day: Day, draft: Draft) -> None:
    """Ask the other model that is the route's stage, unless the incumbent's cache is worth more. What it may not answer goes on as if it
    had never been asked."""
    from modicum.gateway.consult import consult  # few have such a stage

    if draft.choice is not None and day.warm.keeps(draft, draft.setting.till):
        draft.choice = left(draft.choice)
        return
    assert draft.choice is not None and draft.choice.stage is not None
    draft.consulted, other = True, draft.choice.stage.other
    began = time.perf_counter()
    try:
        draft.choice = await consult(day, draft, draft.choice)
    finally:
        draft.waited += time.perf_counter() - began
    if draft.choice.written is not None and other is not None:
        draft.deployment, draft.tried = draft.setting.upstreams.one(other.provider, other.model).deployments[0], (other.name,)


async def forward(day: Day, asked: Asked, draft: Draft, target: Target, reply: Reply) -> None:
    """Let the providers answer; in an outage a stage may, where the operator allows that. Raises UpstreamError."""
    allowed = draft.setting.config.route.degraded and draft.choice is not None and draft.choice.stage is not None
    try:
        found = await ask(day, asked, draft, target)
    except UpstreamError:
        if not (allowed and degraded(day, draft)):
            raise
        await speak(day, draft, reply)
        return
    if allowed and found.refused and degraded(day, draft):
        found.close()
        await speak(day, draft, reply)
    else:
        await hand_on(day, draft, found, reply)
        if draft.choice is not None and draft.choice.stage is not None and draft.choice.stage.other is not None:
            day.warm.note(draft)


def degraded(day: Day, draft: Draft) -> bool:
    """No provider answered: the stage has something to say all the same."""
    choice = degrade(draft.choice, draft.question, day.alarm) if draft.choice is not None and draft.question is not None else None
    if choice is None:
        return False
    draft.choice, draft.deployment = choice, None
    return True


async def speak(day: Day, draft: Draft, reply: Reply) -> None:
    """Send the stage's answer. It was made in full before; nothing is left here but to record and to write it."""
    written = draft.choice.written if draft.choice is not None else None
    assert written is not None
    draft.own_usage, draft.status, draft.response_body = written.usage, 200, written.body
    await day.recorder.keep_or_refuse(draft)
    if written.events is not None:
        await reply.start(200, (*SSE, *day.headers(draft)))
        await reply.write(written.events, last=True)
    else:
        await reply.whole(200, written.body, (JSON, *day.headers(draft)))
