"""Rates and means over clusters of unequal size: weighted by members, with intervals that respect the clustering.

Estimates, not guarantees: their error is right as the number of clusters grows, and where a few clusters hold most of the weight
they are too narrow.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from modicum.stats.binomial import clopper_pearson

Array = NDArray[np.float64]


def weighted_mean(values: Array, weights: Array) -> float:
    """sum(w x) / sum(w), shapes (n,); 0.0 for no weight at all."""
    total = float(weights.sum())
    return float((weights * values).sum()) / total if total > 0 else 0.0


def effective_size(values: Array, weights: Array) -> float:
    """How many independent unweighted draws carry as much as these clusters do: n over the design effect, at most n.

    The variance of the ratio estimate is linearised over clusters; where nothing varies, Kish's n = (sum w)^2 / sum w^2 takes its place.
    """
    n = len(values)
    kish = float(weights.sum()) ** 2 / max(float((weights * weights).sum()), 1e-300) if n else 0.0
    mean = weighted_mean(values, weights)
    if n < 2 or not 0 < mean < 1:
        return kish
    residual = weights * (values - mean)
    variance = n / (n - 1) * float((residual * residual).sum()) / float(weights.sum()) ** 2
    return min(mean * (1 - mean) / variance, float(n)) if variance > 0 else kish


def rate_interval(values: Array, weights: Array, confidence: float) -> tuple[float, float]:
    """Interval of a weighted rate, values in {0, 1}, one row a cluster: Clopper-Pearson at the effective size (Korn & Graubard 1998)."""
    size = effective_size(values, weights)
    if size <= 0:
        return 0.0, 1.0
    return clopper_pearson(weighted_mean(values, weights) * size, size, confidence)


def mean_interval(values: Array, weights: Array, confidence: float) -> tuple[float, float]:
    """Interval of a weighted mean of values in {-1, 0, 1}, one row a cluster: the two rates' intervals, joined by the rule of squares.

    (Zou & Donner 2008, MOVER: limits of a difference from the limits of its parts.) Correlation of the parts is left out, which for two
    exclusive events widens it.
    """
    up, down = (values > 0).astype(np.float64), (values < 0).astype(np.float64)
    mean_up, mean_down = weighted_mean(up, weights), weighted_mean(down, weights)
    up_low, up_high = rate_interval(up, weights, confidence)
    down_low, down_high = rate_interval(down, weights, confidence)
    centre = mean_up - mean_down
    low = centre - ((mean_up - up_low) ** 2 + (down_high - mean_down) ** 2) ** 0.5
    high = centre + ((up_high - mean_up) ** 2 + (mean_down - down_low) ** 2) ** 0.5
    return max(low, -1.0), min(high, 1.0)


def bootstrap_ratios(totals: Array, weights: Array, *, draws: int, seed: int) -> Array:
    """sum(totals) / sum(weights) over n clusters drawn with replacement, `draws` times, shape (draws,) (Efron 1979).

    From numpy's legacy generator, whose stream is frozen: the same seed gives the same figures under any version.
    """
    n = len(totals)
    random = np.random.RandomState(seed)
    ratios = np.empty(draws)
    for i in range(draws):
        rows = random.randint(0, n, n)
        ratios[i] = totals[rows].sum() / max(weights[rows].sum(), 1e-300)
    return ratios
