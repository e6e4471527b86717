"""What calls of one arm would have cost in the other: a coin chose the arm, so the ones that it kept stand for the ones that it did not.

The kept calls are weighted by the odds of their arm (inverse propensity for the effect on the treated) and fitted by a straight line in
something that was known before the coin fell, such as the length of the request: that takes out what makes calls dear, and leaves the
estimate right whether costs follow the line or not (a regression estimator in the sense of survey sampling; Cochran 1977, ch. 7). The error
is the jackknife's over conversations (Tukey 1958), on the logarithm of the mean, for costs are skewed; its degrees of freedom are Kish's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from modicum.stats.binomial import beta_quantile

Array = NDArray[np.float64]
FEWEST = 10
"""Conversations below which no interval is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterfactual:
    """Mean over the treated calls of what each would have been in the other arm."""

    mean: float
    low: float | None
    high: float | None
    """Limits, None where too few conversations were kept or they say nothing."""
    conversations: int
    """That were kept."""


def counterfactual(
    values: Array,
    weights: Array,
    conversations: NDArray[np.int64],
    lengths: Array | None,
    treated: Array | int,
    *,
    confidence: float = 0.95,
) -> Counterfactual | None:
    """From the kept calls, shape (n,): what each cost, its odds (1 - q) / q, its conversation and its length. `treated`: the lengths of the
    treated calls, shape (m,), or how many there are where `lengths` is None. None without a kept or a treated call.
    """
    m = treated if isinstance(treated, int) else len(treated)
    if not len(values) or not m:
        return None
    _, at = np.unique(conversations, return_inverse=True)
    clusters = int(at.max()) + 1
    ones = np.ones_like(values)
    x = ones * 0 if lengths is None else lengths
    sums = np.column_stack([np.bincount(at, weights=weights * one, minlength=clusters) for one in (ones, x, x * x, values, x * values)])
    where = 0.0 if isinstance(treated, int) else float(treated.mean())
    whole = sums.sum(axis=0)
    straight = lengths is not None and clusters >= FEWEST and _varies(whole)
    mean = float(_predicted(whole, where, straight=straight))
    if clusters < FEWEST or not mean > 0:
        return Counterfactual(mean=mean, low=None, high=None, conversations=clusters)
    without = _predicted(whole - sums, where, straight=straight)
    if not (without > 0).all():
        return Counterfactual(mean=mean, low=None, high=None, conversations=clusters)
    logs = np.log(without)
    variance = (clusters - 1) / clusters * float(((logs - logs.mean()) ** 2).sum())
    slope, start = _line(whole, straight=straight)
    left = np.bincount(at, weights=weights * (values - start - slope * x), minlength=clusters)
    # What the treated calls would have cost varies by chance too, as what is left of the kept ones beside the line does.
    variance += float((left**2).sum()) / float((weights**2).sum()) / m / mean**2
    size = float(sums[:, 0].sum()) ** 2 / float((sums[:, 0] ** 2).sum())
    freedom = max(min(clusters, size) - 1 - straight, 1.0)
    half = _student(confidence, freedom) * variance**0.5
    return Counterfactual(mean=mean, low=mean * np.exp(-half), high=mean * np.exp(half), conversations=clusters)


def _student(confidence: float, freedom: float) -> float:
    """The t with P(|T| <= t) = confidence: T² / (T² + freedom) is Beta(1/2, freedom / 2)."""
    share = beta_quantile(confidence, 0.5, freedom / 2)
    return math.sqrt(freedom * share / (1 - share))


def _varies(sums: Array) -> bool:
    return bool(sums[0] * sums[2] - sums[1] ** 2 > 1e-9 * sums[0] * sums[2])


def _line(sums: Array, *, straight: bool) -> tuple[Array, Array]:
    """Slope and start of the weighted least squares from sums of (1, x, x², y, xy), shape (..., 5)."""
    one, x, xx, y, xy = np.moveaxis(sums, -1, 0)
    if not straight:
        return np.zeros_like(y), y / one
    spread = one * xx - x * x
    with np.errstate(divide="ignore", invalid="ignore"):
        return (one * xy - x * y) / spread, (xx * y - x * xy) / spread


def _predicted(sums: Array, at: float, *, straight: bool) -> Array:
    slope, start = _line(sums, straight=straight)
    return start + slope * at
