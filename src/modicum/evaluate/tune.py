"""Plan one fixed sequence of thresholds on old data: where it starts, in which order it goes on, how likely it is to pass.

Looks at out-of-fold predictions on train groups only. What it plans may be a poor plan, never an invalid one.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modicum.evaluate.table import Table
from modicum.stats.binomial import most_errors
from modicum.stats.power import betting_power, binomial_power, normal_cdf, paired_power
from modicum.types import PromiseKind, Rule

Array = NDArray[np.float64]

STEPS = 200
"""At most so many thresholds, evenly spaced in coverage. Finer costs nothing: each is tested at the full level until one fails."""
NEARLY = 0.02
"""Starts whose chance is this close to the best one's count as equally good; the most cautious of them is taken."""
MAX_LABEL_SHARE = 0.10
"""B asks for labels on at most this share of the groups, as `Attempt.max_label_share` has it."""
OFFSETS = (-1.4, -0.53, 0.0, 0.53, 1.4)
"""Means of a standard normal over fifths of its mass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is to be promised, and how much error the test may spend."""

    kinds: tuple[PromiseKind, ...] = ("A",)
    margin: float = 0.01
    max_selective: float = 0.05
    min_coverage: float = 0.10
    delta: float = 0.05
    """What this attempt may spend in all (`stats.sequence.spending`); each kind gets an equal part."""

    @property
    def level(self) -> float:
        return self.delta / len(self.kinds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """What tune data say about each threshold, tightest first. All arrays have shape (T,)."""

    thresholds: Array
    coverage: Array
    disagreement: Array
    """Of all groups, the share that is answered and differs; shrunk a little (Jeffreys), so that no error seen is not no error."""
    up: Array
    """Of all groups, the share answered where the loss grows; half of the disagreement where no labels are known."""
    down: Array
    groups: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A rule with its sequence. `rule.accept_above` is the start."""

    rule: Rule
    thresholds: tuple[float, ...]
    """In the order in which they are tested: from the start to ever looser ones."""
    chance: dict[PromiseKind, float]
    """For each kind the estimated probability that the start passes."""
    expected_coverage: float
    """Estimated coverage at the loosest threshold with an even chance of passing; 0 where none has."""
    curve: Curve


def trace_curve(table: Table, excess: Array | None = None) -> Curve:
    """Coverage and disagreement along the thresholds of `table`; `excess` holds known losses loss(s) - loss(f), NaN where unknown."""
    rows = np.nonzero(table.open)[0]
    rows = rows[np.argsort(-table.confidence[rows], kind="stable")]
    confidence, differs = table.confidence[rows], table.differs[rows]
    n, m = len(table), len(rows)
    last_of_tie = np.nonzero(np.append(confidence[1:] != confidence[:-1], True))[0] if m else np.zeros(0, dtype=np.int64)
    if len(last_of_tie) > STEPS:
        wanted = np.linspace(last_of_tie[0], last_of_tie[-1], STEPS)
        last_of_tie = np.unique(last_of_tie[np.minimum(np.searchsorted(last_of_tie, wanted), len(last_of_tie) - 1)])
    accepted = (last_of_tie + 1).astype(np.float64)
    errors = np.cumsum(differs)[last_of_tie].astype(np.float64) if m else np.zeros(0)
    disagreement = (errors + 0.5) / (n + 1)
    up = down = disagreement / 2
    if excess is not None and m:
        known = differs & ~np.isnan(excess[rows])
        loss = np.where(known, np.nan_to_num(excess[rows]), 0.0)
        labelled = np.cumsum(known)[last_of_tie]
        # The labelled disagreements speak for all of this threshold; two made-up ones, one each way, keep few labels from saying much.
        up = disagreement * (np.cumsum(loss > 0)[last_of_tie] + 1) / (labelled + 2)
        down = disagreement * (np.cumsum(loss < 0)[last_of_tie] + 1) / (labelled + 2)
    return Curve(thresholds=confidence[last_of_tie], coverage=accepted / max(n, 1), disagreement=disagreement, up=up, down=down, groups=n)


def chance_a(curve: Curve, terms: Terms, groups: int, level: float) -> Array:
    """Estimated probability that each threshold passes A's tests with `groups` certify groups, shape (T,)."""
    all_groups = np.full_like(curve.coverage, groups)
    marginal = binomial_power(np.full_like(all_groups, float(most_errors(groups, terms.margin, level))), all_groups, curve.disagreement)
    selective = np.minimum(curve.disagreement / np.maximum(curve.coverage, 1e-9), 1.0)
    passes = np.zeros_like(all_groups)
    for answered in _answered(curve, groups):
        most = np.array([most_errors(int(a), terms.max_selective, level) for a in answered], dtype=np.float64)
        # Both tests count the same errors: the tighter of the two decides.
        passes += np.minimum(marginal, binomial_power(most, answered, selective)) / len(OFFSETS)
    return passes * _enough_answered(curve, terms, groups)


def chance_b(curve: Curve, terms: Terms, groups: int, level: float) -> Array:
    """Estimated probability that each threshold passes B's tests with `groups` certify groups, shape (T,)."""
    marginal = paired_power(np.full_like(curve.coverage, groups), terms.margin, level, curve.up, curve.down)
    share = np.maximum(curve.coverage, 1e-9)
    up, down = np.minimum(curve.up / share, 0.5), np.minimum(curve.down / share, 0.5)
    passes = np.zeros_like(marginal)
    for answered in _answered(curve, groups):
        passes += np.minimum(marginal, betting_power(answered, terms.max_selective, level, up, down)) / len(OFFSETS)
    return passes * _enough_answered(curve, terms, groups)


def chance_c(curve: Curve, terms: Terms, groups: int, level: float) -> Array:
    """Estimated probability that each threshold passes C's test with `groups` certify groups, shape (T,). The curve is of what is wrong."""
    rate = np.minimum(curve.disagreement / np.maximum(curve.coverage, 1e-9), 1.0)
    passes = np.zeros_like(curve.coverage)
    for answered in _answered(curve, groups):
        most = np.array([most_errors(int(a), terms.margin, level) for a in answered], dtype=np.float64)
        passes += binomial_power(most, answered, rate) / len(OFFSETS)
    return passes * _enough_answered(curve, terms, groups)


def _whatever_the_labels(curve: Curve, terms: Terms, groups: int) -> Array:
    """B's chances where no label is known yet: as if every difference were a loss where that has an even chance to pass somewhere, for
    what passes then passes under any labels; else as if losses and gains were balanced.
    """
    worst = chance_b(dataclasses.replace(curve, up=curve.disagreement, down=np.zeros_like(curve.down)), terms, groups, terms.level)
    return worst if worst.max() >= 0.5 else chance_b(curve, terms, groups, terms.level)


def _answered(curve: Curve, groups: int) -> list[Array]:
    """How many groups may be answered at each threshold: five equally likely counts around the expected one."""
    return [np.maximum(np.round(groups * (curve.coverage + offset * _spread(curve, groups))), 1.0) for offset in OFFSETS]


def _spread(curve: Curve, groups: int) -> Array:
    """Standard error of the coverage on the certify groups, tune's own included."""
    return np.sqrt(np.maximum(curve.coverage * (1 - curve.coverage), 1e-9) * (1 / groups + 1 / max(curve.groups, 1)))


def _enough_answered(curve: Curve, terms: Terms, groups: int) -> Array:
    return normal_cdf((curve.coverage - terms.min_coverage) / _spread(curve, groups))


def plan_thresholds(
    table: Table, rule: Rule, terms: Terms, *, groups: int, excess: Array | None = None, wrong: Array | None = None
) -> Plan | None:
    """One fixed sequence for `groups` certify groups, planned on the tune groups in `table` (tabulated under `rule`).

    Starts where the test is likeliest to pass and goes to ever looser thresholds. A's marginal risk can only grow on that way, so its
    p-value does too and nothing is lost by walking; the start decides whether anything is won. With A and B declared the start is A's,
    unless A has next to no chance anywhere. C is planned on what is known to be `wrong` (as `look_c` takes it) of the rows where anything
    is, else on what differs from the incumbent. None where no threshold answers anything.
    """
    if "C" in terms.kinds and wrong is not None and not np.isnan(wrong).all():
        table = _known(table, wrong)
    curve = trace_curve(table, excess)
    if not len(curve.thresholds) or groups < 1:
        return None
    chances: dict[PromiseKind, Array] = {}
    if "A" in terms.kinds:
        chances["A"] = chance_a(curve, terms, groups, terms.level)
    if "B" in terms.kinds:
        chances["B"] = chance_b(curve, terms, groups, terms.level)
    if "C" in terms.kinds:
        chances["C"] = chance_c(curve, terms, groups, terms.level)
    deciding = chances[terms.kinds[0]]
    if "B" in chances and (terms.kinds[0] == "B" or deciding.max() < 0.1):
        deciding = chances["B"] if excess is not None else _whatever_the_labels(curve, terms, groups)
        asks = curve.disagreement + 2 * np.sqrt(curve.disagreement * (1 - curve.disagreement) / groups) <= MAX_LABEL_SHARE
        if excess is None and "C" not in terms.kinds and asks.any():
            deciding = np.where(asks, deciding, -1.0)  # a start that wants more labels than B may ask for tests nothing
    start = int(np.argmax(deciding >= deciding.max() - NEARLY))
    even = np.nonzero(deciding >= 0.5)[0]
    return Plan(
        rule=dataclasses.replace(rule, accept_above=float(curve.thresholds[start])),
        thresholds=tuple(float(t) for t in curve.thresholds[start:]),
        chance={kind: float(chance[start]) for kind, chance in chances.items()},
        expected_coverage=float(curve.coverage[even[-1]]) if len(even) else 0.0,
        curve=curve,
    )


def _known(table: Table, wrong: Array) -> Table:
    """The rows of which it is known whether they are right, judged by that."""
    rows = np.nonzero(~np.isnan(wrong))[0]
    some = dataclasses.replace(
        table,
        said=table.said[rows],
        told=table.told[rows],
        confidence=table.confidence[rows],
        open=table.open[rows],
        weights=table.weights[rows],
    )
    return some.judged(wrong[rows])


def groups_for_power(curve: Curve, terms: Terms, *, level: float, power: float = 0.8, most: int = 10_000_000) -> int | None:
    """The fewest certify groups with which some threshold passes with this probability, by the curve; None where no number would do.

    The smallest over the declared kinds.
    """
    low, high = 1, 64
    while not _reaches(curve, terms, high, level, power):
        low, high = high, high * 2
        if high > most:
            return None
    while high - low > max(1, high // 100):
        middle = (low + high) // 2
        if _reaches(curve, terms, middle, level, power):
            high = middle
        else:
            low = middle
    return high


def _reaches(curve: Curve, terms: Terms, groups: int, level: float, power: float) -> bool:
    steps = range(0, len(curve.thresholds), max(1, len(curve.thresholds) // 50))
    thin = _at(curve, list(steps))
    chance = {"A": chance_a, "B": chance_b, "C": chance_c}
    return any(float(chance[kind](thin, terms, groups, level).max(initial=0.0)) >= power for kind in terms.kinds)


def _at(curve: Curve, steps: Sequence[int]) -> Curve:
    index = np.array(steps, dtype=np.int64)
    return dataclasses.replace(
        curve,
        thresholds=curve.thresholds[index],
        coverage=curve.coverage[index],
        disagreement=curve.disagreement[index],
        up=curve.up[index],
        down=curve.down[index],
    )


def reachable_margin(curve: Curve, terms: Terms, *, groups: int, level: float, power: float = 0.8) -> float | None:
    """The smallest margin (of 0.1, 0.2, ... per cent, coarser above 2) that `groups` certify groups could probably carry; None above 20 %.

    An estimate from tune data: nothing of the certify window enters it.
    """
    grid = [step / 1000 for step in range(1, 20)] + [step / 200 for step in range(4, 41)]
    low, high = -1, len(grid)  # chances grow with the margin
    while high - low > 1:
        middle = (low + high) // 2
        if _reaches(curve, dataclasses.replace(terms, margin=grid[middle]), groups, level, power):
            high = middle
        else:
            low = middle
    return grid[high] if high < len(grid) and math.isfinite(grid[high]) else None
