"""Is one sample higher than another? Exactly, given how many there are in both: counts (Fisher 1935), and scores of single draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

CUTS = (0.1, 0.5)
"""Of both samples together, highest first: where few draws are of another kind, and where all are a little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """How far the scores of two samples lie apart."""

    p_value: float
    """Of "both are drawn from one distribution", where the second is expected higher. Valid where the scores do not depend on which is
    which."""
    auc: float
    """The chance that a draw of the second lies above one of the first, a tie counted half; 0.5: nothing tells them apart."""
    share: float
    """Of the second, how much more than of the first lies above the cut that parts them most. Unless by chance, so large a share of it
    at least is of another distribution."""


def apart(first: Sequence[float], second: Sequence[float], *, seed: int = 0) -> Apart:
    """A test of two samples by a score, which a classifier learnt on other draws (Lopez-Paz and Oquab 2017, arXiv 1610.06545).

    The score is cut where a tenth of both together lies above it, and where a half does: the latter is the accuracy of that classifier. How
    many of the second lie above is hypergeometric where both are alike; twice the smaller of the two tails is the p-value. Ties are put in
    an order drawn by the seed.
    """
    if not first or not second:
        raise ValueError("a sample is empty")
    scores = np.concatenate([np.asarray(first, float), np.asarray(second, float)])
    order = np.lexsort((np.random.default_rng(seed).random(len(scores)), -scores))
    above = np.cumsum(order >= len(first))  # of the k highest, those of the second
    p_value, share = 1.0, 0.0
    for cut in CUTS:
        highest = max(1, round(cut * len(scores)))
        found = int(above[highest - 1])
        p_value = min(p_value, len(CUTS) * higher_p_value(found, highest, len(second) - found, len(scores) - highest))
        share = max(share, found / len(second) - (highest - found) / len(first))
    return Apart(p_value=p_value, auc=_auc(scores[: len(first)], scores[len(first) :]), share=share)


def higher_p_value(first: int, of_first: int, second: int, of_second: int) -> float:
    """p-value of "the first rate is at most the second", after `first` of `of_first` and `second` of `of_second` independent draws."""
    if not (0 <= first <= of_first and 0 <= second <= of_second):
        raise ValueError(f"{first} of {of_first} and {second} of {of_second} are no counts")
    both, total = first + second, of_first + of_second
    ways = _log_choose(total, both)
    most = min(both, of_first)
    tail = math.fsum(
        math.exp(_log_choose(of_first, k) + _log_choose(of_second, both - k) - ways)
        for k in range(first, most + 1)
        if both - k <= of_second
    )
    return min(tail, 1.0)


def _auc(first: np.ndarray, second: np.ndarray) -> float:
    ranked = np.sort(first)
    below, upto = np.searchsorted(ranked, second, "left"), np.searchsorted(ranked, second, "right")
    return float((below + upto).sum() / 2 / len(first) / len(second))


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
