"""Calls of routed workloads with the arm that the coin chose for each: what each cost, how long its request is, without any text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import msgspec

from modicum.store.codec import from_us, to_us
from modicum.store.engine import SUMMING
from modicum.store.scan import viewed
from modicum.store.usage import figures
from modicum.types import Decision

_COLUMNS = (
    "scope", "workload_id", "call_id", "response_id", "conversation_id", "started_us", "status", "cost_usd", "input_tokens",
    "output_tokens", "input_chars", "decision",
)  # fmt: skip
_ROUTELESS = ("observe", "bypass", "not_recognised", "no_route", "no_workloads")
_decode = msgspec.json.Decoder(Decision).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRow:
    """One call that a live route had a part in."""

    scope: str
    workload_id: str | None
    call_id: str
    response_id: str | None
    conversation_id: str | None
    started_at: datetime
    cost_usd: Decimal | None
    """None: unknown. What nobody bills cost nothing."""
    chars: int | None
    """Of the request, counted alike in every arm; None where no body is kept."""
    decision: Decision


def arms(home: Path, *, scope: str | None = None, since: datetime | None = None, until: datetime | None = None) -> Iterator[ArmRow]:
    """All calls with a route and a propensity, `since <= started_at < until`, in no order."""
    conditions, bounds = ["decision IS NOT NULL", f"reason NOT IN {_ROUTELESS}"], []
    for text, value in (
        ("scope = ?", scope),
        ("started_us >= ?", None if since is None else to_us(since)),
        ("started_us < ?", None if until is None else to_us(until)),
    ):
        if value is not None:
            conditions.append(text)
            bounds.append(value)
    with viewed(home, memory=SUMMING) as view:
        for query, values in figures(view, (*_COLUMNS, "reason")):
            asked = f"SELECT {', '.join(_COLUMNS)} FROM ({query}) WHERE {' AND '.join(conditions)}"
            found = view.connection.execute(asked, [*values, *bounds])
            while batch := found.fetchmany(8_192):
                for row in batch:
                    if (one := _row(*row)) is not None:
                        yield one


def _row(
    scope: str,
    workload_id: str | None,
    call_id: str,
    response_id: str | None,
    conversation_id: str | None,
    started_us: int,
    status: int,
    cost: str | None,
    input_tokens: int | None,
    output_tokens: int | None,
    chars: int | None,
    decision: str,
) -> ArmRow | None:
    decided = _decode(decision)
    if decided.route_id is None or decided.propensity is None:
        return None
    refused = cost is None and status >= 400 and input_tokens is None and output_tokens is None
    return ArmRow(
        scope=scope,
        workload_id=workload_id or decided.workload_id,
        call_id=call_id,
        response_id=response_id,
        conversation_id=conversation_id,
        started_at=from_us(started_us),
        cost_usd=Decimal(0) if refused else None if cost is None else Decimal(cost),
        chars=chars,
        decision=decided,
    )
