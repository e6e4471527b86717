"""One mining: from the calls of a scope to drafts of its workloads, without a look at what was known before."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from modicum.discover.answers import look
from modicum.discover.blocks import LEAST_CALLS, find_blocks
from modicum.discover.draft import Draft, Part, derive_template, sample_calls
from modicum.discover.gather import Corpus
from modicum.discover.peel import peel
from modicum.discover.shingles import I64
from modicum.discover.siblings import join_siblings
from modicum.discover.variants import part_variants
from modicum.types import Contract, Pattern, Template, Version, Workload
from modicum.workload.pattern import template_weight
from modicum.workload.recognise import ANY_TOOLS, LEAST_WEIGHT, Recogniser

_MOST_KEYS = 5
_DIGITS = re.compile(r"\d+")


def group_calls(corpora: Iterable[Corpus]) -> list[Draft]:
    """Drafts with template and contract, the largest first. Calls of groups under 15 are in none of them."""
    drafts = [draft for corpus in _gather_subsets(list(corpora)) if len(corpus) for draft in _group(corpus)]
    return sorted(drafts, key=lambda draft: (-len(draft), draft.parts[0].corpus.call_ids[int(draft.parts[0].calls[0])]))


def _gather_subsets(corpora: list[Corpus]) -> list[Corpus]:
    """Where one system prompt comes with more than five sets of tools, the set is no part of its identity: one corpus for those."""
    keys: dict[str, set[str]] = {}
    for corpus in corpora:
        for system in corpus.systems if corpus.key else ():
            keys.setdefault(_opening(system), set()).add(corpus.key)
    dynamic = {opening for opening, found in keys.items() if len(found) > _MOST_KEYS and opening}
    if not dynamic:
        return corpora
    gathered = Corpus(corpora[0].scope, ANY_TOOLS)
    kept = [gathered]
    for corpus in corpora:
        moving = [_opening(system) in dynamic for system in corpus.systems] if corpus.key else [False]
        if not any(moving):
            kept.append(corpus)
            continue
        rest = Corpus(corpus.scope, corpus.key)
        for number in range(len(corpus)):
            (gathered if moving[corpus.system_of[number]] else rest).add(corpus.row(number))
        kept.append(rest)
    return kept


def _opening(system: str) -> str:
    return _DIGITS.sub("0", system[:60])


def _group(corpus: Corpus) -> list[Draft]:
    drafts: list[Draft] = []
    loose: list[I64] = []
    for group in peel(find_blocks(corpus), look(corpus), len(corpus)):
        if len(group.calls) < LEAST_CALLS:
            loose.append(group.calls)
            continue
        template = derive_template(corpus, sample_calls(corpus, group.calls), group.static)
        static = group.static if template_weight(template) >= LEAST_WEIGHT else 0
        if not static:
            drafts += _open(corpus, group.calls)
            continue
        drafts.append(Draft(corpus.scope, [Part(corpus, group.calls, template)], static))
    drafts = _settle(corpus, drafts, loose)
    for draft in drafts:
        draft.infer_contract()
    return part_variants(join_siblings(_one_open(drafts)))


def _open(corpus: Corpus, calls: I64) -> list[Draft]:
    """Calls in which nothing is fixed: those without a system text, and those with one."""
    without = np.array([not corpus.systems[corpus.system_of[call]] for call in calls.tolist()], bool)
    bare, led = calls[without], _unrepeated(corpus, calls[~without])
    plain, any_system = Template(key=corpus.key, user=Pattern()), Template(key=corpus.key, system=Pattern(), user=Pattern())
    return [Draft(corpus.scope, [Part(corpus, part, template)]) for part, template in ((bare, plain), (led, any_system)) if len(part)]


def _unrepeated(corpus: Corpus, calls: I64) -> I64:
    """Without calls whose system text comes back: a workload of under 15 calls, which waits for more."""
    of = np.frombuffer(corpus.system_of, np.int64)[calls]
    times = np.bincount(of, minlength=len(corpus.systems))
    small = (times > 1) & (times < LEAST_CALLS) & np.array([bool(system) for system in corpus.systems])
    return np.asarray(calls[~small[of]])


def _settle(corpus: Corpus, drafts: list[Draft], loose: list[I64]) -> list[Draft]:
    """Give calls that are in no group, or in one where nothing is fixed, to the template that they fit."""
    closed = [draft for draft in drafts if not draft.open]
    recogniser = Recogniser([_workload(number, draft) for number, draft in enumerate(closed)])
    gained: dict[int, list[int]] = {}
    for draft in [draft for draft in drafts if draft.open]:
        stay: list[int] = []
        for call in draft.parts[0].calls.tolist():
            home = _home(recogniser, corpus, call)
            (stay if home is None else gained.setdefault(home, [])).append(call)
        draft.parts[0].calls = np.array(stay, np.int64)
    for calls in loose:
        for call in calls.tolist():
            home = _home(recogniser, corpus, call)
            if home is not None:
                gained.setdefault(home, []).append(call)
    for number, more in gained.items():
        part = closed[number].parts[0]
        part.calls = np.sort(np.concatenate([part.calls, np.array(more, np.int64)]))
    return [draft for draft in drafts if len(draft) >= LEAST_CALLS]


def _home(recogniser: Recogniser, corpus: Corpus, call: int) -> int | None:
    found = recogniser.recognise_prompt(corpus.row(call).prompt)
    return int(found.workload_id) if found else None


def _workload(number: int, draft: Draft) -> Workload:
    """Just enough of a workload to be recognised."""
    at = draft.parts[0].corpus.at[int(draft.parts[0].calls[0])]
    version = Version(version_id="v", template=draft.template, first_seen=at, last_seen=at)
    return Workload(
        workload_id=str(number),
        scope=draft.scope,
        name="",
        task="unsure",
        contract=Contract(kind="text"),
        versions=(version,),
        calls=len(draft),
        first_seen=at,
        last_seen=at,
    )


def _one_open(drafts: list[Draft]) -> list[Draft]:
    """Groups in which nothing is fixed are one, for each kind of answer."""
    kept: list[Draft] = []
    homes: dict[tuple[str, Template], Draft] = {}
    for draft in drafts:
        if draft.open and (home := homes.get((draft.contract.kind, draft.template))):
            home.parts[0].calls = np.sort(np.concatenate([home.parts[0].calls, draft.parts[0].calls]))
            home.infer_contract()
            continue
        if draft.open:
            homes[draft.contract.kind, draft.template] = draft
        kept.append(draft)
    return sorted(kept, key=lambda draft: -len(draft))
