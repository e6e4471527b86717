"""Whether anything on the ladders is worth changing: a threshold, stated, and a sentence that may say no.

The rule, in plain words. A change is worth it where even in a bad month it saves more than its price spread over a year: what it costs
once (labels, work, training) divided by 12. "In a bad month" is the lower limit of the saving. Each workload puts up the one rung that
does best by this. Added up, what they save in a bad month must be more than 5 % of the spend: for less nobody should touch what runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from modicum.report import whole, words
from modicum.report.ladder.settings import LadderSettings
from modicum.report.month import FEWEST_DAYS
from modicum.report.proven import lightest
from modicum.report.records import Totals, WorkloadFigures
from modicum.report.rungs import Ladder, Rung, Worth
from modicum.report.said import doubt
from modicum.report.saving import capped
from modicum.types import Saving

SHOWN = 3
FEW_DAYS = "Whether anything here is worth changing cannot be said yet: fewer than three days were observed."
Found = list[tuple[Ladder, Rung]]


def worth(found: Sequence[Ladder], lines: Sequence[WorkloadFigures], totals: Totals, settings: LadderSettings | None = None) -> Worth:
    """Of each workload its best rung; together they must pass the threshold.

    Changing: what is certified, or measured on these very calls so that no answer changes (a cache). Trying: what would pass if it turned
    out good enough. Where days are too few to say how they differ (under three), or nobody recorded any, nothing passes.
    """
    given = settings or LadderSettings()
    names = {line.workload_id: words.visible(line.name, 60) for line in lines}
    bill = totals.baseline_usd_month
    threshold = (
        f"even the low end of what it saves pays back what it costs once within {given.months} months, and is more than"
        f" {words.percent(given.least_share)} of the spend"
    )
    proven = _best(found, given, _is_proven)
    open_ = _best(found, given, _is_open)
    any_proven = any(rung.evidence == "certified" for one in found for rung in one.rungs)
    changing, trying = _passes(proven, bill, given), _passes(open_, bill, given)
    shown = proven if changing else open_ if trying else proven
    saving = _together([rung for _, rung in shown], totals)
    once = sum((rung.one_off_usd or Decimal(0) for _, rung in shown), Decimal(0)) if shown else None
    return Worth(
        changing=changing,
        trying=trying,
        saving=saving,
        one_off_usd=once,
        rungs=tuple((one.workload_id, rung.name) for one, rung in shown),
        threshold=threshold,
        sentence=FEW_DAYS
        if _too_few_days(found)
        else (not changing and not trying and doubt(totals))
        or _sentence(
            shown,
            names,
            saving,
            once,
            None if bill is None else whole.bill(totals),
            threshold,
            changing=changing,
            trying=trying,
            any_proven=any_proven,
        ),
    )


def _too_few_days(found: Sequence[Ladder]) -> bool:
    """Savings are known, and no ladder has the days to say what a month would bring."""
    known = [one for one in found if any(rung.saving is not None for rung in one.rungs if rung.kind != "incumbent")]
    return bool(known) and all(one.days < FEWEST_DAYS for one in known)


def _is_proven(rung: Rung) -> bool:
    """Certified, or measured so that nothing about the answers changes. Whether somebody waits for a batch, no log tells."""
    return rung.evidence == "certified" or rung.kind in ("exact_cache", "incumbent_cached") and rung.evidence == "measured"


def _is_open(rung: Rung) -> bool:
    return not _is_proven(rung) and rung.kind != "incumbent"


def _best(found: Sequence[Ladder], given: LadderSettings, fits: Callable[[Rung], bool]) -> Found:
    """The rung of each workload that surely saves most, net of what it costs once, the most saving first. Of those that save about as much
    the one with least in its way, then with the best evidence, then the smallest."""

    def net(rung: Rung) -> Decimal:
        return _net(rung, given)

    best: Found = []
    for one in found:
        each = [rung for rung in one.rungs if one.days >= FEWEST_DAYS and fits(rung) and not rung.blocked and net(rung) > 0]
        if each:
            best.append((one, lightest(max(each, key=net), each, net)))
    return sorted(best, key=lambda pair: (-_net(pair[1], given), pair[0].workload_id))


def _net(rung: Rung, given: LadderSettings) -> Decimal:
    """The lower limit a month, less what it costs once spread over the months; below zero where either is unknown."""
    low = rung.saving.low_usd_month if rung.saving is not None else None
    return Decimal(-1) if low is None or rung.one_off_usd is None else low - rung.one_off_usd / given.months


def _passes(pairs: Found, bill: Decimal | None, given: LadderSettings) -> bool:
    low = sum((rung.saving.low_usd_month for _, rung in pairs if rung.saving and rung.saving.low_usd_month is not None), Decimal(0))
    return bool(pairs) and bill is not None and low > Decimal(str(given.least_share)) * bill


def _together(rungs: Sequence[Rung], totals: Totals) -> Saving | None:
    """Estimates and limits added up: wider than need be, for no two workloads' worst days fall together."""
    savings = [rung.saving for rung in rungs if rung.saving is not None and rung.saving.usd_month is not None]
    if not savings:
        return None

    def total(name: str) -> Decimal | None:
        values = [getattr(one, name) for one in savings]
        return None if None in values else sum(values, Decimal(0))

    its = Saving(
        usd_month=total("usd_month"),
        low_usd_month=total("low_usd_month"),
        high_usd_month=total("high_usd_month"),
        baseline=f"{words.money(totals.baseline_usd_month)} a month that all calls would cost {whole.WITHOUT}",
        method="estimates and limits of the workloads added up",
    )
    return capped(its, totals.baseline_high_usd_month)


def _sentence(
    shown: Found,
    names: dict[str, str],
    saving: Saving | None,
    once: Decimal | None,
    bill: str | None,
    threshold: str,
    *,
    changing: bool,
    trying: bool,
    any_proven: bool,
) -> str:
    what = words.listing([f"{rung.name} for {names.get(one.workload_id, one.workload_id)}" for one, rung in shown], SHOWN)
    costs = f"it costs about {words.money(once)} once"
    if changing:
        return f"Worth changing: {what} would save {words.saving(saving)} of {bill}; {costs}."
    if trying:
        why = "what is proven saves too little" if any_proven else "nothing is proven yet"
        return f"Worth trying, for {why}: {what} could save {words.saving(saving)} of {bill}; {costs}."
    if bill is None:
        return "Whether anything is worth changing is unknown: no call's cost is."
    return f"Nothing here is worth changing: of {bill} nothing saves enough. Enough is where {threshold}."
