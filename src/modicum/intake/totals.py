"""What providers say of whole days: usage and cost exports of OpenAI, Anthropic and OpenRouter, from APIs (JSON) and consoles (CSV).

Sources: platform.openai.com/docs/api-reference/usage (`/v1/organization/usage/*`, `/v1/organization/costs`), whose CSV has the same names;
platform.claude.com/docs/en/api/admin (`usage_report/messages`, `cost_report`: amounts in cents), whose console writes `usage_date_utc,...`;
openrouter.ai/docs/api-reference/analytics (`/api/v1/activity`). Input tokens include what was cached, as everywhere here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from modicum.errors import InputError, LogFormatError
from modicum.intake.times import check, moment
from modicum.intake.told import Line, record, whole
from modicum.types import ProviderTotal, Usage
from modicum.wire.observed import text

DAY_S = 86_400


def looks_like(names: Any) -> bool:
    return (
        ("results" in names and ("start_time" in names or "starting_at" in names))
        or ("amount_value" in names and "start_time" in names)
        or ("num_model_requests" in names and "start_time" in names)
        or "usage_input_tokens_no_cache" in names
        or ("usage_date_utc" in names and "cost_usd" in names)
        or ("byok_usage_inference" in names and "requests" in names and "date" in names)
    )


def read(line: Line) -> Iterator[ProviderTotal]:
    """The totals in a record. Raises LogFormatError."""
    row = line.record()
    if "results" in row:
        yield from _bucket(row)
    elif "amount_value" in row or "line_item" in row:
        yield from _openai_cost(row, _day(row.get("start_time")), _part(row.get("start_time"), row.get("end_time")))
    elif "num_model_requests" in row:
        yield from _openai_usage(row, _day(row.get("start_time")), _part(row.get("start_time"), row.get("end_time")), "completions")
    elif "usage_input_tokens_no_cache" in row or "usage_output_tokens" in row:
        yield _anthropic_console(row)
    elif "usage_date_utc" in row:
        yield _anthropic_console_cost(row)
    elif "start_time" in row:
        return  # a day of a table on which nothing was used
    else:
        yield _openrouter(row)


def _bucket(row: dict[str, Any]) -> Iterator[ProviderTotal]:
    listed = row["results"]
    if not isinstance(listed, list):
        raise LogFormatError("'results' is not a list")
    begun, ended = row.get("start_time", row.get("starting_at")), row.get("end_time", row.get("ending_at"))
    day, part = _day(begun), _part(begun, ended)
    refused: list[str] = []
    for one in listed:
        try:
            if not isinstance(one, dict):
                raise LogFormatError("a result is not an object")
            yield from _result(one, day, part)
        except InputError as error:
            refused.append(error.message)
    if refused:
        raise LogFormatError(f"{len(refused)} of the results of {day} are left out: {refused[0]}")


def _result(one: dict[str, Any], day: str, part: str) -> Iterator[ProviderTotal]:
    kind = str(one.get("object") or "")
    if isinstance(one.get("amount"), dict) or kind.endswith("costs.result"):
        amount = record(one.get("amount"))
        yield from _openai_cost({**one, "amount_value": amount.get("value"), "amount_currency": amount.get("currency")}, day, part)
    elif "amount" in one:
        yield _anthropic_cost(one, day, part)
    elif "uncached_input_tokens" in one:
        yield _anthropic_usage(one, day, part)
    elif kind.startswith("organization.usage.") or "num_model_requests" in one:
        yield from _openai_usage(one, day, part, kind.removeprefix("organization.usage.").removesuffix(".result") or "completions")
    else:
        raise LogFormatError("a result of no kind that we know: neither tokens nor an amount")


def _openai_cost(one: Mapping[str, Any], day: str, part: str) -> Iterator[ProviderTotal]:
    if one.get("amount_value") in (None, ""):
        return
    item = text(one.get("line_item"))
    yield ProviderTotal(
        day=day,
        provider="openai",
        source="openai-costs",
        model=model_of(item),
        line_item=item,
        project=text(one.get("project_name")) or text(one.get("project_id")),
        key=text(one.get("api_key_id")),
        service_tier="batch" if item is not None and "batch" in item.lower() else None,
        part=part,
        cost_usd=_dollars(one.get("amount_value"), one.get("amount_currency")),
    )


def _openai_usage(one: Mapping[str, Any], day: str, part: str, kind: str) -> Iterator[ProviderTotal]:
    requests, sent = _count(one, "num_model_requests"), _count(one, "input_tokens")
    if requests is None and sent is None:
        return
    batch = str(one.get("batch")).lower() == "true"
    got = _count(one, "output_tokens")
    yield ProviderTotal(
        day=day,
        provider="openai",
        source="openai-usage" if kind == "completions" else f"openai-usage-{kind}",
        model=text(one.get("model")),
        line_item=None if kind == "completions" else kind,
        project=text(one.get("project_name")) or text(one.get("project_id")),
        key=text(one.get("api_key_id")),
        service_tier="batch" if batch else text(one.get("service_tier")),
        part="; ".join(filter(None, (part, text(one.get("user_id"))))),
        requests=requests,
        usage=Usage(
            input_tokens=sent,
            output_tokens=got if got is not None or kind != "embeddings" else 0,
            cache_read_tokens=_count(one, "input_cached_tokens"),
            cache_write_tokens=_count(one, "input_cache_write_tokens"),
            audio_input_tokens=_count(one, "input_audio_tokens"),
            audio_output_tokens=_count(one, "output_audio_tokens"),
        ),
    )


def _anthropic_usage(one: Mapping[str, Any], day: str, part: str) -> ProviderTotal:
    written = record(one.get("cache_creation"))
    hour = _count(written, "ephemeral_1h_input_tokens") or _count(one, "cache_creation_1h_input_tokens") or 0
    brief = _count(written, "ephemeral_5m_input_tokens") or _count(one, "cache_creation_5m_input_tokens") or 0
    return ProviderTotal(
        day=day,
        provider="anthropic",
        source="anthropic-usage",
        model=text(one.get("model")),
        project=text(one.get("workspace_id")),
        key=text(one.get("api_key_id")),
        service_tier=_tier(one.get("service_tier")),
        part="; ".join(filter(None, (part, text(one.get("context_window")), text(one.get("inference_geo")), text(one.get("speed"))))),
        usage=_anthropic_tokens(
            _count(one, "uncached_input_tokens") or 0,
            _count(one, "cache_read_input_tokens") or 0,
            brief,
            hour,
            _count(one, "output_tokens"),
        ),
    )


def _anthropic_tokens(plain: int, read: int, brief: int, hour: int, got: int | None) -> Usage:
    return Usage(
        input_tokens=plain + read + brief + hour,
        output_tokens=got or 0,
        cache_read_tokens=read,
        cache_write_tokens=brief + hour,
        cache_write_1h_tokens=hour,
    )


def _anthropic_cost(one: Mapping[str, Any], day: str, part: str) -> ProviderTotal:
    tokens = text(one.get("token_type"))
    return ProviderTotal(
        day=day,
        provider="anthropic",
        source="anthropic-costs",
        model=text(one.get("model")),
        line_item=text(one.get("description")) or text(one.get("cost_type")),
        project=text(one.get("workspace_id")),
        service_tier=_tier(one.get("service_tier")),
        part="; ".join(filter(None, (part, tokens, text(one.get("context_window")), text(one.get("inference_geo"))))),
        cost_usd=_dollars(one.get("amount"), one.get("currency")) / 100,  # amounts are cents
    )


def _anthropic_console(row: Mapping[str, Any]) -> ProviderTotal:
    brief, hour = _count(row, "usage_input_tokens_cache_write_5m") or 0, _count(row, "usage_input_tokens_cache_write_1h") or 0
    brief += _count(row, "usage_input_tokens_cache_write") or 0
    written = row.get("usage_date_utc")
    return ProviderTotal(
        day=_day(written),
        provider="anthropic",
        source="anthropic-usage",
        model=text(row.get("model_version")),
        project=text(row.get("workspace")),
        key=text(row.get("api_key")),
        service_tier=_tier(row.get("usage_type")),
        part="; ".join(
            filter(None, (str(written)[10:], text(row.get("context_window")), text(row.get("inference_geo")), text(row.get("speed"))))
        ),
        usage=_anthropic_tokens(
            _count(row, "usage_input_tokens_no_cache") or 0,
            _count(row, "usage_input_tokens_cache_read") or 0,
            brief,
            hour,
            _count(row, "usage_output_tokens"),
        ),
    )


def _anthropic_console_cost(row: Mapping[str, Any]) -> ProviderTotal:
    return ProviderTotal(
        day=_day(row.get("usage_date_utc")),
        provider="anthropic",
        source="anthropic-costs",
        model=text(row.get("model")) or text(row.get("model_version")),
        line_item=text(row.get("token_type")) or text(row.get("cost_type")),
        project=text(row.get("workspace")),
        key=text(row.get("api_key")),
        service_tier=_tier(row.get("usage_type")),
        part="; ".join(filter(None, (text(row.get("context_window")), text(row.get("inference_geo")), text(row.get("speed"))))),
        cost_usd=_dollars(row.get("cost_usd"), "usd"),
    )


def _openrouter(row: Mapping[str, Any]) -> ProviderTotal:
    return ProviderTotal(
        day=_day(row.get("date")),
        provider="openrouter",
        source="openrouter-activity",
        model=text(row.get("model_permaslug")) or text(row.get("model")),
        project=text(row.get("provider_name")),
        part=text(row.get("endpoint_id")) or "",
        requests=_count(row, "requests"),
        usage=Usage(
            input_tokens=_count(row, "prompt_tokens"),
            output_tokens=_count(row, "completion_tokens"),
            reasoning_tokens=_count(row, "reasoning_tokens"),
        ),
        cost_usd=_dollars(row.get("usage"), "usd"),
    )


def model_of(item: str | None) -> str | None:
    """The model that a line of OpenAI's costs names: `gpt-4o-2024-08-06, input`."""
    if not item:
        return None
    name = item.split(",")[0].strip().lower()
    return name if name and " " not in name and ("-" in name or name[:1] == "o") else None


