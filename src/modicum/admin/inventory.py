"""The inventory: every specialist in service, or on its way there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta

from modicum import __version__
from modicum.admin.operation import Desk, Page, Paged, Scope, operation, paged
from modicum.report import inventory
from modicum.report.inventory import LastAudit, Specialist
from modicum.store.control import Control


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryPage(Page[Specialist]):
    """A piece of it, and when it was made."""

    at: datetime
    version: str
    record_lines: int
    """Of the record of changes, at that time."""
    record_head: str
    """What its last line is bound with: keep it with the inventory."""


class Wanted(Paged, frozen=True, kw_only=True):
    scope: Scope | None = None
    everything: Annotated[bool, Meta(description="Retired ones too.")] = False


@operation("GET", "/inventory", role="admin")
def list_(desk: Desk, asked: Wanted) -> InventoryPage:
    """List every specialist in service, proposed, paused or rolled back: made of what, promised what, owned and let by whom."""
    control, now = Control(desk.config.home), datetime.now(UTC)
    page = paged(inventory.listed(control, scope=asked.scope, everything=asked.everything), asked, lambda route: route.route_id)
    audited = {one.route_id: LastAudit(at=one.last_audit_at, audits=one.audits, broken=one.broken) for one in control.watches()}
    lines, head = control.audit_head()
    return InventoryPage(
        items=inventory.specialists(desk.config.home, page.items, audited=audited, now=now),
        next=page.next,
        at=now,
        version=__version__,
        record_lines=lines,
        record_head=head,
    )
