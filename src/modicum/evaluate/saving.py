"""What a rule would save a month, with an interval, against a named baseline; None where a price is unknown."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from modicum.evaluate.table import Table
from modicum.stats.clusters import bootstrap_ratios
from modicum.types import Saving

DRAWS = 1000
CONFIDENCE = 0.95
PRICED = 0.95
"""With fewer of the calls priced than this the saving is unknown; the rest is taken to cost what the priced ones do."""


def estimate_saving(
    table: Table, accepted: NDArray[np.bool_], *, calls_per_month: float, control_share: float, baseline: str, seed: int
) -> Saving:
    """Cost of the answered calls, per call of the window, times the calls of a month, less the share that the coin keeps.

    The interval resamples certify groups. The specialist's own cost (a fraction of a CPU millisecond) is taken as nothing.
    """
    known = np.array([cost is not None for cost in table.costs], dtype=np.bool_)
    calls = table.weights
    share = float(calls[known].sum() / calls.sum()) if len(known) else 0.0
    if share < PRICED or calls_per_month <= 0:
        return Saving(
            usd_month=None, low_usd_month=None, high_usd_month=None, baseline=baseline, method=f"{share:.0%} of the calls have a price"
        )
    costs = np.array([float(cost) for cost in table.costs if cost is not None])
    totals, weights = costs * calls[known] * accepted[known], calls[known]
    scale = calls_per_month * (1 - control_share)
    ratios = np.sort(bootstrap_ratios(totals, weights, draws=DRAWS, seed=seed))
    tail = round(DRAWS * (1 - CONFIDENCE) / 2)
    return Saving(
        usd_month=_cents(float(totals.sum() / weights.sum()) * scale),
        low_usd_month=_cents(float(ratios[tail - 1]) * scale),
        high_usd_month=_cents(float(ratios[-tail]) * scale),
        baseline=baseline,
        method=(
            f"cost of the answered calls in the certify window, {calls_per_month:,.0f} calls a month, {control_share:.0%} of them kept by "
            f"the coin; {CONFIDENCE:.0%} interval from {DRAWS:,} resamples of {len(table):,} groups"
        ),
    )


def _cents(usd: float) -> Decimal:
    return Decimal(repr(usd)).quantize(Decimal("0.01"))
