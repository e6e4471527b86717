"""What a trial would ask of each workload, and what that takes: its pilot, its window, or the window that an earlier run declared.

Nothing is sent or written here, and no answer decides which calls are chosen.
"""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from datetime import UTC, datetime

import msgspec

from modicum.artefact import Artefacts, about_of
from modicum.backends.model import ACCEPT_ABOVE, ModelStage, model_of
from modicum.backends.priced import priced
from modicum.catalog import Catalogue
from modicum.config import Config
from modicum.errors import ArtefactError, NotEnoughDataError
from modicum.evaluate.facts import Facts, cover_of, disagreement_in, expiry
from modicum.evaluate.groups import Groups, group_samples
from modicum.evaluate.refuse import Supply
from modicum.evaluate.split import Split, find_cut, split_by_time
from modicum.evaluate.table import rare_labels
from modicum.evaluate.trials import SAME
from modicum.pipeline.adapters import learnt_until
from modicum.pipeline.candidate import Candidate
from modicum.pipeline.errand import Errand, Opening, is_listed, plan_of
from modicum.pipeline.inquiry import Inquiry
from modicum.pipeline.outcomes import gather_outcomes
from modicum.pipeline.outlines import is_open
from modicum.pipeline.prepare import SEED
from modicum.pipeline.purse import Bill, Purse
from modicum.pipeline.rollbacks import newer, rolled_back_at
from modicum.pipeline.samples import gather, recogniser_of
from modicum.pipeline.scoring import LEARN
from modicum.pipeline.supplied import supplied
from modicum.pipeline.trial import TrialVerdict, settled
from modicum.pipeline.viewed import Views
from modicum.pipeline.window import Window, unpack
from modicum.pipeline.wish import Wish
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.train.router import FEWEST
from modicum.types import DAYS_A_MONTH, Attempt, Contract, Rule, Sample, Verdict, Workload
from modicum.workload.parts import outline

PILOT = 40
"""Distinct old requests that are asked first: enough to see that a model is hopeless. Of texts 10: whether it answers at all."""
WINDOW, TEXTS = 1000, 200
"""Most distinct requests of a window, where the operator names no number; texts are judged one by one."""
NEW = 0.7
"""Share of the calls that may certify. A model learns nothing from the old ones: they are only for the pilot."""


