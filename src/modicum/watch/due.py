"""Which workloads are worth a fit now, and why. Pure: what is known goes in, a sentence comes out.

A fit opens calls that prove nothing a second time, and each attempt has less to spend than the one before. So nothing is fitted that nobody
ever asked for, nor because a day went by: only where something changed that a fit can use.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from modicum.route.steps import LIVE
from modicum.types import Certificate, Route, Workload

LEAST_CALLS = 200
"""Of a workload that was tried with another model and never fitted; and what growth is counted from at least."""
GROWN = 2.0
"""So many times the calls of the last fit are worth another one,"""
MORE = 1.5
"""... or so many where that one came to nothing and nobody could say how many it takes."""
SUSPICIOUS = 0.9
"""Of a standing detector, on the scale of the logarithm: a challenger is looked for before it rings."""


class Learnt(msgspec.Struct):
    """The last fit of a workload by the watcher."""

    at: datetime
    calls: int
    """That could train and certify then."""
    labels: int
    code: str
    """As in `Verdict`."""
    needs: int | None = None
    """Calls that were said to be missing."""
    for_route: str = ""
    """The rolled-back or suspicious route that it was made for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of one workload."""

    now: datetime
    calls: int
    """That may train and certify."""
    labels: int
    """That a certificate would take."""
    routes: Sequence[Route]
    certificates: dict[str, Certificate]
    suspicion: float = 0.0
    """Of its live route."""
    uncertified: int = 0
    """Calls that may certify of versions that no certificate knows,"""
    needed: int | None = None
    """... and how many it takes."""
    tried: bool = False
    """An attempt was declared, by `fit` or by `try`."""
    last: Learnt | None = None


def due(workload: Workload, known: Known, *, renew_days: float) -> str:
    """Why it is worth a fit; empty where it is not."""
    if workload.ignored or not workload.in_words:
        return ""
    last = known.last
    live = next((one for one in known.routes if one.state in LIVE), None)
    back = next((one for one in known.routes if one.state == "rolled_back" and not (last and last.at >= one.changed_at)), None)
    if back is not None and live is None:
        return f"{back.route_id} was rolled back"
    if known.labels and last is not None and not last.labels:
        return f"{known.labels:,} labels came, and there were none"
    if last is not None and last.labels and known.labels >= GROWN * last.labels:
        return f"{known.labels:,} labels, {last.labels:,} at the last fit"
    if live is not None and (why := _of_live(live, known, renew_days)):
        return why
    if last is None:
        if not known.tried or known.routes or known.calls < LEAST_CALLS:
            return ""  # whether a workload is worth its first attempt is a person's to say
        return f"it was tried and never fitted, and has {known.calls:,} calls"
    if last.needs is not None:
        return f"the {last.needs:,} calls came that were missing" if known.calls >= last.calls + last.needs else ""
    if last.code == "certified":
        grown = known.calls >= GROWN * max(last.calls, LEAST_CALLS)
        return f"{known.calls:,} calls, {last.calls:,} at the last fit" if grown else ""
    return f"{known.calls:,} calls, {last.calls:,} at the last fit" if known.calls >= MORE * max(last.calls, LEAST_CALLS) else ""


def missing(workloads: Sequence[Workload], calls: Mapping[str, int], fits: Mapping[str, Learnt], fitted: Collection[str]) -> dict[str, int]:
    """Of the workloads whose last fit said how many calls it lacked: how many of these are still to come. `calls`: that may train and
    certify now. Where all are there, and `fitted` just now does not hold it, the fit that they led to failed: more of them is no reason.
    """
    found = {}
    for one in workloads:
        last = fits.get(one.workload_id)
        if last is None or last.needs is None or one.ignored or not one.in_words:
            continue
        left = last.calls + last.needs - calls.get(one.workload_id, 0)
        if left > 0 or one.workload_id in fitted:
            found[one.workload_id] = max(left, 0)
    return found


def _of_live(live: Route, known: Known, renew_days: float) -> str:
    last = known.last
    lately = last is not None and last.at > known.now - timedelta(days=1)
    lacks = last is not None and last.needs is not None and known.calls < last.calls + last.needs
    if lately or lacks:
        return ""
    if (ends := expires(known, live, renew_days)) is not None:
        return f"the certificate of {live.route_id} ends on {ends:%Y-%m-%d}"
    if known.suspicion >= SUSPICIOUS and not (last is not None and last.for_route == live.route_id):
        return f"{live.route_id} is under suspicion"
    if known.needed is not None and known.uncertified >= known.needed:
        return f"{known.uncertified:,} calls came with a version of its prompt that no certificate knows"
    return ""


def expires(known: Known, live: Route, renew_days: float) -> datetime | None:
    """When the live route's certificate ends, where that is near and no other route of the workload holds longer."""
    ends = known.certificates[live.certificate_id].expires_at
    if ends > known.now + timedelta(days=renew_days):
        return None
    later = (one for one in known.routes if one.state in (*LIVE, "proposed") and one.route_id != live.route_id)
    return None if any(known.certificates[one.certificate_id].expires_at > ends for one in later) else ends
