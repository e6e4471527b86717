"""How a fit ends: a certificate with a proposed route, or a refusal that says what is missing."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from modicum.evaluate import certify, evidence, refuse
from modicum.evaluate.groups import Groups
from modicum.evaluate.labels import label_requests
from modicum.evaluate.split import Split
from modicum.evaluate.table import Table
from modicum.evaluate.tune import Plan, Terms
from modicum.pipeline.refusing import refuse as refused
from modicum.pipeline.wish import Wish
from modicum.store.control import Control
from modicum.store.home import replace
from modicum.store.key import evidence_key
from modicum.types import Attempt, Route, Sample, Verdict, Workload
from modicum.view import VIEW_VERSION

DAYS_A_MONTH = 30.44


class Propose:
    """Writes the outcome of a look into the stores."""

    def __init__(self, home: Path, control: Control, wish: Wish) -> None:
        self.home, self.control, self.wish = home, control, wish

    def route(
        self,
        workload: Workload,
        samples: tuple[Sample, ...],
        groups: Groups,
        parts: Split,
        attempt: Attempt,
        table: Table,
        look: certify.Look,
    ) -> Verdict:
        """Store the certificate with its evidence and a proposed route."""
        now = datetime.now(UTC)
        days = max((samples[-1].at - samples[0].at).total_seconds() / 86_400, 1.0)
        facts = evidence.Facts(
            workload_name=workload.name,
            scope=workload.scope,
            cover=evidence.cover_of(samples, parts, view_version=VIEW_VERSION),
            confidence=self.wish.fit.confidence,
            left_out_groups=parts.left_out_groups,
            self_disagreement=evidence.repeat_disagreement(samples, groups)[0],
            calls_per_month=len(samples) / days * DAYS_A_MONTH,
            control_share=self.wish.control_share,
            baseline=f"{' and '.join(workload.incumbents)} for every call",
            created_at=now,
            expires_at=evidence.expiry(now, self.wish.fit.expires_days),
        )
        excess = self.wish.excess(attempt, table) if look.kind == "B" else None
        certificate, rows = evidence.write_certificate(attempt, look, table, facts, key=evidence_key(self.home), excess=excess)
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
        )
        for sibling in self.control.routes(workload.workload_id):
            if sibling.state == "proposed":
                superseded = dataclasses.replace(sibling, state="off", changed_at=now, changed_by=self.wish.actor)
                self.control.put_route(superseded, note=f"superseded by {route.route_id}")
        self.control.put_route(route, note="proposed by fit")
        asked, wanted = self._ask(workload, samples, attempt, table) if look.kind == "A" else (None, 0)
        return Verdict(
            workload_id=workload.workload_id,
            verdict="certified",
            reason=certificate.sentence,
            code="certified",
            needs_labels=wanted or None,
            request_file=str(asked) if asked else None,
            attempt_id=attempt.attempt_id,
            route=route,
            certificate=certificate,
        )

    def refusal(
        self,
        workload: Workload,
        samples: tuple[Sample, ...],
        attempt: Attempt,
        table: Table,
        plan: Plan,
        terms: Terms,
        supply: refuse.Supply,
    ) -> Verdict:
        """Say what is missing; where labels could still carry B on this window, write the file that asks for them."""
        asked, wanted = self._ask(workload, samples, attempt, table)
        why = refuse.refuse_after_look(
            plan, terms, supply, delta=1 - self.wish.fit.confidence, attempt=attempt.number, labels_wanted=wanted
        )
        return refused(workload, why, attempt=attempt, request_file=asked)

    def _ask(self, workload: Workload, samples: tuple[Sample, ...], attempt: Attempt, table: Table) -> tuple[Path | None, int]:
        """Write the file that asks people for exactly the labels that B could still use on this window; how many it asks for."""
        if "B" not in attempt.kinds or self.wish.covers(table):
            return None, 0
        wanted = certify.wanted_labels(attempt, table).tolist()
        if not wanted:
            return None, 0
        path = self.home / "requests" / f"{workload.workload_id}.jsonl"  # `erase` reaches into this folder
        requests = label_requests(attempt, table, wanted, {s.call_id: s.slots for s in samples})
        replace(path, b"".join(msgspec.json.encode(request) + b"\n" for request in requests))
        return path, len(wanted)
