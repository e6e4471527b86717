"""A test for the mean of bounded numbers by betting.

Source: Waudby-Smith & Ramdas 2024, "Estimating means of bounded random variables by betting". Under "the mean of D is at least m" no
strategy of bets against it earns money on average, so its capital exceeds 1/p at any time with probability at most p (Ville 1939).
Exact for any sample size and any distribution on [-1, 1]; needs that given the earlier draws each draw has the mean under test, hence
a random order fixed before the values are seen.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

MOST_OF_THE_CAPITAL = 0.9
"""No bet may lose more than this: a single D = 1 must not ruin the test. 0.9 against 0.5 in the paper, for bounds of a per cent or so."""


def betting_p_value(draws: NDArray[np.float64], bound: float, *, level: float) -> float:
    """p-value of "E[D] >= bound" for draws of D in [-1, 1], in random order, shape (n,). Draws below -1 cost power, not validity.

    Capital after t draws is prod_i (1 + b_i (bound - D_i)). The bet b_i = sqrt(2 ln(1/level) / (n v_i)), v_i = (1 + sum_{j<i} D_j^2) / i,
    is the paper's predictable plug-in for a test at a fixed n, capped so that 1 + b_i (bound - D_i) > 0; `level` in (0, 1) tunes the
    bets, not the validity. The second moment is taken about zero, not about the running mean: D is mostly zero here.
    Returns 1 / max_t capital, at most 1; 1.0 for no draws.
    """
    n = len(draws)
    if not -1 < bound < 1:
        raise ValueError(f"the bound on a mean of [-1, 1] draws must lie inside, got {bound}")
    if n == 0:
        return 1.0
    squares = np.empty(n)
    squares[0] = 1.0
    np.cumsum(draws[:-1] * draws[:-1], out=squares[1:])
    squares[1:] += 1.0
    second_moment = squares / np.arange(1, n + 1)
    bets = np.minimum(np.sqrt(2 * math.log(1 / level) / (n * second_moment)), MOST_OF_THE_CAPITAL / (1 - bound))
    log_capital = np.cumsum(np.log1p(bets * (bound - draws)))
    return math.exp(-max(float(log_capital.max()), 0.0))


def fewest_draws_to_bet(bound: float, level: float) -> int:
    """The fewest draws, all of them zero, with which "E[D] >= bound" can be rejected at `level`."""
    low, high = 0, 1
    while betting_p_value(np.zeros(high), bound, level=level) > level:
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        if betting_p_value(np.zeros(middle), bound, level=level) > level:
            low = middle
        else:
            high = middle
    return high


def mean_lower_limit(values: NDArray[np.float64], low: float, *, spread: float, miss: float) -> float:
    """Below the mean of independent draws that are at least `low`, shape (n,), with probability at least 1 - `miss`; never below `low`.

    The largest c against which the capital prod_i (1 + b (x_i - c)) reaches 1 / `miss`: under "the mean is c or less" that happens with
    probability at most `miss` (Markov). The bet b is fixed by n and a guess of the standard deviation, `spread`: a wrong guess costs
    power, not validity. No upper end is needed.
    """
    n = len(values)
    if n == 0:
        return low
    wanted = math.log(1 / miss)
    bet = math.sqrt(2 * wanted / n) / spread
    sure, unsure = low, min(float(values.mean()), low + MOST_OF_THE_CAPITAL / bet)
    for _ in range(60):
        middle = (sure + unsure) / 2
        if float(np.log1p(bet * (values - middle)).sum()) >= wanted:
            sure = middle
        else:
            unsure = middle
    return sure
