"""What night handed over, as day uses it: the recogniser, a stage for each live route. Reread when it changes.

Each worker looks at the snapshot file five times a second and reads it in a thread; requests see the old state or the new
one, never half of one. A snapshot that cannot be read switches everything to the incumbent; a route whose artefact is
damaged switches itself there, and the others stay. What failed is tried again, after a second, then after longer pauses:
a lack of descriptors or memory passes, and nobody should have to switch a route for that.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from modicum.artefact import Artefacts
from modicum.config import RouteConfig
from modicum.gateway.alarm import Alarm, name
from modicum.gateway.pace import Pace
from modicum.route.steps import ANSWERING, LIVE
from modicum.store import snapshot
from modicum.store.snapshot import LiveRoute, Snapshot
from modicum.types import Version, Workload
from modicum.workload import Recogniser

if TYPE_CHECKING:
    from modicum.backends.model import ModelStage
    from modicum.backends.specialist import Specialist

POLL_S = 0.2
RETRY_S = 1.0
LONGEST_RETRY_S = 16.0
"""Between attempts at the same failing state the pause doubles up to this: an artefact may be damaged for good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A route that is in shadow, in canary or on, ready to answer."""

    live: LiveRoute
    workload: Workload
    """With the route's contract."""
    specialist: Specialist | None
    """What answers, where that is an artefact of ours,"""
    other: ModelStage | None = None
    """... or another model, which is asked over the network."""
    model: str
    """What the caller is told: `modicum/<workload>@<first digits of the artefact's digest>`."""
    pace: Pace = field(default_factory=Pace)
    broken: str = ""
    """Why it cannot answer at all; empty where it can."""
    challenger: Stage | None = None
    """A proposed route of ours that is asked beside it on control calls."""

    @property
    def answers(self) -> bool:
        """Callers get its answers: all of them, or a share."""
        return self.live.route.state in ANSWERING


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """One state of what is served in one scope. A scope is a wall: nothing here is of another one."""

    version: str = ""
    recogniser: Recogniser | None = None
    stages: Mapping[str, Stage] = field(default_factory=dict)
    """By workload id."""
    heavy: bool = False
    """One of the stages takes milliseconds: what is decided here is decided in a thread."""
    models: tuple[tuple[str, str], ...] = ()
    """(provider, model) of the stages that are other models: what a call may cost besides the incumbent."""
    static: Mapping[str, str] = field(default_factory=dict)
    """Version id -> how every system text of it begins; of those that begin alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One state of what is served, in every scope."""

    version: str = ""
    scopes: Mapping[str, Serving] = field(default_factory=dict)

    def of(self, scope: str) -> Serving:
        """What is served in a scope; nothing in one that night never heard of."""
        return self.scopes.get(scope, NOTHING)


NOTHING = Serving()


