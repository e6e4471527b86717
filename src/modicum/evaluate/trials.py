"""Another model against the incumbent: its answers as predictions, what they show before a window is opened, what was measured.

A model has no confidence: it answers whatever it is asked. What the contract cannot read of it is known to be no answer, so it is left to
the incumbent and counts against what is answered; so is what a scorer, where there is one, is not sure enough of. Answers that are no list
of labels (records, tool calls, texts) are compared where they stand and enter tables as "the same" or "another", so that evidence holds no
text.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modicum.evaluate.labels import Label, comparable, specialist_is_a
from modicum.evaluate.refuse import POWER, WORTH_A_LOOK
from modicum.evaluate.table import Table
from modicum.evaluate.tune import Curve, Plan, Terms, chance_a, chance_b
from modicum.stats.binomial import clopper_pearson, lower_limit
from modicum.stats.clusters import mean_interval
from modicum.types import Prediction, Rule, Sample

SAME, OTHER, NONE = "(the same)", "(another)", "(no answer)"
"""How answers stand in tables where they are no list of labels; and what could not be read, anywhere."""
READABLE, UNREADABLE = 1.0, -1.0
DECISIVE = 0.3
"""Of two texts put side by side so many pairs are taken to be told apart, half each way, before anybody has judged one."""
MARGINS = (0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.12, 0.15, 0.2, 0.25, 0.3)
OPTIMISM = 0.9
"""A pilot may only stop what looks hopeless at this confidence: it is too small to show that anything is good."""


def predictions(samples: Sequence[Sample], values: Sequence[str | None], *, listed: bool) -> tuple[list[Sample], list[Prediction]]:
    """What a candidate said (None: unreadable), aligned with `samples`; and the samples as they enter a table with it.

    `listed`: the contract has a list of labels, and values stand for themselves.
    """
    if listed:
        return list(samples), [_said(NONE if value is None else value, value) for value in values]
    said = [
        _said(NONE if value is None else SAME if value == sample.value else OTHER, value)
        for sample, value in zip(samples, values, strict=True)
    ]
    return [dataclasses.replace(s, value=None if s.value is None else SAME) for s in samples], said


def _said(name: str, value: str | None) -> Prediction:
    return Prediction(value=name, confidence=UNREADABLE if value is None else READABLE)


def pilot_plan(table: Table, rule: Rule, *, texts: bool) -> Plan | None:
    """What a pilot suggests, for a refusal that says what is missing; None where nothing was answered. `texts`: no two are alike."""
    answered = table.accepted(rule.accept_above)
    if not answered.any():
        return None
    differing = float(DECISIVE) if texts else (float((answered & table.differs).sum()) + 0.5) / (len(table) + 1)
    curve = _curve(float(answered.mean()), differing, len(table))
    return Plan(rule=rule, thresholds=(rule.accept_above,), chance={}, expected_coverage=float(answered.mean()), curve=curve)


def is_hopeless(table: Table, terms: Terms, groups: int, *, texts: bool) -> bool:
    """Even if the truth is as good as the pilot allows, no kind of promise has a fair chance on `groups` certify groups."""
    answered = table.accepted(0.0)
    n, differing = len(table), int((answered & table.differs).sum())
    if not n or not groups or not answered.any():
        return True
    lowest = DECISIVE if texts else max(lower_limit(differing, n, OPTIMISM), 1e-6)
    curve = _curve(max(float(answered.mean()), lowest), lowest, n)
    return _chance(curve, terms, groups) < WORTH_A_LOOK


def margin_within_reach(plan: Plan, terms: Terms, groups: int) -> float | None:
    """The smallest margin of a short list that `groups` certify groups could probably carry, the floor loosened with it."""
    for margin in MARGINS:
        wider = dataclasses.replace(terms, margin=margin, max_selective=max(terms.max_selective, margin))
        if margin > terms.margin and groups and _chance(plan.curve, wider, groups) >= POWER:
            return margin
    return None


def _chance(curve: Curve, terms: Terms, groups: int) -> float:
    """Of the likeliest kind of promise, at the curve's one threshold."""
    chances = {"A": chance_a, "B": chance_b}
    return max(float(chances[kind](curve, terms, groups, terms.level)[0]) for kind in terms.kinds)


def _curve(coverage: float, differing: float, groups: int) -> Curve:
    """A rule with one threshold."""
    one = np.ones(1)
    half = differing / 2 * one
    return Curve(thresholds=0.0 * one, coverage=coverage * one, disagreement=differing * one, up=half, down=half, groups=groups)


def is_worse(table: Table, excess: NDArray[np.float64], terms: Terms, threshold: float = 0.0) -> bool:
    """By the labels there are (`excess` as `look_b` takes it), it is worse by more than the margin, at 95 % confidence.

    `threshold`: where it starts to answer; 0: with all that can be read of it.
    """
    loss = np.where(table.accepted(threshold), np.nan_to_num(excess), 0.0)
    return mean_interval(loss, np.ones(len(table)), 0.95)[0] > terms.margin


def certainly_differs(table: Table, terms: Terms, threshold: float = 0.0) -> bool:
    """More of its answers differ than the terms allow, at 95 % confidence."""
    answered = table.accepted(threshold)
    n, answers, differing = len(table), int(answered.sum()), int((answered & table.differs).sum())
    return lower_limit(differing, n, 0.975) > terms.margin or lower_limit(differing, answers, 0.975) > terms.max_selective  # 95 % for both


# ------------------------------------------------------------------------------------------------------------------ labels


