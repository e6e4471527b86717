"""Find the workloads in the recorded calls, and apply what a person decided about them."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from modicum.config import Config
from modicum.discover import FORMLESS, Discovery, mine
from modicum.pipeline import deciding
from modicum.pipeline.switching import find_workload, publish
from modicum.pipeline.viewed import Views
from modicum.store import feedback
from modicum.store.answers import Answers
from modicum.store.audit import Sought
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.types import Call, OperatorDecision, Workload

Progress = Callable[[float, str], None]
"""(share done, what is being done)."""

FOUND = "workloads.find"


@dataclass(frozen=True, slots=True)
class _Look:
    """What mining found, not stored yet."""

    discovery: Discovery
    bodiless: frozenset[str]
    state: str


def find(config: Config, *, progress: Progress | None = None, only_if_needed: bool = False) -> list[Workload]:
    """Mine all calls again, keep ids and decisions, store the result and tell the day.

    `only_if_needed`: leave it where nothing was imported or erased since the last time. Live calls are recognised as they
    come; a prompt that is new among them is found by the next full look.
    """
    control, calls = Control(config.home), Calls(config.home)
    if only_if_needed and _state(calls) == _last_state(control):
        return control.workloads()
    return _keep(config, _look(config, control.decisions(), progress))


def _look(config: Config, decisions: Sequence[OperatorDecision], progress: Progress | None) -> _Look:
    calls = Calls(config.home)
    state, count = _state(calls), max(calls.count()[0], 1)
    calls.compact()
    calls.expire_bodies(config.store.keep_days)
    Answers(config.home).expire(config.store.keep_days)
    feedback.expire(config.home, datetime.now(UTC) - timedelta(days=config.store.keep_days))
    bodiless: set[str] = set()
    discovery = mine(
        Views.open(config).of(_noting(calls.scan(), bodiless)),
        known=Control(config.home).workloads(),
        decisions=deciding.standing(decisions),
        progress=(lambda read: progress(read / count, "reading calls")) if progress else None,
    )
    return _Look(discovery, frozenset(bodiless), state)


def _keep(config: Config, look: _Look) -> list[Workload]:
    control, calls = Control(config.home), Calls(config.home)
    workloads = look.discovery.workloads
    # Calls whose bodies are past their time cannot be looked at again: they stay where they were.
    names = {workload.workload_id for workload in workloads}
    kept = [row for row in calls.assignments() if row[0] in look.bodiless and row[1] in names] if look.bodiless else []
    calls.assign(itertools.chain(look.discovery.assignments, kept))
    control.replace_workloads(workloads)
    control.log("modicum", FOUND, look.state, f"{len(workloads)} workload{'' if len(workloads) == 1 else 's'}")
    publish(config)
    return list(workloads)


def _noting(calls: Iterable[Call], bodiless: set[str]) -> Iterator[Call]:
    for call in calls:
        if call.request is None and call.endpoint not in FORMLESS:
            bodiless.add(call.call_id)
        yield call


def _state(calls: Calls) -> str:
    """How many calls there are that no gateway of ours decided on; and of all, how many came without what was asked: a second log may
    have brought that since."""
    _, undecided, unseen = calls.count()
    return f"{undecided}, {unseen} unseen" if unseen else str(undecided)


def _last_state(control: Control) -> str | None:
    return next((entry.subject for entry in control.audited(Sought(action=FOUND), 1)), None)


def decide(
    config: Config,
    ref: str,
    kind: Literal["name", "read", "merge", "split", "ignore"],
    payload: str,
    *,
    actor: str,
    progress: Progress | None = None,
) -> Workload:
    """Look again with a person's word on a workload, and record it where it changes something.

    Raises NotFoundError for a workload, slot or value that is not there, InputError for a word that says nothing.
    """
    control, calls = Control(config.home), Calls(config.home)
    workload = find_workload(control, ref)
    payload = payload.strip() if kind == "name" else payload
    deciding.check(control, workload, kind, payload)
    decision = OperatorDecision(
        decision_id=f"d_{uuid.uuid4().hex[:12]}",
        scope=workload.scope,
        kind=kind,
        workload_id=workload.workload_id,
        payload=payload,
        at=datetime.now(UTC),
        actor=actor,
    )
    look = _look(config, [*control.decisions(), decision], progress)
    deciding.check_effect(calls, Views.open(config), workload, decision, look.discovery.workloads)
    control.add_decision(decision)
    _keep(config, look)
    return find_workload(control, workload.workload_id)