def _tier(value: Any) -> str | None:
    found = text(value)
    return None if found is None or found.lower() in ("standard", "message", "not_available") else found.lower()


def _day(value: Any) -> str:
    return check(_moment(value), value).date().isoformat()


def _moment(value: Any) -> Any:
    if isinstance(value, str) and value.strip().isdigit():
        return moment(int(value))
    return moment(value)


def _part(begun: Any, ended: Any) -> str:
    """The hour or minute of a bucket that is shorter than a day."""
    try:
        start, end = _moment(begun), _moment(ended)
    except LogFormatError:
        return ""
    return "" if (end - start).total_seconds() >= DAY_S else str(start.time().isoformat("minutes"))


def _count(row: Mapping[str, Any], name: str) -> int | None:
    return whole(row.get(name), name)


def _dollars(value: Any, currency: Any) -> Decimal:
    if str(currency or "usd").lower() != "usd":
        raise LogFormatError(f"an amount in {str(currency)[:10]}, not in US dollars")
    try:
        found = Decimal(str(value).strip().lstrip("$"))
    except InvalidOperation:
        raise LogFormatError(f"{str(value)[:40]!r} is no amount of money") from None
    # A credit is a cost below nothing.
    if not found.is_finite() or abs(found) >= 10**12:
        raise LogFormatError(f"{str(value)[:40]!r} is no amount of money")
    return found
