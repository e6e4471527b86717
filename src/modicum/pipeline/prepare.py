"""Everything before the look: groups, split, specialist, plan. Nothing here reads an answer of the certify calls."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from modicum.artefact import Artefacts
from modicum.backends.repeats import Repeats
from modicum.backends.specialist import Specialist, load
from modicum.errors import NotEnoughDataError
from modicum.evaluate.audits import wrong_answers
from modicum.evaluate.groups import Groups, group_samples
from modicum.evaluate.refuse import Supply
from modicum.evaluate.saving import PRICED
from modicum.evaluate.split import Split, find_cut, share_that_certifies, split_by_time
from modicum.evaluate.table import rare_labels, tabulate
from modicum.evaluate.told import Gold, teach
from modicum.evaluate.tune import Plan, Terms, plan_thresholds
from modicum.pipeline import open_answers, tiers
from modicum.pipeline.outlines import is_open, outlined
from modicum.pipeline.provenance import describe
from modicum.pipeline.recall import recall
from modicum.pipeline.supplied import supplied
from modicum.pipeline.tiers import Candidate, Tried, Wanted
from modicum.pipeline.wish import Wish
from modicum.train import linear
from modicum.train.drift import Tolerance
from modicum.train.encoder import Vectors
from modicum.train.linear import Trained
from modicum.types import DAYS_A_MONTH, Rule, Sample, Tier, Workload
from modicum.workload import classifiable, extractable
from modicum.workload.parts import outline

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
    tiers: tuple[Tier, ...]
    since: datetime | None = None
    """When a change was seen; what was said before it tells nothing of the incumbent as it is."""
    note: str = ""
    """What it did not learn from, and why; empty where it learnt from all that is old."""


def prepare(
    workload: Workload,
    samples: tuple[Sample, ...],
    wish: Wish,
    terms: Terms,
    artefacts: Artefacts,
    *,
    gold: Gold | None = None,
    opened_until: datetime | None,
    since: datetime | None = None,
    declared: str | None = None,
    progress: Callable[[float], None],
    vectors: Callable[[], Vectors] | None = None,
    secret: bytes = bytes(32),
) -> Prepared:
    """The candidates, learnt from what is older than the cut and planned on what they say of it, and the one that is chosen. `vectors`
    opens the encoder, where one is to be tried; `gold` takes the place of the incumbent's answers in training,
    and nowhere else; `since` is when a change was seen: from then on calls are planned on and tested, and older ones teach where what
    they teach still holds; `secret` is what a cache hashes requests with; `declared` is the artefact of an attempt that is taken up again.
    Raises NotEnoughDataError.
    """
    share = share_that_certifies(since)
    cut = find_cut(samples, certify_share=share, not_before=opened_until, since=since)
    wanted = _wanted(workload, samples, wish)
    cache = recall(
        workload.contract,
        samples,
        cut=cut,
        terms=terms,
        protected=wish.protected_among,
        min_label_groups=wish.fit.min_label_groups,
        wanted=wanted,
        secret=secret,
        seed=SEED,
        since=since,
    )
    try:
        learned = _learn(workload, samples, gold or {}, wish, terms, wanted, cut, opened_until, since, progress, vectors)
    except NotEnoughDataError:
        if cache is None or cache.candidate.tier.why:
            raise
        learned = None
    candidates = [*([cache.candidate] if cache else []), *(learned.candidates if learned else [])]
    # Where nothing would pass, the refusal speaks of what learns: more calls help that one.
    chosen = tiers.choose([one for one in candidates if learned is None or not (cache and one is cache.candidate and one.tier.why)], wanted)
    learnt = list(samples) if learned is None or (cache and chosen is cache.candidate) else [samples[i] for i in learned.parts.train]
    digest = _keep(workload, learnt, chosen.trained, artefacts)
    # What is tested is what will run: the exported artefact, read back. One that was declared is, though the clock, or what people said
    # since, would choose another today.
    specialist = load(artefacts.read(declared or digest))
    side = cache if isinstance(specialist, Repeats) else learned
    assert side is not None
    times = [s.at for s in samples if opened_until is None or s.at > opened_until]
    found = supplied(len(side.parts.certify), times)
    supply = dataclasses.replace(found, by_user=side.groups.by_user, by_visit=side.groups.by_visit, left_out=side.parts.left_out_groups)
    told = tiers.told(candidates, chosen if declared in (None, digest) else None, learned.left_out if learned else ())
    note = learned.note if learned is not None and side is learned else ""
    return Prepared(
        groups=side.groups,
        parts=side.parts,
        specialist=specialist,
        plan=chosen.plan,
        supply=supply,
        tiers=told,
        since=since,
        note=note,
    )


def _keep(workload: Workload, learnt: Sequence[Sample], trained: Trained, artefacts: Artefacts) -> str:
    """Write what was trained, and beside it what it is compared with as long as it runs; its digest."""
    ids, settings = [sample.call_id for sample in learnt], trained.about
    if trained.full:
        about = describe(workload, learnt, {"trainer": settings["trainer"], "precision": "int16"})
        settings = settings | {"canary": artefacts.write(trained.full, about.said(), learnt_from=ids)}
    return artefacts.write(trained.files, describe(workload, learnt, settings).said(), learnt_from=ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Learned:
    """The candidates that learn, with what they are to be tested on."""

    candidates: Sequence[Candidate]
    left_out: Sequence[Tier]
    groups: Groups
    parts: Split
    note: str


def _learn(
    workload: Workload,
    samples: tuple[Sample, ...],
    gold: Gold,
    wish: Wish,
    terms: Terms,
    wanted: Wanted,
    cut: datetime,
    opened_until: datetime | None,
    since: datetime | None,
    progress: Callable[[float], None],
    vectors: Callable[[], Vectors] | None,
) -> _Learned:
    """Train on what is older than the cut and shares nothing with what is newer. Raises NotEnoughDataError."""
    if classifiable(workload.contract) and not extractable(workload.contract):
        raise NotEnoughDataError("no specialist here learns to give such answers")
    old = [s for s in samples if s.at < cut]
    contract, open_ = workload.contract, is_open(workload.contract)
    alike = group_samples(old).units
    choice = None if open_ else linear.choose(old, groups=alike, seed=SEED)
    used = open_answers.reads(old, contract, groups=alike, seed=SEED) if open_ else choice.used if choice else None
    grouped = group_samples(samples, text_of=_text_of(used), cut=cut)
    share = share_that_certifies(since)
    parts = split_by_time(samples, grouped, seed=SEED, certify_share=share, not_before=opened_until, since=since)
    progress(0.1)
    drawn = [samples[i] for i in parts.tune]

    def learn(rows: tuple[int, ...], begin: float, end: float) -> Tried:
        """What these rows teach, planned on what is drawn of the old calls."""
        learnt = teach([samples[i] for i in rows], gold)
        # What an open answer can be known by was seen in training, or it is never given.
        names = sorted({outline(contract, s.value) for s in learnt if s.value is not None}) if open_ else contract.labels
        free = Rule(accept_above=1.0, protected_labels=wish.protected_among(names))

        def plan(trained: Trained) -> Plan | None:
            told = [None if s.value is None else outline(contract, s.value) for s in drawn]
            rare = rare_labels(told, groups=len(parts.certify), min_label_groups=wish.fit.min_label_groups, known=trained.labels)
            rule = dataclasses.replace(free, deferred_labels=rare)
            said = dict(zip(rows, trained.out_of_fold, strict=True))
            table = tabulate(*outlined(contract, drawn, [said[i] for i in parts.tune]), rule)
            wrong = wrong_answers(table, wish.known, None) if "C" in terms.kinds else None
            return plan_thresholds(table, rule, terms, groups=len(parts.certify), wrong=wrong)

        def tell(share: float) -> None:
            progress(begin + (end - begin) * share)

        groups = [grouped.units[i] for i in rows]
        if open_:
            return tiers.train_open(learnt, contract, groups=groups, wanted=wanted, plan=plan, seed=SEED, progress=tell, vectors=vectors)
        return tiers.train(
            learnt,
            groups=groups,
            choice=choice,
            vectors=vectors,
            wanted=wanted,
            plan=plan,
            seed=SEED,
            progress=tell,
            told=[samples[i] for i in rows],
            sure=[row for row, sample in enumerate(learnt) if sample.call_id in gold],
        )

    if since is None:
        tried, note = learn(parts.train, 0.1, 0.9), ""
    else:
        rows, tried, note = _after(parts.train, samples, since, wanted, learn)
        parts = dataclasses.replace(parts, train=rows)
    return _Learned(candidates=tried.candidates, left_out=tried.left_out, groups=grouped, parts=parts, note=note)


def _after(
    rows: tuple[int, ...],
    samples: Sequence[Sample],
    since: datetime,
    wanted: Wanted,
    learn: Callable[[tuple[int, ...], float, float], Tried],
) -> tuple[tuple[int, ...], Tried, str]:
    """Whether what was said before a change still teaches: learnt with it and without it, and what does better on old calls since then."""
    newer = tuple(i for i in rows if samples[i].at > since)
    whole = learn(rows, 0.1, 0.5) if len(newer) < len(rows) else None
    try:
        recent = learn(newer, 0.5 if whole else 0.1, 0.9)
    except NotEnoughDataError:
        if whole is None:
            raise
        return rows, whole, ""
    if whole is None:
        return newer, recent, ""

    def worth(tried: Tried) -> tuple[float, float]:
        plan = tiers.choose(tried.candidates, wanted).plan
        return (0.0, -1.0) if plan is None else (plan.expected_coverage, -float(plan.curve.disagreement[-1]))

    if worth(recent) <= worth(whole):
        return rows, whole, ""
    left = len(rows) - len(newer)
    return (
        newer,
        recent,
        f"it learnt from the {len(newer):,} calls since {since:%Y-%m-%d %H:%M} alone; the {left:,} older ones teach it worse",
    )


def _wanted(workload: Workload, samples: Sequence[Sample], wish: Wish) -> Wanted:
    """What the operator asks of a candidate, and what the workload's calls cost a month as far as their prices are known."""
    costs = [s.cost_usd for s in samples if s.cost_usd is not None]
    days = max((max(s.at for s in samples) - min(s.at for s in samples)).total_seconds() / 86_400, 1.0)
    calls = Decimal(repr(workload.calls / days * DAYS_A_MONTH * (1 - wish.control_share)))
    known = len(costs) >= PRICED * len(samples) > 0
    return Wanted(
        objective=wish.fit.objective,
        max_size_bytes=wish.fit.max_size_bytes,
        max_encoder_bytes=wish.fit.max_encoder_bytes,
        max_latency_ms=wish.fit.max_latency_ms or None,
        min_quality=wish.fit.min_quality,
        worth_usd=Decimal(repr(wish.fit.worth_usd_month)),
        tolerance=Tolerance(agreement=wish.fit.drift_agreement, loss=wish.fit.drift_loss),
        usd_month=sum(costs, Decimal(0)) / len(costs) * calls if known else None,
    )


def _text_of(used: tuple[str, ...] | None) -> Callable[[Sample], str]:
    """What makes two requests alike: the slots that the specialist reads. A retrieved passage or a date in a slot that it does
    not read would make every request look distinct."""
    return lambda s: "\n".join(text for name, text in s.slots if used is None or name in used)
