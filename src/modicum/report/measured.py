"""What routes saved, measured: calls that the coin gave to a route against calls that it kept with the incumbent.

Opens the stores for the calls of live routes; the rest is pure. Three figures of the same calls stand beside one another: *assumed* is what
the certificate's coverage promised, *measured* what the kept calls say that the others would have cost, less what they did cost and what
proving it took, *invoiced* the same with the provider's invoice in place of what was recorded. The kept calls save nothing and count for
nothing; what they cost is what an incumbent costs anyway.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import numpy as np

from modicum.config import Config
from modicum.errors import NotEnoughDataError
from modicum.evaluate.told import Told
from modicum.report.invoiced import held_against
from modicum.report.sides import Ends, Measured, MeasuredSaving
from modicum.report.units import RESOLVED
from modicum.stats.arms import counterfactual
from modicum.stats.clusters import rate_interval, weighted_mean
from modicum.store import feedback
from modicum.store.arms import ArmRow, arms
from modicum.store.control import Control
from modicum.types import Certificate, Feedback

KEPT = ("control", "canary", "unwatched", "shadow")
"""Reasons for which the incumbent answers whatever is asked."""
CONFIDENCE = 0.95


def measured(config: Config, *, scope: str | None = None, since: datetime | None = None, until: datetime | None = None) -> Measured:
    """Of all calls under the home, of one scope, with `since <= started_at < until`."""
    control = Control(config.home)
    coverage = {one.certificate_id: one for one in control.certificates()}
    routes = {one.route_id: coverage.get(one.certificate_id) for one in control.routes()}
    found: dict[tuple[str, str], list[ArmRow]] = defaultdict(list)
    for row in arms(config.home, scope=scope, since=since, until=until) if routes else ():
        found[row.scope, row.decision.route_id or ""].append(row)
    said: dict[str, list[Feedback]] = defaultdict(list)
    for one in feedback.read(config.home, scope) if found else ():
        said[one.scope].append(one)
    told = {name: Told.of(rows) for name, rows in said.items()}
    prices = Decimal(config.report.cpu_hour_usd), Decimal(config.report.label_usd)
    lines = [
        line
        for (of_scope, route_id), rows in sorted(found.items())
        if (line := saving(rows, routes.get(route_id), told.get(of_scope, Told()), cpu_hour_usd=prices[0], label_usd=prices[1])) is not None
    ]
    return _with_invoice(config, together(lines), scope)


def saving(
    rows: Sequence[ArmRow], certificate: Certificate | None, told: Told, *, cpu_hour_usd: Decimal, label_usd: Decimal
) -> MeasuredSaving | None:
    """Of one route's calls; what comparing took where it was given none, None where that was nothing."""
    given = [row for row in rows if not _is_kept(row) and not _is_shadow(row)]
    kept = [_at_incumbents_cost(row) for row in rows if _is_kept(row) and 0 < (row.decision.propensity or 0) < 1]
    paid = [(row, cost) for row in given if (cost := _cost(row)) is not None]
    known = [row for row in kept if row.cost_usd is not None]
    cost_usd = sum((cost for _, cost in paid), Decimal(0))
    compared = sum((row.decision.stage_cost_usd or Decimal(0) for row in rows if row.decision.reason in KEPT), Decimal(0))
    hours = sum(row.decision.stage_ms or 0.0 for row in rows if row.decision.stage_model is None) / 3_600_000
    compute = Decimal(f"{hours:.9f}") * cpu_hour_usd
    named = {name for row in rows for name in (row.call_id, row.response_id) if name}
    labels = sum(name in named for name in told.labels)
    beside = compared + compute + labels * label_usd
    if not given and not beside:
        return None
    line = MeasuredSaving(
        workload_id=rows[0].workload_id or "",
        scope=rows[0].scope,
        route_id=rows[0].decision.route_id or "",
        since=min(row.started_at for row in rows),
        until=max(row.started_at for row in rows),
        calls=len(given),
        kept=len(kept),
        conversations=len({_conversation(row) for row in kept}),
        unpriced=len(given) - len(paid) + len(kept) - len(known),
        cost_usd=cost_usd,
        compared_usd=compared,
        compute_usd=compute,
        labels=labels,
        labels_usd=labels * label_usd,
        audits=sum(row.decision.would_answer is True for row in kept),
        differed=sum(row.decision.would_answer is True and row.decision.agreed is not True for row in kept),
        ends=_ends(given, kept, told),
    )
    if not given:  # nothing was saved, and nothing is estimated
        nothing = Decimal(0)
        return replace(
            line, would_have_usd=nothing, gross_usd=nothing, net_usd=-beside, low_usd=-beside, high_usd=-beside, assumed_usd=nothing
        )
    return _estimated(line, [row for row, _ in paid], known, certificate)


def _estimated(line: MeasuredSaving, given: Sequence[ArmRow], kept: Sequence[ArmRow], certificate: Certificate | None) -> MeasuredSaving:
    lengths = all(row.chars is not None for row in (*given, *kept))
    treated = np.array([row.chars for row in given], dtype=float) if lengths else len(given)
    found = counterfactual(
        np.array([float(row.cost_usd or 0) for row in kept]),
        np.array([_odds(row) for row in kept]),
        _numbered(kept),
        np.array([row.chars for row in kept], dtype=float) if lengths else None,
        treated,
        confidence=CONFIDENCE,
    )
    if found is None:
        return line
    would, beside = Decimal(f"{found.mean * len(given):.9f}"), line.compared_usd + line.compute_usd + line.labels_usd

    def less(mean: float | None) -> Decimal | None:
        return None if mean is None else Decimal(f"{mean * len(given):.9f}") - line.cost_usd - beside

    return replace(
        line,
        would_have_usd=would,
        gross_usd=would - line.cost_usd,
        net_usd=less(found.mean),
        low_usd=less(found.low),
        high_usd=less(found.high),
        assumed_usd=None if certificate is None else would * Decimal(repr(certificate.coverage_calls)),
    )


