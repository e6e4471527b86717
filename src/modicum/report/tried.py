"""Which other models were tried on a workload's calls, and with what verdict: the store's attempts in, records out.

Another model is what `modicum try` asked: a provider's, one on the team's own server, an adapter there. What `fit` builds has a rung of its
own. A trial that ended with its pilot declared nothing, and is not among them.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from modicum.artefact import Artefacts
from modicum.backends.model import ModelStage, model_of
from modicum.errors import ArtefactError
from modicum.report.rungs import TriedModel
from modicum.report.standing import best_routes
from modicum.store.control import Control
from modicum.types import Route, Workload

BY_TRY = "try-"
"""How the ids of its attempts begin: those of `fit` are passed over before their weights are read."""


def tried(
    control: Control, artefacts: Artefacts, workloads: Iterable[Workload], routes: Iterable[Route]
) -> dict[str, tuple[TriedModel, ...]]:
    """By workload, each model once by its latest attempt: what has a route first, then the newest."""
    by_artefact: dict[tuple[str, str], list[Route]] = {}
    for route in routes:
        by_artefact.setdefault((route.workload_id, route.artefact_digest), []).append(route)
    found = {}
    for workload in workloads:
        models = dict[str, TriedModel]()
        for attempt in sorted(control.attempts(workload.workload_id), key=lambda one: one.created_at):
            stage = _stage(artefacts, attempt.artefact_digest) if attempt.attempt_id.startswith(BY_TRY) else None
            if stage is None:
                continue
            verdict = control.verdict(attempt.fingerprint)
            routes_of = best_routes(by_artefact.get((workload.workload_id, attempt.artefact_digest), ()))
            its = routes_of.get(workload.workload_id)
            models[stage.name] = TriedModel(
                name=stage.name,
                model=stage.model,
                attempt_id=attempt.attempt_id,
                at=attempt.created_at,
                groups=attempt.groups,
                verdict="open" if verdict is None else "certified" if verdict.verdict == "certified" else "unproven",
                code="" if verdict is None else verdict.code,
                reason="" if verdict is None else verdict.reason,
                needs_labels=None if verdict is None else verdict.needs_labels,
                certificate=None if verdict is None else verdict.certificate,
                route_id=None if its is None else its.route_id,
                route_state=None if its is None else its.state,
            )
        if models:
            found[workload.workload_id] = tuple(sorted(models.values(), key=_order))
    return found


def _order(one: TriedModel) -> tuple[bool, bool, float]:
    return one.route_id is None, one.verdict != "certified", -one.at.timestamp()


def _stage(artefacts: Artefacts, digest: str) -> ModelStage | None:
    with suppress(ArtefactError):  # one that is damaged or gone is told of elsewhere
        return model_of(artefacts.read(digest))
    return None
