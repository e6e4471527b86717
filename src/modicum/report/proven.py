"""How much of the spend could go to something smaller, and how well that is known: a report in, shares out."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal

from modicum.report.records import IN_FORCE, Report, WorkloadFigures
from modicum.report.rungs import Evidence, Ladder, Rung, RungKind

SMALLER: tuple[RungKind, ...] = ("exact_cache", "specialist", "same_laboratory", "open_hosted", "open_own")
"""What does the work with less; the incumbent asked otherwise does not."""
STRENGTH: dict[Evidence, int] = {"certified": 3, "measured": 2, "published": 1, "none": 0}
EVIDENCE = tuple(STRENGTH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The spend on work whose best smaller answerer is known this well."""

    evidence: Evidence
    usd_month: Decimal
    share: float
    """Of the whole month's spend without small models."""
    workloads: int


def by_evidence(report: Report) -> tuple[Standing, ...]:
    """Of the month's spend: certified, measured, published, and nothing of the kind, in this order; they add up to all of it.

    Empty where no spend is known. A workload counts whole under the best that is known of it: this is what the work costs, not what
    changing would save.
    """
    whole = report.totals.baseline_usd_month
    if not whole:
        return ()
    usd: dict[Evidence, Decimal] = defaultdict(Decimal)
    number: dict[Evidence, int] = defaultdict(int)
    ladders = {ladder.workload_id: ladder for ladder in report.ladders}
    for line in report.workloads:
        best = evidence_of(line, ladders.get(line.workload_id))
        usd[best] += line.baseline_usd_month or Decimal(0)
        number[best] += 1
    usd["none"] = max(Decimal(0), whole - usd["certified"] - usd["measured"] - usd["published"])
    return tuple(Standing(evidence=one, usd_month=usd[one], share=float(usd[one] / whole), workloads=number[one]) for one in EVIDENCE)


def evidence_of(line: WorkloadFigures, ladder: Ladder | None) -> Evidence:
    """The best evidence that something smaller does a workload's work, as far as nothing stands in its way."""
    if line.state in IN_FORCE:
        return "certified"
    found = [rung.evidence for rung in ladder.rungs if is_smaller(rung) and not rung.blocked] if ladder else []
    # A certificate that expired or was switched off is one no more, whatever a rung says.
    found = ["measured" if one == "certified" else one for one in found]
    return max(found, key=STRENGTH.__getitem__, default="none")


def is_smaller(rung: Rung) -> bool:
    """It does some of the work, for less than the incumbent where both prices are known."""
    return rung.kind in SMALLER and rung.share != 0 and (rung.cheaper_share is None or rung.cheaper_share > 0)


def best_rung(ladder: Ladder) -> Rung | None:
    """The rung that the evidence speaks for most, and among equals the one that saves most; None where nothing is known to save."""
    open_ = [
        rung
        for rung in ladder.rungs
        if rung.kind != "incumbent" and not rung.blocked and rung.saving is not None and (rung.saving.usd_month or 0) > 0
    ]
    return max(open_, key=lambda rung: (STRENGTH[rung.evidence], rung.saving.usd_month if rung.saving else 0), default=None)
