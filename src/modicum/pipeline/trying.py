"""`modicum try`: another model over held-out recorded calls, proven as a specialist is.

    plan     which calls each workload would be asked about, what that sends where and costs     sends nothing
    run      a pilot on old calls; if that leaves hope, the attempt is written, the newest calls are asked, and looked at once

Everything is kept as it comes: the answers, and the window that an attempt opened. A run that was stopped goes on where it was.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from modicum.artefact import Artefacts
from modicum.artefact.about import About, Base
from modicum.backends.model import ACCEPT_ABOVE, ModelStage, model_of
from modicum.backends.priced import priced
from modicum.catalog import Catalogue
from modicum.config import Config
from modicum.errors import ArtefactError, NotEnoughDataError
from modicum.evaluate import trials
from modicum.evaluate.facts import Facts, cover_of, expiry, repeat_disagreement
from modicum.evaluate.groups import Groups, group_samples
from modicum.evaluate.labels import excess_losses
from modicum.evaluate.refuse import Supply, refuse_unopened
from modicum.evaluate.split import Split, split_by_time
from modicum.evaluate.table import rare_labels, tabulate
from modicum.evaluate.tune import Terms
from modicum.pipeline.candidate import Candidate
from modicum.pipeline.inquiry import Bill, Inquiry, Progress, Purse, reply_of
from modicum.pipeline.look import Looking
from modicum.pipeline.prepare import SEED
from modicum.pipeline.samples import gather, recogniser_of
from modicum.pipeline.trial import Tried, conclude, settled
from modicum.pipeline.viewed import Views
from modicum.pipeline.window import Window, pack, unpack
from modicum.pipeline.wish import Wish
from modicum.store.answers import Answered
from modicum.store.calls import Calls
from modicum.store.control import Control
from modicum.store.home import replace
from modicum.types import DAYS_A_MONTH, Attempt, PromiseKind, Route, Rule, Sample, Verdict, Workload
from modicum.version import __version__
from modicum.workload import classifiable

PILOT = 40
"""Distinct old requests that are asked first: enough to see that a model is hopeless."""
WINDOW, TEXTS = 1000, 200
"""Most distinct requests of a window, where the operator names no number; texts are judged one by one."""
NEW = 0.7
"""Share of the calls that may certify. A model learns nothing from the old ones: they are only for the pilot."""
LABELS, ALL = 0.3, 1.0
"""Most labels that B asks for, as a share of the groups."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A window as it will be, or was, declared."""

    window: Window
    """Without predictions."""
    opened: tuple[str, ...]
    """All calls of its groups."""
    starts: datetime
    ends: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """One workload's trial, before anything is sent."""

    workload: Workload
    stage: ModelStage
    wish: Wish
    kinds: tuple[PromiseKind, ...]
    number: int
    samples: dict[str, Sample]
    pilot: tuple[str, ...]
    opening: Opening | None
    """None: no newer calls are there to certify with."""
    attempt: Attempt | None
    """One that was declared and not looked at yet."""
    rule: Rule
    calls_month: float
    bill: Bill
    done: Tried | None = None
    """Where there is nothing to ask."""
    before: Verdict | None = None
    """What an earlier window of the same candidate led to."""

    @property
    def listed(self) -> bool:
        return classifiable(self.workload.contract) is None

    @property
    def texts(self) -> bool:
        return self.workload.contract.kind == "text"

    @property
    def asked(self) -> tuple[str, ...]:
        """Calls of pilot and window, each once."""
        window = () if self.opening is None else tuple(s.call_id for s in self.opening.window.samples)
        return tuple(dict.fromkeys((*self.pilot, *window)))


