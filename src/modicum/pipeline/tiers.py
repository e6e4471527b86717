"""Which specialist a workload gets: candidates in order of size, each planned on out-of-fold predictions, and the one worth its size.

Nothing here reads an answer of the certify calls: what is chosen is one candidate, and that one is tested.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from modicum.backends.encoder import text_of
from modicum.backends.specialist import load
from modicum.errors import NotEnoughDataError
from modicum.evaluate.tune import Plan
from modicum.pipeline import open_answers
from modicum.stats.binomial import clopper_pearson
from modicum.train import chain, encoder, linear, neighbours, noise
from modicum.train.distil import Teacher
from modicum.train.drift import Tolerance
from modicum.train.encoder import Vectors
from modicum.train.export import in_memory
from modicum.train.linear import Trained
from modicum.train.slots import Choice
from modicum.types import Contract, Sample, Tier, TierName

Objective = Literal["smallest", "cheapest", "fastest"]
TIMED = 200
"""Requests that a candidate answers to say how long it takes."""
WORTH_COVERAGE = 0.02
"""Where no price is known, a larger candidate has to answer so much more of all requests."""
SAME_SIZE = 1.02
"""Up to so many times its size a candidate is no larger than another, and any gain is worth it."""

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A trained candidate with its plan."""

    trained: Trained
    plan: Plan | None
    tier: Tier

    @property
    def coverage(self) -> float:
        """Share of the requests that the rule over it could probably answer."""
        return self.tier.coverage or 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What was made, the smallest first, and what could not be, with the reason."""

    candidates: tuple[Candidate, ...]
    left_out: tuple[Tier, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a candidate is chosen by."""

    objective: Objective = "smallest"
    max_size_bytes: int = 4_000_000
    """Of what has no encoder."""
    max_encoder_bytes: int = 40_000_000
    max_latency_ms: float | None = None
    min_quality: float = 0.0
    """Least share of all requests, in predictions that never saw their own, on which a candidate says what the incumbent said."""
    worth_usd: Decimal = Decimal(10)
    """A larger candidate has to save so much more a month."""
    tolerance: Tolerance = linear.USUAL
    """How far fewer bits may go from what was learnt."""
    usd_month: Decimal | None = None
    """What the workload's calls cost a month; None where that is unknown."""


def train(
    samples: Sequence[Sample],
    *,
    groups: Sequence[int],
    choice: Choice | None,
    vectors: Callable[[], Vectors] | None,
    wanted: Wanted,
    plan: Callable[[Trained], Plan | None],
    seed: int,
    progress: Progress,
    told: Sequence[Sample] | None = None,
    sure: Sequence[int] = (),
) -> Tried:
    """The candidates, the linear one first. Stops where what is left to gain would not pay for a larger one.

    `plan`: what the rule over a candidate would be. `vectors` opens the encoder, where one is named. `told`: the samples as the incumbent
    answered them, where `samples` hold what people know better; `sure`: which of them do. Raises NotEnoughDataError.
    """
    found: list[Candidate] = []
    measured = told or samples

    def fit(some: Sequence[Sample]) -> Trained:
        return linear.fit(
            some,
            groups=groups,
            choice=choice,
            max_size_bytes=wanted.max_size_bytes,
            seed=seed,
            tolerance=wanted.tolerance,
            progress=lambda share: progress(share if vectors is None else 0.3 * share),
        )

    first, samples = noise.refit(fit(samples), samples, fit, sure=sure)
    found.append(candidate("linear", first, plan(first), measured, wanted))
    left: list[Tier] = []
    if not _may_pay(found[0], wanted):
        return Tried(candidates=tuple(found))

    def is_open() -> bool:
        return _may_pay(max(found, key=_gain), wanted)

    def tell(share: float) -> None:
        progress(0.3 + 0.7 * share)

    opened = vectors() if vectors is not None else None
    if opened is not None:
        for name, made in _larger(first, samples, groups, choice, opened, wanted, seed, is_open, tell):
            if isinstance(made, NotEnoughDataError):
                left.append(left_out(name, made))
            else:
                found.append(candidate(name, made, plan(made), measured, wanted))
    try:
        found += _nearest(first, samples, measured, groups, opened, wanted, plan)
    except NotEnoughDataError as error:
        left.append(left_out("neighbours", error))
    return Tried(candidates=tuple(found), left_out=tuple(left))


