"""A person's decision: which proposed route is in shadow, on, or off; and what the day is told of it.

The day reads one file, the snapshot; it is compiled anew after every change.
"""

from __future__ import annotations

import dataclasses
import difflib
from contextlib import suppress
from datetime import UTC, datetime

from modicum.artefact import Artefacts
from modicum.backends.destination import host_of, may_receive
from modicum.backends.model import model_of
from modicum.backends.names import Names
from modicum.config import Config
from modicum.errors import ArtefactError, NotFoundError, RouteError
from modicum.store import snapshot
from modicum.store.control import Control
from modicum.store.snapshot import LiveRoute, Snapshot
from modicum.types import Route, RouteState, Workload


def find_workload(control: Control, ref: str) -> Workload:
    """The workload with this id or name (`scope/name` where several scopes have one). Raises NotFoundError with a suggestion."""
    workloads = control.workloads()
    found = [w for w in workloads if ref in (w.workload_id, w.name, f"{w.scope}/{w.name}")]
    if len(found) == 1:
        return found[0]
    if found:
        hint = "say " + " or ".join(f"{w.workload_id} (scope {w.scope})" for w in found)
        raise NotFoundError(f"several workloads are named '{ref}'", hint=hint)
    near = difflib.get_close_matches(ref, [name for w in workloads for name in (w.name, w.workload_id)], 1)
    raise NotFoundError(
        f"no workload '{ref}'", hint=f"did you mean '{near[0]}'?" if near else "`modicum workloads list` shows which there are"
    )


def find_route(control: Control, ref: str) -> Route:
    """The route with this id, or the newest of the workload that `ref` names."""
    routes = control.routes()
    if exact := next((route for route in routes if route.route_id == ref), None):
        return exact
    workload = find_workload(control, ref)
    routes = [route for route in routes if route.workload_id == workload.workload_id]
    if not routes:
        raise NotFoundError(f"'{workload.name}' has no route", hint=f"`modicum fit {workload.name}` proposes one where it can prove it")
    return max(routes, key=lambda route: (route.state in ("on", "shadow"), route.changed_at))


def proposal(control: Control, ref: str) -> Route:
    """The route that a switch means: by id, else the workload's only proposal, else the one in shadow or on, else its newest certified.

    Raises RouteError with the ids where several are proposed (`fit` and each `try` may have proposed one): which of them answers is the
    operator's to say.
    """
    route = find_route(control, ref)
    if route.route_id == ref:
        return route
    routes = control.routes(route.workload_id)
    certified = {c.certificate_id: c.created_at for c in control.certificates(route.workload_id)}
    routes.sort(key=lambda r: (certified.get(r.certificate_id, r.changed_at), r.changed_at))
    proposed = [one for one in routes if one.state == "proposed"]
    if len(proposed) > 1:
        listed = ", ".join(f"{one.route_id} ({certified.get(one.certificate_id, one.changed_at):%Y-%m-%d %H:%M})" for one in proposed)
        raise RouteError(f"{len(proposed)} routes are proposed for '{ref}': {listed}", hint="name one by its id; `modicum route show ID`")
    if proposed:
        return proposed[0]
    return route if route.state in ("shadow", "on") else routes[-1]


def switch(config: Config, ref: str, state: RouteState, *, actor: str, note: str = "") -> Route:
    """Put a route into `state`, its older siblings off, and tell the day. Raises RouteError where that must not be."""
    control = Control(config.home)
    route = find_route(control, ref) if state == "paused" else proposal(control, ref)
    now = datetime.now(UTC)
    if state in ("shadow", "on"):
        _check(control, route, now)
        _can_serve(config, route)
        for sibling in control.routes(route.workload_id):
            if sibling.route_id != route.route_id and sibling.state in ("shadow", "on"):
                replaced = dataclasses.replace(sibling, state="paused", changed_at=now, changed_by=actor)
                control.put_route(replaced, note=f"replaced by {route.route_id}")
    changed = dataclasses.replace(route, state=state, changed_at=now, changed_by=actor)
    control.put_route(changed, note=note)
    publish(config)
    return changed


def _check(control: Control, route: Route, now: datetime) -> None:
    certificate = control.certificate(route.certificate_id)
    if certificate.expires_at <= now:
        raise RouteError(f"its certificate expired on {certificate.expires_at:%Y-%m-%d}", hint=f"`modicum fit {certificate.workload_name}`")
    workload = find_workload(control, route.workload_id)
    if workload.ignored:
        raise RouteError(f"'{workload.name}' is ignored", hint=f"`modicum workloads ignore --undo {workload.name}` first")
    if not workload.routable:
        raise RouteError(f"the template of '{workload.name}' has too little fixed text to recognise a request safely")
    if not workload.contract.can_be_served:
        raise RouteError(
            f"{workload.contract.discarded_share:.0%} of the answers of '{workload.name}' say more than what is read from them",
            hint=f"`modicum workloads set {workload.workload_id} --read {as_what(workload)}` if readers can do without the rest",
        )


def _can_serve(config: Config, route: Route) -> None:
    """Raise RouteError, ConfigError for another model that the gateway could not ask, or may not."""
    model = None
    with suppress(ArtefactError):  # what is missing or damaged is told by the day, which goes to the incumbent
        model = model_of(Artefacts(config.home / "artefacts").read(route.artefact_digest))
    if model is None:
        return
    names = Names(config)
    if model.provider not in names.providers:
        raise RouteError(f"its stage is {model.name}, and no provider '{model.provider}' is configured")
    url = names.providers[model.provider].url
    if url != model.url:
        raise RouteError(f"{model.name} was tried at {model.url}, and '{model.provider}' is at {url} now", hint="`modicum try` it there")
    host = host_of(names.one(model.provider, model.model).deployments[0], url)
    if not may_receive(config.policy.may_receive, model.provider, host, route.scope):
        raise RouteError(
            f"calls of scope '{route.scope}' may not be sent to {host} ({model.provider})",
            hint=f'[policy]\n  may_receive = ["{model.provider}"]',
        )


def as_what(workload: Workload) -> str:
    """The reading that would let the workload's answers be served."""
    return "json" if workload.contract.kind == "object" else "label"


def publish(config: Config) -> Snapshot:
    """Compile what the day needs to know: workloads, routes in shadow or on with their rules and covers."""
    control = Control(config.home)
    workloads = tuple(w for w in control.workloads() if not w.ignored)
    known = {w.workload_id for w in workloads}
    live = []
    for route in control.routes():
        if route.state in ("shadow", "on") and route.workload_id in known:
            certificate = control.certificate(route.certificate_id)
            live.append(LiveRoute(route=route, rule=certificate.rule, cover=certificate.cover, expires_at=certificate.expires_at))
    now = datetime.now(UTC)
    compiled = Snapshot(version=now.isoformat(), workloads=workloads, routes=tuple(live))
    snapshot.write(config.home, compiled)
    return compiled
