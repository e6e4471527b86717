"""A refusal as a verdict: why, and what is missing."""

from __future__ import annotations

from pathlib import Path

from modicum.evaluate.refuse import Refusal
from modicum.types import Attempt, Verdict, Workload
from modicum.workload import classifiable

WHY = {
    "free_text": "its answers are free text, which no specialist here can write",
    "spans": "its answers copy spans of the input: needs an extractor",
    "tools": "its answers call tools: needs a tool caller",
    "open_numbers": "its answers are numbers without a small fixed set: needs an extractor",
}


def unfit(workload: Workload) -> Verdict | None:
    """The refusal of a workload that no specialist here can take, before any call is looked at."""
    if workload.ignored:
        return refuse(workload, "ignored", "it is ignored, as somebody decided (`modicum workloads ignore --undo` takes that back)")
    if code := classifiable(workload.contract):
        return refuse(workload, code, WHY.get(code, code))
    if not workload.routable:
        return refuse(workload, "thin_template", "its prompt has too little fixed text to recognise a request safely")
    return None


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
