"""Find the workloads in the recorded calls, and apply what a person decided about them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Literal

from modicum.config import Config
from modicum.discover import mine
from modicum.pipeline.switching import find_workload, publish
from modicum.store.calls import Calls, UsageRow
from modicum.store.control import Control
from modicum.types import Call, OperatorDecision, Workload

Progress = Callable[[float, str], None]
"""(share done, what is being done)."""

FOUND = "workloads.find"


def find(config: Config, *, progress: Progress | None = None, only_if_needed: bool = False) -> list[Workload]:
    """Mine all calls again, keep ids and decisions, store the result and tell the day.

    `only_if_needed`: leave it where nothing was imported or erased since the last time. Live calls are recognised as they
    come; a prompt that is new among them is found by the next full look.
    """
    control, calls = Control(config.home), Calls(config.home)
    usage = calls.usage()
    state = _imported(usage)
    if only_if_needed and state == _last_state(control):
        return control.workloads()
    calls.compact()
    calls.expire_bodies(config.store.keep_days)
    count = max(sum(row.calls for row in usage), 1)
    bodiless: set[str] = set()
    discovery = mine(
        _noting(calls.scan(), bodiless),
        known=control.workloads(),
        decisions=control.decisions(),
        progress=(lambda read: progress(read / count, "reading calls")) if progress else None,
    )
    # Calls whose bodies are past their time cannot be looked at again: they stay where they were.
    names = {workload.workload_id for workload in discovery.workloads}
    kept = [row for row in calls.assignments() if row[0] in bodiless and row[1] in names] if bodiless else []
    calls.assign([*discovery.assignments, *kept])
    control.replace_workloads(discovery.workloads)
    control.log("modicum", FOUND, state, f"{len(discovery.workloads)} workloads")
    publish(config)
    return list(discovery.workloads)


def _noting(calls: Iterable[Call], bodiless: set[str]) -> Iterator[Call]:
    for call in calls:
        if call.request is None:
            bodiless.add(call.call_id)
        yield call


def _imported(usage: Iterable[UsageRow]) -> str:
    """How many calls there are that no gateway of ours decided on."""
    return str(sum(row.calls - sum(count for _, count in row.reasons) for row in usage))


def _last_state(control: Control) -> str | None:
    return next((entry.subject for entry in reversed(control.audit()) if entry.action == FOUND), None)


def decide(
    config: Config,
    ref: str,
    kind: Literal["name", "read", "merge", "split", "ignore"],
    payload: str,
    *,
    actor: str,
    progress: Progress | None = None,
) -> Workload:
    """Record a person's word on a workload and look again with it. Raises NotFoundError for a workload that is not there."""
    control = Control(config.home)
    workload = find_workload(control, ref)
    decision = OperatorDecision(
        decision_id=f"d_{uuid.uuid4().hex[:12]}",
        scope=workload.scope,
        kind=kind,
        workload_id=workload.workload_id,
        payload=payload,
        at=datetime.now(UTC),
        actor=actor,
    )
    control.add_decision(decision)
    find(config, progress=progress)
    return find_workload(control, workload.workload_id)
