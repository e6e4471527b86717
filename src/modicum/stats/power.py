"""How likely a test is to pass, given what older data suggest. For planning only: no promise rests on these figures."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from modicum.stats.betting import MOST_OF_THE_CAPITAL

Array = NDArray[np.float64]


def normal_cdf(x: Array) -> Array:
    """P(N(0, 1) <= x), elementwise; absolute error below 1e-7 (Abramowitz & Stegun 26.2.17)."""
    t = 1 / (1 + 0.2316419 * np.abs(x))
    poly = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    tail = np.exp(-np.minimum(x * x, 1400.0) / 2) / math.sqrt(2 * math.pi) * poly
    return np.where(x > 0, 1 - tail, tail)


def binomial_power(most: Array, n: Array, rate: Array) -> Array:
    """P(Binomial(n, rate) <= most), elementwise, to about 1e-2: Poisson-binomial tails by the Wilson-Hilferty cube root (A&S 26.4.14).

    0 where `most` is negative.
    """
    k = np.maximum(most, 0.0)
    mean = np.maximum(n * rate, 1e-12)
    shape = k + 1  # P(Poisson(mean) <= k) = P(chi2 with 2(k+1) degrees > 2 mean)
    poisson = 1 - normal_cdf((np.cbrt(mean / shape) - (1 - 1 / (9 * shape))) * 3 * np.sqrt(shape))
    spread = np.sqrt(np.maximum(mean * (1 - np.minimum(rate, 1.0)), 1e-12))
    normal = normal_cdf((k + 0.5 - mean) / spread)
    return np.where(most < 0, 0.0, np.where(rate > 0.1, normal, poisson))


def paired_power(n: Array, margin: float, level: float, up: Array, down: Array) -> Array:
    """P(`paired_p_value` <= level) when `up` of n pairs are worse and `down` better, elementwise: the score test's normal approximation."""
    needed = -NormalDist().inv_cdf(level)
    under_null = np.sqrt(np.maximum(up + down, margin) / n)
    actual = np.sqrt(np.maximum(up + down - (up - down) ** 2, 0.5 / n) / n)
    return normal_cdf((margin - up + down - needed * under_null) / actual)


def betting_power(n: Array, bound: float, level: float, up: Array, down: Array) -> Array:
    """P(`betting_p_value` <= level) for draws that are 1 with rate `up`, -1 with rate `down`, else 0, elementwise.

    The log capital is taken as Brownian motion with the drift and variance of the bet that the test would settle on; its chance to
    reach ln(1/level) by n is the reflection formula (Siegmund 1985, 3.15).
    """
    goal = math.log(1 / level)
    n = np.maximum(n, 1.0)
    second = np.maximum(up + down, 1 / n)
    bet = np.minimum(np.sqrt(2 * goal / (n * second)), MOST_OF_THE_CAPITAL / (1 - bound))
    none, lost, won = np.log1p(bet * bound), np.log1p(bet * (bound - 1)), np.log1p(bet * (bound + 1))
    drift = (1 - up - down) * none + up * lost + down * won
    spread = np.maximum((1 - up - down) * none**2 + up * lost**2 + down * won**2 - drift**2, 1e-12)
    scale = np.sqrt(n * spread)
    direct = normal_cdf((n * drift - goal) / scale)
    reflected = np.exp(np.minimum(2 * drift * goal / spread, 700.0)) * normal_cdf((-n * drift - goal) / scale)
    return np.clip(direct + np.where(np.isfinite(reflected), reflected, 0.0), 0.0, 1.0)
