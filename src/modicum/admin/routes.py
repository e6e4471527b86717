"""Routes: what `fit` proposed, how it stands, and what a person makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from modicum.admin.operation import Desk, Note, One, Page, Paged, Ref, operation, paged
from modicum.pipeline import promoting, switching
from modicum.pipeline.newcomers import Newcomer, newcomers
from modicum.pipeline.promoting import Event, Outlook
from modicum.route.steps import shared
from modicum.store.control import Control
from modicum.types import Certificate, PromiseKind, Route, RouteState, Watch


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRow:
    """A route beside what its certificate says."""

    route_id: str
    workload_id: str
    workload: str
    scope: str
    state: RouteState
    coverage: float
    kind: PromiseKind
    margin: float
    certificate_id: str
    artefact_digest: str
    expires_at: datetime
    changed_at: datetime
    """Since then it is in this state."""
    changed_by: str
    share: float
    """Of the conversations that the coin does not keep as control, those that it may answer."""
    automatic: bool
    """The watcher may take it forward."""
    proposed_by: str
    approved_by: str | None
    audits: int | None = None
    """In this state. None here and below: the watcher has not looked at it."""
    lost: float | None = None
    """What they count together."""
    level: float | None = None
    """What that is held to, a share of the audits."""
    suspicion: float | None = None
    """How far an alarm is, 0 to 1."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteShown:
    """A route, its certificate, and what stands between it and its next step."""

    route: Route
    certificate: Certificate
    outlook: Outlook
    newcomers: tuple[Newcomer, ...] = ()
    """Versions of its prompt that are not certified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Switched:
    """A route as it is now."""

    route: Route
    control_share: float
    """Share of conversations that stay with the incumbent once it is on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promoted(Switched):
    """The same, and whether it went on."""

    moved: bool
    """False: it is where it was, for `lacking`."""
    lacking: tuple[str, ...] = ()
    """What was missing for the step, as sentences."""


class Switch(One, frozen=True, kw_only=True):
    note: Note = ""


class Promote(Switch, frozen=True, kw_only=True):
    force: bool = False
    """Go on without the conditions; the note says why."""


class Approve(Switch, frozen=True, kw_only=True):
    undo: bool = False
    """Take an approval back."""


class Auto(Switch, frozen=True, kw_only=True):
    off: bool = False
    """Back to a person's hands."""


class OfOne(Paged, frozen=True, kw_only=True):
    """Which one, and which page."""

    ref: Ref


@operation("GET", "/routes", role="admin")
def list_(desk: Desk, asked: Paged) -> Page[RouteRow]:
    """List all routes with their states."""
    control = Control(desk.config.home)
    names = {w.workload_id: w.name for w in control.workloads()}
    watches = {watch.route_id: watch for watch in control.watches()}
    page = paged(control.routes(), asked, lambda route: route.route_id)
    rows = [_row(route, control.certificate(route.certificate_id), names, watches.get(route.route_id)) for route in page.items]
    return Page(items=tuple(rows), next=page.next)


@operation("GET", "/routes/{ref}", role="admin")
def show(desk: Desk, asked: One) -> RouteShown:
    """Show one route by its id or its workload: its rule, its certificate, what was seen and what is wanted for its next step."""
    control = Control(desk.config.home)
    route = switching.find_route(control, asked.ref)
    certificate = control.certificate(route.certificate_id)
    return RouteShown(
        route=route,
        certificate=certificate,
        outlook=promoting.outlook(desk.config, control, route, certificate),
        newcomers=tuple(one for one in newcomers(desk.config, control, route.workload_id) if one.route_id == route.route_id),
    )


@operation("GET", "/routes/{ref}/history", role="admin")
def history(desk: Desk, asked: OfOne) -> Page[Event]:
    """List every step of a route, or of all routes of a workload, oldest first."""
    return paged(promoting.history(Control(desk.config.home), asked.ref), asked, lambda event: str(event.number))


