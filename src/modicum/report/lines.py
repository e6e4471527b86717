"""One workload's figures: what it costs, where it stands, what the gateway saw of it, its prompt without what the slots held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from modicum.catalog import Catalogue
from modicum.report.month import Month
from modicum.report.records import LiveFigures, ShadowCounts, TemplateText, WorkloadFigures
from modicum.report.saving import Projection, a_month, month_of, without_specialist
from modicum.report.spend import Spend, median_ms, spend, spend_by_model
from modicum.report.standing import Standing
from modicum.route.steps import ANSWERING, shared
from modicum.types import Pattern, Version, Workload

if TYPE_CHECKING:
    from modicum.store.calls import UsageRow


def line(
    workload: Workload,
    rows: Sequence[UsageRow],
    its: Standing,
    saved: Projection | None,
    *,
    shadow: ShadowCounts | None,
    catalogue: Catalogue,
    month: Month,
    days: Sequence[date],
    all_calls: int,
) -> WorkloadFigures:
    """`rows`: the workload's; `month`, `days`: of its scope; `all_calls`: of the whole report."""
    paid = spend(rows, catalogue)
    calls = sum(row.calls for row in rows)
    low, high = month_of(paid, month, days, f"{workload.workload_id} calls")
    certificate = its.certificate
    return WorkloadFigures(
        workload_id=workload.workload_id,
        name=workload.name,
        scope=workload.scope,
        task=workload.task,
        task_why=workload.task_why,
        task_sure=workload.task_sure,
        contract_kind=workload.contract.kind,
        labels=len(workload.contract.labels),
        can_be_served=workload.contract.can_be_served,
        calls=calls,
        share=calls / all_calls if all_calls else 0.0,
        calls_without_usage=paid.calls_without_usage,
        unpriced_calls=paid.unpriced_calls,
        spend_usd=paid.known_usd,
        spend_usd_month=a_month(paid.known_usd, month.length),
        baseline_usd_month=a_month(without_specialist(rows, paid), month.length),
        spend_low_usd_month=low,
        spend_high_usd_month=high,
        incumbents=spend_by_model(rows, catalogue, stages=False),
        state=its.state,
        answering=shared(its.route) if its.route is not None and its.state in ANSWERING else 0.0,
        cache_read_share=_cache_read_share(rows),
        route_id=its.route.route_id if its.route else None,
        certificate_id=certificate.certificate_id if certificate else None,
        sentence=certificate.sentence if certificate else None,
        coverage=certificate.coverage if certificate else None,
        coverage_calls=certificate.coverage_calls if certificate else None,
        expires_at=certificate.expires_at if certificate else None,
        saving=saved.net if saved else None,
        gross_saving_usd_month=saved.gross_usd_month if saved else None,
        control_usd_month=saved.control_usd_month if saved else None,
        code=its.code,
        reason=its.reason,
        verdict=None if its.verdict is None else replace(its.verdict, request_file=None),
        certificate=certificate,
        live=_live(rows, paid, shadow),
        templates=tuple(template_text(version) for version in workload.versions),
    )


def _cache_read_share(rows: Sequence[UsageRow]) -> float | None:
    read = sum(row.cache_read_tokens for row in rows if not row.specialist)
    tokens = sum(row.input_tokens for row in rows if not row.specialist)
    return read / tokens if 0 < read <= tokens else None


def _live(rows: Sequence[UsageRow], paid: Spend, shadow: ShadowCounts | None) -> LiveFigures | None:
    """What the gateway decided about these calls; None where none came through it."""
    reasons: Counter[str] = Counter()
    for row in rows:
        reasons.update(dict(row.reasons))
    if not reasons:
        return None
    answered = sum(row.calls for row in rows if row.specialist)
    return LiveFigures(
        specialist_calls=answered,
        incumbent_calls=sum(reasons.values()) - answered,
        shadow=shadow,
        reasons=tuple(reasons.most_common()),
        saved_usd=None if paid.mean_usd is None else answered * paid.mean_usd - paid.stages_usd,
        specialist_p50_ms=median_ms(rows, lambda row: row.specialist),
        incumbent_p50_ms=median_ms(rows, lambda row: not row.specialist),
    )


def template_text(version: Version) -> TemplateText:
    """The prompt's fixed text with None for each slot."""
    template = version.template
    parts = [(role, _pieces(pattern)) for role, pattern in (("system", template.system), ("user", template.user)) if pattern is not None]
    return TemplateText(version_id=version.version_id, calls=version.calls, parts=tuple(parts))


def _pieces(pattern: Pattern) -> tuple[str | None, ...]:
    if not pattern.literals:
        return (None,)
    pieces: list[str | None] = [] if pattern.anchored_start else [None]
    for number, literal in enumerate(pattern.literals):
        pieces += [literal] if number == 0 else [None, literal]
    return tuple(pieces if pattern.anchored_end else [*pieces, None])
