"""Prompts one sentence apart that are in use at the same time.

Where answers are labels or records, sameness of these says that both wordings are one workload. Free text says nothing, so
there a sentence that is always one of a few, each long enough to be an instruction, makes workloads of their own. A sentence
that is only sometimes inserted, and one that took another's place in time, make versions.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from modicum.discover.blocks import LEAST_CALLS
from modicum.discover.draft import Draft, Part, derive_template, sample_calls
from modicum.discover.shingles import TOKEN
from modicum.workload.pattern import gaps
from modicum.workload.prompt import MARKER

_MOST = 8
_LEAST_TOKENS = 4
_COVERED = 0.98


def part_variants(drafts: list[Draft]) -> list[Draft]:
    """Free-text drafts whose system prompt has one of a few sentences, as one draft for each of them."""
    return [part for draft in drafts for part in (_variants(draft) if draft.contract.kind == "text" and not draft.open else [draft])]


def _variants(draft: Draft) -> list[Draft]:
    part = draft.parts[0]
    if part.template.system is None or not part.template.system.literals:
        return [draft]
    rows = {call: values for call in sample_calls(part.corpus, part.calls) if (values := part.values(call)) is not None}
    for gap in range(gaps(part.template.system)):
        counts = Counter(row[gap] for row in rows.values())
        if not 2 <= len(counts) <= 2 * _MOST or not all(_is_sentence(value) for value in counts):
            continue
        held: dict[str, list[int]] = {}
        for call in part.calls.tolist():
            row = part.values(call)
            held.setdefault("" if row is None else row[gap], []).append(call)
        large = {value: calls for value, calls in held.items() if value and len(calls) >= LEAST_CALLS}
        covered = sum(map(len, large.values())) >= _COVERED * len(part.calls)
        if 2 <= len(large) <= _MOST and covered and _together(part, list(large.values())):
            rest = [call for value, calls in held.items() if value not in large for call in calls]
            return _apart(draft, sorted(large.values(), key=lambda calls: (-len(calls), calls[0])), rest)
    return [draft]


def _is_sentence(value: str) -> bool:
    return MARKER not in value and len(value) <= 600 and len(TOKEN.findall(value)) >= _LEAST_TOKENS


def _together(part: Part, groups: list[list[int]]) -> bool:
    """In use at the same time: each group's middle half meets another's."""
    spans = []
    for calls in groups:
        times = sorted(part.corpus.at[call] for call in calls)
        spans.append((times[len(times) // 4], times[-1 - len(times) // 4]))
    latest, earliest = max(start for start, _ in spans), min(end for _, end in spans)
    return latest < earliest


def _apart(draft: Draft, groups: list[list[int]], rest: list[int]) -> list[Draft]:
    part = draft.parts[0]
    groups[0] = sorted(groups[0] + rest)
    drafts = []
    for group in groups:
        calls = np.array(group, np.int64)
        template = derive_template(part.corpus, sample_calls(part.corpus, calls))
        drafts.append(Draft(draft.scope, [Part(part.corpus, calls, template)], draft.static))
        drafts[-1].infer_contract()
    return drafts
