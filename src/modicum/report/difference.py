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
    "unknown model",  # no price is known for what was recorded, or for what is on the invoice and not on record
    "other charges",  # what the provider charges beside calls: searches, storage
    "not on the invoice",  # recorded, and nowhere on the invoice
    "unexplained",
]
NOT_EXPLAINED: tuple[Kind, ...] = ("not on the invoice", "unexplained")

SMALL_USD = Decimal("0.005")
"""Half a cent: exports round."""


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
    invoice_listed: bool
    """The list has a price for the tokens that the export tells of."""
    recorded_usd: Decimal
    invoice_tokens: bool
    """The export tells of tokens."""
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


def differs(row: Held) -> bool:
    """By more than rounding: half a cent, or a hundredth where all of it is less than half a dollar."""
    most = max((abs(cause.usd) for cause in row.causes), default=Decimal(0))
    whole = max(abs(row.invoice_usd), abs(row.recorded_usd))
    return most > SMALL_USD or (whole < 100 * SMALL_USD and most > whole / 100)


def dollars(usd: Decimal, *, sign: bool = False) -> str:
    """$1,240.00 · -$0.75, with `sign` +$0.32; six places where it is less than half a cent."""
    mark = "-" if usd < 0 else "+" if sign and usd > 0 else ""
    return f"{mark}${abs(usd):,.2f}" if abs(usd) >= SMALL_USD or not usd else f"{mark}${abs(usd):,.6f}"


def percent(share: Decimal) -> str:
    """99.9 %: rounded down, so that only all of it is 100 %."""
    if share >= 1:
        return "100 %"
    return f"{(100 * share).quantize(Decimal('0.1'), ROUND_DOWN)} %"
