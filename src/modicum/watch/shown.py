"""The watcher's figures for whoever looks from outside: the control records -> `home/watched.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

from modicum.errors import StoreError
from modicum.store import watched
from modicum.store.control import Control
from modicum.store.watched import Watched, WatchedRoute
from modicum.types import NoticeKind, Route, Watch

SHOW_EVERY_S = 5.0
MOST_ROUTES = 256


def show(home: Path, control: Control, now: datetime, undelivered: Mapping[str, int]) -> None:
    """Write them anew. Raises StoreError."""
    names = {workload.workload_id: workload.name for workload in control.workloads()}
    watches = {watch.route_id: watch for watch in control.watches()}
    routes = [route for route in control.routes() if route.state != "retired"]
    routes.sort(key=lambda route: route.changed_at, reverse=True)
    rows = tuple(
        _row(route, names.get(route.workload_id, route.workload_id), watches.get(route.route_id)) for route in routes[:MOST_ROUTES]
    )
    counts, last = _noticed(home, control)
    watched.write(home, Watched(at=now, routes=rows, notices=counts, last_notice=last, undelivered=undelivered))


def _noticed(home: Path, control: Control) -> tuple[dict[str, int], int]:
    """Notices by kind, counted on from what stands there: the store forgets old ones, a counter must not."""
    try:
        before = watched.read(home)
    except StoreError:
        before = None
    if before is None or before.last_notice > control.last_notice():
        before = Watched(at=datetime.now(UTC))  # another store than it was written of
    counts, last = {kind: before.notices.get(kind, 0) for kind in get_args(NoticeKind)}, before.last_notice
    for notice in control.notices(after=last):
        counts[notice.kind] += 1
        last = notice.number
    return counts, last


def _row(route: Route, name: str, watch: Watch | None) -> WatchedRoute:
    row = WatchedRoute(
        route_id=route.route_id,
        workload_id=route.workload_id,
        workload=name,
        scope=route.scope,
        state=route.state,
        changed_at=route.changed_at,
        share={"canary": route.share, "on": 1.0}.get(route.state, 0.0),
    )
    if watch is None:
        return row
    return replace(
        row,
        audits=watch.audits,
        lost=watch.lost,
        level=watch.level,
        suspicion=watch.suspicion,
        waiting=watch.waiting,
        warnings=len(watch.warnings),
        last_audit_at=watch.last_audit_at,
    )
