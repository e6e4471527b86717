"""What calls cost: the one place that says so, for every row of calls that the store sums up.

What was written down when a call was made comes first, also where that is nothing (a cache of the gateway in front answered). Else the
tokens at the price of the model on the day of the call. Else it is unknown, which is never nothing. What a specialist of ours answered
and what nobody answered costs nothing. What calls cannot have used (`believed`) is set aside wherever rows are read. Opens nothing, sums
nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Protocol, Self, TypeVar

from modicum.catalog import Catalogue, cost, tiers
from modicum.catalog.contexts import is_possible
from modicum.types import Price, Usage

NO_MODEL = "(no model named)"
_OURS = "modicum/"


class Row(Protocol):
    """Calls that are alike (`store.alike`): of one day, models, provider and tier. Tokens are their sums."""

    @property
    def day(self) -> str: ...
    @property
    def request_model(self) -> str | None: ...
    @property
    def response_model(self) -> str | None: ...
    @property
    def provider(self) -> str | None: ...
    @property
    def service_tier(self) -> str | None: ...
    @property
    def specialist(self) -> bool: ...
    @property
    def refused(self) -> bool: ...
    @property
    def costed(self) -> bool: ...
    @property
    def counted(self) -> bool: ...
    @property
    def sound(self) -> bool: ...
    @property
    def length(self) -> int | None: ...
    @property
    def longest(self) -> int | None: ...
    @property
    def calls(self) -> int: ...
    @property
    def input_tokens(self) -> int: ...
    @property
    def output_tokens(self) -> int: ...
    @property
    def cache_read_tokens(self) -> int: ...
    @property
    def cache_write_tokens(self) -> int: ...
    @property
    def cache_write_1h_tokens(self) -> int: ...
    @property
    def audio_input_tokens(self) -> int: ...
    @property
    def audio_output_tokens(self) -> int: ...
    @property
    def cost_usd(self) -> Decimal: ...


class Told(Row, Protocol):
    """A row as the store gives it."""

    @property
    def told(self) -> bool: ...
    def without_usage(self) -> Self: ...


AnyRow = TypeVar("AnyRow", bound=Told)


def believed(rows: Iterable[AnyRow], catalogue: Catalogue) -> list[AnyRow]:
    """The same calls, those whose usage cannot be as calls of unknown usage. What was written down of their cost stays."""
    return [row if row.told or _is_possible(row, catalogue) else row.without_usage() for row in rows]


def _is_possible(row: Row, catalogue: Catalogue) -> bool:
    if not row.sound:
        return False
    names = (row.response_model, row.request_model)
    return row.longest is None or is_possible(row.longest, names, day_of(row), catalogue, provider=row.provider)


def cost_of(row: Row, catalogue: Catalogue) -> Decimal | None:
    """US dollars for these calls; None where nobody wrote it down and no price is known for what they used."""
    if row.costed:
        return row.cost_usd
    if row.refused or is_ours(row):
        return Decimal(0)
    return list_cost(row, catalogue)


def list_cost(row: Row, catalogue: Catalogue) -> Decimal | None:
    """The same by the list alone, whatever was written down."""
    return cost(price_of(row, catalogue), usage_of(row), calls=row.calls) if row.sound else None


def price_of(row: Row, catalogue: Catalogue, *, tier: str | None = None) -> Price | None:
    """The price of the model that answered, else of the one that was asked (a deployment's own name says nothing). `tier`: in place of
    the row's."""
    length = row.length
    if length is None:
        length = row.input_tokens // row.calls if row.counted and row.calls else 0
    return tiers.price_of(
        catalogue,
        (row.response_model, row.request_model),
        day_of(row),
        input_tokens=length,
        provider=row.provider,
        service_tier=tier or row.service_tier,
    )


def usage_of(row: Row) -> Usage:
    """The tokens as they were charged; without a number where they are not known."""
    if not row.counted:
        return Usage()
    return Usage(
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cache_read_tokens=row.cache_read_tokens,
        cache_write_tokens=row.cache_write_tokens,
        cache_write_1h_tokens=row.cache_write_1h_tokens,
        audio_input_tokens=row.audio_input_tokens,
        audio_output_tokens=row.audio_output_tokens,
    )


def plain_usage(row: Row) -> Usage:
    """The tokens as another provider would see them: nothing of them in a cache."""
    if not row.counted:
        return Usage()
    return Usage(
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        audio_input_tokens=row.audio_input_tokens,
        audio_output_tokens=row.audio_output_tokens,
    )


def is_ours(row: Row) -> bool:
    """Did a specialist answer? By our own record, or by the name that stands in a log of somebody else's."""
    return row.specialist or (row.response_model or "").startswith(_OURS)


def model_of(row: Row) -> str:
    """The model that answered, as far as the row says."""
    return row.response_model or row.request_model or NO_MODEL


def day_of(row: Row) -> date:
    return date.fromisoformat(row.day)
