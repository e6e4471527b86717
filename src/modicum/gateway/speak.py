"""What a stage says of one request: its prediction, whether it may answer, and the reply in full, ready to be written.

All that can fail does so here, before the caller has a byte, where the call can still go upstream.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import msgspec

from modicum import workload
from modicum.gateway.live import Stage
from modicum.route.harmless import beyond_limit
from modicum.route.rule import refusal
from modicum.types import Prediction, Reason, Recognised, Usage
from modicum.wire import completion, stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A prediction and what comes of it."""

    prediction: Prediction
    reason: Reason
    """`answered`, or why the stage must leave it to the incumbent."""
    detail: str = ""
    content: str = ""
    """The answer, where it may be given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A reply of our own, encoded."""

    usage: Usage
    body: bytes
    """The plain response; what is recorded."""
    events: bytes | None
    """The same as a stream, where one was asked for."""


def say(stage: Stage, recognised: Recognised, request: dict[str, Any]) -> Said:
    """Ask the stage. The same for an answer that is sent and for one that is only compared."""
    prediction = stage.specialist.predict(recognised.slots)
    if refused := refusal(stage.live.rule, prediction):
        return Said(prediction=prediction, reason=refused)
    content = workload.render(stage.workload.contract, prediction.value)
    if beyond := beyond_limit(request, completion.tokens(content)):
        return Said(prediction=prediction, reason="not_covered", detail=beyond)
    return Said(prediction=prediction, reason="answered", content=content)


def write(stage: Stage, request: dict[str, Any], content: str, call_id: str) -> Written:
    """The reply as the caller will get it, a stream's events included."""
    usage = completion.estimate(request, content)
    whole = completion.build(
        response_id=f"chatcmpl-{call_id}",
        model=stage.model,
        content=content,
        created=int(time.time()),
        usage=usage,
        about={"workload": stage.workload.name, "certificate": stage.live.route.certificate_id},
    )
    events = None
    if request.get("stream") is True:
        events = b"".join(stream.split(whole, include_usage=completion.wants_usage(request)))
    return Written(usage=usage, body=msgspec.json.encode(whole), events=events)