def train_open(
    samples: Sequence[Sample],
    contract: Contract,
    *,
    groups: Sequence[int],
    wanted: Wanted,
    plan: Callable[[Trained], Plan | None],
    seed: int,
    progress: Progress,
    vectors: Callable[[], Vectors] | None = None,
) -> Tried:
    """The candidates for answers that are from no list, the smallest first. `vectors` as in `train`. Raises NotEnoughDataError."""

    def tell(share: float) -> None:
        progress(share if vectors is None else 0.3 * share)

    first = open_answers.fit(samples, contract, groups=groups, max_size_bytes=wanted.max_size_bytes, seed=seed, progress=tell)
    found = [candidate(first.name, first.trained, plan(first.trained), samples, wanted)]
    left: list[Tier] = []
    if vectors is None or not _may_pay(found[0], wanted):
        return Tried(candidates=tuple(found))
    most, onward = wanted.max_encoder_bytes, lambda share: progress(0.3 + 0.7 * share)
    for name, made in open_answers.larger(first, vectors(), max_size_bytes=most, progress=onward):
        if isinstance(made, NotEnoughDataError):
            left.append(left_out(name, made))
        else:
            found.append(candidate(name, made, plan(made), samples, wanted))
    return Tried(candidates=tuple(found), left_out=tuple(left))


def _nearest(
    first: Trained,
    samples: Sequence[Sample],
    measured: Sequence[Sample],
    groups: Sequence[int],
    vectors: Vectors | None,
    wanted: Wanted,
    plan: Callable[[Trained], Plan | None],
) -> list[Candidate]:
    """The nearest-neighbour cache with the guard that would answer most, the strictest of equals; none where all answers are one.

    Raises NotEnoughDataError where it does not fit.
    """
    limit = wanted.max_size_bytes if vectors is None else wanted.max_encoder_bytes
    if len(first.labels) < 2:
        return []
    tried = neighbours.fit(samples, groups=groups, used_slots=first.used_slots, vectors=vectors, max_size_bytes=limit)
    planned = [(plan(trained), trained) for trained in tried]
    best = max(planned, key=lambda pair: pair[0].expected_coverage if pair[0] else 0.0, default=None)
    return [] if best is None else [candidate("neighbours", best[1], best[0], measured, wanted)]


def _larger(
    first: Trained,
    samples: Sequence[Sample],
    groups: Sequence[int],
    choice: Choice | None,
    vectors: Vectors,
    wanted: Wanted,
    seed: int,
    is_open: Callable[[], bool],
    progress: Progress,
) -> Iterator[tuple[TierName, Trained | NotEnoughDataError]]:
    """What an encoder makes possible: a linear specialist that it taught; itself as it is, and fine-tuned where there is time for that.
    Each further step where, by `is_open`, what is left to gain may pay; in place of what cannot be made, why not."""
    if len(first.labels) < 2:
        return  # the smallest says all that there is to say
    texts = [text_of(sample.slots, first.used_slots) for sample in samples]
    teacher = Teacher(vectors=vectors.of(texts), about=vectors.about)
    taught = linear.fit(
        samples,
        groups=groups,
        choice=choice,
        teacher=teacher,
        max_size_bytes=wanted.max_size_bytes,
        seed=seed,
        tolerance=wanted.tolerance,
    )
    yield "taught linear", taught
    first = max(first, taught, key=lambda one: one.about["out_of_fold_agreement"])
    names: tuple[tuple[TierName, TierName], ...] = (("encoder", "chain"), ("tuned encoder", "tuned chain"))
    most = wanted.max_encoder_bytes
    for (alone, both), tuner in zip(names, (None, vectors.tuner), strict=True):
        if not is_open() or (alone == "tuned encoder" and tuner is None):
            return
        try:
            second = encoder.fit(
                samples,
                groups=groups,
                used_slots=first.used_slots,
                vectors=vectors,
                max_size_bytes=most,
                seed=seed,
                tuner=tuner,
                progress=progress,
            )
        except NotEnoughDataError as error:
            yield alone, error
            continue
        yield alone, second
        try:
            yield both, chain.fit(first, second, samples, max_size_bytes=most)
        except NotEnoughDataError as error:
            yield both, error


