"""An exact test of non-inferiority in pairs: is "worse" more frequent than "better" by less than a margin?

Each of n pairs is worse (+1), better (-1) or neither (0). The statistic is Tango's score (1998, "Equivalence test and confidence interval
for the difference in proportions for the paired-sample design"); its p-value is exact and unconditional (Hsueh, Liu & Chen 2001),
maximised over the one unknown, how often pairs differ at all, within an interval that holds it (Berger & Boos 1994).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from modicum.stats.binomial import lower_limit, upper_limit

Array = NDArray[np.float64]

OUTSIDE = 1e-4
"""The chance that the unknown lies outside the interval searched; added to the p-value."""
REACH = 6.0
"""Standard deviations of each count that are summed over; what lies beyond is below 1e-8 and added to the p-value."""


def score(worse: ArrayLike, better: ArrayLike, n: int, margin: float) -> Array:
    """Tango's score for "P(worse) - P(better) = margin", elementwise; very negative speaks for less."""
    up, down = np.asarray(worse, dtype=np.float64), np.asarray(better, dtype=np.float64)
    b = (2 * n - up + down) * margin - up - down
    c = -down * margin * (1 - margin)
    better_rate = (np.sqrt(np.maximum(b * b - 8 * n * c, 0.0)) - b) / (4 * n)
    out: Array = (up - down - n * margin) / np.sqrt(n * (2 * np.maximum(better_rate, 0.0) + margin * (1 - margin)))
    return out


@lru_cache(maxsize=262144)
def paired_p_value(worse: int, better: int, n: int, margin: float) -> float:
    """p-value of "P(worse) - P(better) >= margin" after `worse` and `better` of n independent pairs. 0 < margin < 1.

    The order of pairs plays no part. The rejection region grows with `better` and shrinks with `worse`, so the hypothesis is hardest to
    reject on its boundary, P(worse) = P(better) + margin, where one unknown is left: q = P(worse) + P(better). The tail is computed at
    values of q half a standard deviation of the count apart (it cannot change much in between: tested against a ten times finer grid)
    and the largest counts.
    """
    if not 0 < margin < 1:
        raise ValueError(f"a margin lies between 0 and 1, got {margin}")
    if n == 0 or worse - better >= n * margin:
        return 1.0
    low, high = _reach_of_q(worse + better, n)
    low = max(low, margin)
    high = max(high, low)
    steps = max(math.ceil((math.sqrt(high) - math.sqrt(low)) * 4 * math.sqrt(n)), 1)
    seen = float(score(worse, better, n, margin)) + 1e-9
    tail = _largest_tail(np.linspace(math.sqrt(low), math.sqrt(high), steps + 1) ** 2, seen, n, margin)
    return min(tail + OUTSIDE + 1e-8, 1.0)


@lru_cache(maxsize=65536)
def _reach_of_q(differing: int, n: int) -> tuple[float, float]:
    """Where the rate of differing pairs may lie, but for a chance of OUTSIDE."""
    return lower_limit(differing, n, 1 - OUTSIDE / 2), upper_limit(differing, n, 1 - OUTSIDE / 2)


def _largest_tail(rates: Array, seen: float, n: int, margin: float) -> float:
    """The largest P(score <= seen) where P(worse) = (q + margin) / 2 and P(better) = (q - margin) / 2, for q in `rates`, ascending."""
    up, down = (rates + margin) / 2, np.maximum((rates - margin) / 2, 0.0)
    worse, better = np.meshgrid(_counts(n, up[0], up[-1]), _counts(n, down[0], down[-1]), indexing="ij")
    inside = (worse + better <= n) & (score(worse, better, n, margin) <= seen)
    worse, better = worse[inside], better[inside]
    neither = n - worse - better
    log = _log_factorials(n)
    ways = log[n] - log[worse] - log[better] - log[neither]
    largest = 0.0
    for q, p, r in zip(rates.tolist(), up.tolist(), down.tolist(), strict=True):
        if q >= 1:  # no pair without a difference
            inside, tied = neither == 0, 0.0
        else:
            inside, tied = np.ones(len(ways), dtype=np.bool_), math.log1p(-q)
        terms = np.where(inside, ways + worse * math.log(p) + neither * tied, -np.inf)
        tail = np.exp(terms + better * math.log(r)) if r > 0 else np.exp(terms[better == 0])
        largest = max(largest, float(tail.sum()))
    return largest


def _counts(n: int, low: float, high: float) -> NDArray[np.int64]:
    """The counts that binomials with rates between these take in practice."""
    least = math.floor(
        n * low - REACH * math.sqrt(n * low * (1 - low)) - 12
    )  # 12: the tails of a rare count are longer than a normal one's
    most = math.ceil(n * high + REACH * math.sqrt(n * high * (1 - high)) + 12) if high > 0 else 0
    return np.arange(max(least, 0), min(most, n) + 1, dtype=np.int64)


@lru_cache(maxsize=16)
def _log_factorials(n: int) -> Array:
    return np.array([math.lgamma(i + 1) for i in range(n + 1)])
