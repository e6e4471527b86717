"""What happens now: two looks at a gateway's figures -> one frame of `modicum top`. Pure; reading and drawing are done elsewhere.

Counts are of the time between the two looks, or since the gateway began where there is one look alone. What the incumbent would have cost
is what it cost, plus the calls that the stage answered times what it takes for such a call: the mean over those that chance put before it
though the stage would have answered. That mean and the agreement are of the whole run, for a minute holds few of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from modicum.types import Notice
from modicum.wire.prometheus import Labels, Samples

Sort = Literal["requests", "spend", "suspicion", "name"]
SORTS: tuple[Sort, ...] = ("requests", "spend", "suspicion", "name")
DRAWN = ("control", "canary")
"""Reasons by which chance kept a call from a live route."""
DEFERRED = ("below_threshold", "protected_label", "not_covered", "expired", "failed", "under_way", "unwatched")
"""Reasons by which a live route did not answer."""
ELSEWHERE = ("observe", "bypass", "no_route", "under_way", "unwatched")
"""Reasons that say nothing of a stage: it was not asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One workload. Shares are 0 to 1, None where there is nothing to divide by; money is dollars, of the frame's time."""

    scope: str
    workload: str
    state: str | None
    """Of its route; None: it has none."""
    requests: float
    requests_s: float | None
    coverage: float | None
    """Of the calls that a stage was asked about, those that it answered or would have."""
    ours_p50_ms: float | None
    ours_p95_ms: float | None
    theirs_p50_ms: float | None
    theirs_p95_ms: float | None
    compared: float
    """Audits of the whole run where the stage would have answered."""
    agreement: float | None
    """Of these, those where both said the same; answers that cannot be read count against it."""
    spend_usd: float | None
    baseline_usd: float | None
    audits: float | None = None
    """Of the route's present step, by the watcher."""
    suspicion: float | None = None
    warnings: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Everything on the screen. The units are those of `Line`."""

    at: datetime
    seconds: float | None
    """How long it speaks of; None: unknown."""
    whole_run: bool
    """Since the gateway began."""
    version: str
    workers: int
    in_flight: int
    requests: float
    requests_s: float | None
    specialist: float | None
    control: float | None
    deferred: float | None
    provider: float | None
    """The incumbent, for calls that no live route was asked about."""
    nobody: float | None
    p50_ms: float | None
    p95_ms: float | None
    overhead_p95_ms: float | None
    spend_usd: float | None
    baseline_usd: float | None
    """The spend, where no stage answered anything."""
    unpriced: float
    """Answers of providers whose price is not known: both sums lack them."""
    dropped: float
    """Calls that could not be recorded."""
    alarms: Mapping[str, float]
    """The gateway's own, by kind, of the frame's time."""
    watched_s: float | None
    """Since the watcher last wrote down what it saw; None: it never did."""
    noticed: Mapping[str, float]
    """What the watcher ever told of, by kind."""
    lines: tuple[Line, ...]
    notices: tuple[Notice, ...] = ()
    """Newest first."""


@dataclass(frozen=True, slots=True)
class Look:
    """What was read at one moment."""

    at: datetime
    samples: Samples


def frame(now: Look, before: Look | None = None, *, notices: Sequence[Notice] = (), sort: Sort = "requests") -> Frame:
    """The frame between two looks; since the gateway began without one before."""
    counts = _since(now.samples, before.samples if before is not None else {})
    starts = _values(now.samples, "process_start_time_seconds")
    began = before.at.timestamp() if before is not None else min(starts, default=None)
    seconds = None if began is None else max(now.at.timestamp() - began, 1e-3)
    of_calls = counts.get("modicum_requests_total", {})
    total = sum(of_calls.values())
    whole = _whole(counts, "modicum_request_duration_seconds")
    overhead = _whole(counts, "modicum_overhead_seconds")
    lines = _lines(now.samples, counts, seconds)
    unpriced, cost = sum(_values(counts, "modicum_calls_without_cost_total")), _values(counts, "modicum_cost_usd_total")
    spend = sum(cost) if cost else None
    # What routes changed, on top of what was spent: calls outside of workloads cost what they cost.
    missing = [line for line in lines if line.spend_usd is not None and line.baseline_usd is None]
    change = sum((line.baseline_usd or 0.0) - (line.spend_usd or 0.0) for line in lines if line not in missing)
    looked = max(_values(now.samples, "modicum_watch_looked_timestamp_seconds"), default=None)
    return Frame(
        at=now.at,
        seconds=seconds,
        whole_run=before is None,
        version=next((dict(labels).get("version", "") for labels in now.samples.get("modicum_build_info", {})), ""),
        workers=int(sum(_values(now.samples, "modicum_workers"))),
        in_flight=int(sum(_values(now.samples, "modicum_in_flight_requests"))),
        requests=total,
        requests_s=None if seconds is None else total / seconds,
        specialist=_share(of_calls, total, answered_by=("specialist",)),
        control=_share(of_calls, total, answered_by=("provider",), reason=DRAWN),
        deferred=_share(of_calls, total, answered_by=("provider",), reason=DEFERRED),
        provider=_rest(of_calls, total),
        nobody=_share(of_calls, total, answered_by=("nobody",)),
        p50_ms=quantile(whole, 0.5),
        p95_ms=quantile(whole, 0.95),
        overhead_p95_ms=quantile(overhead, 0.95),
        spend_usd=spend,
        baseline_usd=None if spend is None or missing else spend + change,
        unpriced=unpriced,
        dropped=sum(_values(counts, "modicum_records_dropped_total")),
        alarms={dict(labels).get("kind", ""): n for labels, n in counts.get("modicum_alarms_total", {}).items() if n},
        watched_s=None if looked is None else max(now.at.timestamp() - looked, 0.0),
        noticed={dict(labels).get("kind", ""): n for labels, n in now.samples.get("modicum_watch_notices_total", {}).items()},
        lines=tuple(sorted(lines, key=_ORDERS[sort])),
        notices=tuple(sorted(notices, key=lambda notice: -notice.number)),
    )


def restarted(now: Samples, before: Samples) -> bool:
    """Another gateway than before: a count went back."""
    return any(
        value > now.get(name, {}).get(labels, 0.0)
        for name in ("modicum_requests_total", "modicum_alarms_total")
        for labels, value in before.get(name, {}).items()
    )


def quantile(buckets: Mapping[float, float], share: float) -> float | None:
    """Milliseconds below which this share lies, by cumulative counts up to each bound in seconds, straight within a bucket."""
    bounds = sorted(buckets)
    total = buckets[bounds[-1]] if bounds else 0.0
    if total <= 0:
        return None
    wanted, low, below = share * total, 0.0, 0.0
    for bound in bounds:
        count = buckets[bound]
        if count >= wanted:
            if bound == float("inf"):
                return low * 1000  # all that is known: at least so much
            return (low + (bound - low) * (wanted - below) / max(count - below, 1e-12)) * 1000
        low, below = bound, count
    return low * 1000


def _lines(now: Samples, counts: Samples, seconds: float | None) -> list[Line]:
    routes = _routes(now)
    keys = {_of(labels) for labels in counts.get("modicum_workload_requests_total", {})} | set(routes)
    return [_line(key, routes.get(key), now, counts, seconds) for key in sorted(keys)]


def _line(key: tuple[str, str], route: tuple[str, str] | None, now: Samples, counts: Samples, seconds: float | None) -> Line:
    by_reason = _by(counts, "modicum_workload_requests_total", key, "reason")
    audits, outcomes = _by(now, "modicum_audits_total", key, "outcome"), _by(counts, "modicum_audits_total", key, "outcome")
    cost = _by(counts, "modicum_workload_cost_usd_total", key, "arm")
    requests = sum(by_reason.values())
    answered = by_reason.get("answered", 0.0)
    asked = requests - sum(by_reason.get(one, 0.0) for one in ELSEWHERE) - outcomes.get("not_compared", 0.0)
    would = sum(outcomes.get(one, 0.0) for one in _SPOKE)
    compared = sum(audits.get(one, 0.0) for one in _SPOKE)
    ours, theirs = _spread(counts, key, "specialist"), _spread(counts, key, "provider")
    if not ours:  # in shadow nobody waits for it: what it took itself is all there is
        ours = _buckets((labels, n) for labels, n in counts.get("modicum_stage_duration_seconds_bucket", {}).items() if _of(labels) == key)
    state, route_id = route if route is not None else (None, None)
    known = sum(_by(counts, "modicum_workload_priced_calls_total", key, "arm").values()) > 0
    baseline: float | None = sum(cost.get(arm, 0.0) for arm in ("drawn", "deferred"))
    if answered and baseline is not None:
        drawn = _by(now, "modicum_workload_priced_calls_total", key, "arm").get("drawn", 0.0)
        mean = _by(now, "modicum_workload_cost_usd_total", key, "arm").get("drawn", 0.0) / drawn if drawn else None
        baseline = None if mean is None else baseline + answered * mean
    return Line(
        scope=key[0],
        workload=key[1],
        state=state,
        requests=requests,
        requests_s=None if seconds is None else requests / seconds,
        coverage=(answered + would) / asked if asked > 0 and route is not None else None,
        ours_p50_ms=quantile(ours, 0.5),
        ours_p95_ms=quantile(ours, 0.95),
        theirs_p50_ms=quantile(theirs, 0.5),
        theirs_p95_ms=quantile(theirs, 0.95),
        compared=compared,
        agreement=audits.get("agreed", 0.0) / compared if compared else None,
        spend_usd=sum(cost.values()) if known else None,
        baseline_usd=baseline if known else None,
        audits=_of_route(now, "modicum_route_audits", route_id),
        suspicion=_of_route(now, "modicum_route_suspicion", route_id),
        warnings=_of_route(now, "modicum_route_warnings", route_id),
    )


_SPOKE = ("agreed", "differed", "unread")
_LIVELY = ("on", "canary", "shadow")


def _routes(now: Samples) -> dict[tuple[str, str], tuple[str, str]]:
    """(scope, workload) -> (state, id) of its route; of several the one that does most, then the one that changed last."""
    changed = {dict(labels).get("route", ""): value for labels, value in now.get("modicum_route_changed_timestamp_seconds", {}).items()}
    found: dict[tuple[str, str], tuple[str, str]] = {}
    rows = [dict(labels) for labels, value in now.get("modicum_route_state", {}).items() if value]
    rows.sort(key=lambda row: (row.get("state") not in _LIVELY, -changed.get(row.get("route", ""), 0.0)))
    for row in rows:
        found.setdefault((row.get("scope", ""), row.get("workload", "")), (row.get("state", ""), row.get("route", "")))
    return found


def _of_route(now: Samples, name: str, route_id: str | None) -> float | None:
    return next((value for labels, value in now.get(name, {}).items() if ("route", route_id) in labels), None)


def _of(labels: Labels) -> tuple[str, str]:
    found = dict(labels)
    return found.get("scope", ""), found.get("workload", "")


def _by(counts: Samples, name: str, key: tuple[str, str], label: str) -> dict[str, float]:
    return {dict(labels).get(label, ""): value for labels, value in counts.get(name, {}).items() if _of(labels) == key and value}


def _spread(counts: Samples, key: tuple[str, str], answered_by: str) -> dict[float, float]:
    rows = counts.get("modicum_workload_duration_seconds_bucket", {}).items()
    return _buckets((labels, n) for labels, n in rows if _of(labels) == key and ("answered_by", answered_by) in labels)


def _whole(counts: Samples, name: str) -> dict[float, float]:
    return _buckets(counts.get(f"{name}_bucket", {}).items())


def _buckets(rows: Iterable[tuple[Labels, float]]) -> dict[float, float]:
    found: dict[float, float] = {}
    for labels, value in rows:
        try:
            bound = float(dict(labels).get("le", "nan"))
        except ValueError:
            continue
        if bound == bound:
            found[bound] = found.get(bound, 0.0) + value
    return found


def _since(now: Samples, before: Samples) -> dict[str, dict[Labels, float]]:
    return {name: {labels: value - before.get(name, {}).get(labels, 0.0) for labels, value in rows.items()} for name, rows in now.items()}


def _values(samples: Samples, name: str) -> list[float]:
    return list(samples.get(name, {}).values())


def _share(rows: Mapping[Labels, float], total: float, **wanted: Sequence[str]) -> float | None:
    if total <= 0:
        return None
    return sum(n for labels, n in rows.items() if all(dict(labels).get(name) in values for name, values in wanted.items())) / total


def _rest(rows: Mapping[Labels, float], total: float) -> float | None:
    if total <= 0:
        return None
    asked = {*DRAWN, *DEFERRED}
    return (
        sum(
            n for labels, n in rows.items() if (found := dict(labels)).get("answered_by") == "provider" and found.get("reason") not in asked
        )
        / total
    )


def _suspicion(line: Line) -> tuple[float, float, str]:
    return (-(line.suspicion or 0.0), -line.requests, line.workload)


_ORDERS = {
    "requests": lambda line: (-line.requests, line.workload),
    "spend": lambda line: (-(line.spend_usd or 0.0), -line.requests, line.workload),
    "suspicion": _suspicion,
    "name": lambda line: (line.workload, line.scope),
}
