"""Is a rate higher in one sample than in another? Exactly, given how many there are in both (Fisher 1935)."""

from __future__ import annotations

import math


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


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
