"""A report on calls of which only some were seen: how far each workload's figures may be off, and savings that carry it.

The figures themselves are of all calls already (`unseen`). Here each workload gets the interval that `seen` tells of it, and the limits of
what could be saved on it move apart by the same share: two causes that have nothing to do with each other add up as squares do. Whether
anything is worth changing is asked again with the wider limits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

from modicum.report.ladder.settings import LadderSettings
from modicum.report.ladder.worth import worth
from modicum.report.records import IN_FORCE, Report, Sampled, WorkloadFigures
from modicum.report.rungs import Ladder, Rung
from modicum.report.saving import usd, within_bill
from modicum.report.seen import Estimate, Scaled
from modicum.types import Saving

SAYS = "of the share of the calls that was seen"


def with_sampling(report: Report, estimates: Sequence[Scaled], settings: LadderSettings) -> Report:
    """`estimates`: of the workloads of which some call was seen, over the report's days."""
    of = {one.workload_id: one for one in estimates if one.workload_id is not None}
    lines = tuple(_line(line, of[line.workload_id]) if line.workload_id in of else line for line in report.workloads)
    off = {workload_id: _off(one) for workload_id, one in of.items()}
    by_id = {line.workload_id: line for line in lines}
    ladders = tuple(
        within_bill(_ladder(ladder, off.get(ladder.workload_id, (0.0, 0.0))), by_id[ladder.workload_id]) for ladder in report.ladders
    )
    totals = replace(
        report.totals,
        saving=_together(report.totals.saving, lines, lambda line: 1.0, off),
        saving_on=_together(report.totals.saving_on, lines, lambda line: line.answering, off),
        saving_proposed=_together(report.totals.saving_proposed, lines, lambda line: 1 - line.answering, off),
    )
    asked = worth(ladders, lines, totals, settings) if report.worth is not None else None
    return replace(report, workloads=lines, ladders=ladders, totals=totals, worth=asked)


def _line(line: WorkloadFigures, its: Scaled) -> WorkloadFigures:
    below, above = _off(its)
    month = line.spend_usd_month if its.spend_usd is not None else None
    return replace(
        line,
        sampled=Sampled(
            seen_calls=its.seen_calls,
            calls_low=its.calls.whole[1],
            calls_high=its.calls.whole[2],
            spend_low_usd_month=None if month is None else usd(float(month) * (1 - below)),
            spend_high_usd_month=None if month is None else usd(float(month) * (1 + above)),
            over=its.calls.over,
        ),
        saving=_wider(line.saving, below, above),
        spend_low_usd_month=_apart(line.spend_usd_month, line.spend_low_usd_month, -below),
        spend_high_usd_month=_apart(line.spend_usd_month, line.spend_high_usd_month, above),
    )


def _apart(middle: Decimal | None, limit: Decimal | None, share: float) -> Decimal | None:
    """A limit of the month's spend, moved by what the share of the calls that was seen leaves open."""
    if middle is None or limit is None:
        return limit
    away = math.hypot(float(limit - middle), float(middle) * share)
    return usd(max(0.0, float(middle) + math.copysign(away, share)))


def _off(its: Scaled) -> tuple[float, float]:
    """By which shares of itself the workload's spend may be less, and more; its calls where nothing is known of the spend."""
    told: Estimate = its.spend_usd if its.spend_usd is not None else its.calls
    return ((told.value - told.low) / told.value, (told.high - told.value) / told.value) if told.value > 0 else (0.0, 0.0)


def _ladder(ladder: Ladder, off: tuple[float, float]) -> Ladder:
    return replace(ladder, rungs=tuple(_rung(rung, off) for rung in ladder.rungs)) if any(off) else ladder


def _rung(rung: Rung, off: tuple[float, float]) -> Rung:
    return replace(rung, saving=_wider(rung.saving, *off))


def _wider(saving: Saving | None, below: float, above: float) -> Saving | None:
    """The saving goes up and down with the workload; a loss does so the other way round."""
    if saving is None or saving.usd_month is None or saving.low_usd_month is None or saving.high_usd_month is None:
        return saving
    middle = float(saving.usd_month)
    less, more = (below, above) if middle >= 0 else (above, below)
    low = middle - math.hypot(middle - float(saving.low_usd_month), middle * less)
    high = middle + math.hypot(float(saving.high_usd_month) - middle, middle * more)
    return replace(saving, low_usd_month=usd(low), high_usd_month=usd(high), method=f"{saving.method}; and {SAYS}")


def _together(
    saving: Saving | None, lines: Sequence[WorkloadFigures], part: Callable[[WorkloadFigures], float], off: dict[str, tuple[float, float]]
) -> Saving | None:
    """The sum of a part of each, off by what its parts are off: each by itself, so their squares add up."""
    in_force = [line for line in lines if line.saving and line.state in IN_FORCE]
    its = [(float(line.saving.usd_month or 0) * part(line), off.get(line.workload_id)) for line in in_force if line.saving]
    whole = sum((float(value) for value, _ in its), 0.0)
    if not whole:
        return saving
    below = math.hypot(*(float(value) * one[0] for value, one in its if one), 0.0) / whole
    above = math.hypot(*(float(value) * one[1] for value, one in its if one), 0.0) / whole
    return _wider(saving, below, above)
