"""A plan that only says how much it would cover."""

from __future__ import annotations

import numpy as np

from modicum.evaluate.tune import Curve, Plan
from modicum.types import Rule

NONE = np.zeros(0)
CURVE = Curve(thresholds=NONE, coverage=NONE, disagreement=NONE, up=NONE, down=NONE, groups=0)


def plan(coverage: float) -> Plan:
    return Plan(rule=Rule(accept_above=0.5), thresholds=(0.5,), chance={}, expected_coverage=coverage, curve=CURVE)
