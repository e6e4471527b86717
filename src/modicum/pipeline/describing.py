"""A workload as it is put before its operator: its prompt with the slots named, the days it was seen, its newest calls."""

from __future__ import annotations

from collections import deque

from modicum.store.calls import Calls
from modicum.types import Call, Version, Workload
from modicum.workload.pattern import marked_lines

DRAWN = frozenset(("shadow", "canary", "control"))
"""Reasons of calls on which both are held against each other."""


def template_lines(workload: Workload) -> list[str]:
    """The prompt's fixed text with each slot's name in braces, version by version."""
    lines: list[str] = []
    for version in workload.versions:
        if len(workload.versions) > 1:
            calls = f"{version.calls:,} call{'' if version.calls == 1 else 's'}"
            lines.append(f"version {version.version_id}: {calls}, {_days(version)}")
        for segment, text in marked_lines(version.template):
            lines += [f"{segment}:", *(f"  {line}" for line in text.split("\n"))]
        lines += [f"where {slot} is {value!r}" for slot, value in version.marks]
    return lines


def newest(calls: Calls, workload: Workload, most: int, *, differed: bool = False) -> list[Call]:
    """The newest calls of a workload, newest first; `differed`: of those alone on which the stage would have answered otherwise."""
    found = calls.scan(scope=workload.scope, workload_id=workload.workload_id)
    return list(deque((one for one in found if not differed or differs(one)), maxlen=most))[::-1]


def differs(call: Call) -> bool:
    """Did the incumbent answer, and would a route have answered otherwise? Its answer that cannot be read is another one."""
    decision = call.decision
    if decision is None or call.status >= 400 or call.error is not None:
        return False
    return decision.reason in DRAWN and decision.would_answer is True and decision.agreed is not True


def days_seen(workload: Workload) -> float:
    """Days between its first and last call, at least one."""
    return max(1.0, (workload.last_seen - workload.first_seen).total_seconds() / 86_400)


def _days(version: Version) -> str:
    return f"{version.first_seen:%Y-%m-%d} to {version.last_seen:%Y-%m-%d}"
