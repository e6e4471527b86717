"""What an opened window says beside its verdict: of the rule that was tested, of the model without its scorer, and what stood in the way.

Reads what was tested, after it was; decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modicum.backends.model import ACCEPT_ABOVE
from modicum.evaluate import trials
from modicum.evaluate.judged import JudgedRows
from modicum.evaluate.labels import excess_losses
from modicum.evaluate.limits import Bound, limit_of
from modicum.evaluate.table import Table
from modicum.pipeline.errand import Errand
from modicum.pipeline.trial import Alone, TrialVerdict
from modicum.pipeline.window import unpack
from modicum.store.control import Control
from modicum.train.router import FEWEST
from modicum.types import Attempt, Verdict

Answers = dict[str, tuple[str, str | None, str | None]]
"""By call id: the name that labels know it by, the candidate's answer, the incumbent's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What there is to say."""

    word: TrialVerdict
    """Of the rule, where it is not certified."""
    bound: Bound | None
    alone: Alone | None
    coverage: float
    """At the start of the sequence."""
    note: str


def show(control: Control, errand: Errand, verdict: Verdict, answers: Answers) -> Shown:
    """What the errand's window says, the verdict being there."""
    attempt = errand.attempt
    assert attempt is not None
    table = unpack(control.window(attempt.attempt_id) or b"").table(attempt)
    excess, judged = _said(control, errand, attempt, table, answers)

    def word(threshold: float) -> TrialVerdict:
        if excess is not None and judged is None and trials.is_worse(table, excess, errand.terms, threshold):
            return "worse"
        return "differs" if not errand.texts and trials.certainly_differs(table, errand.terms, threshold) else "unproven"

    note, bound, certificate = "", None, verdict.certificate
    if certificate is None:
        tested = excess is not None or "A" in attempt.kinds
        bound = limit_of(attempt, table, excess if judged is None else None, judged) if tested else None
        if excess is None and verdict.needs_labels:
            told = f"labels: people's word on {verdict.needs_labels:,} pairs of answers" if errand.texts else bound.reason if bound else ""
            bound = Bound(limit="labels", reason=told, needs_labels=verdict.needs_labels)
        known = 0 if excess is None else int((~np.isnan(excess)).sum())
        if errand.scorer is None and errand.texts and known >= FEWEST:
            note = f"what was said of these {known:,} calls can teach a scorer for newer ones: run it again"
    alone = None
    if errand.scorer is not None:
        passed = certificate is not None and certificate.rule.accept_above <= ACCEPT_ABOVE
        alone = Alone(
            verdict="certified" if passed else word(ACCEPT_ABOVE),
            coverage=float(table.accepted(ACCEPT_ABOVE).mean()),
            excess=errand.excess_alone,
        )
    start = attempt.thresholds[0]
    return Shown(word=word(start), bound=bound, alone=alone, coverage=float(table.accepted(start).mean()), note=note)


def _said(
    control: Control, errand: Errand, attempt: Attempt, table: Table, answers: Answers
) -> tuple[np.ndarray | None, JudgedRows | None]:
    """The losses that the window was tested with; nothing before it was, so that nobody is told what the labels say so far."""
    name = attempt.attempt_id
    if control.looked_with(name) is None:
        return None, None
    labels = {**errand.known.labels.get(name, {}), **errand.wish.labels}
    if not errand.listed:
        labels = trials.as_verdicts(labels, answers, name, texts=errand.texts)
    judge = errand.wish.judged.get(name)
    judged = None if judge is None else judge.rows(table, {**judge.people, **labels}, name)
    return excess_losses(table, labels, name), judged
