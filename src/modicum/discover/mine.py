"""Calls in, workloads out. Scopes are mined apart.

A log that fits is mined whole. A longer one is mined in batches: what the templates found so far recognise is settled
at once and only a reservoir of it is kept, the rest waits for the next mining together with the reservoirs. So memory
is bounded by the batch, not by the log.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b

from modicum.discover.decisions import Decided, decide, split_drafts
from modicum.discover.draft import Draft
from modicum.discover.gather import Corpus, Row, models_by_calls, take
from modicum.discover.group import group_calls
from modicum.discover.growth import join, name_ids
from modicum.discover.naming import name_drafts
from modicum.discover.task import tell_task
from modicum.discover.versions import find_versions
from modicum.types import Call, OperatorDecision, Version, Workload
from modicum.workload.pattern import template_weight, weight
from modicum.workload.recognise import Recogniser

_BATCH_CALLS = 120_000
_BATCH_CHARS = 120_000_000
_RESERVOIR = 2_000
_THIN = 40
"""Fixed characters under which an open user text is anybody's: listed, never routed."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """The workloads of a log, most calls first, and whose each call is: (call_id, workload_id, version_id).

    Calls that belong to no workload yet (groups under 15 calls, bodies gone) stand in no row. A version_id of "" is a
    wording too rare to be a version.
    """

    workloads: tuple[Workload, ...]
    assignments: Sequence[tuple[str, str, str]]


def mine(
    calls: Iterable[Call],
    *,
    known: Sequence[Workload] = (),
    decisions: Sequence[OperatorDecision] = (),
    progress: Callable[[int], None] | None = None,
) -> Discovery:
    """Find the workloads in calls. `known` are those of the last mining, whose ids, names and versions go on; `progress` gets calls read.

    Every call is given each time, the ones of earlier minings too.
    """
    miners: dict[str, _Miner] = {}
    for number, call in enumerate(calls, 1):
        miner = miners.get(call.scope)
        if miner is None:
            miner = miners[call.scope] = _Miner(
                call.scope, [one for one in known if one.scope == call.scope], decide(decisions, call.scope)
            )
        row = take(call)
        if row is not None:
            miner.add(row)
        if progress and number % 500 == 0:
            progress(number)
    workloads: list[Workload] = []
    assignments: list[tuple[str, str, str]] = []
    for scope in sorted(miners):
        miner = miners.pop(scope)
        workloads += miner.finish()
        assignments += miner.assignments
    return Discovery(tuple(workloads), assignments)


@dataclass(slots=True)
class _Tally:
    """Settled calls that are no longer held."""

    calls: int = 0
    first: datetime | None = None
    last: datetime | None = None
    models: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)


class _Miner:
    """Mines one scope."""

    def __init__(self, scope: str, known: Sequence[Workload], decided: Decided) -> None:
        self.scope = scope
        self.assignments: list[tuple[str, str, str]] = []
        self._before = list(known)
        self._decided = decided
        self._known = Recogniser(known) if known else None
        self._current: Recogniser | None = None
        self._found: list[Workload] = []
        self._corpora: dict[str, Corpus] = {}
        self._held = 0
        self._settled: dict[str, _Tally] = {}
        self._reservoirs: dict[str, list[tuple[int, int, Row]]] = {}
        self._kept: set[str] = set()

    def add(self, row: Row) -> None:
        if self._current is not None:
            found = self._current.recognise_prompt(row.prompt)
            if found is not None:
                self._settle(row, found.workload_id, found.version_id)
                return
        if self._known is not None:
            found = self._known.recognise_prompt(row.prompt)
            if found is not None:
                row.known = found.workload_id, found.version_id
        self._hold(row)
        if self._held >= _BATCH_CALLS or sum(corpus.chars for corpus in self._corpora.values()) >= _BATCH_CHARS:
            self._mine(last=False)

    def finish(self) -> list[Workload]:
        self._mine(last=True)
        return self._found

    def _hold(self, row: Row) -> None:
        corpus = self._corpora.get(row.prompt.key)
        if corpus is None:
            corpus = self._corpora[row.prompt.key] = Corpus(self.scope, row.prompt.key)
        corpus.add(row)
        self._held += 1

    def _settle(self, row: Row, workload_id: str, version_id: str) -> None:
        self.assignments.append((row.call_id, workload_id, version_id))
        row.known = workload_id, version_id
        self._count(row, workload_id, version_id)
        self._keep(row, workload_id)

    def _count(self, row: Row, workload_id: str, version_id: str) -> None:
        tally = self._settled.setdefault(workload_id, _Tally())
        tally.calls += 1
        tally.first = min(tally.first or row.at, row.at)
        tally.last = max(tally.last or row.at, row.at)
        tally.models[row.model] += 1
        tally.versions[version_id] += 1

    def _keep(self, row: Row, workload_id: str) -> None:
        """Keep the 2,000 rows of each workload whose ids hash lowest: a fair draw that no order changes."""
        reservoir = self._reservoirs.setdefault(workload_id, [])
        drawn = int.from_bytes(blake2b(row.call_id.encode("utf-8", "surrogatepass"), digest_size=8, key=b"reservoir").digest(), "little")
        item = (-drawn, len(self.assignments), row)
        if len(reservoir) < _RESERVOIR:
            heapq.heappush(reservoir, item)
        elif item > reservoir[0]:
            heapq.heapreplace(reservoir, item)

    def _mine(self, *, last: bool) -> None:
        for reservoir in self._reservoirs.values():
            for _, _, row in reservoir:
                self._kept.add(row.call_id)
                self._hold(row)
        before = self._found or self._before
        drafts = split_drafts(self._name(group_calls(self._corpora.values()), before), self._decided)
        self._found, rows = _finish(drafts, before, self._decided)
        self._found = [self._with_settled(workload) for workload in self._found]
        kept = self._kept
        if last:
            self.assignments += [row for row in rows if row[0] not in kept]
        else:
            self._move_on(rows)
        self._corpora, self._held = {}, 0

    def _move_on(self, rows: list[tuple[str, str, str]]) -> None:
        """Settle what was mined; let go of all but reservoirs and what belongs nowhere yet."""
        self._current = Recogniser(self._found)
        corpora, kept = self._corpora, self._kept
        self._corpora, self._held, self._kept, self._reservoirs = {}, 0, set(), {}
        home = {call_id: (workload_id, version_id) for call_id, workload_id, version_id in rows}
        for corpus in corpora.values():
            for number, call_id in enumerate(corpus.call_ids):
                row = corpus.row(number)
                if call_id not in home:
                    if call_id not in kept:
                        self._hold(row)
                    continue
                row.known = home[call_id]
                if call_id not in kept:
                    self.assignments.append((call_id, *row.known))
                    self._count(row, *row.known)
                self._keep(row, row.known[0])

    def _name(self, drafts: list[Draft], before: Sequence[Workload]) -> list[Draft]:
        drafts = name_ids(drafts, before, self._decided)
        by_id = {draft.workload_id: draft for draft in drafts}
        for target, other in self._decided.merges:
            if target in by_id and other in by_id:
                join(by_id[target], by_id.pop(other))
        return list(by_id.values())

    def _with_settled(self, workload: Workload) -> Workload:
        """Add the calls that are no longer held. Reservoir rows are counted among the settled."""
        tally = self._settled.get(workload.workload_id)
        if tally is None or tally.first is None or tally.last is None:
            return workload
        held = {row.call_id for _, _, row in self._reservoirs.get(workload.workload_id, ())}
        calls = workload.calls - len(held) + tally.calls
        models = tally.models + Counter(dict.fromkeys(workload.incumbents, 1))
        versions = tuple(replace(one, calls=max(one.calls, tally.versions[one.version_id])) for one in workload.versions)
        first, last = min(workload.first_seen, tally.first), max(workload.last_seen, tally.last)
        incumbents = tuple(sorted((model for model in models if model), key=lambda model: (-models[model], model)))
        return replace(workload, calls=calls, first_seen=first, last_seen=last, incumbents=incumbents, versions=versions)


def _finish(drafts: list[Draft], before: Sequence[Workload], decided: Decided) -> tuple[list[Workload], list[tuple[str, str, str]]]:
    """Workloads, most calls first, and the rows of their calls."""
    drafts = sorted(drafts, key=lambda draft: (-len(draft), draft.workload_id))
    known = {workload.workload_id: workload for workload in before}
    taken = {number: known[draft.workload_id].name for number, draft in enumerate(drafts) if draft.workload_id in known}
    taken |= {number: decided.names[draft.workload_id] for number, draft in enumerate(drafts) if draft.workload_id in decided.names}
    names = name_drafts([draft.literals() for draft in drafts], taken)
    workloads: list[Workload] = []
    rows: list[tuple[str, str, str]] = []
    for draft, name in zip(drafts, names, strict=True):
        read_as = decided.read_as.get(draft.workload_id)
        if read_as != draft.contract.read_as:
            draft.infer_contract(read_as)
        versions, times, models = _versions(draft, known.get(draft.workload_id), rows)
        workloads.append(
            Workload(
                workload_id=draft.workload_id,
                scope=draft.scope,
                name=name,
                task=tell_task(draft.contract, draft.literals()),
                contract=draft.contract,
                versions=versions,
                incumbents=models_by_calls(models),
                calls=len(draft),
                first_seen=min(times),
                last_seen=max(times),
                routable=not draft.open and not _thin(draft),
                ignored=draft.workload_id in decided.ignored,
            )
        )
    return workloads, rows


def _versions(
    draft: Draft, known: Workload | None, rows: list[tuple[str, str, str]]
) -> tuple[tuple[Version, ...], list[datetime], list[str]]:
    """The versions of a draft; those that go on keep their ids."""
    versions: list[Version] = []
    times: list[datetime] = []
    models: list[str] = []
    for part in draft.parts:
        found = find_versions(part)
        versions += found.versions
        for call in part.calls.tolist():
            rows.append((part.corpus.call_ids[call], draft.workload_id, found.of[call]))
            times.append(part.corpus.at[call])
            models.append(part.corpus.models[call])
    return tuple(versions), times, models


def _thin(draft: Draft) -> bool:
    """Little fixed text around an open user text: anybody's prompt."""
    return all(template_weight(part.template) < _THIN and not weight(part.template.user) for part in draft.parts)
