"""Margins to probabilities: one temperature, fitted on out-of-fold logits (Guo et al. 2017).

Labels are smoothed as Platt (1999) does: of n samples each counts as right by (n + 1) / (n + 2) only, the rest is spread
over the labels. Samples without a single mistake would otherwise drive the factor, and every confidence, to its end.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from modicum.train.counts import Floats, Ints

LOWEST, HIGHEST = 0.05, 20.0


def temperature(logits: npt.NDArray[np.floating], labels: Ints) -> float:
    """The factor on `logits` (samples, labels) that gives `labels` the greatest likelihood; 1.0 where there are none."""
    if not len(labels):
        return 1.0
    shifted = (logits - logits.max(axis=1, keepdims=True)).astype(np.float64)
    doubt = 1 / (len(labels) + 2)
    own = (1 - doubt) * shifted[np.arange(len(labels)), labels] + doubt * shifted.mean(axis=1)
    low, high = math.log(LOWEST), math.log(HIGHEST)
    golden = (math.sqrt(5) - 1) / 2
    # The loss is convex in the factor, so it has one valley in its logarithm too.
    left, right = high - golden * (high - low), low + golden * (high - low)
    at_left, at_right = _loss(shifted, own, left), _loss(shifted, own, right)
    for _ in range(30):
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - golden * (high - low)
            at_left = _loss(shifted, own, left)
        else:
            low, left, at_left = left, right, at_right
            right = low + golden * (high - low)
            at_right = _loss(shifted, own, right)
    return float(f"{math.exp((low + high) / 2):.4g}")


def _loss(shifted: Floats, own: Floats, log_factor: float) -> float:
    factor = math.exp(log_factor)
    return float((np.log(np.exp(shifted * factor).sum(axis=1)) - own * factor).mean())
