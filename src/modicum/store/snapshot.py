"""What night hands to day: one JSON file with workloads and live routes, replaced at once. Light: all that the gateway reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from modicum.errors import StoreError
from modicum.store import home as _home
from modicum.types import Contract, Cover, Route, Rule, Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRoute:
    """A route in shadow, in canary or on, with all that serving needs of its certificate."""

    route: Route
    rule: Rule
    cover: Cover
    expires_at: datetime
    contract: Contract | None = None
    """What its answers are read and written by, whatever is found of its workload since; None: the workload's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything that a gateway knows of what night learned."""

    version: str
    workloads: tuple[Workload, ...] = ()
    routes: tuple[LiveRoute, ...] = ()
    challengers: tuple[LiveRoute, ...] = ()
    """Proposed routes that are compared with the live ones of their workloads, one to a workload."""


def path(home: Path) -> Path:
    """The file: watch its modification time and inode for changes."""
    return home / "serving.json"


def write(home: Path, snapshot: Snapshot) -> None:
    """Replace the snapshot; a reader sees the old one or the new one, whole."""
    _home.replace(path(_home.prepare(home)), msgspec.json.encode(snapshot))


def read(home: Path) -> Snapshot | None:
    """The snapshot, None where none was written yet. Raises StoreError where the file is not one."""
    try:
        body = path(home).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"cannot read {path(home)}: {error.strerror}") from None
    try:
        return msgspec.json.decode(body, type=Snapshot)
    except msgspec.MsgspecError as error:
        raise StoreError(f"{path(home)} is not a snapshot: {error}", hint="any `modicum route shadow|on|off` writes it anew") from None
