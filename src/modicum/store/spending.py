"""What calls cost by key, scope, workload, models, provider, tier and day, summed in the database, without any text."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from modicum.store import alike
from modicum.store.codec import to_us
from modicum.store.engine import SUMMING
from modicum.store.scan import viewed
from modicum.store.usage import TOKENS, figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The other model that a route asked for some calls. Sums over those whose answer the caller did not get: what it took is on top."""

    name: str
    """`provider/model`."""
    usd: Decimal
    input_tokens: int
    output_tokens: int
    without_cost: int
    """Calls of which nobody knows what it took."""
    without_usage: int

    @property
    def provider(self) -> str:
        return self.name.partition("/")[0]

    @property
    def model(self) -> str:
        return self.name.partition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendRow:
    """Calls that are alike in all but their figures. Token counts are sums over the calls that say."""

    key_id: str | None
    scope: str
    workload_id: str | None
    request_model: str | None
    response_model: str | None
    provider: str | None
    service_tier: str | None
    day: str
    costed: bool
    """What they cost was written down when they were made."""
    counted: bool
    """Input and output tokens are known."""
    refused: bool
    """Nobody answered, and nobody bills that: status 400 and above, with neither tokens nor cost. Who left may be billed."""
    sound: bool = True
    """What they used does not contradict itself: no more was cached than sent, and no more sent than anything takes."""
    specialist: bool = False
    """A specialist of ours answered."""
    length: int | None = None
    """Input tokens of one of them, as far as a price depends on it; None: their mean."""
    longest: int | None = None
    """Tokens, in or out, of the longest of them; None: not known."""
    told: bool = False
    """No calls of ours: what a provider's total tells of beyond them."""
    calls: int
    estimated: int
    """Calls whose tokens are estimates."""
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cache_write_1h_tokens: int
    audio_input_tokens: int
    audio_output_tokens: int
    cost_usd: Decimal
    """Of those that are costed."""
    client_id: str | None = None
    tags: str | None = None
    """As JSON."""
    hour: int | None = None
    """Of the day, UTC."""
    size: str | None = None
    """How long what was sent is, as a span of tokens; None where that is not known."""
    stage: Stage | None = None
    """Where a route asked another model, whoever answered."""

    def without_usage(self) -> SpendRow:
        """The same calls where what they say that they used cannot be: it is set aside."""
        unknown: dict[str, Any] = dict.fromkeys(TOKENS, 0)
        return replace(self, sound=False, counted=False, longest=None, size=None, **unknown)


_GROUP = (
    "key_id",
    "scope",
    "workload_id",
    "request_model",
    "response_model",
    "provider",
    "service_tier",
    "day",
    "specialist",
    "stage_model",
)
_TAKEN = ("stage_usd", "stage_input_tokens", "stage_output_tokens")
_COLUMNS = (*_GROUP, *TOKENS, "cost_usd", "usage_estimated", "started_us", "status", *_TAKEN)
_ON_TOP = {
    "usd": "coalesce(sum(try_cast(stage_usd AS DECIMAL(38, 12))), 0)::VARCHAR",
    "input_tokens": "coalesce(sum(stage_input_tokens), 0)::BIGINT",
    "output_tokens": "coalesce(sum(stage_output_tokens), 0)::BIGINT",
    "without_cost": "count(*) FILTER (stage_usd IS NULL AND NOT coalesce(specialist, false))",
    "without_usage": "count(*) FILTER (stage_input_tokens + stage_output_tokens IS NULL AND NOT coalesce(specialist, false))",
}
Also = Literal["client_id", "tags", "hour", "size"]
_SIZES = ((1_000, "< 1k"), (4_000, "1k to 4k"), (16_000, "4k to 16k"), (64_000, "16k to 64k"), (256_000, "64k to 256k"))
SIZES = (*(name for _, name in _SIZES), "256k and more")
_ALSO: Mapping[Also, tuple[str, str]] = {
    "client_id": ("client_id", "client_id"),
    "tags": ("tags", "tags"),
    "hour": ("started_us", "((started_us // 3600000000) % 24)::INTEGER"),
    "size": (
        "input_tokens",
        "CASE WHEN input_tokens IS NULL THEN NULL"
        + "".join(f" WHEN input_tokens < {most} THEN '{name}'" for most, name in _SIZES)
        + f" ELSE '{SIZES[-1]}' END",
    ),
}
"""What calls may be told apart by beside the rest -> (the column that it is made of, how)."""


def spending(home: Path, *, since: datetime | None = None, until: datetime | None = None, also: Collection[Also] = ()) -> list[SpendRow]:
    """The calls with `since <= started_at < until`, told apart by `also` beside the rest."""
    extra = [name for name in _ALSO if name in also]
    conditions, bounds = ["true"], []
    for text, moment in (("started_us >= ?", since), ("started_us < ?", until)):
        if moment is not None:
            conditions.append(text)
            bounds.append(to_us(moment))
    with viewed(home, memory=SUMMING) as view:
        columns = tuple(dict.fromkeys((*_COLUMNS, *(_ALSO[name][0] for name in extra))))
        sums = ", ".join(f"coalesce(sum({name}), 0)::BIGINT" for name in TOKENS)
        grouped = (
            f"SELECT {', '.join((*_GROUP, *(f'{_ALSO[name][1]} AS said_{name}' for name in extra)))}, {alike.named(alike.OF_ALL)},"
            f" {alike.LONGEST}, count(*), count(*) FILTER (usage_estimated), {sums},"
            f" {', '.join(_ON_TOP.values())}, coalesce(sum(try_cast(cost_usd AS DECIMAL(38, 12))), 0)::VARCHAR"
            f" FROM ({{figures}}) WHERE {' AND '.join(conditions)} GROUP BY ALL"
        )
        found = [
            row
            for query, values in figures(view, columns)
            for row in view.connection.execute(grouped.format(figures=query), [*values, *bounds]).fetchall()
        ]
    found.sort(key=lambda row: [(value is None, value) for value in row])
    names = (*_GROUP, *extra, *alike.OF_ALL, "longest", "calls", "estimated", *TOKENS, *(f"on_top_{name}" for name in _ON_TOP))
    return [_row(dict(zip(names, row[:-1], strict=True)), row[-1]) for row in found]


def _row(values: dict[str, Any], cost: str) -> SpendRow:
    told = {"specialist": bool(values["specialist"]), "length": values["input_tokens"] // values["calls"]}
    stage, on_top = values["stage_model"], {name: values[f"on_top_{name}"] for name in _ON_TOP}
    named = {name: value for name, value in values.items() if name not in ("reach", "stage_model") and not name.startswith("on_top_")}
    asked = None if stage is None else Stage(name=stage, **on_top | {"usd": Decimal(on_top["usd"])})
    return SpendRow(**{**named, **told}, cost_usd=Decimal(cost), stage=asked)
