"""Every specialist that may answer: what it is, whose answers it learnt from, what was promised of it, who let it.

Gathered from the records and from the manifests of artefacts; each artefact is read whole and its digests are checked on the way. What is
not known is None or empty, and stands so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from modicum.artefact import About, Artefact, Artefacts, Base, Teacher, about_of
from modicum.backends.model import model_of
from modicum.backends.specialist import SPECIALIST_FILE
from modicum.errors import ArtefactError
from modicum.report.owners import NOBODY, owners
from modicum.report.standing import STATE_ORDER
from modicum.store.audit import AuditEntry, Sought
from modicum.store.control import Control
from modicum.store.erased import erased_among
from modicum.types import Certificate, PromiseKind, Route, RouteState, TierName, Verdict, Workload

RETIRED = ("retired",)
"""States that only `everything` shows."""
ANSWERING = ("route.canary", "route.on")
"""Actions of the audit log from which on callers get a route's answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastAudit:
    """When a route's promise was last checked, and how often in its present state."""

    at: datetime | None
    audits: int
    broken: str = ""
    """Which test says that the promise does not hold any more; empty: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Who did something, and when."""

    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a specialist is made of, as its manifest says."""

    kind: str
    """Of specialist: linear, encoder, ...; empty: unknown."""
    tier: TierName | None
    """As the fit that made it called it; None: unknown, or tried and not fitted."""
    size_bytes: int | None
    model: str | None
    """`provider/model` where it is another model and has no weights here."""
    bases: tuple[Base, ...]
    """The models that it was made from, with their licences."""
    teachers: tuple[Teacher, ...]
    """Whose answers it learnt from."""
    trained_on: int | None
    """Calls."""
    trained_from: datetime | None
    trained_to: datetime | None
    erased_since: int
    """Of the calls that it learnt from."""
    fault: str
    """Why its artefact cannot be used; empty: every digest of it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promised:
    """What its certificate says."""

    certificate_id: str
    kind: PromiseKind
    sentence: str
    margin: float
    max_selective: float
    confidence: float
    coverage: float
    groups: int
    """Distinct requests that were held out to prove it."""
    window_from: datetime
    window_to: datetime
    incumbents: tuple[str, ...]
    """Whom it stands in for, and who takes what it defers."""
    created_at: datetime
    expires_at: datetime
    is_expired: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Specialist:
    """One line of the inventory."""

    route_id: str
    workload_id: str
    workload: str
    scope: str
    task: str
    """Empty where the workload is gone."""
    owner: str
    purpose: str
    state: RouteState
    state_since: datetime
    state_by: str
    share: float | None
    """In canary: the share of conversations that get its answers."""
    artefact_digest: str
    made: Made
    promised: Promised
    last_audit: LastAudit | None
    """None: its promise was not checked yet since it was proved."""
    proposed: Deed | None
    approved_by: str | None
    """Where policy asks for somebody, or somebody did unasked."""
    switched_on: Deed | None
    """Who last let callers have its answers."""


class _Kind(msgspec.Struct):
    kind: str = ""


def listed(control: Control, *, scope: str | None = None, everything: bool = False) -> list[Route]:
    """The routes that the inventory is of, in its order: by scope, workload, and how much they answer."""
    names = _names(control)
    routes = [route for route in control.routes() if scope in (None, route.scope) and (everything or route.state not in RETIRED)]
    return sorted(
        routes, key=lambda one: (one.scope, names.get(one.workload_id, ""), one.workload_id, STATE_ORDER[one.state], one.route_id)
    )


