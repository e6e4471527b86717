"""A scorer for a model that is tried: taught on old calls whose outcomes are known, and the rule that it makes possible, planned on them.

The calls it learns from are older than the window that will certify, and share no group with it; thresholds are planned on what scorers
foretold that did not see the call. So it may be a poor scorer, or noise, and the promise holds all the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modicum.backends.model import ACCEPT_ABOVE
from modicum.errors import NotEnoughDataError
from modicum.evaluate.limits import Bound
from modicum.evaluate.refuse import is_worth_a_look
from modicum.evaluate.table import tabulate
from modicum.evaluate.trials import Reply
from modicum.evaluate.tune import NEARLY, Plan, Terms, chance_a, chance_b, plan_thresholds
from modicum.pipeline.outcomes import Known
from modicum.train import router
from modicum.train.router import FEWEST, Case, TrainedScorer
from modicum.types import Contract, Prediction, Rule, Sample

LEARN = 400
"""Most old calls that a scorer learns from, where the candidate has to be asked about them first."""
RIGHT = 0.7
"""A model that differs more often than that leaves so little to a scorer that a specialist is the better way."""
LEAST_CHANCE = 0.05
"""Texts are judged one by one: thresholds that are less likely to pass are not declared, so that nobody judges what they would answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A scorer and what it is expected to do."""

    trained: TrainedScorer
    rule: Rule
    thresholds: tuple[float, ...]
    learnt: tuple[str, ...]
    """The calls that it learnt from."""
    expected_coverage: float
    alone: float
    """What the model would do without it, by the same calls: how much more of the requests get a worse answer."""
    scored: float
    """The same with it, at the start of the sequence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """Old calls, what the candidate answered to them, and what is known of that; aligned."""

    samples: Sequence[Sample]
    replies: Sequence[Reply]
    told: Sequence[Sample]
    """As they enter tables."""
    said: Sequence[Prediction]
    groups: Sequence[int]


def pays(said: Sequence[Prediction], told: Sequence[Sample], terms: Terms) -> bool:
    """Of a pilot of answers that can be compared: more differ than may, and most do not."""
    answered = [(p, s) for p, s in zip(said, told, strict=True) if p.confidence >= ACCEPT_ABOVE]
    differing = sum(p.value != s.value for p, s in answered)
    return bool(said) and terms.margin < differing / len(said) and differing <= (1 - RIGHT) * len(answered)


def teach(lesson: Lesson, contract: Contract, known: Known, rule: Rule, terms: Terms, *, window: int, seed: int) -> Scored | str:
    """A scorer with its rule, for a window of so many groups; or why there is none."""
    pairs = [known.pair(contract, s, reply.value) for s, reply in zip(lesson.samples, lesson.replies, strict=True)]
    rows = [row for row, pair in enumerate(pairs) if pair is not None]
    cases = [_case(lesson, row, pair) for row, pair in enumerate(pairs) if pair is not None]
    if len(cases) < FEWEST:
        return too_few(len(cases))
    slots = tuple(dict.fromkeys(name for row in rows for name, _ in lesson.samples[row].slots))
    try:
        trained = router.fit(cases, used_slots=slots, reads_answer=True, seed=seed)
    except NotEnoughDataError as error:
        return f"no scorer: {error.message}"
    if not trained.foretells:
        return f"no scorer: {len(cases):,} old answers do not tell where it is as good and where it is not"
    return _planned(lesson, pairs, rows, trained, rule, terms, window=window, texts=contract.kind == "text")


