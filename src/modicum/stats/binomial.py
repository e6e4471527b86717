"""Exact binomial tails, Clopper-Pearson limits and the sample sizes that follow from them.

The tails are regularised incomplete beta functions (Abramowitz & Stegun 26.5.24), computed by Lentz's continued fraction, so that
no library beyond the standard one is needed. Relative error against scipy is below 1e-9 for n up to a million.
"""

from __future__ import annotations

import math
from functools import lru_cache


def beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b) for a, b > 0: P(Beta(a, b) <= x)."""
    if not (a > 0 and b > 0):
        raise ValueError(f"beta_cdf needs a, b > 0, got {a}, {b}")
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    if x < (a + 1) / (a + b + 2):
        return min(math.exp(log_front) * _continued_fraction(x, a, b) / a, 1.0)
    return max(1 - math.exp(log_front) * _continued_fraction(1 - x, b, a) / b, 0.0)


def _continued_fraction(x: float, a: float, b: float) -> float:
    """Lentz's evaluation (Numerical Recipes 6.4); takes O(sqrt(max(a, b))) steps."""
    tiny = 1e-300
    c, d = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1), tiny)
    total = d
    for m in range(1, 100_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / _away_from_zero(1 + even * d, tiny)
        c = _away_from_zero(1 + even / c, tiny)
        total *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / _away_from_zero(1 + odd * d, tiny)
        c = _away_from_zero(1 + odd / c, tiny)
        step = d * c
        total *= step
        if abs(step - 1) < 1e-15:
            return total
    raise ArithmeticError(f"incomplete beta did not converge for x={x}, a={a}, b={b}")


def _away_from_zero(value: float, tiny: float) -> float:
    return tiny if abs(value) < tiny else value


@lru_cache(maxsize=65536)
def lower_tail(k: int, n: int, p: float) -> float:
    """P(Binomial(n, p) <= k), exactly. This is the p-value of "the rate is p or more" after seeing k errors in n independent draws."""
    if k < 0:
        return 0.0
    if k >= n:
        return 1.0
    return beta_cdf(1 - p, n - k, k + 1)


def upper_tail(k: int, n: int, p: float) -> float:
    """P(Binomial(n, p) >= k), exactly."""
    if k <= 0:
        return 1.0
    if k > n:
        return 0.0
    return beta_cdf(p, k, n - k + 1)


@lru_cache(maxsize=65536)
def most_errors(n: int, p: float, level: float) -> int:
    """The largest k with `lower_tail(k, n, p) <= level`: how many errors a test at `level` forgives. -1 where not even zero passes."""
    if lower_tail(0, n, p) > level:
        return -1
    low, high = 0, n  # lower_tail(low) <= level < lower_tail(high) = 1
    while high - low > 1:
        middle = (low + high) // 2
        if lower_tail(middle, n, p) <= level:
            low = middle
        else:
            high = middle
    return low


def fewest_draws(p: float, level: float) -> int:
    """The fewest draws with which anything can pass: zero errors in n draws reject "the rate is p" when (1-p)^n <= level."""
    return math.ceil(math.log(level) / math.log1p(-p))


def clopper_pearson(k: float, n: float, confidence: float) -> tuple[float, float]:
    """Two-sided limits of a rate after k of n (Clopper & Pearson 1934). k and n may be fractional (an effective sample size)."""
    alpha = (1 - confidence) / 2
    return lower_limit(k, n, 1 - alpha), upper_limit(k, n, 1 - alpha)


def upper_limit(k: float, n: float, confidence: float) -> float:
    """One-sided upper limit: holds the rate with probability >= confidence. 1.0 where n is 0."""
    return 1.0 if n <= 0 or k >= n else beta_quantile(confidence, k + 1, n - k)


def lower_limit(k: float, n: float, confidence: float) -> float:
    """One-sided lower limit. 0.0 where n or k is 0."""
    return 0.0 if n <= 0 or k <= 0 else beta_quantile(1 - confidence, k, n - k + 1)


def beta_quantile(q: float, a: float, b: float) -> float:
    """The x with I_x(a, b) = q: Newton's steps where they stay inside the bracket, halvings where they do not."""
    low, high, x = 0.0, 1.0, a / (a + b)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    for _ in range(200):
        off = beta_cdf(x, a, b) - q
        low, high = (x, high) if off < 0 else (low, x)
        density = math.exp(min(log_front + (a - 1) * math.log(x) + (b - 1) * math.log1p(-x), 700.0))
        step = x - off / density if density > 0 else low
        following = step if low < step < high else (low + high) / 2
        if abs(following - x) <= 1e-14 * following or high - low <= 1e-15:
            return following
        x = following
    return x
