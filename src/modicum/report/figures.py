"""From what the stores hold to a Report: a pure function, records in, one record out. Opens nothing, prints nothing."""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING

from modicum.catalog import Catalogue
from modicum.report import burst, headline, words
from modicum.report.costing import day_of
from modicum.report.currency import shown
from modicum.report.lines import line
from modicum.report.month import WHOLE, Edges, Month, observed_days
from modicum.report.records import IN_FORCE, Period, Report, ShadowCounts
from modicum.report.saving import Projection, project
from modicum.report.seen import said
from modicum.report.spend import spend_by_model, spend_by_workload
from modicum.report.standing import best_routes, standing
from modicum.report.totals import notes, total
from modicum.report.trend import spend_by_scope, trend
from modicum.types import Certificate, Route, Verdict, Workload
from modicum.version import __version__

if TYPE_CHECKING:
    from modicum.store.calls import UsageRow

__all__ = ["spend_by_workload", "summarise"]


def summarise(
    usage: Sequence[UsageRow],
    *,
    workloads: Sequence[Workload],
    verdicts: Iterable[Verdict] = (),
    certificates: Iterable[Certificate] = (),
    routes: Iterable[Route] = (),
    shadow: Mapping[str, ShadowCounts] = MappingProxyType({}),
    catalogue: Catalogue,
    control_share: float,
    now: datetime,
    edges: Mapping[str, Edges] = MappingProxyType({}),
    others: Container[str] = frozenset(),
) -> Report:
    """The report on these calls. `others`: digests of the artefacts that stand for another model, which costs what it costs.

    `edges`: by scope, which part of its first and last day was recorded; of a scope that is not there both are whole.
    `usage` must not be empty; `verdicts` holds the latest of each workload; `shadow` what was counted, by workload. A
    workload without calls is left out; calls of a workload that is no more count as those of none. Sentences with money in
    them are written in the currency in force.
    """
    by_scope: dict[str, list[UsageRow]] = defaultdict(list)
    by_workload: dict[str | None, list[UsageRow]] = defaultdict(list)
    known = {workload.workload_id for workload in workloads}
    for row in usage:
        by_scope[row.scope].append(row)
        by_workload[row.workload_id if row.workload_id in known else None].append(row)
    windows = {scope: observed_days(map(day_of, rows)) for scope, rows in by_scope.items()}
    months = {
        scope: Month(len(days), seed=zlib.crc32(scope.encode()), edges=edges.get(scope, WHOLE)) for scope, (days, _) in windows.items()
    }
    calls = sum(row.calls for row in usage)

    verdict_of = {verdict.workload_id: verdict for verdict in verdicts}
    certificate_of = {certificate.certificate_id: certificate for certificate in certificates}
    route_of = best_routes(routes)
    lines, projections = [], {}
    for workload in workloads:
        rows, own = by_workload[workload.workload_id], workload.workload_id
        if not rows:
            continue
        its = standing(workload, route_of.get(own), verdict_of.get(own), certificate_of, now)
        saved: Projection | None = None
        if its.certificate is not None and its.state in IN_FORCE:
            asks = its.certificate.artefact_digest in others
            when = months[workload.scope], windows[workload.scope][0]
            saved = project(rows, its.certificate, catalogue, *when, control_share, asks=asks)
            projections[own] = saved
        month, days = months[workload.scope], windows[workload.scope][0]
        lines.append(line(workload, rows, its, saved, shadow=shadow.get(own), catalogue=catalogue, month=month, days=days, all_calls=calls))
    lines.sort(key=lambda line: (-(line.spend_usd if line.spend_usd is not None else Decimal(-1)), -line.calls, line.name))

    days_of = {scope: days for scope, (days, _) in windows.items()}
    totals = total(
        usage, by_workload[None], lines, projections, catalogue=catalogue, months=months, days=days_of, control_share=control_share
    )
    first, last = min(map(day_of, usage)), max(map(day_of, usage))
    periods = tuple(
        Period(
            scope=scope,
            from_day=days[0],
            to_day=days[-1],
            days_observed=len(days),
            days_left_out=left_out,
            calls=sum(row.calls for row in by_scope[scope]),
            days=months[scope].length,
            edges=months[scope].edges,
        )
        for scope, (days, left_out) in sorted(windows.items())
    )
    seen_calls = sum(row.calls for row in usage if row.seen)
    sentence, three = headline.compose(lines, totals, words.span(first, last) + burst.beside_period(usage), seen_calls=seen_calls)
    return Report(
        made_at=now,
        version=__version__,
        headline=sentence,
        figures=three,
        period_from=first,
        period_to=last,
        periods=periods,
        control_share=control_share,
        totals=totals,
        workloads=tuple(lines),
        models=spend_by_model(usage, catalogue),
        notes=(
            *notes(lines, totals, periods, control_share),
            *burst.said(usage),
            *said([row for row in usage if not row.told], {workload.workload_id: workload.name for workload in workloads}, catalogue),
        ),
        currency=shown(),
        scopes=spend_by_scope(usage, lines, {scope: month.length for scope, month in months.items()}, catalogue),
        trend=trend(usage, lines, days_of, catalogue, edges=edges),
        seen_calls=seen_calls,
    )
