"""The night walk: a workload's calls -> specialist and plan -> attempt -> the one look -> verdict.

`Night._prove` is the walk. Nothing that it does changes an answer in production: it stores a certificate with a proposed
route, or why there is none.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from modicum.artefact import Artefacts
from modicum.backends.priced import priced
from modicum.catalog import Catalogue
from modicum.config import Config
from modicum.errors import NotEnoughDataError
from modicum.evaluate.economics import unit_costs
from modicum.evaluate.refuse import is_worth_a_look, refuse_unopened
from modicum.evaluate.told import Gold, Told
from modicum.pipeline import rollbacks
from modicum.pipeline.again import known_agreement
from modicum.pipeline.effort import UNKNOWN, Effort, Reading, dollars, estimate, pace
from modicum.pipeline.encoders import Named
from modicum.pipeline.gold import of_old
from modicum.pipeline.gone import is_kept, left_behind, what_is_gone
from modicum.pipeline.look import Looking
from modicum.pipeline.outlines import is_open
from modicum.pipeline.prepare import SEED, Prepared, prepare
from modicum.pipeline.refusing import refuse, refuse_for_lack, unfit, unlearnable
from modicum.pipeline.samples import gather, recogniser_of
from modicum.pipeline.viewed import Views
from modicum.pipeline.window import unpack
from modicum.pipeline.wish import Wish
from modicum.store import feedback
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.store.key import evidence_key
from modicum.train.encoder import Vectors
from modicum.train.repeats import secret_of
from modicum.types import Attempt, PromiseKind, Sample, Tier, Verdict, Workload
from modicum.workload import Recogniser

Progress = Callable[[float, str], None]


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
    effort: Effort | None = None
    """What it would take; None where nothing is trained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Situation:
    """What is known of a workload before anything is done."""

    samples: tuple[Sample, ...]
    gold: Gold
    """What feedback says is right."""
    attempts: list[Attempt]
    fingerprint: str
    known: Verdict | None
    """The verdict on exactly this, where there was one."""
    interrupted: Attempt | None
    """An attempt on exactly this that never came to its verdict: it is taken up again, not made anew."""
    rolled_back: datetime | None = None
    """When a route of it was last rolled back: older calls certify nothing any more."""
    unopened: tuple[Attempt, ...] = ()
    """Attempts that were given up before a call of their windows was read. They are spent, their windows are not."""

    @property
    def number(self) -> int:
        own = max((attempt.number for attempt in self.attempts), default=0)
        return self.interrupted.number if self.interrupted else max(len(self.attempts), own) + 1

    @property
    def opened_until(self) -> datetime | None:
        """Only newer calls certify."""
        ends = [one.window_to for one in self.attempts if one != self.interrupted and one not in self.unopened]
        return max(ends if self.rolled_back is None else [*ends, self.rolled_back], default=None)

    @property
    def newer(self) -> bool:
        """Are there calls that no window opened?"""
        opened = self.opened_until
        return opened is None or any(s.control and s.at > opened for s in self.samples)

    @property
    def ended(self) -> str:
        """What happened at `opened_until`."""
        back = self.rolled_back is not None and self.rolled_back == self.opened_until
        return "when its route was rolled back" if back else "the end of the newest opened window"


