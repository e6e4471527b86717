"""What a difference between an invoice and the record is made of: records, and no figures of their own."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Literal

Kind = Literal[
    "missing calls",  # the provider charged for calls that are not on record
    "extra calls",  # calls on record that the provider did not charge for
    "cached tokens",  # the two count other shares of the input as cached
    "batch discount",  # the two count other calls as batches
    "other price",  # the provider charges otherwise than its list, always in one proportion
    "recorded otherwise",  # calls were recorded with another cost than the list gives
    "unknown model",  # no price is known for what was recorded
    "other charges",  # what the provider charges beside calls: searches, storage
    "not on the invoice",  # recorded, and nowhere on the invoice
    "unexplained",
]
NOT_EXPLAINED: tuple[Kind, ...] = ("not on the invoice", "unexplained")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A part of a difference, with its sign: what the invoice has more."""

    kind: Kind
    usd: Decimal
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One day and model, on the invoice and on record."""

    day: str
    provider: str
    model: str
    invoice_usd: Decimal
    invoice_is_list: bool
    """The export tells of tokens alone: its dollars are the list's."""
    recorded_usd: Decimal
    invoice_requests: int | None
    recorded_calls: int
    recorded_share: Decimal
    """Of what the invoice charges for: on record, 0..1. By tokens where the invoice tells of them, else by requests, else by dollars."""
    difference_usd: Decimal
    causes: tuple[Cause, ...]

    @property
    def unexplained_usd(self) -> Decimal:
        return sum((cause.usd for cause in self.causes if cause.kind in NOT_EXPLAINED), Decimal(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """All of it."""

    headline: str
    explained: Decimal
    """Share of the larger of both sums, 0..1."""
    recorded: Decimal | None
    """Share of the invoice's dollars whose calls are on record, 0..1; None where it charges nothing."""
    from_day: str
    to_day: str
    invoice_usd: Decimal
    recorded_usd: Decimal
    difference_usd: Decimal
    causes: tuple[Cause, ...]
    """Summed, largest first."""
    rows: tuple[Held, ...]
    notes: tuple[str, ...]


def percent(share: Decimal) -> str:
    """99.9 %: rounded down, so that only all of it is 100 %."""
    if share >= 1:
        return "100 %"
    return f"{(100 * share).quantize(Decimal('0.1'), ROUND_DOWN)} %"
