"""Everything before the look: groups, split, specialist, plan. Nothing here reads an answer of the certify calls."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from modicum.artefact import Artefacts
from modicum.backends.specialist import Specialist, load
from modicum.evaluate.groups import Groups, group_samples
from modicum.evaluate.refuse import Supply
from modicum.evaluate.split import Split, find_cut, split_by_time
from modicum.evaluate.table import rare_labels, tabulate
from modicum.evaluate.tune import Plan, Terms, plan_thresholds
from modicum.pipeline.provenance import describe
from modicum.pipeline.wish import Wish
from modicum.train import linear
from modicum.types import Rule, Sample, Workload

CERTIFY_SHARE = 0.35
SEED = 20_261_101
"""Draws one call of each group and the order of tests. Recorded with each attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A specialist that has learnt from the old calls, and what is to be tested on the new ones."""

    groups: Groups
    parts: Split
    specialist: Specialist
    plan: Plan | None
    supply: Supply


def prepare(
    workload: Workload,
    samples: tuple[Sample, ...],
    wish: Wish,
    terms: Terms,
    artefacts: Artefacts,
    *,
    opened_until: datetime | None,
    progress: Callable[[float], None],
) -> Prepared:
    """Train on what is older than the cut and plan on its out-of-fold predictions. Raises NotEnoughDataError."""
    cut = find_cut(samples, certify_share=CERTIFY_SHARE, not_before=opened_until)
    old = [s for s in samples if s.at < cut]
    choice = linear.choose(old, groups=group_samples(old).of, seed=SEED)
    grouped = group_samples(samples, text_of=_text_of(choice.used if choice else None))
    parts = split_by_time(samples, grouped, seed=SEED, certify_share=CERTIFY_SHARE, not_before=opened_until)
    progress(0.1)
    trained = linear.fit(
        [samples[i] for i in parts.train],
        groups=[grouped.of[i] for i in parts.train],
        choice=choice,
        max_size_bytes=wish.fit.max_size_bytes,
        seed=SEED,
        progress=lambda share: progress(0.1 + 0.8 * share),
    )
    # What is tested is what will run: the exported artefact, read back.
    learnt = [samples[i] for i in parts.train]
    about = describe(workload, learnt, trained.about)
    digest = artefacts.write(trained.files, about.said(), learnt_from=(s.call_id for s in learnt))
    specialist = load(artefacts.read(digest))

    drawn = [samples[i] for i in parts.tune]
    rule = Rule(accept_above=1.0, protected_labels=wish.protected(workload))
    rare = rare_labels(
        [s.value for s in drawn], groups=len(parts.certify), min_label_groups=wish.fit.min_label_groups, known=specialist.labels
    )
    rule = dataclasses.replace(rule, deferred_labels=rare)
    said = dict(zip(parts.train, trained.out_of_fold, strict=True))
    plan = plan_thresholds(tabulate(drawn, [said[i] for i in parts.tune], rule), rule, terms, groups=len(parts.certify))
    times = [s.at for s in samples if opened_until is None or s.at > opened_until]
    supply = Supply(groups=len(parts.certify), calls=len(times), days=(max(times) - min(times)).total_seconds() / 86_400)
    return Prepared(groups=grouped, parts=parts, specialist=specialist, plan=plan, supply=supply)


def _text_of(used: tuple[str, ...] | None) -> Callable[[Sample], str]:
    """What makes two requests alike: the slots that the specialist reads. A retrieved passage or a date in a slot that it does
    not read would make every request look distinct."""
    return lambda s: "\n".join(text for name, text in s.slots if used is None or name in used)
