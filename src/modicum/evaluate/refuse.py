"""An honest no: what is missing, in calls and days, in labels, and which margin today's calls could carry."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modicum.evaluate.table import Table
from modicum.evaluate.tune import Plan, Terms, groups_for_power, reachable_margin, trace_curve
from modicum.stats.binomial import fewest_draws
from modicum.stats.sequence import spending

WORTH_A_LOOK = 0.25
"""Below this estimated chance the certify calls stay unopened: a look that fails uses up its window and most of what may still be spent."""
POWER = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """How fast distinct requests come in."""

    groups: int
    """Certify groups at hand."""
    calls: int
    """Calls of the workload that these came from: all of them before a first look; those newer than the opened windows later."""
    days: float
    """In which as many calls come at their usual pace."""
    observed_days: int = 0
    """How many days that pace is told from; 0: nobody wrote it down."""
    by_user: bool = False
    """Each user counts once, for they are many and mostly new."""
    by_visit: bool = False
    """What a user asks in a day counts once, for users are many and come back."""
    left_out: int = 0
    """Requests that came again or belong to older conversations, and so do not count."""

    @property
    def told_from(self) -> str:
        """Of how many days the pace is, in words."""
        return f" (at the pace of {'one day' if self.observed_days == 1 else f'{self.observed_days:,} days'})" if self.observed_days else ""

    @property
    def counted(self) -> str:
        """What keeps most of the calls from counting, in words; empty where nothing does."""
        if self.by_user:
            return f"; of the users, who are many and mostly new, each counts once: {self.groups:,} at hand"
        if self.by_visit:
            return f"; of users, who are many and come back, what each asks in a day counts once: {self.groups:,} at hand"
        if self.left_out > self.groups:
            return f"; {self.left_out:,} of the newest requests were asked before and do not count, {self.groups:,} do"
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why nothing is proposed. Fields as in `Verdict`."""

    code: str
    """too_few_calls, too_few_labels, no_threshold."""
    reason: str
    needs_calls: int | None = None
    needs_days: float | None = None
    needs_labels: int | None = None
    margin_reachable: float | None = None


def is_worth_a_look(plan: Plan | None) -> bool:
    """May the certify calls be opened? Decided on tune data alone."""
    return plan is not None and max(plan.chance.values()) >= WORTH_A_LOOK


def refuse_unopened(plan: Plan | None, terms: Terms, supply: Supply) -> Refusal:
    """The refusal before any look: nothing was spent, and the same calls may be used later together with new ones."""
    return _refusal(plan, terms, supply, terms.delta, keeps=True)


def refuse_after_look(
    plan: Plan,
    terms: Terms,
    supply: Supply,
    *,
    delta: float,
    attempt: int,
    labels_wanted: int = 0,
    opened: Table | None = None,
    excess: NDArray[np.float64] | None = None,
) -> Refusal:
    """The refusal after attempt number `attempt` failed: the next one needs a fresh window and spends `spending(delta, attempt + 1)`.

    `supply` counts the opened window's groups, with its calls and days. `labels_wanted` are those that B could still use on this very
    window, declared but not tested yet: then these come first, and beside them stands what agreement (A) alone would need. With the
    `opened` table (and `excess`, for B) the estimates come from the calls just tested, which the next window has to bear out; else from
    the plan's.
    """
    later = spending(delta, attempt + 1)
    if opened is not None:
        plan = dataclasses.replace(plan, curve=trace_curve(opened, excess))
    margin = _margin(plan, terms, supply.groups)
    if labels_wanted and "C" in terms.kinds:
        return Refusal(
            code="too_few_labels",
            reason=(
                f"whether at most {_percent(terms.margin)} of its answers are wrong needs labels for {labels_wanted:,} calls "
                "that it would answer"
            ),
            needs_labels=labels_wanted,
        )
    if labels_wanted:
        alone = _refusal(plan, dataclasses.replace(terms, kinds=("A",)), supply, later, keeps=False)
        carries = _carries(margin, terms, keeps=False)
        days = "" if alone.needs_days is None else f": {in_words(alone.needs_days)}{supply.told_from}"
        calls = "" if alone.needs_calls is None else f"; agreement alone would need about {alone.needs_calls:,} more calls{days}"
        return Refusal(
            code="too_few_labels",
            reason=(
                f"agreement within {_percent(terms.margin)} could not be shown; whether it is as good needs labels for "
                f"{labels_wanted:,} calls where the two differ{calls}{carries}"
            ),
            needs_calls=alone.needs_calls,
            needs_days=alone.needs_days,
            needs_labels=labels_wanted,
            margin_reachable=margin,
        )
    return dataclasses.replace(_refusal(plan, terms, supply, later, keeps=False), margin_reachable=margin)


