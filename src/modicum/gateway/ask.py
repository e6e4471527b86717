"""Ask the providers for one call, one after the other, until one begins to answer. Nothing is tried again after a first byte."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from modicum.backends.client import Reply as Answer
from modicum.backends.upstreams import Attempts, Deployment, Target
from modicum.errors import UntranslatableError, UpstreamError
from modicum.gateway import shadow
from modicum.gateway.apart import apart
from modicum.gateway.draft import Draft
from modicum.gateway.heartbeat import BUSY
from modicum.types import Endpoint
from modicum.wire import caching, talk
from modicum.wire.dialects import dialect, suit

if TYPE_CHECKING:
    from modicum.gateway.day import Day
    from modicum.gateway.exchange import Asked

WANTS_USAGE = b',"stream_options":{"include_usage":true}}'
COUNTED_STREAMS = frozenset(("chat_completions", "completions"))
"""Endpoints whose streams tell their usage only where they are asked to."""
NEEDED = frozenset(("model", "messages", "input", "stream"))
QUIET = frozenset(("usage_always", "no_stream_options"))

_encode = msgspec.json.Encoder().encode
_read_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@dataclass(slots=True, kw_only=True)
class Answering:
    """A provider that began to answer."""

    answer: Answer
    attempts: Attempts
    deployment: Deployment
    spoken: Endpoint
    """The provider's dialect."""
    request: talk.Request | None = None
    """What was asked, where it had to be translated."""
    counted: bool = False
    """The stream was asked to tell its usage, which the caller did not want to see."""
    plainly: bool = False
    """A plain answer was asked for, to be told as a stream."""
    refused: bool = False
    """It is what the last of all providers said, and none of them took the call."""

    def close(self) -> None:
        """The answer is over: its connection is closed or given back, its deployment less busy. May be called twice."""
        self.answer.close()
        self.attempts.close()


async def ask(day: Day, asked: Asked, draft: Draft, target: Target) -> Answering:
    """The first provider that answers, or the last one's refusal; close it. Raises UpstreamError, UntranslatableError."""
    upstreams = draft.setting.upstreams
    attempts = upstreams.attempts(target, draft.endpoint)
    last: Answering | None = None
    error: UpstreamError | None = None
    unable: UntranslatableError | None = None
    try:
        while (deployment := await attempts.next()) is not None:
            draft.deployment, draft.tried = deployment, attempts.tried
            try:
                found = await _send(day, draft, attempts, deployment, asked.headers)
            except UntranslatableError as refusal:  # the next one may speak the caller's dialect
                unable = unable or refusal
                attempts.unable(deployment)
                draft.tried = attempts.tried
                continue
            except UpstreamError as failure:
                if last is not None:
                    last.answer.close()
                last, error = None, failure
                attempts.failed(deployment, failure)
                continue
            if last is not None:
                last.answer.close()
                last = None
            answer = found.answer
            if answer.status in BUSY and draft.choice is not None and draft.choice.stage is not None:
                day.heartbeat.busy()
            if answer.status < 400 or not attempts.retryable(answer.status, answer.header("x-should-retry")):
                attempts.answered(deployment)
                return found
            last, error = found, None
            attempts.failed(deployment, answer.status, answer.header("retry-after"))
        if last is not None:
            last.refused = True
            return last
        raise error or unable or attempts.unavailable()
    except BaseException:
        if last is not None:
            last.answer.close()
        attempts.close()
        raise


