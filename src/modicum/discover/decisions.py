"""What operators decided, applied to each mining anew: merge and split change who belongs where, the rest are attributes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from modicum.discover.contract import ReadAs
from modicum.discover.draft import Draft, Part, digest
from modicum.types import OperatorDecision
from modicum.workload.pattern import slot_names


@dataclass(slots=True)
class Decided:
    """The decisions of one scope, the last word of each kind."""

    names: dict[str, str] = field(default_factory=dict)
    read_as: dict[str, ReadAs] = field(default_factory=dict)
    ignored: set[str] = field(default_factory=set)
    merges: list[tuple[str, str]] = field(default_factory=list)
    """(the one that stays, the one that is taken in)"""
    splits: list[tuple[str, str, str]] = field(default_factory=list)
    """(workload, slot, value)"""
    parent_of: dict[str, str] = field(default_factory=dict)
    """Id of a part that was split off or taken in -> the workload whose calls it is mined among."""
    merged_into: set[str] = field(default_factory=set)


def decide(decisions: Sequence[OperatorDecision], scope: str) -> Decided:
    """The decisions of a scope in order of time. Payloads that say nothing are passed over."""
    found = Decided()
    for decision in sorted((one for one in decisions if one.scope == scope), key=lambda one: (one.at, one.decision_id)):
        target, payload = decision.workload_id, decision.payload
        match decision.kind:
            case "name" if payload:
                found.names[target] = payload
            case "read" if payload in ("label", "json", "text"):
                found.read_as[target] = payload  # type: ignore[assignment]
            case "read":
                found.read_as.pop(target, None)
            case "ignore":
                (found.ignored.discard if payload == "false" else found.ignored.add)(target)
            case "merge" if payload and payload != target:
                found.merges.append((target, payload))
                found.parent_of[payload] = target
                found.merged_into.add(target)
            case "split":
                split = _split(payload)
                if split:
                    found.splits.append((target, *split))
                    found.parent_of[split_id(target, *split)] = target
            case _:
                pass
    for child in list(found.parent_of):
        seen = {child}
        while (above := found.parent_of.get(found.parent_of[child])) and above not in seen:
            seen.add(above)
            found.parent_of[child] = above
    return found


def split_id(workload_id: str, slot: str, value: str) -> str:
    """The id of the workload that a split makes."""
    return "w_" + digest("split", workload_id, slot, value)[:8]


def _split(payload: str) -> tuple[str, str] | None:
    try:
        found = json.loads(payload)
        return str(found["slot"]), str(found["value"])
    except (ValueError, KeyError, TypeError):
        return None


def split_drafts(drafts: list[Draft], decided: Decided) -> list[Draft]:
    """Drafts with those parts apart that operators split off."""
    by_id = {draft.workload_id: draft for draft in drafts}
    for workload_id, slot, value in decided.splits:
        parent = by_id.get(workload_id)
        if parent is None:
            continue
        child = Draft(parent.scope, [], parent.static, parent.contract, split_id(workload_id, slot, value), workload_id)
        stay: list[Part] = []
        for part in parent.parts:
            names = slot_names(part.template)
            if slot not in names or slot in dict(part.marks):
                stay.append(part)
                continue
            place = names.index(slot)
            held = np.array([(values := part.values(call)) is not None and values[place] == value for call in part.calls.tolist()], bool)
            if held.any():
                child.parts.append(Part(part.corpus, part.calls[held], part.template, tuple(sorted((*part.marks, (slot, value))))))
            if not held.all():
                stay.append(Part(part.corpus, part.calls[~held], part.template, part.marks))
        if child.parts and stay:
            parent.parts = stay
            child.infer_contract()
            parent.infer_contract()
            by_id[child.workload_id] = child
    return list(by_id.values())
