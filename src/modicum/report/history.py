"""What a report holds of time and place: spend by day, week or month, by scope, and two periods side by side."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

Step = Literal["day", "week", "month"]
EVEN = 0.005
"""Of their days, by which two periods may differ and still be taken as equally long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One step of the trend."""

    first: date
    last: date
    """Within the report's period: the first and the last step may be shorter."""
    calls: int
    unpriced_calls: int
    spend_usd: Decimal | None
    """Of the calls whose cost is known; None where there are calls and none's is."""
    parts_usd: tuple[Decimal, ...]
    """The same by `Trend.names`."""
    observed: bool = True
    """False where nobody was looking: a silence of more than a week."""
    part: bool = False
    """The log, or the period that is asked for, holds only a part of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """Spend over time, the dearest workloads apart."""

    step: Step
    names: tuple[str, ...]
    """The dearest workloads, then what all else is called, where there is anything else."""
    slices: tuple[Slice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeSpend:
    """What a tenant, team or project spends."""

    scope: str
    calls: int
    unpriced_calls: int
    spend_usd: Decimal | None
    spend_usd_month: Decimal | None
    workloads: int
    saving_usd_month: Decimal | None
    """Of its certified workloads, net; None without any, or where it is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of two periods."""

    first: date
    last: date
    days: int
    """With calls, or without any inside a week of them."""
    calls: int
    priced_calls: int
    spend_usd: Decimal
    """Of the priced calls."""
    length: float = 0.0
    """Of the days, a first or a last one that was not recorded whole as its part; 0: as many as there are."""

    @property
    def usd_call(self) -> Decimal | None:
        return self.spend_usd / self.priced_calls if self.priced_calls else None

    @property
    def usd_day(self) -> Decimal | None:
        whole = self.length or self.days
        return self.spend_usd / Decimal(repr(whole)) if whole else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One workload in both periods, or in one of them."""

    workload_id: str | None
    name: str
    scope: str
    before: Side
    after: Side
    volume_usd: Decimal
    mix_usd: Decimal
    price_usd: Decimal
    """How much of the difference each makes; all 0 for one that is new or gone."""
    days_usd: Decimal = Decimal(0)
    """The same for more or fewer days that were observed."""

    @property
    def change_usd(self) -> Decimal:
        return self.after.spend_usd - self.before.spend_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two periods, and what the difference is made of. The six effects add up to it exactly."""

    before: Side
    after: Side
    volume_usd: Decimal
    """More or fewer calls a day, at the mean price a call that the workloads in both periods had before."""
    mix_usd: Decimal
    """Other shares among workloads and models, at the prices that a call of each had before."""
    price_usd: Decimal
    """A call of the same workload to the same model costs more or less: its length, its cached part, the list price."""
    new_usd: Decimal
    """Workloads that there were no calls of before."""
    gone_usd: Decimal
    """Workloads that there are no calls of any more; not positive."""
    workloads: tuple[Moved, ...]
    """The greatest change first."""
    notes: tuple[str, ...] = ()
    days_usd: Decimal = Decimal(0)
    """More or fewer days observed, at what the workloads in both periods cost a day before; 0 where they are as many."""

    @property
    def change_usd(self) -> Decimal:
        return self.after.spend_usd - self.before.spend_usd

    @property
    def change_usd_day(self) -> Decimal:
        return (self.after.usd_day or Decimal(0)) - (self.before.usd_day or Decimal(0))

    @property
    def uneven(self) -> bool:
        """More days were observed in one than in the other: amounts are to be held side by side a day."""
        old, new = (side.length or side.days for side in (self.before, self.after))
        return abs(new - old) > EVEN * max(old, new)