class Trial:
    """One candidate over any workloads, with what they share."""

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
        return self._errand(workload, stage, samples)

    def _nothing(self, workload: Workload, stage: ModelStage, verdict: str, reason: str) -> Errand:
        return Errand(
            workload=workload,
            stage=stage,
            wish=self.wish,
            kinds=(),
            number=0,
            samples={},
            pilot=(),
            opening=None,
            attempt=None,
            rule=Rule(accept_above=ACCEPT_ABOVE),
            calls_month=0.0,
            bill=Bill(calls=0),
            done=settled(workload, verdict, reason),
        )

    def _errand(self, workload: Workload, stage: ModelStage, samples: tuple[Sample, ...]) -> Errand:
        listed, texts = classifiable(workload.contract) is None, workload.contract.kind == "text"
        fit = self.wish.fit
        fit = dataclasses.replace(
            fit, min_label_groups=fit.min_label_groups if listed else 0, max_selective=max(fit.max_selective, fit.margin)
        )
        wish = dataclasses.replace(self.wish, fit=fit)
        attempts = self.control.attempts(workload.workload_id, (s.call_id for s in samples))
        own = [attempt for attempt in attempts if self._is_own(attempt, stage)]
        last = own[-1] if own else None
        before = self.control.verdict(last.fingerprint) if last is not None else None
        days = max((max(s.at for s in samples) - min(s.at for s in samples)).total_seconds() / 86_400, 1.0)
        month = (len(samples) if self._replacing else workload.calls) / days * DAYS_A_MONTH
        errand = Errand(
            workload=workload,
            stage=stage,
            wish=wish,
            kinds=("B",) if texts else wish.kinds(samples),
            number=max((attempt.number for attempt in attempts), default=0) + 1,
            samples={s.call_id: s for s in samples},
            pilot=(),
            opening=None,
            attempt=None,
            rule=Rule(accept_above=ACCEPT_ABOVE, protected_labels=wish.protected(workload)),
            calls_month=month,
            bill=Bill(calls=0),
            before=before,
        )
        kept = self.control.window(_plan_of(last)) if last is not None else None
        if last is not None and kept is not None and before is None:
            window = unpack(kept)
            opening = Opening(window=window, opened=(), starts=last.window_from, ends=last.window_to)
            errand = dataclasses.replace(errand, attempt=last, kinds=last.kinds, number=last.number, rule=last.rule, opening=opening)
        elif last is not None and kept is not None and before is not None and (before.certificate is not None or wish.labels):
            opening = Opening(window=unpack(kept), opened=(), starts=last.window_from, ends=last.window_to)
            errand = dataclasses.replace(errand, attempt=last, kinds=last.kinds, number=last.number, rule=last.rule, opening=opening)
        else:
            until = max((attempt.window_to for attempt in attempts), default=None)
            errand = self._fresh(errand, samples, until)
        return dataclasses.replace(errand, bill=self.inquiry.bill(workload, stage, errand.asked))

    def _is_own(self, attempt: Attempt, stage: ModelStage) -> bool:
        with suppress(ArtefactError):
            other = model_of(self.artefacts.read(attempt.artefact_digest))
            return other is not None and stage.is_asked_as(other)
        return False

    def _fresh(self, errand: Errand, samples: tuple[Sample, ...], until: datetime | None) -> Errand:
        """A pilot on what is old, a window on what is newer than all that was opened."""
        groups = group_samples(samples)
        pilot_most = min(PILOT, max((self._most or PILOT * 10) // 10, 10))
        try:
            parts = split_by_time(samples, groups, seed=SEED, certify_share=NEW, not_before=until)
        except NotEnoughDataError:
            newest = sorted(samples, key=lambda s: (s.at, s.call_id))[-pilot_most:]
            return dataclasses.replace(errand, pilot=tuple(s.call_id for s in newest))
        most = max((self._most or (TEXTS if errand.texts else WINDOW)) - pilot_most, 1)
        pilot = tuple(samples[i].call_id for i in parts.tune[-pilot_most:])
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
        return dataclasses.replace(errand, pilot=pilot, rule=rule, opening=self._opening(errand, samples, groups, parts, most))

    def _opening(self, errand: Errand, samples: tuple[Sample, ...], groups: Groups, parts: Split, most: int) -> Opening:
        """The newest `most` groups of the part that may certify. Reads no answer of the candidate's, and no answer at all to choose."""
        certify, weights = parts.certify[-most:], parts.weights[-most:]
        chosen = {groups.of[i] for i in certify}
        calls = tuple(i for i in parts.certify_calls if groups.of[i] in chosen)
        parts = dataclasses.replace(parts, certify=certify, weights=weights, certify_calls=calls)
        now = datetime.now(UTC)
        newer = [s.at for s in samples if s.at >= parts.cut]
        facts = Facts(
            workload_name=errand.workload.name,
            scope=errand.workload.scope,
            cover=cover_of(samples, parts, view_version=self.views.version),
            confidence=errand.wish.fit.confidence,
            left_out_groups=parts.left_out_groups,
            self_disagreement=None if errand.texts else repeat_disagreement(samples, groups)[0],
            calls_per_month=errand.calls_month,
            control_share=errand.wish.control_share,
            baseline=f"{' and '.join(errand.workload.incumbents)} for every call, less what {errand.stage.name} costs",
            labels_by="blind judgement" if errand.texts else "gold labels",
            created_at=now,
            expires_at=expiry(now, errand.wish.fit.expires_days),
        )
        supply = Supply(groups=len(certify), calls=len(newer), days=(max(newer) - min(newer)).total_seconds() / 86_400)
        window = Window.of(
            [samples[i] for i in certify],
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

    # ------------------------------------------------------------------------------------------------------------- run

    def run(self, errand: Errand, progress: Progress = lambda share: None) -> Tried:
        """Ask what is missing, and say what it showed."""
        if errand.done is not None:
            return errand.done
        if errand.attempt is None:
            pilot = self.inquiry.ask(errand.workload, errand.stage, errand.pilot, lambda share: progress(0.1 * share))
            if self.inquiry.stopped:
                return self._unfinished(errand, pilot)
            errand = self._named(errand, pilot)
            if (refused := self._refused(errand, pilot)) is not None:
                return refused
            errand = self._declare(errand)
        assert errand.opening is not None and errand.attempt is not None
        wanted = [s.call_id for s in errand.opening.window.samples]
        rows = self.inquiry.ask(errand.workload, errand.stage, wanted, lambda share: progress(0.1 + 0.9 * share))
        if self.inquiry.stopped or self._lacks(wanted, rows):
            return self._unfinished(errand, rows)
        return self._look(errand, rows)

    def _lacks(self, wanted: Sequence[str], rows: dict[str, Answered]) -> bool:
        """Calls that are still here and have no answer: their provider was ill for a while."""
        missing = [call_id for call_id in wanted if call_id not in rows]
        return bool(missing) and any(True for _ in self.calls.scan(call_ids=missing, bodies=False))

    def _named(self, errand: Errand, pilot: dict[str, Answered]) -> Errand:
        """With the name that all answers of the pilot gave."""
        names = {row.model for row in pilot.values() if row.response is not None}
        revision = names.pop() if len(names) == 1 else ""
        return dataclasses.replace(errand, stage=msgspec.structs.replace(errand.stage, revision=revision))

    def _refused(self, errand: Errand, pilot: dict[str, Answered]) -> Tried | None:
        """The end of a trial whose window is not worth opening."""
        samples = [errand.samples[call_id] for call_id in errand.pilot]
        replies = [reply_of(errand.workload, sample, pilot.get(sample.call_id)) for sample in samples]
        told, said = trials.predictions(samples, [reply.value for reply in replies], listed=errand.listed)
        rule = dataclasses.replace(errand.rule, deferred_labels=())
        table = tabulate(told, said, rule)
        terms = errand.wish.terms(errand.kinds, errand.number)
        groups = 0 if errand.opening is None else len(errand.opening.window.samples)
        if groups and not trials.is_hopeless(table, terms, groups, texts=errand.texts):
            return None
        if errand.before is not None:
            return self._concluded(errand, errand.before, pilot)
        supply = errand.opening.window.supply if errand.opening is not None else self._supply(errand)
        plan = trials.pilot_plan(table, rule, texts=errand.texts)
        refusal = refuse_unopened(plan, terms, supply)
        differs = not errand.texts and trials.certainly_differs(table, terms)
        return conclude(
            errand.workload,
            self._verdict_of(plan is None, differs=differs),
            refusal,
            trials.measure(samples, replies, comparable_answers=not errand.texts),
            calls_month=errand.calls_month,
            cannot=self.cannot(errand),
        )

    @staticmethod
    def _verdict_of(silent: bool, *, differs: bool) -> str:
        return "cannot" if silent else "differs" if differs else "unproven"

    def _supply(self, errand: Errand) -> Supply:
        """Where nothing is newer than what was opened: as fast as calls came so far."""
        times = [s.at for s in errand.samples.values()]
        days = (max(times) - min(times)).total_seconds() / 86_400
        distinct = len(group_samples(list(errand.samples.values())))
        return Supply(groups=distinct, calls=len(times), days=days)

    def _declare(self, errand: Errand) -> Errand:
        """Write the attempt and its window down: from here on what is tested can no longer be chosen."""
        assert errand.opening is not None
        about = About(
            workload=errand.workload.name,
            trainer="none: another model",
            code_version=__version__,
            bases=(Base(name=errand.stage.name, revision=errand.stage.revision),),
        )
        digest = self.artefacts.write(errand.stage.files(), about.said())
        terms = errand.wish.terms(errand.kinds, errand.number)
        said = (digest, errand.workload.workload_id, errand.number, [s.call_id for s in errand.opening.window.samples])
        fingerprint = hashlib.sha256(msgspec.json.encode(said)).hexdigest()
        attempt = Attempt(
            attempt_id=f"att-{fingerprint[:16]}",
            workload_id=errand.workload.workload_id,
            number=errand.number,
            kinds=errand.kinds,
            margin=terms.margin,
            max_selective=terms.max_selective,
            min_coverage=terms.min_coverage,
            delta=terms.delta,
            artefact_digest=digest,
            rule=errand.rule,
            thresholds=(ACCEPT_ABOVE,),
            window_from=errand.opening.starts,
            window_to=errand.opening.ends,
            groups=len(errand.opening.window.samples),
            min_label_groups=errand.wish.fit.min_label_groups,
            max_label_share=ALL if errand.texts else LABELS,
            fingerprint=fingerprint,
            seed=SEED,
            created_at=datetime.now(UTC),
            created_by=self.wish.actor,
        )
        self.control.keep_window(_plan_of(attempt), pack(errand.opening.window))
        self.control.add_attempt(attempt, errand.opening.opened)
        return dataclasses.replace(errand, attempt=attempt)

    def _look(self, errand: Errand, rows: dict[str, Answered]) -> Tried:
        """The one look, or the labels for it."""
        assert errand.opening is not None and errand.attempt is not None
        plain, attempt = errand.opening.window, errand.attempt
        held = [dataclasses.replace(s, slots=self._slots(errand, s)) for s in plain.samples]
        replies = [reply_of(errand.workload, sample, rows.get(sample.call_id)) for sample in held]
        net = trials.net_costs(held, replies)
        told, said = trials.predictions(held, [reply.value for reply in replies], listed=errand.listed)
        window = dataclasses.replace(
            plain,
            samples=tuple(dataclasses.replace(s, slots=(), cost_usd=cost) for s, cost in zip(told, net, strict=True)),
            predictions=tuple(said),
        )
        answers = {s.call_id: (s.response_id or s.call_id, reply.value, s.value) for s, reply in zip(held, replies, strict=True)}
        labels = self.wish.labels if errand.listed else trials.as_verdicts(self.wish.labels, answers, attempt.attempt_id)
        wish = dataclasses.replace(errand.wish, labels=labels)
        looking = self._looking(wish)
        known = errand.before
        if known is None:
            known = looking.opened(errand.workload, errand.samples, attempt, window)
            self.control.add_verdict(attempt.fingerprint, known, actor=self.wish.actor)
        elif labels:
            known = looking.with_labels(errand.workload, [attempt]) or known
        if known.request_file is not None and not errand.listed:
            self._fill(known.request_file, answers, attempt.attempt_id)
        worse = False
        if labels and known.certificate is None:
            table = window.table(attempt)
            worse = trials.is_worse(table, excess_losses(table, window.known(labels), attempt.attempt_id), self._terms(errand))
        return self._concluded(errand, known, rows, worse=worse)

    def _terms(self, errand: Errand) -> Terms:
        return errand.wish.terms(errand.kinds, errand.number)

    def _slots(self, errand: Errand, sample: Sample) -> tuple[tuple[str, str], ...]:
        return errand.samples[sample.call_id].slots if sample.call_id in errand.samples else ()

    def _looking(self, wish: Wish) -> Looking:
        return Looking(
            self.config.home,
            self.control,
            wish,
            view_version=self.views.version,
            proposer=f"try {self.candidate.asked}",
            supersedes=self._is_a_model,
        )

    def _is_a_model(self, route: Route) -> bool:
        """A model's proposal takes the place of another model's; what `fit` proposed stays beside it."""
        with suppress(ArtefactError):
            return model_of(self.artefacts.read(route.artefact_digest)) is not None
        return True

    def _fill(self, path: str, answers: dict[str, tuple[str, str | None, str | None]], attempt_id: str) -> None:
        """Put the answers themselves into a request file whose table held none."""
        file = self.config.home / "requests" / path.rpartition("/")[2]
        requests = [msgspec.json.decode(line) for line in file.read_bytes().splitlines()]
        texts = {name: (candidate, incumbent) for name, candidate, incumbent in answers.values()}
        filled = trials.with_texts(requests, texts, attempt_id)
        replace(file, b"".join(msgspec.json.encode(request) + b"\n" for request in filled))

    def _concluded(self, errand: Errand, verdict: Verdict, rows: dict[str, Answered], *, worse: bool = False) -> Tried:
        samples = [errand.samples[call_id] for call_id in errand.asked if call_id in rows and call_id in errand.samples]
        replies = [reply_of(errand.workload, sample, rows[sample.call_id]) for sample in samples]
        word = "certified"
        if verdict.certificate is None:
            told, said = trials.predictions(samples, [reply.value for reply in replies], listed=errand.listed)
            differs = (
                bool(samples) and not errand.texts and trials.certainly_differs(tabulate(told, said, errand.rule), self._terms(errand))
            )
            word = "worse" if worse else self._verdict_of(not any(reply.value for reply in replies), differs=differs)
        return conclude(
            errand.workload,
            word,
            verdict,
            trials.measure(samples, replies, comparable_answers=not errand.texts),
            calls_month=errand.calls_month,
            cannot=self.cannot(errand),
        )

    def _unfinished(self, errand: Errand, rows: dict[str, Answered]) -> Tried:
        samples = [errand.samples[call_id] for call_id in errand.asked if call_id in rows and call_id in errand.samples]
        replies = [reply_of(errand.workload, sample, rows[sample.call_id]) for sample in samples]
        why = self.inquiry.stopped or "some calls got no answer"
        return conclude(
            errand.workload,
            "unproven",
            f"{why}; {len(rows):,} of {len(errand.asked):,} calls are answered and kept: run it again to go on",
            trials.measure(samples, replies, comparable_answers=not errand.texts),
            calls_month=errand.calls_month,
            cannot=self.cannot(errand),
        )

    def cannot(self, errand: Errand) -> tuple[str, ...]:
        """What the calls want and the catalogue says that the model cannot do."""
        bill = errand.bill
        wants_schema = self._constrain and errand.workload.contract.kind == "object"
        return self.candidate.cannot(images=bill.images, tools=bill.tools, longest_tokens=bill.longest_tokens, schema=wants_schema)


def _plan_of(attempt: Attempt) -> str:
    """The name under which a window is kept before its answers are there."""
    return f"{attempt.attempt_id}/plan"
