"""How routes stand, as figures: states and certificates from the snapshot, audits and suspicion from what the watcher last saw.

Read when somebody asks for `/metrics`, and only where the files changed. A file that cannot be read is left out: who serves it rings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from modicum.errors import StoreError
from modicum.store import beat, snapshot, watched
from modicum.store.snapshot import LiveRoute, Snapshot
from modicum.store.watched import Watched, WatchedRoute

MOST_ROUTES = 256
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Told:
    """One figure of one route, or of the watcher."""

    name: str
    labels: Labels
    value: float


@dataclass(slots=True)
class Standing:
    """The two files of one home."""

    home: Path
    control_share: float | None = None
    """Where a route names none; None: not known here."""
    _stamps: dict[Path, tuple[int, int, int] | None] = field(default_factory=dict)
    _snapshot: Snapshot | None = None
    _watched: Watched | None = None
    names: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(scope, workload id) -> its name."""

    def read(self) -> list[Told]:
        """All figures, and `names` as they are now."""
        if self._changed(snapshot.path(self.home)):
            try:
                self._snapshot = snapshot.read(self.home)
            except StoreError:
                self._snapshot = None
        if self._changed(watched.path(self.home)):
            try:
                self._watched = watched.read(self.home)
            except StoreError:
                self._watched = None
        found: dict[tuple[str, str], str] = {}
        if self._watched is not None:
            found |= {(one.scope, one.workload_id): one.workload for one in self._watched.routes}
        if self._snapshot is not None:
            found |= {(one.scope, one.workload_id): one.name for one in self._snapshot.workloads}
        self.names = found
        return list(self._told())

    def _changed(self, path: Path) -> bool:
        try:
            about = path.stat()
        except OSError:
            stamp = None
        else:
            stamp = (about.st_mtime_ns, about.st_ino, about.st_size)
        before, self._stamps[path] = self._stamps.get(path, (0, 0, 0)), stamp
        return before != stamp

    def _told(self) -> Iterator[Told]:
        live = {one.route.route_id: one for one in self._snapshot.routes} if self._snapshot is not None else {}
        seen = {one.route_id: one for one in self._watched.routes} if self._watched is not None else {}
        for route_id in sorted({*live, *seen})[:MOST_ROUTES]:
            yield from self._of_route(route_id, live.get(route_id), seen.get(route_id))
        if (beaten := beat.read(self.home)) is not None:
            yield Told("modicum_watch_beat_timestamp_seconds", (), beaten.timestamp())
        if self._watched is not None:
            yield Told("modicum_watch_looked_timestamp_seconds", (), self._watched.at.timestamp())
            for kind, number in sorted(self._watched.notices.items()):
                yield Told("modicum_watch_notices_total", (("kind", kind),), number)
            for receiver, number in sorted(self._watched.undelivered.items()):
                yield Told("modicum_watch_notices_undelivered", (("receiver", receiver),), number)

    def _of_route(self, route_id: str, live: LiveRoute | None, seen: WatchedRoute | None) -> Iterator[Told]:
        if live is not None:
            # What is served is what counts: the watcher's copy may be a moment older.
            route = live.route
            scope, workload_id, state, changed_at = route.scope, route.workload_id, route.state, route.changed_at
            share = {"canary": route.share, "on": 1.0}.get(state, 0.0)
        else:
            assert seen is not None
            scope, workload_id, state, changed_at, share = seen.scope, seen.workload_id, seen.state, seen.changed_at, seen.share
        labels = (("scope", scope), ("workload", self.names.get((scope, workload_id), workload_id)), ("route", route_id))
        yield Told("modicum_route_state", (*labels, ("state", state)), 1)
        yield Told("modicum_route_changed_timestamp_seconds", labels, changed_at.timestamp())
        yield Told("modicum_route_share", labels, share)
        if live is not None:
            kept = live.route.control_share if live.route.control_share is not None else self.control_share
            if kept is not None and state in ("canary", "on"):
                yield Told("modicum_route_control_share", labels, kept)
            yield Told("modicum_certificate_expires_timestamp_seconds", labels, live.expires_at.timestamp())
        if seen is None:
            return
        figures: tuple[tuple[str, float | datetime | None], ...] = (
            ("modicum_route_audits", seen.audits),
            ("modicum_route_lost", seen.lost),
            ("modicum_route_level", seen.level),
            ("modicum_route_suspicion", seen.suspicion),
            ("modicum_route_waiting", seen.waiting),
            ("modicum_route_warnings", seen.warnings),
            ("modicum_route_last_audit_timestamp_seconds", seen.last_audit_at),
        )
        for name, value in figures:
            if value is not None:
                yield Told(name, labels, value.timestamp() if isinstance(value, datetime) else value)