def choose(found: Sequence[Candidate], wanted: Wanted) -> Candidate:
    """The one to test. Where none is as quick and as good as is wanted, the smallest: the look will say no."""
    fit = [one for one in found if one.tier.why == ""]
    if not fit:
        return found[0]
    if wanted.objective == "cheapest":
        return max(fit, key=_gain)
    if wanted.objective == "fastest":
        return min(fit, key=_ms)
    fit.sort(key=_size)
    best = fit[0]
    for one in fit[1:]:
        if _is_worth(one, best, wanted):
            best = one
    return best


def told(found: Sequence[Candidate], chosen: Candidate | None, left: Sequence[Tier] = ()) -> tuple[Tier, ...]:
    """What stands in the table that `fit` prints, smallest first, and below it what was not made. `chosen` is None where what is tested was
    chosen before."""
    return (*(replace(one.tier, chosen=one is chosen) for one in sorted(found, key=_size)), *left)


def left_out(name: TierName, why: NotEnoughDataError) -> Tier:
    """A tier that could not be made, for the same table."""
    said = f"not made: {why.message}" + (f" ({why.hint})" if why.hint else "")
    return Tier(name=name, size_bytes=None, cpu_ms=None, agreement=None, coverage=None, why=said)


def candidate(name: TierName, trained: Trained, plan: Plan | None, samples: Sequence[Sample], wanted: Wanted) -> Candidate:
    """A trained candidate, measured: `samples` are those that `trained.out_of_fold` speaks of, `plan` the rule that it would get."""
    ms = _cpu_ms(trained, samples)
    coverage = plan.expected_coverage if plan is not None else 0.0
    right = sum(one.value == sample.value for one, sample in zip(trained.out_of_fold, samples, strict=True)) / max(1, len(samples))
    why = ""
    if wanted.max_latency_ms is not None and ms > wanted.max_latency_ms:
        why = f"takes {ms:.2f} ms, at most {wanted.max_latency_ms:g} are wanted"
    elif right < wanted.min_quality:
        why = f"agrees on {right:.1%}, at least {wanted.min_quality:.1%} are wanted"
    elif coverage == 0.0:
        why = "would probably not pass"
    tier = Tier(
        name=name,
        size_bytes=sum(map(len, trained.files.values())),
        cpu_ms=round(ms, 3),
        agreement=round(right, 4),
        agreement_interval=_limits(right, plan.curve.groups if plan is not None else 0),
        coverage=round(coverage, 4),
        saving_usd_month=None if wanted.usd_month is None else (wanted.usd_month * Decimal(repr(coverage))).quantize(Decimal("0.01")),
        why=why,
    )
    return Candidate(trained=trained, plan=plan, tier=tier)


def _limits(share: float, groups: int) -> tuple[float, float] | None:
    if groups < 1:
        return None
    low, high = clopper_pearson(share * groups, groups, 0.95)
    return round(low, 4), round(high, 4)


def _cpu_ms(trained: Trained, samples: Sequence[Sample]) -> float:
    """Mean CPU time of an answer, in ms, over requests spread evenly."""
    specialist = load(in_memory(trained.files))
    some = [sample.slots for sample in samples[:: max(1, len(samples) // TIMED)]][:TIMED]
    specialist.predict_many(some[:5])
    began = time.thread_time()
    specialist.predict_many(some)
    return (time.thread_time() - began) * 1000 / max(1, len(some))


def _gain(one: Candidate) -> float:
    return one.coverage


def _size(one: Candidate) -> int:
    assert one.tier.size_bytes is not None, "what was made was weighed"
    return one.tier.size_bytes


def _ms(one: Candidate) -> float:
    assert one.tier.cpu_ms is not None, "what was made was timed"
    return one.tier.cpu_ms


def _may_pay(one: Candidate, wanted: Wanted) -> bool:
    """Could a larger one that answers everything be worth it?"""
    left = 1 - one.coverage
    return left >= WORTH_COVERAGE if wanted.usd_month is None else wanted.usd_month * Decimal(repr(left)) >= wanted.worth_usd


def _is_worth(larger: Candidate, smaller: Candidate, wanted: Wanted) -> bool:
    more = _gain(larger) - _gain(smaller)
    if _size(larger) <= SAME_SIZE * _size(smaller) and _ms(larger) <= 2 * _ms(smaller):
        return more > 0
    return more >= WORTH_COVERAGE if wanted.usd_month is None else wanted.usd_month * Decimal(repr(more)) >= wanted.worth_usd
