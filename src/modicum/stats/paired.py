"""An exact test of non-inferiority in pairs: is "worse" more frequent than "better" by less than a margin?

Each of n pairs is worse (+1), better (-1) or neither (0). The statistic is Tango's score (1998, "Equivalence test and confidence interval
for the difference in proportions for the paired-sample design"); its p-value is exact and unconditional (Hsueh, Liu & Chen 2001),
maximised over the one unknown, how often pairs differ at all, within an interval that holds it (Berger & Boos 1994).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from modicum.stats.binomial import lower_limit, upper_limit

Array = NDArray[np.float64]

OUTSIDE = 1e-4
"""The chance that the unknown lies outside the interval searched; added to the p-value."""
REACH = 7.0
"""Standard deviations of each count that are summed over; what lies beyond is below 1e-10 and added to the p-value."""


def score(worse: Array | float, better: Array | float, n: int, margin: float) -> Array:
    """Tango's score for "P(worse) - P(better) = margin", elementwise; very negative speaks for less."""
    worse, better = np.asarray(worse, dtype=np.float64), np.asarray(better, dtype=np.float64)
    b = (2 * n - worse + better) * margin - worse - better
    c = -better * margin * (1 - margin)
    better_rate = (np.sqrt(np.maximum(b * b - 8 * n * c, 0.0)) - b) / (4 * n)
    out: Array = (worse - better - n * margin) / np.sqrt(n * (2 * np.maximum(better_rate, 0.0) + margin * (1 - margin)))
    return out


@lru_cache(maxsize=65536)
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
    differing = worse + better
    low = max(lower_limit(differing, n, 1 - OUTSIDE / 2), margin)
    high = max(upper_limit(differing, n, 1 - OUTSIDE / 2), low)
    steps = max(math.ceil((math.sqrt(high) - math.sqrt(low)) * 4 * math.sqrt(n)), 1)
    seen = float(score(worse, better, n, margin)) + 1e-9
    tail = max(_tail(float(root) ** 2, seen, n, margin) for root in np.linspace(math.sqrt(low), math.sqrt(high), steps + 1))
    return min(tail + OUTSIDE + 1e-10, 1.0)


def _tail(q: float, seen: float, n: int, margin: float) -> float:
    """P(score <= seen) where P(worse) = (q + margin) / 2 and P(better) = (q - margin) / 2."""
    worse_rate, better_rate = (q + margin) / 2, max((q - margin) / 2, 0.0)
    worse, better = _around(n, worse_rate)[:, None], _around(n, better_rate)[None, :]
    neither = n - worse - better
    with np.errstate(divide="ignore", invalid="ignore"):
        log = _log_factorials(n)
        exponent = (
            log[n]
            - log[worse]
            - log[better]
            - log[np.maximum(neither, 0)]
            + worse * math.log(worse_rate)
            + (better * math.log(better_rate) if better_rate > 0 else 0.0)
            + (neither * math.log1p(-q) if q < 1 else 0.0)
        )
    inside = (neither >= 0) & (score(worse.astype(np.float64), better.astype(np.float64), n, margin) <= seen)
    return float(np.exp(exponent[inside]).sum())


def _around(n: int, rate: float) -> NDArray[np.int64]:
    """The counts that a binomial with this rate takes in practice."""
    if rate <= 0:
        return np.zeros(1, dtype=np.int64)
    spread = REACH * math.sqrt(n * rate * (1 - rate)) + 12  # 12: the tail of a rare count is longer than a normal one's
    return np.arange(max(math.floor(n * rate - spread), 0), min(math.ceil(n * rate + spread), n) + 1, dtype=np.int64)


@lru_cache(maxsize=16)
def _log_factorials(n: int) -> Array:
    return np.array([math.lgamma(i + 1) for i in range(n + 1)])
