"""Calls in, workloads out. Scopes are mined apart; a log that fits is mined whole, a longer one in batches."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from modicum.discover.assigned import Assigned
from modicum.discover.batches import Miner
from modicum.discover.decisions import decide
from modicum.discover.formless import FORMLESS, Formless
from modicum.discover.gather import take
from modicum.types import Call, OperatorDecision, Workload

BATCH = 120_000


@dataclass(frozen=True, slots=True)
class Discovery:
    """The workloads of a log, most calls first, and whose each call is: (call_id, workload_id, version_id).

    Calls that belong to no workload yet (groups under 15 calls, bodies gone) stand in no row. A version_id of "" is a
    wording too rare to be a version, or none: embeddings and reranking have a workload for each model, without versions.
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
    scopes: dict[str, tuple[Miner, Formless]] = {}
    assignments = Assigned()
    for number, call in enumerate(calls, 1):
        found = scopes.get(call.scope)
        if found is None:
            scope, before, decided = call.scope, [one for one in known if one.scope == call.scope], decide(decisions, call.scope)
            found = scopes[scope] = Miner(scope, before, decided, batch, assignments), Formless(scope, before, decided, assignments)
        miner, formless = found
        if call.endpoint in FORMLESS:
            formless.add(call)
        elif (row := take(call)) is not None:
            miner.add(row)
        if progress and number % 500 == 0:
            progress(number)
    workloads: list[Workload] = []
    for scope in sorted(scopes):
        miner, formless = scopes.pop(scope)
        mined = miner.close()
        workloads += sorted([*mined, *formless.close({one.name for one in mined})], key=lambda one: -one.calls)
    return Discovery(tuple(workloads), assignments)