def specialists(home: Path, routes: Sequence[Route], *, audited: Mapping[str, LastAudit], now: datetime) -> tuple[Specialist, ...]:
    """These routes as lines of the inventory. `audited`: by route, what those who watch them know."""
    control, artefacts = Control(home), Artefacts(home / "artefacts")
    workloads = {one.workload_id: one for one in control.workloads()}
    owned = owners(control.decisions())
    tiers = _tiers(control.verdicts())
    deeds = control.audited(Sought(subjects=frozenset(route.route_id for route in routes)))[::-1]
    found = []
    for route in routes:
        workload, said = workloads.get(route.workload_id), owned.get(route.workload_id, NOBODY)
        certificate = control.certificate(route.certificate_id)
        proposed, switched_on = _deeds(route, deeds)
        found.append(
            Specialist(
                route_id=route.route_id,
                workload_id=route.workload_id,
                workload=workload.name if workload else certificate.workload_name,
                scope=route.scope,
                task=_task(workload),
                owner=said.owner,
                purpose=said.purpose,
                state=route.state,
                state_since=route.changed_at,
                state_by=route.changed_by,
                share=route.share if route.state == "canary" else None,
                artefact_digest=route.artefact_digest,
                made=_made(home, artefacts, route.artefact_digest, tiers.get(route.artefact_digest)),
                promised=promised(certificate, now),
                last_audit=audited.get(route.route_id),
                proposed=proposed,
                approved_by=route.approved_by or None,
                switched_on=switched_on,
            )
        )
    return tuple(found)


def _names(control: Control) -> dict[str, str]:
    return {one.workload_id: one.name for one in control.workloads()}


def _task(workload: Workload | None) -> str:
    return "" if workload is None else workload.task


def _tiers(verdicts: Sequence[Verdict]) -> dict[str, TierName]:
    """Artefact -> what the fit that made it called it."""
    return {
        verdict.route.artefact_digest: tier.name
        for verdict in verdicts
        if verdict.route is not None
        for tier in verdict.tiers
        if tier.chosen
    }


def _deeds(route: Route, lines: Sequence[AuditEntry]) -> tuple[Deed | None, Deed | None]:
    """(who proposed it, who last let it answer callers), as the record says; oldest first."""
    its = [line for line in lines if line.subject == route.route_id]
    first = next((line for line in its if line.action == "route.proposed"), None)
    proposed = None if first is None else Deed(by=route.proposed_by or first.actor, at=first.at)
    on: Deed | None = None
    answers = False
    for line in its:
        if line.action in ANSWERING and not answers:
            on = Deed(by=line.actor, at=line.at)
        if line.action.removeprefix("route.") in STATE_ORDER:
            answers = line.action in ANSWERING
    return proposed, on


def _made(home: Path, artefacts: Artefacts, digest: str, tier: TierName | None) -> Made:
    artefact: Artefact | None = None
    about, model, kind, fault = About(), None, "", ""
    try:
        artefact = artefacts.read(digest)
        about, kind = about_of(artefact.about), _kind(artefact)
        stage = model_of(artefact)
        model = None if stage is None else stage.name
    except ArtefactError as error:
        fault = error.message
    training = about.training
    return Made(
        kind=kind,
        tier=tier,
        size_bytes=None if artefact is None or model is not None else artefact.size_bytes,
        model=model,
        bases=about.bases,
        teachers=about.teachers,
        trained_on=None if training is None else training.calls,
        trained_from=None if training is None else training.first_at,
        trained_to=None if training is None else training.last_at,
        erased_since=len(erased_among(home, artefacts.learnt_from(digest))) if artefact is not None else 0,
        fault=fault,
    )


def _kind(artefact: Artefact) -> str:
    try:
        return msgspec.json.decode(artefact.files.get(SPECIALIST_FILE, b"{}"), type=_Kind).kind[:40]
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return ""


def promised(certificate: Certificate, now: datetime) -> Promised:
    """What a certificate says, at a time."""
    return Promised(
        certificate_id=certificate.certificate_id,
        kind=certificate.kind,
        sentence=certificate.sentence,
        margin=certificate.margin,
        max_selective=certificate.max_selective,
        confidence=certificate.confidence,
        coverage=certificate.coverage,
        groups=certificate.groups,
        window_from=certificate.window_from,
        window_to=certificate.window_to,
        incumbents=certificate.cover.incumbents,
        created_at=certificate.created_at,
        expires_at=certificate.expires_at,
        is_expired=certificate.expires_at <= now,
    )
