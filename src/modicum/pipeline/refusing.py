"""A refusal as a verdict: why, and what is missing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from modicum.evaluate.refuse import Refusal, in_words
from modicum.evaluate.split import AFTER_A_CHANGE, CERTIFY_SHARE
from modicum.evaluate.tune import Terms
from modicum.pipeline.outlines import is_open
from modicum.pipeline.recall import cacheable
from modicum.pipeline.supplied import supplied
from modicum.stats.binomial import fewest_draws
from modicum.types import Attempt, Sample, Verdict, Workload
from modicum.workload import classifiable, extractable

WHY = {
    "free_text": "its answers are free text, which no specialist here can write; `modicum try MODEL` runs another model over it",
    "spans": "its answers copy spans of the input into records that no extractor here can take apart",
    "tools": "its answers call tools: needs a tool caller",
    "open_numbers": "its answers are numbers without a small fixed set",
    "open_answers": "its answers are from no list, and what is kept of them does not say whether one is right: without --alpha agreement "
    "is promised",
}


def unfit(workload: Workload, *, judged_whole: bool = False) -> Verdict | None:
    """The refusal of a workload that no specialist here can take, before any call is looked at. `judged_whole`: its answers are to be
    called right or wrong, and what is kept of open ones is an outline that says neither."""
    if workload.ignored:
        return refuse(workload, "ignored", "it is ignored, as somebody decided (`modicum workloads ignore --undo` takes that back)")
    if not workload.in_words:
        return refuse(workload, "numbers_of_a_model", "a model made for it answers it already, in vectors or ranks that no other one gives")
    if (verdict := unlearnable(workload)) and not cacheable(workload.contract):
        return verdict
    if not workload.routable:
        return refuse(workload, "thin_template", "its prompt has too little fixed text to recognise a request safely")
    if judged_whole and is_open(workload.contract):
        return refuse(workload, "open_answers", WHY["open_answers"])
    return None


def unlearnable(workload: Workload) -> Verdict | None:
    """The refusal of a workload whose answers nothing here learns to give; a cache may still repeat them."""
    if (code := classifiable(workload.contract)) and not extractable(workload.contract):
        return refuse(workload, code, WHY.get(code, code))
    return None


def refuse_for_lack(
    workload: Workload,
    why: str,
    terms: Terms,
    samples: Sequence[Sample],
    opened_until: datetime | None,
    *,
    rolled_back: datetime | None = None,
) -> Verdict:
    """The refusal of a workload with too few calls even to try: at least so many more, and days at the pace of those there are.

    A lower limit: no test passes on fewer certify calls than would all have to agree. Calls since a rollback must teach as well.
    """
    newer = [sample.at for sample in samples if opened_until is None or sample.at > opened_until]
    least = fewest_draws(terms.margin, terms.level)
    share = CERTIFY_SHARE if opened_until is None else AFTER_A_CHANGE if opened_until == rolled_back else 1.0
    missing = math.ceil(least / share) - len(newer)
    if missing <= 0:
        return refuse(workload, "not_learnable", why)
    times = [sample.at for sample in samples]
    supply = supplied(0, times)
    days = missing * supply.days / supply.calls if len(times) > 1 else None
    soon = "" if days is None else f": {in_words(days)}{supply.told_from}"
    reason = f"{why}; needs at least {missing:,} more calls{' that are newer' if opened_until else ''}{soon}"
    return refuse(
        workload, Refusal(code="too_few_calls", reason=reason, needs_calls=missing, needs_days=None if days is None else round(days, 1))
    )


def refuse(
    workload: Workload, why: Refusal | str, reason: str = "", *, attempt: Attempt | None = None, request_file: Path | None = None
) -> Verdict:
    """The verdict for a refusal of the judge's, or for a code with its sentence."""
    refusal = why if isinstance(why, Refusal) else Refusal(code=why, reason=reason)
    return Verdict(
        workload_id=workload.workload_id,
        verdict="refused",
        reason=refusal.reason,
        code=refusal.code,
        needs_calls=refusal.needs_calls,
        needs_days=refusal.needs_days,
        needs_labels=refusal.needs_labels,
        margin_reachable=refusal.margin_reachable,
        request_file=str(request_file) if request_file else None,
        attempt_id=attempt.attempt_id if attempt else None,
    )
