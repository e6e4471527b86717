"""Two periods side by side: what was spent, and whether it moved by volume, by mix or by price. Rows of usage in, one record out.

Over the workloads that both periods know, in segments of one workload on one model, with n calls at p dollars each and shares s = n / N:

    days   = (D1 / D0 - 1) x spend before     D: the days observed, a part of a day as its part
    volume = (N1 - N0) x P0 - days            P0: the mean price a call of all of them before
    mix    = N1 x sum (s1 - s0) x p0          a model that its workload had not asked before has no p0: its p1 stands there
    price  = N1 x sum s1 x (p1 - p0)

The four add up to the change of these workloads exactly; those that are new or gone stand apart. Calls of unknown cost are in no sum.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from modicum.catalog import Catalogue
from modicum.report import words
from modicum.report.costing import day_of, model_of
from modicum.report.history import EVEN, Comparison, Moved, Side
from modicum.report.month import observed_days
from modicum.report.period import Span
from modicum.report.spend import Spend
from modicum.types import Workload

if TYPE_CHECKING:
    from modicum.store.calls import UsageRow

NO_WORKLOAD = "calls of no workload"
ZERO = Decimal(0)
LEAST = Decimal("1e-12")
"""Dollars, to which days observed are told apart from calls."""


@dataclass(frozen=True, slots=True)
class _Effects:
    days: Decimal
    volume: Decimal
    mix: Decimal
    price: Decimal


def compare(
    usage: Sequence[UsageRow],
    workloads: Iterable[Workload],
    *,
    before: Span,
    after: Span,
    catalogue: Catalogue,
    lengths: tuple[float, float] | None = None,
) -> Comparison | None:
    """`usage`: of both periods, and anything else, which is passed over. `lengths`: the days observed, part days as their part; None: all
    are whole. None where the earlier period has no calls."""
    known = {workload.workload_id: workload for workload in workloads}
    old = _spends((row for row in usage if before.holds(day_of(row))), known, catalogue)
    new = _spends((row for row in usage if after.holds(day_of(row))), known, catalogue)
    if not old:
        return None
    days = [len(observed_days(day_of(row) for row in usage if span.holds(day_of(row)))[0]) for span in (before, after)]
    both = _owners(old) & _owners(new)
    long = lengths or (float(days[0]), float(days[1]))
    more = Decimal(repr(long[1])) / Decimal(repr(long[0])) - 1 if abs(long[1] - long[0]) > EVEN * max(long) else ZERO
    total = _effects(old, new, both, more)
    moved = []
    for own in _owners(old) | _owners(new):
        its_old, its_new = _of(old, own), _of(new, own)
        effects = _effects(its_old, its_new, {own}, more) if own in both else _Effects(ZERO, ZERO, ZERO, ZERO)
        workload = known.get(own[1] or "")
        moved.append(
            Moved(
                workload_id=own[1],
                name=workload.name if workload else NO_WORKLOAD,
                scope=own[0],
                before=_side(before, days[0], long[0], its_old.values()),
                after=_side(after, days[1], long[1], its_new.values()),
                days_usd=effects.days,
                volume_usd=effects.volume,
                mix_usd=effects.mix,
                price_usd=effects.price,
            )
        )
    return Comparison(
        before=_side(before, days[0], long[0], old.values()),
        after=_side(after, days[1], long[1], new.values()),
        days_usd=total.days,
        volume_usd=total.volume,
        mix_usd=total.mix,
        price_usd=total.price,
        new_usd=sum((spent.usd for key, spent in new.items() if key[:2] not in both), ZERO),
        gone_usd=-sum((spent.usd for key, spent in old.items() if key[:2] not in both), ZERO),
        workloads=tuple(sorted(moved, key=lambda one: (-abs(one.change_usd), -one.after.calls, one.name))),
        notes=_notes(before, after, days, long, old, new),
    )


_Owner = tuple[str, str | None]
_Spends = dict[tuple[str, str | None, str], Spend]
"""(scope, workload, model) -> what was spent."""


def _spends(rows: Iterable[UsageRow], known: dict[str, Workload], catalogue: Catalogue) -> _Spends:
    found: _Spends = defaultdict(Spend)
    for row in rows:
        own = row.workload_id if row.workload_id in known else None
        if row.specialist:
            # A specialist's calls cost nothing; moving to it is a change of mix.
            spent = found[row.scope, own, "specialist"]
            spent.calls += row.calls
            spent.priced_calls += row.calls
        else:
            found[row.scope, own, model_of(row)].add(row, catalogue)
    return dict(found)


def _owners(spends: _Spends) -> set[_Owner]:
    return {key[:2] for key in spends}


def _of(spends: _Spends, own: _Owner) -> _Spends:
    return {key: spent for key, spent in spends.items() if key[:2] == own}


def _effects(old: _Spends, new: _Spends, owners: set[_Owner], more: Decimal) -> _Effects:
    keys = {key for key in (*old, *new) if key[:2] in owners}
    n0, n1 = ({key: spends[key].priced_calls if key in spends else 0 for key in keys} for spends in (old, new))
    usd0, usd1 = ({key: spends[key].usd if key in spends else ZERO for key in keys} for spends in (old, new))
    all0, all1 = sum(n0.values()), sum(n1.values())
    paid0, paid1 = sum(usd0.values(), ZERO), sum(usd1.values(), ZERO)
    days = (more * paid0).quantize(LEAST)
    if not all0 or not all1:
        # One of the two has no call of known cost: there is no price to hold against the other.
        return _Effects(days, paid1 - paid0 - days, ZERO, ZERO)
    volume = (all1 - all0) * paid0 / all0 - days
    price = sum((usd1[key] - n1[key] * usd0[key] / n0[key] for key in keys if n0[key] and n1[key]), ZERO)
    return _Effects(days, volume, paid1 - paid0 - days - volume - price, price)


def _side(span: Span, days: int, length: float, spends: Iterable[Spend]) -> Side:
    its = list(spends)
    return Side(
        first=span.first,
        last=span.last,
        days=days,
        length=length,
        calls=sum(one.calls for one in its),
        priced_calls=sum(one.priced_calls for one in its),
        spend_usd=sum((one.usd for one in its), ZERO),
    )


def _notes(before: Span, after: Span, days: Sequence[int], long: Sequence[float], old: _Spends, new: _Spends) -> tuple[str, ...]:
    said = []
    lengths = [(span.last - span.first).days + 1 for span in (before, after)]
    if abs(long[1] - long[0]) > EVEN * max(long):
        parts = [f" ({held:.2f}, part days as their part)" if held < its - EVEN else "" for held, its in zip(long, days, strict=True)]
        said.append(
            f"{words.count(days[0], 'day')} of {lengths[0]}{parts[0]} were observed before and {days[1]} of {lengths[1]}{parts[1]} after:"
            " what changed is said a day. Amounts of a period are those of its days observed, and what more or fewer days make of the"
            " difference stands apart."
        )
    unpriced = [sum(one.unpriced_calls for one in spends.values()) for spends in (old, new)]
    if any(unpriced):
        said.append(f"The cost of {words.count(unpriced[0], 'call')} before and {unpriced[1]:,} after is unknown; they are in no amount.")
    return tuple(said)
