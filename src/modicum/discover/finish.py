"""Turn drafts into workloads: names, versions, task, incumbents, times."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from modicum.discover.asked import ask_template
from modicum.discover.called import call_drafts
from modicum.discover.decisions import Decided
from modicum.discover.draft import Draft
from modicum.discover.gather import models_by_calls
from modicum.discover.naming import name_drafts
from modicum.discover.routable import is_routable
from modicum.discover.task import Wire, tell_task
from modicum.discover.versions import find_versions, keep_ids
from modicum.types import Version, Workload


def finish(drafts: list[Draft], before: Sequence[Workload], decided: Decided) -> tuple[list[Workload], list[tuple[str, str, str]]]:
    """Workloads, most calls first, and the rows of their calls."""
    drafts = sorted(drafts, key=lambda draft: (-len(draft), draft.workload_id))
    known = {workload.workload_id: workload for workload in before}
    taken = {number: known[draft.workload_id].name for number, draft in enumerate(drafts) if draft.workload_id in known}
    taken |= {number: decided.names[draft.workload_id] for number, draft in enumerate(drafts) if draft.workload_id in decided.names}
    names = name_drafts([draft.literals() for draft in drafts], taken, call_drafts(drafts))
    workloads: list[Workload] = []
    rows: list[tuple[str, str, str]] = []
    for draft, name in zip(drafts, names, strict=True):
        read_as = decided.read_as.get(draft.workload_id)
        if read_as != draft.contract.read_as:
            draft.infer_contract(read_as)
        was = known.get(draft.workload_id)
        versions, times, models = _versions(draft, rows, was.versions if was is not None else ())
        told = tell_task(ask_template([part.template for part in draft.parts]), draft.contract, _wire(draft))
        workloads.append(
            Workload(
                workload_id=draft.workload_id,
                scope=draft.scope,
                name=name,
                task=told.kind,
                task_sure=told.sure,
                task_why=told.why,
                contract=draft.contract,
                versions=versions,
                incumbents=models_by_calls(models),
                calls=len(draft),
                first_seen=min(times),
                last_seen=max(times),
                routable=is_routable(draft, drafts),
                ignored=draft.workload_id in decided.ignored,
            )
        )
    return workloads, rows


def _wire(draft: Draft) -> Wire:
    """What the calls show beside their text."""
    returned = turns = documents = 0
    for part in draft.parts:
        calls = part.calls
        returned += int(np.frombuffer(part.corpus.returned, np.int8)[calls].sum())
        documents += int(np.frombuffer(part.corpus.documents, np.int8)[calls].sum())
        turns += int(np.frombuffer(part.corpus.turns, np.int64)[calls].sum())
    return Wire(
        tools=any(part.corpus.tools for part in draft.parts),
        returned=returned / len(draft),
        turns=turns / len(draft),
        documents=2 * documents > len(draft),
    )


def _versions(
    draft: Draft, rows: list[tuple[str, str, str]], known: Sequence[Version]
) -> tuple[tuple[Version, ...], list[datetime], list[str]]:
    """The versions of a draft, times and models of its calls; adds a row for each call. `known`: the workload's versions before."""
    versions: list[Version] = []
    times: list[datetime] = []
    models: list[str] = []
    for part in draft.parts:
        found = keep_ids(find_versions(part), known)
        versions += found.versions
        for call in part.calls.tolist():
            rows.append((part.corpus.call_ids[call], draft.workload_id, found.of[call]))
            times.append(part.corpus.at[call])
            models.append(part.corpus.models[call])
    return tuple(versions), times, models