@operation("POST", "/routes/{ref}/promote", role="admin", changes=True)
def promote(desk: Desk, asked: Promote) -> Promoted:
    """Take a route one step forward, if its conditions hold; else say what is missing."""
    route, found, went = promoting.promote(desk.config, asked.ref, actor=desk.actor, note=asked.note, force=asked.force)
    lacking = () if went else found.lacking
    return Promoted(route=route, control_share=_control_share(desk, route), moved=went, lacking=lacking)


@operation("POST", "/routes/{ref}/approve", role="admin", changes=True)
def approve(desk: Desk, asked: Approve) -> Switched:
    """Say that callers may have a route's answers."""
    return _now(desk, promoting.approve(desk.config, asked.ref, actor=desk.actor, note=asked.note, undo=asked.undo))


@operation("POST", "/routes/{ref}/auto", role="admin", changes=True)
def auto(desk: Desk, asked: Auto) -> Switched:
    """Let the watcher take a route forward, step by step, when its conditions hold."""
    return _now(desk, promoting.leave_to_watcher(desk.config, asked.ref, actor=desk.actor, off=asked.off, note=asked.note))


@operation("POST", "/routes/{ref}/shadow", role="admin", changes=True)
def shadow(desk: Desk, asked: Switch) -> Switched:
    """Compute answers while the provider works and compare them; send nothing of them."""
    return _switch(desk, asked, "shadow")


@operation("POST", "/routes/{ref}/on", role="admin", changes=True)
def on(desk: Desk, asked: Switch) -> Switched:
    """Let the specialist answer what its certificate covers."""
    return _switch(desk, asked, "on")


@operation("POST", "/routes/{ref}/pause", role="admin", changes=True)
def pause(desk: Desk, asked: Switch) -> Switched:
    """Send everything to the incumbent again; the route may come back through shadow."""
    return _switch(desk, asked, "paused")


@operation("POST", "/routes/{ref}/off", role="admin", changes=True)
def off(desk: Desk, asked: Switch) -> Switched:
    """Send everything to the incumbent again: the same as pause."""
    return _switch(desk, asked, "paused")


@operation("POST", "/routes/{ref}/rollback", role="admin", changes=True)
def rollback(desk: Desk, asked: Switch) -> Switched:
    """Send everything to the incumbent again, for good: only another route with newer evidence can follow."""
    return _switch(desk, asked, "rolled_back")


@operation("POST", "/routes/{ref}/retire", role="admin", changes=True)
def retire(desk: Desk, asked: Switch) -> Switched:
    """Put a route away for good, without a word against it: a proposal that nobody wants, a route that is done with."""
    return _switch(desk, asked, "retired")


def _switch(desk: Desk, asked: Switch, state: RouteState) -> Switched:
    return _now(desk, switching.switch(desk.config, asked.ref, state, actor=desk.actor, note=asked.note))


def _now(desk: Desk, route: Route) -> Switched:
    return Switched(route=route, control_share=_control_share(desk, route))


def _control_share(desk: Desk, route: Route) -> float:
    return desk.config.route.control_share if route.control_share is None else route.control_share


def _row(route: Route, certificate: Certificate, names: dict[str, str], watch: Watch | None) -> RouteRow:
    seen = watch if watch is not None and watch.since >= route.changed_at else None
    return RouteRow(
        route_id=route.route_id,
        workload_id=route.workload_id,
        workload=names.get(route.workload_id, certificate.workload_name),
        scope=route.scope,
        state=route.state,
        coverage=certificate.coverage,
        kind=certificate.kind,
        margin=certificate.margin,
        certificate_id=route.certificate_id,
        artefact_digest=route.artefact_digest,
        expires_at=certificate.expires_at,
        changed_at=route.changed_at,
        changed_by=route.changed_by,
        share=shared(route),
        automatic=route.automatic,
        proposed_by=route.proposed_by,
        approved_by=route.approved_by,
        audits=seen.audits if seen is not None else None,
        lost=seen.lost if seen is not None else None,
        level=seen.level if seen is not None else None,
        suspicion=seen.suspicion if seen is not None else None,
        warnings=seen.warnings if seen is not None else (),
    )
