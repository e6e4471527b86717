"""What the watcher last saw of every route, in one file that day can read: figures for whoever looks from outside. Light.

The records are `Watch`es in the control store; this is their copy, written every few seconds. Nothing is decided by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec

from modicum.errors import StoreError
from modicum.store.home import replace
from modicum.types import RouteState


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedRoute:
    """A route and its watch. `None`: nothing is known of it yet."""

    route_id: str
    workload_id: str
    workload: str
    """Its name."""
    scope: str
    state: RouteState
    changed_at: datetime
    share: float
    """Of its workload's conversations, those that it may answer."""
    audits: int | None = None
    lost: float | None = None
    level: float | None = None
    suspicion: float | None = None
    waiting: int | None = None
    warnings: int | None = None
    last_audit_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Everything in it."""

    at: datetime
    routes: tuple[WatchedRoute, ...] = ()
    notices: Mapping[str, int] = field(default_factory=dict)
    """How many there ever were, by kind,"""
    last_notice: int = 0
    """... up to this one."""
    undelivered: Mapping[str, int] = field(default_factory=dict)
    """By receiver, of those that are configured."""


def path(home: Path) -> Path:
    return home / "watched.json"


def write(home: Path, watched: Watched) -> None:
    """Replace it. Raises StoreError."""
    replace(path(home), msgspec.json.encode(watched))


def read(home: Path) -> Watched | None:
    """None where no watcher ever wrote it. Raises StoreError where it is none."""
    try:
        return msgspec.json.decode(path(home).read_bytes(), type=Watched)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"cannot read {path(home)}: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise StoreError(f"{path(home)} is not what a watcher saw: {error}", hint="the watcher writes it anew") from None
