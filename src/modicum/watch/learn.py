"""One run of learning: compact, find, fit what is due, say what came of it. In a process of its own, which may be killed at any moment.

It fits again what somebody fitted or tried once. A new workload is told of: its first attempt is a person's to spend.

How far a run has come stands in control.db under the bookmark `learn`, written in one transaction with what was told: a run that was killed
is taken up again where it stood, and nothing is told twice. Only calls from before the run enter it, so a fit that was interrupted is the
same fit when it is taken up again, and the attempt that it declared is not lost. It proposes; no step of a route is taken here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from modicum.artefact import Artefacts
from modicum.backends.model import model_of
from modicum.config import Config
from modicum.errors import ArtefactError, ModicumError, StoreBusyError
from modicum.pipeline.find import find
from modicum.pipeline.label_wants import ready, ready_judged
from modicum.pipeline.newcomers import COMPARED, Newcomer, newcomers, said
from modicum.pipeline.night import Night
from modicum.pipeline.wish import Wish
from modicum.route.steps import LIVE
from modicum.stats.sequence import spending
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.store.watches import Look
from modicum.types import Notice, Route, Verdict, Workload
from modicum.watch import precision, requests, sentinels, words
from modicum.watch.due import Known, Learnt, due, missing
from modicum.watch.labelled import Labelled
from modicum.watch.leader import Leader
from modicum.watch.looked import Looked
from modicum.workload.sample import INDEPENDENT

BOOKMARK = "learn"
ACTOR = "watch"
LOCK = "learn.lock"
MOST_TRIES = 3
"""A fit that did not end so often, whatever ended it, is left for the next run."""

Tell = Callable[[str], None]


class Run(msgspec.Struct):
    """A run that is not over."""

    began: datetime
    until: datetime
    """Newer calls do not enter it."""
    why: list[str]
    find: bool = True
    found: bool = False
    """Its workloads are found, and `todo` says what is due."""
    todo: list[tuple[str, str]] = []
    """(workload id, why), what is left of it."""
    tries: int = 0
    """Of the first of them."""


class State(msgspec.Struct):
    """What learning knows of a home."""

    ended: datetime | None = None
    """When the last run was over, or the schedule began."""
    known: dict[str, list[str]] | None = None
    """Workload id -> versions that were told of; None before the first run."""
    compared: list[str] = []
    """Versions of which it was told how the old stage does on them."""
    workloads: dict[str, Learnt] = {}
    missing: dict[str, int] = {}
    """Workload id -> calls that its last fit lacked and that were still to come,"""
    counted: datetime | None = None
    """... when they were counted."""
    incumbents: dict[str, sentinels.Asked] = {}
    requests: dict[str, Looked] = {}
    """Of routes, as is `precision`."""
    precision: dict[str, precision.Held] = {}
    run: Run | None = None


def read(control: Control) -> tuple[State, str | None]:
    """The state, and the bookmark that it was read from. One that another version wrote begins anew."""
    mark = control.bookmark(BOOKMARK)
    try:
        return (State() if mark is None else msgspec.json.decode(mark, type=State)), mark
    except msgspec.MsgspecError:
        return State(), mark


class Learning:
    """A run over one home, as the one process that learns there."""

    def __init__(
        self, config: Config, tell: Tell = lambda text: None, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._config, self._tell, self._clock = config, tell, clock
        self._control = Control(config.home)
        self._state = State()
        self._mark: str | None = None
        self._lock = Leader(config.home, LOCK)

    def run(self, why: Sequence[str], *, find: bool = True) -> bool:
        """Take up what is left over, or begin. False where another process learns. Raises ModicumError where the home cannot be used."""
        if not self._lock.take():
            return False
        try:
            self._state, self._mark = read(self._control)
            if self._state.run is None:
                now = self._clock()
                until = now - timedelta(seconds=self._config.watch.order_s)  # what is younger may be under way
                self._state.run = Run(began=now, until=until, why=list(why), find=find)
                if self._state.known is None:
                    self._state.known = _versions(self._control.workloads())
                self._write()
            self._go_on(self._state.run)
        finally:
            self._lock.close()
        return True

    def _go_on(self, run: Run) -> None:
        if not run.found:
            self._find(run)
        while run.todo:
            workload_id, why = run.todo[0]
            workload = next((one for one in self._control.workloads() if one.workload_id == workload_id), None)
            run.tries += 1
            self._write()
            notices: list[Notice] = []
            if workload is not None and run.tries > MOST_TRIES:
                notices.append(
                    self._notice(workload, f"{workload.name}: its fit did not end {MOST_TRIES} times; left for the next run", "warning")
                )
            elif workload is not None:
                self._tell(f"fitting {workload.name}: {why}")
                notices += self._fit(workload, run)
            run.todo, run.tries = run.todo[1:], 0
            self._write(notices)
        self._look()
        self._lack(run)
        self._state.run, self._state.ended = None, self._clock()
        self._write()

    def _lack(self, run: Run) -> None:
        """What is still to come of the calls that fits lacked: the watcher counts them."""
        self._state.counted, self._state.missing = self._clock(), {}
        if any(one.needs is not None for one in self._state.workloads.values()):
            fitted = {name for name, one in self._state.workloads.items() if one.at == run.began}
            counts = independent(Calls(self._config.home))
            self._state.missing = missing(self._control.workloads(), counts, self._state.workloads, fitted)

    def _look(self) -> None:
        """Look at early signs of live routes: whether incumbents answer as they did, and requests and specialists are what they were."""
        workloads = {one.workload_id: one for one in self._control.workloads()}
        live = [one for one in self._control.routes() if one.state in LIVE and one.workload_id in workloads]
        for known in (self._state.requests, self._state.precision):
            for route_id in known.keys() - {one.route_id for one in live}:
                del known[route_id]
        for route in live:
            workload = workloads[route.workload_id]
            for look, failed in (
                (self._incumbent, "its incumbent was not asked"),
                (self._requests, "its requests were not compared"),
                (self._precision, "its precision was not compared"),
            ):
                try:
                    warning = look(workload, route)
                except Exception as error:  # no sign is worth a run; an error that is not ours may hold a text, so its name alone is told
                    self._tell(f"{workload.name}: {failed}: {error.message if isinstance(error, ModicumError) else type(error).__name__}")
                    continue
                self._write([self._notice(workload, warning, "warning", route.route_id)] if warning else [])

    def _incumbent(self, workload: Workload, route: Route) -> str:
        known, all_ = self._state.incumbents.get(workload.workload_id, sentinels.Asked()), self._state.incumbents
        all_[workload.workload_id], warning = sentinels.look(self._config, self._control, workload, route, known, self._clock())
        return warning

    def _requests(self, workload: Workload, route: Route) -> str:
        known, all_ = self._state.requests.get(route.route_id, Looked()), self._state.requests
        all_[route.route_id], warning = requests.look(self._config, self._control, workload, route, known, self._clock())
        return warning

    def _precision(self, workload: Workload, route: Route) -> str:
        known, all_ = self._state.precision.get(route.route_id, precision.Held()), self._state.precision
        all_[route.route_id], warning, remark = precision.look(self._config, self._control, workload, route, known, self._clock())
        if remark:
            self._tell(remark)
        return warning

    def _find(self, run: Run) -> None:
        """Look for workloads and versions, and decide what is due."""
        calls = Calls(self._config.home)
        if run.find:
            self._tell(f"looking for workloads: {'; '.join(run.why)}")
            workloads = find(self._config)
        else:
            calls.compact()
            workloads = self._control.workloads()
        notices, known = [], self._state.known or {}
        for workload in workloads:
            versions = {one.version_id for one in workload.versions}
            if workload.workload_id not in known:
                notices.append(self._notice(workload, self._new(workload)))
            elif more := versions - set(known[workload.workload_id]):
                many = "a new version" if len(more) == 1 else f"{len(more)} new versions"
                notices.append(self._notice(workload, f"{workload.name}: {many} of its prompt, which no certificate knows yet"))
        self._state.known = _versions(workloads)
        new = newcomers(self._config, self._control)
        for one in new:
            workload = next(each for each in workloads if each.workload_id == one.workload_id)
            if one.compared >= COMPARED and one.version_id not in self._state.compared:
                notices.append(
                    self._notice(workload, f"{one.workload}: a version that is not certified: {said(one)}", route_id=one.route_id)
                )
        self._state.compared = [one.version_id for one in new if one.compared >= COMPARED]
        run.todo, run.found = self._due(workloads, calls, new), True
        self._write(notices)

    def _new(self, workload: Workload) -> str:
        told = f"{workload.name}: a new workload, with {workload.calls:,} calls so far"
        if self._asked_for(workload) or workload.ignored or not workload.in_words:
            return told
        return f"{told}; nobody fitted it yet: `modicum fit {workload.name}`"

    def _asked_for(self, workload: Workload) -> bool:
        """Somebody fitted or tried it once."""
        name = workload.workload_id
        fitted = name in self._state.workloads or any(one.workload_id == name for one in self._control.verdicts())
        return fitted or bool(self._control.routes(name) or self._control.attempts(name))

    def _due(self, workloads: Sequence[Workload], calls: Calls, new: Sequence[Newcomer]) -> list[tuple[str, str]]:
        counts, labelled, todo = independent(calls), Labelled(self._config.home), list[tuple[str, str]]()
        certificates = {one.certificate_id: one for one in self._control.certificates()}
        suspicions = {one.route_id: one.suspicion for one in self._control.watches()}
        verdicts = {one.workload_id: one for one in self._control.verdicts()}
        for workload in sorted(workloads, key=lambda one: (-one.calls, one.workload_id)):
            routes = self._control.routes(workload.workload_id)
            live = next((one for one in routes if one.state in LIVE), None)
            its = [one for one in new if one.workload_id == workload.workload_id]
            given = ready(self._config.home, self._control, [workload])
            last = self._state.workloads.get(workload.workload_id)
            calls_now, labels = counts.get(workload.workload_id, 0), len(labelled.of(workload)) + len(given)
            if last is None and (verdict := verdicts.get(workload.workload_id)) is not None:
                # Somebody fitted it: what comes from now on is new.
                last = Learnt(datetime.fromtimestamp(0, UTC), calls_now, labels, verdict.code, verdict.needs_calls)
                self._state.workloads[workload.workload_id] = last
            known = Known(
                now=self._clock(),
                calls=calls_now,
                labels=labels,
                routes=routes,
                certificates=certificates,
                suspicion=0.0 if live is None else suspicions.get(live.route_id, 0.0),
                uncertified=sum(one.fair for one in its),
                needed=max((one.needed for one in its if one.needed is not None), default=None),
                tried=bool(self._control.attempts(workload.workload_id)),
                last=last,
            )
            if why := due(workload, known, renew_days=self._config.watch.renew_days):
                todo.append((workload.workload_id, why))
        return todo

    def _fit(self, workload: Workload, run: Run) -> list[Notice]:
        """Fit one workload on its old terms; what came of it."""
        control, home = self._control, self._config.home
        before = {one.route_id for one in control.routes(workload.workload_id)}
        live = next((one for one in control.routes(workload.workload_id) if one.state in LIVE), None)
        calls = independent(Calls(home)).get(workload.workload_id, 0)  # what comes from now on is not in it
        try:
            verdict = Night(self._config, as_before(self._config, control, workload), until=run.until).fit(workload)
        except (ModicumError, OSError) as error:
            text = error.message if isinstance(error, ModicumError) else str(error)
            return [self._notice(workload, f"{workload.name} could not be fitted: {text}", "warning")]
        labels = len(Labelled(home).of(workload)) + len(ready(home, control, [workload], stands=True))
        self._state.workloads[workload.workload_id] = Learnt(
            run.began,
            calls,
            labels,
            verdict.code,
            verdict.needs_calls,
            live.route_id if live is not None else "",
        )
        # One that was proposed by a run that was killed before it could say so is new as well.
        fresh = verdict.certificate is not None and verdict.certificate.created_at >= run.began
        new = verdict.route is not None and (fresh or verdict.route.route_id not in before)
        return self._said(workload, verdict, live, new=new)

    def _said(self, workload: Workload, verdict: Verdict, live: Route | None, *, new: bool) -> list[Notice]:
        name, proposed = workload.name, verdict.route
        ends = None if live is None else self._control.certificate(live.certificate_id).expires_at
        near = ends is not None and ends <= self._clock() + timedelta(days=self._config.watch.renew_days)
        if proposed is not None and new and verdict.certificate is not None:
            automatic = self._config.watch.automatic or proposed.automatic
            text = words.proposed(proposed, name, verdict.certificate.expires_at, live, ends, automatic=automatic)
            return [self._notice(workload, text, route_id=proposed.route_id)]
        if near and ends is not None and live is not None:
            why = verdict.reason if verdict.certificate is None else "no calls came since that could carry one"
            text = f"{name}: the certificate of {live.route_id} ends on {ends:%Y-%m-%d}, and there is no successor: {why}"
            return [self._notice(workload, text, "warning", live.route_id)]
        self._tell(f"{name}: {'; '.join((verdict.reason, *verdict.notes))}")
        return []

    def _notice(self, workload: Workload, text: str, kind: str = "learnt", route_id: str | None = None) -> Notice:
        return Notice(
            number=0,
            at=self._clock(),
            kind="warning" if kind == "warning" else "learnt",
            scope=workload.scope,
            workload_id=workload.workload_id,
            workload=workload.name,
            route_id=route_id,
            text=text,
        )

    def _write(self, notices: Sequence[Notice] = ()) -> None:
        """Keep the state, with what is told; only the holder of the lock does."""
        mark = msgspec.json.encode(self._state).decode()
        if not self._control.put_look(BOOKMARK, Look(notices=tuple(notices), began=self._mark, ended=mark)):
            raise StoreBusyError("somebody else wrote what is known of learning", hint="the next run takes it up")
        self._mark = mark
        for notice in notices:
            self._tell(notice.text)


def as_before(config: Config, control: Control, workload: Workload) -> Wish:
    """The terms of the workload's last fit: margins and protected labels are whoever's who asked for it first; else the settings'."""
    wish = Wish(
        fit=config.fit,
        control_share=config.route.control_share,
        labels=ready(config.home, control, [workload], stands=True),
        judged=ready_judged(config.home, control, [workload], stands=True),
        actor=ACTOR,
    )
    own = [
        one
        for one in control.attempts(workload.workload_id)
        if one.workload_id == workload.workload_id and _is_ours(config, one.artefact_digest)
    ]
    if not own:
        return wish
    last = own[-1]
    confidence = round(1 - last.delta / spending(1.0, last.number), 9)
    fit = dataclasses.replace(config.fit, min_coverage=last.min_coverage, min_label_groups=last.min_label_groups, confidence=confidence)
    if "C" in last.kinds:
        return dataclasses.replace(wish, fit=fit, alpha=last.margin, protect=last.rule.protected_labels)
    fit = dataclasses.replace(fit, margin=last.margin, max_selective=last.max_selective)
    return dataclasses.replace(wish, fit=fit, protect=last.rule.protected_labels)


def _is_ours(config: Config, digest: str) -> bool:
    """Is the artefact a specialist's? Of another model nothing can be fitted."""
    try:
        return model_of(Artefacts(config.home / "artefacts").read(digest)) is None
    except ArtefactError:
        return True


def independent(calls: Calls) -> dict[str, int]:
    """How many calls of each workload may train and certify: all that the incumbent answered whatever they said."""
    found: dict[str, int] = {}
    for row in calls.usage():
        if row.workload_id is not None and not row.specialist:
            decided = sum(many for _, many in row.reasons)
            fair = sum(many for reason, many in row.reasons if reason in INDEPENDENT)
            found[row.workload_id] = found.get(row.workload_id, 0) + row.calls - decided + fair
    return found


def _versions(workloads: Sequence[Workload]) -> dict[str, list[str]]:
    return {one.workload_id: [version.version_id for version in one.versions] for one in workloads}
