"""Calls in, workloads out. Scopes are mined apart; a log that fits is mined whole, a longer one in batches."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from modicum.discover.assigned import Assigned
from modicum.discover.batches import Miner
from modicum.discover.decisions import decide
from modicum.discover.gather import take
from modicum.types import Call, OperatorDecision, Workload

BATCH = 120_000


@dataclass(frozen=True, slots=True)
class Discovery:
    """The workloads of a log, most calls first, and whose each call is: (call_id, workload_id, version_id).

    Calls that belong to no workload yet (groups under 15 calls, bodies gone) stand in no row. A version_id of "" is a
    wording too rare to be a version.
    """

    workloads: tuple[Workload, ...]
    assignments: Collection[tuple[str, str, str]]


def mine(
    calls: Iterable[Call],
    *,
    known: Sequence[Workload] = (),
    decisions: Sequence[OperatorDecision] = (),
    progress: Callable[[int], None] | None = None,
    batch: int = BATCH,
) -> Discovery:
    """Find the workloads in calls. `known` are those of the last mining, whose ids, names and versions go on; `progress` gets calls read.

    Every call is given each time, the ones of earlier minings too. At most `batch` calls of a scope are held at a time.
    """
    miners: dict[str, Miner] = {}
    assignments = Assigned()
    for number, call in enumerate(calls, 1):
        miner = miners.get(call.scope)
        if miner is None:
            before = [one for one in known if one.scope == call.scope]
            miner = miners[call.scope] = Miner(call.scope, before, decide(decisions, call.scope), batch, assignments)
        row = take(call)
        if row is not None:
            miner.add(row)
        if progress and number % 500 == 0:
            progress(number)
    workloads: list[Workload] = []
    for scope in sorted(miners):
        workloads += miners.pop(scope).close()
    return Discovery(tuple(workloads), assignments)
