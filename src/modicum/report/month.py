"""From observed days to a month, with an interval: numbers in, numbers out.

A month is 30.44 days at the mean pace of the observed ones; a first or last day of which only a part was recorded counts as that part
(`Edges`, told from the hours in `clock`). The interval carries two uncertainties: which days one
happened to observe (days are resampled with replacement) and how much the specialist covers (a Beta posterior of the
certificate's groups). A plain percentile interval of n days is too short by sqrt((n - 1) / n) and by normal over
Student quantiles (Hesterberg 2015, "What Teachers Should Know About the Bootstrap"): the resampled deviations are
stretched by both. Under three days nothing can be said of days: an interval is then over calls alone, as many of them as a Poisson count
brings (`over_calls`), and whoever shows it says so. All of it supposes that later days are like these.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from modicum import types

DAYS_A_MONTH = types.DAYS_A_MONTH
LONGEST_SILENCE = timedelta(days=7)
FEWEST_DAYS = 3
SHORTEST = 1 / 24
"""Days, that a draw of part days comes to at least."""
DRAWS = 4000
NORMAL_975 = 1.96
# 97.5 % quantiles of Student's t for 1 to 30 degrees of freedom; beyond, 1.96 + 2.4 / df is right to 0.004.
T_975 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131),
    *(2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)

Floats = NDArray[np.float64]


def observed_days(days_with_calls: Iterable[date]) -> tuple[tuple[date, ...], int]:
    """The days that count as observed, and how many between the first and the last do not.

    A day without calls counts (as zero) unless it lies in a silence of more than a week: then nobody was recording.
    """
    seen = sorted(set(days_with_calls))
    observed: list[date] = []
    left_out = 0
    for day in seen:
        if observed:
            silent = (day - observed[-1]).days - 1
            if silent > LONGEST_SILENCE.days:
                left_out += silent
            else:
                observed += [observed[-1] + timedelta(days=n + 1) for n in range(silent)]
        observed.append(day)
    return tuple(observed), left_out


@dataclass(frozen=True, slots=True)
class Edges:
    """How much of the first and of the last observed day was recorded, as a share of what a whole day brings."""

    first: float = 1.0
    last: float = 1.0
    hours: int = 24
    """Hours of the day of which anything was recorded. Fewer than 24: of the others nobody knows whether calls come in them."""
    begins: int = 0
    """The first hour of the first day that was recorded, and the first of the last day that was not."""
    ends: int = 24

    def parts(self, days: int) -> Floats:
        """What each day counts as, shape (days,)."""
        counts = np.ones(days)
        if days > 1:
            counts[0], counts[-1] = self.first, self.last
        return counts

    @property
    def most(self) -> float:
        """How much more a day may bring than what was recorded of one: as much in the hours that nobody recorded."""
        return 24 / self.hours


WHOLE = Edges()


@dataclass(frozen=True, slots=True)
class Coverage:
    """What share a specialist answers: the estimate, and the certificate's groups that say how sure it is."""

    share: float
    """Weighted by calls."""
    accepted: int
    groups: int


class Month:
    """One scope's observed days, resampled once, so that the sums of several workloads move together."""

    def __init__(self, days: int, *, seed: int = 0, edges: Edges = WHOLE) -> None:
        if days < 1:
            raise ValueError("a month is scaled from at least one observed day")
        parts = edges.parts(days)
        self.days = days
        """On the calendar."""
        self.length = float(parts.sum())
        """In whole days, part days as their part."""
        self.edges = edges
        self._rng = np.random.default_rng(seed)
        drawn = self._rng.multinomial(days, np.full(days, 1 / days), size=DRAWS).astype(np.float64)
        even = DAYS_A_MONTH / self.length
        paced = DAYS_A_MONTH * drawn / np.maximum(drawn @ parts, SHORTEST)[:, None]
        stretch = _student(days - 1) / NORMAL_975 * math.sqrt(days / (days - 1)) if days > 1 else 1.0
        self._weights: Floats = even + (paced - even) * stretch

    def mean(self, by_day: Floats) -> float:
        """Dollars a month at the mean pace. `by_day`: (days,) dollars."""
        return float(by_day.sum()) * DAYS_A_MONTH / self.length

    def draws(self, by_day: Floats, coverage: Coverage) -> Floats:
        """Plausible values of (dollars a month x coverage), shape (DRAWS,)."""
        return self.paces(by_day) * shares(coverage, self._rng)

    def paces(self, by_day: Floats) -> Floats:
        """Plausible dollars a month, shape (DRAWS,). Draws of two calls belong together, one by one."""
        return np.maximum(self._weights @ by_day, 0.0)


def shares(coverage: Coverage, rng: np.random.Generator) -> Floats:
    """Plausible values of a coverage, shape (DRAWS,)."""
    posterior = rng.beta(coverage.accepted + 0.5, max(0, coverage.groups - coverage.accepted) + 0.5, DRAWS)
    centre = coverage.accepted / coverage.groups if coverage.groups else coverage.share
    found: Floats = np.clip(posterior + (coverage.share - centre), 0.0, 1.0)
    return found


def over_calls(calls: int, seed: int, spread: float = 1.0) -> Floats:
    """Factors of a month's bill, shape (DRAWS,): a compound Poisson sum of so many calls varies by sqrt((1 + spread²) / calls), `spread`
    the standard deviation of one call's cost over its mean."""
    deviation = math.sqrt((1 + spread**2) / max(1, calls))
    drawn: Floats = np.maximum(0.0, np.random.default_rng(seed).normal(1.0, deviation, DRAWS))
    return drawn


def drawn_from(days: int, calls: int) -> str:
    """What the draws of an interval are of, in words."""
    if days >= FEWEST_DAYS:
        return f"{days} days"
    return f"{calls:,} call{'' if calls == 1 else 's'} ({days} day{'' if days == 1 else 's'}: too few to say how one differs from another)"


def limits(month: Month, by_day: Floats, calls: int, key: str) -> tuple[float, float]:
    """95 % of the dollars a month that these days may bring: over days, under three days over calls; where less than a day's hours were
    recorded from what they brought to as much all day. `key` seeds the draws over calls."""
    mean, most = month.mean(by_day), month.edges.most
    low, high = interval(spread_of(month, by_day, calls, key))
    return mean if most > 1 else min(low, mean), max(high, mean * most)


def spread_of(month: Month, by_day: Floats, calls: int, key: str) -> Floats:
    """The draws behind `limits`, shape (DRAWS,), of what was recorded alone."""
    if month.days >= FEWEST_DAYS:
        return month.paces(by_day)
    return month.mean(by_day) * over_calls(calls, zlib.crc32(key.encode()))


def interval(draws: Floats) -> tuple[float, float]:
    """A two-sided 95 % interval of the draws."""
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def _student(df: int) -> float:
    return T_975[df - 1] if df <= len(T_975) else NORMAL_975 + 2.4 / df
