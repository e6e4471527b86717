"""OpenRouter: generations as its logs' CSV export and `GET /api/v1/generation` give them. Figures alone: it exports no prompts.

Source: openrouter.ai/docs/api-reference/get-a-generation and openrouter.ai/docs/guides/features/logs; the export's columns as files of it
have them (`generation_id,created_at,cost_total,...,api_key_name,app_name`). `GET /api/v1/activity`, a day a row, is a provider's total
(`intake.totals`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from modicum.errors import LogFormatError
from modicum.intake.times import check, moment
from modicum.intake.told import Line, number, whole
from modicum.types import Call, Usage
from modicum.wire.observed import Observed, text
from modicum.wire.told import finish


def looks_like(names: Any) -> bool:
    return ("generation_id" in names and "created_at" in names) or ("native_tokens_prompt" in names and "total_cost" in names)


def read(line: Line) -> Iterator[Observed]:
    """The call in a row. Raises LogFormatError."""
    row = line.record()
    generation_id = text(row.get("generation_id")) or text(row.get("id"))
    if generation_id is None:
        raise LogFormatError("a row without 'generation_id'")
    model = text(row.get("model_permaslug")) or text(row.get("model"))
    cancelled = str(row.get("cancelled")).lower() == "true"
    variant = text(row.get("variant"))
    yield Observed(
        call=Call(
            call_id="",
            response_id=generation_id,
            client_id=text(row.get("api_key_name")) or text(row.get("app_name")),
            user_id=text(row.get("user")) or text(row.get("external_user")),
            tags=tuple(f"app={name}" for name in (text(row.get("app_name")),) if name),
            started_at=check(moment(row.get("created_at")), row.get("created_at")),
            duration_ms=_first_number(row, "generation_time_ms", "generation_time"),
            time_to_first_chunk_ms=_first_number(row, "time_to_first_token_ms", "latency"),
            streamed=str(row.get("streamed")).lower() == "true",
            origin="import",
            source="openrouter",
            request_model=f"{model}:{variant}" if model and variant and variant != "standard" else model,
            response_model=model,
            provider="openrouter",
            status=499 if cancelled else 200,
            finish_reason=finish(row.get("finish_reason_normalized") or row.get("finish_reason")),
            error="cancelled" if cancelled else None,
            usage=_usage(row),
            cost_usd=_cost(row),
        ),
        identity=generation_id,
        lacks="openrouter_no_bodies",
    )


def _usage(row: Mapping[str, Any]) -> Usage:
    """Tokens by the model's own count, which is charged, where it is told."""

    def count(*names: str) -> int | None:
        return next((found for name in names if (found := whole(row.get(name), name)) is not None), None)

    sent, got = count("native_tokens_prompt", "tokens_prompt"), count("native_tokens_completion", "tokens_completion")
    if sent is None and got is None:
        return Usage()
    return Usage(
        input_tokens=sent,
        output_tokens=got,
        cache_read_tokens=count("native_tokens_cached", "tokens_cached"),
        reasoning_tokens=count("native_tokens_reasoning", "tokens_reasoning"),
    )


def _cost(row: Mapping[str, Any]) -> Decimal | None:
    """What OpenRouter charged, 0 included: it knows its own prices. What a key of one's own paid elsewhere is not in it."""
    for name in ("cost_total", "total_cost"):
        try:
            found = Decimal(str(row.get(name)))
        except InvalidOperation:
            continue
        if found.is_finite() and 0 <= found < 10**6:
            return found
    return None


def _first_number(row: Mapping[str, Any], *names: str) -> float | None:
    return next((found for name in names if (found := number(row.get(name), name)) is not None), None)
