"""What the certificates in force come to once the ladders are known: a report in, its lines, totals and first sentence set right out.

Net of the same things as their rungs (control share, computing, audits), and without those that something hard stands against.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from modicum.catalog import Catalogue
from modicum.report import headline, words
from modicum.report.ladder.build import Window, windows
from modicum.report.ladder.settings import LadderSettings
from modicum.report.records import IN_FORCE, Report, WorkloadFigures
from modicum.report.rungs import Rung
from modicum.report.saving import Projection, project
from modicum.report.totals import promised

if TYPE_CHECKING:
    from modicum.store.calls import UsageRow


def counted(report: Report, usage: Sequence[UsageRow], catalogue: Catalogue, settings: LadderSettings) -> Report:
    """The report, its ladders made, with every figure of a certificate as its rung has it. Unchanged where none is in force."""
    rungs = {one.workload_id: rung for one in report.ladders for rung in one.rungs if rung.kind == "specialist"}
    in_force = [line for line in report.workloads if line.state in IN_FORCE and line.workload_id in rungs]
    if not in_force:
        return report
    barred = {line.workload_id for line in in_force if rungs[line.workload_id].blocked}
    of = {line.workload_id for line in in_force}
    lines = [_as_rung(line, rungs[line.workload_id]) if line.workload_id in of else line for line in report.workloads]
    standing = [line for line in lines if line.state in IN_FORCE and line.workload_id not in barred]
    by_workload: dict[str | None, list[UsageRow]] = defaultdict(list)
    for row in usage:
        by_workload[row.workload_id].append(row)
    of_scope = windows(usage, report.periods)
    projections = {
        line.workload_id: _net(line, by_workload[line.workload_id], of_scope[line.scope], catalogue, settings) for line in standing
    }
    fewest = min(window.month.days for window in of_scope.values())
    totals = promised(report.totals, standing, projections, fewest=fewest, control_share=settings.control_share)
    period = words.span(report.period_from, report.period_to)
    sentence, figures = headline.compose(lines, totals, period, seen_calls=report.seen_calls, barred=barred)
    return replace(
        report, workloads=tuple(lines), totals=totals, headline=sentence, figures=figures, notes=(*report.notes, _upkeep(settings))
    )


def _as_rung(line: WorkloadFigures, rung: Rung) -> WorkloadFigures:
    return line if rung.saving is None else replace(line, saving=rung.saving)


def _net(line: WorkloadFigures, rows: Sequence[UsageRow], window: Window, catalogue: Catalogue, settings: LadderSettings) -> Projection:
    """As it was projected, less what the rung says that it costs to keep."""
    assert line.certificate is not None
    if line.saving is not None and line.saving.usd_month is None:  # of another model whose price nobody knows
        return Projection(net=line.saving)
    found = project(rows, line.certificate, catalogue, window.month, window.days, settings.control_share)
    before, after = found.net.usd_month, line.saving.usd_month if line.saving is not None else None
    if before is None or after is None or found.draws is None:
        return found
    return replace(found, net=replace(found.net, usd_month=after), draws=found.draws - float(before - after))


def _upkeep(settings: LadderSettings) -> str:
    number = settings.audit_labels_month
    none = "; no audits are bought in this release"
    audits = f" and of {words.count(number, 'audit')} a month at {words.money(settings.label_usd)}" if number else none
    return (
        f"Savings of specialists are net of their computing as well ({settings.serving_ms:g} ms an answer, more than was measured,"
        f" on a machine at {words.money(settings.computing_usd_hour)} an hour){audits}."
    )