async def _send(day: Day, draft: Draft, attempts: Attempts, deployment: Deployment, caller: Mapping[bytes, bytes]) -> Answering:
    spoken = deployment.speaks(draft.endpoint) or draft.endpoint
    streamed = draft.request.get("stream") is True
    request: talk.Request | None = None
    counted = plainly = False
    named = deployment.model
    upstreams = draft.setting.upstreams
    body, asked = draft.body or b"", draft.request
    if left_out := upstreams.settings(deployment.provider).leave_out:
        body, asked = without(body, asked, left_out)
    if spoken == draft.endpoint:
        named = asked["model"]
        if streamed and spoken in COUNTED_STREAMS and not QUIET.intersection(deployment.facts.quirks):
            body, counted = with_usage(body, asked)
        if (
            draft.setting.marks_cache
            and (start := static_chars(draft, deployment))
            and (marked := caching.mark(asked, start, spoken)) is not None
        ):
            body = _encode(marked)
    else:
        request = dialect(draft.endpoint).read_request(asked)
        plainly = streamed and not deployment.streams(spoken)
        written = translated(request, deployment, spoken, stream=streamed and not plainly)
        if start := static_chars(draft, deployment):
            written = caching.mark(written, start, spoken) or written
        body = _encode(written)
    began = time.perf_counter()
    try:
        sending = upstreams.send(
            deployment, spoken, body, caller=caller, stream=streamed and not plainly, deadline=attempts.deadline, asked=named
        )
        answer = await (sending if not _compares(draft) else _beside(day, draft, sending))
    finally:
        draft.waited += time.perf_counter() - began
    return Answering(
        answer=answer,
        attempts=attempts,
        deployment=deployment,
        spoken=spoken,
        request=request,
        counted=counted,
        plainly=plainly,
    )


def _compares(draft: Draft) -> bool:
    choice = draft.choice
    if choice is None or draft.beside is not None:
        return False
    return (choice.compare and choice.prediction is None) or shadow.challenged(choice)


async def _beside(day: Day, draft: Draft, sending: Any) -> Answer:
    """Let the request leave, predict while the provider works, then wait for it."""
    task: asyncio.Future[Answer] = asyncio.ensure_future(sending)
    try:
        await asyncio.sleep(0)
        if draft.choice is not None and draft.question is not None:
            choice, question = draft.choice, draft.question
            if choice.stage is not None and choice.stage.other is not None:
                from modicum.gateway.consult import consult  # few have such a stage

                draft.beside = asyncio.ensure_future(consult(day, draft, choice))
            elif draft.serving.heavy or shadow.is_heavy(choice):
                draft.choice = await apart(lambda: shadow.predict(choice, question, day.alarm))
            else:
                draft.choice = shadow.predict(choice, question, day.alarm)
        return await task
    except asyncio.CancelledError:
        task.cancel()
        raise


def translated(request: talk.Request, deployment: Deployment, spoken: Endpoint, *, stream: bool) -> dict[str, Any]:
    """The request in the provider's dialect, as this one speaks it. Raises UntranslatableError."""
    usage = stream and spoken == "chat_completions" and not QUIET.intersection(deployment.facts.quirks)
    asked = dataclasses.replace(request, model=deployment.model, stream=stream or None, include_usage=usage or None)
    return suit(spoken, dialect(spoken).write_request(asked), deployment.facts.quirks)


def static_chars(draft: Draft, deployment: Deployment) -> int:
    """How many characters of the system text every call of this kind begins with, where the operator wants them cached; else 0."""
    if not draft.setting.marks_cache:
        return 0
    config = draft.setting.config
    provider = config.providers.get(deployment.provider, config.upstream)
    recognised = draft.choice.recognised if draft.choice is not None else None
    if provider.cache_control != "auto" or recognised is None or draft.question is None:
        return 0
    start = draft.serving.static.get(recognised.version_id, "")
    # The template was found in the view; a value that is taken out there has another length here.
    return len(start) if draft.question.names.restore(start) == start else 0


def without(body: bytes, request: dict[str, Any], names: tuple[str, ...]) -> tuple[bytes, dict[str, Any]]:
    """The same without these fields; their other bytes stay. What every request needs is never left out."""
    left_out = [name for name in names if name in request and name not in NEEDED]
    if not left_out:
        return body, request
    fields = {name: value for name, value in _read_fields(body).items() if name not in left_out}
    return _encode(fields), {name: value for name, value in request.items() if name not in left_out}


def with_usage(body: bytes, request: dict[str, Any]) -> tuple[bytes, bool]:
    """The body of a streamed chat that also wants its usage told, and whether that had to be added. Its other bytes stay."""
    options = request.get("stream_options")
    if isinstance(options, dict) and options.get("include_usage") is True:
        return body, False
    if "stream_options" not in request:
        return body.rstrip()[:-1].rstrip() + WANTS_USAGE, True
    if options is not None and not isinstance(options, dict):
        return body, False  # the provider says what is wrong with it
    fields = _read_fields(body)
    fields["stream_options"] = msgspec.Raw(_encode({**(options or {}), "include_usage": True}))
    return _encode(fields), True