class Live:
    """The present state; `now` is replaced as a whole."""

    def __init__(self, home: Path, alarm: Alarm, *, slow_ms: float = RouteConfig().slow_ms) -> None:
        self._home = home
        self._slow_s = slow_ms / 1000
        self._paces: dict[str, Pace] = {}
        """By route: what is read anew does not make a slow one quick."""
        self._alarm = alarm
        self._artefacts = Artefacts(home / "artefacts")
        self._specialists: dict[str, Specialist] = {}
        self._seen: tuple[int, int, int] | None = None
        """What the file looked like when it was last read, whether or not that went well."""
        self._failed = False
        """Something of the last reading did not go well; it is done again at `_again_at`."""
        self._again_at = 0.0
        self._pause_s = RETRY_S
        self.now = World()

    async def watch(self) -> None:
        """Keep `now` fresh until cancelled."""
        while True:
            await asyncio.sleep(POLL_S)
            try:
                if self.due():
                    self.now = await asyncio.to_thread(self.load)
            except Exception as error:  # whatever it is, this task must go on looking
                self.now = self._nothing("snapshot", error)

    def slow(self, ms: float) -> None:
        """A stage may take so long from now on."""
        self._slow_s = ms / 1000
        for pace in self._paces.values():
            pace.limit_s = self._slow_s

    def due(self) -> bool:
        """The file is another than was last read, or that went wrong a while ago. Raises OSError."""
        return self._stamp() != self._seen or (self._failed and time.monotonic() >= self._again_at)

    def load(self) -> World:
        """Read the snapshot anew. Never raises: what cannot be used goes upstream, with an alarm."""
        try:
            stamp = self._stamp()
            self._pause_s = min(self._pause_s * 2, LONGEST_RETRY_S) if self._failed and stamp == self._seen else RETRY_S
            self._seen, self._failed = stamp, False
            read = snapshot.read(self._home)
        except Exception as error:
            return self._nothing("snapshot", error)
        if read is None:
            if self.now.version:
                self._alarm.ring("snapshot", "the file is gone; everything goes upstream")
            return World()
        by_scope: dict[str, list[Workload]] = {}
        for workload in read.workloads:
            by_scope.setdefault(workload.scope, []).append(workload)
        scopes = {scope: self._serving(read, scope, workloads) for scope, workloads in by_scope.items()}
        stages = _with_challengers(stage for one in scopes.values() for stage in one.stages.values())
        self._specialists = {one.live.route.artefact_digest: one.specialist for one in stages if one.specialist is not None}
        self._paces = {stage.live.route.route_id: stage.pace for stage in stages}
        return World(version=read.version, scopes=MappingProxyType(scopes))

    def _serving(self, read: Snapshot, scope: str, of_scope: list[Workload]) -> Serving:
        workloads = {workload.workload_id: workload for workload in of_scope}
        try:
            recogniser = Recogniser(of_scope)
        except Exception as error:
            self._fail("recogniser", f"{name(error)}; everything of scope {scope!r} goes upstream")
            return Serving(version=read.version)
        stages: dict[str, Stage] = {}
        for live in read.routes:
            workload = workloads.get(live.route.workload_id)
            if workload is None or live.route.scope != scope or live.route.state not in LIVE:
                continue
            stages[workload.workload_id] = self._stage(live, workload)
        for live in read.challengers:
            if live.route.scope == scope and (stage := stages.get(live.route.workload_id)) is not None and stage.answers:
                challenger = self._stage(live, workloads[live.route.workload_id])
                if challenger.specialist is not None:  # another model would be paid for
                    stages[live.route.workload_id] = dataclasses.replace(stage, challenger=challenger)
        return Serving(
            version=read.version,
            recogniser=recogniser,
            stages=MappingProxyType(stages),
            heavy=any(stage.specialist.heavy for stage in stages.values() if stage.specialist is not None),
            models=tuple((one.other.provider, one.other.model) for one in stages.values() if one.other is not None),
            static=MappingProxyType(
                {version.version_id: start for one in of_scope for version in one.versions if (start := _start(version))}
            ),
        )

    def _fail(self, kind: str, what: str) -> None:
        self._failed, self._again_at = True, time.monotonic() + self._pause_s
        self._alarm.ring(kind, what)

    def _nothing(self, kind: str, error: Exception) -> World:
        self._fail(kind, f"{name(error)}; everything goes upstream")
        return World()

    def _stage(self, live: LiveRoute, workload: Workload) -> Stage:
        digest, route_id, broken = live.route.artefact_digest, live.route.route_id, ""
        specialist, other = self._specialists.get(digest), None
        if specialist is None:
            try:
                from modicum.backends.model import model_of  # these load arrays, which whoever only records can do without
                from modicum.backends.specialist import load

                artefact = self._artefacts.read(digest)
                other = model_of(artefact)
                specialist = load(artefact) if other is None else None
            except Exception as error:
                broken = name(error)
                self._fail(f"route {route_id}", f"{broken}; its calls go upstream")
        return Stage(
            live=live,
            workload=workload if live.contract is None else dataclasses.replace(workload, contract=live.contract),
            specialist=specialist,
            other=other,
            model=f"modicum/{workload.name}@{digest.rpartition(':')[2][:6]}",
            pace=self._paces.get(route_id) or Pace(self._slow_s),
            broken=broken,
        )

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = os.stat(snapshot.path(self._home))
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


def _with_challengers(stages: Iterable[Stage]) -> list[Stage]:
    return [one for stage in stages for one in (stage, stage.challenger) if one is not None]


def _start(version: Version) -> str:
    """The static beginning of a version's system text; empty where it begins with a slot."""
    system = version.template.system
    return system.literals[0] if system is not None and system.anchored_start and system.literals else ""
