"""A call while it happens, and the record that it becomes."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from modicum.errors import InputError, ModicumError
from modicum.gateway import shadow
from modicum.gateway.alarm import Alarm, name
from modicum.gateway.decide import Asked, Choice
from modicum.gateway.exchange import PLACES
from modicum.gateway.live import NOTHING, Serving
from modicum.gateway.speak import Question
from modicum.gateway.worst import FREE
from modicum.store.codec import Head, Record, to_us
from modicum.types import UNKNOWN_USAGE, Call, Decision, Endpoint, Key, Reason, Usage, new_call_id
from modicum.view import Seen
from modicum.wire import canon, chat, figures
from modicum.wire import error as wire_error
from modicum.wire.dialects import dialect
from modicum.wire.gather import Gathered
from modicum.wire.passing import Passing
from modicum.wire.talk import Dialect, Response
from modicum.wire.tokens import likely_tokens

if TYPE_CHECKING:
    from modicum.backends.upstreams import Deployment
    from modicum.gateway.setting import Setting
    from modicum.gateway.till import Hold

CLIENT_LEFT = 499
"""The status of a call whose caller left before there was any."""
SHORTEST_SECRET = 8
NOT_KEPT = frozenset(("embeddings", "files", "batches", "models"))
"""Endpoints whose answers are not stored: rows of numbers, and what others keep."""

PLAIN_ID = re.compile(r"[A-Za-z0-9_.:/+=-]{1,200}")
"""Ids of responses are like this; they are kept as they are, however many digits they have, for calls are known by them."""
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True, kw_only=True)
class Draft:
    """What is known so far. Filled by the walk, read once when it is recorded."""

    setting: Setting
    endpoint: Endpoint
    scope: str
    headers: Mapping[bytes, bytes] = field(repr=False)
    """The caller's."""
    call_id: str = field(default_factory=new_call_id)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    began: float = field(default_factory=time.perf_counter)
    waited: float = 0.0
    """Seconds that the provider was waited for, until the reply began."""
    overhead_ms: float | None = None
    """What was added until the reply began."""
    serving: Serving = NOTHING
    key: Key | None = None
    hold: Hold | None = None
    body: bytes | None = None
    request: dict[str, Any] = field(default_factory=dict)
    seen: Seen | None = None
    question: Question | None = None
    """What a stage sees of the request; None where the endpoint has no workloads or the request no chat form."""
    choice: Choice | None = None
    consulted: bool = False
    """Another model was asked before the providers, which costs what it costs even where they answer."""
    beside: asyncio.Task[Choice] | None = None
    """Another model is asked beside the incumbent, to be compared."""
    deployment: Deployment | None = None
    """The one that answered, or that was asked last."""
    tried: tuple[str, ...] = ()
    status: int | None = None
    taken: bool = False
    """A provider began to answer, and not with a refusal: it charges for the call, whatever becomes of it."""
    response_body: bytes | None = None
    """Of a plain reply, as the caller got it; None where it was too long to keep."""
    own_usage: Usage | None = None
    """Set where a stage answered."""
    usage: Usage | None = None
    """Set where it was read in the provider's dialect."""
    service_tier: str | None = None
    passing: Passing | None = None
    """The stream, where the provider sent one in the caller's dialect."""
    gathered: Gathered | None = None
    """The stream, where the provider sent one in another dialect."""
    broken: bool = False
    """The stream did not come to its end."""
    time_to_first_chunk_ms: float | None = None
    error: str | None = None
    cost_usd: Decimal | None = None
    """Known once it is recorded."""
    kept: bool = False
    record_kept: Record | None = None
    """The record, once it was made."""
    recorded: bool = False
    """The store has it."""

    def elapsed_ms(self) -> float:
        return int((time.perf_counter() - self.began) * 1e6) / 1e3

    def begins(self) -> None:
        """The reply is about to begin: what was not waiting was ours."""
        if self.overhead_ms is None:
            self.overhead_ms = int((time.perf_counter() - self.began - self.waited) * 1e6) / 1e3

    def fail(self, error: ModicumError, *, started: bool = False) -> None:
        """One of our errors ended it. `started`: the caller had the head of another reply already."""
        self.error = error.code
        if self.status is None or not started:
            self.status = error.status or 500

    async def hear(self, task: asyncio.Task[Choice]) -> None:
        """What the other model said beside the incumbent. Nobody waits for it: what is not there when that one has answered is none."""
        self.beside = None
        if task.done():
            self.choice = task.result()
            return
        task.cancel()
        await asyncio.wait((task,))
        if self.choice is not None:
            late = "not compared: it had not answered when the incumbent had"
            self.choice = replace(self.choice, compare=False, detail=self.choice.detail or late)

    def first_usd(self, cost_usd: Decimal | None) -> Decimal | None:
        """What a call's key pays in all, `cost_usd` being what whoever answered charged; None: nobody knows, and it is what was held."""
        if not self.consulted:
            return cost_usd
        asked = self.choice.asked if self.choice is not None else None
        if asked is None:  # its caller left before that was known; else it was not asked at all
            return None if self.status == CLIENT_LEFT else cost_usd
        first = Decimal(0) if asked.unpaid else asked.cost_usd
        if self.own_usage is not None:
            return first
        return None if cost_usd is None or first is None else cost_usd + first

    def leave(self, *, stopped: bool) -> None:
        """The caller left, or the time to drain is over."""
        self.error = self.error or ("stopped" if stopped else "client_left")
        if self.status is None:
            self.status = CLIENT_LEFT

    @property
    def call_kept(self) -> Call | None:
        return self.record_kept.call() if self.record_kept is not None else None

    @property
    def streaming(self) -> bool:
        return self.passing is not None or self.gathered is not None

    def response(self) -> dict[str, Any] | None:
        """The plain response in the caller's dialect, as far as it came."""
        if self.passing is not None:
            return self.passing.response()
        if self.gathered is not None:
            whole = self.gathered.response()
            return None if whole is None else _written(dialect(self.endpoint), whole)
        try:
            return chat.loads(self.response_body) if self.response_body else None
        except InputError:
            return None

    def record(self, alarm: Alarm) -> Record:
        """What is stored of it."""
        setting, endpoint, request, choice, deployment = self.setting, self.endpoint, self.request, self.choice, self.deployment
        words = setting.words
        status = self.status if self.status is not None else 500
        response, said = None, figures.NOTHING
        if self.streaming or status >= 400:
            if (response := self.response()) is not None:
                said = figures.of_response(endpoint, response)
        elif self.response_body:
            said = figures.of_body(endpoint, self.response_body)
        request_model = _text(request.get("model"))
        usage = self._usage(said.usage, response, status)
        if usage.input_tokens is None and usage == UNKNOWN_USAGE:
            usage = UNKNOWN_USAGE
        tier = self.service_tier or said.service_tier
        self.cost_usd = cost_usd = self._cost(said.model, request_model, usage, tier)
        asked, body, viewed = self._bodies(response, alarm)
        named = said.response_id
        head = Head(
            call_id=self.call_id,
            started_us=to_us(self.started_at),
            request_bytes=-1 if asked is None else len(asked),
            response_bytes=-1 if body is None else len(body),
            response_id=named if named is None or PLAIN_ID.fullmatch(named) else words[named],
            scope=self.scope,
            key_id=self.key.key_id if self.key is not None else None,
            endpoint=endpoint,
            user_id=setting.pseudonym(chat.user_id(request)),
            conversation_id=setting.pseudonym(chat.conversation_id(request)),
            duration_ms=self.elapsed_ms(),
            time_to_first_chunk_ms=self.time_to_first_chunk_ms,
            streamed=request.get("stream") is True,
            origin="live",
            source=setting.source,
            request_model=words[request_model],
            response_model=words[said.model],
            provider=deployment.provider if deployment is not None else None,
            deployments=tuple([words[one] or "" for one in self.tried]),
            view_version=setting.redactor.version if setting.keep_bodies == "redacted" else None,
            status=status,
            finish_reason=words[said.finish_reason] if not self.broken else None,
            error=words[self._error(response, status)],
            usage=None if usage is UNKNOWN_USAGE else usage,
            cost_usd=cost_usd,
            service_tier=words[tier],
            decision=None if choice is None else self._decision(choice, viewed, said.model or request_model, alarm),
        )
        return Record(head, asked, body)

    def _usage(self, counted: Usage, response: dict[str, Any] | None, status: int) -> Usage:
        """`counted`: what the reply tells that the caller got."""
        usage = self.own_usage or self.usage
        if not self.streaming:
            return usage or counted
        if usage is None and self.gathered is not None and (whole := self.gathered.response()) is not None:
            usage = whole.usage
        usage = usage or counted
        # A provider counts what it sent before a stream broke, and tells nobody; one that tells no usage at all counts too.
        broken = self.broken or (self.passing is not None and self.passing.error is not None)
        if status < 400 and (broken or usage.output_tokens is None):
            return self._estimated(usage, response)
        return usage

    def _estimated(self, told: Usage, response: dict[str, Any] | None) -> Usage:
        whole = canon.chat_response(self.endpoint, response) if response is not None else None
        said: list[bytes] = []
        for choice in (whole or {}).get("choices") or ():
            message = choice.get("message") or {}
            said += [value.encode("utf-8", "replace") for value in message.values() if isinstance(value, str)]
            said += [_encode(tool.get("function")) for tool in message.get("tool_calls") or () if isinstance(tool, dict)]
        guess = likely_tokens(b"".join(said)) if any(said) else 0
        return Usage(
            input_tokens=told.input_tokens if told.input_tokens is not None else likely_tokens(self.body) if self.body else 0,
            output_tokens=max(guess, told.output_tokens or 0),
            cache_read_tokens=told.cache_read_tokens,
            cache_write_tokens=told.cache_write_tokens,
            cache_write_1h_tokens=told.cache_write_1h_tokens,
            estimated=True,
        )

    def _cost(self, told: str | None, asked: str | None, usage: Usage, tier: str | None) -> Decimal | None:
        """Nothing for what a stage or we ourselves answered; at the deployment's price else, unknown where that is."""
        if self.own_usage is not None:
            return Decimal(0) if self.choice is None or self.choice.asked is None else self.choice.asked.cost_usd
        if self.endpoint in FREE and self.status is not None and self.status < 400:
            return Decimal(0)
        if self.deployment is None or usage is UNKNOWN_USAGE:
            return None
        model = self.deployment.model or asked
        return self.setting.till.cost(self.deployment.provider, told, model, usage, self.started_at, tier)

    def _bodies(self, response: dict[str, Any] | None, alarm: Alarm) -> tuple[bytes | None, bytes | None, dict[str, Any] | None]:
        """What is stored of the request and of the response, and what our models may see of it. What cannot be redacted is not stored."""
        try:
            body, viewed = self._stored(response)
            asked = self.body if self.setting.keep_bodies != "none" else None
            if asked is not None and self.setting.keep_bodies == "redacted":
                asked = (self.seen or self.setting.redactor.see(asked, self.request)).body
            return asked, body, viewed
        except Exception as error:
            alarm.ring("redaction", f"{name(error)}; a call is recorded without its bodies")
            return None, None, None

    def _stored(self, response: dict[str, Any] | None) -> tuple[bytes | None, dict[str, Any] | None]:
        """What is stored of the response, and what our models may see of it."""
        keep = self.setting.keep_bodies
        keeps = keep != "none" and self.endpoint not in NOT_KEPT
        compares = self.choice is not None and (
            (self.choice.compare and self.choice.prediction is not None) or self.choice.challenger is not None
        )
        if not keeps and not compares:
            return None, None
        plain = _encode(response) if self.streaming and response is not None else self.response_body
        if plain is None:
            return None, None
        names = self.seen.names if self.seen is not None else self.setting.redactor.names()
        if self.own_usage is not None and names.empty and self.choice is not None and self.choice.asked is None:
            return plain if keeps else None, None  # a specialist says nothing that it did not see, and there was nothing to take out
        if self.status is not None and self.status >= 400:  # who refuses a credential may quote it
            plain = blank(plain, (*shown(self.headers), *self.setting.held))
        redacted = names.redact_json(plain) if keep == "redacted" or compares else plain
        stored = None if not keeps else redacted if keep == "redacted" else plain
        if not compares:
            return stored, None
        return stored, (response or self.response()) if redacted is plain else chat.loads(redacted)

    def _error(self, response: dict[str, Any] | None, status: int) -> str | None:
        if self.error is not None:
            return self.error
        if self.passing is not None and self.passing.error is not None:
            return wire_error.name({"error": self.passing.error}, status)
        if self.gathered is not None and self.gathered.failed is not None:
            return self.gathered.failed.kind[:80]
        return wire_error.name(response, status) if status >= 400 else None

    def _decision(self, choice: Choice, viewed: dict[str, Any] | None, incumbent: str | None, alarm: Alarm) -> Decision:
        recognised, prediction = choice.recognised, choice.prediction
        workload_id, version_id = (recognised.workload_id, recognised.version_id) if recognised is not None else (None, None)
        named = self.setting.words[incumbent] or "upstream"
        if choice.stage is None:
            return _unrouted(named, choice.reason, choice.detail, workload_id, version_id)
        live = choice.stage.live
        said = canon.chat_response(self.endpoint, viewed) if viewed is not None and self.error is None else None
        return Decision(
            answered_by=choice.stage.model if self.own_usage is not None else named,
            reason=choice.reason,
            detail=choice.detail,
            workload_id=workload_id,
            version_id=version_id,
            route_id=live.route.route_id,
            certificate_id=live.route.certificate_id,
            artefact_digest=live.route.artefact_digest,
            confidence=prediction.confidence if prediction else None,
            threshold=live.rule.accept_above,
            value=prediction.value if prediction else None,
            would_answer=choice.would_answer,
            agreed=shadow.agreed(choice, said, alarm),
            propensity=choice.propensity,
            stage_failed=choice.stage_failed,
            **({"stage_ms": choice.stage_ms} if choice.asked is None else _of_stage(choice.asked)),
            **({} if choice.challenger_would is None else _of_challenger(choice, said, alarm)),
        )


