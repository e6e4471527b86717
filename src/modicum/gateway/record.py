"""Turn what happened to one request into a Call, and write it once, before the caller has its last byte.

When the store cannot be written the gateway goes on serving and an alarm says so: an application must not stop because
its observer does.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from modicum.catalog.cost import cost
from modicum.errors import InputError, ModicumError
from modicum.gateway import shadow
from modicum.gateway.alarm import Alarm, name
from modicum.gateway.decide import Choice
from modicum.gateway.live import Serving
from modicum.types import Call, Decision, Usage, new_call_id
from modicum.wire import chat
from modicum.wire import error as wire_error
from modicum.wire.stream import Passing

SYNC_S = 1.0
CLIENT_LEFT = 499
"""The status of a call whose caller left before there was any."""
SHORTEST_SECRET = 8


class Writer(Protocol):
    """What the recorder needs of `store.segments.SegmentWriter`."""

    def append(self, call: Call) -> None: ...
    def sync(self) -> None: ...
    def close(self) -> None: ...


@dataclass(slots=True, kw_only=True)
class Draft:
    """A call while it happens."""

    scope: str
    source: str
    serving: Serving
    call_id: str = field(default_factory=new_call_id)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    began: float = field(default_factory=time.perf_counter)
    body: bytes | None = None
    request: dict[str, Any] = field(default_factory=dict)
    choice: Choice | None = None
    status: int | None = None
    response_body: bytes | None = None
    """Of a plain reply; None where it was too long to keep."""
    own_usage: Usage | None = None
    """Set where a stage answered."""
    passing: Passing | None = None
    """The stream, where the provider sent one."""
    time_to_first_chunk_ms: float | None = None
    error: str | None = None
    cost_usd: Decimal | None = None
    """Known once it is recorded."""
    secrets: tuple[str, ...] = ()
    """Credentials that a provider might quote; blanked in the record."""
    kept: bool = False

    def elapsed_ms(self) -> float:
        return round((time.perf_counter() - self.began) * 1000, 3)

    def fail(self, error: ModicumError) -> None:
        """One of our errors ended it."""
        self.error = error.code
        if self.status is None:
            self.status = error.status or 500

    def leave(self, *, stopped: bool) -> None:
        """The caller left, or the time to drain is over."""
        self.error = self.error or ("stopped" if stopped else "client_left")
        if self.status is None:
            self.status = CLIENT_LEFT

    def response(self) -> dict[str, Any] | None:
        """The plain response as far as it came."""
        if self.passing is not None:
            return self.passing.response()
        try:
            return chat.loads(self.response_body) if self.response_body else None
        except InputError:
            return None

    def call(self, alarm: Alarm) -> Call:
        """The record of it."""
        request, response = self.request, self.response()
        status = self.status if self.status is not None else 500
        error = self.error
        if error is None and self.passing is not None and self.passing.error is not None:
            error = wire_error.name({"error": self.passing.error}, status)
        elif error is None and status >= 400:
            error = wire_error.name(response, status)
        body = msgspec.json.encode(response) if self.passing is not None and response is not None else self.response_body
        if body is not None:
            body = _blank(body, self.secrets)
        request_model = _text(request.get("model"))
        response_model = _text(response.get("model")) if response else None
        finish_reason = None
        if response is not None:
            with contextlib.suppress(InputError):
                finish_reason = chat.answer(response).finish_reason
        usage = self.own_usage or (chat.usage(response) if response is not None else Usage())
        self.cost_usd = Decimal(0) if self.own_usage is not None else self._cost(response_model, request_model, usage)
        return Call(
            call_id=self.call_id,
            response_id=_text(response.get("id")) if response else None,
            scope=self.scope,
            user_id=chat.user_id(request),
            conversation_id=chat.conversation_id(request),
            started_at=self.started_at,
            duration_ms=self.elapsed_ms(),
            time_to_first_chunk_ms=self.time_to_first_chunk_ms,
            streamed=request.get("stream") is True,
            origin="live",
            source=self.source,
            request_model=request_model,
            response_model=response_model,
            request=self.body,
            response=body,
            status=status,
            finish_reason=finish_reason,
            error=error,
            usage=usage,
            cost_usd=self.cost_usd,
            decision=self._decision(response, response_model or request_model or "upstream", alarm),
        )

    def _cost(self, told: str | None, asked: str | None, usage: Usage) -> Decimal | None:
        """At the price of the model that the provider named, else of the one that was asked for."""
        prices = self.serving.prices
        return cost(prices.get(told or "") or prices.get(asked or ""), usage)

    def _decision(self, response: dict[str, Any] | None, incumbent: str, alarm: Alarm) -> Decision | None:
        choice = self.choice
        if choice is None:
            return None
        live = choice.stage.live if choice.stage else None
        return Decision(
            answered_by=choice.stage.model if choice.stage and self.own_usage is not None else incumbent,
            reason=choice.reason,
            detail=choice.detail,
            workload_id=choice.recognised.workload_id if choice.recognised else None,
            version_id=choice.recognised.version_id if choice.recognised else None,
            route_id=live.route.route_id if live else None,
            certificate_id=live.route.certificate_id if live else None,
            artefact_digest=live.route.artefact_digest if live else None,
            confidence=choice.prediction.confidence if choice.prediction else None,
            threshold=live.rule.accept_above if live else None,
            value=choice.prediction.value if choice.prediction else None,
            would_answer=choice.would_answer,
            agreed=shadow.agreed(choice, response, alarm) if self.error is None else None,
        )


class Recorder:
    """Writes drafts. `failed` says whether the last write did."""

    def __init__(self, writer: Writer, alarm: Alarm, *, strict: bool) -> None:
        self._writer = writer
        self._alarm = alarm
        self._strict = strict
        self.failed = False

    async def keep(self, draft: Draft) -> None:
        """Write the call, once. Never raises: a call that cannot be recorded is still answered, with an alarm."""
        if draft.kept:
            return
        draft.kept = True
        try:
            call = draft.call(self._alarm)
            if self._strict:
                await asyncio.shield(asyncio.to_thread(self._writer.append, call))
            else:
                self._writer.append(call)
            self.failed = False
        except Exception as error:
            self.failed = True
            self._alarm.ring("recorder", f"{name(error)}; a call was answered and not recorded")

    async def sync(self) -> None:
        """Bring what was written to the disk every second, until cancelled."""
        while True:
            await asyncio.sleep(SYNC_S)
            try:
                await asyncio.to_thread(self._writer.sync)
            except Exception as error:
                self._alarm.ring("recorder", f"{name(error)}; the disk may not have the last calls")

    def close(self) -> None:
        """Seal what was written."""
        try:
            self._writer.close()
        except Exception as error:
            self._alarm.ring("recorder", f"{name(error)}; the last segment stays open")


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _blank(body: bytes, secrets: tuple[str, ...]) -> bytes:
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            body = body.replace(secret.encode("latin-1", "replace"), b"[credential]")
    return body
