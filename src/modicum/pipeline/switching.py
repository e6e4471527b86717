"""A person's decision: in which state a route is; and what the day is told of it.

Steps are those of `route.steps`. The day reads one file, the snapshot; it is compiled anew after every change.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from modicum.artefact import Artefacts
from modicum.backends.destination import host_of, may_receive
from modicum.backends.model import model_of
from modicum.backends.names import Names
from modicum.config import Config
from modicum.errors import ArtefactError, NotFoundError, RouteError, StoreError
from modicum.pipeline.rollbacks import outdated
from modicum.route.steps import ANSWERING, ENDED, LIVE, moved, said, way
from modicum.store import snapshot
from modicum.store.audit import Sought
from modicum.store.control import Control
from modicum.store.home import publishing
from modicum.store.routes import Step
from modicum.store.snapshot import LiveRoute, Snapshot
from modicum.types import Certificate, Contract, Route, RouteState, Workload

BY_HAND = "by hand, conditions not waited for"
TRIES = 3
"""Times that a change is looked at anew because somebody else changed the same route."""


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
    return max(routes, key=lambda route: (route.state in LIVE, route.changed_at))


def proposal(control: Control, ref: str) -> Route:
    """The route that a switch means: by id, else the workload's only proposal, else the live one, else its newest certified.

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
    return route if route.state in LIVE else routes[-1]


def switch(config: Config, ref: str, state: RouteState, *, actor: str, note: str = "") -> Route:
    """A person puts a route into `state`, step by step, its siblings out, and tells the day. The conditions of a step are not waited for.

    All of it is one change. Raises RouteError where that must not be.
    """
    control = Control(config.home)
    for _ in range(TRIES):
        route = find_route(control, ref) if state not in LIVE else proposal(control, ref)
        if route.state == state:
            break
        if state == "paused" and route.state == "proposed":
            raise RouteError(
                f"{route.route_id} is proposed: nobody gets its answers", hint=f"`modicum route retire {route.route_id}` puts it away"
            )
        if state in LIVE:
            check(config, control, route, state)
        if control.take(_walk(config, control, route, state, actor, note)):
            break
    else:
        raise changed_meanwhile(route)
    publish(config)
    return control.route(route.route_id)


def move(config: Config, route: Route, to: RouteState, *, actor: str, why: str) -> Route:
    """Take one step and tell the day; no sibling makes room. Whether it may be taken now is for whoever calls this.

    Raises RouteError where it does not follow, a sibling is live, or the route is not as it was any more.
    """
    control = Control(config.home)
    if to in LIVE and route.state not in LIVE and (rivals := _rivals(control, route)):
        hint = f"`modicum route shadow {route.route_id}` puts this one in its place"
        raise RouteError(f"{rivals[0].route_id} of the same workload is {said(rivals[0].state)}", hint=hint)
    changed = moved(route, to, at=datetime.now(UTC), actor=actor, share=config.watch.canary_share)
    if not control.take([_step(route, changed, why)]):
        raise changed_meanwhile(route)
    publish(config)
    return changed


def challengers(routes: Sequence[Route], certificate: Callable[[Route], Certificate]) -> list[Route]:
    """Of each workload with a route that answers, the newest proposed one: it is compared with the live one on control calls."""
    answering = {one.workload_id for one in routes if one.state in ANSWERING}
    newest: dict[str, tuple[datetime, Route]] = {}
    for route in routes:
        if route.state == "proposed" and route.workload_id in answering:
            made = certificate(route).created_at
            if route.workload_id not in newest or newest[route.workload_id][0] < made:
                newest[route.workload_id] = (made, route)
    return [route for _, route in newest.values()]


def _walk(config: Config, control: Control, route: Route, wanted: RouteState, actor: str, note: str) -> list[Step]:
    """Every step to the state that a person wants, and those of the siblings that make room. Raises RouteError where no way leads there."""
    now, share = datetime.now(UTC), config.watch.canary_share
    to = way(route.state, wanted) or (wanted,)
    words = "; ".join(part for part in (note, BY_HAND if len(to) > 1 or wanted in ANSWERING else "") if part)
    steps, at = [], route
    for state in to:
        changed = moved(at, state, at=now, actor=actor, share=share)
        steps.append(_step(at, changed, words))
        at = changed
    if wanted in LIVE:
        for rival in _rivals(control, route):
            replaced = moved(rival, "retired", at=now, actor=actor, share=share)
            steps.insert(0, _step(rival, replaced, f"replaced by {route.route_id}"))
    return steps


