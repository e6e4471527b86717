"""One replay: routes come on by themselves, the world changes, they go back, and everything is counted against what is true.

Calls are asked in small lots, and after each lot the watcher is waited for: so what is counted in calls does not depend on how fast this
machine replays them.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.watch.home import PRICES, Prepared, Terms, damage, kill_one, running
from benchmarks.watch.saved import saved
from benchmarks.watch.traffic import Asked, Change, Log, World, meaning
from benchmarks.watch.wire import Callers, Provider, Reply
from modicum.route.steps import ANSWERING, LIVE
from modicum.types import Route

BOOKMARK = "watch"
COMPARED = ("shadow", "control", "canary")
LATE_S = 0.25
MOST_WAIT_S = 6.0
"""For the watcher, after one lot."""
FIRST_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """How much is asked, in calls of each workload."""

    rise: int = 900
    """At most, until all routes are on."""
    settled: int = 300
    """Between coming on and the change."""
    after: int = 3000
    """At most, behind the change."""
    quiet: int = 1500
    """In its place where nothing changes."""
    rest: int = 90
    """After the last route went back."""
    lot: int = 30
    """Asked between two looks."""


@dataclass(slots=True, kw_only=True)
class Course:
    """What became of one workload. Counts begin with the first call, `after` ones with the change."""

    workload: str
    labels: tuple[str, ...]
    margin: float
    quality: bool
    """The promise speaks of quality (B), not of agreement (A)."""
    route_id: str = ""
    state: str = ""
    steps: list[tuple[str, int, float]] = field(default_factory=list)
    """(state, calls of the workload until then, seconds since the replay began)."""
    calls: int = 0
    answered: int = 0
    audits: int = 0
    differing: int = 0
    """Answers of the route that were not what the incumbent would have said."""
    wrong: int = 0
    """Answers of the route that were wrong where the incumbent would have been right."""
    better: int = 0
    """Answers of the route that were right where the incumbent would have been wrong."""
    saved_usd: float = 0.0
    """What the incumbent would have cost for what the route answered."""
    changed: dict[str, float] = field(default_factory=dict)
    """The counts at the change."""
    back: dict[str, float] = field(default_factory=dict)
    """The counts at the step back."""
    late_s: float = 0.0
    """Seconds from the step back until the last call was asked that the route still answered."""

    def see(self, one: Asked, reply: Reply) -> None:
        self.calls += 1
        self.audits += reply.reason in COMPARED
        if reply.reason != "answered":
            return
        self.answered += 1
        said, meant = meaning(reply.says, self.labels), meaning(one.says, self.labels)
        self.differing += said != meant
        self.wrong += said != one.gold and meant == one.gold
        self.better += said == one.gold and meant != one.gold
        if self.back:
            self.late_s = max(self.late_s, reply.began_us / 1e6 - self.back["on_record"])
        usage, (a, b) = one.response["usage"], PRICES[one.request["model"]]
        self.saved_usd += (usage["prompt_tokens"] * float(a) + usage["completion_tokens"] * float(b)) / 1e6

    def counts(self, at: float) -> dict[str, float]:
        return {
            "calls": self.calls,
            "answered": self.answered,
            "audits": self.audits,
            "differing": self.differing,
            "wrong": self.wrong,
            "lost": self.wrong - self.better if self.quality else self.differing,
            "at": round(at, 2),
        }


class Replay:
    """One of them under way."""

    def __init__(self, log: Log, prepared: Prepared, change: Change, seed: int, terms: Terms, length: Length) -> None:
        self.log, self.prepared, self.change, self.seed, self.terms, self.length = log, prepared, change, seed, terms, length
        self.world = World(log, change, seed)
        self.names = sorted(prepared.certified)
        self.calls = self.world.calls(self.names)
        self.courses = {
            name: Course(
                workload=name,
                labels=(*log.labels[name], *sorted({one.gold for one in log.new[name]})),
                margin=terms.margin,
                quality=terms.gold,
            )
            for name in self.names
        }
        self.provider = Provider()
        self.failed = self.slow_looks = 0
        self._asked_us: int | None = None
        """When the last call of the present lot began that the watcher is to see."""
        self._began = time.monotonic()

    async def run(self, folder: Path, progress: Callable[[str], None]) -> dict[str, Any]:
        server = await self.provider.open()
        try:
            with running(self.prepared, folder, self.terms, self.provider.url) as (gateway, control):
                self.gateway, self.control, self.callers = gateway, control, Callers(gateway.port)
                self._began = time.monotonic()
                await self._walk(progress)
                self.callers.close()
                notices = self._notices()
                found = saved(gateway.home, {one.route_id: one.saved_usd for one in self.courses.values()})
        finally:
            server.close()
        return {
            "log": self.log.name,
            "change": self.change,
            "seed": self.seed,
            "terms": asdict(self.terms),
            "seconds": round(self._now(), 1),
            "failed": self.failed,
            "unknown": self.provider.unknown,
            "slow_looks": self.slow_looks,
            "notices": notices,
            "refused": dict(self.prepared.refused),
            "routes": [
                {**asdict(one), **one.counts(self._now()), "labels": len(one.labels), "saving": found.get(one.route_id)}
                for one in self.courses.values()
            ],
        }

    async def _walk(self, progress: Callable[[str], None]) -> None:
        many, length = len(self.names), self.length
        await self._in_shadow()
        if not await self._until(length.rise * many, lambda: all(one.state == "on" for one in self.courses.values()), progress):
            progress(f"not all came on: {', '.join(f'{one.workload} {one.state}' for one in self.courses.values())}")
        await self._until(length.settled * many, lambda: False, progress)
        self._plant()
        done = False
        if self.change != "quiet":
            done = await self._until(
                length.after * many, lambda: not any(one.state in ANSWERING for one in self.courses.values()), progress
            )
        else:
            await self._until(length.quiet * many, lambda: False, progress)
        if done:
            await self._until(length.rest * many, lambda: False, progress)

    async def _until(self, most: int, done: Callable[[], bool], progress: Callable[[str], None]) -> bool:
        """Ask until something is so, at most so many calls; was it?"""
        lot = self.length.lot * len(self.names)
        for asked in range(0, most, lot):
            if done():
                return True
            await self._lot(min(lot, most - asked))
            if asked // lot % 20 == 0:
                states = ", ".join(f"{one.workload} {one.state or '-'} {one.calls}" for one in self.courses.values())
                progress(f"{self._now():5.1f} s  {states}")
        return done()

    async def _lot(self, many: int) -> None:
        lot = [next(self.calls) for _ in range(many)]
        for one in lot:
            self.provider.put(one.request["messages"], one.response)

        labels: list[tuple[str, str]] = []

        def seen(number: int, reply: Reply) -> None:
            if self.terms.gold and reply.reason in COMPARED:
                labels.append((reply.call_id, lot[number].gold))
            self.failed += reply.status != 200
            if reply.route_id and self.courses[lot[number].workload].state in LIVE:
                self._asked_us = max(self._asked_us or 0, reply.began_us)
            self.courses[lot[number].workload].see(lot[number], reply)

        await self.callers.ask([one.request for one in lot], seen)
        self.failed += await self.callers.tell(labels)
        await self._looked()

    async def _looked(self) -> None:
        """Wait until the watcher has seen all that was asked of live routes, and note what it did."""
        until = time.monotonic() + MOST_WAIT_S
        while True:
            mark = self.control.bookmark(BOOKMARK)
            self._note({route.workload_id: route for route in self._newest()})
            if self._asked_us is None or (mark is not None and json.loads(mark)["until_us"] >= self._asked_us):
                break
            if not any(one.state in LIVE for one in self.courses.values()):
                break
            if time.monotonic() > until:
                self.slow_looks += 1
                break
            await asyncio.sleep(0.02)
        self._asked_us = None

    async def _in_shadow(self) -> None:
        """Wait until the watcher has put every route into shadow: nobody else does."""
        until = time.monotonic() + FIRST_S
        while any(one.state not in LIVE for one in self.courses.values()) and time.monotonic() < until:
            self._note({route.workload_id: route for route in self._newest()})
            await asyncio.sleep(0.05)
        await asyncio.sleep(1.0)  # workers look five times a second

    def _newest(self) -> list[Route]:
        """The route of each workload that callers could get answers from, else the one that changed last."""
        return sorted(self.control.routes(), key=lambda route: (route.state in ANSWERING, route.changed_at))

    def _note(self, routes: dict[str, Route]) -> None:
        for name, workload_id in self.prepared.certified.items():
            route, course = routes.get(workload_id), self.courses[name]
            if route is None or (route.route_id, route.state) == (course.route_id, course.state):
                continue
            if course.state in ANSWERING and route.state not in ANSWERING and not course.back:
                course.back = {**course.counts(self._now()), "on_record": route.changed_at.timestamp()}
            course.route_id, course.state = route.route_id, route.state
            course.steps.append((route.state, course.calls, round(self._now(), 2)))

    def _plant(self) -> None:
        """The moment at which the world changes."""
        for one in self.courses.values():
            one.changed = one.counts(self._now())
        self.world.changed = True
        if self.change == "slow":
            self.provider.late_s = LATE_S
        if self.change == "damaged":
            digests = [route.artefact_digest for route in self.control.routes() if route.state in ANSWERING]
            damage(self.gateway.home, digests)
            kill_one(self.gateway.children())

    def _notices(self) -> list[dict[str, str]]:
        return [{"kind": one.kind, "workload": one.workload, "text": one.text} for one in self.control.notices(after=0)]

    def _now(self) -> float:
        return time.monotonic() - self._began
