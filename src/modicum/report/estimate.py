"""A declared list as a report, so that the page, the tables and the document show it as they show recorded calls.

Nothing in it was measured: there is no interval, no trend, no certificate and no gap, and each workload is in the state `declared`.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, time
from decimal import Decimal

from modicum.report import words
from modicum.report.currency import shown
from modicum.report.declared import DeclaredLine, DeclaredReport
from modicum.report.proven import best_rung
from modicum.report.records import HeadlineFigure, ModelSpend, Report, Totals, WorkloadFigures
from modicum.report.rungs import Ladder
from modicum.types import ContractKind, TaskKind
from modicum.version import __version__

SCOPE = "declared"
ANSWERS: dict[TaskKind, ContractKind] = {"classify": "label", "score": "number", "extract": "object", "tool": "tool"}


def as_report(found: DeclaredReport) -> Report:
    """The same figures in a report's record."""
    lines = tuple(_line(line, found.calls_month) for line in found.workloads)
    unpriced = sum(line.unpriced_calls for line in lines)
    totals = Totals(
        calls=found.calls_month,
        calls_in_workloads=found.calls_month,
        calls_without_workload=0,
        failed_calls=0,
        calls_without_usage=0,
        unpriced_calls=unpriced,
        spend_usd=found.usd_month,
        spend_usd_month=found.usd_month,
        baseline_usd_month=found.usd_month,
        spend_without_workload_usd=None,
        spend_without_workload_usd_month=None,
        workloads=len(lines),
        certified=0,
        saving_on=None,
        saving_proposed=None,
        saving=None,
        saving_unknown=0,
        answerable_share=None,
        expected_wrong_certificates=0.0,
    )
    return Report(
        made_at=datetime.combine(found.made_on, time(), tzinfo=UTC),
        version=__version__,
        headline=found.headline,
        figures=_figures(found, unpriced),
        period_from=found.made_on,
        period_to=found.made_on,
        periods=(),
        control_share=0.0,
        totals=totals,
        workloads=lines,
        models=_models(lines),
        notes=found.notes,
        currency=shown(),
        ladders=found.ladders,
        declared=True,
    )


def _line(line: DeclaredLine, all_calls: int) -> WorkloadFigures:
    unpriced = line.calls_month if line.usd_month is None else 0
    incumbent = ModelSpend(
        model=line.model,
        calls=line.calls_month,
        calls_without_usage=0,
        unpriced_calls=unpriced,
        spend_usd=line.usd_month,
        price=line.price,
    )
    return WorkloadFigures(
        workload_id=line.name,
        name=line.name,
        scope=SCOPE,
        task=line.task,
        contract_kind=ANSWERS.get(line.task, "text"),
        labels=0,
        can_be_served=True,
        calls=line.calls_month,
        share=line.calls_month / all_calls if all_calls else 0.0,
        calls_without_usage=0,
        unpriced_calls=unpriced,
        spend_usd=line.usd_month,
        spend_usd_month=line.usd_month,
        baseline_usd_month=line.usd_month,
        incumbents=(incumbent,),
        state="declared",
    )


def _models(lines: tuple[WorkloadFigures, ...]) -> tuple[ModelSpend, ...]:
    by_model: dict[str, list[ModelSpend]] = defaultdict(list)
    for line in lines:
        for its in line.incumbents:
            by_model[its.model].append(its)
    found = []
    for model, each in by_model.items():
        known = [one.spend_usd for one in each if one.spend_usd is not None]
        found.append(
            ModelSpend(
                model=model,
                calls=sum(one.calls for one in each),
                calls_without_usage=0,
                unpriced_calls=sum(one.unpriced_calls for one in each),
                spend_usd=sum(known, Decimal(0)) if known else None,
                price=each[0].price,
            )
        )
    return tuple(sorted(found, key=lambda one: (one.spend_usd is None, -(one.spend_usd or 0), -one.calls, one.model)))


def _figures(found: DeclaredReport, unpriced: int) -> tuple[HeadlineFigure, HeadlineFigure, HeadlineFigure]:
    calls = words.count(found.calls_month, "declared call")
    return (
        HeadlineFigure(
            label="spend a month, declared",
            value=words.money(found.usd_month),
            note=calls + (f"; the cost of {unpriced:,} is unknown" if unpriced else ""),
        ),
        HeadlineFigure(
            label="could be saved, by price", value=_by_price(found.ladders), note="the best of each ladder; nothing of it is measured"
        ),
        HeadlineFigure(
            label="workloads declared",
            value=f"{len(found.workloads):,}",
            note="`modicum report LOG` on a week of calls measures what is guessed here",
        ),
    )


def _by_price(ladders: tuple[Ladder, ...]) -> str:
    best = [rung for rung in map(best_rung, ladders) if rung is not None and rung.saving is not None]
    known = [rung.saving.usd_month for rung in best if rung.saving is not None and rung.saving.usd_month is not None]
    return f"up to {words.money(sum(known, Decimal(0)))}" if known else words.UNKNOWN
