"""How much of the spend could go to something smaller, and how well that is known: a report in, shares out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from modicum.report.records import IN_FORCE, Report, WorkloadFigures
from modicum.report.rungs import Evidence, Ladder, ObstacleKind, Rung, RungKind

SMALLER: tuple[RungKind, ...] = ("exact_cache", "specialist", "same_laboratory", "open_hosted", "open_own")
"""What does the work with less; the incumbent asked otherwise does not."""
WATCHED: tuple[RungKind, ...] = ("specialist", "same_laboratory", "open_hosted", "open_own")
"""Where these take over, a share of the calls stays with the incumbent as a control."""
SOME = 0.005
"""Of a workload's calls, from which on it counts among those of an evidence."""
NEAR = Decimal("0.1")
"""Of the most that a rung saves, below which stronger evidence for another does not count."""
ALIKE = Decimal("0.9")
"""Of the larger of two savings, from which on the smaller one is about as much, whatever their intervals."""
COMPARABLE = Decimal("0.75")
"""The same where one lies within the other's interval: most of that is how many calls a month brings, and both get the same calls."""
OTHERS_SAY: tuple[ObstacleKind, ...] = ("residency", "region", "licence", "terms")
"""What somebody else has to agree to stands more in the way than what a look at some answers settles."""
STRENGTH: dict[Evidence, int] = {"certified": 3, "measured": 2, "published": 1, "none": 0}
EVIDENCE = tuple(STRENGTH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The spend on calls whose best smaller answerer is known this well."""

    evidence: Evidence
    usd_month: Decimal
    share: float
    """Of the whole month's spend without small models."""
    workloads: int


def by_evidence(report: Report) -> tuple[Standing, ...]:
    """Of the month's spend: certified, measured, published, and nothing of the kind, in this order; they add up to all of it.

    Empty where no spend is known. A workload's spend counts by the share of its calls that each would answer, those that stay with the
    incumbent as a control included, each call under the best that is known of it. It says what the work costs, not what changing saves.
    """
    whole = report.totals.baseline_usd_month
    if not whole:
        return ()
    usd: dict[Evidence, Decimal] = defaultdict(Decimal)
    number: dict[Evidence, int] = defaultdict(int)
    ladders = {ladder.workload_id: ladder for ladder in report.ladders}
    for line in report.workloads:
        for evidence, part in parts(line, ladders.get(line.workload_id), report.control_share).items():
            usd[evidence] += (line.baseline_usd_month or Decimal(0)) * Decimal(str(part))
            number[evidence] += part >= SOME
    usd["none"] = max(Decimal(0), whole - usd["certified"] - usd["measured"] - usd["published"])
    return tuple(Standing(evidence=one, usd_month=usd[one], share=float(usd[one] / whole), workloads=number[one]) for one in EVIDENCE)


def evidence_of(line: WorkloadFigures, ladder: Ladder | None, control_share: float = 0.0) -> Evidence:
    """The evidence for most of a workload's calls, the stronger of two equals."""
    found = parts(line, ladder, control_share)
    return max(found, key=lambda one: (round(found[one], 6), STRENGTH[one]))


def parts(line: WorkloadFigures, ladder: Ladder | None, control_share: float) -> dict[Evidence, float]:
    """Shares of a workload's calls by the best evidence that something smaller answers them, as far as nothing stands in its way. They add
    up to 1."""
    open_ = [rung for rung in ladder.rungs if is_smaller(rung) and not rung.blocked] if ladder else []
    specialist = next((rung for rung in ladder.rungs if rung.kind == "specialist"), None) if ladder else None
    found: list[tuple[Evidence, float]] = []
    if line.state in IN_FORCE and line.coverage_calls is not None and not (specialist is not None and specialist.blocked):
        found.append(("certified", line.coverage_calls))
    for rung in open_:
        whole = 1 - control_share if rung.kind in WATCHED else 1.0
        # A certificate that expired or was switched off is one no more, whatever a rung says.
        its: Evidence = "measured" if rung.evidence == "certified" and line.state not in IN_FORCE else rung.evidence
        if rung.evidence != "certified" or its == "measured":
            found.append((its, min(1.0, (rung.share or 0.0) / whole) if whole else 0.0))
    shares = laid(((evidence, share) for evidence, share in found if evidence != "none"))
    return {**shares, "none": max(0.0, 1.0 - sum(shares[one] for one in EVIDENCE if one != "none"))}


def laid(found: Iterable[tuple[Evidence, float]], taken: float = 0.0) -> dict[Evidence, float]:
    """Shares by evidence, each call once: of each the largest share, and of that what goes beyond the stronger ones and what is taken."""
    most: dict[Evidence, float] = dict.fromkeys(EVIDENCE, 0.0)
    for evidence, share in found:
        most[evidence] = max(most[evidence], share)
    beyond: dict[Evidence, float] = {}
    for evidence in EVIDENCE:
        beyond[evidence] = max(0.0, most[evidence] - taken)
        taken += beyond[evidence]
    return beyond


def is_smaller(rung: Rung) -> bool:
    """It does some of the work, for less than the incumbent where both prices are known."""
    return rung.kind in SMALLER and rung.share != 0 and (rung.cheaper_share is None or rung.cheaper_share > 0)


def best_rung(ladder: Ladder) -> Rung | None:
    """Of the rungs that save at least a tenth of what the best of them does, the one that the evidence speaks for most, and among equals
    the one that saves most; of those that save about as much, the `lightest`. None where nothing is known to save.

    What is certified or measured on these calls gives way to nothing that is not.
    """
    open_ = [rung for rung in ladder.rungs if rung.kind != "incumbent" and not rung.blocked and _saves(rung) > 0]
    most = max(map(_saves, open_), default=Decimal(0))
    worth = [rung for rung in open_ if _saves(rung) >= NEAR * most]
    first = max(worth, key=lambda rung: (STRENGTH[rung.evidence], _saves(rung)), default=None)
    if first is None:
        return None
    seen_here = STRENGTH[first.evidence] >= STRENGTH["measured"]
    beside = [rung for rung in worth if not seen_here or rung.evidence == first.evidence]
    return lightest(first, beside, _saves)


def lightest(first: Rung, rungs: Sequence[Rung], value: Callable[[Rung], Decimal]) -> Rung:
    """Of the rungs that save about as much as `first`: the one with least in its way, then with the best evidence, then the smallest.

    `rungs`: the smallest first. `value`: what is compared, dollars a month. About as much is what lies within 10 %, or within a quarter
    where one of the savings lies within the other's interval.
    """

    def rank(rung: Rung) -> tuple[int, int, int]:
        others = sum(one.kind in OTHERS_SAY for one in rung.obstacles)
        return others, len(rung.obstacles), -STRENGTH[rung.evidence]

    return min((rung for rung in rungs if _is_about(rung, first, value)), key=rank, default=first)


def _is_about(rung: Rung, other: Rung, value: Callable[[Rung], Decimal]) -> bool:
    less, more = sorted((value(rung), value(other)))
    overlap = _is_within(rung, other) or _is_within(other, rung)
    return more > 0 and less >= (COMPARABLE if overlap else ALIKE) * more


def _is_within(rung: Rung, other: Rung) -> bool:
    """Its saving lies within the other's interval."""
    its = other.saving
    if its is None or its.low_usd_month is None or its.high_usd_month is None:
        return False
    return its.low_usd_month <= _saves(rung) <= its.high_usd_month


def _saves(rung: Rung) -> Decimal:
    """Dollars a month; nothing where that is unknown."""
    return (rung.saving.usd_month if rung.saving is not None else None) or Decimal(0)