def as_verdicts(
    labels: Mapping[str, Label], answers: Mapping[str, tuple[str, str | None, str | None]], attempt_id: str, *, texts: bool = False
) -> dict[str, Label]:
    """Gold answers as verdicts, for tables without values. `answers`: call id -> (id on the request, candidate's, incumbent's value).

    `texts`: many can be right, so one that neither said does not tell which of the two is better, and is no label.
    """
    out: dict[str, Label] = {}
    for call_id, (name, candidate, incumbent) in answers.items():
        label = labels.get(name) or labels.get(call_id)
        if label is None:
            continue
        if label.gold is None:
            out[call_id] = label
            continue
        gold = comparable(label.gold)
        right = tuple(value is not None and comparable(value) == gold for value in (candidate, incumbent))
        if texts and not any(right):
            continue
        if right[0] == right[1]:
            out[call_id] = Label(verdict="both" if right[0] else "neither")
        else:
            out[call_id] = Label(verdict="a" if right[0] == specialist_is_a(attempt_id, name) else "b")
    return out


def with_texts(
    requests: Sequence[dict[str, Any]], answers: Mapping[str, tuple[str | None, str | None]], attempt_id: str
) -> list[dict[str, Any]]:
    """Label requests with the two answers themselves, on the sides that the draw gave them. `answers`: id -> (candidate's, incumbent's)."""
    out = []
    for request in requests:
        candidate, incumbent = (text or "(no readable answer)" for text in answers[request["id"]])
        first = specialist_is_a(attempt_id, request["id"])
        out.append({**request, "a": candidate if first else incumbent, "b": incumbent if first else candidate})
    return out


# ----------------------------------------------------------------------------------------------------------------- figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What one answer took."""

    value: str | None
    cost_usd: Decimal | None
    duration_ms: float | None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the calls that were asked show: estimates, with 95 % intervals where they say so. None is unknown."""

    calls: int
    """Distinct requests that were asked."""
    answered: float
    """Share of them that got an answer the contract can read."""
    agreement: float | None
    """Share of those on which it says what the incumbent said."""
    agreement_interval: tuple[float, float] | None
    cost_usd: Decimal | None
    """Mean, of a call."""
    incumbent_cost_usd: Decimal | None
    p50_ms: float | None
    p95_ms: float | None
    incumbent_p50_ms: float | None
    errors: tuple[tuple[str, int], ...] = ()
    """What was said of calls that were not answered, most frequent first."""


def measure(samples: Sequence[Sample], replies: Sequence[Reply], *, comparable_answers: bool) -> Measured:
    """Figures over calls that were asked, aligned with the incumbent's. Texts have no agreement: no two are alike."""
    read = [(sample, reply) for sample, reply in zip(samples, replies, strict=True) if reply.value is not None]
    agreeing = sum(sample.value == reply.value for sample, reply in read)
    times = sorted(reply.duration_ms for reply in replies if reply.duration_ms is not None and not reply.error)
    before = sorted(sample.duration_ms for sample in samples if sample.duration_ms is not None)
    told = comparable_answers and bool(read)
    return Measured(
        calls=len(replies),
        answered=len(read) / max(len(replies), 1),
        agreement=agreeing / len(read) if told else None,
        agreement_interval=clopper_pearson(agreeing, len(read), 0.95) if told else None,
        cost_usd=_mean([reply.cost_usd for reply in replies]),
        incumbent_cost_usd=_mean([sample.cost_usd for sample in samples]),
        p50_ms=_quantile(times, 0.5),
        p95_ms=_quantile(times, 0.95),
        incumbent_p50_ms=_quantile(before, 0.5),
        errors=tuple(Counter(reply.error for reply in replies if reply.error).most_common(3)),
    )


def net_costs(samples: Sequence[Sample], replies: Sequence[Reply]) -> list[Decimal | None]:
    """What each answered call saves: the incumbent's cost less the candidate's, with what its unreadable answers cost spread over them.

    None where either is unknown.
    """
    spent = sum((reply.cost_usd for reply in replies if reply.cost_usd is not None), Decimal(0))
    useful = sum((reply.cost_usd for reply in replies if reply.cost_usd is not None and reply.value is not None), Decimal(0))
    stretch = spent / useful if useful else Decimal(1)
    return [
        None if sample.cost_usd is None or reply.cost_usd is None else sample.cost_usd - reply.cost_usd * stretch
        for sample, reply in zip(samples, replies, strict=True)
    ]


def charge(table: Table, rule: Rule, took: Mapping[str, tuple[Decimal | None, Decimal | None]]) -> Table:
    """The table with what each row saves where this rule answers: the answers that it throws away are paid by those that it gives.

    `took`: by call id what the incumbent's answer cost and the candidate's; what is not there stays as it is.
    """
    accepted = table.accepted(rule.accept_above)
    own = [took.get(call_id, (None, None))[1] for call_id in table.call_ids]
    spent = sum((cost for cost in own if cost is not None), Decimal(0))
    useful = sum((cost for cost, answers in zip(own, accepted.tolist(), strict=True) if cost is not None and answers), Decimal(0))
    stretch = spent / useful if useful else Decimal(1)
    costs = []
    for call_id, before in zip(table.call_ids, table.costs, strict=True):
        large, small = took.get(call_id, (None, None))
        costs.append(before if call_id not in took else None if large is None or small is None else large - small * stretch)
    return dataclasses.replace(table, costs=tuple(costs))


def _mean(costs: Sequence[Decimal | None]) -> Decimal | None:
    """None where fewer than 95 % are known."""
    known = [cost for cost in costs if cost is not None]
    return sum(known, Decimal(0)) / len(known) if known and len(known) >= 0.95 * len(costs) else None


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    """By the nearest rank."""
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else None
