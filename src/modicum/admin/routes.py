"""Routes: what `fit` proposed, and what a person makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from modicum.admin.operation import Desk, Note, One, Page, Paged, operation, paged
from modicum.pipeline import switching
from modicum.store.control import Control
from modicum.types import Certificate, PromiseKind, Route, RouteState


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
    changed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteShown:
    """A route and its certificate."""

    route: Route
    certificate: Certificate


@dataclass(frozen=True, slots=True, kw_only=True)
class Switched:
    """A route as it is now."""

    route: Route
    control_share: float
    """Share of conversations that stay with the incumbent once it is on."""


class Switch(One, frozen=True, kw_only=True):
    note: Note = ""


@operation("GET", "/routes", role="admin")
def list_(desk: Desk, asked: Paged) -> Page[RouteRow]:
    """List all routes with their states."""
    control = Control(desk.config.home)
    names = {w.workload_id: w.name for w in control.workloads()}
    page = paged(control.routes(), asked, lambda route: route.route_id)
    return Page(items=tuple(_row(route, control.certificate(route.certificate_id), names) for route in page.items), next=page.next)


@operation("GET", "/routes/{ref}", role="admin")
def show(desk: Desk, asked: One) -> RouteShown:
    """Show one route with its rule and its certificate, by its id or its workload."""
    control = Control(desk.config.home)
    route = switching.find_route(control, asked.ref)
    return RouteShown(route=route, certificate=control.certificate(route.certificate_id))


@operation("POST", "/routes/{ref}/shadow", role="admin", changes=True)
def shadow(desk: Desk, asked: Switch) -> Switched:
    """Compute answers while the provider works and compare them; send nothing of them."""
    return _switch(desk, asked, "shadow")


@operation("POST", "/routes/{ref}/on", role="admin", changes=True)
def on(desk: Desk, asked: Switch) -> Switched:
    """Let the specialist answer what its certificate covers."""
    return _switch(desk, asked, "on")


@operation("POST", "/routes/{ref}/off", role="admin", changes=True)
def off(desk: Desk, asked: Switch) -> Switched:
    """Send everything to the incumbent again."""
    return _switch(desk, asked, "paused")


def _switch(desk: Desk, asked: Switch, state: RouteState) -> Switched:
    route = switching.switch(desk.config, asked.ref, state, actor=desk.actor, note=asked.note)
    return Switched(route=route, control_share=desk.config.route.control_share)


def _row(route: Route, certificate: Certificate, names: dict[str, str]) -> RouteRow:
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
    )
