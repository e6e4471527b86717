"""What the calls themselves tell beyond their price: repeats, lengths, waits, conversations, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadTraffic:
    """Of one workload's calls that a provider answered. A share is None where too little is known to say."""

    workload_id: str | None
    """None: the calls that belong to no workload."""
    calls: int
    calls_with_body: int
    repeated_share: float | None
    """Of the calls with a body: the same request (view, model and settings) had been answered within the day before it."""
    resent_share: float | None
    """Of the input characters: they stood, in the same place, in an earlier request of the same conversation."""
    static_share: float | None
    """Of the input characters: they stand in every request of the version, at its beginning, where a provider could cache them."""
    fixed_share: float | None
    """Of the input characters: fixed text of the version, wherever it stands."""
    input_tokens_p50: int | None
    input_tokens_p95: int | None
    output_tokens_p50: int | None
    output_tokens_p95: int | None
    duration_ms_p50: float | None
    duration_ms_p95: float | None
    streamed_share: float | None
    tool_share: float | None
    """Of the calls with a body: the request declares tools."""
    image_share: float | None
    """Of the calls with a body: the request holds images, sound or files."""
    hours: tuple[int, ...] = ()
    """Calls by hour of the day, UTC, 24 figures."""
    peak_hour_calls: int = 0
    """Calls in the busiest single hour of the period."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A conversation or a run of an agent: calls that name one."""

    conversation_id: str
    scope: str
    calls: int
    spend_usd: Decimal | None
    input_tokens: int
    resent_share: float | None
    from_day: date
    to_day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Of everything in a report."""

    workloads: Mapping[str, WorkloadTraffic]
    """By id; "" holds the calls that belong to none."""
    conversations: tuple[Conversation, ...]
    """The dearest first, no more than twenty."""
    conversations_seen: int
    calls_in_conversations: int
    conversation_spend_usd: Decimal | None
    resent_share: float | None
    """Of the input tokens of the calls in conversations: they stood in an earlier call of the same conversation."""
    repeated_share: float | None
    estimated_usage_calls: int
    """Calls whose tokens a broken stream left to be estimated."""
    by_day: tuple[tuple[date, int, Decimal | None], ...] = ()
    """(day, calls, dollars): the trend."""
