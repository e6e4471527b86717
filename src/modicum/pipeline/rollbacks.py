"""What a rollback means for the next certificate: only calls that are newer than the alarm may carry it.

The calls before it are those under which the promise broke, or did not show that it would. They may hold what the incumbent does not say
any more, so the next specialist is planned on newer ones too, and learns from older ones only where that helps there. The attempt that
follows counts on, as every attempt of the workload does: the j-th spends delta * 6 / (pi^2 j^2).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime

from modicum.pipeline.refusing import refuse
from modicum.route.steps import ENDED, said
from modicum.store.audit import Sought
from modicum.store.control import Control
from modicum.types import Attempt, Certificate, Sample, Verdict, Workload


def rolled_back_at(control: Control, workload: Workload, attempts: Iterable[Attempt] = ()) -> datetime | None:
    """When a route of the workload was last rolled back, or one of a workload that opened calls of it; None where none ever was."""
    whose = {workload.workload_id, *(attempt.workload_id for attempt in attempts)}
    routes = frozenset(route.route_id for route in control.routes() if route.workload_id in whose)
    lines = control.audited(Sought(action="route.rolled_back", subjects=routes), limit=1)
    return lines[0].at if lines else None


def outdated(control: Control, workload: Workload, certificate: Certificate) -> datetime | None:
    """When a route of the workload was last rolled back, where that certificate opened older calls; None where all is newer.

    One made since may be outdated too: its fit was under way meanwhile.
    """
    since = rolled_back_at(control, workload)
    return since if since is not None and certificate.window_from <= since else None


def newer(attempts: Iterable[Attempt], since: datetime | None) -> list[Attempt]:
    """Those whose window began after that."""
    return [attempt for attempt in attempts if since is None or attempt.window_from > since]


def since_then(samples: Iterable[Sample], since: datetime | None) -> list[Sample]:
    """Those that are newer than that."""
    return [sample for sample in samples if since is None or sample.at > since]


def after(fingerprint: str, since: datetime | None) -> str:
    """The fingerprint of a fit that a rollback makes another one although nothing else changed."""
    return fingerprint if since is None else hashlib.sha256(f"{fingerprint} after {since.isoformat()}".encode()).hexdigest()


def stands(control: Control, workload: Workload, verdict: Verdict) -> Verdict:
    """The verdict on record, or where its route is out for good a refusal that says so: the same proposal is not made twice."""
    if verdict.route is None:
        return verdict
    route = next((one for one in control.routes(workload.workload_id) if one.route_id == verdict.route.route_id), verdict.route)
    if route.state not in ENDED:
        return verdict
    what = f"what these calls certify is {route.route_id}, and that is {said(route.state)} since {route.changed_at:%Y-%m-%d %H:%M}"
    return refuse(workload, route.state, f"{what}; another proposal needs newer calls")
