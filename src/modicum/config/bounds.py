"""Between what numbers a setting may be, where "0 or more" does not say enough."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

Bound = tuple[Callable[[float], bool], str]

SHARE: Bound = (lambda number: 0 <= number <= 1, "a share, 0 to 1")
CHANCE: Bound = (lambda number: 0 < number < 1, "more than 0 and less than 1")
ABOVE_ZERO: Bound = (lambda number: number > 0, "more than 0")
FROM_ONE: Bound = (lambda number: number >= 1, "1 or more")

BOUNDS: Mapping[str, Bound] = MappingProxyType(
    {
        "route.control_share": SHARE,
        "fit.margin": CHANCE,
        "fit.confidence": CHANCE,
        "watch.look_every_s": ABOVE_ZERO,
        "watch.canary_share": SHARE,
        "watch.max_error_share": SHARE,
        "watch.false_rollback": CHANCE,
        "watch.run_length": FROM_ONE,
        "watch.least_control": SHARE,
        "watch.most_control": SHARE,
    }
)
