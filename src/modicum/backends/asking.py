"""Ask one deployment one recorded request, as the application would have asked it: the model swapped, the dialect translated, no stream.

What tells who asked, or what is done with the answer afterwards, is not passed on: it belongs to the provider that was asked first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from modicum.backends.constrain import SCHEMAS, constrained
from modicum.backends.reply import Reply
from modicum.backends.upstreams import Deployment, Target, Upstreams
from modicum.errors import InputError, UntranslatableError, UpstreamError, UpstreamTimeoutError
from modicum.types import Endpoint, Usage
from modicum.wire import canon, chat
from modicum.wire.dialects import dialect, suit

LONGEST_ANSWER = 32 << 20
NOT_PASSED = frozenset(
    ("stream", "stream_options", "user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "metadata", "store")
    + ("service_tier", "background", "webhook", "priority")
)
"""Fields of requests that say who asks, how the answer is delivered or what becomes of it; none of them changes what is answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What came back."""

    status: int
    response: dict[str, Any] | None
    """As a chat completion; None for a refusal and for what cannot be read as an answer."""
    model: str = ""
    """As the answer names it."""
    usage: Usage = Usage()
    duration_ms: float
    error: str = ""
    """What the provider said of a request that it did not answer."""


def can_constrain(deployment: Deployment) -> bool:
    """The provider holds answers to a schema."""
    return deployment.kind in SCHEMAS and deployment.speaks("chat_completions") == "chat_completions"


async def ask(
    upstreams: Upstreams,
    target: Target,
    endpoint: Endpoint,
    request: Mapping[str, Any],
    *,
    answer_schema: dict[str, Any] | None = None,
    answer_choices: Sequence[str] = (),
    once_within_s: float | None = None,
) -> Told:
    """The answer of a target's deployments to a request in the dialect of `endpoint`, retried as `[retry]` says.

    `once_within_s`: it is asked once, and its whole answer has to be there by then: somebody waits for it. `duration_ms` is that of the
    try that was answered. Raises UpstreamError where none answers for now, UntranslatableError where none can be told this request.
    """
    attempts = upstreams.attempts(target, endpoint)
    refused: Told | None = None
    error: UpstreamError | None = None
    try:
        while (deployment := await attempts.next()) is not None:
            spoken = deployment.speaks(endpoint) or endpoint
            left_out = upstreams.settings(deployment.provider).leave_out
            told = {name: value for name, value in request.items() if name not in left_out}
            body = msgspec.json.encode(worded(told, endpoint, deployment, answer_schema=answer_schema, answer_choices=answer_choices))
            began = time.perf_counter()
            try:
                async with _at_most(once_within_s):
                    reply = await upstreams.send(deployment, spoken, body, deadline=attempts.deadline)
                    said = await whole(reply)
            except UpstreamError as failure:
                refused, error = None, failure
                attempts.failed(deployment, failure)
                if once_within_s is not None:
                    break
                continue
            duration_ms = (time.perf_counter() - began) * 1000
            if reply.status < 400:
                attempts.answered(deployment)
                return read_answer(spoken, said, reply.status, duration_ms)
            refused = Told(status=reply.status, response=None, duration_ms=duration_ms, error=read_refusal(spoken, said, reply.status))
            if not attempts.retryable(reply.status, reply.header("x-should-retry")):
                attempts.answered(deployment)
                return refused
            attempts.failed(deployment, reply.status, reply.header("retry-after"))
            if once_within_s is not None:
                return refused
        if refused is not None:
            raise UpstreamError(f"'{target.name}' answers with status {refused.status} for now: {refused.error}")
        raise error or attempts.unavailable()
    finally:
        attempts.close()


def worded(
    request: Mapping[str, Any],
    endpoint: Endpoint,
    deployment: Deployment,
    *,
    answer_schema: dict[str, Any] | None = None,
    answer_choices: Sequence[str] = (),
) -> dict[str, Any]:
    """The body that the deployment is sent. Raises UntranslatableError where its dialect has no words for the request."""
    spoken = deployment.speaks(endpoint) or endpoint
    own = {name: value for name, value in request.items() if name not in NOT_PASSED or value is False}  # store = false asks for less
    own["model"] = deployment.model
    try:
        asked = replace(dialect(endpoint).read_request(own), model=deployment.model, stream=None, include_usage=None)
        body = suit(spoken, dialect(spoken).write_request(asked), deployment.facts.quirks)
    except UntranslatableError:
        if spoken != endpoint:
            raise
        body = own  # fields that only this dialect has: its provider knows them, or says so
    return constrained(body, deployment.kind, schema=answer_schema, choices=answer_choices) if spoken == "chat_completions" else body


@asynccontextmanager
async def _at_most(seconds: float | None) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise UpstreamTimeoutError(f"no whole answer within {seconds:g} s") from None


async def whole(reply: Reply) -> bytes:
    """The body, and the connection given back. Raises UpstreamError where it is too long or breaks off."""
    body = bytearray()
    try:
        async for piece in reply.chunks():
            body += piece
            if len(body) > LONGEST_ANSWER:
                raise UpstreamError(f"the provider's answer is longer than {LONGEST_ANSWER:,} bytes")
    finally:
        reply.close()
    return bytes(body)


def read_answer(spoken: Endpoint, said: bytes, status: int, duration_ms: float) -> Told:
    """A body that came with a good status. What is no answer has no `response`, and says so."""
    try:
        answer = chat.loads(said)
        response = canon.chat_response(spoken, answer)
        usage = dialect(spoken).read_response(answer).usage
    except (InputError, UpstreamError) as failure:
        return Told(status=status, response=None, duration_ms=duration_ms, error=f"no answer that can be read: {failure.message}")
    model = answer.get("model")
    return Told(status=status, response=response, model=model if isinstance(model, str) else "", usage=usage, duration_ms=duration_ms)


def read_refusal(spoken: Endpoint, said: bytes, status: int) -> str:
    """What the provider said was wrong, cut short."""
    try:
        body: dict[str, Any] | None = chat.loads(said)
    except InputError:
        body = None
    return dialect(spoken).read_error(body, status)[0][:500]
