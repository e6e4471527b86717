"""What the calls cost, and whether the ledger of the keys says the same."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from msgspec import Meta

from modicum.admin.operation import Desk, Takes, Time, instant, operation
from modicum.report import money
from modicum.report.money import BYS, By, SpendLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """The ledger beside the calls, for the keys that are in the ledger."""

    agrees: bool
    calls: int
    ledger_usd: Decimal
    calls_usd: Decimal
    held_usd: Decimal
    comparing_usd: Decimal
    compared_usd: Decimal
    differing: tuple[str, ...]
    lost: tuple[str, ...]
    unrecorded: tuple[str, ...]
    uncounted: tuple[str, ...]


class Window(Takes, frozen=True, kw_only=True):
    since: Time | None = None
    until: Time | None = None


class Asked(Window, frozen=True, kw_only=True):
    by: Annotated[tuple[By, ...], Meta(min_length=1, max_length=len(BYS))] = ("model",)


@operation("GET", "/spend", role="admin")
def spend(desk: Desk, asked: Asked) -> tuple[SpendLine, ...]:
    """Show what the calls cost by key, scope, model, provider, workload or day."""
    by = tuple(one for one in BYS if one in asked.by)
    return tuple(money.spend_by(desk.config, by, since=instant(asked.since), until=instant(asked.until)))


@operation("GET", "/spend/check", role="admin")
def check(desk: Desk, asked: Window) -> Checked:
    """Compare every row of the ledger with its call."""
    found = money.check(desk.config, since=instant(asked.since), until=instant(asked.until))
    return Checked(agrees=found.agrees, **{name: getattr(found, name) for name in money.Check.__dataclass_fields__})
