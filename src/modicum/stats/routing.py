"""What a router between a small and a large model is worth: the figures of the field, from outcomes on requests that it did not learn from.

PGR is the share of the gap between the two models' quality that a share of calls to the large one closes. Sources: PGR, APGR and CPT as
in RouteLLM (Ong et al. 2024); AIQ as in RouterBench (Hu et al. 2024). Estimates, no promise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """A router's line from all calls to the small model to all calls to the large one; arrays have shape (n + 1,)."""

    share: Array
    """Of the calls, to the large model."""
    quality: Array
    cost: Array
    """Mean, of a call."""

    @property
    def recovered(self) -> Array:
        """PGR at each share: 0 as good as the small model, 1 as the large one, beyond where the router knows better than both."""
        return np.asarray((self.quality - self.quality[0]) / (self.quality[-1] - self.quality[0]))

    @property
    def apgr(self) -> float:
        """Mean PGR over all shares; 0.5 for a coin."""
        return float(np.trapezoid(self.recovered, self.share))

    def share_for(self, recovered: float) -> float:
        """CPT: the least share of calls to the large model that recovers so much of the gap."""
        return float(self.share[np.argmax(self.recovered >= recovered - 1e-12)])

    def cost_for(self, quality: float) -> float | None:
        """The least cost of a call at which the quality is reached; None where it never is."""
        reached = self.quality >= quality - 1e-12
        return float(self.cost[reached].min()) if reached.any() else None

    @property
    def aiq(self) -> float:
        """Mean quality over the range of costs, along the line's non-decreasing convex hull: a mixture of two points counts."""
        cost, quality = _hull(self.cost, self.quality)
        span = cost[-1] - cost[0]
        return float(np.trapezoid(quality, cost) / span) if span > 0 else float(quality[-1])


def routed(gains: Array, small: Array, large: Array, *, small_cost: Array, large_cost: Array, pays_both: bool = False) -> Routed:
    """The line of a router that asks the large model where it foretells the greatest gain, ties in the order given; all shapes (n,).

    `small` and `large` are the outcomes. With `pays_both` the small model has answered before the large one is asked, and is paid.
    """
    order = np.argsort(-gains, kind="stable")
    n = len(order)
    better = np.concatenate([[0.0], np.cumsum((large - small)[order])])
    dearer = np.concatenate([[0.0], np.cumsum((large_cost if pays_both else large_cost - small_cost)[order])])
    return Routed(share=np.arange(n + 1) / n, quality=(small.sum() + better) / n, cost=(small_cost.sum() + dearer) / n)


def _hull(cost: Array, quality: Array) -> tuple[Array, Array]:
    """The upper hull of the points, from the cheapest to the dearest, never falling."""
    order = np.lexsort((-quality, cost))
    points: list[tuple[float, float]] = []
    for x, y in zip(cost[order].tolist(), np.maximum.accumulate(quality[order]).tolist(), strict=True):
        while len(points) > 1 and (points[-1][1] - points[-2][1]) * (x - points[-2][0]) <= (y - points[-2][1]) * (
            points[-1][0] - points[-2][0]
        ):
            points.pop()
        if not points or x > points[-1][0]:
            points.append((x, y))
    return np.array([x for x, _ in points]), np.array([y for _, y in points])
