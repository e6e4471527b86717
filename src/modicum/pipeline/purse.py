"""What a run that asks another model may spend, and what it would take."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(slots=True)
class Purse:
    """What a run may spend. Unknown prices are not counted, and cannot be held to anything."""

    budget_usd: Decimal | None
    spent_usd: Decimal = Decimal(0)
    reserved_usd: Decimal = Decimal(0)

    def take(self, most: Decimal | None) -> bool:
        """Set aside what a call may cost. False where the budget might not hold it."""
        if most is not None and self.budget_usd is not None:
            if self.spent_usd + self.reserved_usd + most > self.budget_usd:
                return False
            self.reserved_usd += most
        return True

    def settle(self, most: Decimal | None, cost_usd: Decimal | None) -> None:
        """A call that was set aside for is over."""
        if most is not None and self.budget_usd is not None:
            self.reserved_usd -= most
        self.spent_usd += cost_usd if cost_usd is not None else Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What asking some calls takes, before they are asked."""

    calls: int
    known: int = 0
    """Of these, answered before."""
    estimate_usd: Decimal | None = None
    """For those that are asked now, by what the incumbent read and wrote; None where a price or a usage is unknown."""
    findings: dict[str, int] = field(default_factory=dict)
    """Values that the redactor takes out of them (or leaves in, where whole bodies are sent), by type."""
    redacted: int = 0
    """Calls with at least one."""
    images: bool = False
    tools: bool = False
    longest_tokens: int = 0