def together(lines: Iterable[MeasuredSaving]) -> Measured:
    """The sums. Routes are independent of each other: their errors add up by squares (Zou & Donner 2008)."""
    lines = tuple(lines)
    known = [line for line in lines if line.net_usd is not None]
    if not known:
        return Measured(routes=lines)
    net = sum((line.net_usd or Decimal(0) for line in known), Decimal(0))
    low = high = None
    if all(line.low_usd is not None and line.high_usd is not None for line in known):
        below = sum(float((line.net_usd or 0) - (line.low_usd or 0)) ** 2 for line in known) ** 0.5
        above = sum(float((line.high_usd or 0) - (line.net_usd or 0)) ** 2 for line in known) ** 0.5
        low, high = net - Decimal(f"{below:.9f}"), net + Decimal(f"{above:.9f}")
    assumed = [line.assumed_usd for line in known if line.assumed_usd is not None]
    whole = sum(assumed, Decimal(0)) if len(assumed) == len(known) else None
    return Measured(routes=lines, assumed_usd=whole, net_usd=net, low_usd=low, high_usd=high)


def _with_invoice(config: Config, found: Measured, scope: str | None) -> Measured:
    if found.net_usd is None:
        return found
    first = f"{min(line.since for line in found.routes):%Y-%m-%d}"
    last = f"{max(line.until for line in found.routes):%Y-%m-%d}"
    try:
        held, _ = held_against(config, (), scope=scope)
    except NotEnoughDataError:
        return replace(found, invoiced_why="no usage or cost export of a provider was imported")
    if held.from_day > first or held.to_day < last:
        return replace(
            found, invoiced_why=f"exports tell of {held.from_day} to {held.to_day}, the routes' calls are from {first} to {last}"
        )
    more = sum((row.invoice_usd - row.recorded_usd for row in held.rows if first <= row.day <= last), Decimal(0))
    return replace(found, invoiced_usd=found.net_usd - more)


def _cost(row: ArmRow) -> Decimal | None:
    """What a call of the route's cost, what its stage took included; None where nobody knows."""
    own, stage = row.decision.reason in ("answered", "degraded"), row.decision.stage_cost_usd
    if row.decision.stage_model is None:
        return Decimal(0) if own and row.cost_usd is None else row.cost_usd
    if own:
        return row.cost_usd if row.cost_usd is not None else stage
    return None if row.cost_usd is None else row.cost_usd + (stage or Decimal(0))


def _is_kept(row: ArmRow) -> bool:
    """Did the coin keep it? What became of it later changes no side: in an outage the stage may answer what was kept, as `degraded`."""
    decision = row.decision
    return decision.reason in KEPT or (decision.reason == "degraded" and decision.detail.rpartition("; ")[2] in KEPT)


def _is_shadow(row: ArmRow) -> bool:
    """Nothing was given away, and no coin was tossed: the route had not got beyond shadow when it expired or failed."""
    return row.decision.propensity == 1.0 and row.decision.reason in ("expired", "failed")


def _at_incumbents_cost(row: ArmRow) -> ArmRow:
    """A kept call that no provider answered cost nothing, whoever answered it then."""
    return replace(row, cost_usd=Decimal(0)) if row.decision.reason == "degraded" else row


def _odds(row: ArmRow) -> float:
    kept = row.decision.propensity or 1.0
    return (1 - kept) / kept


def _conversation(row: ArmRow) -> str:
    """A call without one stands alone."""
    return f"c{row.conversation_id}" if row.conversation_id else row.call_id


def _numbered(rows: Sequence[ArmRow]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    names: dict[str, int] = {}
    return np.array([names.setdefault(_conversation(row), len(names)) for row in rows], dtype=np.int64)


def _ends(given: Sequence[ArmRow], kept: Sequence[ArmRow], told: Told) -> Ends | None:
    """None where feedback says the end of no call of one of the sides."""
    sides = [_resolved(rows, told, weighted) for rows, weighted in ((given, False), (kept, True))]
    if not all(len(values) for values, _ in sides):
        return None
    (route, route_weights), (incumbent, incumbent_weights) = sides
    ours, theirs = weighted_mean(route, route_weights), weighted_mean(incumbent, incumbent_weights)
    ours_low, ours_high = rate_interval(route, route_weights, CONFIDENCE)
    theirs_low, theirs_high = rate_interval(incumbent, incumbent_weights, CONFIDENCE)
    return Ends(
        route=len(route),
        incumbent=len(incumbent),
        route_rate=ours,
        incumbent_rate=theirs,
        difference=ours - theirs,
        low=ours - theirs - ((ours - ours_low) ** 2 + (theirs_high - theirs) ** 2) ** 0.5,
        high=ours - theirs + ((ours_high - ours) ** 2 + (theirs - theirs_low) ** 2) ** 0.5,
    )


def _resolved(
    rows: Sequence[ArmRow], told: Told, weighted: bool
) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """(share resolved, weight) of each conversation whose end is known; its own word counts before those of its calls."""
    ends: dict[str, list[float]] = defaultdict(list)
    weights: Mapping[str, list[float]] = defaultdict(list)
    for row in rows:
        word = told.talks.get(row.conversation_id or "") or told.outcome(row.call_id, row.response_id)
        if word is not None:
            ends[_conversation(row)].append(float(word == RESOLVED))
            weights[_conversation(row)].append(_odds(row) if weighted else 1.0)
    return (
        np.array([float(np.mean(values)) for values in ends.values()]),
        np.array([float(np.mean(weights[name])) for name in ends]),
    )
