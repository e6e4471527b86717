"""One recorded call as fitting and proving see it."""

from __future__ import annotations

from typing import Any

from modicum.errors import InputError
from modicum.types import Call, Recognised, Sample, Workload
from modicum.wire import chat
from modicum.workload.read import read

INDEPENDENT = frozenset({"shadow", "observe", "control", "canary", "unwatched", "not_recognised", "no_route", "expired"})
"""Reasons for which the incumbent answered whatever the request said."""


def sample(workload: Workload, recognised: Recognised, call: Call, request: dict[str, Any], response: dict[str, Any]) -> Sample:
    """The slots of a call and what the incumbent answered. Raises InputError where the request is not a chat.

    `value` is None where the answer failed, was refused, cut off or cannot be read.
    """
    segments = chat.segments(request)
    value = None
    if call.status < 400 and call.error is None:
        try:
            value = read(workload.contract, chat.answer(response), recognised.slots)
        except InputError:
            value = None
    return Sample(
        call_id=call.call_id,
        response_id=call.response_id,
        at=call.started_at,
        slots=recognised.slots,
        value=value,
        version_id=recognised.version_id,
        incumbent=call.request_model or call.response_model or "",
        provider=call.provider,
        user_id=call.user_id,
        conversation_id=call.conversation_id,
        input_chars=segments.chars,
        turns=segments.turns,
        cost_usd=call.cost_usd,
        duration_ms=call.duration_ms,
        control=call.decision is None or call.decision.reason in INDEPENDENT,
    )