class Planner:
    """Decides what each workload would be asked. Sends and writes nothing."""

    def __init__(
        self,
        config: Config,
        candidate: Candidate,
        wish: Wish,
        purse: Purse,
        *,
        calls: int | None = None,
        whole: bool = False,
        constrain: bool = True,
        replacing: frozenset[str] = frozenset(),
    ) -> None:
        self.config, self.candidate, self.wish = config, candidate, wish
        self._most, self._constrain, self._replacing, self._whole = calls, constrain, replacing, whole
        self.control, self.calls = Control(config.home), Calls(config.home)
        self.artefacts, self.views = Artefacts(config.home / "artefacts"), Views.open(config)
        self.catalogue = Catalogue(*priced(config))
        self.inquiry = Inquiry(config, candidate, self.catalogue, purse)

    # ------------------------------------------------------------------------------------------------------------ plan

    def plan(self, workload: Workload) -> Errand:
        """What a run would do with one workload. Sends and writes nothing."""
        stage = self.candidate.stage(workload.contract, constrain=self._constrain, whole=self._whole)
        if workload.ignored:
            return self._nothing(workload, stage, "refused", "it is ignored")
        if not workload.routable:
            return self._nothing(workload, stage, "refused", "its prompt has too little fixed text to recognise a request safely")
        if not self.candidate.may_receive(self.config.policy.may_receive, workload.scope):
            return self._nothing(
                workload,
                stage,
                "refused",
                f"calls of scope '{workload.scope}' may not be sent to {self.candidate.host} ([policy] may_receive)",
            )
        recogniser = recogniser_of(self.control, workload.scope)
        samples = gather(self.calls, workload, recogniser, self.catalogue, self.views).samples
        if self._replacing:
            samples = tuple(s for s in samples if s.incumbent in self._replacing)
        if not samples:
            return self._nothing(workload, stage, "unproven", "none of its calls is kept with its body")
        if all(map(self._answered, samples)):
            return self._nothing(workload, stage, "refused", "it is what answers these calls today")
        return self._errand(workload, stage, samples)

    def _nothing(self, workload: Workload, stage: ModelStage, verdict: TrialVerdict, reason: str) -> Errand:
        return Errand(
            workload=workload,
            stage=stage,
            wish=self.wish,
            kinds=(),
            number=0,
            samples={},
            supply=Supply(groups=0, calls=0, days=0.0),
            pilot=(),
            opening=None,
            attempt=None,
            rule=Rule(accept_above=ACCEPT_ABOVE),
            calls_month=0.0,
            bill=Bill(calls=0),
            done=settled(workload, verdict, reason),
        )

    def _errand(self, workload: Workload, stage: ModelStage, samples: tuple[Sample, ...]) -> Errand:
        listed, texts = is_listed(workload.contract), workload.contract.kind == "text"
        fit = self.wish.fit
        fit = dataclasses.replace(
            fit, min_label_groups=fit.min_label_groups if listed else 0, max_selective=max(fit.max_selective, fit.margin)
        )
        wish = dataclasses.replace(self.wish, fit=fit)
        attempts = self.control.attempts(workload.workload_id, (s.call_id for s in samples))
        own = [attempt for attempt in attempts if self._is_own(attempt, stage)]
        last = own[-1] if own else None
        before = self._last_word(last) if last is not None else None
        rolled_back = rolled_back_at(self.control, workload, attempts)
        stale = last is not None and last not in newer((last,), rolled_back)
        expired = stale or (before is not None and before.certificate is not None and before.certificate.expires_at <= datetime.now(UTC))
        days = max((max(s.at for s in samples) - min(s.at for s in samples)).total_seconds() / 86_400, 1.0)
        month = (len(samples) if self._replacing else workload.calls) / days * DAYS_A_MONTH
        errand = Errand(
            workload=workload,
            stage=stage,
            wish=wish,
            kinds=("B",) if texts else wish.kinds(samples),
            number=max((attempt.number for attempt in attempts), default=0) + 1,
            samples={},
            supply=supplied(0, [s.at for s in samples]),
            pilot=(),
            opening=None,
            attempt=None,
            rule=Rule(accept_above=ACCEPT_ABOVE, protected_labels=_protected(wish, workload.contract, samples)),
            calls_month=month,
            bill=Bill(calls=0),
            before=None if expired else before,
            known=gather_outcomes(self.config.home, self.control, workload, own, samples, wish.labels),
        )
        kept = self.control.window(plan_of(last)) if last is not None else None
        stands = not stale and (before is None or (before.certificate is not None and not expired))
        over = last is not None and not stands and self.control.looked_with(last.attempt_id) is not None
        waits = texts and before is not None and before.needs_labels is not None  # nothing but people's word goes on with texts
        if last is not None and kept is not None and not over and not stale and (stands or waits or wish.labels or wish.judged):
            errand = self._taken_up(errand, last, kept)
        else:
            ends = [attempt.window_to for attempt in attempts] + ([rolled_back] if rolled_back is not None else [])
            unknown_for = workload.name if self.candidate.card is None else ""
            if (learnt := learnt_until(self.artefacts, stage.model, unknown_for=unknown_for)) is not None:
                ends.append(learnt)  # an adapter of ours, or one that may be: what it learnt proves nothing
            until = max(ends, default=None)
            fresh = self._fresh(errand, samples, until)
            said = over or (before is not None and not expired)  # what was tested is told of again, rather than the pilot
            nothing_new = said and not stale and fresh.opening is None and last is not None and kept is not None
            errand = self._taken_up(errand, last, kept) if nothing_new else fresh  # type: ignore[arg-type]
        asked = set(errand.asked)
        errand = dataclasses.replace(errand, samples={s.call_id: s for s in samples if s.call_id in asked})
        bill = self.inquiry.bill(workload, stage, errand.asked)
        cannot = self.candidate.cannot(
            images=bill.images,
            tools=bill.tools,
            longest_tokens=bill.longest_tokens,
            schema=self._constrain and workload.contract.kind == "object",
        )
        return dataclasses.replace(errand, bill=bill, cannot=cannot)

    def _last_word(self, attempt: Attempt) -> Verdict | None:
        """What an attempt came to, with labels where they came later."""
        looked = self.control.looked_with(attempt.attempt_id)
        with_labels = self.control.verdict(f"{attempt.attempt_id}-B-{looked}") if looked else None
        return with_labels or self.control.verdict(attempt.fingerprint)

    def _taken_up(self, errand: Errand, attempt: Attempt, window: bytes) -> Errand:
        """What was declared, with the scorer that was."""
        artefact = self.artefacts.read(attempt.artefact_digest)
        stage, told = model_of(artefact), about_of(artefact.about).settings.get("excess_alone")
        if stage is not None:  # what answered then is what was declared
            errand = dataclasses.replace(errand, stage=msgspec.structs.replace(errand.stage, revision=stage.revision))
        return dataclasses.replace(
            _taken_up(errand, attempt, unpack(window)),
            scorer=stage.scorer if stage is not None else None,
            excess_alone=told if isinstance(told, float) else None,
        )

    def _answered(self, sample: Sample) -> bool:
        """The candidate itself is this call's incumbent, as far as the log says."""
        asked = self.candidate.deployment
        return sample.incumbent in (asked.model, asked.name) and sample.provider in (None, asked.provider, asked.kind)

    def _is_own(self, attempt: Attempt, stage: ModelStage) -> bool:
        with suppress(ArtefactError):
            other = model_of(self.artefacts.read(attempt.artefact_digest))
            return other is not None and stage.is_asked_as(other)
        return False

    def _fresh(self, errand: Errand, samples: tuple[Sample, ...], until: datetime | None) -> Errand:
        """A pilot on what is old, a window on what is newer than all that was opened."""
        groups = group_samples(samples, cut=_cut(samples, until))
        pilot_most = 10 if errand.texts else min(PILOT, max((self._most or PILOT * 10) // 10, 10))
        try:
            parts = split_by_time(samples, groups, seed=SEED, certify_share=NEW, not_before=until)
        except NotEnoughDataError:
            newest = sorted(samples, key=lambda s: (s.at, s.call_id))[-pilot_most:]
            supply = dataclasses.replace(errand.supply, groups=len(groups))
            return dataclasses.replace(errand, pilot=tuple(s.call_id for s in newest), supply=supply)
        most = max((self._most or (TEXTS if errand.texts else WINDOW)) - pilot_most, 1)
        pilot = tuple(samples[i].call_id for i in parts.tune[-pilot_most:])
        learn = self._lesson(errand, samples, groups, parts, pilot, left=most - len(parts.certify))
        rule = errand.rule
        if errand.listed:
            told = [samples[i].value for i in parts.tune]
            rare = rare_labels(
                told,
                groups=min(len(parts.certify), most),
                min_label_groups=errand.wish.fit.min_label_groups,
                known=errand.workload.contract.labels,
            )
            rule = dataclasses.replace(rule, deferred_labels=rare)
        teaches = len(learn) >= FEWEST
        opening = self._opening(errand, samples, groups, parts, most, spare=errand.texts and not teaches)
        wide = self._opening(errand, samples, groups, parts, 2 * most) if errand.texts and teaches and self._most is None else None
        group_of = {samples[i].call_id: groups.units[i] for i in parts.train}
        return dataclasses.replace(
            errand, pilot=pilot, learn=learn, group_of=group_of, rule=rule, opening=opening, wide=wide, supply=opening.window.supply
        )

    def _lesson(
        self, errand: Errand, samples: tuple[Sample, ...], groups: Groups, parts: Split, pilot: tuple[str, ...], *, left: int
    ) -> tuple[str, ...]:
        """Old calls for a scorer, the newest of each group first come: of texts those of which somebody said something.

        `left`: how many calls `--calls` leaves; what was answered before takes none of them.
        """
        rows = parts.train if errand.texts else parts.tune
        known = [i for i in reversed(rows) if not errand.texts or errand.known.speaks_of(samples[i].call_id)]
        named = list({groups.units[i]: samples[i].call_id for i in reversed(known)}.values())[::-1]
        free = self.inquiry.known(errand.stage, named).keys() | set(pilot)
        room = LEARN if self._most is None else max(left, 0)
        costly = [name for name in named if name not in free][:room]
        wanted = set(costly) | free
        return tuple(name for name in named if name in wanted)

    def _opening(
        self, errand: Errand, samples: tuple[Sample, ...], groups: Groups, parts: Split, most: int, *, spare: bool = False
    ) -> Opening:
        """The newest `most` groups of the part that may certify. Reads no answer of the candidate's, and no answer at all to choose.

        `spare`: as many newer groups stay unopened, for an attempt that learns from this one's labels.
        """
        ends = {groups.units[i]: samples[i].at for i in parts.certify_calls}
        order = sorted(range(len(parts.certify)), key=lambda row: (ends[groups.units[parts.certify[row]]], row))
        rows = sorted(order[-2 * most :][:most]) if spare else range(max(len(parts.certify) - most, 0), len(parts.certify))
        certify, weights = tuple(parts.certify[row] for row in rows), tuple(parts.weights[row] for row in rows)
        chosen = {groups.units[i] for i in certify}
        calls = tuple(i for i in parts.certify_calls if groups.units[i] in chosen)
        parts = dataclasses.replace(parts, certify=certify, weights=weights, certify_calls=calls)
        now = datetime.now(UTC)
        newer = [s.at for s in samples if s.at >= parts.cut]
        facts = Facts(
            workload_name=errand.workload.name,
            scope=errand.workload.scope,
            cover=cover_of(samples, parts, view_version=self.views.version),
            confidence=errand.wish.fit.confidence,
            left_out_groups=parts.left_out_groups,
            self_disagreement=None if errand.texts else disagreement_in(samples, groups),
            calls_per_month=errand.calls_month,
            control_share=errand.wish.control_share,
            baseline=baseline_of(errand.workload, errand.stage),
            labels_by="blind judgement" if errand.texts else "gold labels",
            created_at=now,
            expires_at=expiry(now, errand.wish.fit.expires_days),
            contract=errand.workload.contract,
        )
        supply = supplied(len(certify), newer)
        held_out = [samples[i] for i in certify]
        if not errand.listed:  # what is kept holds no text
            held_out = [dataclasses.replace(s, value=None if s.value is None else SAME) for s in held_out]
        window = Window.of(
            held_out,
            (),
            weights=weights,
            labels=errand.workload.contract.labels if errand.listed else (),
            facts=facts,
            supply=supply,
        )
        return Opening(
            window=window,
            opened=tuple(samples[i].call_id for i in calls),
            starts=samples[calls[0]].at,
            ends=samples[calls[-1]].at,
        )


def baseline_of(workload: Workload, stage: ModelStage) -> str:
    """What a saving is counted against, as a certificate says it: with the name of what answered."""
    return f"{' and '.join(workload.incumbents)} for every call, less what {stage.answering} costs"


def _answers(contract: Contract, samples: tuple[Sample, ...]) -> tuple[str, ...]:
    """What may be protected: the listed values; of open answers the outlines that were seen."""
    if not is_open(contract):
        return contract.labels
    return tuple(sorted({outline(contract, s.value) for s in samples if s.value is not None}))


def _protected(wish: Wish, contract: Contract, samples: tuple[Sample, ...]) -> tuple[str, ...]:
    """What the rule never answers: listed values; of open answers the outlines that were seen, and whatever else holds what is named."""
    seen = wish.protected_among(_answers(contract, samples))
    return tuple(dict.fromkeys((*seen, *wish.protect))) if is_open(contract) else seen


def _taken_up(errand: Errand, attempt: Attempt, window: Window) -> Errand:
    """On the window that was declared, by the terms that were."""
    declared = dataclasses.replace(
        errand.wish.fit,
        margin=attempt.margin,
        max_selective=attempt.max_selective,
        min_coverage=attempt.min_coverage,
        min_label_groups=attempt.min_label_groups,
    )
    return dataclasses.replace(
        errand,
        wish=dataclasses.replace(errand.wish, fit=declared, protect=attempt.rule.protected_labels),
        attempt=attempt,
        kinds=attempt.kinds,
        number=attempt.number,
        rule=attempt.rule,
        opening=Opening(window=window, opened=(), starts=attempt.window_from, ends=attempt.window_to),
    )


def _cut(samples: tuple[Sample, ...], until: datetime | None) -> datetime | None:
    """Where the window will begin; None where there is nothing to open."""
    try:
        return find_cut(samples, certify_share=NEW, not_before=until)
    except NotEnoughDataError:
        return None