def _refusal(plan: Plan | None, terms: Terms, supply: Supply, delta: float, *, keeps: bool) -> Refusal:
    """`keeps`: do the groups at hand still count towards those that are needed?"""
    later = dataclasses.replace(terms, delta=delta)
    if plan is None:
        return Refusal(code="no_threshold", reason="the specialist answers nothing: every label is protected or too rare")
    margin = _margin(plan, terms, supply.groups)
    carries = _carries(margin, terms, keeps=keeps)
    groups = groups_for_power(plan.curve, later, level=later.level, power=POWER)
    if groups is None:
        enough = plan.curve.coverage >= terms.min_coverage
        wrong = "are wrong" if "C" in terms.kinds else "differ from the incumbent's"
        lowest = min((float(rate) for rate in (plan.curve.disagreement / plan.curve.coverage)[enough]), default=1.0)
        return Refusal(
            code="no_threshold",
            reason=(
                f"more calls would not help: even where it is surest, {_percent(lowest)} of its answers {wrong}, "
                f"and at most {_percent(terms.max_selective)} may{carries}"
                if lowest > terms.max_selective
                else f"no amount of calls like these would show it within {_percent(terms.margin)}{carries}"
            ),
            margin_reachable=margin,
        )
    groups = max(groups, _fewest(later))
    missing = max(groups - (supply.groups if keeps else 0), 1)
    calls = _about(missing * supply.calls / max(supply.groups, 1))
    days = missing * supply.days / max(supply.groups, 1) if supply.days > 0 else None
    newer = "" if keeps else ", newer than those just tested"
    return Refusal(
        code="too_few_calls",
        reason=f"needs about {calls:,} more calls{newer}{'' if days is None else f': {in_words(days)}{supply.told_from}'}{supply.counted}"
        f"{carries}",
        needs_calls=calls,
        needs_days=None if days is None else round(days, 1),
        margin_reachable=margin,
    )


def _carries(margin: float | None, terms: Terms, *, keeps: bool) -> str:
    """`keeps`: the calls at hand are not opened yet. What is opened can be tested no more, whatever margin is asked for."""
    if margin is None or margin <= terms.margin:
        return ""
    which = "today's calls" if keeps else "as many newer calls"
    return f"; {which} could carry a margin of about {_percent(margin)}"


def _margin(plan: Plan, terms: Terms, groups: int) -> float | None:
    return reachable_margin(plan.curve, terms, groups=groups, level=terms.level, power=POWER) if groups else None


def _fewest(terms: Terms) -> int:
    """Fewer groups than this cannot pass whatever they say."""
    return fewest_draws(terms.margin, terms.level)


def _about(calls: float) -> int:
    """Rounded up to two digits: more would pretend."""
    if calls <= 10:
        return max(math.ceil(calls), 0)
    unit: int = 10 ** (int(math.log10(calls)) - 1)
    return int(math.ceil(calls / unit) * unit)


def in_words(days: float) -> str:
    """A time to wait: "about a minute", "about 3 hours", "2 days"."""
    if days > 0.9:
        whole = math.ceil(days)
        return f"{whole:,} day{'' if whole == 1 else 's'}"
    minutes = days * 1440
    if minutes < 90:
        return "about a minute" if minutes < 2 else f"about {math.ceil(minutes):,} minutes"
    return f"about {math.ceil(minutes / 60):,} hours"


def _percent(rate: float) -> str:
    return f"{rate * 100:.3g} %"
