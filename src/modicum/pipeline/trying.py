"""`modicum try`: another model over held-out recorded calls, proven as a specialist is.

    plan     which calls each workload would be asked about, what that sends where and costs     sends nothing
    run      a pilot on old calls; where enough is known of old answers, a scorer that says which of them may stand; if that leaves hope,
             the attempt is written, the newest calls are asked, and looked at once

Everything is kept as it comes: the answers, and the window that an attempt opened. A run that was stopped goes on where it was.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from modicum.artefact.about import About, Base, Teacher, Training, digest_of
from modicum.backends.model import ACCEPT_ABOVE, model_of
from modicum.errors import ArtefactError
from modicum.evaluate import trials
from modicum.evaluate.limits import Bound, limit_before
from modicum.evaluate.refuse import Refusal, refuse_unopened
from modicum.evaluate.table import tabulate
from modicum.evaluate.trials import Reply
from modicum.pipeline.entered import entered, whole
from modicum.pipeline.errand import Errand, plan_of
from modicum.pipeline.inquiry import Progress, reply_of
from modicum.pipeline.label_wants import still_wanted
from modicum.pipeline.look import Looking
from modicum.pipeline.naming import declared, other_name
from modicum.pipeline.opened import Answers, Shown, show
from modicum.pipeline.planner import Planner, baseline_of
from modicum.pipeline.prepare import SEED
from modicum.pipeline.scoring import Lesson, Scored, pays, teach, too_few, without_hope
from modicum.pipeline.trial import TrialVerdict, Tried, conclude
from modicum.pipeline.window import pack
from modicum.pipeline.wish import Wish
from modicum.store.answers import Answered
from modicum.store.home import replace
from modicum.train.router import FEWEST
from modicum.types import Attempt, Route, Sample, Verdict
from modicum.version import __version__

DIFFERS = "it says something else more often than the margin allows; who is right there, only labels can say"
SILENT = "it gave no answer that can be read"
LABELS, ALL = 0.3, 1.0
"""Most labels that B asks for, as a share of the groups."""


class Trial:
    """One candidate over any workloads: `plan` (an errand) first, then `run`."""

    def __init__(self, planner: Planner) -> None:
        self.config, self.wish, self.candidate = planner.config, planner.wish, planner.candidate
        self.control, self.calls, self.artefacts, self.views = planner.control, planner.calls, planner.artefacts, planner.views
        self.inquiry = planner.inquiry

    def run(self, errand: Errand, progress: Progress = lambda share: None) -> Tried:
        """Ask what is missing, and say what it showed."""
        if errand.done is not None:
            return errand.done
        if errand.attempt is None:
            pilot = self.inquiry.ask(errand.workload, errand.stage, errand.pilot, lambda share: progress(0.1 * share))
            if self.inquiry.stopped:
                return self._unfinished(errand)
            errand = self._taught(self._named(errand, pilot), pilot, lambda share: progress(0.1 + 0.2 * share))
            if self.inquiry.stopped:
                return self._unfinished(errand)
            if errand.scored is None and (refused := self._refused(errand, pilot)) is not None:
                return refused
            errand = self._declare(errand)
        assert errand.opening is not None and errand.attempt is not None
        wanted = [s.call_id for s in errand.opening.window.samples]
        rows = self.inquiry.ask(errand.workload, errand.stage, wanted, lambda share: progress(0.3 + 0.7 * share))
        rows = {call_id: declared(row, errand.stage.revision) for call_id, row in rows.items()}
        if self.inquiry.stopped or self._lacks(wanted, rows):
            return self._unfinished(errand)
        return self._look(errand, rows)

    def _lacks(self, wanted: Sequence[str], rows: dict[str, Answered]) -> bool:
        """Calls that are still here and have no answer: their provider was ill for a while."""
        missing = [call_id for call_id in wanted if call_id not in rows]
        return bool(missing) and bool(list(self.calls.scan(call_ids=missing, bodies=False)))

    def _named(self, errand: Errand, pilot: dict[str, Answered]) -> Errand:
        """With the name that all answers of the pilot gave."""
        names = {row.model for row in pilot.values() if row.response is not None}
        revision = names.pop() if len(names) == 1 else ""
        return dataclasses.replace(errand, stage=msgspec.structs.replace(errand.stage, revision=revision))

    def _taught(self, errand: Errand, pilot: dict[str, Answered], progress: Progress) -> Errand:
        """With a scorer, where one can be taught and pays; else with the reason why there is none."""
        if errand.opening is None:
            return errand
        names = list(dict.fromkeys((*errand.learn, *errand.pilot)))
        if not errand.texts:
            told, said = entered(errand, *self._lesson(errand, errand.pilot, pilot))
            if not pays(said, told, errand.terms):
                return errand
        if len(errand.learn) < FEWEST:
            return dataclasses.replace(errand, note=too_few(len(errand.learn)))
        rows = self.inquiry.ask(errand.workload, errand.stage, names, progress)
        if self.inquiry.stopped:
            return errand
        samples, replies = self._lesson(errand, names, rows)
        told, said = entered(errand, samples, replies)
        groups = [errand.group_of.get(sample.call_id, -1 - row) for row, sample in enumerate(samples)]
        lesson = Lesson(samples=samples, replies=replies, told=told, said=said, groups=groups)
        opening = errand.wide or errand.opening
        window = len(opening.window.samples)
        found = teach(lesson, errand.workload.contract, errand.known, errand.rule, errand.terms, window=window, seed=SEED)
        if isinstance(found, str):
            window = len(errand.opening.window.samples)
            against = without_hope(lesson, errand.workload.contract, errand.known, errand.rule, errand.terms, window=window)
            return dataclasses.replace(errand, note=found, against=against if errand.texts else None)
        return dataclasses.replace(errand, scored=found, rule=found.rule, opening=opening, supply=opening.window.supply)

    def _lesson(self, errand: Errand, names: Sequence[str], rows: Mapping[str, Answered]) -> tuple[list[Sample], list[Reply]]:
        samples = [errand.samples[call_id] for call_id in names if call_id in errand.samples]
        return samples, [reply_of(errand.workload, sample, rows.get(sample.call_id)) for sample in samples]

    def _refused(self, errand: Errand, pilot: dict[str, Answered]) -> Tried | None:
        """The end of a trial whose window is not worth opening."""
        if errand.against is not None:
            return self._row(errand, "unproven", "", pilot, bound=errand.against)
        samples, replies = self._lesson(errand, errand.pilot, pilot)
        told, said = entered(errand, samples, replies)
        rule = dataclasses.replace(errand.rule, deferred_labels=())
        table = tabulate(told, said, rule)
        terms = errand.terms
        groups = 0 if errand.opening is None else len(errand.opening.window.samples)
        if groups and not trials.is_hopeless(table, terms, groups, texts=errand.texts):
            return None
        if errand.before is not None:
            return self._concluded(errand, errand.before, pilot)
        plan = trials.pilot_plan(table, rule, texts=errand.texts)
        bound = limit_before(table, terms, plan, texts=errand.texts)
        refusal = refuse_unopened(plan, terms, errand.supply)
        if plan is None:
            return self._row(errand, "cannot", dataclasses.replace(refusal, reason=SILENT), pilot)
        if not errand.texts and trials.certainly_differs(table, terms):
            return self._row(errand, "differs", DIFFERS, pilot)
        margin = trials.margin_within_reach(plan, terms, groups)
        if margin is not None:
            judged = "judgements of people" if errand.texts else "requests"
            carries = f"{refusal.reason.partition(';')[0]}; {groups:,} {judged} could carry a margin of {margin:.0%} (--margin {margin:g})"
            refusal = dataclasses.replace(refusal, reason=carries, margin_reachable=margin)
        return self._row(errand, "unproven", refusal, pilot, bound=bound)

    def _declare(self, errand: Errand) -> Errand:
        """Write the attempt and its window down: from here on what is tested can no longer be chosen."""
        assert errand.opening is not None
        window = errand.opening.window
        window = dataclasses.replace(window, facts=dataclasses.replace(window.facts, baseline=baseline_of(errand.workload, errand.stage)))
        errand = dataclasses.replace(errand, opening=dataclasses.replace(errand.opening, window=window))
        assert errand.opening is not None
        scored = errand.scored
        about = About(
            workload=errand.workload.name,
            trainer="none: another model" if scored is None else "none: another model, and a scorer of its answers",
            code_version=__version__,
            bases=(Base(name=errand.stage.answering, revision=errand.stage.revision),),
            teachers=() if scored is None else _teachers(errand, scored),
            training=None if scored is None else _training([errand.samples[call_id] for call_id in scored.learnt]),
            settings={} if scored is None else {"scorer": scored.trained.about, "excess_alone": round(scored.alone, 4)},
        )
        files = errand.stage.files(None if scored is None else scored.trained.beside())
        digest = self.artefacts.write(files, about.said(), learnt_from=() if scored is None else scored.learnt)
        terms = errand.terms
        said = (digest, errand.workload.workload_id, errand.number, [s.call_id for s in errand.opening.window.samples])
        fingerprint = f"try-{hashlib.sha256(msgspec.json.encode(said)).hexdigest()}"
        attempt = Attempt(
            attempt_id=fingerprint[:20],
            workload_id=errand.workload.workload_id,
            number=errand.number,
            kinds=errand.kinds,
            margin=terms.margin,
            max_selective=terms.max_selective,
            min_coverage=terms.min_coverage,
            delta=terms.delta,
            artefact_digest=digest,
            rule=errand.rule,
            thresholds=(ACCEPT_ABOVE,) if scored is None else scored.thresholds,
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
        self.control.keep_window(plan_of(attempt), pack(errand.opening.window))
        self.control.add_attempt(attempt, errand.opening.opened)
        written = model_of(self.artefacts.read(digest))
        scorer = None if written is None else written.scorer
        alone = None if scored is None else round(scored.alone, 4)
        # What an earlier window led to is no word on this one.
        return dataclasses.replace(errand, attempt=attempt, scorer=scorer, excess_alone=alone, before=None)

    def _look(self, errand: Errand, rows: dict[str, Answered]) -> Tried:
        """The one look, or the labels for it."""
        assert errand.opening is not None and errand.attempt is not None
        plain, attempt = errand.opening.window, errand.attempt
        held = [whole(errand, sample) for sample in plain.samples]
        replies = [reply_of(errand.workload, sample, rows.get(sample.call_id)) for sample in held]
        net = trials.net_costs(held, replies)
        told, said = entered(errand, held, replies)
        window = dataclasses.replace(
            plain,
            samples=tuple(dataclasses.replace(s, slots=(), cost_usd=cost) for s, cost in zip(told, net, strict=True)),
            predictions=tuple(said),
        )
        answers = {s.call_id: (s.response_id or s.call_id, reply.value, s.value) for s, reply in zip(held, replies, strict=True)}
        labels = self.wish.labels
        if not errand.listed:
            labels = trials.as_verdicts(labels, answers, attempt.attempt_id, texts=errand.texts)
        wish = dataclasses.replace(errand.wish, labels=labels)
        took = {s.call_id: (s.cost_usd, reply.cost_usd) for s, reply in zip(held, replies, strict=True)}
        looking = self._looking(wish, None if errand.scorer is None else took)
        known = errand.before
        if known is None:
            known = looking.opened(errand.workload, {s.call_id: s for s in held}, attempt, window)
            self.control.add_verdict(attempt.fingerprint, known, actor=self.wish.actor)
        elif labels or self.wish.judged:
            known = looking.with_labels(errand.workload, [attempt]) or known
        if known.request_file is not None and not errand.listed:
            self._fill(known.request_file, answers, attempt.attempt_id)
        return self._concluded(errand, known, rows, show(self.control, errand, known, answers))

    def _looking(self, wish: Wish, took: Mapping[str, tuple[Decimal | None, Decimal | None]] | None = None) -> Looking:
        return Looking(
            self.config.home,
            self.control,
            wish,
            view_version=self.views.version,
            proposer=f"try {self.candidate.asked}",
            supersedes=self._is_a_model,
            charge=lambda table, rule: table if took is None else trials.charge(table, rule, took),
        )

    def _is_a_model(self, route: Route) -> bool:
        """A model's proposal takes the place of another model's; what `fit` proposed stays beside it."""
        with suppress(ArtefactError):
            return model_of(self.artefacts.read(route.artefact_digest)) is not None
        return True

    def _fill(self, path: str, answers: Answers, attempt_id: str) -> None:
        """Put the answers themselves into a request file whose table held none."""
        file = self.config.home / "requests" / path.rpartition("/")[2]
        requests = [msgspec.json.decode(line) for line in file.read_bytes().splitlines()]
        texts = {name: (candidate, incumbent) for name, candidate, incumbent in answers.values()}
        filled = trials.with_texts(requests, texts, attempt_id)
        replace(file, b"".join(msgspec.json.encode(request) + b"\n" for request in filled))

    def _concluded(self, errand: Errand, verdict: Verdict, rows: Mapping[str, Answered], shown: Shown | None = None) -> Tried:
        if verdict.certificate is not None:
            return self._row(errand, "certified", verdict, rows, shown=shown)
        verdict, errand = self._still(verdict, errand)
        samples, replies = self._read(errand, rows)
        if not any(reply.value for reply in replies):
            return self._row(errand, "cannot", SILENT, rows)
        if shown is not None:
            return self._row(errand, shown.word, verdict, rows, shown=shown)
        told, said = entered(errand, samples, replies)
        differs = not errand.texts and trials.certainly_differs(tabulate(told, said, errand.rule), errand.terms)
        bound = Bound(limit="labels", reason="", needs_labels=verdict.needs_labels) if verdict.needs_labels else None
        return self._row(errand, "differs" if differs else "unproven", verdict, rows, bound=bound)

    def _still(self, verdict: Verdict, errand: Errand) -> tuple[Verdict, Errand]:
        """With the labels that are missing, where some came and not all."""
        still = None
        if verdict.needs_labels and verdict.attempt_id:
            home, given = self.config.home, errand.wish.labels
            still = still_wanted(home, self.control, errand.workload, verdict.attempt_id, given)
        if still is None:
            return verdict, errand
        there, missing = still
        lack = f"{there:,} of these {there + missing:,} labels are there, {missing:,} {'is' if missing == 1 else 'are'} missing"
        note = "; ".join(filter(None, (errand.note, lack)))
        return dataclasses.replace(verdict, needs_labels=missing or None), dataclasses.replace(errand, note=note)

    def _unfinished(self, errand: Errand) -> Tried:
        rows = self.inquiry.known(errand.stage, errand.asked)
        why = self.inquiry.stopped or "some calls got no answer"
        there = f"{len(rows):,} of {len(errand.asked):,} calls are answered and kept: run it again to go on"
        return self._row(errand, "unproven", f"{why}; {there}", rows)

    def _row(
        self,
        errand: Errand,
        word: TrialVerdict,
        why: Verdict | Refusal | str,
        rows: Mapping[str, Answered],
        *,
        shown: Shown | None = None,
        bound: Bound | None = None,
    ) -> Tried:
        samples, replies = self._read(errand, rows)
        measured = trials.measure(samples, replies, comparable_answers=not errand.texts)
        other = other_name(errand.stage, self.candidate.deployment.kind)
        notes = ("" if word == "certified" else errand.note, "" if shown is None else shown.note, other)
        return conclude(
            errand.workload,
            word,
            why,
            measured,
            calls_month=errand.calls_month,
            cannot=errand.cannot,
            bound=bound if shown is None else shown.bound,
            alone=None if shown is None else shown.alone,
            coverage=None if shown is None or shown.alone is None else shown.coverage,
            note="; ".join(filter(None, notes)),
            texts=errand.texts and shown is not None,
        )

    def _read(self, errand: Errand, rows: Mapping[str, Answered]) -> tuple[list[Sample], list[Reply]]:
        """What is tested, as the contract reads it; before anything is declared, all that was asked. Only what is still here."""
        tested = errand.attempt is not None and errand.opening is not None
        names = [s.call_id for s in errand.opening.window.samples] if tested and errand.opening is not None else errand.asked
        samples = [errand.samples[call_id] for call_id in names if call_id in rows and call_id in errand.samples]
        return samples, [reply_of(errand.workload, sample, rows[sample.call_id]) for sample in samples]


def _teachers(errand: Errand, scored: Scored) -> tuple[Teacher, ...]:
    """Whose answers the scorer compared."""
    scope, learnt = errand.workload.scope, [errand.samples[call_id] for call_id in scored.learnt]
    answered = Counter((sample.incumbent, sample.provider or "") for sample in learnt)
    answered[errand.stage.model, errand.stage.provider] += len(learnt)
    return tuple(Teacher(model=model, provider=provider, scope=scope, calls=n) for (model, provider), n in sorted(answered.items()))


def _training(learnt: Sequence[Sample]) -> Training:
    times = [sample.at for sample in learnt]
    return Training(calls=len(learnt), digest=digest_of(s.call_id for s in learnt), first_at=min(times), last_at=max(times))
