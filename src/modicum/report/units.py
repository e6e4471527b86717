"""What a right answer costs, and what it costs to get something resolved: of incumbents and of routes, where feedback says so.

Opens the stores for what feedback names; everything else here is pure. A unit is a call, or a conversation where the outcome is of the
conversation: its calls count together, whatever workload they are of. All units with a known end count towards the cost, only the good ones
are divided by: what a wrong answer cost was spent too. Feedback comes by itself, so these are figures of what was judged, and no sample
of the rest; nothing is scaled up, and silence is neither good nor bad.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal, TypeVar

import numpy as np

from modicum.backends.priced import priced
from modicum.catalog import Catalogue, cost, tiers
from modicum.config import Config
from modicum.errors import InputError
from modicum.evaluate.labels import comparable
from modicum.evaluate.told import Told, value_of
from modicum.stats.binomial import clopper_pearson
from modicum.store import feedback
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.types import Call, Workload
from modicum.wire import canon, chat
from modicum.workload import read

RESOLVED = "resolved"
"""The outcome that is wanted. Every other word is one that is not."""
RESAMPLES, SEED = 1_000, 20_261_101
Good = Literal["correct answer", "resolved call", "resolved conversation"]
Who = Literal["incumbent", "route"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One call or conversation whose end is known."""

    workload_id: str
    """Empty: a conversation with calls of several workloads."""
    who: Who
    """A conversation is the route's where it answered at least one of its calls."""
    what: Good
    good: bool
    calls: int
    cost_usd: Decimal | None
    duration_ms: float | None
    """Of a conversation the slowest call."""
    conversation: str = ""
    """Units of one conversation hang together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFigures:
    """The units of one workload that one side answered."""

    workload_id: str
    who: Who
    what: Good
    units: int
    calls: int
    good: int
    in_time: int
    """Of the good ones, those within the target latency; all where there is none."""
    unpriced: int
    """Units with a call of unknown cost. With any, what a good one costs is unknown."""
    usd_each: Decimal | None
    """All that the units cost, by those that were good and in time."""
    low_usd_each: Decimal | None
    high_usd_each: Decimal | None
    """95 %, bootstrap over conversations; None where fewer than ten units, or some draws have no good one."""
    error_rate: float
    """Share that was not good."""
    error_low: float
    error_high: float
    """95 %, exact, as if units were independent of each other."""
    p95_ms: float | None
    target_ms: float | None
    target_error: float | None
    meets: bool | None
    """Both targets, at 95 %: True shown, False shown not to be; None where there is no target, or too little is known."""


def unit_figures(
    config: Config, *, scope: str | None = None, since: datetime | None = None, until: datetime | None = None
) -> tuple[UnitFigures, ...]:
    """Of all calls under the home, of one scope, with `since <= started_at < until`; () where no feedback speaks of any."""
    units: list[Unit] = []
    control = Control(config.home)
    catalogue = Catalogue(*priced(config))
    rows = defaultdict(list)
    for row in feedback.read(config.home, scope):
        rows[row.scope].append(row)
    for one, said in sorted(rows.items()):
        workloads = {workload.workload_id: workload for workload in control.workloads(one)}
        units += _units(Calls(config.home), Told.of(said), workloads, catalogue, one, since, until)
    targets = config.report.target_ms or None, config.report.target_error or None
    return figures(units, target_ms=targets[0], target_error=targets[1])


def figures(units: Iterable[Unit], *, target_ms: float | None = None, target_error: float | None = None) -> tuple[UnitFigures, ...]:
    """One row a workload, side and kind of unit; workloads in order of their ids, conversations across workloads last."""
    found: dict[tuple[str, Good, Who], list[Unit]] = defaultdict(list)
    for unit in units:
        found[unit.workload_id, unit.what, unit.who].append(unit)
    return tuple(_figures(found[key], target_ms, target_error) for key in sorted(found, key=lambda key: (not key[0], *key)))


def _figures(units: Sequence[Unit], target_ms: float | None, target_error: float | None) -> UnitFigures:
    good = [unit.good for unit in units]
    timely = [unit.good and (target_ms is None or (unit.duration_ms is not None and unit.duration_ms <= target_ms)) for unit in units]
    costs = [unit.cost_usd for unit in units]
    known = [one for one in costs if one is not None]
    each = low = high = None
    if len(known) == len(units) and any(timely):
        each = sum(known, Decimal(0)) / sum(timely)
        low, high = _interval(units, timely)
    wrong = len(units) - sum(good)
    bounds = clopper_pearson(wrong, len(units), 0.95)
    times = [unit.duration_ms for unit in units if unit.duration_ms is not None]
    first = units[0]
    return UnitFigures(
        workload_id=first.workload_id,
        who=first.who,
        what=first.what,
        units=len(units),
        calls=sum(unit.calls for unit in units),
        good=sum(good),
        in_time=sum(timely),
        unpriced=len(units) - len(known),
        usd_each=None if each is None else each.quantize(Decimal("0.00000001")),
        low_usd_each=low,
        high_usd_each=high,
        error_rate=round(wrong / len(units), 6),
        error_low=round(bounds[0], 6),
        error_high=round(bounds[1], 6),
        p95_ms=round(float(np.percentile(times, 95)), 3) if times else None,
        target_ms=target_ms,
        target_error=target_error,
        meets=_meets(units, bounds, times, target_ms, target_error),
    )


def _meets(
    units: Sequence[Unit], bounds: tuple[float, float], times: Sequence[float], target_ms: float | None, target_error: float | None
) -> bool | None:
    verdicts: list[bool | None] = []
    if target_error is not None:
        verdicts.append(True if bounds[1] <= target_error else False if bounds[0] > target_error else None)
    if target_ms is not None:
        late = sum(one > target_ms for one in times)
        low, high = clopper_pearson(late, len(times), 0.95) if times else (0.0, 1.0)
        verdicts.append(None if len(times) < len(units) else True if high <= 0.05 else False if low > 0.05 else None)
    if False in verdicts:
        return False
    return None if not verdicts or None in verdicts else True


def _interval(units: Sequence[Unit], timely: Sequence[bool]) -> tuple[Decimal | None, Decimal | None]:
    """Percentiles of the ratio over resampled conversations; a call without one stands alone."""
    names: dict[str, int] = {}
    at = np.array([names.setdefault(unit.conversation or f"\0{row}", len(names)) for row, unit in enumerate(units)])
    if len(names) < 10:
        return None, None
    spent = np.bincount(at, weights=[float(unit.cost_usd or 0) for unit in units])
    ends = np.bincount(at, weights=np.array(timely, dtype=float))
    drawn = np.random.default_rng(SEED).multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES)
    goods = drawn @ ends
    if not goods.all():
        return None, None
    low, high = np.percentile(drawn @ spent / goods, [2.5, 97.5])
    return Decimal(f"{low:.8f}"), Decimal(f"{high:.8f}")


# ------------------------------------------------------------------------------------------------------------ from the stores


def _units(
    calls: Calls,
    told: Told,
    workloads: Mapping[str, Workload],
    catalogue: Catalogue,
    scope: str,
    since: datetime | None,
    until: datetime | None,
) -> list[Unit]:
    judged = {*told.labels, *told.corrections}
    named = judged | set(told.outcomes)
    found: dict[str, Call] = {}
    for call in calls.scan(scope=scope, since=since, until=until, bodies=False):
        if call.call_id in named or call.response_id in named or call.conversation_id in told.talks:
            found[call.call_id] = call
    if not found:
        return []
    home_of = {call.call_id: call.decision.workload_id for call in found.values() if call.decision and call.decision.workload_id}
    home_of |= {call_id: workload_id for call_id, workload_id, _ in calls.assignments() if call_id in found}
    units: list[Unit] = []
    talks: dict[str, list[Call]] = defaultdict(list)

    def unit(call: Call, what: Good, good: bool) -> Unit:
        return Unit(
            workload_id=home_of.get(call.call_id) or "",
            who=_who(call),
            what=what,
            good=good,
            calls=1,
            cost_usd=_cost(call, catalogue),
            duration_ms=call.duration_ms,
            conversation=call.conversation_id or "",
        )

    for call in found.values():
        if (outcome := told.outcome(call.call_id, call.response_id)) is not None:
            units.append(unit(call, "resolved call", outcome == RESOLVED))
        if call.conversation_id in told.talks:
            talks[call.conversation_id or ""].append(call)
    for name, its in talks.items():
        units.append(_talk(name, its, told.talks[name] == RESOLVED, home_of, catalogue))
    known = [call.call_id for call in found.values() if (call.call_id in judged or call.response_id in judged) and call.call_id in home_of]
    for call in calls.scan(scope=scope, call_ids=known) if known else ():
        workload = workloads.get(home_of[call.call_id])
        right = None if workload is None else _is_right(workload, told, call)
        if right is not None:
            units.append(unit(call, "correct answer", right))
    return units


def _talk(name: str, calls: Sequence[Call], good: bool, home_of: Mapping[str, str], catalogue: Catalogue) -> Unit:
    costs = [_cost(call, catalogue) for call in calls]
    times = [call.duration_ms for call in calls]
    homes = {home_of.get(call.call_id) or "" for call in calls}
    return Unit(
        workload_id=homes.pop() if len(homes) == 1 else "",
        who="route" if any(_who(call) == "route" for call in calls) else "incumbent",
        what="resolved conversation",
        good=good,
        calls=len(calls),
        cost_usd=_all(costs, lambda known: sum(known, Decimal(0))),
        duration_ms=_all(times, max),
        conversation=name,
    )


def _all(values: Sequence[T | None], summed: Callable[[list[T]], T]) -> T | None:
    """Nothing where one is unknown."""
    known = [one for one in values if one is not None]
    return summed(known) if len(known) == len(values) and known else None


def _is_right(workload: Workload, told: Told, call: Call) -> bool | None:
    """Was the answer what somebody said is right? None where nobody said so of it, or its body is not there to read."""
    label = told.labels.get(call.call_id) or told.labels.get(call.response_id or "")
    correction = told.corrections.get(call.call_id) or told.corrections.get(call.response_id or "")
    text = label.label if label is not None else correction.correction if correction is not None else None
    if text is None or (call.response is None and call.status < 400):
        return None
    try:
        response = canon.chat_response(call.endpoint, chat.loads(call.response)) if call.response is not None else None
        said = read(workload.contract, chat.answer(response)) if response is not None else None
    except InputError:
        said = None
    gold = value_of(workload.contract, text)
    return said is not None and comparable(said) == comparable(gold if gold is not None else text)


def _who(call: Call) -> Who:
    return "route" if call.decision is not None and call.decision.reason in ("answered", "degraded") else "incumbent"


def _cost(call: Call, catalogue: Catalogue) -> Decimal | None:
    if call.cost_usd is not None:
        return call.cost_usd
    if (call.response_model or "").startswith("modicum/"):
        return Decimal(0)
    day, names = call.started_at.date(), (call.response_model, call.request_model)
    price = tiers.price_of(
        catalogue, names, day, input_tokens=call.usage.input_tokens or 0, provider=call.provider, service_tier=call.service_tier
    )
    return cost(price, call.usage)
