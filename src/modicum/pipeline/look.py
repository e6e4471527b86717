"""The one look, and how it ends: a certificate with a proposed route, or a refusal that says what is missing.

A is tested when the window is opened. B, or C in its place, is tested once, when enough labels are there, be that at once or days later on
the window as it was kept.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np

from modicum.backends.specialist import predict_at
from modicum.evaluate import certify, evidence, refuse
from modicum.evaluate.audits import wrong_answers
from modicum.evaluate.facts import Facts, ceiling, cover_of, disagreement_in, expiry
from modicum.evaluate.judged import JudgedRows, look_judged
from modicum.evaluate.labels import Label, excess_losses, label_requests
from modicum.evaluate.table import Table
from modicum.evaluate.tune import Plan, trace_curve
from modicum.pipeline.gone import is_kept
from modicum.pipeline.outlines import outlined
from modicum.pipeline.prepare import Prepared
from modicum.pipeline.refusing import refuse as refused
from modicum.pipeline.window import Window, digest, pack, unpack
from modicum.pipeline.wish import Wish
from modicum.route.steps import moved
from modicum.store.control import Control
from modicum.store.home import replace
from modicum.store.key import evidence_key
from modicum.store.routes import Step
from modicum.types import DAYS_A_MONTH, Attempt, Prediction, Route, Rule, Sample, Verdict, Workload

ENOUGH_LABELS = 0.8
"""B is tested when so much of what it wants is labelled; the rest counts as the worst case. With fewer it waits."""


class Looking:
    """Tests what was declared, and writes the outcome into the stores."""

    def __init__(
        self,
        home: Path,
        control: Control,
        wish: Wish,
        *,
        view_version: str,
        proposer: str = "fit",
        supersedes: Callable[[Route], bool] = lambda route: True,
        self_disagreement: float | None = None,
        charge: Callable[[Table, Rule], Table] = lambda table, rule: table,
    ) -> None:
        """`charge`: what each answer saves, once it is known which rule answers."""
        self.home, self.control, self.wish, self.view_version = home, control, wish, view_version
        self._proposer, self._supersedes = proposer, supersedes
        self._self_disagreement = self_disagreement
        self._charge = charge

    def first(self, workload: Workload, samples: tuple[Sample, ...], attempt: Attempt, ready: Prepared) -> Verdict:
        """Open the window: test A, and B where labels are at hand; else ask for those that B wants."""
        return self.opened(workload, {s.call_id: s for s in samples}, attempt, self._open(workload, samples, attempt, ready))

    def opened(self, workload: Workload, samples: dict[str, Sample], attempt: Attempt, window: Window) -> Verdict:
        """The same for a window whose predictions are at hand. `samples`, by call id, hold what a person is shown of a request.
        Raises CertificateError, and keeps nothing, where it is not the window that was declared."""
        certify.check_groups(attempt, len(window.samples))
        self.control.keep_window(attempt.attempt_id, pack(window))
        table = window.table(attempt)
        if "A" in attempt.kinds:
            look = certify.look_a(attempt, table)
            asked = self._ask(workload, attempt, table, samples)
            if look.rule is not None:
                return self._propose(workload, attempt, table, look, window, None, asked)
            return self._refuse(workload, attempt, table, window, asked=asked)
        missing = self._missing(attempt, window, table)
        if missing and not self.wish.partial:
            asked = self._ask(workload, attempt, table, samples, only=missing)
            return self._refuse(workload, attempt, table, window, asked=asked)
        return self.test(workload, attempt, window)

    def with_labels(self, workload: Workload, attempts: Sequence[Attempt]) -> Verdict | None:
        """Go on with the attempt that waits for the labels that have come; None where none does."""
        waiting = self.waiting(workload, attempts)
        return self.test(workload, *waiting) if waiting else None

    def last_word(self, verdict: Verdict) -> Verdict:
        """What came of it since: where labels completed the same attempt later, their verdict."""
        looked = self.control.looked_with(verdict.attempt_id) if verdict.attempt_id else None
        return (self.control.verdict(f"{verdict.attempt_id}-B-{looked}") if looked else None) or verdict

    def waiting(self, workload: Workload, attempts: Sequence[Attempt]) -> tuple[Attempt, Window] | None:
        """The newest attempt that declared B on these terms, with its window, where enough labels came and no others were used on it.

        One whose model is gone is none: no route could lead to it (`gone`).
        """
        for attempt in reversed(attempts) if self.wish.known or self.wish.judged else ():
            record = self.control.window(attempt.attempt_id)
            if record is None or attempt.kinds == ("A",) or not self.wish.is_that_of(attempt, workload):
                continue
            window = unpack(record)
            known, judged = self._known(attempt, window), attempt.attempt_id in self.wish.judged
            if not known or self.control.looked_with(attempt.attempt_id) not in (None, self._digest(attempt, known)):
                continue
            if not judged and not self.wish.partial and self._missing(attempt, window, window.table(attempt)):
                continue
            if self.tested(attempt, window) is not None or is_kept(self.home, attempt):
                return attempt, window
        return None

    def cut_short(self, workload: Workload, attempts: Sequence[Attempt]) -> str:
        """Why labels are not tested that are all there: too many of the calls that were asked about are erased. Else empty."""
        for attempt in reversed(attempts) if self.wish.known and not self.wish.partial else ():
            record = None if self.control.looked_with(attempt.attempt_id) is not None else self.control.window(attempt.attempt_id)
            if record is None or attempt.kinds == ("A",) or not self.wish.is_that_of(attempt, workload):
                continue
            window = unpack(record)
            table, known = window.table(attempt), window.known(self.wish.known)
            missing, path = self._missing(attempt, window, table), self._request_file(workload, attempt)
            asked = path.read_bytes() if path.is_file() else b""
            if known and missing and not any(table.response_ids[row].encode() in asked for row in missing):
                lack = f"of the calls that attempt {attempt.number} asked about {len(missing):,} have none and are erased"
                then = f"`modicum fit {workload.name} --partial` tests, once, and counts these as lost"
                return f"{len(known):,} labels are not tested: {lack}, so nobody can give one; {then}"
        return ""

    def _open(self, workload: Workload, samples: tuple[Sample, ...], attempt: Attempt, ready: Prepared) -> Window:
        held_out: Sequence[Sample] = [samples[i] for i in ready.parts.certify]
        predictions: Sequence[Prediction] = [predict_at(ready.specialist, s.slots, s.at) for s in held_out]
        held_out, predictions = outlined(workload.contract, held_out, predictions)
        now = datetime.now(UTC)
        times = [s.at for s in samples]
        days = max((max(times) - min(times)).total_seconds() / 86_400, 1.0)
        facts = Facts(
            workload_name=workload.name,
            scope=workload.scope,
            cover=cover_of(samples, ready.parts, view_version=self.view_version),
            confidence=self.wish.fit.confidence,
            left_out_groups=ready.parts.left_out_groups,
            self_disagreement=disagreement_in(samples, ready.groups, since=ready.since)
            if self._self_disagreement is None
            else self._self_disagreement,
            calls_per_month=workload.calls / days * DAYS_A_MONTH,
            control_share=self.wish.control_share,
            baseline=f"{' and '.join(workload.incumbents)} for every call",
            created_at=now,
            expires_at=expiry(now, self.wish.fit.expires_days),
            contract=workload.contract,
        )
        return Window.of(
            held_out,
            predictions,
            weights=ready.parts.weights,
            labels=ready.specialist.labels,
            facts=facts,
            supply=ready.supply,
        )

    def tested(self, attempt: Attempt, window: Window) -> Verdict | None:
        """What came of a test with exactly these labels, where there was one."""
        return self.control.verdict(f"{attempt.attempt_id}-B-{self._digest(attempt, self._known(attempt, window))}")

    def test(self, workload: Workload, attempt: Attempt, window: Window) -> Verdict:
        """Test B with the labels that are known, once for all; where A had passed and answers more, A stands."""
        known = self._known(attempt, window)
        labels = self._digest(attempt, known)
        fingerprint = f"{attempt.attempt_id}-B-{labels}"
        if verdict := self.control.verdict(fingerprint):
            return verdict
        table = window.table(attempt)
        if not self.control.look_with(attempt.attempt_id, labels):
            return refused(workload, "labels_used", "this window was tested with other labels already; newer calls are needed")
        rows: JudgedRows | None = None
        if "C" in attempt.kinds:
            excess = wrong_answers(table, known, attempt.attempt_id)
            look = certify.look_c(attempt, table, excess)
        elif (judged := self.wish.judged.get(attempt.attempt_id)) is not None:
            rows = judged.rows(table, known, attempt.attempt_id)
            window = dataclasses.replace(window, facts=dataclasses.replace(window.facts, labels_by=rows.said(judged.model)))
            excess = rows.words(table)
            look = look_judged(attempt, table, rows)
        else:
            excess = excess_losses(table, known, attempt.attempt_id)
            look = certify.look_b(attempt, table, excess)
        before = self.control.verdict(attempt.fingerprint)
        passed_a = before.certificate if before is not None else None
        if look.rule is not None and (passed_a is None or table.accepted(look.rule.accept_above).sum() > passed_a.accepted):
            verdict = self._propose(workload, attempt, table, look, window, excess, None, rows)
        elif before is not None and passed_a is not None:
            verdict = before
        else:
            verdict = self._refuse(workload, attempt, table, window, excess=excess)
        self.control.add_verdict(fingerprint, verdict, actor=self.wish.actor)
        return verdict

    def _known(self, attempt: Attempt, window: Window) -> dict[str, Label]:
        """What people said of these calls, by call id."""
        judged = self.wish.judged.get(attempt.attempt_id)
        return window.known(self.wish.known if judged is None else {**judged.people, **self.wish.known})

    def _digest(self, attempt: Attempt, known: dict[str, Label]) -> str:
        """Of all labels that a test of this attempt consults."""
        judged = self.wish.judged.get(attempt.attempt_id)
        return digest(known) if judged is None else digest({**judged.labels, f"people: {digest(known)}, {judged.share!r}": Label()})

    def _missing(self, attempt: Attempt, window: Window, table: Table) -> list[int]:
        """Rows that B wants and nobody labelled, where these are too many to count as the worst case."""
        known = window.known(self.wish.known)
        wanted = certify.wanted_labels(attempt, table).tolist()
        missing = [row for row in wanted if table.call_ids[row] not in known]
        return missing if len(missing) > (1 - ENOUGH_LABELS) * len(wanted) else []

    def _labels_by(self, window: Window) -> str:
        """Whose labels B was tested with, as the sentence says it."""
        given, known = window.known(self.wish.labels), window.known(self.wish.known)
        unasked = "labels from feedback"
        return window.facts.labels_by if len(given) == len(known) else f"{window.facts.labels_by} and {unasked}" if given else unasked

    def _ask(
        self, workload: Workload, attempt: Attempt, table: Table, samples: dict[str, Sample], *, only: list[int] | None = None
    ) -> tuple[Path, int] | None:
        """Write the file that asks people for exactly the labels that B or C could use on this window; how many it asks for."""
        wanted = only if only is not None else [] if attempt.kinds == ("A",) else certify.wanted_labels(attempt, table).tolist()
        if not wanted:
            return None
        # `erase` reaches into this folder. One file an attempt: a person may be filling in an older one.
        path = self._request_file(workload, attempt)
        requests = label_requests(attempt, table, wanted, {i: samples[i].slots for i in table.call_ids})
        replace(path, b"".join(msgspec.json.encode(request) + b"\n" for request in requests))
        return path, len(wanted)

    def _request_file(self, workload: Workload, attempt: Attempt) -> Path:
        return self.home / "requests" / f"{workload.workload_id}-{attempt.number}.jsonl"

    def _refuse(
        self,
        workload: Workload,
        attempt: Attempt,
        table: Table,
        window: Window,
        *,
        asked: tuple[Path, int] | None = None,
        excess: certify.Array | None = None,
    ) -> Verdict:
        terms = self.wish.terms(attempt.kinds, attempt.number)
        if "C" in attempt.kinds and excess is not None:
            table, excess = table.judged(excess), None
        plan = Plan(rule=attempt.rule, thresholds=attempt.thresholds, chance={}, expected_coverage=0.0, curve=trace_curve(table, excess))
        why = refuse.refuse_after_look(
            plan,
            terms,
            window.supply,
            delta=1 - self.wish.fit.confidence,
            attempt=attempt.number,
            labels_wanted=asked[1] if asked else 0,
            opened=table,
            excess=excess,
        )
        why = dataclasses.replace(why, reason=why.reason + ceiling(window.facts.self_disagreement))
        return refused(workload, why, attempt=attempt, request_file=asked[0] if asked else None)

    def _propose(
        self,
        workload: Workload,
        attempt: Attempt,
        table: Table,
        look: certify.Look,
        window: Window,
        excess: np.ndarray | None,
        asked: tuple[Path, int] | None,
        judged: JudgedRows | None = None,
    ) -> Verdict:
        """Store the certificate with its evidence and a proposed route."""
        now = datetime.now(UTC)
        table = self._charge(table, look.rule) if look.rule is not None else table
        facts = dataclasses.replace(window.facts, created_at=now, expires_at=expiry(now, self.wish.fit.expires_days))
        if excess is not None and judged is None:
            facts = dataclasses.replace(facts, labels_by=self._labels_by(window))
        certificate, rows = evidence.write_certificate(
            attempt, look, table, facts, key=evidence_key(self.home), excess=excess, judged=judged
        )
        self.control.add_certificate(certificate, rows, actor=self.wish.actor)
        route = Route(
            route_id=f"r_{certificate.certificate_id.removeprefix('cert-')[:10]}",
            workload_id=workload.workload_id,
            scope=workload.scope,
            artefact_digest=certificate.artefact_digest,
            certificate_id=certificate.certificate_id,
            state="proposed",
            changed_at=now,
            changed_by=self.wish.actor,
            proposed_by=self.wish.actor,
        )
        self.control.put_route(route, note=f"proposed by {self._proposer}")
        self._supersede(route)
        return Verdict(
            workload_id=workload.workload_id,
            verdict="certified",
            reason=certificate.sentence + ceiling(window.facts.self_disagreement),
            code="certified",
            needs_labels=asked[1] if asked else None,
            request_file=str(asked[0]) if asked else None,
            attempt_id=attempt.attempt_id,
            route=route,
            certificate=certificate,
        )

    def _supersede(self, route: Route) -> None:
        """Retire the proposals that this one replaces. One that somebody switches on just now stays."""
        for sibling in self.control.routes(route.workload_id):
            if sibling.route_id != route.route_id and sibling.state == "proposed" and self._supersedes(sibling):
                retired = moved(sibling, "retired", at=route.changed_at, actor=self.wish.actor)
                why = f"superseded by {route.route_id}"
                self.control.take([Step(was=sibling, now=retired, action="route.retired", why=why)])
