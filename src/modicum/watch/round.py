"""One look: read what is new, judge each route, take the steps that follow, write all of it at once, tell the day."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from modicum.config import Config
from modicum.pipeline.switching import challengers, check, proposer, publish, refuse_outdated
from modicum.route.steps import ANSWERING, LIVE, Rights
from modicum.store.codec import Record
from modicum.store.control import Control
from modicum.store.key import evidence_key
from modicum.store.routes import Step
from modicum.store.watches import Look
from modicum.types import Certificate, Contract, Notice, Route, RouteState, Watch, Workload
from modicum.watch import champion, early, judge, mark, steer
from modicum.watch.draws import Keys, Toss, toss
from modicum.watch.labelled import Labelled
from modicum.watch.promise import promised
from modicum.watch.stage import Stages
from modicum.watch.tail import Found, Tail
from modicum.workload.recognise import Recogniser

BOOKMARK = "watch"
WRITE_S = 60.0
"""What is known of a route is written anew so often though nothing was drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one look came to."""

    live: int = 0
    """Routes that are looked after."""
    seen: int = 0
    """New records of theirs."""
    whole: bool = True
    """Nothing is left over that could have been read now."""
    written: bool = True
    """False: somebody changed a route meanwhile; nothing was changed here, and all of it is looked at anew."""
    notices: tuple[Notice, ...] = ()
    unread: str = ""


class Rounds:
    """Looks at one home, one after the other."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.control = Control(config.home)
        self._tail: Tail | None = None
        self._written: str | None = None
        """The bookmark as it was last written."""
        self._told = False
        """The day knows all steps."""
        self._beside: frozenset[str] = frozenset()
        """Proposed routes that are compared with live ones."""
        self._stages = Stages(config.home)
        self._keys = Keys(evidence_key(config.home))
        self._labelled = Labelled(config.home, self._keys)
        self._certificates: dict[str, Certificate] = {}
        self._workloads: dict[str, Workload] = {}
        """With the contracts of their live routes,"""
        self._found: dict[str, Contract] = {}
        """... and those found last."""
        self._recognisers: dict[str, Recogniser] = {}
        self._learnt_at: datetime | None = None
        self._known: dict[str, Watch] | None = None
        """The watches as they are written; None where they must be read."""

    def close(self) -> None:
        if self._tail is not None:
            self._tail.close()
            self._tail = None

    def look(self, now: datetime, *, watched: bool = True, jumped_s: float = 0.0) -> Round:
        """Look once. `watched`: nobody was away before this look. `jumped_s`: how far the clock was set since the last one.

        Raises ModicumError where the home cannot be read or written: the next look begins where this one did.
        """
        self._publish()
        routes = self.control.routes()
        live = [route for route in routes if route.state in LIVE]
        began = self.control.bookmark(BOOKMARK)
        self._learn(live, now)
        found = self._read(live, began, now)
        watched = watched and (found is None or found.whole)
        tosses = _by_route(found.tosses if found is not None else [], live)
        known = self._watches() if live else {}
        watches, steps, notices = list[Watch](), list[Step](), list[Notice]()
        suspicions = dict[str, float]()
        for route in live:
            changed, steered = self._judge(route, known.get(route.route_id), tosses[route.route_id], now, watched, jumped_s, live)
            watches += [steered.watch] if changed else []
            suspicions[route.route_id] = steered.watch.suspicion
            steps += [steered.step] if steered.step is not None else []
            notices += steered.notices
        for step in self._first(routes, now, watched):
            steps.append(step)
            notices += steer.told(step, self._name(step.now), now)
        moved = frozenset(step.was.route_id for step in steps)
        for watch, taken in self._challenge(routes, known, tosses, now, watched, moved, suspicions):
            watches.append(watch)
            steps += taken
            notices += [one for step in taken for one in steer.told(step, self._name(step.now), now)]
        ended = None if found is None else mark.written(found.mark)
        if found is not None and began is not None and not (watches or steps or found.tosses):
            ended = began  # nothing was counted: whoever begins there again finds the same
        look = Look(watches=tuple(watches), steps=tuple(steps), notices=tuple(notices), began=began, ended=ended)
        if look != Look(began=began, ended=began):
            self._known = None
            if not self.control.put_look(BOOKMARK, look):
                return Round(live=len(live), whole=False, written=False)
            self._known = {**known, **{watch.route_id: watch for watch in watches}} if live else None
        self._written = ended
        if self._tail is not None:
            self._tail.keep()
        if steps:
            self._told = False
            self._publish()
        seen, unread = (len(found.tosses), found.unread) if found is not None else (0, "")
        return Round(live=len(live), seen=seen, whole=found is None or found.whole, notices=look.notices, unread=unread)

    def _publish(self) -> None:
        """Whatever was killed or failed between a step and this: the day hears of it."""
        if not self._told:
            publish(self._config)
            self._told = True

    def _learn(self, live: Sequence[Route], now: datetime) -> None:
        """What is known of the workloads and certificates of live routes. Workloads change when somebody looks for them anew."""
        stale = self._learnt_at is None or abs((now - self._learnt_at).total_seconds()) >= WRITE_S
        if live and (stale or any(route.workload_id not in self._workloads for route in live)):
            self._workloads = {workload.workload_id: workload for workload in self.control.workloads()}
            self._recognisers = {}
            self._found = {workload.workload_id: workload.contract for workload in self._workloads.values()}
            self._learnt_at = now
        for route in live:
            certified, workload = self._certificate(route).contract, self._workloads.get(route.workload_id)
            if workload is not None:  # what was certified is what the day reads by
                contract = certified or self._found[route.workload_id]
                self._workloads[route.workload_id] = dataclasses.replace(workload, contract=contract)

    def _watches(self) -> dict[str, Watch]:
        if self._known is None:
            self._known = {watch.route_id: watch for watch in self.control.watches()}
        return self._known

    def _certificate(self, route: Route) -> Certificate:
        if route.certificate_id not in self._certificates:
            self._certificates[route.certificate_id] = self.control.certificate(route.certificate_id)
        return self._certificates[route.certificate_id]

    def _name(self, route: Route) -> str:
        return self._certificate(route).workload_name

    def _read(self, live: Sequence[Route], began: str | None, now: datetime) -> Found | None:
        """New records; None while no route is live."""
        if not live:
            self.close()
            return None
        if self._tail is None or began is None or began != self._written:
            self.close()
            self._known = None
            at = mark.read(began) or mark.begin(self._config.home, min(route.changed_at for route in live))
            self._tail = Tail(self._config.home, at, self._toss, order_s=self._config.watch.order_s)
            self._written = began
        return self._tail.look(now)

    def _toss(self, record: Record) -> Toss | None:
        return toss(record, self._contract, self._keys, self._slots)

    def _slots(self, workload_id: str, request: dict[str, Any]) -> str | None:
        """What fills the slots of a request of this workload, as the certificate tells requests apart."""
        if workload_id not in self._recognisers:
            workload = self._workloads.get(workload_id)
            self._recognisers[workload_id] = Recogniser([workload] if workload is not None else [])
        found = self._recognisers[workload_id].recognise(request)
        return None if found is None else "\n".join(value for _, value in found.slots)

    def _contract(self, workload_id: str) -> Contract | None:
        """How answers are read, where it must be known what was said: for promises about quality."""
        workload = self._workloads.get(workload_id)
        quality = any(one.workload_id == workload_id and one.kind != "A" for one in self._certificates.values())
        return workload.contract if workload is not None and quality else None

    def _judge(
        self, route: Route, known: Watch | None, tosses: list[Toss], now: datetime, watched: bool, jumped_s: float, live: Sequence[Route]
    ) -> tuple[bool, steer.Steered]:
        """What follows for a route, and whether it must be written."""
        settings, certificate = self._config.watch, self._certificate(route)
        promise = promised(certificate, settings.slack)
        watch, book = judge.opened(known, route, promise, now)
        book.skew_s += jumped_s
        workload = self._workloads.get(route.workload_id)
        labels = self._labelled.judging(workload) if promise.kind != "A" and workload is not None and (tosses or book.queue) else {}
        watch = judge.see(watch, book, route, tosses, promise, settings, labels, certificate.cover, now)
        if workload is not None:
            early.see_contract(book.early, certificate.contract, self._found[route.workload_id])
        judge.see_callers(book, route, now, self._key)
        judge.see_mute(book, route)
        watch = dataclasses.replace(watch, warnings=tuple(book.early.warnings.values()))
        facts = self._facts(route, now, watched, failing=book.failing > 0, answering=sum(one.state in ANSWERING for one in live))
        steered = steer.steer(route, watch, book, facts, settings, self._config.route, self._checked(route))
        changed = (
            known is None
            or bool(tosses or steered.step or steered.notices or jumped_s)
            or (known.since, known.waiting, known.audits) != (watch.since, watch.waiting, watch.audits)
            or _gist(known.lacking) != _gist(steered.watch.lacking)
            or abs((now - known.at).total_seconds()) >= WRITE_S
        )
        if steered.step is not None and steered.step.now.state not in LIVE:
            judge.forget(book)
        return changed, dataclasses.replace(steered, watch=judge.kept(steered.watch, book))

    def _key(self, digest: str) -> str:
        """What a virtual key is called; the book keeps its digest alone."""
        found = next((key for key in self.control.all_keys() if self._keys.of(key.key_id) == digest), None)
        return "that is not known here" if found is None else f"'{found.name}' ({found.key_id})"

    def _first(self, routes: Sequence[Route], now: datetime, watched: bool) -> list[Step]:
        """Proposed routes that a watcher may put into shadow: the newest of a workload that has no live one.

        After a rollback that is one certified on newer calls alone: older ones speak of the same world as what broke.
        """
        found = []
        newest: dict[str, Route] = {}
        busy = {route.workload_id for route in routes if route.state in LIVE}
        for route in routes:
            if route.state == "proposed" and route.workload_id not in busy:
                before = newest.get(route.workload_id)
                if before is None or self._certificate(before).created_at < self._certificate(route).created_at:
                    newest[route.workload_id] = route
        for route in newest.values():
            if self._config.watch.automatic or route.automatic:
                facts = self._facts(route, now, watched, failing=False, answering=0)
                if (step := steer.first(route, facts, self._config.watch, self._checked(route, first=True))) is not None:
                    found.append(step)
        return found

    def _challenge(
        self,
        routes: Sequence[Route],
        known: Mapping[str, Watch],
        tosses: Mapping[str, list[Toss]],
        now: datetime,
        watched: bool,
        moved: frozenset[str],
        suspicions: Mapping[str, float],
    ) -> Iterator[tuple[Watch, tuple[Step, ...]]]:
        """Proposed routes beside live ones, and the steps by which one takes the other's place."""
        beside = challengers(routes, self._certificate)
        if (ids := frozenset(one.route_id for one in beside)) != self._beside:
            self._beside, self._told = ids, False  # whoever proposed told nobody
        for one in beside:
            live = next(other for other in routes if other.workload_id == one.workload_id and other.state in ANSWERING)
            new = [toss for toss in tosses[live.route_id] if toss.challenger_id == one.route_id]
            before = known.get(one.route_id)
            seen = self._facts(one, now, watched, failing=False, answering=0)
            facts = champion.Facts(
                now=now,
                certificate=seen.certificate,
                champion=self._certificate(live),
                suspicion=suspicions[live.route_id],
                rights=seen.rights,
                damage=seen.damage,
                proposer=seen.proposer,
            )
            watch, taken = champion.see(before, one, live, new, now), tuple[Step, ...]()
            if live.route_id in moved:  # one step a look
                watch = dataclasses.replace(watch, lacking=champion.lacking(watch, facts, self._config.watch))
            else:
                watch, taken = champion.replaces(one, live, watch, facts, self._config.watch, self._checked(one))
            stale = before is None or before.lacking != watch.lacking or abs((now - before.at).total_seconds()) >= WRITE_S
            if new or taken or stale:
                yield watch, taken

    def _facts(self, route: Route, now: datetime, watched: bool, *, failing: bool, answering: int) -> steer.Facts:
        settings = self._config
        return steer.Facts(
            now=now,
            name=self._name(route),
            certificate=self._certificate(route),
            rights=Rights(automatic=settings.watch.automatic or route.automatic, approver=settings.policy.approver, heartbeat=watched),
            damage=self._stages.damage(route.artefact_digest, failing=failing),
            proposer=proposer(self.control, route) if settings.policy.approver else route.proposed_by,
            answering=answering,
        )

    def _checked(self, route: Route, *, first: bool = False) -> Callable[[RouteState], None]:
        def checked(state: RouteState) -> None:
            check(self._config, self.control, route, state)
            if first:
                refuse_outdated(self.control, route)

        return checked


def _by_route(tosses: Sequence[Toss], live: Sequence[Route]) -> dict[str, list[Toss]]:
    """Those of live routes. What failed before a stage was there is its workload's."""
    found: dict[str, list[Toss]] = {route.route_id: [] for route in live}
    of_workload = {route.workload_id: route.route_id for route in live}
    for one in tosses:
        route_id = one.route_id if one.route_id is not None else of_workload.get(one.workload_id or "")
        if route_id in found:
            found[route_id].append(one)
    return found


def _gist(lacking: Sequence[str]) -> list[str]:
    """Which things are lacking, whatever their figures: hours go by with every look."""
    return ["".join(one for one in sentence if not one.isdigit()) for sentence in lacking]
