"""Testing many hypotheses in an order fixed beforehand, and one workload many times."""

from __future__ import annotations

import math
from collections.abc import Iterable


def fixed_sequence(p_values: Iterable[float], level: float) -> tuple[int, list[float]]:
    """Test in order, each at the full level, and stop at the first that fails: (how many were rejected, every p-value that was looked at).

    The chance that any true hypothesis is rejected is at most `level`, whatever the dependence (fixed-sequence testing; as Learn-then-Test
    in Angelopoulos et al. 2021): only the first true one in the order could be the first false rejection, and it is tested once. Needs
    that the order does not depend on the values under test. `p_values` is read lazily, so that what is never reached is never computed.
    """
    seen: list[float] = []
    for p in p_values:
        seen.append(p)
        if not p <= level:
            return len(seen) - 1, seen
    return len(seen), seen


def spending(delta: float, attempt: int) -> float:
    """What attempt j = 1, 2, ... may spend: delta * 6 / (pi^2 j^2). All attempts together spend at most delta."""
    if attempt < 1:
        raise ValueError(f"attempts count from 1, got {attempt}")
    return delta * 6 / (math.pi**2 * attempt**2)
