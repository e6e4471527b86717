"""Put wordings of one workload together: edits with the same contract and labels, and calls that a frequent passage split off."""

from __future__ import annotations

import numpy as np

from modicum.discover.draft import Draft, Part, derive_template, sample_calls
from modicum.types import Contract, Template
from modicum.workload.bare import fold
from modicum.workload.pattern import weight

_OVERLAP = 0.6
_FAMILY = 12
_MOST = 300
"""Drafts of one key that are compared with each other."""


def join_siblings(drafts: list[Draft]) -> list[Draft]:
    """Drafts of one corpus, the largest first, with siblings put together under one template."""
    kept: list[Draft] = []
    for draft in drafts:
        home = None
        if not draft.open and len(kept) <= _MOST:
            home = next((other for other in kept if not other.open and _may_join(other, draft) and _join(other, draft)), None)
        if home is None:
            kept.append(draft)
    return kept


def _may_join(large: Draft, small: Draft) -> bool:
    if not _same_contract(large.contract, small.contract):
        return False
    if _near(large.template, small.template) < _OVERLAP:
        return False
    if large.contract.kind in ("label", "number", "object"):
        return True
    if large.template == small.template:
        return True
    if large.static >= _FAMILY and 8 * len(small) < len(large) and _fits(large, small):
        return True
    return _apart_in_time(large, small)


def _same_contract(a: Contract, b: Contract) -> bool:
    if a.kind != b.kind or abs(a.discarded_share - b.discarded_share) > 0.5:
        return False
    if a.kind == "object":
        paths = [{field.path[:1] for field in contract.fields if field.presence > 0.3} for contract in (a, b)]
        if paths[0] != paths[1]:
            return False
    if bool(a.labels) != bool(b.labels):
        return False
    if not a.labels:
        return True
    ours, theirs = {fold(label) for label in a.labels}, {fold(label) for label in b.labels}
    return len(ours & theirs) >= 0.8 * min(len(ours), len(theirs))


def _near(a: Template, b: Template) -> float:
    """Words of the literals that both have, as a share of the smaller; cheap, before anything is derived."""
    words = [set(" ".join(_literals(template)).split()) for template in (a, b)]
    return len(words[0] & words[1]) / max(1, min(map(len, words)))


def _literals(template: Template) -> list[str]:
    return [literal for pattern in (template.system, template.user) if pattern for literal in pattern.literals]


def _fits(large: Draft, small: Draft) -> bool:
    """Does the template of the larger match the calls of the smaller?"""
    part, other = large.parts[0], small.parts[0]
    trial = Part(other.corpus, other.calls, part.template)
    calls = sample_calls(other.corpus, other.calls, 100)
    return sum(trial.values(call) is not None for call in calls) >= 0.96 * len(calls)


def _apart_in_time(a: Draft, b: Draft) -> bool:
    """One ends where the other begins: an edit of a prompt in use."""
    spans = []
    for draft in (a, b):
        times = sorted(draft.parts[0].corpus.at[call] for call in draft.parts[0].calls.tolist())
        spans.append((times[len(times) // 20], times[-1 - len(times) // 20]))
    (a_from, a_to), (b_from, b_to) = spans
    return bool(a_to < b_from or b_to < a_from)


def _join(large: Draft, small: Draft) -> bool:
    """Derive one template for both; keep it where it is still most of the smaller one and frames the user's text alike."""
    a, b = large.parts[0], small.parts[0]
    instruction = a.template.system is not None and a.template.system == b.template.system and not weight(a.template.user)
    if a.template == b.template or (instruction and _fits(large, small)):
        # one instruction, and something that users often write: a signature, a forwarded header
        a.calls = np.sort(np.concatenate([a.calls, b.calls]))
        large.infer_contract()
        return True
    calls = sample_calls(a.corpus, a.calls, 200) + sample_calls(b.corpus, b.calls, 200)
    template = derive_template(a.corpus, calls)
    for union, ours, theirs in zip(_weights(template), _weights(a.template), _weights(b.template), strict=True):
        if union < _OVERLAP * min(ours, theirs) or (union == 0) != (max(ours, theirs) == 0):
            return False
    if template.user_at != a.template.user_at or abs(_weights(a.template)[1] - _weights(b.template)[1]) > 0.5 * max(8, *_weights(template)):
        return False
    trial = Part(a.corpus, np.sort(np.concatenate([a.calls, b.calls])), template)
    for part in (a, b):
        tried = sample_calls(part.corpus, part.calls, 100)
        if sum(trial.values(call) is not None for call in tried) < 0.9 * len(tried):
            return False
    large.parts[0] = trial
    large.static = min(large.static, small.static)
    large.infer_contract()
    return True


def _weights(template: Template) -> tuple[int, int]:
    return weight(template.system), weight(template.user)
