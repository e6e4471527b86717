"""Open the stores of a home, read what a report needs, and summarise it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from modicum.artefact import Artefacts
from modicum.backends.model import model_of
from modicum.backends.priced import priced
from modicum.catalog import Catalogue
from modicum.catalog.cards import Cards
from modicum.config import Config
from modicum.errors import ArtefactError, NotEnoughDataError
from modicum.report.clock import edges_by_scope, length
from modicum.report.compare import compare
from modicum.report.costing import believed, day_of
from modicum.report.covering import beside, days_told, left_over, said
from modicum.report.exported import as_usage
from modicum.report.figures import summarise
from modicum.report.ladder import LadderSettings, with_ladders
from modicum.report.look import traffic
from modicum.report.measured import measured
from modicum.report.period import EVER, Span
from modicum.report.records import Report, ShadowCounts
from modicum.report.retire import merged
from modicum.report.sampled import with_sampling
from modicum.report.seen import scaled
from modicum.report.spend import respelled, with_cost
from modicum.report.tried import tried
from modicum.report.units import unit_figures
from modicum.report.unseen import handed_out
from modicum.route.steps import LIVE
from modicum.store.calls import Calls, UsageRow
from modicum.store.control import Control
from modicum.types import Route


def gather(
    config: Config, *, scope: str | None = None, now: datetime | None = None, span: Span = EVER, against: Span | None = None
) -> Report:
    """The report on everything under the home, on one scope, on the days of `span`, held `against` those of another.

    Raises NotEnoughDataError where there are no calls.
    """
    calls = Calls(config.home)
    catalogue = Catalogue(*priced(config))
    found = believed((row for row in calls.usage() if scope in (None, row.scope)), catalogue)
    usage = [row for row in found if span.holds(day_of(row))]
    since, until = _moments(span)
    exports, left = left_over(config, scope=scope, since=since, until=until)
    if not usage and not left:
        where = f"scope '{scope}' of {config.home}" if scope else str(config.home)
        hint = "`modicum report LOG` brings a log in and reports on it"
        if found:
            days = [day_of(row) for row in found]
            hint = f"there are calls from {min(days)} to {max(days)}"
            where += f" between {span.first} and {span.last}"
        raise NotEnoughDataError(f"no calls in {where}", hint=hint)
    control = Control(config.home)
    estimates = scaled(usage, catalogue) if any(not row.seen for row in usage) else ()
    routes, others = _routes(config, control.routes())
    raw, usage = usage, [*handed_out(with_cost(usage, catalogue)), *as_usage(exports, left)]
    cells = [cell for cell in calls.hours() if scope in (None, cell[0])]
    report = summarise(
        usage,
        workloads=control.workloads(scope),
        verdicts=control.verdicts(),
        certificates=control.certificates(),
        routes=routes,
        others=others,
        shadow=count_shadow(calls, raw),
        catalogue=catalogue,
        control_share=config.route.control_share,
        now=now or datetime.now(UTC),
        edges=edges_by_scope(usage, cells),
    )
    report = replace(report, traffic=traffic(config, scope=scope, since=since, until=until, usage=raw))
    told = said(beside(left))
    report = replace(report, notes=(*report.notes, *respelled(report.models), *told, *days_told(usage)), beside=told)
    cards = Cards.open(config.home, priced(config)[0])
    settings = LadderSettings.of(config)
    others_tried = tried(control, Artefacts(config.home / "artefacts"), control.workloads(scope), control.routes())
    report = with_ladders(report, usage, cards=cards, catalogue=catalogue, settings=settings, tried=others_tried)
    report = replace(report, retiring=merged(report.retiring), units=unit_figures(config, scope=scope, since=since, until=until))
    report = replace(report, measured=measured(config, scope=scope, since=since, until=until))
    if estimates:
        report = with_sampling(report, estimates, settings)
    if against is not None:
        held = handed_out(with_cost((row for row in found if against.holds(day_of(row))), catalogue))
        before, after = _moments(against)
        held += as_usage(*left_over(config, scope=scope, since=before, until=after))
        lengths = (length(held, cells), length(usage, cells)) if held else None
        both = [*held, *usage]
        compared = compare(both, control.workloads(scope), before=against, after=span, catalogue=catalogue, lengths=lengths)
        if compared is None:
            raise NotEnoughDataError(f"no calls between {against.first} and {against.last} to compare with")
        report = replace(report, comparison=compared)
    return report


def _routes(config: Config, routes: Iterable[Route]) -> tuple[list[Route], frozenset[str]]:
    """Those that count, and the artefacts that stand for another model (`modicum try`).

    Of routes to another model only live ones do: what one of them takes is known when it has answered.
    """
    artefacts = Artefacts(config.home / "artefacts")
    others = set()
    for digest in {route.artefact_digest for route in routes}:
        with suppress(ArtefactError):  # one that is damaged or gone is told of elsewhere
            if model_of(artefacts.read(digest)) is not None:
                others.add(digest)
    return [one for one in routes if one.artefact_digest not in others or one.state in LIVE], frozenset(others)


def _moments(span: Span) -> tuple[datetime | None, datetime | None]:
    """When the span begins, and when it is over."""
    first = None if span.first == date.min else datetime.combine(span.first, time(), tzinfo=UTC)
    last = None if span.last == date.max else datetime.combine(span.last + timedelta(days=1), time(), tzinfo=UTC)
    return first, last


def count_shadow(calls: Calls, usage: Iterable[UsageRow]) -> dict[str, ShadowCounts]:
    """What the specialists in shadow said, by workload: read from the decisions of the days that have any."""
    first: dict[tuple[str, str], str] = {}
    for row in usage:
        if row.workload_id is not None and dict(row.reasons).get("shadow"):
            key = (row.scope, row.workload_id)
            first[key] = min(first.get(key, row.day), row.day)
    counts = {}
    for (scope, workload_id), day in first.items():
        seen = would_answer = compared = agreed = 0
        since = datetime.combine(date.fromisoformat(day), time(), tzinfo=UTC)
        for call in calls.scan(scope=scope, workload_id=workload_id, since=since, bodies=False):
            decision = call.decision
            if decision is None or decision.reason != "shadow":
                continue
            seen += 1
            if decision.would_answer:
                would_answer += 1
                compared += decision.agreed is not None
                agreed += decision.agreed is True
        counts[workload_id] = ShadowCounts(calls=seen, would_answer=would_answer, compared=compared, agreed=agreed)
    return counts
