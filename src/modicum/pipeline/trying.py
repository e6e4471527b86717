"""`modicum try`: another model over held-out recorded calls, proven as a specialist is.

    plan     which calls each workload would be asked about, what that sends where and costs     sends nothing
    run      a pilot on old calls; if that leaves hope, the attempt is written, the newest calls are asked, and looked at once

Everything is kept as it comes: the answers, and the window that an attempt opened. A run that was stopped goes on where it was.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import msgspec

from modicum.artefact.about import About, Base
from modicum.backends.model import ACCEPT_ABOVE, model_of
from modicum.errors import ArtefactError
from modicum.evaluate import trials
from modicum.evaluate.labels import excess_losses
from modicum.evaluate.refuse import Refusal, refuse_unopened
from modicum.evaluate.table import tabulate
from modicum.evaluate.trials import Reply
from modicum.pipeline.errand import Errand, plan_of
from modicum.pipeline.inquiry import Progress, reply_of
from modicum.pipeline.look import Looking
from modicum.pipeline.outlines import is_open, outlined
from modicum.pipeline.planner import Planner
from modicum.pipeline.prepare import SEED
from modicum.pipeline.trial import TrialVerdict, Tried, conclude
from modicum.pipeline.window import pack
from modicum.pipeline.wish import Wish
from modicum.store.answers import Answered
from modicum.store.home import replace
from modicum.types import Attempt, Prediction, Route, Sample, Verdict
from modicum.version import __version__
from modicum.workload.parts import outline

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
            errand = self._named(errand, pilot)
            if (refused := self._refused(errand, pilot)) is not None:
                return refused
            errand = self._declare(errand)
        assert errand.opening is not None and errand.attempt is not None
        wanted = [s.call_id for s in errand.opening.window.samples]
        rows = self.inquiry.ask(errand.workload, errand.stage, wanted, lambda share: progress(0.1 + 0.9 * share))
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

    def _refused(self, errand: Errand, pilot: dict[str, Answered]) -> Tried | None:
        """The end of a trial whose window is not worth opening."""
        samples = [errand.samples[call_id] for call_id in errand.pilot]
        replies = [reply_of(errand.workload, sample, pilot.get(sample.call_id)) for sample in samples]
        told, said = _entered(errand, samples, replies)
        rule = dataclasses.replace(errand.rule, deferred_labels=())
        table = tabulate(told, said, rule)
        terms = errand.terms
        groups = 0 if errand.opening is None else len(errand.opening.window.samples)
        if groups and not trials.is_hopeless(table, terms, groups, texts=errand.texts):
            return None
        if errand.before is not None:
            return self._concluded(errand, errand.before, pilot)
        plan = trials.pilot_plan(table, rule, texts=errand.texts)
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
        return self._row(errand, "unproven", refusal, pilot)

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
        self.control.keep_window(plan_of(attempt), pack(errand.opening.window))
        self.control.add_attempt(attempt, errand.opening.opened)
        return dataclasses.replace(errand, attempt=attempt)

    def _look(self, errand: Errand, rows: dict[str, Answered]) -> Tried:
        """The one look, or the labels for it."""
        assert errand.opening is not None and errand.attempt is not None
        plain, attempt = errand.opening.window, errand.attempt
        held = [_whole(errand, sample) for sample in plain.samples]
        replies = [reply_of(errand.workload, sample, rows.get(sample.call_id)) for sample in held]
        net = trials.net_costs(held, replies)
        told, said = _entered(errand, held, replies)
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
        looking = self._looking(wish)
        known = errand.before
        if known is None:
            known = looking.opened(errand.workload, {s.call_id: s for s in held}, attempt, window)
            self.control.add_verdict(attempt.fingerprint, known, actor=self.wish.actor)
        elif labels or self.wish.judged:
            known = looking.with_labels(errand.workload, [attempt]) or known
        if known.request_file is not None and not errand.listed:
            self._fill(known.request_file, answers, attempt.attempt_id)
        worse = False
        if labels and known.certificate is None:
            table = window.table(attempt)
            worse = trials.is_worse(table, excess_losses(table, window.known(labels), attempt.attempt_id), errand.terms)
        return self._concluded(errand, known, rows, worse=worse)

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

    def _concluded(self, errand: Errand, verdict: Verdict, rows: Mapping[str, Answered], *, worse: bool = False) -> Tried:
        if verdict.certificate is not None:
            return self._row(errand, "certified", verdict, rows)
        samples, replies = self._read(errand, rows)
        if not any(reply.value for reply in replies):
            return self._row(errand, "cannot", SILENT, rows)
        told, said = _entered(errand, samples, replies)
        differs = not errand.texts and trials.certainly_differs(tabulate(told, said, errand.rule), errand.terms)
        return self._row(errand, "worse" if worse else "differs" if differs else "unproven", verdict, rows)

    def _unfinished(self, errand: Errand) -> Tried:
        rows = self.inquiry.known(errand.stage, errand.asked)
        why = self.inquiry.stopped or "some calls got no answer"
        there = f"{len(rows):,} of {len(errand.asked):,} calls are answered and kept: run it again to go on"
        return self._row(errand, "unproven", f"{why}; {there}", rows)

    def _row(self, errand: Errand, word: TrialVerdict, why: Verdict | Refusal | str, rows: Mapping[str, Answered]) -> Tried:
        samples, replies = self._read(errand, rows)
        measured = trials.measure(samples, replies, comparable_answers=not errand.texts)
        return conclude(errand.workload, word, why, measured, calls_month=errand.calls_month, cannot=errand.cannot)

    def _read(self, errand: Errand, rows: Mapping[str, Answered]) -> tuple[list[Sample], list[Reply]]:
        """All that was asked of this errand so far and is still here, as the contract reads it."""
        samples = [errand.samples[call_id] for call_id in errand.asked if call_id in rows and call_id in errand.samples]
        return samples, [reply_of(errand.workload, sample, rows[sample.call_id]) for sample in samples]


def _entered(errand: Errand, samples: Sequence[Sample], replies: Sequence[Reply]) -> tuple[list[Sample], list[Prediction]]:
    """Samples and answers as they enter tables: open ones by their outline, as `fit` certifies and the day protects them."""
    contract = errand.workload.contract
    told, said = trials.predictions(samples, [reply.value for reply in replies], listed=errand.listed)
    if not is_open(contract):
        return told, said
    for number, (sample, reply) in enumerate(zip(samples, replies, strict=True)):
        if reply.value is None:
            value = None if sample.value is None else outline(contract, sample.value)
            told[number] = dataclasses.replace(sample, value=value)
        else:
            ((told[number],), (said[number],)) = outlined(contract, (sample,), (dataclasses.replace(said[number], value=reply.value),))
    return told, said


def _whole(errand: Errand, sample: Sample) -> Sample:
    """A sample of a window with what was left out of it, where its call is still here. A value from a list stays as it was declared."""
    known = errand.samples.get(sample.call_id)
    if known is None:
        return sample
    return dataclasses.replace(sample, slots=known.slots, value=sample.value if errand.listed else known.value)
