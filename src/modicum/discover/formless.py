"""Calls without a prompt to read, embeddings and reranking: one workload for each endpoint, model and scope.

They are counted and priced as others are. Nothing is mined in them: what they are for is said by where they were asked.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from modicum.discover.assigned import Assigned
from modicum.discover.decisions import Decided
from modicum.discover.draft import digest
from modicum.types import Call, Contract, Endpoint, TaskKind, Workload

FORMLESS: Mapping[Endpoint, TaskKind] = MappingProxyType({"embeddings": "embed", "rerank": "rerank"})
"""Endpoints that are not asked in words, and the one task of each."""
_BETWEEN = re.compile(r"[\W_]+")
_LONGEST = 60


@dataclass(slots=True)
class _Tally:
    workload_id: str
    first: datetime
    last: datetime
    calls: int = 0


class Formless:
    """Tells the calls of one scope apart by endpoint and model; whose each is goes into `assignments`."""

    def __init__(self, scope: str, known: Sequence[Workload], decided: Decided, assignments: Assigned) -> None:
        self._scope = scope
        self._known = {one.workload_id: one.name for one in known}
        self._decided = decided
        self._assignments = assignments
        self._tallies: dict[tuple[Endpoint, str], _Tally] = {}

    def add(self, call: Call) -> None:
        """Count a call of an endpoint in FORMLESS. Its bodies are not looked at."""
        key = call.endpoint, call.request_model or call.response_model or ""
        tally = self._tallies.get(key)
        if tally is None:
            workload_id = f"w_{digest('workload', self._scope, *key)[:8]}"
            tally = self._tallies[key] = _Tally(workload_id, call.started_at, call.started_at)
        tally.calls += 1
        tally.first, tally.last = min(tally.first, call.started_at), max(tally.last, call.started_at)
        self._assignments.append((call.call_id, tally.workload_id, ""))

    def close(self, taken: Collection[str]) -> list[Workload]:
        """The workloads, most calls first; none is called as one in `taken` is."""
        used = set(taken)
        found = []
        for (endpoint, model), tally in sorted(self._tallies.items(), key=lambda item: (-item[1].calls, item[0])):
            task, workload_id = FORMLESS[endpoint], tally.workload_id
            named = self._decided.names.get(workload_id) or self._known.get(workload_id)
            name = named or _unique(f"{task}-{_BETWEEN.sub('-', model.lower())}".strip("-")[:_LONGEST], used)
            used.add(name)
            found.append(
                Workload(
                    workload_id=workload_id,
                    scope=self._scope,
                    name=name,
                    task=task,
                    task_sure=1.0,
                    task_why=f"it is asked at the endpoint for {endpoint}",
                    contract=Contract(kind="text", reader="text"),
                    versions=(),
                    incumbents=(model,) if model else (),
                    calls=tally.calls,
                    first_seen=tally.first,
                    last_seen=tally.last,
                    routable=False,
                    ignored=workload_id in self._decided.ignored,
                )
            )
        return found


def _unique(name: str, used: Collection[str]) -> str:
    found, count = name, 2
    while found in used:
        found = f"{name}-{count}"
        count += 1
    return found