def _rivals(control: Control, route: Route) -> list[Route]:
    return [one for one in control.routes(route.workload_id) if one.route_id != route.route_id and one.state in LIVE]


def _step(was: Route, now: Route, why: str) -> Step:
    return Step(was=was, now=now, action=f"route.{now.state}", why=why)


def changed_meanwhile(route: Route) -> RouteError:
    """What to raise where a route is not as it was any more."""
    return RouteError(f"route {route.route_id} was changed by somebody else just now", hint=f"`modicum route show {route.route_id}`")


def check(config: Config, control: Control, route: Route, wanted: RouteState) -> None:
    """Raise RouteError for a route that must not go into this live state, whoever wants it."""
    _check(control, route, datetime.now(UTC))
    _can_serve(config, route)
    if wanted in ANSWERING and route.state not in ENDED:
        refuse_outdated(control, route)
    if wanted in ANSWERING and (broken := _broken(control, route)):
        raise RouteError(f"{route.route_id} does not keep its promise: {broken}", hint=f"`modicum route rollback {route.route_id}`")
    if wanted in ANSWERING and config.policy.approver and not approved(control, route):
        raise RouteError(
            f"policy wants somebody other than {proposer(control, route) or 'its proposer'} to approve {route.route_id}",
            hint=f"they run `modicum route approve {route.route_id}`",
        )


def refuse_outdated(control: Control, route: Route) -> None:
    """Raise RouteError for a route whose evidence is older than what broke: its siblings do not come in the place of one rolled back."""
    certificate = control.certificate(route.certificate_id)
    if (since := outdated(control, find_workload(control, route.workload_id), certificate)) is not None:
        raise RouteError(
            f"a route of the same workload was rolled back on {since:%Y-%m-%d %H:%M}, and {route.route_id} is certified on older calls",
            hint=f"`modicum fit {certificate.workload_name}` certifies on newer calls",
        )


def _broken(control: Control, route: Route) -> str:
    return next((w.broken for w in control.watches() if w.route_id == route.route_id and w.since >= route.changed_at), "")


def proposer(control: Control, route: Route) -> str:
    """Who had it made. Routes that are older than this field say so in the audit log alone."""
    lines = [] if route.proposed_by else control.audited(Sought(action="route", subjects=frozenset((route.route_id,))))
    return route.proposed_by or (lines[-1].actor if lines else "")


def approved(control: Control, route: Route) -> bool:
    """Somebody other than its proposer approved it."""
    return bool(route.approved_by) and route.approved_by != proposer(control, route)


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
    """Compile what the day needs to know: workloads, live routes with their rules, covers and contracts. From the control records alone.

    A live route keeps the contract that was certified: what is found of its workload since changes nothing that callers get.

    Several processes may do it at once, each after its change: the last to write has read all changes. What is there already is left as
    it is, so that nobody reads it anew for nothing.
    """
    control = Control(config.home)
    with publishing(config.home):
        workloads = tuple(w for w in control.workloads() if not w.ignored)
        known = {w.workload_id: w for w in workloads}
        there = None
        with suppress(StoreError):  # damaged: it is written anew
            there = snapshot.read(config.home)
        contracts = _contracts(there)

        def served(route: Route) -> LiveRoute:
            its = control.certificate(route.certificate_id)
            contract = its.contract or contracts.get(route.route_id) or known[route.workload_id].contract
            return LiveRoute(route=route, rule=its.rule, cover=its.cover, expires_at=its.expires_at, contract=contract)

        routes = control.routes()
        live = [served(route) for route in routes if route.state in LIVE and route.workload_id in known]
        proposed = challengers(routes, lambda one: control.certificate(one.certificate_id))
        beside = [served(route) for route in proposed if route.workload_id in known]
        compiled = Snapshot(version=datetime.now(UTC).isoformat(), workloads=workloads, routes=tuple(live), challengers=tuple(beside))
        if there is not None and dataclasses.replace(there, version=compiled.version) == compiled:
            return there
        snapshot.write(config.home, compiled)
    return compiled


def _contracts(there: Snapshot | None) -> dict[str, Contract]:
    """What each route was read by until now: certificates that are older than this record do not say."""
    if there is None:
        return {}
    found = {one.workload_id: one.contract for one in there.workloads}
    routes = (*there.challengers, *there.routes)
    return {
        one.route.route_id: one.contract or found[one.route.workload_id] for one in routes if one.contract or one.route.workload_id in found
    }
