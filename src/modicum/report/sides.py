"""What routes saved, as records: a route's side of the coin against the incumbent's."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """How many of the judged calls and conversations of each side were resolved."""

    route: int
    incumbent: int
    """Judged ones."""
    route_rate: float
    incumbent_rate: float
    difference: float
    """The route's share less the incumbent's."""
    low: float
    high: float
    """95 %, over conversations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredSaving:
    """One route's, over all calls that it had a part in."""

    workload_id: str
    scope: str
    route_id: str
    since: datetime
    until: datetime
    """The first and the last of its calls."""
    calls: int
    """That the route was given."""
    kept: int
    """That the incumbent kept, by the coin."""
    conversations: int
    """Of these."""
    unpriced: int
    """Calls of both sides whose cost is unknown: they are not in it."""
    would_have_usd: Decimal | None = None
    """What the route's calls would have cost with the incumbent."""
    cost_usd: Decimal = Decimal(0)
    """What they did cost: what was deferred."""
    gross_usd: Decimal | None = None
    """The one less the other."""
    compared_usd: Decimal = Decimal(0)
    """Asking another model for answers that were only compared."""
    compute_usd: Decimal = Decimal(0)
    """Our own processors' time."""
    labels: int = 0
    labels_usd: Decimal = Decimal(0)
    """What people said of its calls since it was live."""
    net_usd: Decimal | None = None
    low_usd: Decimal | None = None
    high_usd: Decimal | None = None
    """95 %; None where too few conversations were kept."""
    assumed_usd: Decimal | None = None
    """What the certificate's coverage makes of the same calls."""
    audits: int = 0
    """Kept calls that it would have answered."""
    differed: int = 0
    """Of these: the incumbent said something else, or nothing that can be read."""
    ends: Ends | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All routes together."""

    routes: tuple[MeasuredSaving, ...] = ()
    assumed_usd: Decimal | None = None
    net_usd: Decimal | None = None
    low_usd: Decimal | None = None
    high_usd: Decimal | None = None
    invoiced_usd: Decimal | None = None
    """Measured, with the invoice of those days in place of the recorded spend."""
    invoiced_why: str = ""
    """Why that is not known, where it is not."""
