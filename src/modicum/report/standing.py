"""Where a workload stands: what is proposed or on for it, or why nothing is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from modicum.report import words
from modicum.report.records import IN_FORCE, State
from modicum.types import Certificate, Route, Verdict, Workload
from modicum.workload import classifiable, extractable

STATE_ORDER = {"on": 0, "canary": 1, "shadow": 2, "proposed": 3, "paused": 4, "rolled_back": 5, "retired": 6}
NOT_YET = {
    "free_text": "its answers are free text, which a classifier cannot write",
    "spans": "its answers copy passages of the request into records that no extractor here can take apart",
    "tools": "its answers call tools with open arguments",
    "open_numbers": "its answers are numbers without a fixed set of values",
    "numbers_of_a_model": "a model made for it answers it already, in vectors or ranks that no other one gives",
    "thin_template": "its prompt has too little fixed text to recognise a request safely",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """State with its ground: a certificate in one direction, a code with a reason in the other."""

    state: State
    route: Route | None = None
    certificate: Certificate | None = None
    verdict: Verdict | None = None
    code: str = ""
    reason: str = ""


def standing(
    workload: Workload, route: Route | None, verdict: Verdict | None, certificates: Mapping[str, Certificate], now: datetime
) -> Standing:
    """`route`: the best of the workload's; `verdict`: its latest."""
    if route is None and verdict is not None:
        route = verdict.route
    certificate = certificates.get(route.certificate_id) if route is not None else None
    if certificate is None and route is not None and verdict is not None and verdict.certificate is not None:
        certificate = verdict.certificate if verdict.certificate.certificate_id == route.certificate_id else None
    refused = verdict is not None and verdict.verdict == "refused"
    state: State
    code = reason = ""
    if workload.ignored:
        state = "ignored"
    elif route is not None and certificate is not None and not (route.state == "retired" and refused):
        state = "expired" if certificate.expires_at <= now and route.state in IN_FORCE else route.state
    elif verdict is not None and refused:
        state, code, reason = "refused", verdict.code, verdict.reason
    elif why := unsuited(workload):
        state, code, reason = "unsuited", why, NOT_YET.get(why, why)
    elif not workload.contract.can_be_served:
        state, code, reason = "needs_reading", "needs_reading", unread(workload)
    else:
        state = "not_tried"
    return Standing(state=state, route=route, certificate=certificate, verdict=verdict, code=code, reason=reason)


def unsuited(workload: Workload) -> str | None:
    """Why no small model can be fitted to it, as a key of NOT_YET."""
    if not workload.in_words:
        return "numbers_of_a_model"
    if not workload.routable:
        return "thin_template"
    return None if extractable(workload.contract) else classifiable(workload.contract)


def unread(workload: Workload) -> str:
    """What has to be said before answers that say more than what is read from them can be given by a small model."""
    as_what = "json" if workload.contract.kind == "object" else "label"
    return (
        f"{words.percent(workload.contract.discarded_share)} of its answers say more than what is read from them; where that may be"
        f" left out, `modicum workloads set {workload.workload_id} --read {as_what}` says so"
    )


def best_routes(routes: Iterable[Route]) -> dict[str, Route]:
    """The route that counts for each workload: on before canary, shadow, proposed, paused, rolled back and retired, then the newest."""
    best: dict[str, Route] = {}
    for route in sorted(routes, key=lambda r: (-STATE_ORDER[r.state], r.changed_at)):
        best[route.workload_id] = route
    return best
