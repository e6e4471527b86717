"""Mine one scope in batches, so that memory is bounded by the batch and not by the log.

What the templates found so far recognise is settled at once and only a reservoir of it is kept; the rest waits for the
next mining, together with the reservoirs. A settled call keeps the workload that it was given.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import blake2b

from modicum.discover.assigned import Assigned
from modicum.discover.decisions import Decided, split_drafts
from modicum.discover.draft import Draft
from modicum.discover.finish import finish
from modicum.discover.gather import Corpus, Row, models_by_calls
from modicum.discover.group import group_calls
from modicum.discover.growth import join, name_ids
from modicum.types import Workload
from modicum.workload.recognise import Recogniser

_BATCH_CHARS = 120_000_000
_RESERVOIR = 2_000


@dataclass(slots=True)
class _Tally:
    """Settled calls that are no longer held."""

    first: datetime
    last: datetime
    calls: int = 0
    models: dict[str, int] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)


class Miner:
    """Mines one scope; whose each call is goes into `assignments`."""

    def __init__(self, scope: str, known: Sequence[Workload], decided: Decided, batch: int, assignments: Assigned) -> None:
        self.scope = scope
        self._batch = batch
        self.assignments = assignments
        self._before = list(known)
        self._decided = decided
        self._known = Recogniser(known) if known else None
        self._current: Recogniser | None = None
        self._found: list[Workload] = []
        self._corpora: dict[str, Corpus] = {}
        self._held = 0
        self._chars = 0
        self._settled: dict[str, _Tally] = {}
        self._reservoirs: dict[str, list[tuple[int, int, Row]]] = {}
        self._kept: set[str] = set()

    def add(self, row: Row) -> None:
        if self._current is not None:
            found = self._current.whose(row.prompt)
            if found is not None:
                self._settle(row, found)
                return
        if self._known is not None:
            row.known = self._known.whose(row.prompt) or row.known
        self._hold(row)
        if self._held >= self._batch or self._chars >= _BATCH_CHARS:
            self._mine(last=False)

    def close(self) -> list[Workload]:
        self._mine(last=True)
        return self._found

    def _hold(self, row: Row) -> None:
        corpus = self._corpora.get(row.prompt.key)
        if corpus is None:
            corpus = self._corpora[row.prompt.key] = Corpus(self.scope, row.prompt.key)
        before = corpus.chars
        corpus.add(row)
        self._chars += corpus.chars - before
        self._held += 1

    def _settle(self, row: Row, whose: tuple[str, str]) -> None:
        self.assignments.append((row.call_id, *whose))
        row.known = whose
        self._count(row.at, row.model, whose)
        drawn = _draw(row.call_id)
        if self._wants(whose[0], drawn):
            row.read()
            self._keep(row, drawn)

    def _count(self, at: datetime, model: str, whose: tuple[str, str]) -> None:
        tally = self._settled.get(whose[0])
        if tally is None:
            tally = self._settled[whose[0]] = _Tally(at, at)
        tally.calls += 1
        if at < tally.first:
            tally.first = at
        elif at > tally.last:
            tally.last = at
        tally.models[model] = tally.models.get(model, 0) + 1
        tally.versions[whose[1]] = tally.versions.get(whose[1], 0) + 1

    def _wants(self, workload_id: str, drawn: int) -> bool:
        """Is it among the 2,000 calls of its workload whose ids hash lowest? A fair draw that no order changes."""
        reservoir = self._reservoirs.get(workload_id)
        return reservoir is None or len(reservoir) < _RESERVOIR or -drawn > reservoir[0][0]

    def _keep(self, row: Row, drawn: int) -> None:
        reservoir = self._reservoirs.setdefault(row.known[0], [])
        item = (-drawn, len(self.assignments), row)
        if len(reservoir) < _RESERVOIR:
            heapq.heappush(reservoir, item)
        else:
            heapq.heapreplace(reservoir, item)

    def _mine(self, *, last: bool) -> None:
        for reservoir in self._reservoirs.values():
            for _, _, row in reservoir:
                self._kept.add(row.call_id)
                self._hold(row)
        before = self._found or self._before
        drafts = split_drafts(self._name(group_calls(self._corpora.values()), before), self._decided)
        self._found, rows = finish(drafts, before, self._decided)
        self._found = [self._with_settled(workload) for workload in self._found]
        if last:
            self.assignments.extend(row for row in rows if row[0] not in self._kept)
            self._corpora = {}
        else:
            self._move_on(rows)

    def _move_on(self, rows: list[tuple[str, str, str]]) -> None:
        """Settle what was mined; let go of all but reservoirs and what belongs nowhere yet."""
        self._current = Recogniser(self._found)
        corpora, kept = self._corpora, self._kept
        self._corpora, self._held, self._chars, self._kept, self._reservoirs = {}, 0, 0, set(), {}
        home = {call_id: (workload_id, version_id) for call_id, workload_id, version_id in rows}
        for corpus in corpora.values():
            for number, call_id in enumerate(corpus.call_ids):
                whose = home.get(call_id)
                if whose is None:
                    # what belongs nowhere waits, but not without bound
                    if call_id not in kept and self._held < self._batch // 4 and self._chars < _BATCH_CHARS // 4:
                        self._hold(corpus.row(number))
                    continue
                if call_id not in kept:
                    self.assignments.append((call_id, *whose))
                    self._count(corpus.at[number], corpus.models[number], whose)
                drawn = _draw(call_id)
                if self._wants(whose[0], drawn):
                    row = corpus.row(number)
                    row.known = whose
                    self._keep(row, drawn)

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
        if tally is None:
            return workload
        held = {row.call_id for _, _, row in self._reservoirs.get(workload.workload_id, ())}
        calls = workload.calls - len(held) + tally.calls
        models = Counter(tally.models) + Counter(dict.fromkeys(workload.incumbents, 1))
        versions = tuple(replace(one, calls=max(one.calls, tally.versions.get(one.version_id, 0))) for one in workload.versions)
        first, last = min(workload.first_seen, tally.first), max(workload.last_seen, tally.last)
        incumbents = models_by_calls(models.elements())
        return replace(workload, calls=calls, first_seen=first, last_seen=last, incumbents=incumbents, versions=versions)


def _draw(call_id: str) -> int:
    return int.from_bytes(blake2b(call_id.encode("utf-8", "surrogatepass"), digest_size=8, key=b"reservoir").digest(), "little")
