"""What providers tell beyond the recorded calls, as rows beside those of the calls: it counts towards spend, never towards workloads."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from modicum.report.covering import Uncovered
from modicum.store.spending import SpendRow
from modicum.store.usage import UsageRow


def as_usage(scope: str, left: Iterable[Uncovered]) -> list[UsageRow]:
    """One row a day, provider and model."""
    return [
        UsageRow(
            scope=scope,
            workload_id=None,
            request_model=None,
            response_model=one.model,
            day=one.day,
            specialist=False,
            provider=one.provider,
            seen=False,
            calls=_calls(one),
            failed=0,
            reasons=(),
            input_tokens=one.input_tokens or 0,
            output_tokens=one.output_tokens or 0,
            cache_read_tokens=one.cache_read_tokens,
            cache_write_tokens=one.cache_write_tokens,
            calls_without_usage=0,
            cost_usd=one.usd or Decimal(0),
            calls_without_cost=_calls(one) if one.usd is None else 0,
            duration_p50_ms=None,
            duration_p95_ms=None,
            sound=False,
            told=True,
        )
        for one in left
    ]


def as_spend(scope: str, left: Iterable[Uncovered]) -> list[SpendRow]:
    """The same as rows of spend: no key, no tag, no hour."""
    return [
        SpendRow(
            key_id=None,
            scope=scope,
            workload_id=None,
            request_model=None,
            response_model=one.model,
            provider=one.provider,
            service_tier=None,
            day=one.day,
            costed=one.usd is not None,
            counted=True,
            refused=False,
            sound=False,  # sums of days: what they cost is told or unknown, and never priced here
            calls=_calls(one),
            estimated=0,
            input_tokens=one.input_tokens or 0,
            output_tokens=one.output_tokens or 0,
            cache_read_tokens=one.cache_read_tokens,
            cache_write_tokens=one.cache_write_tokens,
            cache_write_1h_tokens=0,
            audio_input_tokens=0,
            audio_output_tokens=0,
            cost_usd=one.usd or Decimal(0),
            told=True,
        )
        for one in left
    ]


def _calls(one: Uncovered) -> int:
    """Requests that the provider counts; at least one where there is something that nobody can price."""
    return one.requests if one.requests is not None else int(one.usd is None)
