"""Everything together, and the notes that say how the figures were made and what is not in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from modicum.catalog import Catalogue
from modicum.report import whole, words
from modicum.report.month import DAYS_A_MONTH, DRAWS, Month, interval, spread_of
from modicum.report.part_days import part_days, spend_over
from modicum.report.records import IN_FORCE, Period, Totals, WorkloadFigures
from modicum.report.saving import Projection, a_month, capped, dollars_by_day, scaled, together, usd
from modicum.report.spend import spend
from modicum.types import Saving

if TYPE_CHECKING:
    from modicum.store.calls import UsageRow


def total(
    usage: Sequence[UsageRow],
    outside: Sequence[UsageRow],
    lines: Sequence[WorkloadFigures],
    projections: Mapping[str, Projection],
    *,
    catalogue: Catalogue,
    months: Mapping[str, Month],
    days: Mapping[str, Sequence[date]],
    control_share: float,
) -> Totals:
    """`outside`: rows of no workload; `projections` by workload, `months` and `days` (those observed) by scope."""

    def monthly(rows: Iterable[UsageRow]) -> Decimal | None:
        by_scope: dict[str, list[UsageRow]] = defaultdict(list)
        for row in rows:
            by_scope[row.scope].append(row)
        if not by_scope:
            return Decimal(0)
        parts = [a_month(spend(its, catalogue).known_usd, months[scope].length) for scope, its in by_scope.items()]
        known = [part for part in parts if part is not None]
        return sum(known, Decimal(0)) if known else None

    paid = spend(usage, catalogue)
    calls = sum(row.calls for row in usage)
    spend_month = monthly(usage)
    low, high = _limits(usage, catalogue, months, days)
    avoided = [
        x.baseline_usd_month - x.spend_usd_month for x in lines if x.baseline_usd_month is not None and x.spend_usd_month is not None
    ]
    baseline = None if spend_month is None else sum(avoided, spend_month)

    found = Totals(
        calls=calls,
        calls_in_workloads=calls - sum(row.calls for row in outside),
        calls_without_workload=sum(row.calls for row in outside),
        failed_calls=sum(row.failed for row in usage),
        calls_without_usage=paid.calls_without_usage,
        unpriced_calls=paid.unpriced_calls,
        refused_calls=paid.refused_calls,
        impossible_calls=paid.impossible_calls,
        told_calls=paid.told_calls,
        told_usd=paid.told_usd,
        spend_usd=paid.known_usd,
        spend_usd_month=spend_month,
        spend_low_usd_month=low,
        spend_high_usd_month=high,
        hours_recorded=min(month.edges.hours for month in months.values()),
        baseline_usd_month=baseline,
        spend_without_workload_usd=spend(outside, catalogue).known_usd,
        spend_without_workload_usd_month=monthly(outside),
        workloads=len(lines),
        certified=0,
        saving_on=None,
        saving_proposed=None,
        saving=None,
        saving_unknown=0,
        answerable_share=None,
        expected_wrong_certificates=0.0,
    )
    in_force = [line for line in lines if line.state in IN_FORCE]
    return promised(found, in_force, projections, fewest=min(month.days for month in months.values()), control_share=control_share)


def promised(
    totals: Totals, in_force: Sequence[WorkloadFigures], projections: Mapping[str, Projection], *, fewest: int, control_share: float
) -> Totals:
    """The totals with what the certificates of these workloads promise together. `fewest`: days that any of them was observed."""
    answered = sum(line.calls * (line.coverage_calls or 0.0) for line in in_force) * (1 - control_share)
    against = f"{words.money(totals.baseline_usd_month)} a month that all calls would cost without small models"

    def saving(parts: Iterable[tuple[WorkloadFigures, float]]) -> Saving | None:
        found = together([scaled(projections[line.workload_id], part) for line, part in parts if part], fewest, baseline=against)
        return capped(found, totals.baseline_high_usd_month)

    return replace(
        totals,
        certified=len(in_force),
        saving_on=saving((line, line.answering) for line in in_force),
        saving_proposed=saving((line, 1 - line.answering) for line in in_force),
        saving=saving((line, 1.0) for line in in_force),
        saving_unknown=sum(1 for line in in_force if line.saving is None or line.saving.usd_month is None),
        answerable_share=answered / totals.calls if totals.calls and in_force else None,
        expected_wrong_certificates=round(sum(1 - line.certificate.confidence for line in in_force if line.certificate), 6),
    )


def _limits(
    usage: Sequence[UsageRow], catalogue: Catalogue, months: Mapping[str, Month], days: Mapping[str, Sequence[date]]
) -> tuple[Decimal | None, Decimal | None]:
    """95 % of what a month may bring, the scopes drawn each for itself; and up to as much all day where hours are missing."""
    by_scope: dict[str, list[UsageRow]] = defaultdict(list)
    for row in usage:
        by_scope[row.scope].append(row)
    draws, mean, most = np.zeros(DRAWS), 0.0, 0.0
    for scope, rows in by_scope.items():
        paid = spend(rows, catalogue)
        if paid.known_usd is not None:
            month, by_day = months[scope], dollars_by_day(paid, days[scope])
            draws = draws + spread_of(month, by_day, paid.priced_calls, scope)
            mean += month.mean(by_day)
            most += month.mean(by_day) * month.edges.most
    if spend(usage, catalogue).known_usd is None:
        return None, None
    low, high = interval(draws)
    part = any(months[scope].edges.most > 1 for scope in by_scope)
    return usd(mean if part else min(low, mean)), usd(max(high, most))


def notes(lines: Sequence[WorkloadFigures], totals: Totals, periods: Sequence[Period], control_share: float) -> tuple[str, ...]:
    """What a reader must know to judge the figures, in sentences."""
    said = [f"A month is {DAYS_A_MONTH} days at the mean pace of the days observed. It supposes that later days are like these."]
    said += [shares] if (shares := whole.said(totals)) else []
    said += [sentence for period in periods for sentence in part_days(period, several=len(periods) > 1)]
    if totals.spend_low_usd_month is not None and totals.spend_high_usd_month is not None and totals.hours_recorded == 24:
        said.append(
            f"The spend a month lies between {words.money(totals.spend_low_usd_month)} and {words.money(totals.spend_high_usd_month)}"
            f" (95 %, over {spend_over(periods)})."
        )
    said += [
        f"{words.count(period.days_left_out, 'day')} without any call in scope '{words.visible(period.scope, 60)}'"
        " (silences of more than a week) are taken as not observed."
        for period in periods
        if period.days_left_out
    ]
    certified = [line.certificate for line in lines if line.certificate and line.state in IN_FORCE]
    if certified:
        at = " and ".join(words.percent(level) for level in sorted({certificate.confidence for certificate in certified}))
        wrong = totals.expected_wrong_certificates
        said += [
            f"{words.count(len(certified), 'certificate')} at {at}: expect about {wrong:.2g} of them to be wrong, at most."
            if len(certified) > 1
            else f"One certificate at {at}: the chance that it is wrong is at most {words.percent(wrong)}.",
            f"Savings are net of the {words.percent(control_share)} of conversations that a coin keeps with the incumbent, so that the"
            " promise can be checked.",
            "A request that is answered is taken to cost what the calls of its workload cost on average.",
            f"Intervals are 95 %, from {DRAWS:,} draws that resample the days (the volume's own uncertainty) and the coverage"
            " within what the certificate's groups allow; with few days they are widened, under three days they are over calls alone.",
        ]
    if cached := [line for line in lines if line.cache_read_share is not None]:
        shares = words.listing([f"{words.visible(line.name, 60)} {words.percent(line.cache_read_share)}" for line in cached], 12)
        said.append(f"Input tokens that the providers read from their caches: {shares}.")
    if unread := [line for line in lines if not line.can_be_served]:
        said.append(
            f"* The answers of {words.count(len(unread), 'workload')} say more than what is read from them: {words.names(unread)}."
            " Nothing of that is switched on before `modicum workloads set ID --read label` (or json) says that the rest may be left out."
        )
    if totals.unpriced_calls:
        without_price = totals.unpriced_calls - totals.calls_without_usage - totals.impossible_calls
        why = [f"{words.count(totals.calls_without_usage, 'call')} carried no usage"] if totals.calls_without_usage else []
        if totals.impossible_calls:
            why.append(
                f"{words.count(totals.impossible_calls, 'call')} carried a usage that cannot be (far more tokens than the model takes, or"
                " more from a cache than was sent) and is set aside"
            )
        why += [f"{words.count(without_price, 'call')} went to a model without a known price"] if without_price > 0 else []
        said.append(f"Unknown is not counted as zero: {'; '.join(why)}. All spend here is that of the other calls.")
    if totals.refused_calls:
        said.append(
            f"{words.count(totals.refused_calls, 'call')} failed before any token: nobody bills them, and they are not of unknown cost."
        )
    return tuple(said)
