"""Everything together, and the notes that say how the figures were made and what is not in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from modicum.catalog import Catalogue
from modicum.report import words
from modicum.report.month import DAYS_A_MONTH, DRAWS, Month
from modicum.report.records import IN_FORCE, Period, Totals, WorkloadFigures
from modicum.report.saving import Projection, a_month, together
from modicum.report.spend import spend

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
    control_share: float,
) -> Totals:
    """`outside`: rows of no workload; `projections` by workload, `months` by scope."""

    def monthly(rows: Iterable[UsageRow]) -> Decimal | None:
        by_scope: dict[str, list[UsageRow]] = defaultdict(list)
        for row in rows:
            by_scope[row.scope].append(row)
        if not by_scope:
            return Decimal(0)
        parts = [a_month(spend(its, catalogue).known_usd, months[scope].days) for scope, its in by_scope.items()]
        known = [part for part in parts if part is not None]
        return sum(known, Decimal(0)) if known else None

    paid = spend(usage, catalogue)
    calls = sum(row.calls for row in usage)
    spend_month = monthly(usage)
    avoided = [
        x.baseline_usd_month - x.spend_usd_month for x in lines if x.baseline_usd_month is not None and x.spend_usd_month is not None
    ]
    baseline = None if spend_month is None else sum(avoided, spend_month)

    in_force = [line for line in lines if line.state in IN_FORCE]
    answered = sum(line.calls * (line.coverage_calls or 0.0) for line in in_force) * (1 - control_share)
    fewest = min(month.days for month in months.values())
    against = f"{words.money(baseline)} a month that all calls would cost without small models"

    def saving(lines: Iterable[WorkloadFigures]) -> list[Projection]:
        return [projections[line.workload_id] for line in lines]

    return Totals(
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
        baseline_usd_month=baseline,
        spend_without_workload_usd=spend(outside, catalogue).known_usd,
        spend_without_workload_usd_month=monthly(outside),
        workloads=len(lines),
        certified=len(in_force),
        saving_on=together(saving(line for line in in_force if line.state == "on"), fewest, baseline=against),
        saving_proposed=together(saving(line for line in in_force if line.state != "on"), fewest, baseline=against),
        saving=together(saving(in_force), fewest, baseline=against),
        saving_unknown=sum(1 for line in in_force if line.saving is None or line.saving.usd_month is None),
        answerable_share=answered / calls if calls and in_force else None,
        expected_wrong_certificates=round(sum(1 - line.certificate.confidence for line in in_force if line.certificate), 6),
    )


def notes(lines: Sequence[WorkloadFigures], totals: Totals, periods: Sequence[Period], control_share: float) -> tuple[str, ...]:
    """What a reader must know to judge the figures, in sentences."""
    said = [f"A month is {DAYS_A_MONTH} days at the mean pace of the days observed. It supposes that later days are like these."]
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
            " promise can be checked. No audits are bought in this release. The specialist's own computing, on this machine, is not"
            " counted: it takes well under a millisecond a call.",
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
