"""The night walk: a workload's calls -> split -> specialist -> plan -> attempt -> the one look -> verdict.

`Night._prove` is the walk, on one screen. Nothing that it does changes an answer in production: it stores a certificate
with a proposed route, or why there is none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from modicum.artefact import Artefacts
from modicum.backends.specialist import Specialist
from modicum.catalog import Catalogue
from modicum.config import Config
from modicum.errors import NotEnoughDataError
from modicum.evaluate import certify, groups, split, tune
from modicum.evaluate import refuse as missing
from modicum.evaluate.table import Table, rare_labels, tabulate
from modicum.pipeline.propose import Propose
from modicum.pipeline.refusing import refuse, unfit
from modicum.pipeline.samples import gather, recogniser_of
from modicum.pipeline.wish import Wish
from modicum.stats.sequence import spending
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.train import linear
from modicum.types import Attempt, PromiseKind, Rule, Sample, Verdict, Workload
from modicum.workload import Recogniser

Progress = Callable[[float, str], None]
CERTIFY_SHARE = 0.35
SEED = 20_261_101
"""Draws one call of each group and the order of tests. Recorded with each attempt."""


def fit(config: Config, workloads: Iterable[Workload], wish: Wish, progress: Progress = lambda share, what: None) -> Iterator[Verdict]:
    """Fit each workload in turn and say what was found."""
    night = Night(config, wish)
    chosen = list(workloads)
    for number, workload in enumerate(chosen):

        def tell(share: float, number: int = number, name: str = workload.name) -> None:
            progress((number + share) / len(chosen), name)

        tell(0.0)
        yield night.fit(workload, tell)


@dataclass(frozen=True, slots=True, kw_only=True)
class Foresight:
    """What a fit would do with one workload."""

    workload_id: str
    name: str
    would: str
    calls: int
    attempt_number: int | None = None
    kinds: tuple[PromiseKind, ...] = ()
    delta: float | None = None


class Night:
    """The stores and the wish that all workloads of one `fit` share."""

    def __init__(self, config: Config, wish: Wish) -> None:
        self.wish = wish
        self.control, self.calls = Control(config.home), Calls(config.home)
        self.artefacts = Artefacts(config.home / "artefacts")
        self.recognisers: dict[str, Recogniser] = {}
        self.catalogue = Catalogue(config.prices)
        self.propose = Propose(config.home, self.control, wish)

    def fit(self, workload: Workload, progress: Callable[[float], None] = lambda share: None) -> Verdict:
        """Certified with a proposed route, or refused with what is missing. Asked again with nothing changed it answers from the record."""
        verdict = unfit(workload)
        fingerprint = f"unfit-{workload.workload_id}-{verdict.code}" if verdict else ""
        if verdict is None:
            attempts = self.control.attempts(workload.workload_id)
            pending = self.wish.awaited(workload, attempts, self.control.verdicts())
            samples = self._samples(workload, pending)
            attempts = self.control.attempts(workload.workload_id, (s.call_id for s in samples))
            fingerprint = self.wish.fingerprint(workload, samples)
        if known := self.control.verdict(fingerprint):
            return known
        if verdict is None:
            verdict = self._prove(workload, samples, attempts, pending, fingerprint, progress)
        self.control.add_verdict(fingerprint, verdict, actor=self.wish.actor)
        return verdict

    def foresee(self, workload: Workload) -> Foresight:
        """What a fit would do now. Opens nothing and writes nothing."""
        if verdict := unfit(workload):
            return Foresight(workload_id=workload.workload_id, name=workload.name, would=f"refuse: {verdict.reason}", calls=workload.calls)
        attempts = self.control.attempts(workload.workload_id)
        pending = self.wish.awaited(workload, attempts, self.control.verdicts())
        samples = self._samples(workload, pending)
        attempts = self.control.attempts(workload.workload_id, (s.call_id for s in samples))
        known = self.control.verdict(self.wish.fingerprint(workload, samples))
        number = pending.number if pending else len(attempts) + 1
        return Foresight(
            workload_id=workload.workload_id,
            name=workload.name,
            would=f"answer from the record: {known.verdict}"
            if known
            else "go on with attempt"
            if pending
            else "train, then open the newest calls",
            calls=len(samples),
            attempt_number=None if known else number,
            kinds=pending.kinds if pending else ("B",) if self.wish.labelled(samples) else ("A", "B"),
            delta=None if known else spending(1 - self.wish.fit.confidence, number),
        )

    def _samples(self, workload: Workload, pending: Attempt | None) -> tuple[Sample, ...]:
        recogniser = self.recognisers.setdefault(workload.scope, recogniser_of(self.control, workload.scope))
        return gather(self.calls, workload, recogniser, self.catalogue, until=pending.window_to if pending else None).samples

    def _prove(
        self,
        workload: Workload,
        samples: tuple[Sample, ...],
        attempts: list[Attempt],
        pending: Attempt | None,
        fingerprint: str,
        progress: Callable[[float], None],
    ) -> Verdict:
        wish = self.wish
        number = pending.number if pending else len(attempts) + 1
        opened_until = max((attempt.window_to for attempt in attempts if attempt != pending), default=None)
        kinds: tuple[PromiseKind, ...] = pending.kinds if pending else ("B",) if wish.labelled(samples) else ("A", "B")
        terms = wish.terms(kinds, spending(1 - wish.fit.confidence, number))

        try:
            old = _old(samples)
            choice = linear.choose(old, groups=groups.group_samples(old).of, seed=SEED)
            grouped = groups.group_samples(samples, text_of=_text_of(choice.used if choice else None))
            parts = split.split_by_time(samples, grouped, seed=SEED, certify_share=CERTIFY_SHARE, not_before=opened_until)
            progress(0.1)
            trained = linear.fit(
                [samples[i] for i in parts.train],
                groups=[grouped.of[i] for i in parts.train],
                choice=choice,
                max_size_bytes=wish.fit.max_size_bytes,
                seed=SEED,
                progress=lambda share: progress(0.1 + 0.8 * share),
            )
        except NotEnoughDataError as error:
            return refuse(workload, "too_few_calls", error.message)
        digest = self.artefacts.write(trained.files, trained.about | {"workload": workload.name})
        specialist = Specialist(self.artefacts.read(digest))

        rule = Rule(accept_above=1.0, protected_labels=wish.protected(workload))
        drawn = [samples[i] for i in parts.tune]
        rare = rare_labels(
            [s.value for s in drawn], groups=len(parts.certify), min_label_groups=wish.fit.min_label_groups, known=specialist.labels
        )
        rule = dataclasses.replace(rule, deferred_labels=rare)
        said = dict(zip(parts.train, trained.out_of_fold, strict=True))
        plan = tune.plan_thresholds(tabulate(drawn, [said[i] for i in parts.tune], rule), rule, terms, groups=len(parts.certify))
        supply = _supply(samples, parts, opened_until)
        if plan is None or not (pending or missing.is_worth_a_look(plan)):
            return refuse(workload, missing.refuse_unopened(plan, terms, supply))

        attempt = pending or Attempt(
            attempt_id=f"att-{fingerprint[:16]}",
            workload_id=workload.workload_id,
            number=number,
            kinds=kinds,
            margin=terms.margin,
            max_selective=terms.max_selective,
            min_coverage=terms.min_coverage,
            delta=terms.delta,
            artefact_digest=digest,
            rule=plan.rule,
            thresholds=plan.thresholds,
            window_from=parts.window_from,
            window_to=parts.window_to,
            groups=len(parts.certify),
            min_label_groups=wish.fit.min_label_groups,
            fingerprint=fingerprint,
            seed=SEED,
            created_at=datetime.now(UTC),
            created_by=wish.actor,
        )
        if pending is None:
            # Before the look: what is tested can no longer be chosen, and these calls are opened for good.
            self.control.add_attempt(attempt, [samples[i].call_id for i in parts.certify_calls])
        elif (attempt.artefact_digest, attempt.groups) != (digest, len(parts.certify)):
            return refuse(workload, "window_changed", f"the calls of attempt {number} are no longer those that it was declared on")
        held_out = [samples[i] for i in parts.certify]
        predictions = [specialist.predict(s.slots) for s in held_out]
        table = tabulate(held_out, predictions, attempt.rule, weights=parts.weights, seed=attempt.seed, labels=specialist.labels)
        progress(0.95)
        look = self._look(attempt, table)
        if look is not None:
            return self.propose.route(workload, samples, grouped, parts, attempt, table, look)
        return self.propose.refusal(workload, samples, attempt, table, plan, terms, supply)

    def _look(self, attempt: Attempt, table: Table) -> certify.Look | None:
        """Both kinds were declared beforehand, so the one that answers more may be taken. B needs labels."""
        looks = [certify.look_a(attempt, table)] if "A" in attempt.kinds else []
        if "B" in attempt.kinds and self.wish.covers(table):
            looks.append(certify.look_b(attempt, table, self.wish.excess(attempt, table)))
        passed = [look for look in looks if look.rule is not None]
        return max(passed, key=lambda look: int(table.accepted(look.rule.accept_above).sum()) if look.rule else 0, default=None)


def _old(samples: tuple[Sample, ...]) -> list[Sample]:
    """Samples that can never certify: what slots are chosen on."""
    return sorted(samples, key=lambda s: (s.at, s.call_id))[: int(len(samples) * (1 - CERTIFY_SHARE))]


def _text_of(used: tuple[str, ...] | None) -> Callable[[Sample], str]:
    """What makes two requests alike: the slots that the specialist reads. A retrieved passage or a date in a slot that it does
    not read would make every request look distinct."""
    return lambda s: "\n".join(text for name, text in s.slots if used is None or name in used)


def _supply(samples: tuple[Sample, ...], parts: split.Split, opened_until: datetime | None) -> missing.Supply:
    times = [s.at for s in samples if opened_until is None or s.at > opened_until]
    return missing.Supply(groups=len(parts.certify), calls=len(times), days=(max(times) - min(times)).total_seconds() / 86_400)
