"""Who answers for a workload and what it is for, as operators said it: the last word of each counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from modicum.types import OperatorDecision


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """What was said of one workload. Empty: nothing."""

    owner: str = ""
    purpose: str = ""


NOBODY = Owned()


def owners(decisions: Iterable[OperatorDecision]) -> dict[str, Owned]:
    """By workload."""
    found: dict[str, Owned] = {}
    for decision in sorted(decisions, key=lambda one: (one.at, one.decision_id)):
        before = found.get(decision.workload_id, NOBODY)
        if decision.kind == "owner":
            found[decision.workload_id] = dataclasses.replace(before, owner=decision.payload)
        elif decision.kind == "purpose":
            found[decision.workload_id] = dataclasses.replace(before, purpose=decision.payload)
    return found
