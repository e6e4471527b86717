"""Keep ids while a log grows: a draft takes the id that most of its calls had, largest overlap first.

A new id is a digest of the first template, so that two minings of the same log agree without knowing of each other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from modicum.discover.decisions import Decided
from modicum.discover.draft import Draft, digest, spell
from modicum.types import Workload

_LEAST_OVERLAP = 0.3


def name_ids(drafts: list[Draft], known: Sequence[Workload], decided: Decided) -> list[Draft]:
    """Give every draft its workload_id, and put those together that an operator merged."""
    votes: list[tuple[int, str, int]] = []
    had: Counter[str] = Counter()
    for number, draft in enumerate(drafts):
        counts = Counter() if draft.open else _votes(draft, decided)
        had.update(counts)
        votes += [(times, workload_id, number) for workload_id, times in counts.items()]
    used: set[str] = set()
    for times, workload_id, number in sorted(votes, key=lambda vote: (-vote[0], vote[1], vote[2])):
        draft = drafts[number]
        large = times >= _LEAST_OVERLAP * had[workload_id] or 2 * times >= len(draft)
        if draft.workload_id or not large or (workload_id in used and workload_id not in decided.merged_into):
            continue
        draft.workload_id = workload_id
        used.add(workload_id)
    _match_open(drafts, known, used)
    for draft in drafts:
        if not draft.workload_id:
            draft.workload_id = new_id(draft, used)
            used.add(draft.workload_id)
    return _together(drafts)


def new_id(draft: Draft, used: Iterable[str]) -> str:
    """`w_` and eight hex digits; more where they are taken."""
    kind = draft.contract.kind if draft.open else ""
    full = digest("workload", draft.scope, kind, *spell(draft.template))
    size = 8
    while f"w_{full[:size]}" in used and size < 16:
        size += 1
    name = f"w_{full[:size]}"
    return name if name not in set(used) else f"w_{digest(full, draft.parts[0].corpus.call_ids[int(draft.parts[0].calls[0])])}"


def _votes(draft: Draft, decided: Decided) -> Counter[str]:
    counts: Counter[str] = Counter()
    for part in draft.parts:
        for call in part.calls.tolist():
            workload_id = part.corpus.known[call][0]
            if workload_id:
                counts[decided.parent_of.get(workload_id, workload_id)] += 1
    return counts


def _match_open(drafts: list[Draft], known: Sequence[Workload], used: set[str]) -> None:
    """Calls of open chat have no matcher and so no votes: key and kind of answer tell."""
    for workload in known:
        if workload.routable or workload.workload_id in used or not workload.versions:
            continue
        for draft in drafts:
            same = draft.template.key == workload.versions[0].template.key and draft.contract.kind == workload.contract.kind
            if same and draft.open and not draft.workload_id and draft.template == workload.versions[0].template:
                draft.workload_id = workload.workload_id
                used.add(workload.workload_id)
                break


def _together(drafts: list[Draft]) -> list[Draft]:
    kept: dict[str, Draft] = {}
    for draft in drafts:
        home = kept.setdefault(draft.workload_id, draft)
        if home is not draft:
            join(home, draft)
    return list(kept.values())


def join(home: Draft, other: Draft) -> None:
    """Calls of `other` become calls of `home`; equal templates become one part."""
    for part in other.parts:
        same = next(
            (ours for ours in home.parts if ours.corpus is part.corpus and ours.template == part.template and ours.marks == part.marks),
            None,
        )
        if same:
            same.calls = np.sort(np.concatenate([same.calls, part.calls]))
        else:
            home.parts.append(part)
    home.infer_contract(home.contract.read_as)
