"""How long answers take, in little room: counts of durations that lie within 5 % of each other."""

from __future__ import annotations

import math

import msgspec

STEP = math.log(1.05)
LEAST_MS = 0.01


class Times(msgspec.Struct):
    """Durations in milliseconds."""

    counts: dict[int, int] = {}
    """Number of 5 % steps above `LEAST_MS` -> how many."""

    def add(self, ms: float) -> None:
        step = min(max(round(math.log(max(ms, LEAST_MS) / LEAST_MS) / STEP), 0), 500)
        self.counts[step] = self.counts.get(step, 0) + 1

    def quantile(self, share: float) -> float | None:
        """Within 2.5 % of the true one; None where nothing was added."""
        total = sum(self.counts.values())
        if not total:
            return None
        below = 0
        for step in sorted(self.counts):
            below += self.counts[step]
            if below >= share * total:
                break
        return round(LEAST_MS * math.exp(step * STEP), 3)
