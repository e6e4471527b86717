"""Open the stores of a home, read what a report needs, and summarise it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time

from modicum.backends.priced import priced
from modicum.catalog import Catalogue
from modicum.config import Config
from modicum.errors import NotEnoughDataError
from modicum.report.figures import summarise
from modicum.report.records import Report, ShadowCounts
from modicum.store.calls import Calls, UsageRow
from modicum.store.control import Control


def gather(config: Config, *, scope: str | None = None, now: datetime | None = None) -> Report:
    """The report on everything under the home, or on one scope. Raises NotEnoughDataError where there are no calls."""
    calls = Calls(config.home)
    usage = [row for row in calls.usage() if scope in (None, row.scope)]
    if not usage:
        where = f"scope '{scope}' of {config.home}" if scope else str(config.home)
        raise NotEnoughDataError(f"no calls in {where}", hint="`modicum report LOG` brings a log in and reports on it")
    control = Control(config.home)
    return summarise(
        usage,
        workloads=control.workloads(scope),
        verdicts=control.verdicts(),
        certificates=control.certificates(),
        routes=control.routes(),
        shadow=count_shadow(calls, usage),
        catalogue=Catalogue(*priced(config)),
        control_share=config.route.control_share,
        now=now or datetime.now(UTC),
    )


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