class Night:
    """The stores and the wish that all workloads of one `fit` share."""

    def __init__(self, config: Config, wish: Wish, *, until: datetime | None = None) -> None:
        """`until`: newer calls are left out, so that what was interrupted is the same fit when it is taken up again."""
        self.wish, self.config, self.home, self.until = wish, config, config.home, until
        self.label_usd = dollars("label_usd", config.report.label_usd)
        self.cpu_hour_usd = dollars("cpu_hour_usd", config.report.cpu_hour_usd)
        self.control, self.calls = Control(config.home), Calls(config.home)
        self.artefacts = Artefacts(config.home / "artefacts")
        self.recognisers: dict[str, Recogniser] = {}
        self.catalogue = Catalogue(*priced(config))
        self.views = Views.open(config)
        self.named = Named.of(config, self.artefacts) if config.fit.encoder is not None else None
        self.encoder: Callable[[], Vectors] | None = None
        if self.named is not None:
            self.wish = wish = dataclasses.replace(wish, encoder=self.named.key)
            self.encoder = self.named.open
        self._measured: tuple[float, Reading] | None = None
        self.told: dict[str, Told] = {}

    def fit(self, workload: Workload, progress: Callable[[float], None] = lambda share: None) -> Verdict:
        """Certified with a proposed route, or refused with what is missing. Asked again with nothing changed it answers from the record."""
        note = left_behind(self.home, self.control, workload, self._wished(workload).known)
        note = note or self._looking(workload).cut_short(workload, self._open(workload))
        verdict = self._costed(workload, self._fit(workload, progress))
        return dataclasses.replace(verdict, notes=(note, *verdict.notes)) if note else verdict

    def _fit(self, workload: Workload, progress: Callable[[float], None]) -> Verdict:
        if verdict := unfit(workload, judged_whole=self.wish.alpha is not None):
            fingerprint = f"unfit-{workload.workload_id}-{verdict.code}"
            return self.control.verdict(fingerprint) or self._remember(fingerprint, verdict)
        looking = self._looking(workload)
        waiting = looking.waiting(workload, self._open(workload))
        tested = waiting is not None and looking.tested(*waiting) is not None
        before = rollbacks.stands(self.control, workload, looking.test(workload, *waiting)) if waiting is not None else None
        if before is not None and not tested:
            return before
        situation = self._situation(workload)
        if before is not None and not situation.newer:
            return before
        if situation.known:
            return rollbacks.stands(self.control, workload, self._still_wanted(workload, situation, looking.last_word(situation.known)))
        verdict = self._remember(situation.fingerprint, self._prove(workload, situation, progress))
        # Newer calls that could not be tested yet take nothing from what older ones, with the same labels, certified.
        return before if before is not None and before.certificate is not None and verdict.attempt_id is None else verdict

    def _still_wanted(self, workload: Workload, situation: _Situation, known: Verdict) -> Verdict:
        """The verdict on record; where it asks for labels that nothing could be certified with any more, a refusal that says so."""
        asking = [
            one for one in situation.attempts if one.attempt_id == known.attempt_id and known.needs_labels and known.certificate is None
        ]
        if not asking or is_kept(self.home, asking[0]):
            return known
        return refuse(
            workload, "model_gone", f"{what_is_gone(asking[0])}, and labels would prove nothing; newer calls are needed for another"
        )

    def _costed(self, workload: Workload, verdict: Verdict) -> Verdict:
        """With what a right answer costs, as far as gold answers for the window's requests are known by now."""
        labels, certificate = self._wished(workload).known, verdict.certificate
        record = self.control.window(verdict.attempt_id) if labels and certificate is not None and verdict.attempt_id else None
        ms = next((tier.cpu_ms for tier in self._tiers(workload, verdict) if tier.chosen), None)
        if record is None or certificate is None or ms is None or is_open(workload.contract):
            return verdict
        window = unpack(record)
        usd = Decimal(repr(ms)) / 3_600_000 * self.cpu_hour_usd
        found = unit_costs(window.samples, window.predictions, certificate.rule, labels, stage_ms=ms, stage_usd=usd)
        return dataclasses.replace(verdict, unit_costs=found)

    def _tiers(self, workload: Workload, verdict: Verdict) -> tuple[Tier, ...]:
        """What was tried; where labels came later, that stands in the attempt's first verdict."""
        if verdict.tiers:
            return verdict.tiers
        attempts = self.control.attempts(workload.workload_id)
        first = next((self.control.verdict(one.fingerprint) for one in attempts if one.attempt_id == verdict.attempt_id), None)
        return first.tiers if first is not None else ()

    def foresee(self, workload: Workload) -> Foresight:
        """What a fit would do now. Opens nothing and writes nothing."""
        if verdict := unfit(workload, judged_whole=self.wish.alpha is not None):
            return Foresight(workload_id=workload.workload_id, name=workload.name, would=f"refuse: {verdict.reason}", calls=workload.calls)
        looking = self._looking(workload)
        waiting = looking.waiting(workload, self._open(workload))
        tested = looking.tested(*waiting) if waiting is not None else None
        if waiting is not None and tested is None:
            attempt, window = waiting
            kind: PromiseKind = "C" if "C" in attempt.kinds else "B"
            return Foresight(
                workload_id=workload.workload_id,
                name=workload.name,
                would=f"test {kind} of attempt {attempt.number} with the labels",
                calls=len(window.samples),
                attempt_number=attempt.number,
                kinds=(kind,),
                delta=attempt.delta / len(attempt.kinds),
            )
        situation = self._situation(workload)
        if known := situation.known or (None if situation.newer else tested):
            would = f"answer from the record: {known.verdict}"
            return Foresight(workload_id=workload.workload_id, name=workload.name, would=would, calls=len(situation.samples))
        if not situation.newer:
            would = f"refuse: no call is newer than {situation.opened_until:%Y-%m-%d %H:%M}, {situation.ended}"
            return Foresight(workload_id=workload.workload_id, name=workload.name, would=would, calls=len(situation.samples))
        kinds, refused = self._kinds(workload, situation.samples), unlearnable(workload)
        return Foresight(
            workload_id=workload.workload_id,
            name=workload.name,
            would=f"try an exact cache, else refuse: {refused.reason}" if refused else self._would(situation),
            calls=len(situation.samples),
            attempt_number=situation.number,
            kinds=kinds,
            delta=self.wish.terms(kinds, situation.number).delta,
            effort=self._effort(workload, situation.samples),
        )

    def _effort(self, workload: Workload, samples: tuple[Sample, ...]) -> Effort:
        if self._measured is None:
            here = pace()
            self._measured = here, self.named.reading(here) if self.named is not None else UNKNOWN
        speed, reading = self._measured
        whole = self.wish.alpha is not None
        return estimate(
            workload.contract, samples, self.wish.fit, label_usd=self.label_usd, judged_whole=whole, pace=speed, reading=reading
        )

    def _told(self, workload: Workload) -> Told:
        """What feedback says of the calls of the workload's scope, as it was when this fit first looked."""
        if workload.scope not in self.told:
            self.told[workload.scope] = Told.of(feedback.read(self.home, workload.scope))
        return self.told[workload.scope]

    def _wished(self, workload: Workload) -> Wish:
        """With the labels that feedback gave. Of open answers no label is asked for."""
        found = {} if is_open(workload.contract) else self._told(workload).wanted(workload.contract)
        return dataclasses.replace(self.wish, feedback=found) if found else self.wish

    def _looking(self, workload: Workload, self_disagreement: float | None = None) -> Looking:
        return Looking(
            self.home,
            self.control,
            self._wished(workload),
            view_version=self.views.version,
            self_disagreement=self_disagreement,
        )

    def _situation(self, workload: Workload) -> _Situation:
        if workload.scope not in self.recognisers:
            self.recognisers[workload.scope] = recogniser_of(self.control, workload.scope)
        gathered = gather(self.calls, workload, self.recognisers[workload.scope], self.catalogue, self.views, until=self.until).samples
        # What a route escalated is no fair sample of the workload: it neither trains nor certifies.
        samples = tuple(s for s in gathered if s.control)
        gold = self._told(workload).gold(workload.contract, samples)
        attempts = self.control.attempts(workload.workload_id, (s.call_id for s in samples))
        rolled_back = rollbacks.rolled_back_at(self.control, workload, attempts)
        teaches = of_old(gold, samples, since=rolled_back)
        fingerprint = rollbacks.after(self.wish.fingerprint(workload, samples, view_version=self.views.version, gold=teaches), rolled_back)
        known = self.control.verdict(fingerprint)
        interrupted = None if known else next((attempt for attempt in attempts if attempt.fingerprint == fingerprint), None)
        return _Situation(
            samples=samples,
            gold=gold,
            attempts=attempts,
            fingerprint=fingerprint,
            known=known,
            interrupted=interrupted,
            rolled_back=rolled_back,
        )

    def _open(self, workload: Workload) -> list[Attempt]:
        """The attempts that labels may still complete: not those on calls from before a rollback."""
        attempts = self.control.attempts(workload.workload_id)
        return rollbacks.newer(attempts, rollbacks.rolled_back_at(self.control, workload, attempts))

    def _prove(self, workload: Workload, situation: _Situation, progress: Callable[[float], None]) -> Verdict:
        kinds = situation.interrupted.kinds if situation.interrupted else self._kinds(workload, situation.samples)
        there = situation.interrupted is not None and is_kept(self.home, situation.interrupted)
        terms = self.wish.terms(kinds, situation.number)
        try:
            ready = prepare(
                workload,
                situation.samples,
                self.wish,
                terms,
                self.artefacts,
                gold=situation.gold,
                opened_until=situation.opened_until,
                since=situation.rolled_back,
                declared=situation.interrupted.artefact_digest if situation.interrupted and there else None,
                progress=progress,
                vectors=self.encoder,
                secret=secret_of(evidence_key(self.home), workload.scope, workload.workload_id),
            )
        except NotEnoughDataError as error:
            why = error.message
            if situation.rolled_back is not None and situation.rolled_back == situation.opened_until:
                why = f"too few calls are newer than {situation.rolled_back:%Y-%m-%d %H:%M}, {situation.ended}"
            return unlearnable(workload) or refuse_for_lack(
                workload, why, terms, situation.samples, situation.opened_until, rolled_back=situation.rolled_back
            )
        notes = (ready.note,) if ready.note else ()
        if situation.interrupted and not there and ready.specialist.digest != situation.interrupted.artefact_digest:
            return self._give_up(workload, situation, situation.interrupted, progress)
        if not situation.interrupted and (ready.plan is None or not is_worth_a_look(ready.plan)):
            refusal = refuse(workload, refuse_unopened(ready.plan, terms, ready.supply))
            return dataclasses.replace(refusal, tiers=ready.tiers, notes=notes)
        attempt = situation.interrupted or self._declare(workload, situation, ready, kinds)
        progress(0.95)
        again = known_agreement(self.config, workload, rollbacks.since_then(situation.samples, situation.rolled_back), self.catalogue)
        looking = self._looking(workload, None if again is None else again.disagreement)
        verdict = looking.first(workload, situation.samples, attempt, ready)
        return dataclasses.replace(verdict, tiers=ready.tiers, notes=(*notes, *verdict.notes))

    def _would(self, situation: _Situation) -> str:
        if situation.interrupted is None or is_kept(self.home, situation.interrupted):
            return "train, then open the newest calls"
        gone = f"attempt {situation.interrupted.number} was interrupted and its artefact is gone"
        return f"train, then open the newest calls ({gone}: where it cannot be made again, that attempt is spent)"

    def _give_up(self, workload: Workload, situation: _Situation, lost: Attempt, progress: Callable[[float], None]) -> Verdict:
        """The attempt after one that cannot be taken up again, for its artefact is gone (erased) and the same calls teach another one.

        What the lost one spent of delta is spent. Its window is not where none of its calls was read.
        """
        opened = self.control.window(lost.attempt_id) is not None
        fingerprint = hashlib.sha256(f"{situation.fingerprint} {lost.attempt_id}".encode()).hexdigest()
        fresh = dataclasses.replace(
            situation,
            fingerprint=fingerprint,
            interrupted=next((attempt for attempt in situation.attempts if attempt.fingerprint == fingerprint), None),
            unopened=situation.unopened if opened else (*situation.unopened, lost),
        )
        verdict = self.control.verdict(fingerprint) or self._remember(fingerprint, self._prove(workload, fresh, progress))
        note = (
            f"attempt {lost.number} was interrupted, and what it declared ({lost.artefact_digest[:19]}) is gone and cannot be made again: "
            f"it is spent, {'with its window' if opened else 'and its window is tested by the next'}"
        )
        return dataclasses.replace(verdict, notes=(note, *verdict.notes))

    def _kinds(self, workload: Workload, samples: tuple[Sample, ...]) -> tuple[PromiseKind, ...]:
        """What is promised: of open answers agreement only, for they are compared as wholes and no label is asked for."""
        return ("A",) if is_open(workload.contract) else self.wish.kinds(samples)

    def _declare(self, workload: Workload, situation: _Situation, ready: Prepared, kinds: tuple[PromiseKind, ...]) -> Attempt:
        """Write the attempt down: from here on what is tested can no longer be chosen, and the calls are opened for good."""
        assert ready.plan is not None
        terms = self.wish.terms(kinds, situation.number)
        attempt = Attempt(
            attempt_id=f"att-{situation.fingerprint[:16]}",
            workload_id=workload.workload_id,
            number=situation.number,
            kinds=kinds,
            margin=terms.margin,
            max_selective=terms.max_selective,
            min_coverage=terms.min_coverage,
            delta=terms.delta,
            artefact_digest=ready.specialist.digest,
            rule=ready.plan.rule,
            thresholds=ready.plan.thresholds,
            window_from=ready.parts.window_from,
            window_to=ready.parts.window_to,
            groups=len(ready.parts.certify),
            min_label_groups=self.wish.fit.min_label_groups,
            max_label_share=1.0 if "C" in kinds else 0.10,
            max_labels=self.wish.fit.max_labels if "B" in kinds else 0,
            fingerprint=situation.fingerprint,
            seed=SEED,
            created_at=datetime.now(UTC),
            created_by=self.wish.actor,
        )
        self.control.add_attempt(attempt, [situation.samples[i].call_id for i in ready.parts.certify_calls])
        return attempt

    def _remember(self, fingerprint: str, verdict: Verdict) -> Verdict:
        self.control.add_verdict(fingerprint, verdict, actor=self.wish.actor)
        return verdict