def without_hope(lesson: Lesson, contract: Contract, known: Known, rule: Rule, terms: Terms, *, window: int) -> Bound | None:
    """What old answers whose worth is known say against opening a window for the model alone; None where they leave hope, or are few."""
    pairs = [known.pair(contract, s, reply.value) for s, reply in zip(lesson.samples, lesson.replies, strict=True)]
    one_each = list({lesson.groups[row]: row for row, pair in enumerate(pairs) if pair is not None}.values())
    if len(one_each) < FEWEST:
        return None
    table = tabulate([lesson.told[row] for row in one_each], [lesson.said[row] for row in one_each], rule)
    excess = np.array([pair[1] - pair[0] for row in one_each if (pair := pairs[row]) is not None], dtype=np.float64)
    if is_worth_a_look(plan_thresholds(table, rule, terms, groups=window, excess=excess)):
        return None
    mean = float(excess.mean())
    told = f"{abs(mean) * 100:.3g} % more of {len(one_each):,} old answers are {'worse' if mean >= 0 else 'better'} than the incumbent's"
    return Bound(limit="margin" if mean > terms.margin else "calls", reason=f"the margin: {told}, and {terms.margin * 100:.3g} % may")


def too_few(known: int) -> str:
    return f"no scorer: it is known of {known:,} old answers how good they are, and at least {FEWEST} are needed ({FEWEST - known} more)"


def _case(lesson: Lesson, row: int, pair: tuple[float, float]) -> Case:
    value = lesson.replies[row].value
    assert value is not None
    return Case(slots=lesson.samples[row].slots, answer=value, small=pair[0], large=pair[1], group=lesson.groups[row])


def _planned(
    lesson: Lesson,
    pairs: Sequence[tuple[float, float] | None],
    rows: Sequence[int],
    trained: TrainedScorer,
    rule: Rule,
    terms: Terms,
    *,
    window: int,
    texts: bool,
) -> Scored | str:
    """The start and the sequence, by what was foretold without the call itself."""
    foretold = {rows[learnt]: float(sure) for learnt, sure in zip(trained.learnt.tolist(), trained.confidences.tolist(), strict=True)}
    # What cannot be read is no threshold's matter; what is not known of texts cannot be planned with.
    kept = [row for row, reply in enumerate(lesson.replies) if row in foretold or reply.value is None]
    one_each = list({lesson.groups[row]: row for row in kept}.values())
    said = [dataclasses.replace(lesson.said[row], confidence=foretold.get(row, float("nan"))) for row in one_each]
    table = tabulate([lesson.told[row] for row in one_each], said, rule)
    excess = np.array([np.nan if (pair := pairs[row]) is None else pair[1] - pair[0] for row in one_each], dtype=np.float64)
    loss = np.where(np.isfinite(table.confidence), np.nan_to_num(excess), 0.0)
    plan = plan_thresholds(table, rule, terms, groups=window, excess=excess if "B" in terms.kinds and "A" not in terms.kinds else None)
    if plan is None or not is_worth_a_look(plan):
        chance = 0.0 if plan is None else max(plan.chance.values())
        return f"no scorer: one that learnt from {len(rows):,} old answers would have a chance of {chance:.0%} on {window:,} calls"
    likely = (chance_a if terms.kinds[0] == "A" else chance_b)(plan.curve, terms, window, terms.level)
    if likely[-1] >= likely.max() - NEARLY:  # at the loosest that was seen the scorer says no more than that an answer can be read
        return "no scorer: without one it is as likely to pass"
    thresholds = _declared(plan, likely, texts=texts)
    accepted = table.accepted(thresholds[0])
    return Scored(
        trained=trained,
        rule=dataclasses.replace(rule, accept_above=thresholds[0]),
        thresholds=thresholds,
        learnt=tuple(lesson.samples[row].call_id for row in rows),
        expected_coverage=plan.expected_coverage,
        alone=float(loss.mean()),
        scored=float(np.where(accepted, loss, 0.0).mean()),
    )


def _declared(plan: Plan, likely: NDArray[np.float64], *, texts: bool) -> tuple[float, ...]:
    """From the start to ever looser ones; the last is the model alone, where it is worth judging."""
    loosest = float(plan.curve.thresholds[-1])
    thresholds = plan.thresholds
    if texts:
        worth = {float(t) for t, chance in zip(plan.curve.thresholds, likely, strict=True) if chance >= LEAST_CHANCE}
        last = max((place for place, t in enumerate(thresholds) if t in worth), default=0)
        thresholds = thresholds[: last + 1]
    return tuple(ACCEPT_ABOVE if t == loosest else t for t in thresholds)
