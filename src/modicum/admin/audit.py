"""The record of changes: who changed what, exported, and whether it is as it was written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta

from modicum.admin.operation import Desk, Nothing, Page, Paged, Ref, Takes, Time, instant, operation
from modicum.errors import InputError
from modicum.pipeline import auditing
from modicum.store.audit import AuditEntry, Sought
from modicum.store.chain import Walked
from modicum.store.control import Control

MAX_NUMBER = 2**62


class Asked(Paged, frozen=True, kw_only=True):
    since: Time | None = None
    until: Time | None = None
    subject: Annotated[Ref, Meta(description="What it was about; a workload's means its routes and certificates too.")] | None = None
    action: Annotated[Ref, Meta(description="`route` means route.on and its siblings too.")] | None = None
    actor: Ref | None = None


class Verify(Takes, frozen=True, kw_only=True):
    head: (
        Annotated[str, Meta(pattern="^[0-9a-fA-F]{64}$", description="A head that was kept earlier: one of its lines must have it.")] | None
    ) = None


@operation("GET", "/audit", role="admin")
def list_(desk: Desk, asked: Asked) -> Page[AuditEntry]:
    """List who changed what, newest first."""
    control = Control(desk.config.home)
    sought = Sought(
        since=instant(asked.since),
        until=instant(asked.until),
        actor=asked.actor,
        action=asked.action,
        subjects=None if asked.subject is None else _subjects(control, asked.subject),
        below=None if asked.cursor is None else _number(asked.cursor),
    )
    found = control.audited(sought, asked.limit + 1)
    page = tuple(found[: asked.limit])
    return Page(items=page, next=str(page[-1].number) if len(found) > len(page) else None)


@operation("GET", "/audit/export", role="admin", media="application/x-ndjson")
def export(desk: Desk, asked: Nothing) -> Iterator[bytes]:
    """Download the whole record with its head, to be kept and verified on any machine."""
    return auditing.export(desk.config.home)


@operation("GET", "/audit/verify", role="admin")
def verify(desk: Desk, asked: Verify) -> Walked:
    """Check that no line of the record was changed, taken out, put in or moved."""
    return auditing.verify_home(desk.config.home, None if asked.head is None else asked.head.lower())


def _number(cursor: str) -> int:
    if not (cursor.isascii() and cursor.isdigit() and int(cursor) < MAX_NUMBER):
        raise InputError("the cursor is no line's number", hint="begin again without one")
    return int(cursor)


def _subjects(control: Control, ref: str) -> frozenset[str]:
    """What `ref` names, and where that is a workload all that was made for it."""
    ids = {w.workload_id for w in control.workloads() if ref in (w.workload_id, w.name, f"{w.scope}/{w.name}")}
    routes = {route.route_id for route in control.routes() if route.workload_id in ids}
    certificates = {one.certificate_id for one in control.certificates() if one.workload_id in ids} if ids else set()
    return frozenset({ref} | ids | routes | certificates)
