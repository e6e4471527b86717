"""Where a specialist comes from: the record that its manifest carries, and which ones learnt from calls that were erased since."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modicum.artefact import About, Artefacts, Base, Teacher, Training, about_of, digest_of
from modicum.errors import ArtefactError
from modicum.route.steps import ENDED
from modicum.store.control import Control
from modicum.store.erased import erased_among
from modicum.types import RouteState, Sample, Workload
from modicum.version import __version__

METRICS = ("out_of_fold_agreement", "drift_agreement", "drift_loss")
"""What trainers say that is a measure of the specialist; the rest are their settings and counts."""


def describe(workload: Workload, learnt: Sequence[Sample], said: Mapping[str, Any]) -> About:
    """The record of a specialist that learnt from these calls; `said` is what its trainer says of it."""
    answered = Counter((s.incumbent, s.provider or "") for s in learnt if s.value is not None)
    return About(
        workload=workload.name,
        trainer=str(said.get("trainer", "")),
        code_version=__version__,
        bases=bases_of(said),
        teachers=tuple(
            Teacher(model=model, provider=provider, scope=workload.scope, calls=calls)
            for (model, provider), calls in sorted(answered.items())
        ),
        training=Training(
            calls=len(learnt),
            digest=digest_of(s.call_id for s in learnt),
            first_at=min(s.at for s in learnt),
            last_at=max(s.at for s in learnt),
        ),
        metrics={name: float(said[name]) for name in METRICS if name in said},
        settings={name: value for name, value in said.items() if name not in ("trainer", *METRICS)},
    )


def bases_of(said: Mapping[str, Any]) -> tuple[Base, ...]:
    """The bases that a trainer names, those of a chain's halves included."""
    own = (
        [
            Base(
                name=str(said["base"]),
                revision=str(said.get("base_revision", "")),
                licence=str(said.get("base_licence", "")),
                weights_sha256=str(said.get("base_weights_sha256", "")),
            )
        ]
        if said.get("base")
        else []
    )
    within = [base for part in said.values() if isinstance(part, Mapping) for base in bases_of(part)]
    return tuple(dict.fromkeys(own + within))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale:
    """A specialist that may be asked and learnt from calls that were erased since."""

    digest: str
    workload: str
    route_id: str
    state: RouteState
    erased: int
    """Of the calls that it learnt from."""
    learnt_from: int


def to_refit(home: Path) -> tuple[Stale, ...]:
    """The specialists with a route that may answer, whose training calls are not all there any more, those in use first."""
    artefacts, found = Artefacts(home / "artefacts"), []
    for route in Control(home).routes():
        learnt = artefacts.learnt_from(route.artefact_digest) if route.state not in ENDED else frozenset()
        if gone := erased_among(home, learnt):
            found.append(
                Stale(
                    digest=route.artefact_digest,
                    workload=_workload(artefacts, route.artefact_digest) or route.workload_id,
                    route_id=route.route_id,
                    state=route.state,
                    erased=len(gone),
                    learnt_from=len(learnt),
                )
            )
    return tuple(sorted(found, key=lambda one: (one.state == "proposed", one.workload, one.route_id)))


def _workload(artefacts: Artefacts, digest: str) -> str:
    try:
        return about_of(artefacts.read(digest).about).workload
    except ArtefactError:  # damaged, or deleted: it is to be made anew all the more
        return ""
