"""The exact cache as a candidate: how long its answers may be given is chosen on old calls, and what it says is tested on the newest.

The artefact holds the certify window's answers too, for it is to answer with the newest there are. Nothing compares them before the look:
what is tested of a call is what the cache knew a horizon before it (`backends.repeats`).
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from modicum.backends.repeats import Repeats, text_of
from modicum.errors import NotEnoughDataError
from modicum.evaluate.groups import Groups, group_samples
from modicum.evaluate.returning import split_returning
from modicum.evaluate.split import Split, find_cut
from modicum.evaluate.table import Table, rare_labels, tabulate
from modicum.evaluate.tune import Plan, Terms, plan_thresholds
from modicum.pipeline import tiers
from modicum.pipeline.outlines import is_open, outlined
from modicum.pipeline.tiers import Candidate, Wanted
from modicum.train import repeats
from modicum.train.export import in_memory
from modicum.train.linear import Trained
from modicum.types import Contract, Prediction, Rule, Sample
from modicum.workload.parts import outline

HORIZONS = tuple(timedelta(days=days) for days in (90, 60, 30, 14, 7))
"""How long a cache may go on answering, longest first. One that ends within days would want a new fit, and a new window, all the time."""
NEARLY = 0.9
"""The longest horizon that keeps so much of the best one's coverage is taken: a shorter one wants a new fit sooner."""
TUNE_SHARE = 0.35
"""Newest part of the old calls that the horizon and the thresholds are chosen on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """An exact cache with what it is to be tested on."""

    candidate: Candidate
    groups: Groups
    parts: Split


def cacheable(contract: Contract) -> bool:
    """True where two answers can be compared as wholes and named without their text: listed labels, records, tool calls."""
    return bool(contract.labels) or is_open(contract)


def recall(
    contract: Contract,
    samples: Sequence[Sample],
    *,
    cut: datetime,
    terms: Terms,
    protected: Callable[[Sequence[str]], tuple[str, ...]],
    min_label_groups: int,
    wanted: Wanted,
    secret: bytes,
    seed: int,
    now: datetime | None = None,
    since: datetime | None = None,
) -> Recalled | None:
    """The cache over all these samples of one turn; None where so few requests return that it could not answer `min_coverage` of them, or
    where its answers cannot be compared. What was said before in a conversation stands in no slot, so two that end alike are not the same:
    of them nothing is kept, nothing is tested, and by day the certificate does not cover them. Nor is anything kept from before `since`,
    when a change was seen: what was said then may hold no more.
    """

    def counts(sample: Sample) -> bool:
        return sample.turns < 2 and (since is None or sample.at > since)

    samples = [s if counts(s) else dataclasses.replace(s, control=False, value=None) for s in samples]
    single = [s for s in samples if counts(s)]
    old = [s for s in single if s.at < cut]
    if not cacheable(contract) or not _returns(old, terms.min_coverage):
        return None
    known = sorted({s.value for s in samples if s.value is not None} & {*contract.labels})
    groups = group_samples(samples, cut=cut)
    try:
        tune_cut = find_cut(old, certify_share=TUNE_SHARE)
        parts = split_returning(samples, groups, cut=cut, tune_cut=tune_cut, seed=seed)
        files, about = repeats.build(single, labels=known, horizon_s=1, secret=secret, max_size_bytes=wanted.max_size_bytes)
    except NotEnoughDataError:
        return None
    drawn = [samples[i] for i in parts.tune]
    told = [None if s.value is None else outline(contract, s.value) for s in drawn]
    # All that it could say: an answer that nobody gave of late is rare, and may be a protected one.
    names = sorted({outline(contract, s.value) for s in samples if s.value is not None} if is_open(contract) else known)
    rule = Rule(
        accept_above=1.0,
        protected_labels=protected(names),
        deferred_labels=rare_labels(told, groups=len(parts.certify), min_label_groups=min_label_groups, known=names),
    )
    span = cut - min(s.at for s in old)
    tried = []
    for horizon in [one for one in HORIZONS if one <= span / 2] or [HORIZONS[-1]]:
        own = repeats.with_horizon(files, int(horizon.total_seconds()))
        cache = Repeats(in_memory(own))
        said = tuple(cache.predict_at(s.slots, s.at) for s in drawn)
        plan = plan_thresholds(_answering(tabulate(*outlined(contract, drawn, said), rule)), rule, terms, groups=len(parts.certify))
        tried.append((horizon, own, said, plan))
    best = max(_coverage(plan) for *_, plan in tried)
    horizon, own, said, plan = next(one for one in tried if _coverage(one[3]) >= NEARLY * best)
    trained = _trained(own, about | {"horizon_s": int(horizon.total_seconds())}, said, known)
    candidate = tiers.candidate("repeats", trained, plan, drawn, wanted)
    until = max(s.at for s in single) + horizon
    if until <= (now or datetime.now(UTC)):
        why = f"its newest answer is too old: it would have answered until {until:%Y-%m-%d}"
        candidate = dataclasses.replace(candidate, tier=dataclasses.replace(candidate.tier, why=why))
    return Recalled(candidate=candidate, groups=groups, parts=parts)


def _returns(old: Sequence[Sample], least: float) -> bool:
    """Do enough of the distinct requests come more than once? Reads no answer."""
    times = Counter(text_of(s.slots) for s in old)
    return bool(times) and sum(n > 1 for n in times.values()) >= least * len(times) / 2


def _answering(table: Table) -> Table:
    """Without what the cache does not know: whatever the threshold, that is deferred."""
    return dataclasses.replace(table, open=table.open & (table.confidence > 0))


def _coverage(plan: Plan | None) -> float:
    return 0.0 if plan is None else plan.expected_coverage


def _trained(files: dict[str, bytes], about: dict[str, object], said: tuple[Prediction, ...], labels: Sequence[str]) -> Trained:
    return Trained(
        files=files, about=about, used_slots=(), out_of_fold=said, labels=tuple(labels), scores=np.zeros((len(said), 0), np.float32)
    )