def _of_stage(asked: Asked) -> dict[str, Any]:
    return {
        "stage_model": asked.model,
        "stage_usage": None if asked.usage is UNKNOWN_USAGE else asked.usage,
        "stage_cost_usd": asked.cost_usd,
        "stage_ms": asked.duration_ms,
    }


def _of_challenger(choice: Choice, said: dict[str, Any] | None, alarm: Alarm) -> dict[str, Any]:
    stage = choice.stage.challenger if choice.stage is not None else None
    return {
        "challenger_route_id": None if stage is None else stage.live.route.route_id,
        "challenger_value": None if choice.challenger is None else choice.challenger.value,
        "challenger_would_answer": choice.challenger_would,
        "challenger_agreed": shadow.challenger_agreed(choice, said, alarm),
    }


@lru_cache(1024)
def _unrouted(answered_by: str, reason: Reason, detail: str, workload_id: str | None, version_id: str | None) -> Decision:
    """Where no route is: most calls of an application have the same one."""
    return Decision(answered_by=answered_by, reason=reason, detail=detail, workload_id=workload_id, version_id=version_id)


def _written(speech: Dialect, told: Response) -> dict[str, Any]:
    """A whole response, or as much of one as came: not every dialect can say that nobody knows why it ended, so it was cut off."""
    try:
        return speech.write_response(told)
    except InputError:
        cut = tuple(replace(choice, finish=choice.finish or "length") for choice in told.choices)
        return speech.write_response(replace(told, choices=cut))


def shown(headers: Mapping[bytes, bytes]) -> tuple[str, ...]:
    """The credentials that a caller came with, which a provider might quote."""
    return tuple(value.decode("latin-1").rpartition(" ")[2] for name in PLACES if (value := headers.get(name)))


def blank(body: bytes, secrets: tuple[str, ...]) -> bytes:
    """The body without these credentials."""
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            body = body.replace(secret.encode("latin-1", "replace"), b"[credential]")
    return body


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
